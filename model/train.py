"""The stage: a dataset version in, a trained decoder out."""

import math
import time
from pathlib import Path
from typing import Final

import numpy as np
import torch

from data_contracts.errors import TooLittleText, TrainingDiverged
from data_contracts.fingerprint import fingerprint
from data_contracts.frozen import Frozen
from data_contracts.gate import TOKENIZER_FILE, Gate, require_passed
from data_contracts.progress import Progress, silent
from data_contracts.results import TrainResult, start_folder
from data_contracts.split import Split
from data_contracts.token_shards import TokenShards
from model import TRAIN_VERSION
from model.batches import Batches, read_windows
from model.checkpoint import (
    checkpoint_step,
    delete_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from model.machine import cpu_threads, mixed_precision, peak_memory_bytes, pick_device
from model.metrics import METRICS_FILE, MetricsLog, StepMetrics, read_metrics
from model.optimizer import build_optimizer, set_learning_rates
from model.pretrained import load_tokenizer, save_pretrained
from model.recipe import TrainRecipe
from model.schedule import wsd_factor
from model.stop_request import StopRequest
from model.transformer import Decoder, token_nats

CPU_MICRO_BATCH_TOKENS: Final = 1024
"""Tokens per forward pass on a CPU when the recipe names none: with 4,096 vocabulary entries their
logits take 16 MB and stay in the caches, which makes a step 1.2 times faster than 4,096 tokens."""

_FINAL_STEPS: Final = 20
"""Steps whose mean is the final training loss."""


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
    """Train a decoder on a dataset version.

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
    resumed_from_step = _resumable_step(output_dir, settings)
    if not resumed_from_step:
        start_folder(output_dir)
    with cpu_threads(recipe.threads):
        trainer = _Trainer(inputs.dataset, recipe)
        if resumed_from_step:
            load_checkpoint(output_dir, trainer.model, trainer.optimizer)
        with MetricsLog(output_dir, resumed_from_step) as log:
            _run(trainer, log, output_dir, settings, progress)
    save_pretrained(trainer.model, inputs.dataset / TOKENIZER_FILE, output_dir)
    result = _summary(trainer, log, output_dir, started, resumed_from_step).save()
    delete_checkpoint(output_dir)
    return result


class _Trainer:
    """Model, optimiser and data: takes one step at a time."""

    def __init__(self, dataset: Path, recipe: TrainRecipe) -> None:
        self.recipe = recipe
        self.device = pick_device()
        context = recipe.shape.context_tokens
        train_split = TokenShards.open(dataset / "tokens" / Split.TRAIN)
        self.validation = TokenShards.open(dataset / "tokens" / Split.VALIDATION)
        if len(self.validation) < 2:
            raise TooLittleText(Split.VALIDATION, len(self.validation), 2)
        windows = recipe.batch_tokens // context
        self.batches = Batches(train_split, context, windows, recipe.seed)
        self.batch_tokens = windows * context
        self.steps = planned_steps(recipe, len(train_split))
        vocabulary_size = load_tokenizer(dataset / TOKENIZER_FILE).get_vocab_size()
        self.model = Decoder(recipe.shape, vocabulary_size)
        self.model.initialise(recipe.seed)
        self.model.to(self.device)
        self.optimizer = build_optimizer(self.model, recipe)

    def take_step(self, step: int) -> StepMetrics:
        """Take the step after `step` others.

        Raises:
            TrainingDiverged: The loss is NaN or infinite; the weights are left as they were.
        """
        started = time.perf_counter()
        recipe = self.recipe
        factor = wsd_factor(step, self.steps, recipe.warmup_ratio, recipe.decay_ratio)
        learning_rate = recipe.learning_rate * factor
        loss = self._gradients(step)
        limit = math.inf if recipe.max_gradient_norm is None else recipe.max_gradient_norm
        norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingDiverged(step + 1, loss, learning_rate)
        set_learning_rates(self.optimizer, factor)
        self.optimizer.step()
        seconds = time.perf_counter() - started
        return StepMetrics(
            step=step + 1,
            tokens=(step + 1) * self.batch_tokens,
            loss=loss,
            learning_rate=learning_rate,
            gradient_norm=norm,
            seconds=seconds,
            tokens_per_second=self.batch_tokens / seconds,
        )

    def _gradients(self, step: int) -> float:
        """Set the gradients of the mean loss of a step's batch; gives that loss in nats."""
        self.optimizer.zero_grad(set_to_none=True)
        tokens_BT, targets_BT = self.batches.read(step)
        rows = max(1, self._micro_batch_tokens() // self.recipe.shape.context_tokens)
        total = torch.zeros((), device=self.device)
        for first in range(0, len(tokens_BT), rows):
            some = slice(first, first + rows)
            nats = self._nats(tokens_BT[some], targets_BT[some]).sum() / self.batch_tokens
            nats.backward()  # type: ignore[no-untyped-call]
            total += nats.detach()
        return total.item()

    @torch.no_grad()
    def validation_loss(self) -> float:
        """Measure nats per token on the first windows of the validation split."""
        context = min(self.recipe.shape.context_tokens, len(self.validation) - 1)
        available = (len(self.validation) - 1) // context
        windows = min(available, max(1, self.recipe.validation_tokens // context))
        starts = np.arange(windows, dtype=np.int64) * context
        rows = max(1, self._micro_batch_tokens() // context)
        nats = 0.0
        for first in range(0, windows, rows):
            some_BT, targets_BT = read_windows(
                self.validation, starts[first : first + rows], context
            )
            nats += float(self._nats(some_BT, targets_BT).sum(dtype=torch.float64))
        return nats / (windows * context)

    def _nats(self, tokens_BT: torch.Tensor, targets_BT: torch.Tensor) -> torch.Tensor:
        with mixed_precision(self.device):
            return token_nats(self.model, tokens_BT.to(self.device), targets_BT.to(self.device))

    def _micro_batch_tokens(self) -> int:
        if self.recipe.micro_batch_tokens is not None:
            return self.recipe.micro_batch_tokens
        return CPU_MICRO_BATCH_TOKENS if self.device.type == "cpu" else self.batch_tokens


def planned_steps(recipe: TrainRecipe, train_tokens: int) -> int:
    """Tell how many optimiser steps a recipe takes on a training split of so many tokens."""
    budget: float = recipe.budget_tokens
    if recipe.max_epochs is not None:
        budget = min(budget, recipe.max_epochs * train_tokens)
    context = recipe.shape.context_tokens
    return max(1, int(budget) // (recipe.batch_tokens // context * context))


def _run(
    trainer: _Trainer, log: MetricsLog, folder: Path, settings: str, progress: Progress
) -> None:
    """Take the steps that are left, noting and saving as the recipe says."""
    recipe, steps = trainer.recipe, trainer.steps
    with StopRequest() as request:
        for step in range(len(log.rows), steps):
            row = trainer.take_step(step)
            taken, last = row.step, row.step == steps
            if last or taken % recipe.evaluate_every_steps == 0:
                loss = trainer.validation_loss()
                if not math.isfinite(loss):
                    raise TrainingDiverged(taken, loss, row.learning_rate)
                row = row.model_copy(update={"validation_loss": loss})
            log.add(row)
            progress(taken, steps, "steps", _note(row))
            if request.received or (taken % recipe.checkpoint_every_steps == 0 and not last):
                save_checkpoint(folder, settings, taken, trainer.model, trainer.optimizer)
            if request.received:
                request.stop()


def _resumable_step(folder: Path, settings: str) -> int:
    """Find the step to continue after; 0 when there is nothing to continue."""
    step = checkpoint_step(folder, settings) or 0
    logged = sum(row.step <= step for row in read_metrics(folder / METRICS_FILE))
    return step if logged == step else 0


def _settings(recipe: TrainRecipe, gate: Gate) -> str:
    """Fingerprint what decides the weights: a checkpoint of other settings is no start."""
    decisive = recipe.model_dump(mode="json", exclude={"threads", "checkpoint_every_steps"})
    return fingerprint({"version": TRAIN_VERSION, "recipe": decisive, "data": gate.data_sha256})


def _note(row: StepMetrics) -> str:
    speed = f"loss {row.loss:.3f}, {row.tokens_per_second:,.0f} tokens/s"
    return speed if row.validation_loss is None else f"{speed}, valid {row.validation_loss:.3f}"


def _summary(
    trainer: _Trainer, log: MetricsLog, folder: Path, started: float, resumed_from_step: int
) -> TrainResult:
    final = [row.loss for row in log.rows[-_FINAL_STEPS:]]
    measured = [row.validation_loss for row in log.rows if row.validation_loss is not None]
    tokens = log.rows[-1].tokens
    return TrainResult(
        folder=folder,
        elapsed_seconds=time.perf_counter() - started,
        parameters=trainer.model.parameter_count,
        steps=log.rows[-1].step,
        tokens_seen=tokens,
        tokens_per_second=tokens / sum(row.seconds for row in log.rows),
        final_train_loss=sum(final) / len(final),
        best_validation_loss=min(measured),
        peak_memory_bytes=peak_memory_bytes(),
        resumed_from_step=resumed_from_step,
    )
