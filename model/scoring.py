"""What documents cost a decoder, in bits: every token predicted exactly once.

A document is read after an end mark, as in training, and its own end mark is predicted and paid for
like any token. A document longer than the context is read in windows that overlap; a token is
scored in the first window that reaches it.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model.transformer import Decoder

TokenIds = NDArray[np.int64]


@dataclass(frozen=True)
class TokenScores:
    """What a decoder makes of every token of some documents, laid end to end."""

    starts: NDArray[np.int64]
    """(documents + 1,): where each document's tokens begin."""
    bits: NDArray[np.float64]
    """(tokens,): what each token costs."""
    before: NDArray[np.int32]
    """(tokens,): how many tokens of its document the model had read before it."""
    confidence: NDArray[np.float32]
    """(tokens,): the probability that the model gave to the token it held for the likeliest."""
    right: NDArray[np.bool_]
    """(tokens,): whether that was the token."""

    def document_bits(self) -> NDArray[np.float64]:
        """Sum what each document costs, (documents,)."""
        if len(self.starts) == 1:
            return np.empty(0)
        sums: NDArray[np.float64] = np.add.reduceat(self.bits, self.starts[:-1])
        return sums


@dataclass(frozen=True)
class Window:
    """A stretch of a document's tokens to predict."""

    document: int
    """Which document."""
    first: int
    """First token predicted here, from 0."""
    scored: int
    """First token whose cost counts; those before it only give context."""
    end: int
    """One past the last token."""


def windows_of(
    document: int, tokens: int, context_tokens: int, overlap_ratio: float
) -> list[Window]:
    """Cut a document into windows that score each of its tokens once."""
    stride = max(1, round(context_tokens * (1 - overlap_ratio)))
    windows = [Window(document, 0, 0, min(context_tokens, tokens))]
    while (scored := windows[-1].end) < tokens:
        end = min(scored + stride, tokens)
        windows.append(Window(document, end - context_tokens, scored, end))
    return windows


def document_bits(
    model: Decoder,
    documents: list[TokenIds],
    end_of_text: int,
    overlap_ratio: float,
    batch_tokens: int,
) -> NDArray[np.float64]:
    """Measure what documents cost a decoder, float64 (documents,) bits; see `token_scores`."""
    scores = token_scores(model, documents, end_of_text, overlap_ratio, batch_tokens)
    return scores.document_bits()


@torch.no_grad()
def token_scores(
    model: Decoder,
    documents: list[TokenIds],
    end_of_text: int,
    overlap_ratio: float,
    batch_tokens: int,
) -> TokenScores:
    """Measure what every token of some documents costs a decoder.

    Args:
        model: The decoder.
        documents: int64 (tokens,) each, ending with `end_of_text`.
        end_of_text: Id of the end mark.
        overlap_ratio: Share of a window that repeats the one before.
        batch_tokens: Tokens per forward pass; windows of like length share one.
    """
    context = model.shape.context_tokens
    windows = [
        window
        for number, tokens in enumerate(documents)
        for window in windows_of(number, len(tokens), context, overlap_ratio)
    ]
    windows.sort(key=lambda window: window.end - window.first)
    starts = np.cumsum([0, *map(len, documents)], dtype=np.int64)
    tokens = int(starts[-1])
    found = TokenScores(
        starts=starts,
        bits=np.zeros(tokens),
        before=np.zeros(tokens, np.int32),
        confidence=np.zeros(tokens, np.float32),
        right=np.zeros(tokens, np.bool_),
    )
    while windows:
        length = windows[-1].end - windows[-1].first
        rows = max(1, batch_tokens // length)
        batch, windows = windows[-rows:], windows[:-rows]
        _score(model, documents, end_of_text, batch, found)
    return found


def _score(
    model: Decoder,
    documents: list[TokenIds],
    end_of_text: int,
    batch: list[Window],
    found: TokenScores,
) -> None:
    longest = max(window.end - window.first for window in batch)
    read_BT = np.full((len(batch), longest), end_of_text, np.int64)
    targets_BT = read_BT.copy()
    for row, window in enumerate(batch):
        tokens = documents[window.document]
        length = window.end - window.first
        targets_BT[row, :length] = tokens[window.first : window.end]
        before = tokens[window.first - 1] if window.first else end_of_text
        read_BT[row, 0], read_BT[row, 1:length] = before, targets_BT[row, : length - 1]
    device = model.head_weight.device
    logits_BTV = model(torch.from_numpy(read_BT).to(device)).float()
    target_BT1 = torch.from_numpy(targets_BT).to(device)[..., None]
    likeliest, guess_BT = logits_BTV.max(-1)
    total_BT = logits_BTV.logsumexp(-1)
    nats_BT = (total_BT - logits_BTV.gather(-1, target_BT1)[..., 0]).double().cpu().numpy()
    confidence_BT = (likeliest - total_BT).exp().cpu().numpy()
    guess = guess_BT.cpu().numpy()
    for row, window in enumerate(batch):
        here = slice(window.scored - window.first, window.end - window.first)
        start = int(found.starts[window.document])
        there = slice(start + window.scored, start + window.end)
        found.bits[there] = nats_BT[row, here] / math.log(2)
        found.before[there] = np.arange(here.start, here.stop)
        found.confidence[there] = confidence_BT[row, here]
        found.right[there] = guess[row, here] == targets_BT[row, here]
