"""A file more or less changes one unit; what was read once is found again while it is unchanged."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.errors import SourceChanged
from data_contracts.progress import silent
from pipeline.ingest.landing import LandedFile, land
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.units import UnitReader, units_of

SOURCE = Source(name="mill", path="/mill")


def landed(name: str, size: int = 100) -> LandedFile:
    return LandedFile(path=name, location=f"/mill/{name}", bytes=size, sha256=name)


@given(sizes=st.lists(st.sampled_from([0, 10, 1_000_000, 5_000_000]), max_size=30))
def test_units_hold_every_file_once_in_order_and_large_ones_alone(sizes):
    files = tuple(landed(f"{n:03d}.txt", size) for n, size in enumerate(sizes))
    units = list(units_of(SOURCE, files, IngestRecipe()))
    assert tuple(file for unit in units for file in unit.files) == files
    assert all(len(unit.files) == 1 for unit in units if unit.bytes >= 12_000_000)
    assert all(unit.files for unit in units)


@settings(max_examples=30)
@given(st.integers(0, 1999))
def test_one_file_more_changes_few_units(number):
    files = [landed(f"{n:05d}.txt") for n in range(0, 4000, 2)]
    added = sorted([*files, landed(f"{2 * number + 1:05d}.txt")], key=lambda file: file.path)
    before = {unit.files for unit in units_of(SOURCE, tuple(files), IngestRecipe())}
    after = {unit.files for unit in units_of(SOURCE, tuple(added), IngestRecipe())}
    assert len(before - after) <= 2
    assert len(before) > 10


def test_a_file_that_is_gone_is_told_so_that_the_run_can_start_again(tmp_path):
    (tmp_path / "a.txt").write_text("corn", encoding="utf-8")
    source = Source(name="mill", path=str(tmp_path))
    (unit,) = units_of(source, land(source).files, IngestRecipe())
    (tmp_path / "a.txt").unlink()
    reader = UnitReader(IngestRecipe(), tmp_path, None, silent, 4)
    with pytest.raises(SourceChanged, match=r"a\.txt"):
        reader.read(unit)
