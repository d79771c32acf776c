"""`mill diff` against what the ledgers say record by record."""

import itertools
import json

import polars as pl
import pytest
from typer.testing import CliRunner

import flows.comparison
from data_contracts.errors import VersionCorrupt, VersionUnknown
from data_contracts.warehouse import Warehouse
from flows.cli import app
from flows.comparison import compare, find_versions, id_ranges, records_of
from flows.reports.comparison_page import render_comparison
from tests.flows.dataset_runs import build
from tests.flows.editing import KEYED, EditedCorpus, Record, prose
from tests.flows.reports.page_structure import Structure

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """A warehouse and the folders of two versions of an edited corpus."""
    folder = tmp_path_factory.mktemp("comparison")
    corpus = EditedCorpus()
    first = build(corpus.write(folder / "corpus"), folder / "warehouse").published.path
    for number in range(6):
        corpus.add(number, number, number)
        corpus.exact_copy(5 * number, number, number)
        corpus.near_copy(7 * number, number, number)
        corpus.change(11 * number, number, number)
        corpus.rewrite(13 * number, number, 0)
        corpus.delete(17 * number, number, 0)
        corpus.move(19 * number, number, number)
        corpus.repeat_key(number, 3 * number, number)
    corpus.files[KEYED]["new.jsonl"] = [
        Record(HOSTILE, "too short"),
        Record("long", prose(77, 40)),
    ]
    second = build(corpus.write(folder / "corpus"), folder / "warehouse").published.path
    return Warehouse.existing(folder / "warehouse"), first, second


def ledger(version):
    rows = pl.read_parquet(version / "ledger" / "*.parquet").iter_rows(named=True)
    return {row["record_id"]: row for row in rows}


def fate(row):
    return None if row is None else row["reason"] or row["fate"]


def test_it_says_what_the_ledgers_say_record_by_record(versions):
    _, first, second = versions
    found, old, new = compare(first, second), ledger(first), ledger(second)
    assert (found.records_before, found.records_after) == (len(old), len(new))
    assert found.added == len(new.keys() - old.keys()) > 0
    assert found.removed == len(old.keys() - new.keys()) > 0
    both = old.keys() & new.keys()
    changed = {one for one in both if old[one]["content_id"] != new[one]["content_id"]}
    assert found.changed == len(changed) > 0
    expected = {}
    for one in old.keys() | new.keys():
        before, after = old.get(one), new.get(one)
        way = ((after or before)["source"], fate(before), fate(after))
        expected.setdefault(way, []).append(one)
    assert {(m.source, m.before, m.after): m.records for m in found.moves} == {
        way: len(ids) for way, ids in expected.items()
    }
    for move in found.moves:
        ids = expected[move.source, move.before, move.after]
        assert move.example.record_id == min(ids)
        assert move.example.key == (new.get(min(ids)) or old[min(ids)])["key"]
        assert move.changed == len(changed & set(ids))
    assert any(fate_change[0] == "kept" for fate_change in found.fate_changes)


def test_tokens_gained_and_lost_add_up(versions):
    _, first, second = versions
    found, old, new = compare(first, second), ledger(first), ledger(second)
    for one in found.sources:
        tokens = [
            {i: row["tokens"] or 0 for i, row in some.items() if row["source"] == one.name}
            for some in (old, new)
        ]
        assert [one.tokens_before, one.tokens_after] == [sum(some.values()) for some in tokens]
        steps = [tokens[1].get(i, 0) - tokens[0].get(i, 0) for i in tokens[0].keys() | tokens[1]]
        assert one.tokens_gained == sum(step for step in steps if step > 0)
        assert one.tokens_lost == -sum(step for step in steps if step < 0)
        assert one.tokens_after == one.tokens_before + one.tokens_gained - one.tokens_lost
    assert found.same_tokenizer


def test_reading_range_by_range_changes_nothing(versions, monkeypatch):
    _, first, second = versions
    whole = compare(first, second)
    monkeypatch.setattr(flows.comparison, "RECORDS_FOR_EDGES", 10**9)
    ranges = id_ranges(whole.records_after, at_once=10)
    assert len(ranges) > 1
    monkeypatch.setattr(flows.comparison, "id_ranges", lambda _: ranges)
    in_parts = compare(first, second)
    assert in_parts.moves == whole.moves
    assert in_parts.sources == whole.sources
    for ours, theirs in zip(in_parts.drift, whole.drift, strict=True):
        assert ours.model_dump() == pytest.approx(theirs.model_dump())


def test_ranges_leave_no_id_out_and_none_twice():
    for rows in (0, 5, 200, 5000):
        ranges = id_ranges(rows, at_once=10)
        assert ranges[0][0] <= "0" * 32
        assert ranges[-1][1] > "f" * 32
        assert all(one[1] == two[0] for one, two in itertools.pairwise(ranges))
        assert len(ranges) == 1 or len(ranges) * 10 >= rows


def test_a_version_does_not_differ_from_itself(versions):
    _, first, _ = versions
    found = compare(first, first)
    assert (found.added, found.removed, found.changed) == (0, 0, 0)
    assert found.fate_changes == found.arrivals == {}
    assert all(one.psi == 0 for one in found.drift)
    assert all(one.tokens_gained == one.tokens_lost == 0 for one in found.sources)


def test_a_ledger_that_lost_rows_is_named(versions, tmp_path):
    import shutil

    _, first, second = versions
    shutil.copytree(second, tmp_path / "broken")
    part = next((tmp_path / "broken" / "ledger").glob("*.parquet"))
    pl.read_parquet(part)[1:].write_parquet(part)
    with pytest.raises(VersionCorrupt, match="the manifest counts"):
        compare(first, tmp_path / "broken")


def test_one_version_is_compared_with_the_one_before_it(versions):
    warehouse, first, second = versions
    assert find_versions(warehouse, "edited", None) == (first, second)
    assert find_versions(warehouse, f"edited@{second.name}", f"edited@{first.name}") == (
        second,
        first,
    )
    with pytest.raises(VersionUnknown, match="the one before"):
        find_versions(warehouse, f"edited@{first.name}", None)


def test_the_command_prints_json_and_writes_a_page_that_runs_nothing(versions, tmp_path):
    warehouse, first, second = versions
    page = tmp_path / "diff.html"
    names = [f"edited@{one.name}" for one in (first, second)]
    result = CliRunner().invoke(
        app, ["diff", *names, "-w", str(warehouse.root), "--page", str(page), "--json"]
    )
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout.splitlines()[-1])
    assert said["added"] == compare(first, second).added
    structure = Structure(page.read_text(encoding="utf-8"))
    assert structure.problems == []
    assert not {"script", "img", "link", "iframe"} & set(structure.tags())
    assert names[1] in structure.text()
    assert "\x1b" not in result.output


def test_what_a_corpus_says_is_shown_and_not_obeyed(versions):
    from tests.flows.reports.page_structure import hidden_characters

    _, first, second = versions
    found = compare(first, second)
    (move,) = [one for one in found.moves if one.source == KEYED and one.records][:1]
    hostile = move.model_copy(
        update={
            "before": None,
            "records": 10**9,
            "example": move.example.model_copy(update={"key": HOSTILE}),
        }
    )
    page = render_comparison(found.model_copy(update={"moves": (hostile,)}))
    structure = Structure(page)
    assert "script" not in structure.tags()
    assert "alert(1)" in structure.text()
    assert hidden_characters(structure.text()) == []
    assert records_of([hostile]) == 10**9
