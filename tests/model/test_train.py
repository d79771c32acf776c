import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import torch
from safetensors.torch import load_file

from data_contracts.errors import GateRefused, TooLittleText, TrainingDiverged
from data_contracts.results import TrainResult
from data_contracts.split import Split
from model.checkpoint import CHECKPOINT_FILE
from model.metrics import read_metrics
from model.train import TrainInputs, planned_steps, train
from tests.model.conftest import stamp_gate, write_documents, write_version


class Crash(Exception):
    """What the tests raise in the middle of a run."""


@pytest.fixture(scope="module")
def inputs(version):
    return TrainInputs(dataset=version)


@pytest.fixture(scope="module")
def undisturbed(inputs, tiny_train, tmp_path_factory):
    return train(inputs, tiny_train, tmp_path_factory.mktemp("undisturbed") / "model")


def weights_of(folder):
    return (folder / "model.safetensors").read_bytes()


def crash_after(step):
    def progress(done, *_):
        if done == step:
            raise Crash

    return progress


def test_a_model_learns_the_text_and_leaves_what_it_promises(undisturbed, tiny_train):
    rows = read_metrics(undisturbed.folder / "metrics.jsonl")
    assert [row.step for row in rows] == list(range(1, 61))
    assert rows[0].loss == pytest.approx(5.77, abs=0.5)  # ln 320
    assert undisturbed.final_train_loss < 0.6 * rows[0].loss
    measured = [row.validation_loss for row in rows if row.validation_loss is not None]
    assert len(measured) == 3
    assert undisturbed.best_validation_loss == min(measured)
    assert max(row.learning_rate for row in rows) == tiny_train.learning_rate
    assert undisturbed.steps == 60
    assert undisturbed.tokens_seen == rows[-1].tokens == 60 * 256
    assert undisturbed.tokens_per_second > 0
    assert undisturbed.peak_memory_bytes > 1e8
    assert undisturbed.resumed_from_step == 0
    assert TrainResult.load(undisturbed.folder) == undisturbed
    assert {path.name for path in undisturbed.folder.iterdir()} == {
        "model.safetensors", "config.json", "generation_config.json", "tokenizer.json",
        "tokenizer_config.json", "metrics.jsonl", "result.json",
    }  # fmt: skip


def test_the_same_recipe_and_data_give_the_same_bytes(inputs, tiny_train, undisturbed, tmp_path):
    again = train(inputs, tiny_train, tmp_path / "again")
    assert weights_of(again.folder) == weights_of(undisturbed.folder)


@pytest.mark.parametrize("step", [9, 10, 11, 55])
def test_a_run_that_broke_off_anywhere_ends_as_if_it_never_had(
    inputs, tiny_train, undisturbed, tmp_path, step
):
    with pytest.raises(Crash):
        train(inputs, tiny_train, tmp_path / "model", progress=crash_after(step))
    resumed = train(inputs, tiny_train, tmp_path / "model")
    assert resumed.resumed_from_step == (step - 1) // 10 * 10  # saved after progress is told
    assert weights_of(resumed.folder) == weights_of(undisturbed.folder)
    rows = read_metrics(resumed.folder / "metrics.jsonl")
    same = ["step", "loss", "gradient_norm", "validation_loss", "learning_rate", "tokens"]
    assert [[getattr(row, name) for name in same] for row in rows] == [
        [getattr(row, name) for name in same]
        for row in read_metrics(undisturbed.folder / "metrics.jsonl")
    ]
    assert not (resumed.folder / CHECKPOINT_FILE).exists()


RUN = """
import sys
from pathlib import Path
from model.recipe import TrainRecipe
from model.train import TrainInputs, train
inputs = TrainInputs(dataset=Path(sys.argv[1]))
train(inputs, TrainRecipe.model_validate_json(sys.argv[2]), Path(sys.argv[3]))
"""


def start(inputs, recipe, folder):
    arguments = [str(inputs.dataset), recipe.model_dump_json(), str(folder)]
    return subprocess.Popen([sys.executable, "-c", RUN, *arguments])


def wait_for_step(step, process, folder):
    while len(read_metrics(folder / "metrics.jsonl")) < step:
        assert process.poll() is None, "the run ended before it could be disturbed"
        time.sleep(0.002)


@pytest.mark.slow
def test_kill_9_twice_and_the_weights_are_those_of_an_undisturbed_run(inputs, tiny_train, tmp_path):
    longer = tiny_train.model_copy(update={"budget_tokens": 300 * 256, "checkpoint_every_steps": 7})
    undisturbed = train(inputs, longer, tmp_path / "undisturbed")
    folder = tmp_path / "model"
    for step in (20, 120):
        process = start(inputs, longer, folder)
        wait_for_step(step, process, folder)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert (folder / CHECKPOINT_FILE).exists()
    resumed = train(inputs, longer, folder)
    assert resumed.resumed_from_step >= 112
    assert resumed.resumed_from_step % 7 == 0
    assert weights_of(folder) == weights_of(undisturbed.folder)


def test_sigterm_saves_the_step_just_taken_then_stops(inputs, tiny_train, tmp_path):
    longer = tiny_train.model_copy(
        update={"budget_tokens": 4000 * 256, "max_epochs": None, "checkpoint_every_steps": 10**6}
    )
    folder = tmp_path / "model"
    process = start(inputs, longer, folder)
    wait_for_step(5, process, folder)
    process.terminate()
    assert process.wait() == -signal.SIGTERM
    rows = read_metrics(folder / "metrics.jsonl")
    with pytest.raises(Crash):
        train(inputs, longer, folder, progress=crash_after(len(rows) + 1))
    assert read_metrics(folder / "metrics.jsonl")[: len(rows)] == rows


@pytest.mark.parametrize(
    "changed", [{"seed": 2}, {"learning_rate": 2e-2}, {"budget_tokens": 50 * 256}]
)
def test_a_checkpoint_of_other_settings_is_cleared(inputs, tiny_train, tmp_path, changed):
    with pytest.raises(Crash):
        train(inputs, tiny_train, tmp_path / "model", progress=crash_after(15))
    other = tiny_train.model_copy(update=changed)
    with pytest.raises(Crash):
        train(inputs, other, tmp_path / "model", progress=crash_after(1))
    assert len(read_metrics(tmp_path / "model" / "metrics.jsonl")) == 1
    assert not (tmp_path / "model" / CHECKPOINT_FILE).exists()


def test_a_checkpoint_whose_metrics_are_gone_is_cleared(inputs, tiny_train, undisturbed, tmp_path):
    with pytest.raises(Crash):
        train(inputs, tiny_train, tmp_path / "model", progress=crash_after(15))
    (tmp_path / "model" / "metrics.jsonl").unlink()
    result = train(inputs, tiny_train, tmp_path / "model")
    assert result.resumed_from_step == 0
    assert weights_of(result.folder) == weights_of(undisturbed.folder)


def test_micro_batches_change_nothing_but_rounding(inputs, tiny_train, tmp_path):
    short = tiny_train.model_copy(update={"budget_tokens": 5 * 256})
    whole = train(inputs, short, tmp_path / "whole")
    in_parts = short.model_copy(update={"micro_batch_tokens": 96})
    parts = train(inputs, in_parts, tmp_path / "parts")
    one, other = (load_file(run.folder / "model.safetensors") for run in (whole, parts))
    for name, weight in one.items():
        torch.testing.assert_close(weight, other[name], rtol=1e-3, atol=1e-4)


def test_training_runs_outside_the_main_thread_and_leaves_the_thread_count_alone(
    inputs, tiny_train, undisturbed, tmp_path
):
    threads = torch.get_num_threads()
    results = []
    worker = threading.Thread(
        target=lambda: results.append(train(inputs, tiny_train, tmp_path / "model"))
    )
    worker.start()
    worker.join()
    assert weights_of(results[0].folder) == weights_of(undisturbed.folder)
    assert torch.get_num_threads() == threads


def test_progress_is_told_of_every_step_with_loss_and_speed(inputs, tiny_train, tmp_path):
    told = []
    short = tiny_train.model_copy(update={"budget_tokens": 3 * 256})
    train(inputs, short, tmp_path / "model", progress=lambda *args: told.append(args))
    assert [args[:3] for args in told] == [(step, 3, "steps") for step in (1, 2, 3)]
    assert re.fullmatch(r"loss \d\.\d{3}, [\d,]+ tokens/s", told[0][3])
    assert re.fullmatch(r"loss \d\.\d{3}, [\d,]+ tokens/s, valid \d\.\d{3}", told[2][3])


@pytest.mark.parametrize("limit", [1.0, None])
def test_a_loss_that_is_no_number_ends_the_run_saying_what_to_change(
    inputs, tiny_train, tmp_path, limit
):
    wild = tiny_train.model_copy(
        update={"learning_rate": 1e30, "warmup_ratio": 0, "max_gradient_norm": limit}
    )
    with pytest.raises(TrainingDiverged, match=r"Lower `train\.learning_rate`") as caught:
        train(inputs, wild, tmp_path / "model")
    assert 1 < caught.value.step < 10
    assert TrainResult.load(tmp_path / "model") is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "gate.json").unlink(),
        lambda folder: stamp_gate(folder, passed=False),
        lambda folder: (folder / "quality.json").write_text('{"better": 1}'),
        lambda folder: (folder / "tokens" / "train" / "spans.arrow").write_bytes(b"other"),
    ],
    ids=["no gate", "failed", "other quality", "other data"],
)
def test_a_version_that_did_not_pass_its_gate_is_refused(version, tiny_train, tmp_path, spoil):
    shutil.copytree(version, tmp_path / "version")
    spoil(tmp_path / "version")
    with pytest.raises(GateRefused):
        train(TrainInputs(dataset=tmp_path / "version"), tiny_train, tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("empty", [Split.TRAIN, Split.VALIDATION])
def test_too_little_text_is_said_with_the_split(tiny_train, tmp_path, empty):
    texts = {split: write_documents(9, seed=1) for split in Split}
    folder = write_version(tmp_path / "version", texts | {empty: ["a"] if empty == "train" else []})
    with pytest.raises(TooLittleText, match=f"the {empty} split") as caught:
        train(TrainInputs(dataset=folder), tiny_train, tmp_path / "model")
    assert caught.value.tokens < caught.value.needed


def test_a_validation_split_shorter_than_the_context_is_measured_all_the_same(tiny_train, tmp_path):
    texts = {split: write_documents(9, seed=1) for split in Split} | {Split.VALIDATION: ["mill"]}
    folder = write_version(tmp_path / "version", texts)
    short = tiny_train.model_copy(update={"budget_tokens": 2 * 256})
    result = train(TrainInputs(dataset=folder), short, tmp_path / "model")
    assert 4 < result.best_validation_loss < 7


def test_the_budget_is_cut_to_so_many_epochs(tiny_train):
    assert planned_steps(tiny_train, 10**9) == 60
    assert planned_steps(tiny_train.model_copy(update={"max_epochs": 2}), 2560) == 20
    assert planned_steps(tiny_train.model_copy(update={"max_epochs": None}), 100) == 60
    assert planned_steps(tiny_train, 10) == 1


def test_batches_are_whole_windows(inputs, tiny_train, tmp_path):
    odd = tiny_train.model_copy(update={"batch_tokens": 100, "budget_tokens": 300})
    result = train(inputs, odd, tmp_path / "model")
    assert result.tokens_seen == result.steps * 96
    assert json.loads((result.folder / "config.json").read_text())["vocab_size"] == 320
