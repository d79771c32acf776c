"""The model's scorecard, held to its contract."""

import pytest

from data_contracts.results import Interval
from flows.recipe import parse_recipe
from flows.scorecard import judge_scorecard
from tests.flows.reports.crude_training import guessing, make_model


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model"))


def judged(made, tmp_path, evaluated=None, **settings):
    source = {"name": "a", "path": "a.jsonl"}
    recipe = parse_recipe(
        {"name": "demo", "sources": [source], "validate": settings}, tmp_path / "recipe.yaml"
    )
    result = judge_scorecard(recipe, made.trained, evaluated or made.evaluated)
    return result, {one.rule: one for one in result.checks if not one.passed}


def worse_by(made, bits):
    """Figures of a model that needs so many bits more for a byte."""

    def moved(one):
        if one.predictor != "model":
            return one
        old = one.bits_per_byte
        more = Interval(value=old.value + bits, low=old.low + bits, high=old.high + bits)
        return one.model_copy(update={"bits_per_byte": more})

    return made.evaluated.model_copy(update={"figures": tuple(map(moved, made.evaluated.figures))})


def test_a_good_model_passes_every_rule(made, tmp_path):
    result, broken = judged(made, tmp_path)
    assert result.passed
    assert not broken
    assert [one.label for one in result.contracts] == ["corpusmill.scorecard 1.0.0"]


def test_an_encoder_is_judged_without_bits_per_byte(made, tmp_path):
    result, broken = judged(made, tmp_path, guessing(made.evaluated))
    assert result.passed
    assert not broken
    assert any(one.rule.startswith("scores.") for one in result.checks)


def test_a_model_worse_than_a_baseline_is_marked(made, tmp_path):
    result, broken = judged(made, tmp_path, worse_by(made, 1.0))
    assert result.passed
    assert set(broken) == {"scorecard.margin_over_baselines.better"}
    stopped, _ = judged(made, tmp_path, worse_by(made, 1.0), warnings_stop=True)
    assert not stopped.passed


def test_a_model_worse_than_no_model_breaks_its_contract(made, tmp_path):
    result, broken = judged(made, tmp_path, worse_by(made, 7.0))
    assert not result.passed
    assert broken["scores.bits_per_byte.not_worse_than_bytes"].severity == "critical"


def test_an_own_contract_may_ask_for_more(made, tmp_path):
    own = tmp_path / "own.odcs.yaml"
    own.write_text(
        "apiVersion: v3.1.0\nkind: DataContract\nid: mine\nversion: 1.0.0\nstatus: active\nschema:\n"
        "- name: scorecard\n  quality:\n  - {id: big, type: sql, severity: critical,\n"
        "     query: SELECT MIN(parameters) FROM scorecard, mustBeGreaterOrEqualTo: 10000000}\n",
        encoding="utf-8",
    )
    result, broken = judged(made, tmp_path, contracts=[str(own)])
    assert set(broken) == {"mine/scorecard.big"}
    assert not result.passed
