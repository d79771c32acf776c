import pyarrow as pa
import pytest

from data_contracts.errors import SchemaMismatch, TooLittleText, VersionCorrupt
from data_contracts.schemas import PUBLISHED_DOCUMENTS
from model.documents import document_batches, held_out_documents, text_bytes


def write_stream(path, texts, rows_per_batch):
    columns = [[f"{number:032x}" for number in range(len(texts))], ["s"] * len(texts)]
    table = pa.table([*columns, ["en"] * len(texts), texts], schema=PUBLISHED_DOCUMENTS)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table, max_chunksize=rows_per_batch)


@pytest.mark.parametrize("rows_per_batch", [1, 3, 100])
@pytest.mark.parametrize(
    ("limit", "documents"), [(None, 10), (1, 1), (6, 1), (7, 2), (50, 9), (999, 10)]
)
def test_whole_documents_are_read_until_the_limit_is_reached(
    tmp_path, rows_per_batch, limit, documents
):
    write_stream(tmp_path / "a.arrow", ["六字"] * 6, rows_per_batch)  # 6 bytes each
    write_stream(tmp_path / "b.arrow", ["six by"] * 4, rows_per_batch)
    table = held_out_documents(tmp_path, limit)
    assert table.num_rows == documents
    assert set(text_bytes(table["text"]).tolist()) == {6}


def test_a_split_without_documents_is_too_little(tmp_path):
    with pytest.raises(TooLittleText, match="split holds 0 tokens"):
        held_out_documents(tmp_path, None)


def test_a_file_that_is_no_stream_or_has_other_columns_is_named(tmp_path):
    path = tmp_path / "a.arrow"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(VersionCorrupt, match=r"a\.arrow: not an Arrow stream"):
        list(document_batches(tmp_path))
    table = pa.table({"text": ["x"]})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    with pytest.raises(SchemaMismatch, match="record_id"):
        list(document_batches(tmp_path))
