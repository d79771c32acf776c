"""Batches as a pure function of (seed, step, rank, ranks): nothing to save, nothing to restore.

The stream of a split is cut into windows of `context_tokens`. In every epoch each window comes once,
in an order that is a keyed permutation computed one index at a time, never stored: resuming at any
step costs nothing. The global batch of a step does not depend on how many ranks share it.
"""

from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data_contracts.errors import TooLittleText
from data_contracts.token_shards import Tokens

_ROUNDS: Final = 4
"""Feistel rounds: four make a strong permutation of pseudo-random functions (Luby, Rackoff 1988)."""
_STEPS: Final = 64
"""Steps whose windows are looked up together: NumPy's cost per call would else be half a batch's."""
_BITS: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15


class Stream(Protocol):
    """Tokens one after another: a split's, or those of one of its sources."""

    @property
    def folder(self) -> Path:
        """Where they lie."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the ids."""

    def __len__(self) -> int:
        """Tokens in all."""

    def read(self, start: int, count: int) -> Tokens:
        """Read consecutive tokens."""


class Batches:
    """The training windows of a split, in shuffled epochs without end."""

    def __init__(
        self, shards: Stream, context_tokens: int, windows_per_batch: int, seed: int
    ) -> None:
        """Cut a split into windows.

        Args:
            shards: The split's tokens.
            context_tokens: Tokens the model reads in each window; one more is read as the last
                target, which is the next window's first token.
            windows_per_batch: Windows of a global batch.
            seed: Decides the order.

        Raises:
            TooLittleText: The split does not fill one window.
        """
        if len(shards) <= context_tokens:
            raise TooLittleText(shards.folder.name, len(shards), context_tokens + 1)
        self.shards = shards
        self.context_tokens = context_tokens
        self.windows_per_batch = windows_per_batch
        self.seed = seed
        self.windows_per_epoch = (len(shards) - 1) // context_tokens
        self._block = -1, np.empty(0, np.int64)  # the last looked up: which, and its windows

    def starts(self, step: int, rank: int = 0, ranks: int = 1) -> NDArray[np.int64]:
        """Find where a rank's windows of a step start.

        Args:
            step: From 0; may lie in any epoch.
            rank: Which part of the global batch, under `ranks`: every `ranks`-th window.
            ranks: How many processes share the batch.

        Returns:
            int64 (windows,): first token of each window.
        """
        number, place = divmod(step, _STEPS)
        known, starts = self._block
        if known != number:
            starts = self._starts_of(number)
            self._block = number, starts
        first = place * self.windows_per_batch
        return starts[first + rank : first + self.windows_per_batch : ranks]

    def read(self, step: int, rank: int = 0, ranks: int = 1) -> tuple[Tensor, Tensor]:
        """Read a rank's part of a step's batch: inputs and targets, int64 BT each."""
        starts = self.starts(step, rank, ranks)
        return read_windows(self.shards, starts, self.context_tokens)

    def _starts_of(self, block: int) -> NDArray[np.int64]:
        """Look up the windows of `_STEPS` steps."""
        count = _STEPS * self.windows_per_batch
        epochs, places = np.divmod(
            np.arange(block * count, (block + 1) * count, dtype=np.int64), self.windows_per_epoch
        )
        starts = np.empty(count, np.int64)
        for epoch in np.unique(epochs).tolist():
            chosen = epochs == epoch
            order = permuted(places[chosen], self.windows_per_epoch, self._key(epoch))
            starts[chosen] = order * self.context_tokens + self._offset(epoch)
        return starts

    def _key(self, epoch: int) -> int:
        return _mixed_one(_mixed_one(self.seed + _GOLDEN) + epoch)

    def _offset(self, epoch: int) -> int:
        # Windows rarely fill the split exactly: each epoch leaves out other tokens at its ends.
        spare = len(self.shards) - 1 - self.windows_per_epoch * self.context_tokens
        return _mixed_one(self._key(epoch) + 1) % (spare + 1)


def read_windows(
    shards: Stream, starts: NDArray[np.int64], context_tokens: int
) -> tuple[Tensor, Tensor]:
    """Read windows of a split: inputs and targets (one token later), int64 BT each."""
    windows = np.empty((len(starts), context_tokens + 1), shards.dtype)
    for row, start in enumerate(starts.tolist()):
        windows[row] = shards.read(start, context_tokens + 1)
    tokens = torch.from_numpy(windows.astype(np.int64))
    return tokens[:, :-1], tokens[:, 1:]


def mixed_seed(*numbers: int) -> int:
    """Hash numbers to 64 bits, for a generator of draws that belong to them."""
    seed = 0
    for number in numbers:
        seed = _mixed_one(seed + _GOLDEN + number)
    return seed


def permuted(places: NDArray[np.int64], size: int, key: int) -> NDArray[np.int64]:
    """Look places up in a pseudo-random permutation of 0 … size - 1, without building it.

    A Feistel network over the next even number of bits; results outside are put through again until
    they fall inside (cycle walking; Black and Rogaway 2002, "Ciphers with arbitrary finite
    domains"), which takes under four rounds on average.

    Args:
        places: int64 (places,), each 0 … size - 1.
        size: Length of the permutation, at least 1.
        key: Which permutation, 64 bits.

    Returns:
        int64 (places,): distinct for distinct places.
    """
    half = np.uint64(max((size - 1).bit_length() + 1, 2) // 2)
    values = places.astype(np.uint64)
    outside = np.ones(len(values), bool)
    while outside.any():
        values[outside] = _feistel(values[outside], half, key)
        outside = values >= size
    return values.astype(np.int64)


def _feistel(values: NDArray[np.uint64], half: np.uint64, key: int) -> NDArray[np.uint64]:
    mask = (np.uint64(1) << half) - np.uint64(1)
    left, right = values >> half, values & mask
    for number in range(_ROUNDS):
        round_key = np.uint64(_mixed_one(key + number))
        left, right = right, left ^ (_mixed(right ^ round_key) & mask)
    return (left << half) | right


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    # splitmix64's output function (Steele, Lea, Flood 2014).
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _mixed_one(value: int) -> int:
    return int(_mixed(np.array([value & _BITS], np.uint64))[0])
