"""The index page: trends, roles, what is overdue, and names that try to get out."""

from datetime import timedelta

from flows.freshness import Freshness
from flows.reports.index_page import render_index
from flows.reports.index_report import DatasetRow, IndexReport, ModelRow
from tests.flows.reports.crude_stages import WHEN
from tests.flows.reports.hostile_corpus import HOSTILE
from tests.flows.reports.page_structure import Structure, hidden_characters


def row(number, **more):
    given = {
        "version": f"{number:04d}-abcdef01", "created": WHEN + timedelta(days=number),
        "records_in": 100, "records_kept": 50 + number, "tokens": 1000 * number, "warnings": (),
        "roles": (),
    }  # fmt: skip
    return DatasetRow(**{**given, **more})


def model(number, bits):
    return ModelRow(
        version=f"{number:04d}-abcdef02", created=WHEN + timedelta(days=number),
        dataset="corpus@0001-abcdef01", parameters=5, validation=bits, test=None,
        failures=(HOSTILE,), warnings=(), roles=("production",),
    )  # fmt: skip


def report(due_days, versions=3):
    rows = tuple(row(number) for number in range(1, versions))
    rows += (row(versions, warnings=(HOSTILE,), roles=("candidate",)),)
    fresh = Freshness(name="corpus", version="v", checked=WHEN, due=WHEN + timedelta(days=due_days))
    return IndexReport(
        datasets={"corpus": rows},
        models={"corpus": (model(1, 2.5), model(2, None))},
        rejected=(("corpus", "0123456789abcdef"),),
        unreadable=(HOSTILE,),
        freshness={"corpus": fresh},
    )


def test_versions_are_listed_latest_first_with_their_roles():
    page = render_index(report(7), "warehouse", WHEN)
    text = Structure(page).text()
    assert text.index("0003-abcdef01") < text.index("0002-abcdef01") < text.index("0001-abcdef01")
    assert "candidate" in text
    assert "53.0%" in text
    assert "2.500" in text
    assert 'href="/datasets/rejected/corpus/0123456789abcdef/report.html"' in page


def test_trends_are_told_to_those_who_cannot_see_them():
    page = render_index(report(7), "warehouse", WHEN)
    labels = [
        names.get("aria-label", "") for tag, names in Structure(page).elements if tag == "svg"
    ]
    assert any(label.startswith("Tokens over 3 versions: 0001-abcdef01 1 k") for label in labels)
    assert any(label.startswith("Bits per byte, validation over 1 version") for label in labels)


def test_what_is_overdue_is_marked():
    assert "overdue" not in render_index(report(7), "warehouse", WHEN + timedelta(days=6))
    assert "overdue" in render_index(report(7), "warehouse", WHEN + timedelta(days=8))


def test_hostile_names_and_rules_stay_text():
    page = render_index(report(7, versions=60), HOSTILE, WHEN)
    structure = Structure(page)
    assert not structure.problems
    assert not hidden_characters(structure.text())
    assert "<script>document" not in page


def test_an_empty_warehouse_says_how_to_begin():
    empty = IndexReport(datasets={}, models={}, rejected=(), unreadable=())
    assert "mill run RECIPE" in render_index(empty, "warehouse", WHEN)
