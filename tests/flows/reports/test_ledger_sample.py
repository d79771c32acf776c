import hashlib

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.schemas import LEDGER
from flows.reports.ledger_sample import SAMPLE_ROWS, LedgerSample, sample_ledger

ROWS = 60_000


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """A large ledger: one reason in every 20,000 records, and keys of megabytes."""
    folder = tmp_path_factory.mktemp("large") / "ledger"
    folder.mkdir()
    ids = sorted(hashlib.sha256(str(n).encode()).hexdigest()[:32] for n in range(ROWS))
    rare = {5: "bad_json", 20_005: "bad_json", 40_005: "bad_json"}
    reasons = [rare.get(n) or ("too_few_words" if n % 3 == 0 else None) for n in range(ROWS)]
    keys = ["x" * 5_000_000 if n in rare else f"key {n}" for n in range(ROWS)]
    columns = {
        "record_id": ids,
        "source": ["web" if n % 2 else "books" for n in range(ROWS)],
        "key": keys,
        "path": ["a.jsonl"] * ROWS,
        "position": list(range(ROWS)),
        "stage": ["clean"] * ROWS,
        "fate": ["dropped" if reason else "kept" for reason in reasons],
        "reason": reasons,
        "reasons": [
            [{"rule": reason, "value": 3.0, "threshold": 50.0}] if reason else []
            for reason in reasons
        ],
        "edits": [[]] * ROWS,
        "split": [
            None if reason else ("test" if one < "1" else "train")
            for one, reason in zip(ids, reasons, strict=True)
        ],
    }
    arrays = [pa.array(columns.get(field.name, [None] * ROWS), field.type) for field in LEDGER]
    table = pa.table(arrays, schema=LEDGER)
    for part in range(2):
        half = table.slice(part * ROWS // 2, ROWS // 2)
        pq.write_table(half, folder / f"part-{part:05}.parquet")
    return folder


def test_a_sample_is_small_whatever_the_ledger(ledger):
    sample = sample_ledger(ledger)
    assert sample.of == ROWS
    assert SAMPLE_ROWS * 0.99 <= len(sample.rows) <= SAMPLE_ROWS
    # Keys of 5 MB are in it, and do not make it large.
    assert len(sample.model_dump_json()) < 600_000


def test_rare_reasons_are_in_it(ledger):
    found = [row for row in sample_ledger(ledger).rows if row.reason == "bad_json"]
    assert len(found) == 3
    assert {row.value for row in found} == {3.0}


def test_it_is_a_fair_draw_of_what_there_is_most_of(ledger):
    rows = sample_ledger(ledger).rows
    kept = [row for row in rows if row.reason is None]
    assert 0.6 < len(kept) / len(rows) < 0.73
    # Splits follow the first digits of an id: a draw by those would be of one split.
    assert 0.02 < sum(row.split == "test" for row in kept) / len(kept) < 0.12


def test_the_same_ledger_gives_the_same_sample_however_it_is_cut(ledger, tmp_path):
    whole = pl.read_parquet(ledger / "*.parquet")
    whole.write_parquet(tmp_path / "part-00000.parquet", row_group_size=7_000)
    assert sample_ledger(tmp_path) == sample_ledger(ledger)


def test_no_ledger_gives_no_rows(tmp_path):
    assert sample_ledger(tmp_path / "none") == LedgerSample()
