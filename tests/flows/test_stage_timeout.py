"""A stage that takes longer than MILL_STAGE_HOURS is stopped, and the next run continues."""

import subprocess
import sys
from pathlib import Path

import pytest

from data_contracts.warehouse import Warehouse
from flows.tasks import STAGE_HOURS
from tests.flows.corpora import write_corpus

MILL = Path(sys.executable).with_name("mill")
# A signal of the recipe's own that takes its time while a file is there: so many seconds.
SLOW = """
import time
from pathlib import Path
import pyarrow as pa

HERE = Path(__file__).parent

def bytes_of(texts: pa.Array) -> pa.Array:
    (HERE / "entered").touch()
    if (HERE / "hold").exists():
        time.sleep(float((HERE / "hold").read_text()))
    return pa.array([float(len(text)) for text in texts.to_pylist()])
"""
ENDED = "what it is at cannot be stopped: the run was ended"


LIMIT_SECONDS = 16
CASES = {"ends": LIMIT_SECONDS + 4, "hangs": 3600}


def start(environment, folder, **more):
    return subprocess.Popen(
        [MILL, "run", folder / "corpus" / "recipe.yaml", "--warehouse", folder / "warehouse"],
        env=environment | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def stopped(environment, tmp_path_factory):
    """A run of each case, both begun at once as they mostly wait: its folder and process."""
    runs = {}
    signals = {"own_signals": {"bytes": {"function": "slow:bytes_of"}}}
    for case, seconds in CASES.items():
        folder = tmp_path_factory.mktemp(case)
        recipe = write_corpus(folder / "corpus", documents=20, clean=signals)
        recipe.with_name("slow.py").write_text(SLOW)
        recipe.with_name("hold").write_text(str(seconds))
        limited = start(environment, folder, **{STAGE_HOURS: str(LIMIT_SECONDS / 3600)})
        runs[case] = folder, limited
    yield runs
    for _, run in runs.values():
        run.kill()
        run.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_stage_that_takes_too_long_is_stopped_and_the_next_run_continues(
    environment, stopped, case
):
    folder, run = stopped[case]
    hangs = case == "hangs"
    said, _ = run.communicate(timeout=300)
    assert run.returncode != 0
    assert (ENDED if hangs else "timeout") in said, said
    assert (ENDED in said) == hangs
    assert (" in bytes_of" in said) == hangs  # the stacks name the batch that hangs
    assert (folder / "corpus" / "entered").exists()
    store = Warehouse.existing(folder / "warehouse")
    assert store.names("datasets") == []

    (folder / "corpus" / "hold").unlink()
    again = start(environment, folder)
    said, _ = again.communicate(timeout=300)
    assert again.returncode == 0, said
    assert store.names("datasets") == ["corpus"]
