"""A small dataset and a model to make reports of."""

import pytest

from tests.flows.reports.crude_stages import Made, make_dataset
from tests.flows.reports.crude_training import make_model
from tests.flows.reports.hostile_corpus import small_corpus


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A dataset version that passed its contract, with hostile text in it."""
    return make_dataset(tmp_path_factory.mktemp("dataset"), small_corpus())


@pytest.fixture(scope="session")
def rejected(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What a failed gate leaves."""
    return make_dataset(tmp_path_factory.mktemp("rejected"), small_corpus(), passed=False)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A model version whose sample is hostile."""
    return make_model(tmp_path_factory.mktemp("model"))
