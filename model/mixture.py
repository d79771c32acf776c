"""Batches whose windows come from each source in given shares: a pure function of (seed, step, rank).

Every sample has a number, counted over all steps. A cycle of `_CYCLE` numbers holds each source as
often as its share says, in a shuffled order that all cycles repeat; so how many samples a source gave
before any number is a look-up, and each source's windows come in shuffled epochs of their own
(`model.batches.Batches`). Nothing is saved, nothing is drawn: resuming at any step costs nothing.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data_contracts.errors import MixtureInvalid
from model.batches import Batches, mixed_seed, permuted, read_windows
from model.recipe import MixtureRecipe
from model.sources import SourceStream

_CYCLE: Final = 4096
"""Samples in which all shares come true, to half a sample each."""


class MixedBatches:
    """Training windows of several sources, each window of one."""

    def __init__(
        self,
        streams: Mapping[str, SourceStream],
        shares: Mapping[str, float],
        context_tokens: int,
        windows_per_batch: int,
        seed: int,
    ) -> None:
        """Mix streams.

        Args:
            streams: Each source's tokens.
            shares: Share of the samples from each source; their sum is one.
            context_tokens: Tokens that the model reads in each window.
            windows_per_batch: Windows of a global batch.
            seed: Decides the order.

        Raises:
            MixtureInvalid: A source has fewer tokens than one window.
        """
        self.names = sorted(shares)
        self.context_tokens, self.windows_per_batch = context_tokens, windows_per_batch
        for name in self.names:
            if len(streams[name]) <= context_tokens:
                problem = (
                    f"has {len(streams[name]):,} tokens, one window takes {context_tokens + 1:,}"
                )
                raise MixtureInvalid(name, problem)
        self._batches = [
            Batches(streams[name], context_tokens, 1, mixed_seed(seed, number))
            for number, name in enumerate(self.names)
        ]
        counts = whole_parts(np.array([shares[name] for name in self.names]), _CYCLE)
        order = permuted(np.arange(_CYCLE), _CYCLE, mixed_seed(seed, _CYCLE))
        self._source = np.repeat(np.arange(len(counts)), counts)[order]
        taken = self._source[:, None] == np.arange(len(counts))
        self._counts, self._before = counts, taken.cumsum(0) - taken

    def samples(self, step: int) -> list[tuple[int, int]]:
        """Find a step's samples: which source, and the how-manieth of its windows."""
        first = step * self.windows_per_batch
        numbers = np.arange(first, first + self.windows_per_batch, dtype=np.int64)
        cycles, places = np.divmod(numbers, _CYCLE)
        source = self._source[places]
        number = cycles * self._counts[source] + self._before[places, source]
        return list(zip(source.tolist(), number.tolist(), strict=True))

    def read(self, step: int, rank: int = 0, ranks: int = 1) -> tuple[Tensor, Tensor]:
        """Read a rank's part of a step's batch: inputs and targets, int64 BT each."""
        read, targets = [], []
        for source, number in self.samples(step)[rank::ranks]:
            batches = self._batches[source]
            some = read_windows(batches.shards, batches.starts(number), self.context_tokens)
            read.append(some[0])
            targets.append(some[1])
        if not read:
            return (torch.empty((0, self.context_tokens), dtype=torch.int64),) * 2
        return torch.cat(read), torch.cat(targets)

    def source_tokens(self, step: int) -> dict[str, int]:
        """Count the tokens of a step's whole batch by source."""
        found: dict[str, int] = {}
        for source, _ in self.samples(step):
            name = self.names[source]
            found[name] = found.get(name, 0) + self.context_tokens
        return found


def shares_of(recipe: MixtureRecipe, tokens: Mapping[str, int]) -> dict[str, float]:
    """Tell which share of the training tokens each source gives, zeros left out.

    Args:
        recipe: Weights or epochs.
        tokens: Tokens of each source.

    Raises:
        MixtureInvalid: The recipe names a source that the dataset lacks.
    """
    for name in {**(recipe.weights or {}), **(recipe.epochs or {})}:
        if name not in tokens:
            raise MixtureInvalid(name, f"is no source of the dataset; it has {', '.join(tokens)}")
    if recipe.weights is not None:
        parts = dict(recipe.weights)
    else:
        parts = {name: count * recipe.passes(name) for name, count in tokens.items()}
    total = sum(parts.values())
    return {name: part / total for name, part in parts.items() if part}


def whole_parts(shares: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    """Split a whole number by shares: largest remainders, at least one each."""
    exact = shares * total
    counts = np.maximum(np.floor(exact).astype(np.int64), 1)
    order = np.argsort(counts - exact, kind="stable")  # who was cut most comes first
    left = total - int(counts.sum())
    if left < 0:  # ones for tiny shares come from the largest
        counts[int(np.argmax(counts))] += left
    else:
        counts[order[:left]] += 1
    return counts
