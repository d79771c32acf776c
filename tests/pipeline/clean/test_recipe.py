import pytest
from pydantic import ValidationError

from pipeline.clean.recipe import CleanRecipe, Rules, UnspacedRules
from pipeline.clean.rules import RULES
from pipeline.clean.signals import MODEL_QUALITY, SIGNALS


def test_every_threshold_has_a_rule_and_every_rule_a_threshold_and_a_signal():
    assert [rule.setting for rule in RULES] == list(Rules.model_fields)
    assert list(UnspacedRules.model_fields) == list(Rules.model_fields)
    assert {rule.signal for rule in RULES} <= {*SIGNALS.names, MODEL_QUALITY.name}


def test_a_rule_on_quality_needs_a_model():
    with pytest.raises(ValidationError, match="needs a `quality_model`"):
        CleanRecipe(rules=Rules(min_quality=0.5))
    with pytest.raises(ValidationError, match="needs a `quality_model`"):
        CleanRecipe(language_rules={"en": Rules(min_quality=0.5)})
    assert CleanRecipe(rules=Rules(min_quality=0.5), quality_model="m.safetensors")


def test_every_setting_is_explained():
    for model in (CleanRecipe, Rules, UnspacedRules):
        assert all(field.description for field in model.model_fields.values())


def test_a_misspelt_rule_is_refused():
    with pytest.raises(ValidationError, match="min_word"):
        CleanRecipe.model_validate({"rules": {"min_word": 5}})


@pytest.mark.parametrize("code", ["English", "EN", "e", "zh-CN"])
def test_what_is_no_language_code_is_refused(code):
    with pytest.raises(ValidationError, match="is not a language code"):
        CleanRecipe(languages=(code,))


def test_a_recipe_reads_back_from_json():
    recipe = CleanRecipe(languages=("en", "zh"), rules=Rules(min_words=None))
    assert CleanRecipe.model_validate_json(recipe.model_dump_json()) == recipe
