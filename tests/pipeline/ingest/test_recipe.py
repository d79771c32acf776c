"""A recipe says what it means, and refuses what it cannot."""

import pytest
from pydantic import ValidationError

from pipeline.ingest.recipe import IngestRecipe, Source


@pytest.mark.parametrize("name", ["a", "0", "python-docs", "a" * 63])
def test_a_source_has_a_short_plain_name(name):
    assert Source(name=name, path="x").name == name


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "Novels"},
        {"name": "-a"},
        {"name": "a b"},
        {"name": "a\x1fb"},
        {"name": "a" * 64},
        {"name": "a\n"},
        {"path": ""},
        {"format": "docx"},
        {"language": "English"},
        {"text_field": ""},
        {"colour": "red"},
    ],
    ids=str,
)
def test_a_source_that_is_wrong_is_refused(wrong):
    with pytest.raises(ValidationError):
        Source(**{"name": "mill", "path": "x"} | wrong)


def test_the_least_source_has_a_name_and_a_path():
    source = Source(name="mill", path="x")
    assert (source.format, source.text_field, source.key_field) == ("auto", "text", None)


def test_every_setting_has_a_default_and_a_help_text():
    for model in (Source, IngestRecipe):
        assert all(field.description for field in model.model_fields.values())
    assert IngestRecipe() == IngestRecipe.model_validate({})
