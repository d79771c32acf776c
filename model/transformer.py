"""The Transformer in three shapes, from the same blocks: decoder, encoder, encoder-decoder.

- decoder (GPT): predicts each token from those before it. Its `state_dict()` is the checkpoint of
  Hugging Face's `Qwen3ForCausalLM`, by name and by shape.
- encoder (BERT): every token sees all; predicts tokens that were hidden, or the class of a text.
- encoder-decoder (Vaswani et al. 2017, arXiv 1706.03762): a decoder that looks up an encoded text.

The projections that write to the residual stream start at zero, so that every block starts as the
identity. Letters as in `model.blocks`, and V vocabulary, K classes where there are no heads.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.blocks import NORM_EPSILON, KeyValueCache, Memory, Trunk
from model.evidence import Evidence
from model.products import Linear, linear
from model.recipe import ShapeRecipe

__all__ = ["EMBEDDING_STD", "NORM_EPSILON", "Decoder", "KeyValueCache", "Transformer", "token_nats"]

EMBEDDING_STD: Final = 0.1
"""Spread of the first token embeddings. Small next to one, so that a tied head starts near a uniform
guess; five times that of GPT-2 and Qwen3 (0.02), whose short runs here cost 0.1 bits per byte more:
what tells tokens apart must outlast the first, large optimiser steps."""


class Transformer(nn.Module):
    """The shape that `shape.kind` names."""

    def __init__(
        self,
        shape: ShapeRecipe,
        vocabulary_size: int,
        *,
        dropout: float = 0.0,
        classes: int | None = None,
    ) -> None:
        """Build with weights still unset: call `initialise`, or load a checkpoint.

        Args:
            shape: The kind and its sizes.
            vocabulary_size: Entries of the vocabulary.
            dropout: Share of what each part adds to the residual stream that training zeroes.
            classes: Classes that an encoder tells apart; None: it has no such head.
        """
        super().__init__()
        self.shape = shape
        self.vocabulary_size = vocabulary_size
        translates = shape.kind == "encoder-decoder"
        self.model = Trunk(
            shape,
            vocabulary_size,
            causal=shape.kind != "encoder",
            crosses=translates,
            dropout=dropout,
        )
        if translates:
            self.encoder = Trunk(shape, None, causal=False, dropout=dropout)
        if classes is not None:
            self.score = Linear(shape.width, classes)
            if shape.evidence_rows:
                self.evidence = Evidence(shape.evidence_rows, classes)
        if not shape.tied_embeddings:
            self.lm_head = Linear(shape.width, vocabulary_size)

    def forward(
        self,
        tokens_BT: Tensor,
        cache: KeyValueCache | None = None,
        *,
        allowed_BT: Tensor | None = None,
        memory: Memory | None = None,
        places_BT: Tensor | None = None,
        candidates_M: Tensor | None = None,
    ) -> Tensor:
        """Predict the token after each one (an encoder: the token in each place).

        Args:
            tokens_BT: int64, at most `context_tokens` long (what the cache holds included).
            cache: Where writing keeps what it has read; None reads `tokens_BT` alone.
            allowed_BT: bool, which tokens are text, for an encoder; None: all.
            memory: The encoded source text, for an encoder-decoder.
            places_BT: bool, where predictions are wanted; None: everywhere.
            candidates_M: int64, the tokens to choose among; None: the whole vocabulary.

        Returns:
            Logits, BTV; with `places_BT` NV, place by place; M in the place of V with `candidates_M`.
        """
        x_BTC = self.model.read(tokens_BT, cache, _broadcast(allowed_BT), memory)
        if places_BT is not None:
            x_BTC = x_BTC[places_BT]
        weight_VC = self.head_weight
        if candidates_M is not None:
            weight_VC = functional.embedding(candidates_M, weight_VC)
        return linear(x_BTC, weight_VC)

    def encode(self, tokens_BS: Tensor, allowed_BS: Tensor | None = None) -> Memory:
        """Read a source text, for an encoder-decoder.

        Args:
            tokens_BS: int64, at most `context_tokens` long.
            allowed_BS: bool, which tokens are text; None: all.
        """
        allowed_B11S = _broadcast(allowed_BS)
        x_BSC = self.encoder(self.model.embed_tokens(tokens_BS), None, allowed_B11S)
        return Memory(x_BSC, allowed_B11S)

    def classify(self, tokens_BT: Tensor, allowed_BT: Tensor) -> Tensor:
        """Score the classes of texts, for an encoder built with `classes`.

        In training the encoder is scored alone, else together with its evidence: the weighted mean
        of their logits gives, normalised, that geometric mean of their chances.

        Args:
            tokens_BT: int64.
            allowed_BT: bool, which tokens are text: their vectors' mean (or maximum) is scored.

        Returns:
            Logits, BK.
        """
        logits_BK = self.score_vectors(self.model.embed_tokens(tokens_BT), allowed_BT)
        if hasattr(self, "evidence") and not self.training:
            logits_BK = self.with_evidence(logits_BK, self.evidence(tokens_BT, allowed_BT))
        return logits_BK

    def with_evidence(self, logits_BK: Tensor, evidence_BK: Tensor) -> Tensor:
        """Average what the encoder and the evidence say, as the shape weighs them."""
        return torch.lerp(logits_BK, evidence_BK, self.shape.evidence_share)

    def score_vectors(self, x_BTC: Tensor, allowed_BT: Tensor) -> Tensor:
        """Score the classes of embedded texts by the encoder alone: logits, BK."""
        x_BTC = self.model(x_BTC, None, _broadcast(allowed_BT))
        if self.shape.pooling == "max":
            x_BC = x_BTC.masked_fill(~allowed_BT[..., None], -torch.inf).amax(1)
        else:
            weight_BT1 = allowed_BT[..., None].to(x_BTC)
            x_BC = (x_BTC * weight_BT1).sum(1) / weight_BT1.sum(1).clamp(min=1)
        logits_BK: Tensor = self.score(self.model.dropout(x_BC))
        return logits_BK

    @property
    def head_weight(self) -> Tensor:
        """Weights that turn vectors to logits, VC."""
        tied = self.shape.tied_embeddings
        return self.model.embed_tokens.weight if tied else self.lm_head.weight

    @property
    def parameter_count(self) -> int:
        """Trainable numbers; a tied head counts once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def recompute_activations(self) -> None:
        """Save memory in training: see `model.blocks.Trunk.recomputes`."""
        for module in self.modules():
            if isinstance(module, Trunk):
                module.recomputes = True

    @torch.no_grad()
    def initialise(self, seed: int) -> None:
        """Draw the first weights: a pure function of the seed and the shape.

        Embeddings are normal with `EMBEDDING_STD`; a matrix that reads the residual stream is
        normal with variance 1 / columns; those that write to it, an untied head, the classes' head
        and n-gram vectors are zero (the first as in modded-nanogpt); norm weights are one.
        """
        generator = torch.Generator().manual_seed(seed)
        for name, weight in self.named_parameters():
            if name.endswith("norm.weight"):
                weight.fill_(1.0)
            elif name.endswith(_START_AT_ZERO):
                weight.zero_()
            else:
                embedding = name.endswith("embed_tokens.weight")
                std = EMBEDDING_STD if embedding else weight.shape[1] ** -0.5
                draw = torch.empty(weight.shape).normal_(0.0, std, generator=generator)
                weight.copy_(draw)


_START_AT_ZERO: Final = (
    "o_proj.weight",
    "down_proj.weight",
    "lm_head.weight",
    "score.weight",
)

Decoder = Transformer
"""The name in the signatures of what reads and writes with the decoder shape alone."""


def token_nats(model: Decoder, tokens_BT: Tensor, targets_BT: Tensor) -> Tensor:
    """Measure what each target costs the model.

    Args:
        model: The decoder.
        tokens_BT: int64, what the model reads.
        targets_BT: int64, the token after each of them.

    Returns:
        float32 BT: negative natural logarithm of the probability given to each target.
    """
    logits_NV = model(tokens_BT).flatten(0, 1).float()
    nats_N = functional.cross_entropy(logits_NV, targets_BT.flatten(), reduction="none")
    return nats_N.view_as(targets_BT)


def _broadcast(allowed_BS: Tensor | None) -> Tensor | None:
    return None if allowed_BS is None else allowed_BS[:, None, None]
