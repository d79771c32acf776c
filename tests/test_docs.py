"""Every user-visible thing is documented."""

import re

import pytest
import typer

from data_contracts.reasons import Reason
from flows.cli import app
from flows.explain import drop_reasons, error_classes, recipe_fields
from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_end_in_json(name):
    assert "--json" in {option for one in _ways(COMMANDS[name]) for option in one.opts}


def _ways(command):
    """The parameters of a command, or of the commands under it."""
    below = getattr(command, "commands", {}).values()
    return [one for part in below for one in part.params] or command.params


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_is_in_the_readme(name):
    assert COMMANDS[name].help
    assert f"mill {name}" in README
    for parameter in COMMANDS[name].params:
        assert getattr(parameter, "help", None), f"mill {name}: {parameter.name} has no help"


def test_every_field_reason_and_error_is_explained_in_a_sentence():
    for entry in [*recipe_fields(), *drop_reasons(), *error_classes()]:
        assert re.search(r"\w{3}.*\w{3}", entry.text), f"{entry.name} is not explained"
    assert [entry.name for entry in drop_reasons()] == [reason.value for reason in Reason]


def test_the_readmes_paths_exist():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in link:
            assert (REPOSITORY / link).exists(), f"README links to {link}, which is not there"


def test_the_readmes_make_targets_exist():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`?make (\w+)`?", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target} is not there"


def test_changes_are_told():
    assert "## Unreleased" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
