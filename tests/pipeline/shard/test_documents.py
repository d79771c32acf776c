"""Documents as `datasets` reads them."""

import json
import logging
import mmap
import warnings

import datasets
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import RecipeInvalid
from data_contracts.schemas import PUBLISHED_DOCUMENTS
from pipeline.shard import documents as documents_module
from pipeline.shard.documents import (
    BATCH_ROWS,
    MAX_DOCUMENT_BYTES,
    RECORD_COLUMN,
    DocumentsWriter,
    check_lengths,
    read_documents,
    write_dataset_dict,
)
from tests.reference import shard_order

WIDE = pa.schema(
    [
        *(field for field in PUBLISHED_DOCUMENTS if field.name != "text"),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field(RECORD_COLUMN, pa.int64()),
    ]
)


def table_of(texts: list[str]) -> pa.Table:
    rows = [
        {
            "record_id": f"{number:032x}",
            "source": "books",
            "language": "en",
            "text": text,
            RECORD_COLUMN: number,
        }
        for number, text in enumerate(texts)
    ]
    return pa.Table.from_pylist(rows, WIDE)


def write(folder, texts, *, shard_bytes=10**6, at_a_time=10**6, split="train"):
    writer = DocumentsWriter(folder, split, shard_bytes)
    table = table_of(texts)
    written = []
    for start in range(0, len(texts), at_a_time):
        written += writer.add(table.slice(start, at_a_time))
    written += writer.finish()
    writer.describe()
    return written, writer.names()


@given(
    texts=st.lists(st.text(max_size=8), max_size=40),
    shard_bytes=st.integers(1, 40),
    at_a_time=st.integers(1, 40),
)
def test_placements_lead_to_each_text_and_files_keep_their_size(
    tmp_path_factory, texts, shard_bytes, at_a_time
):
    folder = tmp_path_factory.mktemp("documents") / "train"
    written, names = write(folder, texts, shard_bytes=shard_bytes, at_a_time=at_a_time)
    files = [pa.ipc.open_stream(str(folder / name)).read_all() for name in names]
    placed = [
        (record, files[one.shard]["text"][one.first_row + offset].as_py())
        for one in written
        for offset, record in enumerate(one.records.tolist())
    ]
    assert placed == list(enumerate(texts))
    for file in files:
        sizes = [len(text.encode()) for text in file["text"].to_pylist()]
        assert sum(sizes) <= shard_bytes or len(sizes) == 1
    assert sorted(path.name for path in folder.glob("data-*")) == names


@given(
    lengths=st.lists(st.integers(0, 9), max_size=40),
    at_a_time=st.integers(1, 40),
    limit=st.integers(1, 30),
)
def test_batches_are_cut_as_by_the_slow_twin(tmp_path_factory, lengths, at_a_time, limit):
    folder = tmp_path_factory.mktemp("documents") / "train"
    write(folder, ["x" * length for length in lengths], shard_bytes=limit, at_a_time=at_a_time)
    found = [batch["text"].to_pylist() for batch in read_documents(folder)]
    expected = shard_order.batches(lengths, BATCH_ROWS, limit)
    assert found == [["x" * lengths[number] for number in batch] for batch in expected]


def test_a_batch_has_no_more_rows_than_datasets_writes(tmp_path):
    write(tmp_path / "train", ["x"] * (2 * BATCH_ROWS + 5), at_a_time=777)
    rows = [batch.num_rows for batch in read_documents(tmp_path / "train")]
    assert rows == [BATCH_ROWS, BATCH_ROWS, 5]


def test_files_are_read_by_their_numbers_however_many_there_are(tmp_path):
    for number in (99_999, 100_000, 9):
        write(tmp_path / "train", [str(number)])
        names = tmp_path.glob("train/data-*")
        (written,) = (path for path in names if path.name.endswith("of-00001.arrow"))
        written.rename(written.with_name(f"data-{number:05d}-of-100001.arrow"))
        for path in tmp_path.glob("train/*.json"):
            path.unlink()
        (tmp_path / "train").rename(tmp_path / f"{number}")
    (tmp_path / "train").mkdir()
    for path in list(tmp_path.glob("*/data-*")):
        path.rename(tmp_path / "train" / path.name)
    found = [batch["text"].to_pylist() for batch in read_documents(tmp_path / "train")]
    assert found == [["9"], ["99999"], ["100000"]]


def load(folder, caplog):
    with warnings.catch_warnings(), caplog.at_level(logging.DEBUG):
        warnings.simplefilter("error")
        loaded = datasets.load_from_disk(str(folder))
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    return loaded


@pytest.fixture
def version(tmp_path):
    texts = [f"text {number} 漢字\n" for number in range(2500)]
    write(tmp_path / "train", texts, shard_bytes=20_000, split="train")
    write(tmp_path / "validation", ["one"], split="validation")
    write(tmp_path / "test", [], split="test")
    write_dataset_dict(tmp_path, ["train", "validation", "test"])
    return tmp_path


def test_datasets_loads_all_splits_without_a_warning(version, caplog, capfd):
    loaded = load(version, caplog)
    assert capfd.readouterr().err == ""
    assert {name: len(split) for name, split in loaded.items()} == {
        "train": 2500,
        "validation": 1,
        "test": 0,
    }
    text = datasets.Value("string")
    assert loaded["train"].features == dict.fromkeys(PUBLISHED_DOCUMENTS.names, text)
    assert loaded["test"].features == loaded["train"].features
    assert loaded["train"].split == "train"
    assert loaded["train"]["text"][2499] == "text 2499 漢字\n"


def test_a_loaded_split_can_be_used_as_any_other(version, caplog):
    train = load(version, caplog)["train"]
    assert train.with_format("torch")[7]["text"] == "text 7 漢字\n"
    assert train.with_format("arrow")[:3]["text"].to_pylist() == train[:3]["text"]
    assert (
        train.select(range(1000, 1010)).map(
            lambda row: {"size": len(row["text"])}, keep_in_memory=True
        )["size"][0]
        == 13
    )
    both = datasets.concatenate_datasets([train, load(version, caplog)["validation"]])
    assert both[2500]["text"] == "one"
    batch = next(iter(train.with_format("torch").iter(batch_size=4)))
    assert len(batch["record_id"]) == 4
    assert train.filter(lambda row: row["text"].startswith("text 12 "), keep_in_memory=True)[:][
        "text"
    ] == ["text 12 漢字\n"]


def test_datasets_maps_the_files_instead_of_copying_them(version, caplog):
    files = [file["filename"] for file in load(version, caplog)["train"].cache_files]
    assert files == [str(path) for path in sorted((version / "train").glob("data-*.arrow"))]
    assert len(files) == 3


def test_what_datasets_saves_again_it_loads_again(version, tmp_path_factory, caplog):
    again = tmp_path_factory.mktemp("again")
    load(version, caplog)["train"].save_to_disk(str(again))
    assert load(again, caplog)[5] == load(version, caplog)["train"][5]


def test_the_fingerprint_follows_the_content(tmp_path):
    def fingerprint(name, texts):
        write(tmp_path / name, texts)
        return json.loads((tmp_path / name / "state.json").read_text())["_fingerprint"]

    assert fingerprint("a", ["x", "y"]) == fingerprint("b", ["x", "y"])
    assert fingerprint("c", ["x", "z"]) != fingerprint("d", ["x", "y"])


def test_a_document_of_two_gibibytes_is_refused():
    def claims(size):
        # Pages that nobody touches take no memory, and only the offsets are looked at.
        offsets = pa.py_buffer(np.array([0, size], np.int64))
        text = pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(mmap.mmap(-1, size)))
        return pa.table({"text": text})

    kept = np.array([True])
    check_lengths(claims(MAX_DOCUMENT_BYTES), kept)
    check_lengths(pa.table({"text": pa.array([], pa.large_string())}), kept[:0])
    check_lengths(claims(MAX_DOCUMENT_BYTES + 1), ~kept)
    with pytest.raises(RecipeInvalid, match=r"ingest\.max_record_bytes"):
        check_lengths(claims(MAX_DOCUMENT_BYTES + 1), kept)


def test_text_past_two_gibibytes_of_a_bucket_gets_offsets_from_zero():
    # A slice that starts beyond 32 bits of a bucket's text, by a buffer that starts there.
    column = pa.array(["a", "bc", "", "def"], pa.large_string())[1:]
    narrow = documents_module._narrow(column)
    assert narrow.type == pa.string()
    assert narrow.to_pylist() == ["bc", "", "def"]
    assert np.frombuffer(narrow.buffers()[1], np.int32).tolist() == [0, 2, 2, 5]
