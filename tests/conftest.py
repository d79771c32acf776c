"""Settings shared by all tests."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The first call of a kernel compiles it: a deadline would fail there and nowhere else.
settings.register_profile("mill", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mill")

REPOSITORY = Path(__file__).resolve().parents[1]
CORPORA = REPOSITORY.parent / "shared" / "data"


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root."""
    return REPOSITORY
