"""Which records are kept, and where they lie."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.arrow_files import write_ipc
from data_contracts.errors import SchemaMismatch
from data_contracts.schemas import KEPT
from pipeline.id_halves import id_halves
from pipeline.shard.placements import Placements

# Few first halves, so that many ids share them.
IDS = st.sets(st.builds("{:016x}{:016x}".format, st.integers(0, 2), st.integers(0, 9)), max_size=30)


def kept(folder, ids, split="train"):
    rows = [{"record_id": one, "split": split, "cluster_id": one, "cluster_size": 1} for one in ids]
    write_ipc(folder / "part-00000.arrow", pa.Table.from_pylist(rows, KEPT))
    return Placements(folder)


@given(ids=IDS, asked=IDS)
def test_exactly_the_kept_records_are_found(tmp_path_factory, ids, asked):
    placements = kept(tmp_path_factory.mktemp("kept"), ids)
    asked = sorted(asked)
    expected = [sorted(ids).index(one) if one in ids else -1 for one in asked]
    found = placements.find(id_halves(pa.array(asked, pa.string())))
    assert found.tolist() == expected


def test_a_record_listed_twice_is_refused(tmp_path):
    with pytest.raises(SchemaMismatch, match="listed twice"):
        kept(tmp_path, ["a" * 32, "b" * 32, "a" * 32])


def test_an_unknown_split_is_refused(tmp_path):
    with pytest.raises(SchemaMismatch, match="splits are not"):
        kept(tmp_path, ["a" * 32], split="dev")


def test_a_record_with_two_documents_is_refused(tmp_path):
    placements = kept(tmp_path, ["a" * 32, "b" * 32])
    placements.place(np.array([1]), 0, 0)
    with pytest.raises(SchemaMismatch, match="two documents"):
        placements.place(np.array([0, 1]), 0, 1)


@given(
    order=st.permutations(range(9)),
    rows=st.integers(1, 4),
    per_file=st.integers(1, 9),
)
def test_documents_are_told_whose_they_are(tmp_path_factory, order, rows, per_file):
    ids = [f"{number:032x}" for number in range(9)]
    placements = kept(tmp_path_factory.mktemp("kept"), ids)
    placements.split[:] = [0, 1, 0, 1, 2, 2, 0, 0, 0]
    for split in range(3):
        lies = np.array([one for one in order if placements.split[one] == split])
        for number, first in enumerate(range(0, len(lies), per_file)):
            placements.place(lies[first : first + per_file], number, 0)
        table = pa.table([[ids[one] for one in lies]], ["record_id"])
        told = list(placements.placed(iter(table.to_batches(rows)), split))
        assert np.concatenate([one.records for one in told]).tolist() == lies.tolist()
        for documents, records, _ in told:
            assert documents["record_id"].to_pylist() == [ids[one] for one in records]
        swapped = table.take(pa.array([*range(1, len(lies)), 0]))
        for wrong in (swapped, table.slice(1), pa.concat_tables([table, table])):
            with pytest.raises(SchemaMismatch):
                list(placements.placed(iter(wrong.to_batches(rows)), split))


def test_a_record_without_a_document_is_refused(tmp_path):
    placements = kept(tmp_path, ["a" * 32, "b" * 32])
    placements.place(np.array([1]), 3, 8)
    with pytest.raises(SchemaMismatch, match="1 kept records have no document"):
        placements.check_complete()
    placements.place(np.array([0]), 3, 9)
    placements.check_complete()
    assert placements.row.tolist() == [9, 8]
