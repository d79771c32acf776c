"""The training loop of tasks: one step per batch, measured after each epoch."""

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from data_contracts.errors import TrainingDiverged
from data_contracts.progress import Progress, silent
from model.averaging import WeightAverage
from model.batches import mixed_seed
from model.metrics import MetricsLog, StepMetrics
from model.optimizer import build_optimizer, set_learning_rates
from model.schedule import learning_rate_factor
from model.supervised.grouping import grouped
from model.supervised.recipe import FitRecipe
from model.supervised.vocabulary import Ids
from model.transformer import Transformer

StepLoss = Callable[[Ids], tuple[Tensor, int]]
"""From the numbers of a batch's texts: the summed loss to lower, and of how many targets."""


def fit(
    model: Transformer,
    recipe: FitRecipe,
    lengths: Ids,
    loss_of: StepLoss,
    folder: Path,
    *,
    measure: Callable[[], float] | None = None,
    progress: Progress = silent,
) -> None:
    """Train a model on a task's texts, leaving metrics.jsonl.

    Args:
        model: Initialised or pretrained; left with its last weights, or their running mean.
        recipe: How.
        lengths: int64 (texts,), tokens of each training text.
        loss_of: Reads a batch.
        folder: Receives metrics.jsonl.
        measure: Gives the validation loss after an epoch; None: not measured.
        progress: Told of steps done.

    Raises:
        TrainingDiverged: A loss is NaN or infinite.
    """
    batches = [
        (epoch, batch)
        for epoch in range(recipe.epochs)
        for batch in grouped(lengths, recipe.batch_tokens, recipe.seed, epoch)
    ]
    optimizer = build_optimizer(model, recipe)
    average = WeightAverage(model, recipe.ema_decay) if recipe.ema_decay is not None else None
    limit = math.inf if recipe.max_gradient_norm is None else recipe.max_gradient_norm
    tokens = 0
    with MetricsLog(folder, 0) as log, torch.random.fork_rng():
        for step, (epoch, batch) in enumerate(batches):
            started = time.perf_counter()
            model.train()
            torch.manual_seed(mixed_seed(recipe.seed, step))  # dropout draws by step
            factor = learning_rate_factor(step, len(batches), recipe)
            optimizer.zero_grad(set_to_none=True)
            summed, targets = loss_of(batch)
            loss = summed / targets
            loss.backward()  # type: ignore[no-untyped-call]
            norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), limit))
            if not math.isfinite(norm):
                raise TrainingDiverged(step + 1, loss.item(), recipe.learning_rate * factor)
            set_learning_rates(optimizer, factor)
            optimizer.step()
            if average:
                average.add(step + 1)
            seconds = time.perf_counter() - started
            read = int(lengths[batch].sum())
            tokens += read
            row = StepMetrics(
                step=step + 1,
                tokens=tokens,
                loss=loss.item(),
                learning_rate=recipe.learning_rate * factor,
                gradient_norm=norm,
                seconds=seconds,
                tokens_per_second=read / seconds,
            )
            ends = step + 1 == len(batches) or batches[step + 1][0] != epoch
            if ends and measure:
                row = row.model_copy(update={"validation_loss": _measured(model, average, measure)})
            log.add(row)
            progress(step + 1, len(batches), "steps", f"epoch {epoch + 1}, loss {row.loss:.3f}")
    if average:
        average.adopt()
    model.eval()


def _measured(
    model: Transformer, average: WeightAverage | None, measure: Callable[[], float]
) -> float:
    model.eval()
    with torch.no_grad():
        if average is None:
            return measure()
        with average.applied():
            return measure()
