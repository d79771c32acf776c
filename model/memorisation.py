"""What a model repeats of its training text: the longest copy it writes, passages it continues.

Windows of bytes are compared by a polynomial hash modulo 2^64 whose prefix sums give any window's
hash in constant time (Karp and Rabin 1987); what is equal by hash is compared byte by byte.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from data_contracts.measures import Memorisation
from data_contracts.results import Interval
from model.bootstrap import share_interval
from model.sample import continue_greedily
from model.scoring import TokenIds
from model.transformer import Decoder

PASSAGE_TOKENS: Final = 50
"""Tokens given and tokens wanted, as in Carlini et al. 2023; less where the context is short."""

_BLOCK_BYTES: Final = 1 << 22
_BASE: Final = 0x9E37_79B9_7F4A_7C15  # odd, so that it has an inverse
_TABLE_BITS: Final = 20
# Bytes that no UTF-8 text holds: windows over the border of two texts are equal to none.
_AFTER_TRAINING_TEXT: Final = b"\xff"
_AFTER_WRITTEN_TEXT: Final = b"\xfe"


def memorisation(
    model: Decoder,
    written: Sequence[str],
    by_people: Sequence[str],
    training: Iterable[pa.Array],
    train: Sequence[TokenIds],
    held_out: Sequence[TokenIds],
    passages: int,
    seed: int,
) -> Memorisation:
    """Measure what a model repeats.

    Args:
        model: The decoder.
        written: What it wrote, prompts left out.
        by_people: What really followed, or other held-out text of that length.
        training: All training texts, batch by batch.
        train: Tokens of some training documents, int64 (tokens,) each, their end marks last.
        held_out: The same of held-out ones.
        passages: How many of each are to be continued.
        seed: Decides which.
    """
    copy, by_chance = longest_copies((written, by_people), training)
    length = min(PASSAGE_TOKENS, model.shape.context_tokens // 2)
    seen, followed = _followed(model, train, length, passages, seed)
    unseen, held_out_followed = _followed(model, held_out, length, passages, seed)
    return Memorisation(
        longest_copy=copy.decode("utf-8", errors="ignore"),
        longest_copy_bytes=len(copy),
        longest_copy_by_people_bytes=len(by_chance),
        passages=len(followed),
        passage_tokens=length,
        verbatim=seen,
        held_out_verbatim=unseen,
        tokens_followed=float(np.mean(followed)) if len(followed) else 0.0,
        held_out_tokens_followed=float(np.mean(held_out_followed)) if len(held_out_followed) else 0,
    )


def longest_copies(
    groups: Sequence[Sequence[str]], training: Iterable[pa.Array]
) -> tuple[bytes, ...]:
    """Find the longest stretch that a text of each group shares with any training text, in UTF-8.

    Args:
        groups: Groups of texts.
        training: String arrays, one document per row.
    """
    needles = [_AFTER_WRITTEN_TEXT.join(text.encode() for text in texts) for texts in groups]
    overlap = max(map(len, needles), default=0)
    best = [b""] * len(needles)
    for block in _blocks(training, overlap):
        hashed = _Windows(block)
        for number, needle in enumerate(needles):
            best[number] = _longer(hashed, _Windows(needle), best[number])
    return tuple(best)


class _Windows:
    """Bytes whose windows can be hashed at any length."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        count = len(content)
        base, inverse = np.uint64(_BASE), np.uint64(pow(_BASE, -1, 1 << 64))
        powers = np.cumprod(np.full(count, base))
        values = np.frombuffer(content, np.uint8).astype(np.uint64) + np.uint64(1)
        self._prefix = np.concatenate([[np.uint64(0)], np.cumsum(values * powers)])
        self._undo = np.cumprod(np.full(count, inverse))

    def hashes(self, length: int) -> NDArray[np.uint64]:
        """Hash every window of a length, uint64 (bytes - length + 1,)."""
        if length > len(self.content):
            return np.empty(0, np.uint64)
        sums = self._prefix[length:] - self._prefix[:-length]
        hashes: NDArray[np.uint64] = sums * self._undo[: len(sums)]
        return hashes


def _longer(block: _Windows, needle: _Windows, best: bytes) -> bytes:
    """Find a shared stretch longer than the best one; the best one when there is none."""
    step = 1
    while step:  # doubled while it holds, then halved: most are a little longer only
        found = _shared(block, needle, len(best) + step)
        if found is None:
            step //= 2
        else:
            best, step = found, step * 2
    return best


def _shared(block: _Windows, needle: _Windows, length: int) -> bytes | None:
    wanted = needle.hashes(length)
    if not len(wanted):
        return None
    shift = np.uint64(64 - _TABLE_BITS)
    table = np.zeros(1 << _TABLE_BITS, np.bool_)
    table[wanted >> shift] = True
    hashes = block.hashes(length)
    places = np.flatnonzero(table[hashes >> shift])
    for place in places[np.isin(hashes[places], wanted)].tolist():
        stretch = block.content[place : place + length]
        if stretch in needle.content:
            return stretch
    return None


def _blocks(training: Iterable[pa.Array], overlap: int) -> Iterator[bytes]:
    """Join texts to blocks of bounded size, each beginning with the end of the one before."""
    held: list[bytes] = []
    size = 0
    for texts in training:
        for text in texts.to_pylist():
            held += [text.encode(), _AFTER_TRAINING_TEXT]
            size += len(held[-2]) + 1
            if size >= _BLOCK_BYTES:
                joined = b"".join(held)
                yield joined
                held, size = [joined[-overlap:] if overlap else b""], overlap
    if size:
        yield b"".join(held)


def _followed(
    model: Decoder, documents: Sequence[TokenIds], length: int, passages: int, seed: int
) -> tuple[Interval | None, NDArray[np.int64]]:
    """Let the model continue passages: the share continued to the end, and how far each got."""
    chosen = _passages(documents, length, passages, seed)
    if not len(chosen):
        return None, np.empty(0, np.int64)
    device = model.head_weight.device
    prompts_BT = torch.from_numpy(chosen[:, :length]).to(device)
    written = continue_greedily(model, prompts_BT, length).cpu().numpy()
    same = np.cumprod(written == chosen[:, length:], axis=1).sum(axis=1)
    return share_interval(int((same == length).sum()), len(chosen)), same


def _passages(
    documents: Sequence[TokenIds], length: int, passages: int, seed: int
) -> NDArray[np.int64]:
    """Draw passages of twice the length, at most one of a document, int64 (passages, 2 length)."""
    generator = np.random.default_rng(seed)
    long_enough = [tokens[:-1] for tokens in documents if len(tokens) > 2 * length]
    order = generator.permutation(len(long_enough))[:passages].tolist()
    rows = []
    for number in order:
        tokens = long_enough[number]
        start = int(generator.integers(len(tokens) - 2 * length + 1))
        rows.append(tokens[start : start + 2 * length])
    return np.array(rows, np.int64).reshape(len(rows), 2 * length)
