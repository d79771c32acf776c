"""What sources say of records is published with their documents, and `datasets` shows it."""

import json

import datasets
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.arrow_files import partition_name, write_ipc
from data_contracts.identity import record_id
from data_contracts.schemas import METADATA
from model.documents import document_batches
from pipeline.id_halves import id_halves
from pipeline.shard.metadata import NOTHING, RecordMetadata
from pipeline.shard.recipe import ShardRecipe
from pipeline.shard.stage import shard
from tests.reference.shard_inputs import make_inputs, some_records


def write_metadata(folder, said, per_partition=100):
    rows = [{"record_id": one, "metadata": value} for one, value in said.items()]
    for number, start in enumerate(range(0, len(rows), per_partition)):
        table = pa.Table.from_pylist(rows[start : start + per_partition], schema=METADATA)
        write_ipc(folder / partition_name(number), table)
    return folder


@given(
    known=st.sets(st.integers(0, 60)), asked=st.lists(st.integers(0, 60)), size=st.integers(1, 20)
)
def test_every_record_gets_what_is_said_of_it_or_an_empty_object(
    tmp_path_factory, known, asked, size
):
    ids = [record_id("mill", str(number)) for number in range(61)]
    said = {ids[number]: json.dumps({"n": number}) for number in sorted(known)}
    folder = write_metadata(tmp_path_factory.mktemp("metadata"), said, size)
    column = pa.array([ids[number] for number in asked], pa.string())
    found = RecordMetadata(folder).of(id_halves(column))
    assert found.to_pylist() == [said.get(ids[number], NOTHING) for number in asked]


@pytest.mark.parametrize("partition_rows", [50, 1000])
def test_documents_have_a_column_of_metadata_where_the_recipe_asks_for_it(tmp_path, partition_rows):
    records = some_records(300)
    said = {one.id: json.dumps({"n": n}) for n, one in enumerate(records) if n % 2}
    inputs = make_inputs(tmp_path / "in", records, partition_rows=partition_rows)
    plain = shard(inputs, ShardRecipe(vocabulary_size=300), tmp_path / "plain")
    folder = write_metadata(tmp_path / "metadata", said)
    given = inputs.model_copy(update={"metadata": folder})
    result = shard(given, ShardRecipe(vocabulary_size=300), tmp_path / "out")
    loaded = datasets.load_from_disk(str(result.folder / "documents"))
    found = {row["record_id"]: row["metadata"] for split in loaded.values() for row in split}
    assert found == {one.id: said.get(one.id, NOTHING) for one in records if one.kept}
    (batch, *_) = document_batches(result.folder / "documents" / "train")
    (same, *_) = document_batches(plain.folder / "documents" / "train")
    assert batch.to_pylist() == same.to_pylist()
