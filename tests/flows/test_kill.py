"""A process killed at any moment leaves the old state or the new one; a rerun continues."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from data_contracts.reasons import Stage
from data_contracts.warehouse import Warehouse
from tests.conftest import REPOSITORY
from tests.flows.corpora import write_corpus

BUILD = """
    import os, sys, time
    from pathlib import Path
    from data_contracts.warehouse import Warehouse
    from flows import publish, release, steps
    from flows.plan import make_plan
    from flows.recipe import load_recipe

    wait_in = sys.argv[3] if len(sys.argv) > 3 else None

    def hear(stage):
        def listen(done, total, unit, note=""):
            if stage == wait_in:
                os.write(1, f"{stage}\\n".encode())  # whole: several threads may tell
                time.sleep(60)
        return listen

    def render(folder, manifest):
        if wait_in == "publish":
            print("publish", flush=True)
            time.sleep(60)
        return "report"

    warehouse = Warehouse.create(Path(sys.argv[2]))
    plan = make_plan(load_recipe(Path(sys.argv[1])), warehouse)
    with warehouse.lease(plan.recipe.name):
        ingested = steps.run_ingest(plan, hear("ingest"))
        cleaned = steps.run_clean(plan, ingested, hear("clean"))
        deduped = steps.run_dedup(plan, cleaned, hear("dedup"))
        validated = steps.run_validate(plan, ingested, cleaned, deduped, hear("validate"))
        sharded = steps.run_shard(plan, cleaned, deduped, validated, hear("shard"))
        results = publish.DataResults(
            ingested=ingested, cleaned=cleaned, deduped=deduped, validated=validated, sharded=sharded,
            released=release.judge(plan, validated, sharded),
        )
        print(publish.publish_dataset(plan, results, render).path)
"""


def _start(recipe: Path, warehouse: Path, *wait_in: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(BUILD), str(recipe), str(warehouse), *wait_in],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )


def _build(recipe: Path, warehouse: Path) -> Path:
    output, _ = (process := _start(recipe, warehouse)).communicate(timeout=300)
    assert process.returncode == 0
    return Path(output.strip().splitlines()[-1])


def _content(version: Path) -> dict[str, bytes]:
    # These know when they were made.
    outside = {"manifest.json", "release.json", "release-suites.json"}
    return {
        path.relative_to(version).as_posix(): path.read_bytes()
        for path in sorted(version.rglob("*"))
        if path.is_file() and path.name not in outside
    }


@pytest.mark.slow
def test_killed_in_every_stage_and_run_again_it_makes_the_same_version(tmp_path):
    recipe = write_corpus(tmp_path / "corpus")
    for stage in (*list(Stage)[:5], "publish"):
        process = _start(recipe, tmp_path / "killed", stage)
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == stage
            assert Warehouse.existing(tmp_path / "killed").versions("datasets", "corpus") == []
        finally:
            process.kill()
            process.communicate(timeout=30)
    continued = _build(recipe, tmp_path / "killed")
    undisturbed = _build(recipe, tmp_path / "undisturbed")
    assert continued.name == undisturbed.name
    assert _content(continued) == _content(undisturbed)
