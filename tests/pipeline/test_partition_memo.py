"""Whole partitions that are found again, or not."""

import json

import pyarrow as pa
import pytest

from data_contracts.arrow_files import read_ipc, write_ipc
from data_contracts.checksums import checksum
from pipeline.partition_memo import PartitionMemo


class Stage:
    """A stage that doubles numbers, and counts how often it works."""

    def __init__(self, folder):
        self.folder, self.worked = folder, 0

    def run(self, name, numbers, decides="doubled"):
        partition = self.folder / "in" / name / "part-00000.arrow"
        write_ipc(partition, pa.table({"number": numbers}))
        out = self.folder / name / "part-00000.arrow"

        def work():
            self.worked += 1
            write_ipc(out, pa.table({"twice": [2 * one for one in numbers]}))
            return {"rows": len(numbers)}

        memo = PartitionMemo(self.folder / "memo", decides)
        told, is_known = memo.fetch(checksum(partition), {"twice": out}, work)
        memo.save()
        assert read_ipc(out)["twice"].to_pylist() == [2 * one for one in numbers]
        assert told == {"rows": len(numbers)}
        return is_known


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


def test_a_partition_with_the_same_bytes_is_linked_and_not_worked_on(stage):
    assert not stage.run("first", [1, 2])
    assert stage.run("second", [1, 2])
    assert stage.worked == 1
    files = [stage.folder / one / "part-00000.arrow" for one in ("first", "second")]
    assert files[0].stat().st_ino == files[1].stat().st_ino


def test_other_rows_or_settings_are_worked_on(stage):
    stage.run("first", [1, 2])
    assert not stage.run("second", [1, 3])
    assert not stage.run("third", [1, 2], decides="doubled in another way")


def test_the_last_run_that_had_it_is_enough(stage):
    for name in ("first", "second"):
        stage.run(name, [1, 2])
    (stage.folder / "first" / "part-00000.arrow").unlink()
    assert stage.run("third", [1, 2])


def test_files_that_are_gone_or_were_changed_are_made_again(stage):
    stage.run("first", [1, 2])
    first = stage.folder / "first" / "part-00000.arrow"
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 1
    first.write_bytes(bytes(data))
    assert not stage.run("second", [1, 2])
    (stage.folder / "second" / "part-00000.arrow").unlink()
    assert not stage.run("third", [1, 2])


def test_notes_on_files_that_are_gone_are_not_kept(stage):
    stage.run("first", [1, 2])
    stage.run("second", [3])
    (stage.folder / "first" / "part-00000.arrow").unlink()
    stage.run("third", [4])
    notes = json.loads((stage.folder / "memo" / "partitions.json").read_text(encoding="utf-8"))
    assert len(notes) == 2


@pytest.mark.parametrize("notes", ["", "{", "[]", '{"a": 1}', '{"a": {"files": {}}}', "\udcff"])
def test_notes_that_cannot_be_read_are_none(stage, notes):
    stage.run("first", [1, 2])
    file = stage.folder / "memo" / "partitions.json"
    file.write_text(notes, encoding="utf-8", errors="surrogateescape")
    assert not stage.run("second", [1, 2])
    assert stage.run("third", [1, 2])


def test_without_a_folder_everything_is_worked_on(tmp_path):
    memo = PartitionMemo(None, "nothing")
    for _ in range(2):
        assert memo.fetch("one", {}, lambda: {"rows": 1}) == ({"rows": 1}, False)
    memo.save()
    assert not list(tmp_path.iterdir())
