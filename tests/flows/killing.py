"""Kills builds with SIGKILL, at random moments and at random changes of the file system.

    python -m tests.flows.killing FOLDER --kills 200 --seed 0
    python -m tests.flows.killing FOLDER --kills 30 --flows

A round begins with a warehouse of one version and an edited corpus. Builds of the next version are
killed a few times, each continuing where the last one was; after each kill whoever reads the
warehouse must find whole versions only. Then one may end: its bytes must be those of a build that
nobody disturbed. Before that, three runs at once on one warehouse must not disturb each other. This process imports the mill and never runs it; children that are forked off it do.

With `--flows` a child runs the Prefect flow `refresh` instead of the stages alone, report and all,
beside a real server. Every other time the server is killed with it, and started again.
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
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import great_expectations  # noqa: F401 - imported once, not in each child
import numpy as np

import pipeline.clean.stage
import pipeline.dedup.stage
import pipeline.ingest.stage
import pipeline.shard.stage
import pipeline.validate.stage  # noqa: F401 - the same
from data_contracts.errors import WarehouseBusy
from data_contracts.gate import require_passed
from data_contracts.manifest import DatasetManifest
from data_contracts.reasons import Stage
from data_contracts.warehouse import Warehouse
from flows.arithmetic import check_books
from tests.flows.dataset_runs import build
from tests.flows.editing import EditedCorpus
from tests.flows.killable_server import KillableServer
from tests.flows.version_bytes import content

Content = dict[str, bytes]
HISTORY = {"report.html"}  # a flow writes in it how the version came to be
MOST_KILLS = 4  # in one round
FAILED, BUSY = 1, 75  # exit codes of children
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.truncate"}


class Ended(NamedTuple):
    """How a child ended."""

    how: Literal["done", "killed", "busy"]
    """Busy: another one was writing the dataset."""
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


def run_rounds(
    folder: Path, kills: int, seed: int, server: KillableServer | None = None
) -> Outcome:
    """Kill so many builds, and check what is left after each kill and after each round.

    Args:
        folder: Everything lies in it.
        kills: How many.
        seed: Decides when.
        server: Runs, and builds are flows beside it; None: builds are stages alone.

    Raises:
        AssertionError: A reader saw half a version, the bytes differ, or runs disturbed each other.
    """
    rng = np.random.default_rng(seed)
    corpus = EditedCorpus(20)
    recipe = corpus.write(folder / "corpus")
    base, undisturbed = folder / "base", folder / "undisturbed"
    run = build if server is None else _refresh
    _child(partial(run, recipe, base))
    for number in range(4):
        corpus.add(number, number, number)
        corpus.change(9 * number, number, number)
        corpus.delete(5 * number, number, number)
        corpus.near_copy(7 * number, number, number)
    recipe = corpus.write(folder / "corpus")
    shutil.copytree(base, undisturbed)
    whole = _child(partial(run, recipe, undisturbed), watched=undisturbed)
    expected = _content(_versions(undisturbed)[-1])
    if server is None:
        _check_at_once(folder, corpus, base, expected)
    done, rounds = 0, 0
    stages, kinds = Counter[str](), Counter[str]()
    while done < kills:
        rounds += 1
        warehouse = Path(shutil.copytree(base, folder / f"round-{rounds}"))
        work, look = partial(run, recipe, warehouse), partial(_read_all, warehouse)
        for _ in range(int(rng.integers(1, MOST_KILLS + 1))):
            after, change = float(rng.uniform(0, whole.seconds)), None
            if rng.random() < 0.5:
                after, change = None, int(rng.integers(1, whole.changes + 1))
            too = server if server is not None and rng.random() < 0.5 else None
            ended = _child(work, watched=warehouse, after=after, change=change, too=too)
            _child(look)
            if ended.how != "killed" or done == kills:
                break
            done += 1
            stages[_stage_of(warehouse)] += 1
            kinds["by time" if change is None else "by change"] += 1
            kinds["with the server"] += too is not None
        _child(work)
        versions = _versions(warehouse)
        assert len(versions) == 2, versions
        assert _content(versions[-1]) == expected, "other bytes than an undisturbed run"
        _child(look)
        shutil.rmtree(warehouse)
    return Outcome(done, rounds, dict(stages), dict(kinds))


class _Child(NamedTuple):
    """A child at work."""

    process: int
    answer: int
    """What it says in the end is read here."""
    started: float


def _start(
    work: Callable[[], Any], *, watched: Path | None = None, change: int | None = None
) -> _Child:
    """Fork a child.

    Args:
        work: What it runs.
        watched: The folder whose changes count.
        change: It dies in front of this one.
    """
    started = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return _Child(child, reading, started)
    os.close(reading)
    status = FAILED
    try:
        changes = _count_changes(watched, change) if watched is not None else [0]
        work()
        os.write(writing, str(changes[0]).encode())
        status = 0
    except WarehouseBusy:
        status = BUSY
    except BaseException:  # noqa: BLE001 - the parent must hear of it, whatever it is
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _finish(child: _Child) -> Ended:
    """Wait for a child; an error in it is one here."""
    with os.fdopen(child.answer) as answer:
        said = answer.read()
    _, status = os.waitpid(child.process, 0)
    seconds = time.monotonic() - child.started
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, f"signal {os.WTERMSIG(status)}"
        return Ended("killed", seconds, 0)
    assert os.WEXITSTATUS(status) != FAILED, "the child failed; see above"
    return Ended("busy" if os.WEXITSTATUS(status) == BUSY else "done", seconds, int(said or 0))


def _child(
    work: Callable[[], Any],
    *,
    watched: Path | None = None,
    after: float | None = None,
    change: int | None = None,
    too: KillableServer | None = None,
) -> Ended:
    """Run something in a child to its end, or AFTER so many seconds to another one.

    Args:
        work: What it runs.
        watched: As of `_start`.
        after: Seconds after which it is killed.
        change: As of `_start`.
        too: Killed with it, and started again.
    """
    child = _start(work, watched=watched, change=change)
    if after is not None:
        time.sleep(after)
        os.kill(child.process, signal.SIGKILL)
    else:
        os.waitid(os.P_PID, child.process, os.WEXITED | os.WNOWAIT)
    if too is not None:
        too.kill()
    ended = _finish(child)
    if too is not None:
        too.start()
    return ended


def _refresh(recipe: Path, warehouse: Path) -> None:
    """Run the flow; Prefect was imported, and talks to the server that the environment names."""
    from flows.recipe import load_recipe
    from flows.refresh import refresh

    refresh(recipe=load_recipe(recipe), warehouse=warehouse)


def _content(version: Path) -> Content:
    return {name: data for name, data in content(version).items() if name not in HISTORY}


def _check_at_once(folder: Path, corpus: EditedCorpus, base: Path, expected: Content) -> None:
    """Start three runs on one warehouse: two of one dataset, of which one is refused, and another.

    They share caches and the memo of hashes. What comes out is what comes out of each alone.
    """
    warehouse = Path(shutil.copytree(base, folder / "at-once"))
    mine = partial(build, folder / "corpus" / "recipe.yaml", warehouse)
    other = corpus.write(folder / "other", name="other")
    children = [_start(one) for one in (mine, mine, partial(build, other, warehouse))]
    how = [_finish(one).how for one in children]
    assert sorted(how[:2]) in (["busy", "done"], ["done", "done"]), how
    assert how[2] == "done"
    _child(partial(_read_all, warehouse))
    assert _content(_versions(warehouse)[-1]) == expected, "other bytes than of one run alone"
    alone = folder / "alone"
    _child(partial(build, other, alone, lock=_versions(warehouse, "other")[-1]))
    assert content(_versions(warehouse, "other")[-1]) == content(_versions(alone, "other")[-1])


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


def _versions(warehouse: Path, name: str = "edited") -> list[Path]:
    store = Warehouse.existing(warehouse)
    versions = store.versions("datasets", name)
    return [store.version_folder("datasets", name, one) for one in versions]


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
    parser.add_argument("--flows", action="store_true", help="kill Prefect flows")
    given = parser.parse_args()
    folder = given.folder.absolute()
    with KillableServer(folder / "prefect") if given.flows else nullcontext() as server:
        if given.flows:
            import flows.refresh  # noqa: F401 - imported once, when the server is known
        print(json.dumps(run_rounds(folder, given.kills, given.seed, server)._asdict()))


if __name__ == "__main__":
    main()
