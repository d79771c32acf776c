"""Sketches propose every document that shares 13 tokens with held-out text, cached or not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dedup.corpus import Corpus
from pipeline.dedup.held_out import kernels
from pipeline.dedup.held_out.sketches import Sketches
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
        module.put_values(table, values[: starts[1]])
        found = module.holds_any(table, values, starts)
    known = set(values[: starts[1]].tolist())
    assert set(table.tolist()) - {0} == known
    assert found.tolist() == [bool(known), bool(known & set(values[starts[1] :].tolist()))]
    if share_a_run(one, other, width):
        assert found[1]


def test_what_is_cached_changes_nothing(tmp_path):
    rng = np.random.default_rng(1)
    words = [" ".join(f"w{n}" for n in rng.integers(0, 500, 30)) for _ in range(60)]
    quotes = [f"{words[7]} {words[1]}" if n == 20 else text for n, text in enumerate(words)]
    documents = [Document(f"{n}", text) for n, text in enumerate(quotes)]
    corpus = Corpus.open(cleaned(tmp_path / "cleaned", documents, partitions=3).documents)
    held_out = np.arange(0, 60, 7)

    def proposed(cache, rows):
        with Sketches(corpus, cache) as sketches:
            sketches.look_for(held_out)
            return sketches.may_share(rows)

    every = np.arange(60)
    expected = proposed(None, every)
    assert np.flatnonzero(expected).tolist() == sorted({*held_out.tolist(), 20})
    proposed(tmp_path / "cache", every[10:30])
    for _ in range(2):
        assert (proposed(tmp_path / "cache", every) == expected).all()
        assert (proposed(tmp_path / "cache", every[41:]) == expected[41:]).all()
