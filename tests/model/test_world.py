"""Two processes, as torchrun starts them, train as one does."""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from model.metrics import read_metrics
from model.train import TrainInputs, train
from tests.conftest import REPOSITORY

RUN = """
import os
import sys
from pathlib import Path
from model.recipe import TrainRecipe
from model.train import TrainInputs, train
for folder in sys.argv[2:]:
    recipe = TrainRecipe.model_validate_json(Path(folder, "recipe.json").read_text())
    train(TrainInputs(dataset=Path(sys.argv[1])), recipe, Path(folder, "together"))
    # Where torchrun lets them meet, addresses of this training stay: the next one meets elsewhere.
    port = Path(folder, "next_port").read_text()
    os.environ |= {"TORCHELASTIC_USE_AGENT_STORE": "False", "MASTER_PORT": port}
"""
CASES = {
    "decoder taken up from one process": ("decoder", {"checkpoint_every_steps": 3}),
    "encoder": ("encoder", {}),
    "weights in parts": (
        "decoder",
        {"shard_weights": True, "ema_decay": 0.5, "save": "best"},
    ),
}


def broken_off(done, *_):
    if done == 7:
        raise KeyboardInterrupt


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def trained(version, tiny_train, tmp_path_factory):
    """Each case trained by one process, and all of them by two that are started once."""
    folders = {name: tmp_path_factory.mktemp("case") for name in CASES}
    inputs = TrainInputs(dataset=version)
    for (kind, changed), folder in zip(CASES.values(), folders.values(), strict=True):
        shape = tiny_train.shape.model_copy(update={"kind": kind})
        changes = {"shape": shape, "budget_tokens": 12 * 256, "micro_batch_tokens": 64, **changed}
        recipe = tiny_train.model_copy(update=changes)
        (folder / "recipe.json").write_text(recipe.model_dump_json())
        (folder / "next_port").write_text(str(free_port()))
        train(inputs, recipe, folder / "alone")
        if "checkpoint_every_steps" in changed:
            with pytest.raises(KeyboardInterrupt):
                train(inputs, recipe, folder / "together", progress=broken_off)
    script = tmp_path_factory.mktemp("script") / "run.py"
    script.write_text(RUN)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*torchrun, script, version, *folders.values()],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return folders


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_processes_give_the_losses_of_one(trained, case):
    folder = trained[case]
    result = json.loads((folder / "together" / "result.json").read_text())
    assert result["resumed_from_step"] == (6 if "taken up" in case else 0)
    one, two = (read_metrics(folder / name / "metrics.jsonl") for name in ("alone", "together"))
    assert [row.loss for row in two] == pytest.approx([row.loss for row in one], rel=1e-4)
    assert two[-1].validation_loss == pytest.approx(one[-1].validation_loss, rel=1e-4)
    alone, together = (
        load_file(folder / name / "model.safetensors") for name in ("alone", "together")
    )
    for name, weight in alone.items():
        torch.testing.assert_close(together[name], weight, rtol=1e-2, atol=1e-3)
