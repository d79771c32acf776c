import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.reasons import Reason
from data_contracts.schemas import DECISIONS
from pipeline.clean.recipe import CleanRecipe, Rules, UnspacedRules
from pipeline.clean.rules import RULES, decide
from pipeline.clean.signals import DEFINITIONS, MODEL_QUALITY, SIGNALS
from pipeline.clean.stop_words import STOP_WORDS

GOOD = {
    "language": "en",
    "language_score": 1.0,
    "lines": 20,
    "words": 500,
    "mean_word_length": 5.0,
    "letter_word_ratio": 1.0,
    "stop_words": 8,
}
OFF = {rule.setting: None for rule in RULES}
NO_RULES = CleanRecipe(rules=Rules(**OFF), unspaced_rules=UnspacedRules(**OFF))


def table(*rows):
    zeros = {one.name: 0 for one in DEFINITIONS}
    full = [
        {"record_id": f"{n:032x}", "source": "books", "model_quality": 1.0, **zeros, **GOOD, **row}
        for n, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(full, schema=pa.schema([*SIGNALS, MODEL_QUALITY]))


def reasons(row, recipe=CleanRecipe(), declared=None):  # noqa: B008
    decisions = decide(table(row), recipe, declared or {}).to_pylist()
    return decisions[0]["reasons"] if decisions else []


def test_good_text_passes():
    assert reasons({}) == []
    assert reasons({"unspaced_ratio": 1.0, "mean_word_length": 0.0, "language": "zh"}) == []


def test_all_failing_rules_are_recorded_with_value_and_threshold_in_documented_order():
    row = {"words": 3, "hash_ratio": 0.5, "duplicate_line_ratio": 0.9, "top_2gram_ratio": 0.3}
    decisions = decide(table({}, row), CleanRecipe(), {})
    assert decisions.schema.equals(DECISIONS)
    assert decisions.to_pylist() == [
        {
            "record_id": f"{1:032x}",
            "reason": "too_few_words",
            "reasons": [
                {"rule": "too_few_words", "value": 3.0, "threshold": 50.0},
                {"rule": "too_many_symbols", "value": 0.5, "threshold": 0.1},
                {"rule": "repeated_lines", "value": 0.9, "threshold": 0.3},
                {"rule": "repeated_phrases", "value": 0.3, "threshold": 0.2},
            ],
            "survivor_id": None,
            "similarity": None,
        }
    ]


def test_rules_stand_in_the_order_of_reasons():
    order = [list(Reason).index(rule.reason) for rule in RULES]
    assert order == sorted(order)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.setting)
def test_each_rule_fires_past_its_threshold_and_not_at_it(rule):
    recipe = NO_RULES.model_copy(update={"rules": Rules(**{**OFF, rule.setting: 1})})
    past = 2 if rule.breaks == "above" else 0
    assert reasons({rule.signal: 1}, recipe) == []
    assert [one["rule"] for one in reasons({rule.signal: past}, recipe)] == [rule.reason.value]
    assert reasons({rule.signal: past}, NO_RULES) == []


def test_documents_in_scripts_without_spaces_have_their_own_thresholds():
    recipe = CleanRecipe(rules=Rules(min_words=100), unspaced_rules=UnspacedRules(min_words=10))
    assert reasons({"words": 50, "unspaced_ratio": 0.6}, recipe) == []
    assert [one["threshold"] for one in reasons({"words": 50, "unspaced_ratio": 0.4}, recipe)] == [
        100
    ]


def test_a_language_without_a_list_is_not_judged_by_stop_words():
    assert "sw" not in STOP_WORDS
    assert reasons({"stop_words": 0, "language": "sw"}) == []
    assert reasons({"stop_words": 0})[0]["rule"] == "too_few_stop_words"


def test_text_without_a_line_is_empty_first():
    assert reasons({"lines": 0, "words": 0})[0] == {"rule": "empty", "value": 0, "threshold": None}


ENGLISH = CleanRecipe(languages=("en",))


@pytest.mark.parametrize(
    ("language", "score", "recipe", "declared", "expected"),
    [
        ("en", 0.9, ENGLISH, None, None),
        ("de", 0.9, ENGLISH, None, "wrong_language"),
        ("de", 0.4, ENGLISH, None, "uncertain_language"),
        ("und", 0.0, ENGLISH, None, "uncertain_language"),
        ("de", 0.9, CleanRecipe(), None, None),
        ("und", 0.0, CleanRecipe(), None, None),
        ("de", 0.9, CleanRecipe(), "en", "wrong_language"),
        ("de", 0.4, CleanRecipe(), "en", None),
        ("und", 0.0, CleanRecipe(), "zh-TW", None),
        ("zh", 0.9, CleanRecipe(), "zh-TW", None),
        ("und", 0.0, ENGLISH, "en", None),
        ("und", 0.0, ENGLISH, "zh", "wrong_language"),
        (
            "de",
            0.4,
            CleanRecipe(languages=("en",), min_language_score=None),
            None,
            "wrong_language",
        ),
    ],
)
def test_a_believed_language_counts_else_the_declared_one(
    language, score, recipe, declared, expected
):
    row = {"language": language, "language_score": score}
    found = [one["rule"] for one in reasons(row, recipe, {"books": declared} if declared else {})]
    assert [one for one in found if "language" in one] == ([expected] if expected else [])


rows = st.lists(
    st.fixed_dictionaries(
        {
            rule.signal: st.floats(0, 2) if "ratio" in rule.signal else st.integers(0, 200)
            for rule in RULES
        }
        | {"unspaced_ratio": st.sampled_from([0.0, 1.0])}
    ),
    min_size=1,
    max_size=5,
)
thresholds = st.one_of(st.none(), st.floats(0, 1))


@given(rows, st.sampled_from(RULES), thresholds, thresholds)
def test_a_stricter_recipe_never_keeps_more(signals, rule, one, other):
    loosest = float("inf") if rule.breaks == "above" else float("-inf")
    strictness = [loosest if limit is None else limit for limit in (one, other)]
    ordered = sorted(zip(strictness, (one, other), strict=True), key=lambda pair: pair[0])
    limits = [limit for _, limit in ordered]
    strict, loose = limits if rule.breaks == "above" else reversed(limits)
    dropped = []
    for limit in (strict, loose):
        rules = CleanRecipe(
            quality_model="any",
            rules=Rules().model_copy(update={rule.setting: limit}),
            unspaced_rules=UnspacedRules().model_copy(update={rule.setting: limit}),
        )
        dropped.append(set(decide(table(*signals), rules, {})["record_id"].to_pylist()))
    assert dropped[1] <= dropped[0]


@given(rows)
def test_a_record_is_judged_alone(signals):
    together = decide(table(*signals), CleanRecipe(), {}).to_pylist()
    alone = [decide(table(row), CleanRecipe(), {}).to_pylist() for row in signals]
    assert [one["reasons"] for one in together] == [row[0]["reasons"] for row in alone if row]
