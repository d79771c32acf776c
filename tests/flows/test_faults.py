"""What disks and clocks do: the same bytes afterwards, and the damage is named."""

import logging
import os
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from data_contracts.errors import VersionCorrupt, WarehouseBusy
from data_contracts.warehouse import Warehouse
from flows.cli import app
from tests.flows.dataset_runs import build
from tests.flows.editing import EditedCorpus
from tests.flows.test_refresh_equals_rebuild import content


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
