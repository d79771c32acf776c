"""Tokens of documents that come by turns; an error on either side ends both."""

import threading

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_contracts.schemas import PUBLISHED_DOCUMENTS
from data_contracts.split import SPLITS
from data_contracts.token_shards import TokenShards
from pipeline.record_cache import RecordCache
from pipeline.shard import tokenizer, tokens, tokens_writing
from pipeline.shard.placements import Placed
from pipeline.shard.tokens import CACHED
from pipeline.shard.tokens_writing import TokensWriting

ENCODER = tokenizer.Encoder(tokenizer.learn(["some words, some more words"] * 3, 270).to_str())


def placed(texts, first, split):
    rows = [
        {"record_id": f"{first + n:032x}", "source": "a", "language": "en", "text": text}
        for n, text in enumerate(texts)
    ]
    table = pa.Table.from_pylist(rows, PUBLISHED_DOCUMENTS).combine_chunks()
    return Placed(table.to_batches()[0], np.arange(first, first + len(texts)), split)


def writing(folder, counted=lambda _: None):
    contents = np.arange(2 * 1000, dtype=np.uint64).reshape(2, 1000)
    return TokensWriting(folder / "tokens", ENCODER, RecordCache(None, CACHED), contents, counted)


BATCHES = st.lists(
    st.tuples(st.integers(0, 2), st.lists(st.text("so wé", max_size=9), min_size=1, max_size=4)),
    max_size=12,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES, together=st.sampled_from([1, 300, 1 << 24]))
def test_each_split_has_its_documents_in_order(tmp_path_factory, monkeypatch, batches, together):
    monkeypatch.setattr(tokens, "TOGETHER_BYTES", together)
    folder, told = tmp_path_factory.mktemp("tokens"), []
    with writing(folder, told.append) as written:
        for number, (split, texts) in enumerate(batches):
            written.add(placed(texts, 10 * number, split))
    for number, split in enumerate(SPLITS):
        texts = [text for one, some in batches if one == number for text in some]
        ids = [
            f"{10 * n + m:032x}"
            for n, (one, some) in enumerate(batches)
            if one == number
            for m in range(len(some))
        ]
        shards = TokenShards.open(folder / "tokens" / split)
        expected = np.concatenate([np.empty(0, ENCODER.dtype), *ENCODER.encode(texts)])
        assert shards.read(0, len(shards)).tolist() == expected.tolist()
        assert shards.spans()["record_id"].to_pylist() == ids
        assert written.tokens[split] == len(expected)
        of_split = [one for one in told if one.split == number]
        assert [n for one in of_split for n in one.records.tolist()] == [
            int(one, 16) for one in ids
        ]


def test_what_goes_wrong_with_tokens_ends_the_documents(tmp_path, monkeypatch):
    monkeypatch.setattr(tokens, "TOGETHER_BYTES", 1)

    def full(_):
        raise OSError(28, "No space left on device")

    before = threading.active_count()
    with pytest.raises(OSError, match="No space left"), writing(tmp_path, full) as written:  # noqa: PT012
        for number in range(100):  # more than may wait
            written.add(placed(["words"], number, 0))
    assert threading.active_count() == before
    assert not list(tmp_path.rglob("spans.arrow"))


def test_what_goes_wrong_with_documents_ends_the_tokens(tmp_path, monkeypatch):
    monkeypatch.setattr(tokens, "TOGETHER_BYTES", 1)
    monkeypatch.setattr(tokens_writing, "WAITING", 1)
    before = threading.active_count()
    for count in (0, 1, 50):
        with pytest.raises(KeyError), writing(tmp_path / f"{count}") as written:  # noqa: PT012
            for number in range(count):
                written.add(placed(["words"], number, 0))
            raise KeyError
    assert threading.active_count() == before
    assert not list(tmp_path.rglob("spans.arrow"))
