import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from data_contracts.contract_stamp import ContractStamp
from data_contracts.errors import SchemaMismatch
from data_contracts.reasons import Reason
from data_contracts.results import (
    CheckOutcome,
    CleanResult,
    IngestResult,
    SourceCounts,
    ValidateResult,
    check_chain,
    start_folder,
)

DROPS = st.dictionaries(st.sampled_from(list(Reason)), st.integers(0, 1000))


def _counts(kept, dropped):
    return SourceCounts(rows_in=kept + sum(dropped.values()), rows_kept=kept, rows_dropped=dropped)


@given(st.integers(0, 1000), DROPS, st.integers(-5, 5).filter(bool))
def test_a_result_that_loses_a_record_cannot_be_built(kept, dropped, lost):
    rows_in = kept + sum(dropped.values()) + lost
    if rows_in >= 0:
        with pytest.raises(ValidationError, match="neither kept nor dropped"):
            SourceCounts(rows_in=rows_in, rows_kept=kept, rows_dropped=dropped)


@given(st.dictionaries(st.text("abc", min_size=1), st.tuples(st.integers(0, 99), DROPS)))
def test_totals_are_the_sum_over_sources(parts):
    sources = {name: _counts(*part) for name, part in parts.items()}
    result = CleanResult(folder=Path(), elapsed_seconds=0, sources=sources, bytes_in=0)
    assert result.rows_in == result.rows_kept + sum(result.rows_dropped.values())
    assert list(result.rows_dropped) == [one for one in Reason if one in result.rows_dropped]


def test_a_result_comes_back_as_it_was_saved_wherever_its_folder_went(tmp_path):
    start_folder(tmp_path / "here")
    saved = IngestResult(
        folder=tmp_path / "here",
        elapsed_seconds=1.5,
        sources={"a": _counts(3, {Reason.BAD_JSON: 1})},
        bytes_in=10,
        files=2,
    ).save()
    (tmp_path / "here").rename(tmp_path / "there")
    loaded = IngestResult.load(tmp_path / "there")
    assert loaded == saved.model_copy(update={"folder": tmp_path / "there"})
    assert str(tmp_path) not in (tmp_path / "there" / "result.json").read_text()


def test_a_folder_without_a_result_is_not_done(tmp_path):
    assert IngestResult.load(tmp_path) is None


def test_a_result_of_another_stage_is_refused(tmp_path):
    (tmp_path / "result.json").write_text(json.dumps({"elapsed_seconds": 1}))
    with pytest.raises(SchemaMismatch, match="not a result of `ingest`"):
        IngestResult.load(tmp_path)


def test_records_lost_between_two_stages_are_noticed(tmp_path):
    before = IngestResult(
        folder=tmp_path, elapsed_seconds=0, sources={"a": _counts(3, {})}, bytes_in=0, files=1
    )
    after = CleanResult(
        folder=tmp_path, elapsed_seconds=0, sources={"a": _counts(2, {})}, bytes_in=0
    )
    with pytest.raises(
        ValueError, match="source `a`: ingest handed on 3 records, clean was given 2"
    ):
        check_chain(before, after)


@pytest.mark.parametrize(
    ("severity", "passed", "gate"),
    [("critical", True, True), ("critical", False, False), ("warning", False, True)],
)
def test_only_a_failed_critical_check_closes_the_gate(tmp_path, severity, passed, gate):
    check = CheckOutcome(rule="r", description="d", severity=severity, passed=passed, observed="o")
    assert _validated(tmp_path, check).passed is gate


def test_a_gate_without_checks_is_closed(tmp_path):
    assert not _validated(tmp_path).passed


def _validated(folder, *checks):
    return ValidateResult(
        folder=folder,
        elapsed_seconds=0,
        sources={},
        bytes_in=0,
        contracts=(ContractStamp(id="c", version="1.0.0", sha256="0"),),
        checks=checks,
    )


def test_clearing_a_folder_takes_what_a_killed_run_left(tmp_path):
    folder = tmp_path / "stage"
    start_folder(folder)
    (folder / "part-00000.arrow.partial").write_bytes(b"half")
    start_folder(folder)
    assert list(folder.iterdir()) == []
