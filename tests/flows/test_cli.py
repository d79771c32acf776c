"""The command line as a user meets it: in processes of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data_contracts.warehouse import Warehouse
from tests.conftest import REPOSITORY
from tests.flows.corpora import TINY_TRAINING, write_corpus

MILL = Path(sys.executable).with_name("mill")


def _mill(environment, *arguments, cwd=REPOSITORY):
    return subprocess.run(
        [MILL, *map(str, arguments)],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_help_names_every_command_and_answers_at_once():
    started = time.monotonic()
    done = _mill(os.environ, "--help")
    assert time.monotonic() - started < 5
    assert done.returncode == 0
    for command in ("run", "plan", "what-if", "why", "ls", "verify", "explain", "up"):
        assert re.search(rf"\b{command}\b", done.stdout)


@pytest.mark.slow
def test_a_run_ends_in_one_json_object(environment, tmp_path):
    recipe = write_corpus(tmp_path / "corpus", **TINY_TRAINING)
    done = _mill(environment, "run", recipe, "--warehouse", tmp_path / "w", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    for half in ("dataset", "model"):
        assert {"name", "version", "path"} <= set(told[half])
        assert Path(told[half]["path"]).is_dir()
    assert told["dataset"]["records_in"] == 138
    assert "near_duplicate" in done.stderr

    unwatched = {**environment, "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    started = time.monotonic()
    again = _mill(unwatched, "run", recipe, "--warehouse", tmp_path / "w", "--json")
    assert time.monotonic() - started < 10  # 5 s on a machine that does nothing else
    assert again.returncode == 0, again.stderr
    assert "Nothing to do" in again.stderr  # beside --json, people read standard error
    assert json.loads(again.stdout)["dataset"]["version"] == told["dataset"]["version"]

    shown = _mill(environment, "why", "doc-10-near", "--warehouse", tmp_path / "w")
    story = shown.stdout
    assert shown.returncode == 0
    fate, measured = story.index("fate      "), story.index("measured  ")
    assert fate < measured  # what became of it comes before what was measured
    assert "near_duplicate: measured 0.9" in story or "repeats" in story or "kept" in story
    listed = _mill(environment, "ls", "--warehouse", tmp_path / "w", "--json")
    assert len(json.loads(listed.stdout)) == 2
    assert _mill(environment, "verify", "corpus", "-w", tmp_path / "w").returncode == 0
    planned = _mill(environment, "plan", recipe, "-w", tmp_path / "w")
    assert "nothing to do" in planned.stdout


@pytest.mark.slow
def test_a_sample_is_a_version_of_its_own(environment, tmp_path):
    recipe = write_corpus(tmp_path / "corpus")
    done = _mill(environment, "run", recipe, "-w", tmp_path / "w", "--sample", 40, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["dataset"]["records_in"] == 45


@pytest.mark.parametrize(
    ("spoil", "code", "message"),
    [
        (lambda folder: (folder / "recipe.yaml").unlink(), 2, "there is no such file"),
        (
            lambda folder: (folder / "recipe.yaml").write_text("name: x\nsorces: []\n"),
            2,
            "Did you mean `sources`?",
        ),
        (lambda folder: (folder / "records.jsonl").unlink(), 2, "source `records`"),
        (
            lambda folder: [path.unlink() for path in (folder / "notes").iterdir()],
            2,
            "source `notes`",
        ),
        (
            lambda folder: (folder / "records.jsonl").write_text("{broken\n" * 50),
            4,
            "are unreadable",
        ),
        (
            lambda folder: (folder / "records.jsonl").write_text('{"id": "a", "body": "x"}\n'),
            2,
            "no record has the field `text`; found `id`, `body`",
        ),
    ],
    ids=["no recipe", "unknown field", "no file", "empty folder", "all broken", "wrong field"],
)
def test_what_goes_wrong_is_told_in_words_with_its_exit_code(
    environment, tmp_path, spoil, code, message
):
    recipe = write_corpus(tmp_path / "corpus", documents=10)
    spoil(tmp_path / "corpus")
    done = _mill(environment, "run", recipe, "--warehouse", tmp_path / "w")
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == code, done.stderr
    assert last.startswith("mill: ")
    assert message in last


@pytest.mark.slow
def test_a_failed_contract_exits_with_3_and_names_the_report(environment, tmp_path):
    recipe = write_corpus(tmp_path / "corpus", documents=20, validate={"min_documents": 1000})
    done = _mill(environment, "run", recipe, "--warehouse", tmp_path / "w")
    assert done.returncode == 3
    assert "report.html" in done.stderr


def test_wrong_usage_exits_with_2(environment):
    assert _mill(environment, "run").returncode == 2
    assert _mill(environment, "rnu", "x").returncode == 2
    assert _mill(environment, "ls", "--warehouse", "/nowhere/at/all").returncode == 2


@pytest.mark.slow
def test_ctrl_c_stops_and_a_rerun_continues(environment, tmp_path):
    recipe = write_corpus(tmp_path / "corpus", documents=2000)
    command = [MILL, "run", recipe, "--warehouse", tmp_path / "w"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, cwd=REPOSITORY, stderr=log)
        try:
            deadline = time.monotonic() + 120
            while not list((tmp_path / "w" / "cache").glob("ingest/runs/*/result.json")):
                assert time.monotonic() < deadline
                assert process.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130, (tmp_path / "log").read_text()
        finally:
            process.kill()
            process.wait(10)
    assert "a rerun continues" in (tmp_path / "log").read_text()
    assert Warehouse.existing(tmp_path / "w").names("datasets") == []
    done = _mill(environment, "run", recipe, "--warehouse", tmp_path / "w")
    assert done.returncode == 0, done.stderr


def test_everything_is_explained(environment):
    for topic, expected in (
        ("recipe", "dedup.jaccard_threshold"),
        ("reasons", "near_duplicate"),
        ("errors", "DiskFull"),
        ("compress", 'default [{"method": "int8"}, {"method": "prune"}, {"method": "distil"}]'),
    ):
        done = _mill(environment, "explain", topic)
        assert done.returncode == 0
        assert expected in done.stdout
