"""Tables in mapped files."""

from pathlib import Path

import pyarrow as pa
import pytest

from data_contracts.arrow_files import MappedTable, write_ipc
from data_contracts.errors import SchemaMismatch


def _resident_of(path: Path) -> int:
    """Read how many kB of a file this process holds (Linux)."""
    parts = Path("/proc/self/smaps").read_text(encoding="utf-8").split(str(path))[1:]
    return sum(int(part.split("Rss:")[1].split()[0]) for part in parts)


def test_a_mapped_table_can_be_read_again_after_its_pages_were_handed_back(tmp_path):
    path = tmp_path / "numbers.arrow"
    table = pa.table({"n": pa.array(range(500_000), pa.int64())})
    write_ipc(path, table)
    mapped = MappedTable.open(path, table.schema)
    for _ in range(2):
        assert mapped.table.equals(table)
        if Path("/proc/self/smaps").exists():
            assert _resident_of(path) > 3000
        mapped.release()
        if Path("/proc/self/smaps").exists():
            assert _resident_of(path) < 300


def test_a_mapped_table_of_other_columns_is_refused(tmp_path):
    path = tmp_path / "numbers.arrow"
    write_ipc(path, pa.table({"n": pa.array([1], pa.int64())}))
    with pytest.raises(SchemaMismatch, match="numbers"):
        MappedTable.open(path, pa.schema([pa.field("n", pa.int32())]))
