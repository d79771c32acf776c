"""Settings shared by all tests."""

import signal
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The first call of a kernel compiles it: a deadline would fail there and nowhere else.
settings.register_profile("mill", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mill")

REPOSITORY = Path(__file__).resolve().parents[1]
CORPORA = REPOSITORY.parent / "shared" / "data"


def pytest_configure():
    """Let Ctrl-C be pressed: what a shell starts in the background ignores it, its children too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Begin with the files of slow tests: begun last, one would go on when all others have ended."""
    tests, slow = Counter(), Counter()
    for item in items:
        tests[item.path] += 1
        slow[item.path] += item.get_closest_marker("slow") is not None
    items.sort(key=lambda item: (-slow[item.path], -tests[item.path], item.path))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root."""
    return REPOSITORY
