import pytest

from flows.reports.translate_page import render_translated
from model.supervised.translate import TranslateResult
from model.supervised.translation_scores import score
from tests.flows.reports.hostile_corpus import HOSTILE
from tests.flows.reports.page_structure import Structure, hidden_characters

SOURCES = [f"ein Hund und {'noch ' * number}eine Katze" for number in range(20)]
REFERENCES = [f"a dog and {'another ' * number}cat" for number in range(20)]


def result(sources=SOURCES, references=REFERENCES, spoil=""):
    translations = [
        " ".join(text.split()[: 20 - number]) + spoil for number, text in enumerate(references)
    ]
    return TranslateResult(
        scores=score(sources, references, translations, 1), parameters=100_000, seconds=3.0,
        processor_seconds=5.0, translation_processor_seconds=2.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def page():
    return render_translated(result(), "de-en")


def test_scores_signatures_lengths_and_samples_are_shown(page):
    scores, text = result().scores, Structure(page).text()
    for one in (scores.bleu_lowercase, scores.bleu, scores.chrf, scores.by_length[0].chrf):
        assert f"{one.value:.2f} {one.low:.2f} to {one.high:.2f}" in text
    assert scores.bleu_lowercase.signature in text
    for sample in (scores.samples[0], scores.samples[-1]):
        assert sample.source in text
        assert sample.reference in text
        assert sample.translation in text
    assert Structure(page).problems == []


def test_hostile_texts_add_no_element(page):
    sources = [f"{HOSTILE} {text}" for text in SOURCES]
    hostile = render_translated(result(sources, spoil=HOSTILE), HOSTILE)
    assert set(Structure(hostile).tags()) == set(Structure(page).tags())
    assert Structure(hostile).problems == []
    assert hidden_characters(hostile) == []


def test_equal_results_give_equal_bytes(page):
    assert render_translated(result(), "de-en") == page
