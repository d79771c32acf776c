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


@pytest.mark.slow
@pytest.mark.parametrize("hangs", [False, True], ids=["ends", "hangs"])
def test_a_stage_that_takes_too_long_is_stopped_and_the_next_run_continues(
    environment, tmp_path, hangs
):
    signals = {"own_signals": {"bytes": {"function": "slow:bytes_of"}}}
    recipe = write_corpus(tmp_path / "corpus", documents=20, clean=signals)
    recipe.with_name("slow.py").write_text(SLOW)
    recipe.with_name("hold").write_text("3600" if hangs else "25")
    warehouse = tmp_path / "warehouse"

    def run(**more):
        return subprocess.run(
            [MILL, "run", recipe, "--warehouse", warehouse],
            env=environment | more,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    stopped = run(**{STAGE_HOURS: str(20 / 3600)})
    assert stopped.returncode != 0
    said = stopped.stdout + stopped.stderr
    assert (ENDED if hangs else "timeout") in said, said
    assert (ENDED in said) == hangs
    assert (" in bytes_of" in said) == hangs  # the stacks name the batch that hangs
    assert recipe.with_name("entered").exists()
    store = Warehouse.existing(warehouse)
    assert store.names("datasets") == []

    recipe.with_name("hold").unlink()
    again = run()
    assert again.returncode == 0, again.stdout + again.stderr
    assert store.names("datasets") == ["corpus"]
