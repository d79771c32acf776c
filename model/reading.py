"""How a model reads one text: what each token cost, where its heads look, what predictions rest on.

Letters as in `model.blocks`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from data_contracts.errors import ModelUnfit
from data_contracts.gate import TOKENIZER_FILE
from model.blocks import Attention, Block, Rotary
from model.machine import computing
from model.pretrained import end_of_text_id, load_labels, load_members, load_tokenizer
from model.supervised.vocabulary import LEAD
from model.transformer import Transformer

STEPS: Final = 32
"""Points on the way from nothing to the text that gradients are taken at, at first."""
MOST_STEPS: Final = 1024
"""More are not taken; what is left out then is told."""
TOLERANCE: Final = 0.05
"""What shares may leave out of a change, as a part of it (Sundararajan et al. 2017, section 5)."""
ALTERNATIVES: Final = 3
"""Likeliest tokens that are told of a place."""
EXPLAINED: Final = 4
"""Predictions explained of a decoder: the next token, and the costliest ones of the text."""


@dataclass(frozen=True)
class Explanation:
    """What one prediction rests on."""

    place: int
    """The token predicted, counted from 0; the text's length: the one after it. Of a class: -1."""
    predicted: str
    """The token, or the class."""
    chance: float
    """The probability that it was given."""
    shares: NDArray[np.float64]
    """(tokens,): nats that each token adds to its log-probability (integrated gradients)."""
    start: float
    """Its log-probability with nothing read, nats: `start + shares.sum()` is that of the text."""
    missing: float
    """What the sum falls short of that by: the error of the steps."""


@dataclass(frozen=True)
class Reading:
    """A text as a model reads it."""

    text: str
    """What was read; cut to the context."""
    cut: bool
    """Whether it was cut."""
    pieces: tuple[str, ...]
    """The tokens, as text; of tokens that share a character the first has it, the others nothing."""
    bits: NDArray[np.float64] | None
    """(tokens,): what each token cost; None: the model is no decoder."""
    text_bytes: int
    """UTF-8 bytes read."""
    alternatives: tuple[tuple[tuple[str, float], ...], ...]
    """Of each token the likeliest ones in its place, with their probability; of a decoder only."""
    attention_LHTT: NDArray[np.float32]
    """How much each token looks at each; a decoder's first one is the end mark before the text."""
    explanations: tuple[Explanation, ...]
    """What predictions rest on."""
    chances: dict[str, float]
    """The probability of each class; empty: the model does not classify."""


def read(folder: Path, text: str, threads: int | None = None) -> Reading:
    """Let a model read a text, and look over its shoulder.

    Args:
        folder: A decoder that train wrote, or a classifier.
        text: The text.
        threads: CPU threads; None: every core that the process may use.

    Raises:
        ModelUnfit: The model neither predicts next tokens nor tells classes apart, or the text is
            empty.
        VersionCorrupt: A file is missing or broken.
    """
    members, tokenizer = load_members(folder), load_tokenizer(folder / TOKENIZER_FILE)
    model = members[0]
    end = end_of_text_id(tokenizer, folder / TOKENIZER_FILE)
    labels = load_labels(folder)
    if model.shape.kind != "decoder" and labels is None:
        fix = "Name a decoder, or what `mill classify` left."
        raise ModelUnfit(folder, "it neither writes nor classifies", fix)
    room = model.shape.context_tokens - (1 if labels is None else 2)
    lead = "" if labels is None else LEAD
    encoded = tokenizer.encode(lead + text, add_special_tokens=False)
    ids = encoded.ids[:room]
    spans = [(max(first - len(lead), 0), end - len(lead)) for first, end in encoded.offsets[:room]]
    if not ids:
        raise ModelUnfit(folder, "there is nothing to read", "Give a text with words in it.")
    read_text = text[: spans[-1][1]]
    with computing(threads):
        looked = _Decoder(model, tokenizer, ids, end) if labels is None else None
        seen = looked or _Classifier(members, ids, end, labels or [])
        return Reading(
            text=read_text,
            cut=len(encoded.ids) > room,
            pieces=_pieces(read_text, spans),
            bits=looked.bits if looked else None,
            text_bytes=len(read_text.encode()),
            alternatives=looked.alternatives() if looked else (),
            attention_LHTT=attention_maps(model, seen.tokens_BT, seen.allowed_BT),
            explanations=seen.explanations(),
            chances=seen.chances,
        )


def _pieces(text: str, spans: list[tuple[int, int]]) -> tuple[str, ...]:
    pieces, done = [], 0
    for number, (_, end) in enumerate(spans):
        # Tokens of one character have its whole span; what stands between spans goes to the next.
        pieces.append(text[done:end] if number < len(spans) - 1 else text[done:])
        done = max(done, end)
    return tuple(pieces)


class _Decoder:
    """A decoder that has read a text after an end mark."""

    def __init__(self, model: Transformer, tokenizer: Tokenizer, ids: list[int], end: int) -> None:
        self.model, self.tokenizer, self.ids = model, tokenizer, ids
        self.tokens_BT, self.allowed_BT = torch.tensor([[end, *ids]]), None
        self.chances: dict[str, float] = {}
        with torch.no_grad():
            self.log_TV = model(self.tokens_BT)[0].float().log_softmax(-1)
        costs = -self.log_TV[torch.arange(len(ids)), torch.tensor(ids)]
        self.bits: NDArray[np.float64] = costs.double().numpy() / math.log(2)

    def alternatives(self) -> tuple[tuple[tuple[str, float], ...], ...]:
        best = self.log_TV[:-1].exp().topk(ALTERNATIVES)
        return tuple(
            tuple((self._text(n), float(p)) for n, p in zip(numbers, chances, strict=True))
            for numbers, chances in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        )

    def explanations(self) -> tuple[Explanation, ...]:
        following = len(self.ids), int(self.log_TV[-1].argmax())
        costliest = np.argsort(-self.bits, kind="stable").tolist()
        # The first token rests on nothing.
        some = [place for place in costliest if place > 0][: EXPLAINED - 1]
        wanted = [following, *((place, self.ids[place]) for place in sorted(some))]
        return tuple(self._explained(place, token) for place, token in wanted)

    def _explained(self, place: int, token: int) -> Explanation:
        def log_chance(x_BTC: Tensor) -> Tensor:
            y_BC = self.model.model(x_BTC)[:, -1]
            logits_BV = functional.linear(y_BC, self.model.head_weight)
            return logits_BV.float().log_softmax(-1)[:, token]

        x_TC = self.model.model.embed_tokens(self.tokens_BT[:, : place + 1])[0].detach()
        # Nothing read: end marks everywhere, as between documents.
        shares, start, missing = integrated_gradients(log_chance, x_TC[:1].expand_as(x_TC), x_TC)
        chance = float(self.log_TV[place, token].exp())
        padded = np.pad(shares[1:], (0, len(self.ids) - place))
        return Explanation(place, self._text(token), chance, padded, start, missing)

    def _text(self, token: int) -> str:
        return str(self.tokenizer.decode([token], skip_special_tokens=False))


class _Classifier:
    """A classifier's members that have read a text between two end marks."""

    def __init__(
        self, members: list[Transformer], ids: list[int], end: int, labels: list[str]
    ) -> None:
        self.members, self.labels = members, labels
        self.tokens_BT = torch.tensor([[end, *ids, end]])
        self.allowed_BT = torch.ones_like(self.tokens_BT, dtype=torch.bool)
        with torch.no_grad():
            logits = [model.classify(self.tokens_BT, self.allowed_BT)[0] for model in members]
        chances = torch.stack(logits).double().softmax(-1).mean(0)
        self.chances = dict(zip(labels, chances.tolist(), strict=True))

    def explanations(self) -> tuple[Explanation, ...]:
        label = max(self.chances, key=lambda one: self.chances[one])
        number = self.labels.index(label)
        embedded = [model.model.embed_tokens(self.tokens_BT)[0].detach() for model in self.members]
        widths = [x_TC.shape[1] for x_TC in embedded]

        def log_chance(x_BTC: Tensor) -> Tensor:
            *parts, present_BT1 = torch.split(x_BTC, [*widths, 1], dim=-1)
            chances = [
                self._logits(model, part_BTC, present_BT1).softmax(-1)[:, number]
                for model, part_BTC in zip(self.members, parts, strict=True)
            ]
            return torch.stack(chances).mean(0).log()

        # Each token's vector in every member, and whether it stands there, for the evidence.
        nothing_TC = torch.cat([x_TC[:1].expand_as(x_TC) for x_TC in embedded], dim=-1)
        nothing_TC = functional.pad(nothing_TC, (0, 1), value=0.0)
        x_TC = functional.pad(torch.cat(embedded, dim=-1), (0, 1), value=1.0)
        shares, start, missing = integrated_gradients(log_chance, nothing_TC, x_TC)
        return (Explanation(-1, label, self.chances[label], shares[1:-1], start, missing),)

    def _logits(self, model: Transformer, x_BTC: Tensor, present_BT1: Tensor) -> Tensor:
        logits_BK = model.score_vectors(x_BTC, self.allowed_BT.expand(len(x_BTC), -1)).float()
        if not hasattr(model, "evidence"):
            return logits_BK
        said_BTK = model.evidence.by_token(self.tokens_BT, self.allowed_BT) * present_BT1
        return model.with_evidence(logits_BK, model.evidence.start_K + said_BTK.sum(1))


def integrated_gradients(
    value: Callable[[Tensor], Tensor], nothing_TC: Tensor, x_TC: Tensor, steps: int = STEPS
) -> tuple[NDArray[np.float64], float, float]:
    """Share out among tokens what a text changes in a prediction.

    The gradient is averaged along the straight line from nothing to the text, at the middles of
    equal steps, and multiplied by the way (Sundararajan et al. 2017, arXiv 1703.01365): the shares
    add up to the change, up to the error of the steps. As that paper advises, there are more steps
    until the error is under 5% of the change, here twice as many each time, up to `MOST_STEPS`.

    Args:
        value: From vectors, BTC, to the predictions, (B,).
        nothing_TC: Vectors of a text that says nothing.
        x_TC: Vectors of the text.
        steps: How many at first.

    Returns:
        float64 (tokens,) shares; the value of nothing; what the shares fall short of the change by.
    """
    with torch.no_grad():
        start, whole = value(torch.stack([nothing_TC, x_TC])).double().tolist()
    while True:
        shares_T = _shares(value, nothing_TC, x_TC, steps)
        missing = whole - start - float(shares_T.sum())
        if abs(missing) <= TOLERANCE * max(1.0, abs(whole - start)) or steps >= MOST_STEPS:
            return shares_T, start, missing
        steps *= 2


def _shares(
    value: Callable[[Tensor], Tensor], nothing_TC: Tensor, x_TC: Tensor, steps: int
) -> NDArray[np.float64]:
    middles = (torch.arange(steps) + 0.5) / steps
    way_TC, sum_TC = x_TC - nothing_TC, torch.zeros_like(x_TC)
    for some in torch.split(middles, 16):
        points_BTC = (nothing_TC + some[:, None, None] * way_TC).requires_grad_()
        (gradient_BTC,) = torch.autograd.grad(value(points_BTC).sum(), points_BTC)
        sum_TC += gradient_BTC.sum(0)
    shares: NDArray[np.float64] = (sum_TC / steps * way_TC).sum(-1).double().numpy()
    return shares


@torch.no_grad()
def attention_maps(
    model: Transformer, tokens_BT: Tensor, allowed_BT: Tensor | None = None
) -> NDArray[np.float32]:
    """Compute how much each token of a text looks at each, in every head: LHTT, rows sum to 1.

    Args:
        model: A decoder or an encoder.
        tokens_BT: int64, one text.
        allowed_BT: bool, which tokens are text, for an encoder.
    """
    maps: list[Tensor] = []

    def hook(module: nn.Module, inputs: tuple[Tensor, Rotary]) -> None:
        maps.append(_attended(cast(Attention, module), *inputs[:2]))

    layers = [cast(Block, layer) for layer in model.model.layers]
    hooks = [layer.self_attn.register_forward_pre_hook(hook) for layer in layers]
    try:
        model.model.read(tokens_BT, None, None if allowed_BT is None else allowed_BT[:, None, None])
    finally:
        for one in hooks:
            one.remove()
    stacked: NDArray[np.float32] = torch.stack(maps).numpy()
    return stacked


def _attended(attention: Attention, x_BTC: Tensor, rotary: Rotary) -> Tensor:
    def heads(projected: Tensor) -> Tensor:
        return projected[0].view(1, projected.shape[1], -1, attention.head_width)

    q_THD = rotary(attention.q_norm(heads(attention.q_proj(x_BTC))), 0)[0]
    k_TKD = rotary(attention.k_norm(heads(attention.k_proj(x_BTC))), 0)[0]
    k_THD = k_TKD.repeat_interleave(q_THD.shape[1] // k_TKD.shape[1], dim=1)
    scores_HTT = torch.einsum("qhd,khd->hqk", q_THD, k_THD) / attention.head_width**0.5
    if attention.causal:
        tokens = len(scores_HTT[0])
        later_TT = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
        scores_HTT = scores_HTT.masked_fill(later_TT, -math.inf)
    weights_HTT: Tensor = scores_HTT.softmax(-1).float()
    return weights_HTT
