"""What a demanding new user tries: hostile input, small disks, wrong places, odd questions."""

import asyncio
import errno
import gc
import gzip
import io
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from data_contracts.errors import (
    DiskFull,
    RecipeInvalid,
    RecordUnknown,
    ServerUnavailable,
    SourceMissing,
    VersionCorrupt,
    WarehouseFormat,
)
from data_contracts.manifest import DatasetManifest
from data_contracts.warehouse import Warehouse
from flows import publish, steps
from flows.cli import app
from flows.commands import keeping
from flows.disk import a_full_disk_is_told
from flows.plan import make_plan
from flows.prefect_settings import prepare_prefect
from flows.recipe import load_recipe, parse_recipe
from flows.stories import MOST_STORIES, find_stories
from flows.terminal import print_versions
from tests.conftest import REPOSITORY
from tests.flows.corpora import write_corpus

LEAST = {"name": "corpus", "sources": [{"name": "books", "path": "books"}]}


def _plan(recipe, warehouse):
    return make_plan(load_recipe(recipe), Warehouse.create(warehouse))


def _mill(*arguments):
    return subprocess.run(
        [sys.executable, "-c", "from flows.cli import main; main()", *map(str, arguments)],
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "60"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


# --- hostile input ------------------------------------------------------------------------------


def test_hostile_files_become_ledger_rows_and_the_rest_is_read(tmp_path):
    recipe = write_corpus(tmp_path / "corpus", documents=150)
    notes = tmp_path / "corpus" / "notes"
    (notes / "deep.html").write_text("<div>" * 50_000 + "hello" + "</div>" * 50_000)
    (notes / "damaged.txt").write_bytes("café au lait ".encode() * 50 + b"\xff")
    (notes / "nul.txt").write_bytes(b"The river\0 goes on. " * 50)
    with gzip.open(notes / "bomb.txt.gz", "wb") as bomb:
        for _ in range(40):
            bomb.write(bytes(1 << 20))
    plan = _plan(recipe, tmp_path / "w")
    dropped = steps.run_ingest(plan).sources["notes"].rows_dropped
    assert {reason.value: count for reason, count in dropped.items()} == {
        "bad_html": 1,
        "bad_encoding": 1,
        "decompression_bomb": 1,
    }


def test_an_unreadable_folder_is_named_with_the_command_that_helps(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    recipe = write_corpus(tmp_path / "corpus", documents=5)
    (tmp_path / "corpus" / "notes").chmod(0)
    try:
        with pytest.raises(SourceMissing, match=r"may not list .*chmod u\+rx"):
            _plan(recipe, tmp_path / "w")
    finally:
        (tmp_path / "corpus" / "notes").chmod(0o755)


# --- recipes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dedup": 5}, "`dedup`: a mapping of fields is needed here"),
        ({"dedup": None}, "It is empty: fill it, or remove it"),
        ({"sources": "books"}, "`sources`: a list is needed here"),
        ({"name": "My Corpus"}, "see `mill explain recipe name`"),
        (
            {"sources": [{"name": "books", "path": "b", "format": "docx"}]},
            "`sources.0.format`: Input should be 'auto', 'jsonl', 'json'",
        ),
        ({"sources": LEAST["sources"] * 2}, "two sources are named `books`"),
    ],
)
def test_a_wrong_type_is_told_in_the_words_of_the_file(change, said):
    with pytest.raises(RecipeInvalid) as caught:
        parse_recipe({**LEAST, **change}, "r.yaml")
    assert said in str(caught.value)


def test_a_field_given_twice_is_refused(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("name: a\nsources:\n- {name: b, path: b}\nname: c\n")
    with pytest.raises(RecipeInvalid, match=r"line 1.*the key `name` is there twice"):
        load_recipe(path)


@pytest.mark.parametrize(("content", "said"), [(None, "cannot be read"), ("{", "is not a token")])
def test_a_wrong_tokenizer_is_noticed_by_the_plan(tmp_path, content, said):
    recipe = write_corpus(tmp_path / "corpus", documents=5, shard={"tokenizer": "t.json"})
    if content is not None:
        (recipe.parent / "t.json").write_text(content)
    with pytest.raises(RecipeInvalid, match=said):
        _plan(recipe, tmp_path / "w")


# --- places -------------------------------------------------------------------------------------


def test_a_plan_makes_no_warehouse_and_leaves_other_folders_alone(tmp_path):
    recipe = write_corpus(tmp_path / "corpus", documents=5)
    os.utime(recipe.parent / "records.jsonl", (1, 1))  # old enough for its hash to be remembered
    make_plan(load_recipe(recipe), Warehouse.at(tmp_path / "later"))
    assert not (tmp_path / "later").exists()
    Warehouse.create(tmp_path / "later")
    with pytest.raises(WarehouseFormat, match="neither a warehouse nor an empty folder"):
        Warehouse.at(recipe.parent)


@pytest.mark.parametrize("place", ["s3://bucket/w", "recipe.yaml", "recipe.yaml/w"])
def test_a_place_that_can_hold_no_warehouse_is_refused(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").touch()
    with pytest.raises(WarehouseFormat):
        Warehouse.create(Path(place))
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.yaml"]


def test_a_warehouse_in_an_odd_place_with_bracketed_names_is_shown_as_it_is(
    first_run, tmp_path, capsys
):
    odd = tmp_path / "仓 库 [red]"
    shutil.copytree(first_run[1], odd)
    assert CliRunner().invoke(app, ["ls", "--json", "--warehouse", str(odd)]).exit_code == 0
    print_versions(Warehouse.existing(odd))  # on standard output: `--json` held for that command
    keeping.verify("corpus", odd)
    told = capsys.readouterr().out
    assert str(odd) in told
    assert f"corpus@{first_run[2].dataset.version}" in told


def test_a_damaged_version_hides_no_other_in_the_listing(first_run, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(first_run[1], copy)
    label = first_run[2].dataset.version
    (copy / "datasets" / "corpus" / label / "manifest.json").write_text("{", encoding="utf-8")
    dataset, model = print_versions(Warehouse.existing(copy))
    assert "manifest.json" in dataset["says"]
    assert not dataset["created"]
    assert model["created"]
    told = capsys.readouterr().out
    assert f"corpus@{label}" in told
    assert model["label"] in told


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 20 MB."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_what_does_not_fit_is_refused_before_it_begins(small_disk, tmp_path):
    recipe = write_corpus(tmp_path / "corpus", documents=5)
    with pytest.raises(DiskFull, match=r"not enough room: about 2\d\d MB needed, 2\d MB free"):
        _plan(recipe, small_disk / "w").require_room()


def _fill(path):
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(65536))


def test_a_disk_that_fills_up_is_told_and_with_room_the_rerun_continues(small_disk, tmp_path):
    recipe = write_corpus(tmp_path / "corpus", documents=60)
    warehouse = Warehouse.create(small_disk / "w")
    plan = _plan(recipe, warehouse.root)
    ingested = steps.run_ingest(plan)
    filling = small_disk / "filling"
    _fill(filling)
    with pytest.raises(DiskFull, match="the disk is full, 0 MB free"):
        steps.run_clean(plan, ingested)
    assert warehouse.names("datasets") == []
    filling.unlink()
    again = _plan(recipe, warehouse.root)
    assert [one.reused for one in again.stages] == [True, False, False, False, False]
    assert steps.run_clean(again, steps.run_ingest(again)).rows_in == ingested.rows_kept


def test_a_full_disk_is_known_however_a_library_wraps_it(tmp_path):
    wrapped = RuntimeError("writing failed")
    wrapped.__cause__ = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(DiskFull), a_full_disk_is_told(tmp_path):
        raise wrapped
    with pytest.raises(KeyError), a_full_disk_is_told(tmp_path):
        raise KeyError("a")


# --- questions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["", ".*", "[red]", "[/]", "文字", "x" * 5000, "\x1b[31m"])
def test_an_odd_question_is_answered_with_keys_that_are_there(first_run, wanted):
    with pytest.raises(RecordUnknown) as caught:
        find_stories(Warehouse.existing(first_run[1]), None, wanted)
    assert "`doc-" in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_key_goes_before_the_start_of_an_id_and_many_are_counted(first_run):
    warehouse = Warehouse.existing(first_run[1])
    (story,), total = find_stories(warehouse, None, "doc-7")
    assert (story.ledger["key"], total) == ("doc-7", 1)
    (by_id,), _ = find_stories(warehouse, None, story.ledger["record_id"][:12])
    assert by_id == story
    stories, total = find_stories(warehouse, None, "records.jsonl")
    assert (len(stories), total) == (MOST_STORIES, 133)


def test_a_message_sends_no_control_characters_of_a_corpus_to_the_terminal(tmp_path):
    recipe = write_corpus(tmp_path / "corpus", documents=5)
    shutil.rmtree(recipe.parent / "notes")
    (recipe.parent / "notes").mkdir()
    (recipe.parent / "notes" / "\x1b[31mred.png").write_bytes(b"\0\1\2")
    done = _mill("plan", recipe, "-w", tmp_path / "w")
    assert done.returncode == 2
    assert "⟦U+001B⟧[31mred.png" in done.stderr
    assert "\x1b" not in done.stderr


def test_one_changed_byte_is_found_and_a_broken_manifest_is_told_in_one_line(first_run, tmp_path):
    shutil.copytree(first_run[1], tmp_path / "w")
    version = publish.published_dataset(Warehouse.existing(tmp_path / "w"), "corpus").path
    spans = version / "tokens" / "train" / "spans.arrow"
    data = bytearray(spans.read_bytes())
    data[len(data) // 2] ^= 1
    spans.unlink()
    spans.write_bytes(data)
    with pytest.raises(VersionCorrupt, match=r"spans\.arrow: the file is not the one"):
        keeping.verify("corpus", tmp_path / "w")
    (version / "manifest.json").unlink()
    (version / "manifest.json").write_text("{")
    with pytest.raises(VersionCorrupt, match=r"not a manifest of format 1 \(.*\)\. ") as caught:
        DatasetManifest.load(version)
    assert "\n" not in str(caught.value)


# --- Prefect on the terminal --------------------------------------------------------------------


def test_a_server_that_is_not_there_is_told_before_prefect_looks(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with pytest.raises(ServerUnavailable, match="nobody answers there"):
        prepare_prefect(tmp_path)


def test_the_last_events_are_sent_where_an_event_loop_runs_too(prefect_api):
    from prefect.events import emit_event
    from prefect.events.worker import EventsWorker

    from flows.listeners import terminal_progress

    async def run():
        emit_event("corpus.tested", {"prefect.resource.id": "corpusmill.test"})
        before = EventsWorker.instance()
        with terminal_progress(Console(file=io.StringIO(), markup=False)):
            pass
        return before

    with ThreadPoolExecutor(1) as beside:  # browser tests leave a loop running in this one
        assert beside.submit(asyncio.run, run()).result()._stopped
    gc.collect()  # a coroutine that nobody awaited would warn here, which is an error


def test_a_known_error_is_told_once_and_keeps_its_traceback_in_the_logs(prefect_api, tmp_path):
    from flows.listeners import terminal_progress
    from flows.refresh import refresh

    recipe = write_corpus(tmp_path / "corpus", documents=5)
    (recipe.parent / "records.jsonl").write_text('{"id": "a", "body": "x"}\n')
    kept = _Kept()
    logging.getLogger("prefect.flow_runs").addHandler(kept)
    with (tmp_path / "told").open("w") as file:
        console = Console(file=file, markup=False, width=60)
        with pytest.raises(Exception, match="no record has the field"), terminal_progress(console):
            refresh(recipe=load_recipe(recipe), warehouse=tmp_path / "w")
    logging.getLogger("prefect.flow_runs").removeHandler(kept)
    told = (tmp_path / "told").read_text()
    assert "Finished in state Failed\n" in told
    assert "no record has the field" not in told  # `mill` says it, once, at the end
    assert "Traceback" not in told
    assert "━" not in told  # no bars where there is no terminal
    assert any(record.exc_info for record in kept.records)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
def test_a_run_that_is_stopped_leaves_no_server_behind(tmp_path, how):
    recipe = write_corpus(tmp_path / "corpus", documents=1500)
    command = [sys.executable, "-c", "from flows.cli import main; main()"]
    surroundings = {name: text for name, text in os.environ.items() if "PREFECT" not in name}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "run", recipe, "-w", tmp_path / "w"],
            env=surroundings,
            cwd=REPOSITORY,
            stderr=log,
            stdout=log,
            start_new_session=True,
        )
    try:
        _wait_for(lambda: list((tmp_path / "w").glob("cache/ingest/runs/*/result.json")))
        if how is signal.SIGINT:
            os.killpg(process.pid, how)  # as a terminal does: to all that share it
        else:
            process.kill()
        told = (tmp_path / "log").read_text
        assert process.wait(60) == (130 if how is signal.SIGINT else -how), told()
        assert "Traceback" not in told()
        _wait_for(lambda: not _processes_that_name(tmp_path / "w"))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _processes_that_name(warehouse):
    """Processes whose Prefect home is in a warehouse (where there is a /proc to ask)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"PREFECT_HOME={warehouse}".encode() in (process / "environ").read_bytes():
                found.append(process.name)
    return found


class _Kept(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


def test_listing_is_plain_values(first_run):
    done = _mill("ls", "--json", "-w", first_run[1])
    rows = json.loads(done.stdout)
    assert [row["kind"] for row in rows] == ["dataset", "model"]
    assert rows[0]["label"] in done.stderr  # whole, also where the terminal is narrow
    assert "\x1b" not in done.stderr
