import subprocess
import sys

import pytest
from pydantic import ValidationError

from model.recipe import EvaluateRecipe, ShapeRecipe, TrainRecipe


def test_recipes_are_complete_by_default():
    assert TrainRecipe().shape == ShapeRecipe()
    assert EvaluateRecipe().baselines == ("unigram", "trigram")


def test_recipes_load_without_torch():
    code = "import sys, model.recipe; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_field_says_what_it_is():
    for recipe in (ShapeRecipe, TrainRecipe, EvaluateRecipe):
        for name, field in recipe.model_fields.items():
            assert field.description, f"{recipe.__name__}.{name}"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"shape": {"width": 100, "heads": 3}}, "3 heads"),
        ({"shape": {"width": 96, "heads": 32}}, "no even number"),
        ({"shape": {"width": 96, "heads": 3, "kv_heads": 2}}, "cannot share 2 kv_heads"),
        ({"batch_tokens": 64, "shape": {"context_tokens": 128}}, "under one window of 128"),
        ({"micro_batch_tokens": 64}, "micro_batch_tokens must be"),
        ({"warmup_ratio": 0.5, "decay_ratio": 0.6}, "must not be over 1"),
        ({"learning_rate": -1}, "greater than 0"),
        ({"learing_rate": 1e-3}, "Extra inputs"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused(wrong, said):
    with pytest.raises(ValidationError, match=said):
        TrainRecipe.model_validate(wrong)


def test_the_mlp_is_as_wide_as_a_plain_one_of_four_times_the_width_would_weigh():
    assert ShapeRecipe(width=192, heads=3).mlp_width_or_default == 512
    assert ShapeRecipe(width=128, heads=2).mlp_width_or_default == 352
    assert ShapeRecipe(mlp_width=100).mlp_width_or_default == 100
