import numpy as np
import pytest

from flows.near import NearDocument
from flows.reports.reading_page import MAP_TOKENS, render_reading
from model.reading import Explanation, Reading
from tests.flows.reports.hostile_corpus import HOSTILE
from tests.flows.reports.page_structure import Structure, hidden_characters

PIECES = ("The", " mill", " turns", "\n")


def reading(pieces=PIECES, *, label=None, predicted="the", tokens=None):
    count = len(pieces)
    size = tokens or count + 1
    attention = np.tril(np.ones((2, 3, size, size), np.float32))
    attention /= attention.sum(-1, keepdims=True)
    shares = np.linspace(-1, 2, count)
    place = -1 if label else count
    explained = [Explanation(place, label or predicted, 0.25, shares, -4.5, 0.0004)]
    if not label:
        early = np.where(np.arange(count) < 2, 0.5, 0.0)
        explained.append(Explanation(2, predicted, 0.001, early, -9.0, -0.0004))
    text = "".join(pieces)
    return Reading(
        text=text,
        cut=tokens is not None,
        pieces=pieces,
        bits=None if label else np.linspace(0.5, 17, count),
        text_bytes=len(text.encode()),
        alternatives=() if label else (((predicted, 0.5), ("x", 0.1)),) * count,
        attention_LHTT=attention,
        explanations=tuple(explained),
        chances={label: 0.7, "other": 0.3} if label else {},
    )


def near(text, key):
    return NearDocument(
        dataset="demo@0001-1f2e3d4c", record_id="0" * 32, similarity=0.125, estimate=0.1,
        source="novels", key=key, path="a.jsonl", position=3, split="train", text=text,
    )  # fmt: skip


@pytest.fixture(scope="module")
def page():
    return render_reading(reading(), "demo", [near("Once a mill", "k1")], "demo@0001-1f2e3d4c")


def test_cost_reasons_heads_and_near_documents_are_shown(page):
    structure = Structure(page)
    text = structure.text()
    for words in ("17.0", "“the” 50.0%", "“the” with 25.0%", "adds +2.00"):
        assert words in text
    assert "0.125 · novels · k1" in text
    assert structure.tags().count("svg") >= 6
    assert structure.problems == []
    assert 'class="heat-8"' in page
    assert '<span class="wanted"' in page


def test_squares_are_those_of_the_weights():
    page = render_reading(reading(), "demo", None, None)
    first = page.split('aria-label="Layer 1, head 1">')[1].split("</svg>")[0]
    # Row n shares its attention over n + 1 tokens: 1, 1/2, 1/3 …
    assert 'fill-opacity="1.0" d="M0 0h1v1h-1z"' in first
    assert first.count("M") == 15
    assert 'href="#near"' not in page


def test_a_classifiers_page_shows_its_classes():
    page = render_reading(reading(label="glad"), "demo", [], "demo")
    text = Structure(page).text()
    assert "The class “glad” with 25.0%" in text
    assert "No document shares a run" in text
    assert 'id="cost"' not in page


def test_hostile_text_adds_no_element(page):
    hostile = reading((HOSTILE, "<b>", HOSTILE, "\u202e"), predicted=HOSTILE)
    found = render_reading(hostile, HOSTILE, [near(HOSTILE, HOSTILE)], HOSTILE)
    assert Structure(found).tags() == Structure(page).tags()
    assert Structure(found).problems == []
    assert hidden_characters(found) == []
    classes = render_reading(reading(label=HOSTILE), HOSTILE, [], HOSTILE)
    assert Structure(classes).problems == []


def test_a_long_text_is_drawn_in_part_and_that_is_said():
    page = render_reading(reading(tokens=MAP_TOKENS + 6), "demo", None, None)
    text = Structure(page).text()
    assert f"The first {MAP_TOKENS} of {MAP_TOKENS + 6} tokens are drawn." in text
    assert "cut to what the model sees" in text


def test_equal_readings_give_equal_bytes(page):
    again = render_reading(reading(), "demo", [near("Once a mill", "k1")], "demo@0001-1f2e3d4c")
    assert again == page
