from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from data_contracts.errors import RecipeInvalid
from flows.explain import drop_reasons, error_classes, recipe_fields
from flows.recipe import Recipe, load_recipe, parse_recipe
from tests.conftest import REPOSITORY

LEAST = {"name": "corpus", "sources": [{"name": "books", "path": "books/*.jsonl"}]}
RECIPES = sorted((REPOSITORY / "deployments" / "recipes").glob("*.yaml"))


def test_a_name_and_a_source_are_enough():
    recipe = parse_recipe(LEAST, "r.yaml")
    assert recipe.train is not None
    assert recipe.dedup.jaccard_threshold == 0.8


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_bundled_recipes_are_valid(path):
    assert load_recipe(path).sources


def test_training_can_be_left_out():
    assert parse_recipe({**LEAST, "train": None}, "r.yaml").train is None


def test_a_recipe_survives_json():
    recipe = parse_recipe(LEAST, "r.yaml")
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert "validate" in recipe.model_dump(mode="json")


def test_paths_count_from_the_recipes_folder(tmp_path):
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(LEAST))
    assert load_recipe(tmp_path / "r.yaml").sources[0].path == str(tmp_path / "books/*.jsonl")


def test_urls_stay_as_they_are():
    content = {**LEAST, "sources": [{"name": "books", "path": "s3://bucket/books"}]}
    assert parse_recipe(content, "r").at(Path("/x")).sources[0].path == "s3://bucket/books"


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"dedup": {"jaccard_treshold": 0.7}}, "dedup.jaccard_treshold", "`jaccard_threshold`"),
        ({"dedup": {"jaccard_threshold": 7}}, "dedup.jaccard_threshold", "less than or equal to 1"),
        ({"sorces": []}, "sorces", "Did you mean `sources`?"),
        ({"name": "My Corpus"}, "name", "'My Corpus'"),
        ({"sources": []}, "sources", "at least 1"),
        ({"sources": [{"name": "a"}]}, "sources.0.path", "missing"),
        ({"sources": [{"name": "a", "pth": "x"}]}, "sources.0", "pth"),
        ({"validate": {"contrct": "x"}}, "validate.contrct", "`contracts`"),
        ({"train": {"shape": {"layrs": 2}}}, "train.shape.layrs", "`layers`"),
    ],
)
def test_a_wrong_recipe_names_the_field_and_the_fix(change, field, message):
    with pytest.raises(RecipeInvalid) as caught:
        parse_recipe({**LEAST, **change}, "r.yaml")
    assert caught.value.field.startswith(field)
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


def test_two_sources_of_one_name_are_refused():
    content = {**LEAST, "sources": LEAST["sources"] * 2}
    with pytest.raises(RecipeInvalid, match="two sources are named `books`"):
        parse_recipe(content, "r.yaml")


@pytest.mark.parametrize(
    ("content", "problem"),
    [("name: [", "not YAML"), ("- a", "a recipe is a mapping"), ("\x00", "not YAML")],
)
def test_a_file_that_is_no_recipe_is_named(tmp_path, content, problem):
    (tmp_path / "r.yaml").write_text(content)
    with pytest.raises(RecipeInvalid, match=problem):
        load_recipe(tmp_path / "r.yaml")


def test_a_misspelt_file_name_is_met_with_the_right_one(tmp_path):
    (tmp_path / "demo.yaml").write_text(yaml.safe_dump(LEAST))
    with pytest.raises(RecipeInvalid, match=r"Did you mean .*demo\.yaml"):
        load_recipe(tmp_path / "dmeo.yaml")


def test_every_field_reason_and_error_is_explained():
    for entry in [*recipe_fields(), *drop_reasons(), *error_classes()]:
        assert len(entry.text) > 10, f"{entry.name} is not explained"


def test_every_default_is_in_place():
    def check(model: type[BaseModel], path: str) -> None:
        for name, field in model.model_fields.items():
            if field.is_required():
                assert path in {"Recipe", "Source"}, f"{path}.{name} has no default"
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                check(field.annotation, field.annotation.__name__)

    check(Recipe, "Recipe")
