"""Training's options, each on a real run of a tiny model."""

import shutil

import pytest
import torch
from safetensors.torch import load_file

from data_contracts.token_shards import REPEATS, TokenShards
from model.checkpoint import CHECKPOINT_FILE
from model.metrics import read_metrics
from model.pretrained import load_pretrained
from model.train import TrainInputs, train
from model.trainer import Trainer


class Crash(Exception):
    """What the tests raise in the middle of a run."""


def crash_after(step):
    def progress(done, *_):
        if done == step:
            raise Crash

    return progress


@pytest.fixture
def run(version, tiny_train, tmp_path):
    def start(name, progress=None, **changes):
        recipe = tiny_train.model_copy(update=changes)
        more = {"progress": progress} if progress else {}
        return train(TrainInputs(dataset=version), recipe, tmp_path / name, **more)

    return start


def weights_of(result):
    return (result.folder / "model.safetensors").read_bytes()


def test_further_copies_of_documents_belong_to_the_training_stream(version, tiny_train, tmp_path):
    repeating = shutil.copytree(version, tmp_path / "version")
    shutil.copytree(version / "tokens" / "test", repeating / "tokens" / REPEATS)
    recipe = tiny_train.model_copy(update={"max_epochs": 1, "budget_tokens": 10**9})
    plain, longer = Trainer(version, recipe), Trainer(repeating, recipe)
    copies = TokenShards.open(version / "tokens" / "test")
    stream = longer.batches.shards
    assert len(stream) == len(plain.batches.shards) + len(copies)
    last = stream.read(len(stream) - len(copies), len(copies))
    assert last.tolist() == copies.read(0, len(copies)).tolist()
    assert longer.steps > plain.steps


EVERYTHING = {
    "optimizer": "muon",
    "schedule": "cosine",
    "dropout": 0.1,
    "label_smoothing": 0.1,
    "z_loss_weight": 1e-4,
    "ema_decay": 0.9,
    "save": "best",
}


@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_with_every_option_a_run_that_broke_off_ends_as_if_it_never_had(run, tiny_train, kind):
    options = EVERYTHING | {"shape": tiny_train.shape.model_copy(update={"kind": kind})}
    whole = run("whole", **options)
    with pytest.raises(Crash):
        run("broken", progress=crash_after(34), **options)
    resumed = run("broken", **options)
    assert resumed.resumed_from_step == 30
    assert weights_of(resumed) == weights_of(whole)
    rows = read_metrics(whole.folder / "metrics.jsonl")
    assert rows[-1].validation_loss < 0.9 * rows[0].loss
    assert not list(resumed.folder.glob("*checkpoint*")) + list(resumed.folder.glob("best*"))


def test_muon_learns_faster_than_adamw(run):
    # Half the steps, where speed shows; the rate of its own is the one knob that Muon adds.
    short = {"budget_tokens": 30 * 256, "matrix_learning_rate": 3e-2}
    losses = [run(one, optimizer=one, **short).best_validation_loss for one in ("adamw", "muon")]
    assert losses[1] < losses[0]


def test_a_run_may_go_on_with_other_micro_batches(run):
    whole = run("whole", micro_batch_tokens=256)
    with pytest.raises(Crash):
        run("broken", progress=crash_after(35), micro_batch_tokens=256)
    resumed = run("broken", micro_batch_tokens=64)
    assert resumed.resumed_from_step == 30
    one, other = (load_file(result.folder / "model.safetensors") for result in (whole, resumed))
    for name, weight in one.items():
        torch.testing.assert_close(weight, other[name], rtol=1e-2, atol=2e-3)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(run, tmp_path):
    whole = run("whole")
    with pytest.raises(Crash):
        run("broken", progress=crash_after(45), keep_checkpoints=2)
    last = tmp_path / "broken" / CHECKPOINT_FILE
    assert len(list(last.parent.glob("checkpoint*"))) == 2
    last.write_bytes(last.read_bytes()[:-50])
    resumed = run("broken", keep_checkpoints=2)
    assert resumed.resumed_from_step == 30
    assert weights_of(resumed) == weights_of(whole)


def test_the_best_weights_are_those_of_the_lowest_validation_loss(run):
    # So high a rate at the end that the last weights are not the best.
    options = {"learning_rate": 0.3, "warmup_ratio": 0.9, "decay_ratio": 0.0}
    options |= {"embedding_learning_rate": 0.3, "evaluate_every_steps": 5}
    last, best = run("last", **options), run("best", save="best", **options)
    rows = read_metrics(last.folder / "metrics.jsonl")
    measured = [row.validation_loss for row in rows if row.validation_loss is not None]
    assert min(measured) < measured[-1]
    assert weights_of(last) != weights_of(best)
    shorter = measured.index(min(measured))
    assert best.best_validation_loss == measured[shorter]


def test_an_encoder_is_saved_and_loaded_with_its_shape(run, tiny_train):
    shape = tiny_train.shape.model_copy(update={"kind": "encoder", "convolution_tokens": 3})
    result = run("encoder", shape=shape, budget_tokens=3 * 256)
    model = load_pretrained(result.folder)
    assert model.shape == shape
    assert model.vocabulary_size == 321  # one more: the sign for a hidden token


def test_utilisation_says_how_much_of_the_machine_was_used(run):
    result = run("short", budget_tokens=3 * 256)
    assert 0 < result.utilisation_ratio < 1
    expected = result.flops_per_token * result.tokens_per_second / result.peak_flops_per_second
    assert result.utilisation_ratio == pytest.approx(expected)
    # Two layers of 4 x 32^2 + 3 x 32 x 96, a head of 320 x 32, attention over 32 tokens.
    assert (
        result.flops_per_token == 6 * (2 * (4 * 32**2 + 3 * 32 * 96) + 320 * 32) + 12 * 2 * 32 * 32
    )
