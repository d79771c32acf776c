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

from model.transformer import Decoder, token_nats

TokenIds = NDArray[np.int64]


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


@torch.no_grad()
def document_bits(
    model: Decoder,
    documents: list[TokenIds],
    end_of_text: int,
    overlap_ratio: float,
    batch_tokens: int,
) -> NDArray[np.float64]:
    """Measure what documents cost a decoder.

    Args:
        model: The decoder.
        documents: int64 (tokens,) each, ending with `end_of_text`.
        end_of_text: Id of the end mark.
        overlap_ratio: Share of a window that repeats the one before.
        batch_tokens: Tokens per forward pass; windows of like length share one.

    Returns:
        float64 (documents,), bits.
    """
    context = model.shape.context_tokens
    windows = [
        window
        for number, tokens in enumerate(documents)
        for window in windows_of(number, len(tokens), context, overlap_ratio)
    ]
    windows.sort(key=lambda window: window.end - window.first)
    nats = np.zeros(len(documents))
    while windows:
        length = windows[-1].end - windows[-1].first
        rows = max(1, batch_tokens // length)
        batch, windows = windows[-rows:], windows[:-rows]
        _score(model, documents, end_of_text, batch, nats)
    return nats / math.log(2)


def _score(
    model: Decoder,
    documents: list[TokenIds],
    end_of_text: int,
    batch: list[Window],
    nats: NDArray[np.float64],
) -> None:
    longest = max(window.end - window.first for window in batch)
    read_BT = np.full((len(batch), longest), end_of_text, np.int64)
    targets_BT = read_BT.copy()
    counts_BT = np.zeros(read_BT.shape)
    for row, window in enumerate(batch):
        tokens = documents[window.document]
        length = window.end - window.first
        targets_BT[row, :length] = tokens[window.first : window.end]
        before = tokens[window.first - 1] if window.first else end_of_text
        read_BT[row, 0], read_BT[row, 1:length] = before, targets_BT[row, : length - 1]
        counts_BT[row, window.scored - window.first : length] = 1
    device = model.head_weight.device
    cost_BT = token_nats(
        model, torch.from_numpy(read_BT).to(device), torch.from_numpy(targets_BT).to(device)
    )
    rows = (cost_BT.double().cpu().numpy() * counts_BT).sum(axis=1)
    np.add.at(nats, [window.document for window in batch], rows)
