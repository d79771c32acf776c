"""One training run's model, optimiser and data: takes one step at a time."""

import contextlib
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from torch.nn import functional

from data_contracts.errors import TooLittleText, TrainingDiverged
from data_contracts.gate import TOKENIZER_FILE
from data_contracts.split import Split
from data_contracts.token_shards import TokenShards
from model.averaging import WeightAverage
from model.batches import mixed_seed, read_windows
from model.candidates import Candidates, token_counts
from model.checkpoint import save_best
from model.cooccurrence import start_embeddings
from model.machine import mixed_precision, pick_device
from model.masking import HIDDEN_TOKENS, hide
from model.metrics import StepMetrics
from model.mixture import MixedBatches, shares_of
from model.objective import NO_TARGET, target_loss
from model.optimizer import build_optimizer, set_learning_rates
from model.pretrained import load_tokenizer
from model.recipe import TrainRecipe
from model.schedule import learning_rate_factor
from model.sources import SplitBatches, streams_by_source
from model.transformer import EMBEDDING_STD, Transformer
from model.world import World, not_yet, whole

CPU_MICRO_BATCH_TOKENS: Final = 1024
"""Tokens per forward pass on a CPU when the recipe names none: with 4,096 vocabulary entries their
logits take 16 MB and stay in the caches, which makes a step 1.2 times faster than 4,096 tokens."""


class Trainer:
    """Everything that changes from step to step."""

    def __init__(self, dataset: Path, recipe: TrainRecipe, world: World | None = None) -> None:
        """Start from the first weights.

        Args:
            dataset: A dataset version's folder.
            recipe: What is trained and how.
            world: The processes that train together; None: this one alone.

        Raises:
            TooLittleText: A split holds too few tokens to train or to measure on.
            VersionCorrupt: A token file is missing or broken.
        """
        self.recipe, self.world = recipe, world or World()
        self.device = pick_device()
        context = recipe.shape.context_tokens
        train_split = TokenShards.open_for_training(dataset / "tokens")
        self.validation = TokenShards.open(dataset / "tokens" / Split.VALIDATION)
        if len(self.validation) < 2:
            raise TooLittleText(Split.VALIDATION, len(self.validation), 2)
        windows = recipe.batch_tokens // context
        self.batch_tokens = windows * context
        self.batches: SplitBatches | MixedBatches
        if recipe.mixture is None:
            self.batches = SplitBatches(train_split, context, windows, recipe.seed)
            self.steps = planned_steps(recipe, len(train_split))
        else:
            streams = streams_by_source(train_split)
            tokens = {name: len(stream) for name, stream in streams.items()}
            shares = shares_of(recipe.mixture, tokens)
            self.batches = MixedBatches(streams, shares, context, windows, recipe.seed)
            self.steps = planned_steps(recipe, len(train_split), tokens)
        self.vocabulary_size = load_tokenizer(dataset / TOKENIZER_FILE).get_vocab_size()
        self.model = Transformer(
            recipe.shape,
            self.vocabulary_size + (HIDDEN_TOKENS if self._guesses else 0),
            dropout=recipe.dropout,
        )
        self.model.initialise(recipe.seed)
        if recipe.cooccurrence_reach:
            weight = self.model.model.embed_tokens.weight.data
            reach = recipe.cooccurrence_reach
            start_embeddings(weight, train_split, reach, EMBEDDING_STD, recipe.seed)
        self.candidates = None
        if recipe.candidate_tokens:
            often_V = token_counts(train_split, self.vocabulary_size)
            self.candidates = Candidates(often_V, recipe.candidate_tokens)
        self.model.to(self.device)
        if recipe.recompute_activations:
            self.model.recompute_activations()
        self._sharded = recipe.shard_weights and self.world.ranks > 1
        if self._sharded:
            self.world.shard(self.model)
        self.optimizer = build_optimizer(self.model, recipe)
        self.average = None
        if recipe.ema_decay is not None:
            self.average = WeightAverage(self.model, recipe.ema_decay)
        compiled = self._compiled()
        self._forward = compiled if self._sharded else self.world.wrapped(compiled)
        self._reduced = self.model if self._sharded else self._forward

    def take_step(self, step: int) -> StepMetrics:
        """Take the step after `step` others.

        Raises:
            TrainingDiverged: The loss is NaN or infinite; the weights are left as they were.
        """
        started = time.perf_counter()
        recipe = self.recipe
        factor = learning_rate_factor(step, self.steps, recipe)
        learning_rate = recipe.learning_rate * factor
        loss = self._gradients(step)
        limit = math.inf if recipe.max_gradient_norm is None else recipe.max_gradient_norm
        norm = float(whole(torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit)))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingDiverged(step + 1, loss, learning_rate)
        set_learning_rates(self.optimizer, factor)
        self.optimizer.step()
        if self.average:
            self.average.add(step + 1)
        seconds = time.perf_counter() - started
        return StepMetrics(
            step=step + 1,
            tokens=(step + 1) * self.batch_tokens,
            loss=loss,
            learning_rate=learning_rate,
            gradient_norm=norm,
            seconds=seconds,
            tokens_per_second=self.batch_tokens / seconds,
            source_tokens=self.batches.source_tokens(step),
        )

    @torch.no_grad()
    def validation_loss(self) -> float:
        """Measure nats per token on the first windows of the validation split.

        An encoder is measured on the tokens hidden from it, the same ones each time.
        """
        context = min(self.recipe.shape.context_tokens, len(self.validation) - 1)
        available = (len(self.validation) - 1) // context
        windows = min(available, max(1, self.recipe.validation_tokens // context))
        starts = np.arange(windows, dtype=np.int64) * context
        rows = max(1, self._micro_batch_tokens() // context)
        nats, targets = 0.0, 0
        self.model.eval()
        with self.averaged():
            for first in range(0, windows, rows):
                read_BT, targets_BT = read_windows(
                    self.validation, starts[first : first + rows], context
                )
                if self._guesses:
                    read_BT, targets_BT = self._hidden(read_BT, first)
                nats += float(self._cost(self.model, read_BT, targets_BT))
                targets += int((targets_BT != NO_TARGET).sum())
            if isinstance(self.model, FSDPModule):
                self.model.reshard()  # as a backward pass would, before the weights are changed back
        return nats / max(targets, 1)

    def averaged(self) -> contextlib.AbstractContextManager[None]:
        """Let the model have the running mean of its weights, where the recipe keeps one."""
        return self.average.applied() if self.average else contextlib.nullcontext()

    def save_best(self, folder: Path) -> None:
        """Keep the weights just measured as the best so far."""
        with self.averaged():
            save_best(folder, self.model, writes=self.world.writes)

    def whole_model(self) -> Transformer:
        """Give the model with all its weights in this process; all processes must call."""
        if not self._sharded:
            return self.model
        weights = {name: whole(part) for name, part in self.model.state_dict().items()}
        model = Transformer(self.recipe.shape, self.model.vocabulary_size)
        model.load_state_dict(weights)
        return model

    @property
    def _guesses(self) -> bool:
        """Whether tokens are hidden and guessed, as an encoder learns."""
        return self.recipe.shape.kind == "encoder"

    def _gradients(self, step: int) -> float:
        """Set the gradients of the mean loss of a step's batch; gives that loss in nats."""
        self.optimizer.zero_grad(set_to_none=True)
        self.model.train()
        read_BT, targets_BT, targets, among = self._batch(step)
        rows = max(1, self._micro_batch_tokens() // self.recipe.shape.context_tokens)
        total = torch.zeros((), device=self.device)
        with self._drawn(step):
            for first in range(0, len(read_BT), rows):
                some = slice(first, first + rows)
                more = first + rows < len(read_BT)
                with not_yet(self._reduced) if more else contextlib.nullcontext():
                    part = (read_BT[some], targets_BT[some])
                    if among:
                        loss = self._cost_among(*part, *among)
                    else:
                        loss = self._cost(self._forward, *part, learns=True)
                    loss = loss / targets
                    # The processes' gradients are averaged; their sum is wanted.
                    (loss * self.world.ranks).backward()  # type: ignore[no-untyped-call]
                total += loss.detach()
        return self.world.total(total).item()

    def _batch(self, step: int) -> tuple[Tensor, Tensor, int, tuple[Tensor, Tensor] | None]:
        """Read this process's part of a batch.

        Gives what is read, targets, how many the whole batch has, and what they are guessed among.
        """
        rank, ranks = self.world.rank, self.world.ranks
        if not self._guesses:
            return *self.batches.read(step, rank, ranks), self.batch_tokens, None
        # Tokens are hidden in the whole batch, so that it does not depend on the processes.
        read_BT, targets_BT = self._hidden(self.batches.read(step)[0], step + 1)
        targets_N = targets_BT[targets_BT != NO_TARGET]
        among = None
        if self.candidates:
            among = self.candidates.of_step(targets_N, (self.recipe.seed, step))
        return read_BT[rank::ranks], targets_BT[rank::ranks], max(1, len(targets_N)), among

    def _hidden(self, tokens_BT: Tensor, number: int) -> tuple[Tensor, Tensor]:
        seed = (self.recipe.seed, number)
        return hide(tokens_BT, self.recipe.masked_ratio, self.vocabulary_size, seed)

    def _cost(
        self, model: nn.Module, read_BT: Tensor, targets_BT: Tensor, *, learns: bool = False
    ) -> Tensor:
        """Sum what targets cost, in nats."""
        recipe = self.recipe
        read_BT, targets_BT = read_BT.to(self.device), targets_BT.to(self.device)
        with mixed_precision(self.device, recipe.precision):
            if self._guesses:
                places_BT = targets_BT != NO_TARGET
                logits_NV, targets_N = model(read_BT, places_BT=places_BT), targets_BT[places_BT]
            else:
                logits_NV, targets_N = model(read_BT).flatten(0, 1), targets_BT.flatten()
            if learns:
                return target_loss(
                    logits_NV, targets_N, recipe.label_smoothing, recipe.z_loss_weight
                )
            return functional.cross_entropy(logits_NV.float(), targets_N, reduction="sum")

    def _cost_among(
        self, read_BT: Tensor, targets_BT: Tensor, tokens_M: Tensor, likely_M: Tensor
    ) -> Tensor:
        """Sum what targets cost among some tokens, in nats, as estimated from these."""
        recipe = self.recipe
        read_BT, targets_BT = read_BT.to(self.device), targets_BT.to(self.device)
        tokens_M, places_BT = tokens_M.to(self.device), targets_BT != NO_TARGET
        with mixed_precision(self.device, recipe.precision):
            logits_NM = self._forward(read_BT, places_BT=places_BT, candidates_M=tokens_M)
            targets_N = torch.searchsorted(tokens_M, targets_BT[places_BT])
            logits_NM = logits_NM - likely_M.to(self.device)
            return target_loss(logits_NM, targets_N, recipe.label_smoothing, recipe.z_loss_weight)

    @contextlib.contextmanager
    def _drawn(self, step: int) -> Iterator[None]:
        """Let dropout draw by (seed, step, rank), so that a resumed run zeroes the same."""
        if not self.recipe.dropout:
            yield
            return
        with torch.random.fork_rng():
            torch.manual_seed(mixed_seed(self.recipe.seed, step, self.world.rank))
            yield

    def _compiled(self) -> nn.Module:
        wanted = self.recipe.compile
        if wanted is None:
            wanted = self.device.type == "cuda"
        if not wanted:
            return self.model
        return cast(nn.Module, torch.compile(self.model, dynamic=False))

    def _micro_batch_tokens(self) -> int:
        if self.recipe.micro_batch_tokens is not None:
            return self.recipe.micro_batch_tokens
        return CPU_MICRO_BATCH_TOKENS if self.device.type == "cpu" else self.batch_tokens


def planned_steps(
    recipe: TrainRecipe, train_tokens: int, source_tokens: Mapping[str, int] | None = None
) -> int:
    """Tell how many optimiser steps a recipe takes.

    Args:
        recipe: Its budget is cut to its epochs.
        train_tokens: Tokens of the training split.
        source_tokens: The same by source, for a recipe with a mixture.
    """
    budget: float = recipe.budget_tokens
    if recipe.max_epochs is not None:
        budget = min(budget, recipe.max_epochs * train_tokens)
    if source_tokens and recipe.mixture and recipe.mixture.epochs is not None:
        passes = recipe.mixture.passes
        budget = min(budget, sum(passes(name) * many for name, many in source_tokens.items()))
    context = recipe.shape.context_tokens
    return max(1, int(budget) // (recipe.batch_tokens // context * context))
