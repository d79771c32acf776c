import re

import numpy as np
import pyarrow as pa
import pytest

from data_contracts.errors import QualityModelInvalid, RecipeInvalid
from data_contracts.own_parts import resolve_part
from pipeline.clean.own import check_parts, decided_by, measure_own, measured_by
from pipeline.clean.quality.model import QualityModel, save_model
from pipeline.clean.recipe import CleanRecipe
from pipeline.clean.rules import decide
from pipeline.clean.signals import SIGNALS, own_fields
from tests.pipeline.clean.test_rules import GOOD, table

HEAD = "import pyarrow as pa\nimport pyarrow.compute as pc\n"
SIGNAL = "def f(texts: pa.Array) -> pa.Array:\n    return "
RULE = "def f(signals: pa.Table) -> pa.Array:\n    return "
TEXTS = pa.array(["", "ab", "中文 text"], pa.large_string())


def part(folder, source, name="f"):
    (folder / "mine.py").write_text(HEAD + source, encoding="utf-8")
    return resolve_part(f"mine:{name}", folder)


def with_signal(folder, body, **limits):
    own = {"mine": {"function": part(folder, SIGNAL + body), **limits}}
    return CleanRecipe.model_validate({"preset": "none", "own_signals": own})


def with_rule(folder, body):
    return CleanRecipe(preset="none", own_rules={"mine": part(folder, RULE + body)})


def test_a_signal_of_ones_own_is_measured_as_a_float(tmp_path):
    recipe = with_signal(tmp_path, "pc.utf8_length(texts)")
    check_parts(recipe)
    assert [field.name for field in own_fields(recipe)] == ["own_mine"]
    assert [one.to_pylist() for one in measure_own(TEXTS, recipe)] == [[0.0, 2.0, 7.0]]
    assert measure_own(TEXTS[1:2], recipe)[0].to_pylist() == [2.0]
    assert measure_own(TEXTS[:0], recipe)[0].to_pylist() == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("pa.array([1.0])", "1 values for 3 records"),
        ("pa.array([1.0, None, 2.0])", "1 nulls"),
        ("pa.array([1.0, float('nan'), 2.0])", "not finite"),
        ("pa.array([1.0, float('inf'), 2.0])", "not finite"),
        ("texts", "no numbers"),
        ("[1.0, 2.0, 3.0]", "it gave list"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_what_is_no_signal_is_told_with_its_place(tmp_path, body, problem):
    recipe = with_signal(tmp_path, body)
    with pytest.raises(RecipeInvalid, match=problem) as caught:
        measure_own(TEXTS, recipe)
    assert caught.value.field == "clean.own_signals.mine.function"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("pa.array([True])", "1 values for 2 records"),
        ("pa.array([True, None])", "1 nulls"),
        ("pa.array([1, 0])", "int64, not booleans"),
        ("signals['nothing']", "KeyError"),
    ],
)
def test_what_is_no_rule_is_told_with_its_place(tmp_path, body, problem):
    with pytest.raises(RecipeInvalid, match=problem) as caught:
        decide(table({}, {}), with_rule(tmp_path, body), {})
    assert caught.value.field == "clean.own_rules.mine"


def test_limits_and_rules_of_ones_own_drop_records_with_their_evidence(tmp_path):
    limited = with_signal(tmp_path, "pc.utf8_length(texts)", min=1, max=5)
    (tmp_path / "rules").mkdir()
    ruled = with_rule(tmp_path / "rules", "pc.greater(signals['words'], 600)")
    recipe = limited.model_copy(update={"own_rules": {"wordy": ruled.own_rules["mine"]}})
    signals = table({}, {"words": 700}, {"words": 700}, {})
    signals = signals.append_column(own_fields(recipe)[0], pa.array([5.0, 9.0, 2.0, 0.0]))
    found = {
        row["record_id"][-1]: row["reasons"] for row in decide(signals, recipe, {}).to_pylist()
    }
    own = {"rule": "own_rule", "threshold": 0.0}
    wordy = {"rule": "own_rule:wordy", "value": None, "threshold": None}
    assert found == {
        "1": [
            {**own, "value": 2.0},
            {"rule": "own_rule:mine", "value": 9.0, "threshold": 5.0},
            wordy,
        ],
        "2": [{**own, "value": 1.0}, wordy],
        "3": [{**own, "value": 1.0}, {"rule": "own_rule:mine", "value": 0.0, "threshold": 1.0}],
    }


def test_changed_code_is_another_recipe_and_its_place_is_not(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, moved = (with_signal(tmp_path / name, "pc.utf8_length(texts)") for name in "ab")
    assert measured_by(one) == measured_by(moved)
    assert decided_by(one) == decided_by(moved)
    changed = with_signal(tmp_path / "b", "pc.binary_length(texts)")
    assert measured_by(changed) != measured_by(one)
    stricter = with_signal(tmp_path / "a", "pc.utf8_length(texts)", max=3)
    assert measured_by(stricter) == measured_by(one)
    assert decided_by(stricter) != decided_by(one)
    ruled = [with_rule(tmp_path / "a", f"pc.greater(signals['words'], {n})") for n in (1,)]
    before = decided_by(ruled[0])
    with_rule(tmp_path / "a", "pc.greater(signals['words'], 2)")
    assert decided_by(ruled[0]) != before
    assert measured_by(ruled[0]) == []


def test_a_quality_model_counts_by_its_content(tmp_path):
    model = QualityModel(np.ones(8, np.float32), 0.0, {})
    save_model(model, tmp_path / "one")
    save_model(model, tmp_path / "same")
    save_model(model._replace(bias=1.0), tmp_path / "other")
    one, same, other, none = (
        CleanRecipe(quality_model=str(tmp_path / name)) for name in ("one", "same", "other", "none")
    )
    assert decided_by(one) == decided_by(same) != decided_by(other)
    for failing in (check_parts, measured_by):
        with pytest.raises(QualityModelInvalid, match="cannot be read"):
            failing(none)


def test_parts_are_checked_before_anything_is_read(tmp_path):
    wrong = CleanRecipe(own_rules={"mine": part(tmp_path, SIGNAL + "texts")})
    with pytest.raises(RecipeInvalid, match="no rule"):
        check_parts(wrong)
    with pytest.raises(RecipeInvalid, match="no module"):
        check_parts(CleanRecipe(own_rules={"mine": "nowhere_to_be_found:f"}))


@pytest.mark.parametrize("name", ["Upper", "a-b", "", "1st", "a b"])
def test_names_that_are_no_column_are_refused(name):
    with pytest.raises(ValueError, match=re.escape("own_rules")):
        CleanRecipe(own_rules={name: "mine:f"})


def test_own_columns_never_take_the_name_of_another():
    assert not any(name.startswith("own_") for name in SIGNALS.names)
    assert set(GOOD) <= set(SIGNALS.names)
