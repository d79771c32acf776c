"""Two processes, as torchrun starts them, train as one does."""

import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from model.metrics import read_metrics
from model.train import TrainInputs, train
from tests.conftest import REPOSITORY

RUN = """
import sys
from pathlib import Path
from model.recipe import TrainRecipe
from model.train import TrainInputs, train
from tests.conftest import REPOSITORY
recipe = TrainRecipe.model_validate_json(sys.argv[2])
train(TrainInputs(dataset=Path(sys.argv[1])), recipe, Path(sys.argv[3]))
"""


def broken_off(done, *_):
    if done == 7:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("kind", "changed", "begun_alone"),
    [
        ("decoder", {"checkpoint_every_steps": 3}, True),
        ("encoder", {}, False),
        ("decoder", {"shard_weights": True, "ema_decay": 0.5, "save": "best"}, False),
    ],
    ids=["decoder, taken up from one process", "encoder", "weights in parts"],
)
def test_two_processes_give_the_losses_of_one(
    version, tiny_train, tmp_path, kind, changed, begun_alone
):
    shape = tiny_train.shape.model_copy(update={"kind": kind})
    changes = {"shape": shape, "budget_tokens": 12 * 256, "micro_batch_tokens": 64, **changed}
    recipe = tiny_train.model_copy(update=changes)
    alone = train(TrainInputs(dataset=version), recipe, tmp_path / "alone")
    if begun_alone:
        with pytest.raises(KeyboardInterrupt):
            train(TrainInputs(dataset=version), recipe, tmp_path / "together", progress=broken_off)
    (tmp_path / "run.py").write_text(RUN)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    arguments = [str(version), recipe.model_dump_json(), str(tmp_path / "together")]
    done = subprocess.run(
        [*torchrun, str(tmp_path / "run.py"), *arguments],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = (tmp_path / "together" / "result.json").read_text().replace(" ", "")
    one, two = (read_metrics(tmp_path / name / "metrics.jsonl") for name in ("alone", "together"))
    assert ('"resumed_from_step":6' in result) == begun_alone
    assert [row.loss for row in two] == pytest.approx([row.loss for row in one], rel=1e-4)
    assert two[-1].validation_loss == pytest.approx(one[-1].validation_loss, rel=1e-4)
    weights = [
        load_file(path / "model.safetensors") for path in (alone.folder, tmp_path / "together")
    ]
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name], weight, rtol=1e-2, atol=1e-3)
