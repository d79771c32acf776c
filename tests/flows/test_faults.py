"""What disks and clocks do: the same bytes afterwards, and the damage is named."""

import json
import logging
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from data_contracts.errors import DiskFull, VersionCorrupt, WarehouseBusy
from data_contracts.warehouse import Warehouse
from flows import steps
from flows.cli import app
from flows.disk import a_full_disk_is_told
from flows.plan import DATA_STAGES, make_plan
from flows.recipe import load_recipe
from tests.flows.dataset_runs import build
from tests.flows.editing import EditedCorpus
from tests.flows.version_bytes import content


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A warehouse with one version, the corpus edited since, and the rebuild of that elsewhere."""
    folder = tmp_path_factory.mktemp("faults")
    corpus = EditedCorpus(20)
    first = build(corpus.write(folder / "corpus"), folder / "warehouse").published
    for number in range(3):
        corpus.add(number, number, number)
        corpus.change(9 * number, number, number)
    recipe = corpus.write(folder / "corpus")
    rebuilt = build(recipe, folder / "rebuilt", lock=first.path).published
    return recipe, folder / "warehouse", rebuilt.path


@pytest.fixture
def warehouse(world, tmp_path):
    return shutil.copytree(world[1], tmp_path / "warehouse")


def flip_a_bit(path, rng):
    """Change one bit of a file, under the same size."""
    data = bytearray(path.read_bytes())
    data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    path.unlink()  # it may be a hard link to what is somewhere else
    path.write_bytes(data)


def check_refresh(world, warehouse):
    recipe, _, rebuilt = world
    refreshed = build(recipe, warehouse).published
    assert refreshed.created
    assert content(refreshed.path) == content(rebuilt)


def test_a_cache_of_which_every_file_was_damaged_changes_no_byte(world, warehouse, caplog):
    rng = np.random.default_rng(0)
    records = [path for path in warehouse.glob("cache/*/records/**/*.arrow") if path.is_file()]
    assert {path.relative_to(warehouse).parts[1] for path in records} >= {
        "ingest",
        "clean",
        "shard",
    }
    for path in records:
        flip_a_bit(path, rng)
    with caplog.at_level(logging.WARNING):
        check_refresh(world, warehouse)
    for path in records:
        if "ingest" not in path.parts:  # there a folder is told, with all its files
            assert str(path) in caplog.text


def run_stages(recipe, warehouse):
    """Run the stages, and publish nothing: as if the run had been killed then."""
    plan = make_plan(load_recipe(recipe), Warehouse.existing(warehouse))
    ingested = steps.run_ingest(plan)
    cleaned = steps.run_clean(plan, ingested)
    deduped = steps.run_dedup(plan, cleaned)
    validated = steps.run_validate(plan, ingested, cleaned, deduped)
    steps.run_shard(plan, cleaned, deduped, validated)
    return plan


def test_what_a_killed_run_left_is_used_again_only_as_it_was_left(world, warehouse, caplog):
    rng = np.random.default_rng(2)
    plan = run_stages(world[0], warehouse)
    store = Warehouse.existing(warehouse)
    damaged = []
    for stage in DATA_STAGES:
        run = store.run_folder(stage, plan.key(stage))
        files = [path for path in sorted(run.rglob("*")) if path.stat().st_size and path.is_file()]
        damaged.append(files[int(rng.integers(len(files)))])
        flip_a_bit(damaged[-1], rng)
    with caplog.at_level(logging.WARNING):
        check_refresh(world, warehouse)
    for path in damaged:
        assert path.name == "seal.json" or str(path) in caplog.text


def test_a_memo_of_hashes_with_one_bit_wrong_is_not_believed(world, warehouse):
    rng = np.random.default_rng(3)
    recipe = world[0]
    for path in warehouse.rglob("landing.json"):
        hashed = json.loads(path.read_bytes().partition(b"\n")[2])
        assert hashed
        flip_a_bit(path, rng)
    check_refresh(world, warehouse)
    assert make_plan(load_recipe(recipe), Warehouse.existing(warehouse)).nothing_to_do


def test_a_cache_of_which_files_were_cut_off_changes_no_byte(world, warehouse):
    for path in warehouse.glob("cache/*/records/**/*"):
        if path.is_file():
            data = path.read_bytes()
            path.unlink()
            path.write_bytes(data[: len(data) // 2])
    check_refresh(world, warehouse)


def test_a_clock_set_back_changes_no_byte(world, warehouse):
    for path in warehouse.rglob("*"):
        os.utime(path, (4e9, 4e9))  # all that is there was made in the year 2096
    check_refresh(world, warehouse)
    assert len(Warehouse.existing(warehouse).versions("datasets", "edited")) == 2


def test_a_flipped_bit_in_any_file_of_a_version_is_found_and_named(warehouse):
    rng = np.random.default_rng(1)
    version = Warehouse.existing(warehouse).latest("datasets", "edited")
    files = [path for path in sorted(version.rglob("*")) if path.is_file()]
    for path in files:
        before = path.read_bytes()
        if path.name == "manifest.json" or not before:
            continue
        flip_a_bit(path, rng)
        result = CliRunner().invoke(app, ["verify", "edited", "-w", str(warehouse)])
        assert isinstance(result.exception, VersionCorrupt), path
        assert result.exception.path == str(path)
        path.write_bytes(before)
    assert CliRunner().invoke(app, ["verify", "edited", "-w", str(warehouse)]).exit_code == 0


def test_of_two_runs_on_one_dataset_the_second_is_refused_and_nothing_is_lost(world, warehouse):
    with Warehouse.existing(warehouse).lease("edited"), pytest.raises(WarehouseBusy):
        build(world[0], warehouse)
    check_refresh(world, warehouse)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 0.2 MB, and how to give it another size."""
    place = tmp_path / "small"
    place.mkdir()

    def mount(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        return subprocess.run(command, capture_output=True, check=False).returncode

    if shutil.which("mount") is None or mount("size=200k"):
        pytest.skip("mounting is not allowed here")
    yield place, lambda kilobytes: mount(f"remount,size={kilobytes}k")
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_full_at_one_write_after_another_costs_nothing_but_room(world, small_disk):
    recipe, _, rebuilt = world
    place, resize = small_disk
    full = []
    for kilobytes in range(200, 20_000, 90):
        assert resize(kilobytes) == 0
        try:
            with a_full_disk_is_told(place / "warehouse"):
                built = build(recipe, place / "warehouse", lock=rebuilt)
            break
        except DiskFull as error:
            full.append(Path(error.path).relative_to(place).parts)
            store = Warehouse(place / "warehouse")
            assert store.versions("datasets", "edited") == [], "nobody sees half a version"
    assert content(built.published.path) == content(rebuilt)
    stages = {parts[2] for parts in full if parts[1:2] == ("cache",)}
    assert len(full) > 5
    assert len(stages) >= 2, stages
