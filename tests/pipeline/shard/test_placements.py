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


def test_a_record_without_a_document_is_refused(tmp_path):
    placements = kept(tmp_path, ["a" * 32, "b" * 32])
    placements.place(np.array([1]), 3, 8)
    with pytest.raises(SchemaMismatch, match="1 kept records have no document"):
        placements.check_complete()
    placements.place(np.array([0]), 3, 9)
    placements.check_complete()
    assert placements.row.tolist() == [9, 8]
