"""An encoder's figures wherever a model's are shown: guesses of hidden tokens, and no bits per byte."""

import pytest

from flows.model_card import model_card
from flows.reports.artifacts import evaluate_markdown
from flows.reports.model_page import render_model
from flows.reports.model_report import gather_model
from flows.summary import ModelSummary
from flows.terminal import _print_figures
from tests.flows.reports.crude_training import guessing
from tests.flows.reports.page_structure import Structure


@pytest.fixture(scope="module")
def evaluated(model):
    return guessing(model.evaluated)


def test_the_page_shows_guesses_and_leaves_out_what_a_decoder_does(model, evaluated):
    page = render_model(gather_model(model.folder, model.manifest, model.trained, evaluated))
    text = Structure(page).text()
    for said in ("4,321", "57", "0.375 0.312 to 0.500", "4.500 4.250 to 5.000", "37.5%"):
        assert said in text
    for anchor in ("scores", "sources", "samples", "tasks"):
        assert f'"#{anchor}"' not in page
        assert f'id="{anchor}"' not in page
    assert Structure(page).problems == []


def test_the_page_of_a_decoder_says_nothing_of_hidden_tokens(model):
    page = render_model(gather_model(model.folder, model.manifest, model.trained, model.evaluated))
    assert 'id="hidden"' not in page


def test_prefect_the_card_and_the_terminal_say_the_same(model, evaluated, capsys):
    told = evaluate_markdown(evaluated)
    assert "| 0.375 | 0.312 to 0.500 | 4.500 | 4.250 to 5.000 |" in told
    assert "Samples" not in told

    card = model_card(model.manifest, model.trained, evaluated)
    assert "| hidden tokens guessed, test split, model | 0.3750 | 0.3125 to 0.5000 |" in card
    assert "| bits per hidden token, test split, frequency | 7.5000 |" in card
    assert "AutoModelForCausalLM" not in card
    assert "AutoModelForCausalLM" in model_card(model.manifest, model.trained, model.evaluated)

    summary = ModelSummary(
        name="demo", version="1", path=model.folder, report=model.folder, created=True,
        parameters=9, figures=(), hidden=evaluated.hidden, beats_baselines=True,
    )  # fmt: skip
    _print_figures(summary)
    shown = capsys.readouterr().out
    assert "hidden tokens of test, model: 37.5% guessed (31.2%–50.0%), 4.500 bits each" in shown
    assert "bits per byte" not in shown
