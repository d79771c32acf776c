"""What texts cost a decoder after a context, many short ones at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from model.scoring import TokenIds
from model.tasks.definition import Example
from model.transformer import Decoder, token_nats


@dataclass(frozen=True)
class Continuation:
    """A text of which only the later tokens count."""

    tokens: TokenIds
    """int64 (tokens,): context and continuation."""
    scored: int
    """First token of the continuation."""


def continuations(example: Example, tokenizer: Tokenizer) -> list[Continuation]:
    """Encode an example's choices, each together with its context.

    Context and choice are encoded as one text, as a model would meet it, and cut where the context
    alone ends; white space at the context's end goes to the choice, for that is how words begin in
    a byte-level vocabulary (so does lm-evaluation-harness: `TemplateLM._encode_pair`).
    """
    context = example.context.rstrip()
    space = example.context[len(context) :]
    before = len(_encoded(tokenizer, context))
    return [
        Continuation(np.array(_encoded(tokenizer, context + space + choice), np.int64), before)
        for choice in example.choices
    ]


@torch.no_grad()
def continuation_nats(
    model: Decoder, texts: Sequence[Continuation], end_of_text: int, batch_tokens: int
) -> NDArray[np.float64]:
    """Measure what continuations cost: each text is read after an end mark, alone.

    Args:
        model: The decoder.
        texts: The texts; of one longer than the context only the end is read.
        end_of_text: Id of the end mark.
        batch_tokens: Tokens per forward pass; texts of like length share one.

    Returns:
        float64 (texts,): nats of the tokens from `scored` on.
    """
    nats = np.zeros(len(texts))
    order = sorted(range(len(texts)), key=lambda number: len(texts[number].tokens))
    while order:
        longest = min(len(texts[order[-1]].tokens), model.shape.context_tokens)
        rows = max(1, batch_tokens // max(longest, 1))
        some, order = order[-rows:], order[:-rows]
        nats[some] = _batch_nats(model, [texts[number] for number in some], end_of_text)
    return nats


def _batch_nats(
    model: Decoder, texts: Sequence[Continuation], end_of_text: int
) -> NDArray[np.float64]:
    context = model.shape.context_tokens
    longest = min(max(len(one.tokens) for one in texts), context)
    read_BT = np.full((len(texts), longest), end_of_text, np.int64)
    targets_BT = read_BT.copy()
    counts_BT = np.zeros(read_BT.shape)
    for row, one in enumerate(texts):
        whole = np.concatenate([[end_of_text], one.tokens])[-(context + 1) :]
        length = len(whole) - 1
        read_BT[row, :length], targets_BT[row, :length] = whole[:-1], whole[1:]
        counts_BT[row, max(0, one.scored - (len(one.tokens) - length)) : length] = 1
    device = model.head_weight.device
    cost_BT = token_nats(
        model, torch.from_numpy(read_BT).to(device), torch.from_numpy(targets_BT).to(device)
    )
    summed: NDArray[np.float64] = (cost_BT.double().cpu().numpy() * counts_BT).sum(axis=1)
    return summed


def _encoded(tokenizer: Tokenizer, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids
