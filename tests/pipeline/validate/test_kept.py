"""Kept records are found as a dict would find them."""

import polars as pl
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.arrow_files import partition_name, write_ipc
from data_contracts.schemas import KEPT
from pipeline.validate.kept import NO_SPLIT, NOT_KEPT, Kept

IDS = st.integers(0, 40).map(lambda n: f"{n % 3:016x}{n:016x}")
NUMBERS = {"train": 0, "validation": 1, "test": 2}


@given(
    splits=st.dictionaries(IDS, st.sampled_from([*NUMBERS, "training"])),
    asked=st.lists(IDS | st.none()),
    rows=st.integers(1, 9),
)
def test_records_are_found_as_in_a_dict(tmp_path_factory, splits, asked, rows):
    folder = tmp_path_factory.mktemp("kept")
    records = [
        {"record_id": one, "split": split, "cluster_id": one, "cluster_size": 1}
        for one, split in splits.items()
    ]
    for number, start in enumerate(range(0, len(records), rows)):
        part = pa.Table.from_pylist(records[start : start + rows], schema=KEPT)
        write_ipc(folder / partition_name(number), part)
    kept = Kept(folder)
    assert len(kept) == len(splits)
    known = [one for one in asked if one is not None]
    wanted = [NUMBERS.get(splits[one], NO_SPLIT) if one in splits else NOT_KEPT for one in known]
    assert kept.splits(pa.array(known, pa.string())).tolist() == wanted
    frame = pl.LazyFrame({"survivor_id": asked}, schema={"survivor_id": pl.String})
    held = frame.select(kept.holds("survivor_id")).collect().to_series()
    assert held.to_list() == [one in splits for one in asked]
