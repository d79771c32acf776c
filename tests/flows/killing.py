"""Kills builds with SIGKILL, at random moments and at random changes of the file system.

    python -m tests.flows.killing FOLDER --kills 200 --seed 0

A round begins with a warehouse of one version and an edited corpus. Builds of the next version are
killed a few times, each continuing where the last one was; after each kill whoever reads the
warehouse must find whole versions only. Then one may end: its bytes must be those of a build that
nobody disturbed. This process imports the mill and never runs it; children that are forked off it do.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import great_expectations  # noqa: F401 - imported once, not in each child
import numpy as np

import pipeline.clean.stage
import pipeline.dedup.stage
import pipeline.ingest.stage
import pipeline.shard.stage
import pipeline.validate.stage  # noqa: F401 - the same
from data_contracts.gate import require_passed
from data_contracts.manifest import DatasetManifest
from data_contracts.reasons import Stage
from data_contracts.warehouse import Warehouse
from flows.arithmetic import check_books
from tests.flows.dataset_runs import build
from tests.flows.editing import EditedCorpus
from tests.flows.version_bytes import content

MOST_KILLS = 4  # in one round
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.truncate"}


class Ended(NamedTuple):
    """How a child ended."""

    killed: bool
    seconds: float
    changes: int
    """Of the file system, within the warehouse (as Python sees them), of a child that was not
    killed."""


class Outcome(NamedTuple):
    """What all rounds came to."""

    kills: int
    rounds: int
    by_stage: dict[str, int]
    """Where the kills fell; `between` stages, before or after them."""
    by_kind: dict[str, int]


def run_rounds(folder: Path, kills: int, seed: int) -> Outcome:
    """Kill so many builds, and check what is left after each kill and after each round.

    Raises:
        AssertionError: A reader saw half a version, or the bytes differ.
    """
    rng = np.random.default_rng(seed)
    corpus = EditedCorpus(20)
    recipe = corpus.write(folder / "corpus")
    base, undisturbed = folder / "base", folder / "undisturbed"
    _child(partial(build, recipe, base))
    for number in range(4):
        corpus.add(number, number, number)
        corpus.change(9 * number, number, number)
        corpus.delete(5 * number, number, number)
        corpus.near_copy(7 * number, number, number)
    recipe = corpus.write(folder / "corpus")
    shutil.copytree(base, undisturbed)
    whole = _child(partial(build, recipe, undisturbed), watched=undisturbed)
    expected = content(_versions(undisturbed)[-1])
    done, rounds = 0, 0
    stages, kinds = Counter[str](), Counter[str]()
    while done < kills:
        rounds += 1
        warehouse = Path(shutil.copytree(base, folder / f"round-{rounds}"))
        work, look = partial(build, recipe, warehouse), partial(_read_all, warehouse)
        for _ in range(int(rng.integers(1, MOST_KILLS + 1))):
            after, change = float(rng.uniform(0, whole.seconds)), None
            if rng.random() < 0.5:
                after, change = None, int(rng.integers(1, whole.changes + 1))
            ended = _child(work, watched=warehouse, after=after, change=change)
            _child(look)
            if not ended.killed or done == kills:
                break
            done += 1
            stages[_stage_of(warehouse)] += 1
            kinds["by time" if change is None else "by change"] += 1
        _child(work)
        versions = _versions(warehouse)
        assert len(versions) == 2, versions
        assert content(versions[-1]) == expected, "other bytes than an undisturbed run"
        _child(look)
        shutil.rmtree(warehouse)
    return Outcome(done, rounds, dict(stages), dict(kinds))


def _child(
    work: Callable[[], Any],
    *,
    watched: Path | None = None,
    after: float | None = None,
    change: int | None = None,
) -> Ended:
    """Run something in a child.

    Args:
        work: What to run; an error there is one here.
        watched: The folder whose changes count.
        after: Kill it after so many seconds.
        change: Let it die in front of this change.
    """
    started = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        status = 1
        try:
            changes = _count_changes(watched, change) if watched is not None else [0]
            work()
            os.write(writing, str(changes[0]).encode())
            status = 0
        except BaseException:  # noqa: BLE001 - the parent must hear of it, whatever it is
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    os.close(writing)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reading) as answer:
        said = answer.read()
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed:
        assert os.WIFEXITED(status), f"signal {os.WTERMSIG(status)}"
        assert os.WEXITSTATUS(status) == 0, "the child failed; see above"
    return Ended(killed, time.monotonic() - started, int(said or 0))


def _count_changes(watched: Path, deadly: int | None) -> list[int]:
    """Count changes from now on; die in front of the deadly one."""
    count = [0]

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        is_change = event in CHANGES or (event == "open" and bool(arguments[2] & WRITES))
        if is_change and isinstance(arguments[0], str | bytes | Path):
            if not Path(os.fsdecode(arguments[0])).absolute().is_relative_to(watched):
                return
            count[0] += 1
            if count[0] == deadly:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hear)
    return count


def _read_all(warehouse: Path) -> None:
    """Read all versions as their users do: every one that is there is whole."""
    for version in _versions(warehouse):
        manifest = DatasetManifest.load(version)
        manifest.verify(version)
        check_books(version, manifest)
        require_passed(version)


def _versions(warehouse: Path) -> list[Path]:
    store = Warehouse.existing(warehouse)
    return [
        store.version_folder("datasets", "edited", one)
        for one in store.versions("datasets", "edited")
    ]


def _stage_of(warehouse: Path) -> str:
    """Tell which stage was at work."""
    for stage in Stage:
        for run in warehouse.glob(f"cache/{stage}/runs/*"):
            if not (run / "result.json").exists():
                return stage.value
    return "publish" if list(warehouse.glob("datasets/*/.*.partial")) else "between"


def main() -> None:
    """Run it from the command line; print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(json.dumps(run_rounds(given.folder.absolute(), given.kills, given.seed)._asdict()))


if __name__ == "__main__":
    main()
