"""The stage: a dataset version in, a trained decoder or encoder out."""

import math
import time
from collections import Counter
from pathlib import Path
from typing import Final

from data_contracts.errors import TrainingDiverged
from data_contracts.fingerprint import fingerprint
from data_contracts.frozen import Frozen
from data_contracts.gate import TOKENIZER_FILE, Gate, require_passed
from data_contracts.progress import Progress, silent
from data_contracts.results import TrainResult, start_folder
from model import TRAIN_VERSION
from model.checkpoint import (
    checkpoint_step,
    delete_checkpoints,
    load_best,
    load_checkpoint,
    save_checkpoint,
)
from model.machine import computing, peak_memory_bytes
from model.metrics import METRICS_FILE, MetricsLog, StepMetrics, read_metrics
from model.pretrained import save_pretrained
from model.recipe import TrainRecipe
from model.stop_request import StopRequest
from model.trainer import Trainer, planned_steps
from model.utilisation import utilisation
from model.world import joined

__all__ = ["TrainInputs", "planned_steps", "train"]

_FINAL_STEPS: Final = 20
"""Steps whose mean is the final training loss."""
_NOT_DECISIVE: Final = {
    "threads",
    "checkpoint_every_steps",
    "keep_checkpoints",
    "micro_batch_tokens",
    "recompute_activations",
    "compile",
    "tensorboard",
    "shard_weights",
}


class TrainInputs(Frozen):
    """What train reads."""

    dataset: Path
    """A dataset version's folder; it must have passed its gate."""


def train(
    inputs: TrainInputs,
    recipe: TrainRecipe,
    output_dir: Path,
    *,
    cache: Path | None = None,  # noqa: ARG001 (all stages are called alike)
    progress: Progress = silent,
) -> TrainResult:
    """Train a decoder or an encoder on a dataset version.

    A run that was killed, or stopped by a signal, continues from the checkpoint in `output_dir`
    when it is called again with the same recipe and data, and on a CPU ends with the very weights
    of an undisturbed run.

    Args:
        inputs: The dataset version.
        recipe: Shape, budget and optimiser.
        output_dir: Receives model.safetensors, config.json, tokenizer.json, what else Hugging Face
            needs, and metrics.jsonl. Cleared, unless it holds this run's checkpoint.
        cache: Not used: nothing of a training run is reused by another.
        progress: Told of steps done.

    Returns:
        Size, losses and speed.

    Raises:
        GateRefused: The version did not pass its contract, or is not what passed.
        TooLittleText: A split holds too few tokens to train or to measure on.
        TrainingDiverged: A loss is NaN or infinite.
        VersionCorrupt: A token file is missing or broken.
    """
    started = time.perf_counter()
    gate = require_passed(inputs.dataset)
    settings = _settings(recipe, gate)
    with computing(recipe.threads), joined() as world:
        resumed_from_step = _resumable_step(output_dir, settings)
        world.all_here()
        if world.writes and not resumed_from_step:
            start_folder(output_dir)
        world.all_here()
        trainer = Trainer(inputs.dataset, recipe, world)
        if resumed_from_step:
            parts = (trainer.model, trainer.optimizer, trainer.average)
            load_checkpoint(output_dir, settings, *parts)
        logged = {"writes": world.writes, "tensorboard": recipe.tensorboard}
        with MetricsLog(output_dir, resumed_from_step, **logged) as log:
            _run(trainer, log, output_dir, settings, progress)
        world.all_here()  # the best weights lie there
        with trainer.averaged():
            if recipe.save == "best":
                load_best(output_dir, trainer.model)
            model = trainer.whole_model()
            if world.writes:
                save_pretrained(model, inputs.dataset / TOKENIZER_FILE, output_dir)
        result = _summary(trainer, log, output_dir, started, resumed_from_step)
        if world.writes:
            result.save()
            delete_checkpoints(output_dir)
        world.all_here()
    return result


def _run(
    trainer: Trainer, log: MetricsLog, folder: Path, settings: str, progress: Progress
) -> None:
    """Take the steps that are left, noting and saving as the recipe says."""
    recipe, steps, world = trainer.recipe, trainer.steps, trainer.world
    best = min((row.validation_loss or math.inf for row in log.rows), default=math.inf)
    with StopRequest() as request:
        for step in range(len(log.rows), steps):
            row = trainer.take_step(step)
            taken, last = row.step, row.step == steps
            if last or taken % recipe.evaluate_every_steps == 0:
                row = _measured(trainer, row)
                assert row.validation_loss is not None, "just measured"  # noqa: S101
                if recipe.save == "best" and row.validation_loss < best:
                    trainer.save_best(folder)
                best = min(best, row.validation_loss)
            log.add(row)
            progress(taken, steps, "steps", _note(row))
            stops = world.any(happened=request.received is not None)
            if stops or (taken % recipe.checkpoint_every_steps == 0 and not last):
                _save(trainer, folder, settings, taken)
            if stops:
                request.stop()


def _measured(trainer: Trainer, row: StepMetrics) -> StepMetrics:
    loss = trainer.validation_loss()
    if not math.isfinite(loss):
        raise TrainingDiverged(row.step, loss, row.learning_rate)
    return row.model_copy(update={"validation_loss": loss})


def _save(trainer: Trainer, folder: Path, settings: str, taken: int) -> None:
    parts = (trainer.model, trainer.optimizer, trainer.average)
    keep, writes = trainer.recipe.keep_checkpoints, trainer.world.writes
    save_checkpoint(folder, settings, taken, *parts, keep=keep, writes=writes)
    trainer.world.all_here()


def _resumable_step(folder: Path, settings: str) -> int:
    """Find the step to continue after; 0 when there is nothing to continue."""
    step = checkpoint_step(folder, settings) or 0
    logged = sum(row.step <= step for row in read_metrics(folder / METRICS_FILE))
    return step if logged == step else 0


def _settings(recipe: TrainRecipe, gate: Gate) -> str:
    """Fingerprint what decides the weights: a checkpoint of other settings is no start.

    How a batch is cut into forward passes changes nothing but rounding, so a run may go on with
    other micro batches.
    """
    decisive = recipe.model_dump(mode="json", exclude=_NOT_DECISIVE)
    return fingerprint({"version": TRAIN_VERSION, "recipe": decisive, "data": gate.data_sha256})


def _note(row: StepMetrics) -> str:
    speed = f"loss {row.loss:.3f}, {row.tokens_per_second:,.0f} tokens/s"
    return speed if row.validation_loss is None else f"{speed}, valid {row.validation_loss:.3f}"


def _summary(
    trainer: Trainer, log: MetricsLog, folder: Path, started: float, resumed_from_step: int
) -> TrainResult:
    final = [row.loss for row in log.rows[-_FINAL_STEPS:]]
    measured = [row.validation_loss for row in log.rows if row.validation_loss is not None]
    tokens = log.rows[-1].tokens
    tokens_per_second = tokens / sum(row.seconds for row in log.rows)
    return TrainResult(
        folder=folder,
        elapsed_seconds=time.perf_counter() - started,
        parameters=trainer.model.parameter_count,
        steps=log.rows[-1].step,
        tokens_seen=tokens,
        source_tokens=dict(sum((Counter(row.source_tokens) for row in log.rows), Counter())),
        tokens_per_second=tokens_per_second,
        final_train_loss=sum(final) / len(final),
        best_validation_loss=min(measured),
        peak_memory_bytes=peak_memory_bytes(),
        resumed_from_step=resumed_from_step,
        **utilisation(trainer.model, tokens_per_second, trainer.device, trainer.recipe.precision),
    )
