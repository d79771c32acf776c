"""Whatever hangs is ended, with the stacks that say where; what ends in time is left alone."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

PROGRAM = """
import re, subprocess, sys, threading, time
from flows.watchdog import ended_when_it_hangs

def sleeps():
    time.sleep(600)

def backtracks():  # and holds Python's lock: no other thread runs
    re.fullmatch("(a+)+b", 60 * "a")

def ends():
    time.sleep(0.1)

child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
with ended_when_it_hangs("clean", 0.5):
    thread = threading.Thread(target=globals()[sys.argv[1]])
    thread.start()
    thread.join()
child.kill()
print("went on")
"""


def run(what):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, what],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("what", ["sleeps", "backtracks"])
def test_what_hangs_is_ended_with_all_that_it_started(what):
    ended = run(what)
    assert ended.returncode == -signal.SIGKILL
    assert "clean did not end within MILL_STAGE_HOURS" in ended.stderr
    assert f" in {what}" in ended.stderr  # the stack of the thread that hangs
    child = int(ended.stdout)
    deadline = time.monotonic() + 20
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the child is still there"
        time.sleep(0.1)


def test_what_ends_in_time_goes_on():
    ended = run("ends")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("went on\n")
