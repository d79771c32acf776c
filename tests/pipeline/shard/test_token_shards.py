"""Token shards as the model reads them."""

import pickle
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.arrow_files import write_ipc
from data_contracts.errors import SchemaMismatch, VersionCorrupt
from data_contracts.token_shards import (
    SPAN_ROWS,
    TokenShards,
    TokenShardWriter,
    shard_name,
    token_dtype,
)
from tests.reference import packing

DOCUMENTS = st.lists(st.lists(st.integers(0, 299), min_size=1, max_size=12), max_size=12)


def write(
    folder: Path, documents: list[list[int]], *, at_a_time: int = 1, file_tokens: int = 5
) -> TokenShards:
    with TokenShardWriter(folder, 300, shard_bytes=2 * file_tokens) as writer:
        for start in range(0, len(documents), at_a_time):
            group = documents[start : start + at_a_time]
            writer.add(np.array(list(chain(*group)), np.uint16), spans_of(group))
    return TokenShards.open(folder)


def spans_of(documents: list[list[int]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "record_id": [f"{number:032x}" for number in range(len(documents))],
            "source": ["books"] * len(documents),
            "tokens": pa.array(map(len, documents), pa.int32()),
            "text_bytes": pa.array([1] * len(documents), pa.int32()),
        }
    )


@given(documents=DOCUMENTS, file_tokens=st.integers(1, 9), data=st.data())
def test_every_range_reads_like_the_slow_twin(tmp_path_factory, documents, file_tokens, data):
    shards = write(tmp_path_factory.mktemp("tokens"), documents, file_tokens=file_tokens)
    files = packing.pack(documents, file_tokens)
    assert list(shards.lengths) == [len(file) for file in files]
    assert len(shards) == sum(shards.lengths)
    start = data.draw(st.integers(0, len(shards)))
    count = data.draw(st.integers(0, len(shards) - start))
    assert shards.read(start, count).tolist() == packing.read(files, start, count)


@given(documents=DOCUMENTS)
def test_spans_lead_to_each_document(tmp_path_factory, documents):
    shards = write(tmp_path_factory.mktemp("tokens"), documents)
    spans = shards.spans().to_pylist()
    assert [span["start"] for span in spans] == packing.starts(documents)
    assert [shards.read(span["start"], span["tokens"]).tolist() for span in spans] == documents


@given(documents=DOCUMENTS, at_a_time=st.integers(1, 12))
def test_bytes_do_not_depend_on_how_many_documents_come_at_a_time(
    tmp_path_factory, documents, at_a_time
):
    one, other = (tmp_path_factory.mktemp("tokens") for _ in range(2))
    write(one, documents)
    write(other, documents, at_a_time=at_a_time)
    assert [p.name for p in sorted(one.iterdir())] == [p.name for p in sorted(other.iterdir())]
    for path in one.iterdir():
        if path.name.startswith("tokens"):
            assert path.read_bytes() == (other / path.name).read_bytes()


def test_span_bytes_do_not_depend_on_how_many_documents_come_at_a_time(tmp_path):
    documents = [[1]] * (SPAN_ROWS + 10)
    whole = np.ones(len(documents), np.uint16)
    rows = spans_of(documents)
    with TokenShardWriter(tmp_path / "whole", 300) as writer:
        writer.add(whole, rows)
    with TokenShardWriter(tmp_path / "parts", 300) as writer:
        for start in range(0, len(documents), 999):
            writer.add(whole[start : start + 999], rows.slice(start, 999))
    one, other = (tmp_path / name / "spans.arrow" for name in ("whole", "parts"))
    assert one.read_bytes() == other.read_bytes()


def test_a_range_within_one_file_is_a_view_and_one_across_files_a_copy(tmp_path):
    shards = write(tmp_path, [[1, 2, 3, 4, 5, 6, 7]], file_tokens=5)
    assert np.shares_memory(shards.read(0, 5), shards.read(2, 1))
    assert not np.shares_memory(shards.read(3, 4), shards.read(3, 1))
    assert not shards.read(0, 5).flags.writeable
    assert not shards.read(3, 4).flags.writeable


def test_an_empty_split_has_no_tokens_and_no_spans(tmp_path):
    shards = write(tmp_path, [])
    assert len(shards) == 0
    assert shards.read(0, 0).tolist() == []
    assert shards.spans().num_rows == 0
    assert shards.dtype == np.uint16


def test_ids_take_two_bytes_up_to_65536_entries_and_four_above():
    assert token_dtype(65_536) == np.uint16
    assert token_dtype(65_537) == np.uint32


@pytest.mark.parametrize(("start", "count"), [(-1, 1), (0, 8), (7, 1), (0, -1), (8, 0)])
def test_a_range_that_leaves_the_split_is_an_index_error(tmp_path, start, count):
    shards = write(tmp_path, [[1, 2, 3, 4, 5, 6, 7]])
    with pytest.raises(IndexError, match="of 7 in"):
        shards.read(start, count)


def test_pickling_sends_the_folder_not_the_tokens(tmp_path):
    shards = write(tmp_path, [list(range(200))], file_tokens=50)
    sent = pickle.dumps(shards)
    assert len(sent) < 400
    assert pickle.loads(sent).read(49, 2).tolist() == [49, 50]


def test_a_missing_token_file_is_named(tmp_path):
    write(tmp_path, [[1] * 12])
    (tmp_path / shard_name(1)).unlink()
    with pytest.raises(VersionCorrupt, match=r"tokens-00001\.arrow: the token file is missing"):
        TokenShards.open(tmp_path)


def test_a_missing_last_file_is_noticed_by_the_spans(tmp_path):
    write(tmp_path, [[1] * 12])
    (tmp_path / shard_name(2)).unlink()
    with pytest.raises(VersionCorrupt, match="spans end at token 12, files at 10"):
        TokenShards.open(tmp_path)


def test_a_folder_without_token_files_is_refused(tmp_path):
    with pytest.raises(VersionCorrupt, match="tokens-00000"):
        TokenShards.open(tmp_path)


def test_a_missing_span_table_is_refused(tmp_path):
    write(tmp_path, [[1]])
    (tmp_path / "spans.arrow").unlink()
    with pytest.raises(VersionCorrupt, match="the span table is missing"):
        TokenShards.open(tmp_path)


def test_a_truncated_token_file_is_refused(tmp_path):
    write(tmp_path, [[1] * 12])
    path = tmp_path / shard_name(0)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(VersionCorrupt, match="not an Arrow file"):
        TokenShards.open(tmp_path)


def test_token_files_of_other_types_are_refused(tmp_path):
    write(tmp_path, [[1] * 12])
    write_ipc(tmp_path / shard_name(1), pa.table({"token": pa.array([1] * 5, pa.int64())}))
    with pytest.raises(VersionCorrupt, match="uint16 or uint32"):
        TokenShards.open(tmp_path)
    write_ipc(tmp_path / shard_name(1), pa.table({"token": pa.array([1] * 5, pa.uint32())}))
    with pytest.raises(VersionCorrupt, match="holds uint32, others uint16"):
        TokenShards.open(tmp_path)
    write_ipc(tmp_path / shard_name(1), pa.table({"id": pa.array([1] * 5, pa.uint16())}))
    with pytest.raises(SchemaMismatch, match="`token` is missing"):
        TokenShards.open(tmp_path)


def test_a_writer_stopped_by_an_error_leaves_no_span_table(tmp_path):
    with pytest.raises(KeyError), TokenShardWriter(tmp_path, 300) as writer:
        writer.add(np.ones(1, np.uint16), pa.RecordBatch.from_pydict({"a": [1]}))
    assert not (tmp_path / "spans.arrow").exists()
