"""Sketches propose every document that shares 13 tokens with held-out text, and few others."""

from functools import partial

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dedup.corpus import Corpus
from pipeline.dedup.held_out import kernels
from pipeline.dedup.held_out.sketches import HeldOutSketches, Sketches
from pipeline.dedup.known import KnownDocuments
from pipeline.text.tokens import token_hashes
from tests.pipeline.dedup.documents import Document, cleaned
from tests.reference.plain_kernels import plain_kernels, wrapping_integers
from tests.reference.winnowing import share_a_run, sketch

PLAIN = plain_kernels("pipeline.dedup.held_out.kernels")
BOTH = pytest.mark.parametrize("module", [kernels, PLAIN], ids=["compiled", "plain"])
TOKENS = st.lists(st.integers(0, 3), max_size=40)
MIXED = np.random.default_rng(0).integers(1, 2**63, 4, np.uint64)


def hashed(documents):
    """Tokens as the kernels take them: well mixed, documents end to end, in the midst of others."""
    flat = [0, *(token for document in documents for token in document), 1]
    starts = 1 + np.concatenate([[0], np.cumsum([len(document) for document in documents])])
    return MIXED[np.array(flat, np.int64)], starts.astype(np.int64)


@BOTH
@given(documents=st.lists(TOKENS, max_size=6), width=st.integers(1, 9), data=st.data())
def test_a_sketch_is_what_the_twin_says(module, documents, width, data):
    gram = data.draw(st.integers(1, width))
    with wrapping_integers():
        values, starts = module.sketches(*hashed(documents), width, gram)
        assert starts[0] == 0
        for number, document in enumerate(documents):
            ngrams = np.empty(len(document), np.uint64)
            count = module.ngram_hashes(hashed([document])[0][1:-1], gram, ngrams)
            expected = sketch(ngrams[:count].tolist(), width - gram + 1)
            assert set(values[starts[number] : starts[number + 1]].tolist()) == expected


@BOTH
@given(one=TOKENS, other=TOKENS, width=st.integers(1, 6), data=st.data())
def test_documents_that_share_a_run_share_a_value(module, one, other, width, data):
    gram = data.draw(st.integers(1, width))
    with wrapping_integers():
        values, starts = module.sketches(*hashed([one, other]), width, gram)
        table = np.zeros(128, np.uint32)
        bits = np.zeros(data.draw(st.sampled_from([1, 8])), np.uint64)
        module.put_values(table, values[: starts[1]])
        module.put_bits(bits, values[: starts[1]])
        found = module.hold_any(table, bits, values, starts, np.array([True, True]))
        only_other = module.hold_any(table, bits, values, starts, np.array([False, True]))
        module.mark(table, values[starts[1] :])
        marked = module.hold_marked(table, values, starts)
    mine, others = (set(part.tolist()) for part in np.split(values, [starts[1]]))
    assert found.tolist() == [bool(mine), bool(mine & others)]
    assert only_other.tolist() == [False, bool(mine & others)]
    assert marked.tolist() == [bool(mine & others)] * 2
    if share_a_run(one, other, width):
        assert found[1]


@given(values=st.lists(st.lists(st.integers(0, 2**48 - 1), max_size=9), max_size=5))
def test_what_is_stored_comes_back(values):
    flat = np.array([one for some in values for one in some], np.uint64)
    starts = np.concatenate([[0], np.cumsum([len(some) for some in values])]).astype(np.int64)
    stored = Sketches(flat, starts).packed()
    assert [len(one) for one in stored.to_pylist()] == [6 * len(some) for some in values]
    for first in range(len(values) + 1):  # of a slice too
        found = Sketches.unpacked(pa.chunked_array([stored[first:]]))
        assert found.values.tolist() == [one for some in values[first:] for one in some]
        assert np.diff(found.starts).tolist() == [len(some) for some in values[first:]]


@pytest.mark.parametrize("known_share", [0, 0.5, 1])
def test_held_out_documents_are_met_by_those_alone_that_share_text_with_them(tmp_path, known_share):
    rng = np.random.default_rng(1)
    words = [" ".join(f"w{n}" for n in rng.integers(0, 500, 30)) for _ in range(60)]
    quotes = [f"{words[7]} {words[1]}" if n == 20 else text for n, text in enumerate(words)]
    documents = [Document(f"{n}", text) for n, text in enumerate(quotes)]
    corpus = Corpus.open(cleaned(tmp_path / "cleaned", documents, partitions=3).documents)
    splits = np.zeros(60, np.uint8)
    splits[::7] = 1
    known = KnownDocuments(tmp_path / "cache", 16, sketches=True)
    with known.records:
        for one in corpus.slices():
            known.measure(one.table.slice(0, int(known_share * one.table.num_rows)))
    known = KnownDocuments(tmp_path / "cache", 16, sketches=True)
    sketches = HeldOutSketches(corpus.text_bytes, splits, partial(known.sketch, corpus), tmp_path)
    first = 10
    training = np.arange(first, 60)
    found = sketches.met_by(first, Sketches.of(token_hashes(corpus.texts(training))))
    assert (first + np.flatnonzero(found)).tolist() == [20]
    assert sketches.that_meet(np.array([1, 2, 3])).tolist() == []
    assert sketches.that_meet(np.array([20])).tolist() == [7]
    for one in corpus.slices():
        part = known.measure(one.table)
        there = part.found >= 0
        assert (known.signatures(part.found[there]) == part.measured.signatures[there]).all()
    computed = Sketches.of(token_hashes(corpus.texts(training)))
    for mine, expected in zip(known.sketch(corpus, training), computed, strict=True):
        assert mine.tolist() == expected.tolist()
