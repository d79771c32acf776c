"""Documents to tokens, and the cache of them."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from data_contracts.identity import content_id
from data_contracts.schemas import PUBLISHED_DOCUMENTS
from pipeline.id_halves import id_halves
from pipeline.record_cache import RecordCache
from pipeline.shard import tokenizer
from pipeline.shard.placements import Placed
from pipeline.shard.tokens import CACHED, tokenise

ENCODER_JSON = tokenizer.learn(["some words, some more words"] * 3, 270).to_str()
ENCODER = tokenizer.Encoder(ENCODER_JSON)
NO_CACHE = RecordCache(None, CACHED)


def batches_of(texts: list[str], rows: int = 3) -> list[pa.RecordBatch]:
    table = pa.Table.from_pylist(
        [
            {"record_id": f"{number:032x}", "source": "books", "language": "en", "text": text}
            for number, text in enumerate(texts)
        ],
        PUBLISHED_DOCUMENTS,
    )
    return table.to_batches(max_chunksize=rows)


def placed(texts: list[str]) -> tuple[Iterator[Placed], NDArray[np.uint64]]:
    """Documents whose records were numbered in another order, and the contents of those."""
    numbers = np.random.default_rng(len(texts)).permutation(len(texts))
    ids = [content_id(texts[place].encode()) for place in np.argsort(numbers)]
    batches = batches_of(texts)
    ends = np.cumsum([batch.num_rows for batch in batches])
    parts = np.split(numbers, ends)[:-1]
    pairs = zip(batches, parts, strict=True)
    documents = (Placed(batch, records, 0) for batch, records in pairs)
    return documents, np.stack(id_halves(pa.array(ids, pa.string())))


def run(
    texts: list[str], cache: RecordCache, encoder: tokenizer.Encoder = ENCODER
) -> tuple[list[int], list[dict], int]:
    done = list(tokenise(*placed(texts), encoder, cache))
    cache.flush()
    ids = [token for one in done for token in one.tokens.tolist()]
    return ids, [row for one in done for row in one.spans.to_pylist()], sum(d.reused for d in done)


@given(texts=st.lists(st.text(max_size=9), max_size=9), seen=st.sets(st.integers(0, 8)))
def test_what_is_cached_changes_nothing_but_the_work(tmp_path_factory, texts, seen):
    folder = tmp_path_factory.mktemp("cache")
    plain = run(texts, NO_CACHE)
    known = [text for number, text in enumerate(texts) if number in seen]
    run(known, RecordCache(folder, CACHED))
    ids, spans, reused = run(texts, RecordCache(folder, CACHED))
    assert (ids, spans) == plain[:2]
    assert plain[2] == 0
    assert reused == sum(text in known for text in texts)
    assert run(texts, RecordCache(folder, CACHED))[2] == len(texts)


def test_spans_tell_tokens_and_bytes_of_each_document():
    ids, spans, _ = run(["some words", "漢", ""], NO_CACHE)
    assert [span["text_bytes"] for span in spans] == [10, 3, 0]
    assert sum(span["tokens"] for span in spans) == len(ids)
    assert [span["tokens"] for span in spans][1:] == [4, 1]
    assert ids[-1] == 0


def test_a_cached_text_of_another_record_is_reused(tmp_path):
    run(["same text"], RecordCache(tmp_path, CACHED))
    assert run(["other", "same text"], RecordCache(tmp_path, CACHED))[2] == 1


def test_wide_vocabularies_are_cached_with_their_width(tmp_path):
    wide = tokenizer.Encoder(ENCODER_JSON)
    wide.dtype, wide._end = np.dtype(np.uint32), wide._end.astype(np.uint32)
    plain = run(["some words", "漢"], NO_CACHE, wide)
    run(["漢"], RecordCache(tmp_path, CACHED), wide)
    assert run(["some words", "漢"], RecordCache(tmp_path, CACHED), wide)[:2] == plain[:2]
    (done,) = tokenise(*placed(["漢"]), wide, RecordCache(tmp_path, CACHED))
    assert done.tokens.dtype == np.uint32
