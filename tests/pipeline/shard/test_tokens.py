"""Documents to tokens, and the cache of them."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.schemas import PUBLISHED_DOCUMENTS
from pipeline.shard import tokenizer, tokens
from pipeline.shard.tokens import TokenCache, tokenise

ENCODER = tokenizer.Encoder(tokenizer.learn(["some words, some more words"] * 3, 270).to_str())
NO_CACHE = TokenCache(None, ENCODER.dtype)


def batches_of(texts: list[str], rows: int = 3) -> list[pa.RecordBatch]:
    table = pa.Table.from_pylist(
        [
            {"record_id": f"{number:032x}", "source": "books", "language": "en", "text": text}
            for number, text in enumerate(texts)
        ],
        PUBLISHED_DOCUMENTS,
    )
    return table.to_batches(max_chunksize=rows)


def run(texts: list[str], cache: TokenCache) -> tuple[list[int], list[dict], int]:
    done = list(tokenise(iter(batches_of(texts)), ENCODER, cache))
    cache.flush()
    ids = [token for one in done for token in one.tokens.tolist()]
    return ids, [row for one in done for row in one.spans.to_pylist()], sum(d.reused for d in done)


@given(texts=st.lists(st.text(max_size=9), max_size=9), seen=st.sets(st.integers(0, 8)))
def test_what_is_cached_changes_nothing_but_the_work(tmp_path_factory, texts, seen):
    folder = tmp_path_factory.mktemp("cache")
    plain = run(texts, NO_CACHE)
    known = [text for number, text in enumerate(texts) if number in seen]
    run(known, TokenCache(folder, ENCODER.dtype))
    ids, spans, reused = run(texts, TokenCache(folder, ENCODER.dtype))
    assert (ids, spans) == plain[:2]
    assert plain[2] == 0
    assert reused == sum(text in known for text in texts)
    assert run(texts, TokenCache(folder, ENCODER.dtype))[2] == len(texts)


def test_spans_tell_tokens_and_bytes_of_each_document():
    ids, spans, _ = run(["some words", "漢", ""], NO_CACHE)
    assert [span["text_bytes"] for span in spans] == [10, 3, 0]
    assert sum(span["tokens"] for span in spans) == len(ids)
    assert [span["tokens"] for span in spans][1:] == [4, 1]
    assert ids[-1] == 0


def test_a_cached_text_of_another_record_is_reused(tmp_path):
    run(["same text"], TokenCache(tmp_path, ENCODER.dtype))
    assert run(["other", "same text"], TokenCache(tmp_path, ENCODER.dtype))[2] == 1


def test_many_new_tokens_are_stored_in_few_segments(tmp_path, monkeypatch):
    monkeypatch.setattr(tokens, "_SEGMENT_BYTES", 1000)
    run([f"{number} " + "x" * 40 for number in range(100)], TokenCache(tmp_path, ENCODER.dtype))
    assert 4 <= len(list(tmp_path.iterdir())) <= 10


def test_wide_vocabularies_are_cached_with_their_width(tmp_path):
    cache = TokenCache(tmp_path, np.dtype(np.uint32))
    cache.add("0" * 32, np.array([70_000, 1], np.uint32))
    cache.flush()
    found = TokenCache(tmp_path, np.dtype(np.uint32)).find(["0" * 32, "1" * 32])
    assert found[0].tolist() == [70_000, 1]
    assert found[1] is None
