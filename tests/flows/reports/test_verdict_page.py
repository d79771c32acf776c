import pytest

from data_contracts.results import Interval
from data_contracts.verdict import Comparison, SourceDifference, Verdict
from flows.reports.difference_figure import difference_figure
from flows.reports.verdict_page import render_verdict
from tests.flows.reports.hostile_corpus import HOSTILE
from tests.flows.reports.page_structure import Structure, hidden_characters


def interval(value):
    return Interval(value=value, low=value - 0.01, high=value + 0.01)


def comparison(verdict=Verdict.BETTER, sources=("books", "web"), name="demo@0002-00000000"):
    return Comparison(
        candidate=name,
        production="demo@0001-00000000",
        candidate_dataset="demo@0002-11111111",
        production_dataset="demo@0001-11111111",
        held_out_in_both=40,
        seen_in_training=3,
        documents=37,
        text_bytes=81_000,
        candidate_bits_per_byte=interval(2.1),
        production_bits_per_byte=interval(2.2),
        difference=interval(-0.1),
        margin=0.005,
        verdict=verdict,
        sources={
            name: SourceDifference(documents=18, text_bytes=40_000, difference=interval(-0.05))
            for name in sources
        },
    )


@pytest.fixture(scope="module")
def page():
    return render_verdict(comparison())


def test_both_models_the_difference_and_each_source_are_shown(page):
    text = Structure(page).text()
    for said in (
        "2.1000 2.0900 to 2.1100", "-0.1000 -0.1100 to -0.0900", "-0.0500 -0.0600 to -0.0400",
        "demo@0001-11111111", "37 of the 40 documents", "3 were left out", "is better", "web",
    ):  # fmt: skip
        assert said in text
    assert Structure(page).problems == []


def test_no_side_is_named_where_there_is_no_room():
    words = {}
    for low in (-0.5, -0.02, 0.0):
        rows = [("all", Interval(value=0.25, low=low, high=0.5), "accent")]
        picture = difference_figure(rows, 0.005, 343).on_page("", "", {})
        words[low] = [word for word in ("better", "worse") if f"{word}</text>" in picture]
    assert words == {-0.5: ["better", "worse"], -0.02: ["worse"], 0.0: ["worse"]}


def test_a_single_document_has_no_interval():
    lone = SourceDifference(
        documents=1, text_bytes=9, difference=Interval(value=0.25, low=0.25, high=0.25)
    )
    found = comparison().model_copy(update={"sources": {"lone": lone}})
    text = Structure(render_verdict(found)).text()
    assert "+0.2500" in text
    assert "+0.250 to" not in text
    assert "+0.2500 to" not in text


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_is_put_in_words(verdict):
    assert f"demo@0002-00000000 {'may be' if verdict == 'inconclusive' else 'is '}" in Structure(
        render_verdict(comparison(verdict))
    ).text().replace("\n", " ")


def test_hostile_names_add_no_element(page):
    hostile = render_verdict(comparison(sources=(HOSTILE, "web"), name=HOSTILE))
    assert Structure(hostile).tags() == Structure(page).tags()
    assert Structure(hostile).problems == []
    assert hidden_characters(hostile) == []


def test_equal_comparisons_give_equal_bytes(page):
    assert render_verdict(comparison()) == page
