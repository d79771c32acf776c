"""A Prefect server for the tests of flows: one per session, in a temporary home."""

import os

import pytest


@pytest.fixture(scope="session")
def prefect_api():
    """A temporary server and database; flows called in a test run against it."""
    from prefect.settings import (
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_SERVER_ANALYTICS_ENABLED,
        temporary_settings,
    )
    from prefect.testing.utilities import prefect_test_harness

    # The heartbeat's thread is joined at the end of every flow and sleeps a second.
    with (
        temporary_settings({PREFECT_SERVER_ANALYTICS_ENABLED: False}),
        prefect_test_harness(server_startup_timeout=120),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


@pytest.fixture(scope="session")
def environment(prefect_api):
    """The surroundings of a command: the session's Prefect server, and nothing of the user's."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        url = str(client.api_url).rstrip("/")
    return {**os.environ, "PREFECT_API_URL": url, "COLUMNS": "200"}


@pytest.fixture(scope="session")
def first_run(prefect_api, tmp_path_factory):
    """A whole refresh of a small corpus, model included, shared by the tests that only look."""
    from flows.recipe import load_recipe
    from flows.refresh import refresh
    from tests.flows.corpora import TINY_TRAINING, write_corpus

    folder = tmp_path_factory.mktemp("first")
    recipe = write_corpus(folder / "corpus", **TINY_TRAINING)
    summary = refresh(recipe=load_recipe(recipe), warehouse=folder / "warehouse")
    return recipe, folder / "warehouse", summary
