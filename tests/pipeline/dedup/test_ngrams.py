"""Held-out n-grams that do not fit into one table are parted, and counted all the same."""

import numpy as np
import pytest

from pipeline.dedup.corpus import Corpus
from pipeline.dedup.held_out import ngrams as module
from pipeline.dedup.held_out.ngrams import HeldOutNgrams
from tests.pipeline.dedup.documents import Document, cleaned
from tests.reference.minhash import ngrams


@pytest.mark.parametrize("common", [None, 2])
@pytest.mark.parametrize("slots", [1 << 25, 1 << 10, 1 << 7])
def test_ngrams_in_several_tables_are_counted_as_those_in_one(tmp_path, monkeypatch, slots, common):
    monkeypatch.setattr(module, "_MOST_SLOTS", slots)
    rng = np.random.default_rng(3)
    words = [f"w{n}" for n in range(600)]
    pieces = [" ".join(words[n : n + 40]) for n in rng.integers(0, 560, 24)]
    corpus = Corpus.open(
        cleaned(tmp_path, [Document(f"{n}", text) for n, text in enumerate(pieces)], 3).documents
    )
    rows = np.arange(24)
    held_out, training = rows[::3], rows[rows % 3 > 0]
    texts = [corpus.texts(rows[n : n + 1])[0].as_py() for n in rows]
    protected = set().union(*(ngrams(texts[n]) for n in held_out))
    own = [ngrams(texts[n]) & protected for n in training]
    holders = {one: sum(one in some for some in own) for one in protected}
    kept = {one for one in protected if common is None or holders[one] <= common}
    found = HeldOutNgrams(corpus, held_out, 40 * len(held_out))
    if common is not None:
        ignored = found.common(training, common)
        assert len(ignored) == len(protected) - len(kept)
        found = HeldOutNgrams(corpus, held_out, 40 * len(held_out), ignored)
    assert found.shared(training).tolist() == [len(some & kept) for some in own]
    assert found.shared(training[:0]).tolist() == []


def test_a_table_grows_when_more_ngrams_come_than_were_expected(tmp_path):
    text = " ".join(f"w{n}" for n in range(500))
    corpus = Corpus.open(cleaned(tmp_path, [Document("one", text)]).documents)
    assert HeldOutNgrams(corpus, np.arange(1), 3).shared(np.arange(1)).tolist() == [488]
