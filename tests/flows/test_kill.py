"""A process killed at any moment leaves the old state or the new one; a rerun continues.

`python -m tests.flows.killing FOLDER --kills 200` does the same more often.
"""

import json
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY


@pytest.mark.slow
def test_killed_again_and_again_a_build_ends_in_the_bytes_of_an_undisturbed_one(tmp_path):
    command = [sys.executable, "-W", "ignore", "-m", "tests.flows.killing", str(tmp_path)]
    done = subprocess.run(
        [*command, "--kills", "3", "--seed", "4"],
        capture_output=True,
        check=False,
        text=True,
        cwd=REPOSITORY,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert outcome["kills"] == 3
