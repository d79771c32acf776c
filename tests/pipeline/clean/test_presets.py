import pyarrow as pa
import pytest
from pydantic import ValidationError

from pipeline.clean.presets import FINEWEB2_BY_LANGUAGE, PRESETS, UNSPACED_LANGUAGES, per_character
from pipeline.clean.recipe import CleanRecipe, LineRules, Rules, UnspacedRules
from pipeline.clean.rules import RULES, decide
from pipeline.clean.signals import DEFINITIONS, SIGNALS

NAMES = ["default", *PRESETS]
GOOD = {
    "language": "en",
    "language_score": 1.0,
    "lines": 20,
    "sentences": 20,
    "words": 500,
    "mean_word_length": 5.0,
    "letter_word_ratio": 1.0,
    "stop_words": 8,
    "sentence_end_line_ratio": 1.0,
}


def judged(recipe, declared=None, **row):
    zeros = {one.name: 0 for one in DEFINITIONS}
    full = {"record_id": "0" * 32, "source": "books", **zeros, **GOOD, **row}
    table = pa.Table.from_pylist([full], schema=SIGNALS)
    found = decide(table, recipe, {"books": declared} if declared else {}).to_pylist()
    return {one["rule"]: one["threshold"] for one in found[0]["reasons"]} if found else {}


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_with_a_preset_is_complete_and_reads_back(name):
    recipe = CleanRecipe(preset=name)
    assert CleanRecipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert CleanRecipe.model_validate(recipe.model_dump()) == recipe
    assert judged(recipe) == {}


def test_presets_name_rules_that_there_are():
    for preset in PRESETS.values():
        sections = [preset.rules, preset.unspaced_rules, *preset.language_rules.values()]
        for thresholds in sections:
            assert set(thresholds) <= set(Rules.model_fields)
        assert set(preset.line_rules) <= set(LineRules.model_fields)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_set_counts_whatever_the_preset(name):
    recipe = CleanRecipe.model_validate(
        {"preset": name, "rules": {"min_words": 7, "max_words": None}, "line_rules": {"policy": 0}}
    )
    assert (recipe.rules.min_words, recipe.rules.max_words) == (7, None)
    assert not recipe.line_rules.policy
    assert CleanRecipe(preset=name, rules=Rules(min_words=7)).rules.min_words == 7


def test_every_rule_can_be_off_under_every_preset():
    off = dict.fromkeys(Rules.model_fields)
    for name in NAMES:
        recipe = CleanRecipe(preset=name, rules=Rules(**off))
        assert recipe.rules == CleanRecipe(preset="none").rules == Rules(**off)


def test_without_a_preset_the_defaults_of_the_fields_hold():
    assert CleanRecipe().rules == Rules()
    assert CleanRecipe().unspaced_rules == UnspacedRules()
    assert CleanRecipe().line_rules == LineRules()
    assert CleanRecipe().language_rules == {}


def test_none_drops_only_what_is_empty():
    row = {rule.signal: 0 if rule.breaks == "below" else 10**6 for rule in RULES}
    assert judged(CleanRecipe(preset="none"), **row) == {}
    assert set(judged(CleanRecipe(preset="none"), lines=0)) == {"empty"}


@pytest.mark.parametrize(
    ("name", "row", "reason", "threshold"),
    [
        ("gopher", {"words": 49}, "too_few_words", 50),
        ("gopher", {"words": 100_001}, "too_many_words", 100_000),
        ("gopher", {"duplicate_line_character_ratio": 0.21}, "repeated_lines", 0.2),
        ("gopher", {"duplicate_10gram_ratio": 0.101}, "repeated_phrases", 0.1),
        ("gopher", {"short_line_ratio": 1.0, "curly_brackets": 1}, None, None),
        ("c4", {"sentences": 2}, "too_few_sentences", 3),
        ("c4", {"curly_brackets": 1}, "curly_brackets", 0),
        ("c4", {"lorem_ipsum": 1}, "lorem_ipsum", 0),
        ("c4", {"words": 10, "duplicate_line_ratio": 1.0}, None, None),
        ("fineweb", {"sentences": 4}, "too_few_sentences", 5),
        ("fineweb", {"duplicate_line_character_ratio": 0.011}, "repeated_lines", 0.01),
        ("fineweb", {"sentence_end_line_ratio": 0.11}, "too_few_sentence_ends", 0.12),
        ("fineweb", {"short_line_ratio": 0.68}, "too_many_short_lines", 0.67),
        ("fineweb", {"line_break_ratio": 0.31}, "too_many_line_breaks", 0.3),
        ("fineweb2", {"duplicate_line_character_ratio": 0.09}, None, None),
        ("fineweb2", {"duplicate_paragraph_ratio": 1.0, "short_line_ratio": 1.0}, None, None),
        ("fineweb2", {"curly_brackets": 1, "sentences": 0}, None, None),
    ],
)
def test_a_preset_has_the_published_thresholds(name, row, reason, threshold):
    expected = {} if reason is None else {reason: threshold}
    assert judged(CleanRecipe(preset=name), **row) == expected


def test_c4_is_the_variant_that_made_the_corpus_and_fineweb_the_one_it_ran():
    c4, fineweb = (CleanRecipe(preset=name).line_rules for name in ("c4", "fineweb"))
    assert (c4.min_words, c4.max_word_length, c4.sentence_end) == (5, 1000, True)
    assert (fineweb.min_words, fineweb.max_word_length, fineweb.sentence_end) == (3, 1000, False)
    assert c4.javascript and c4.policy and c4.citations  # noqa: PT018
    assert CleanRecipe(preset="fineweb2").line_rules == LineRules()


@pytest.mark.parametrize(
    ("language", "lines", "ends", "letters", "breaks", "run_of_8", "run_of_10"),
    [
        ("zh", 0.287, 0.106, 0.735, 0.178, 0.198, 0.182),
        ("yue", 0.442, 0.111, 0.765, 0.238, 0.241, 0.216),
        ("ja", 0.328, 0.096, 0.759, 0.130, 0.243, 0.225),
    ],
)
def test_fineweb2_judges_single_characters_by_thresholds_made_for_words(
    language, lines, ends, letters, breaks, run_of_8, run_of_10
):
    rules = CleanRecipe(preset="fineweb2").language_rules[language]
    assert rules.max_duplicate_line_ratio == lines
    assert rules.min_sentence_end_line_ratio == ends
    assert rules.min_letter_word_ratio == letters
    assert rules.max_line_break_ratio == pytest.approx(breaks / 1.6, abs=1e-4)
    assert rules.max_duplicate_8gram_ratio == rules.max_duplicate_9gram_ratio == run_of_8
    assert rules.max_duplicate_10gram_ratio == run_of_10
    assert rules.max_duplicate_5gram_ratio is rules.max_mean_word_length is None
    assert rules.max_duplicate_line_character_ratio == 0.1
    assert (rules.min_words, rules.min_stop_words) == (80, 2)


def test_fineweb2_judges_korean_words_by_its_thresholds_for_korean():
    rules = CleanRecipe(preset="fineweb2").language_rules["ko"]
    published = FINEWEB2_BY_LANGUAGE["ko"]
    assert rules.model_dump(exclude_none=True) == published
    assert (published["min_mean_word_length"], published["max_mean_word_length"]) == (1, 6)
    row = {"language": "ko", "mean_word_length": 2.5}
    assert judged(CleanRecipe(preset="fineweb2"), **row) == {}
    assert judged(CleanRecipe(preset="gopher"), **row) == {"words_too_short": 3}


def test_a_language_is_judged_by_its_own_thresholds():
    recipe = CleanRecipe(preset="fineweb2")
    row = {"unspaced_ratio": 1.0, "language": "zh", "duplicate_line_ratio": 0.29}
    assert judged(recipe, **row) == {"repeated_lines": 0.287}
    assert judged(recipe, declared="yue", **row) == {}  # told as zh, vouched for as yue
    assert judged(recipe, **{**row, "language": "th"}) == {}
    only_yue = recipe.model_copy(update={"languages": ("zh",)})
    assert judged(only_yue, declared="yue", **row) == {}


def test_thresholds_of_a_language_build_on_those_of_its_script():
    recipe = CleanRecipe.model_validate(
        {"rules": {"max_words": 9}, "language_rules": {"de": {"min_words": 5}, "th": {}}}
    )
    assert recipe.language_rules["de"] == Rules(min_words=5, max_words=9)
    assert recipe.language_rules["th"].min_words == UnspacedRules().min_words
    assert "th" in UNSPACED_LANGUAGES


def test_thresholds_per_word_become_thresholds_per_character():
    words = {"min_words": 50, "max_hash_ratio": 0.1, "max_top_2gram_ratio": 0.2, "min_sentences": 3}
    assert per_character(words) == {
        "min_words": 80,
        "max_hash_ratio": 0.0625,
        "min_sentences": 3,
        "max_top_3gram_ratio": 0.2,
        "max_top_4gram_ratio": 0.2,
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"preset": "goofer"},
        {"preset": ["gopher"]},
        {"preset": "gopher", "rules": 3},
        {"preset": "gopher", "rules": {"min_word": 3}},
        {"preset": "fineweb2", "language_rules": {"zh": {"min_word": 3}}},
        {"language_rules": {"Chinese": {}}},
        {"rules": 3, "language_rules": {"en": {}}},
        {"language_rules": {"en": 3}},
        {"language_rules": 3},
    ],
)
def test_what_is_no_recipe_is_refused(wrong):
    with pytest.raises(ValidationError):
        CleanRecipe.model_validate(wrong)
