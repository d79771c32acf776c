"""The deployments as they are declared."""

import importlib
import json

import pytest
import yaml

from flows.places import listed_recipes
from tests.conftest import REPOSITORY

DEPLOYMENTS = yaml.safe_load((REPOSITORY / "deployments" / "prefect.yaml").read_text())[
    "deployments"
]
STAGES = {"ingest", "clean", "dedup", "validate", "shard", "train", "evaluate"}
WHOLE = {"refresh", "refresh-and-retrain", "retrain", "backfill"}
KEEPING = {"promote", "rollback", "maintenance", "watch"}


def test_every_flow_is_deployed():
    assert {one["name"] for one in DEPLOYMENTS} == STAGES | WHOLE | KEEPING


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda one: one["name"])
def test_a_deployment_sets_every_parameter_that_its_form_shows(deployment):
    module, name = deployment["entrypoint"].rsplit(".", 1)
    known = set(getattr(importlib.import_module(module), name).parameters.properties)
    assert set(deployment["parameters"]) <= known
    assert deployment["description"]
    assert "corpusmill" in deployment["tags"]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda one: one["name"])
def test_a_one_click_run_has_valid_parameters(deployment, monkeypatch):
    module, name = deployment["entrypoint"].rsplit(".", 1)
    flow = getattr(importlib.import_module(module), name)
    parameters = json.loads(
        json.dumps(deployment["parameters"]).replace("{{ $MILL_WAREHOUSE }}", "w")
    )
    monkeypatch.chdir(REPOSITORY)
    valid = flow.validate_parameters(parameters)
    if "recipe" in valid:
        assert valid["recipe"].exists()
    assert all("description" in one for one in flow.parameters.properties.values())


def test_what_changes_anything_by_a_schedule_is_off_until_it_is_switched_on():
    schedules = {
        (one["name"], schedule["slug"]): schedule["active"]
        for one in DEPLOYMENTS
        for schedule in one.get("schedules", [])
    }
    assert schedules == {
        ("refresh-and-retrain", "weekly"): False,
        ("maintenance", "weekly"): False,
        ("watch", "daily"): True,  # it only tells
    }


def test_forms_list_the_recipes_of_the_mill_and_of_the_users_folder(tmp_path, monkeypatch):
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv("MILL_RECIPES", str(tmp_path))
    assert listed_recipes() == ["deployments/recipes/demo.yaml", str(tmp_path / "mine.yaml")]
