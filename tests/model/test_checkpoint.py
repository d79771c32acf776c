import torch

from model.checkpoint import (
    CHECKPOINT_FILE,
    checkpoint_step,
    delete_checkpoints,
    load_checkpoint,
    save_checkpoint,
)
from model.optimizer import build_optimizer
from model.recipe import TrainRecipe
from model.transformer import token_nats
from tests.model.conftest import random_decoder


def trained(steps, model=None, optimizer=None):
    model = model or random_decoder()
    optimizer = optimizer or build_optimizer(model, TrainRecipe())
    tokens_BT = torch.arange(64).view(4, 16)
    for _ in range(steps):
        optimizer.zero_grad()
        token_nats(model, tokens_BT[:, :-1], tokens_BT[:, 1:]).mean().backward()
        optimizer.step()
    return model, optimizer


def weights_equal(one, other):
    return all(
        torch.equal(weight, other.state_dict()[name]) for name, weight in one.state_dict().items()
    )


def test_training_goes_on_from_a_checkpoint_as_if_never_interrupted(tmp_path):
    model, optimizer = trained(3)
    save_checkpoint(tmp_path, "settings", 3, model, optimizer)
    resumed = random_decoder(seed=6)
    fresh = build_optimizer(resumed, TrainRecipe())
    load_checkpoint(tmp_path, "settings", resumed, fresh)
    assert weights_equal(model, resumed)
    trained(4, model, optimizer)
    trained(4, resumed, fresh)
    assert weights_equal(model, resumed)


def test_only_a_whole_checkpoint_of_the_same_settings_counts(tmp_path):
    assert checkpoint_step(tmp_path / "nowhere", "settings") is None
    save_checkpoint(tmp_path, "settings", 3, *trained(1))
    assert checkpoint_step(tmp_path, "settings") == 3
    assert checkpoint_step(tmp_path, "others") is None
    path = tmp_path / CHECKPOINT_FILE
    path.write_bytes(path.read_bytes()[:-100])
    assert checkpoint_step(tmp_path, "settings") is None


def test_there_is_one_checkpoint_the_last(tmp_path):
    model, optimizer = trained(1)
    for step in (1, 2):
        save_checkpoint(tmp_path, "settings", step, model, optimizer)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT_FILE]
    assert checkpoint_step(tmp_path, "settings") == 2
    delete_checkpoints(tmp_path)
    delete_checkpoints(tmp_path)
    assert not list(tmp_path.iterdir())
