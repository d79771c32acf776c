import pytest

from model.recipe import ShapeRecipe, TrainRecipe
from model.size import sized_shape


def test_the_dial_gives_the_published_small_models():
    assert sized_shape(10_000_000) == {"layers": 6, "width": 384, "heads": 6}
    assert sized_shape(85_000_000) == {"layers": 12, "width": 768, "heads": 12}


def test_the_rules_are_olmos_at_their_reference_size():
    recipe = TrainRecipe(size=108_000_000)
    assert recipe.learning_rate == pytest.approx(0.0047 / 2)
    assert recipe.batch_tokens == 2048 * 160
    assert recipe.budget_tokens == 20 * 108_000_000


def test_what_the_recipe_says_itself_stays():
    recipe = TrainRecipe.model_validate(
        {"size": 10**7, "learning_rate": 0.5, "shape": {"layers": 3, "context_tokens": 64}}
    )
    assert recipe.learning_rate == 0.5
    assert (recipe.shape.layers, recipe.shape.width) == (3, 384)
    assert recipe.batch_tokens % 64 == 0


def test_a_recipe_written_down_and_read_again_is_the_same():
    recipe = TrainRecipe(size=3 * 10**6, shape=ShapeRecipe(width=64, heads=2))
    assert recipe.shape.layers == ShapeRecipe().layers  # a shape given whole is taken whole
    assert TrainRecipe.model_validate(recipe.model_dump()) == recipe
    assert TrainRecipe.model_validate_json(recipe.model_dump_json()) == recipe
