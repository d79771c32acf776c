import itertools
import re

import pytest
from markupsafe import escape

from data_contracts.contract_diff import RuleChange, Way
from data_contracts.reasons import meaning
from flows.reports.dataset_page import render_dataset
from flows.reports.dataset_report import DatasetReport, Origin, gather_dataset
from flows.reports.formats import count
from flows.reports.page import script_source, table_script
from tests.flows.reports.crude_stages import make_dataset
from tests.flows.reports.hostile_corpus import HOSTILE, sentence
from tests.flows.reports.page_structure import Structure, hidden_characters


@pytest.fixture(scope="module")
def report(dataset):
    return gather_dataset(dataset.folder, Origin.of(dataset.manifest), dataset.results)


@pytest.fixture(scope="module")
def page(report):
    return render_dataset(report)


def rows_of(page, caption):
    """Give a table's body and foot as lists of cell texts."""
    table = re.search(rf"<caption[^>]*>{caption}</caption>(.*?)</table>", page, re.DOTALL).group(1)
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)[1:]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in row] for row in cells]


def test_the_shown_numbers_are_those_of_the_ledger(page, dataset):
    rows = rows_of(page, "Records in, dropped and kept, per source")
    for row in rows[:-1]:
        own = [one for one in dataset.records if one.source == row[0]]
        numbers = [int(cell.replace(",", "")) for cell in row[1:-1]]
        assert numbers[0] == len(own)
        assert numbers[-1] == sum(one.reason is None for one in own)
        assert numbers[0] == sum(numbers[1:])
    assert int(rows[-1][1].replace(",", "")) == len(dataset.records)


def test_reasons_add_up_to_what_is_missing(page, dataset):
    shown = re.findall(r'<summary>.*?<span class="n">([\d,]+)</span>', page, re.DOTALL)
    dropped = sum(one.reason is not None for one in dataset.records)
    assert sum(int(number.replace(",", "")) for number in shown) == dropped


def test_each_reason_is_explained_with_examples(page, report):
    text = Structure(page).text()
    for one in report.quality.reasons:
        assert meaning(one.reason).replace("`", "") in text
        assert one.examples[0].path in text


def test_equal_reports_give_equal_bytes(page, dataset):
    again = gather_dataset(dataset.folder, Origin.of(dataset.manifest), dataset.results)
    assert render_dataset(again) == page


def test_nothing_is_loaded_and_nothing_is_executed_but_our_own_script(page):
    assert re.findall(r"<script>(.*?)</script>", page, re.DOTALL) == [table_script()]
    assert f"script-src {escape(script_source())};" in page
    for tag, attributes in Structure(page).elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "form", "base"}
        assert not [
            name for name in attributes if name.startswith("on") or name in {"style", "src"}
        ]
        assert attributes.get("href", "#").startswith("#")
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src &#39;none&#39;" in page


def test_every_element_is_closed_in_turn(page):
    assert Structure(page).problems == []


def test_hostile_text_adds_no_element(page, report):
    tame = DatasetReport.model_validate(_tamed(report.model_dump()))
    assert Structure(render_dataset(tame)).tags() == Structure(page).tags()


def _tamed(value):
    """Put a letter in place of every character that means something in HTML."""
    if isinstance(value, str):
        return value.translate(dict.fromkeys(map(ord, "<>&\"'"), "x"))
    if isinstance(value, dict):
        return {key: _tamed(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_tamed(one) for one in value]
    return value


def test_hostile_text_is_there_to_be_read(page):
    text = Structure(page).text()
    assert "<script>document.title='owned'</script>" in text
    assert "⟦U+202E⟧gnp.exe" in text
    assert "{{ 7*7 }}" in text


def test_nothing_invisible_reaches_the_page(page):
    assert hidden_characters(page) == []


def test_headings_are_in_order_and_landmarks_are_there(page):
    tags = Structure(page).tags()
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert {"header", "nav", "main", "footer"} <= set(tags)


def test_every_figure_and_table_has_a_name(page):
    structure = Structure(page)
    for tag, attributes in structure.elements:
        if tag == "svg":
            assert attributes.get("aria-label") or attributes.get("aria-hidden") == "true"
    assert structure.tags().count("table") == structure.tags().count("caption")


def test_links_within_the_page_lead_somewhere(page):
    elements = Structure(page).elements
    targets = {attributes["id"] for _, attributes in elements if "id" in attributes}
    links = {attributes["href"][1:] for tag, attributes in elements if tag == "a"}
    assert links <= targets
    assert len(targets) == sum("id" in attributes for _, attributes in elements)


def test_places_of_this_machine_are_not_told(report):
    recipe = {"name": "demo", "sources": [{"path": "/home/someone/corpora/books"}]}
    origin = report.origin.model_copy(update={"recipe": recipe})
    page = render_dataset(report.model_copy(update={"origin": origin}))
    assert "someone" not in page
    assert "…/books" in page


def test_a_rejected_dataset_says_so_and_shows_no_tokens(rejected):
    origin = Origin.of(rejected.manifest).model_copy(update={"version": None})
    page = render_dataset(gather_dataset(rejected.folder, origin, rejected.results[:-1]))
    text = Structure(page).text()
    assert "Nothing was published, nothing was trained" in text
    assert "record_id is unique: <b>3</b> repeats" in text
    assert Structure(page).problems == []


def test_a_large_corpus_of_many_sources_stays_under_two_megabytes(tmp_path):
    corpus = {
        f"source-{n}": [(f"{n}/{k}", sentence(100 * n + k, 8 + k)) for k in range(12)]
        for n in range(120)
    }
    made = make_dataset(tmp_path, corpus)
    page = render_dataset(gather_dataset(made.folder, Origin.of(made.manifest), made.results))
    assert len(page.encode()) < 2_000_000
    assert "113 more sources" in page


def test_an_empty_source_is_shown_as_empty(tmp_path):
    made = make_dataset(tmp_path, {"full": [("a", sentence(1, 40))], "empty": []})
    page = render_dataset(gather_dataset(made.folder, Origin.of(made.manifest), made.results))
    assert [row[:2] for row in rows_of(page, "Records in, dropped and kept, per source")] == [
        ["full", "1"],
        ["empty", "0"],
        ["All sources", count(1)],
    ]


def test_a_page_stays_small_whatever_there_is_to_show(tmp_path):
    long = "x" * 2000 + HOSTILE
    corpus = {
        f"source-{n}": [(f"{long} {n} {k}", sentence(n * 100 + k, 40)) for k in range(25)]
        for n in range(64)
    }
    made = make_dataset(tmp_path / "big", corpus)
    quality = made.quality.model_copy(
        update={
            "signals": {
                f"{name}_{n}": one for name, one in made.quality.signals.items() for n in range(30)
            },
            "languages": {
                f"{a}{b}": one
                for one in [next(iter(made.quality.languages.values()))]
                for a in "abcdefgh"
                for b in "abcdefgh"
            },
        }
    )
    report = gather_dataset(made.folder, Origin.of(made.manifest), made.results)
    page = render_dataset(report.model_copy(update={"quality": quality}))
    assert len(quality.signals) > 100
    assert len(page.encode()) < 5_000_000


def test_rules_that_became_looser_are_told(dataset):
    change = RuleChange(
        contract="a", rule="a.b", way=Way.LOOSER, before="critical: <b>", after=None
    )
    report = gather_dataset(
        dataset.folder, Origin.of(dataset.manifest), dataset.results, contract_changes=[change]
    )
    page = render_dataset(report)
    assert '<span class="tag bad">looser</span>' in page
    assert "critical: &lt;b&gt;" in page
