"""The Transformer: plain blocks, a decoder in the Qwen3 shape, its parameters named as in HF.

What differs from the textbook: RMSNorm before each half of a block and once at the end; rotary
positions, half-split; queries and keys normalised per head before rotation (QK-norm); a SwiGLU MLP;
no bias anywhere; keys and values optionally shared by groups of heads; the projections that write
to the residual stream start at zero, so that every block starts as the identity. Parameter names
and shapes are those of `Qwen3ForCausalLM`: `state_dict()` is the Hugging Face checkpoint.

Letters: B batch, T tokens, S tokens attended to, C width, H heads, K heads of keys and values,
D width of a head, F width of the MLP, V vocabulary.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.gradients import rms_norm, rotate
from model.recipe import ShapeRecipe

NORM_EPSILON: Final = 1e-6
"""Added to the mean square in each RMSNorm, as in Qwen3."""
EMBEDDING_STD: Final = 0.1
"""Spread of the first token embeddings. Small next to one, so that a tied head starts near a uniform
guess; five times that of GPT-2 and Qwen3 (0.02), whose short runs here cost 0.1 bits per byte more:
what tells tokens apart must outlast the first, large optimiser steps."""


class RMSNorm(nn.Module):
    """Scales each vector to a root mean square of one, then by a learned weight per column."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis."""
        if x.device.type == "cpu":
            return rms_norm(x, self.weight, NORM_EPSILON)
        return functional.rms_norm(x, self.weight.shape, self.weight, NORM_EPSILON)


class Rotary(nn.Module):
    """Turns column pairs (d, d + D/2) of queries and keys by an angle that grows with position."""

    def __init__(self, shape: ShapeRecipe) -> None:
        super().__init__()
        half = shape.width // shape.heads // 2
        frequency = shape.rope_theta ** (-torch.arange(half, dtype=torch.float64) / half)
        angle_TD = torch.arange(shape.context_tokens, dtype=torch.float64)[:, None] * frequency
        angle_TD = torch.cat([angle_TD, angle_TD], dim=1)
        sign_D = torch.cat([-torch.ones(half), torch.ones(half)])
        self.register_buffer("cos_TD", angle_TD.cos().float(), persistent=False)
        self.register_buffer("sin_TD", angle_TD.sin().float() * sign_D, persistent=False)
        self.cos_TD: Tensor
        self.sin_TD: Tensor

    def forward(self, x_BTHD: Tensor, first: int) -> Tensor:
        """Rotate vectors whose positions start at `first`."""
        span = slice(first, first + x_BTHD.shape[1])
        cos_T1D, sin_T1D = self.cos_TD[span, None].to(x_BTHD), self.sin_TD[span, None].to(x_BTHD)
        return rotate(x_BTHD, cos_T1D, sin_T1D)


class KeyValueCache:
    """Keys and values of the tokens read so far, so that writing one more reads only that one."""

    def __init__(self, shape: ShapeRecipe, batch: int, like: Tensor) -> None:
        """Make room for `batch` texts of a whole context, of the type and device of `like`."""
        size = (batch, shape.context_tokens, shape.kv_heads_or_default, shape.width // shape.heads)
        self._keys = [like.new_empty(size) for _ in range(shape.layers)]
        self._values = [like.new_empty(size) for _ in range(shape.layers)]
        self.tokens = 0
        """Tokens read so far."""

    def extend(self, layer: int, k_BTKD: Tensor, v_BTKD: Tensor) -> tuple[Tensor, Tensor]:
        """Add a layer's new keys and values; gives all of them so far, BSKD."""
        end = self.tokens + k_BTKD.shape[1]
        self._keys[layer][:, self.tokens : end] = k_BTKD
        self._values[layer][:, self.tokens : end] = v_BTKD
        return self._keys[layer][:, :end], self._values[layer][:, :end]


class Attention(nn.Module):
    """Every token looks at every other one, or (causal) only at itself and those before."""

    def __init__(self, shape: ShapeRecipe, layer: int, *, causal: bool) -> None:
        super().__init__()
        self.layer, self.causal = layer, causal
        self.head_width = shape.width // shape.heads
        self.shares_keys = shape.kv_heads_or_default != shape.heads
        kv_width = shape.kv_heads_or_default * self.head_width
        self.q_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.k_proj = nn.Linear(shape.width, kv_width, bias=False)
        self.v_proj = nn.Linear(shape.width, kv_width, bias=False)
        self.o_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.q_norm = RMSNorm(self.head_width)
        self.k_norm = RMSNorm(self.head_width)

    def forward(self, x_BTC: Tensor, rotary: Rotary, cache: KeyValueCache | None) -> Tensor:
        """Attend. With a cache, `x_BTC` continues what it holds: all at once, then one by one."""
        first = cache.tokens if cache else 0
        q_BTHD = self.q_proj(x_BTC).unflatten(-1, (-1, self.head_width))
        k_BSKD = self.k_proj(x_BTC).unflatten(-1, (-1, self.head_width))
        v_BSKD = self.v_proj(x_BTC).unflatten(-1, (-1, self.head_width))
        q_BTHD = rotary(self.q_norm(q_BTHD), first)
        k_BSKD = rotary(self.k_norm(k_BSKD), first)
        if cache:
            assert first == 0 or x_BTC.shape[1] == 1, "continued one token at a time"  # noqa: S101
            k_BSKD, v_BSKD = cache.extend(self.layer, k_BSKD, v_BSKD)
        y_BHTD = functional.scaled_dot_product_attention(
            q_BTHD.transpose(1, 2),
            k_BSKD.transpose(1, 2),
            v_BSKD.transpose(1, 2),
            is_causal=self.causal and first == 0,  # a last token may look at all there is
            enable_gqa=self.shares_keys,
        )
        y_BTC: Tensor = self.o_proj(y_BHTD.transpose(1, 2).flatten(2))
        return y_BTC


class SwiGLU(nn.Module):
    """The MLP: silu(gate) * up, projected back (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, shape: ShapeRecipe) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.mlp_width_or_default, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.mlp_width_or_default, bias=False)
        self.down_proj = nn.Linear(shape.mlp_width_or_default, shape.width, bias=False)

    def forward(self, x_BTC: Tensor) -> Tensor:
        """Transform each token by itself."""
        hidden_BTF = functional.silu(self.gate_proj(x_BTC)) * self.up_proj(x_BTC)
        y_BTC: Tensor = self.down_proj(hidden_BTF)
        return y_BTC


class Block(nn.Module):
    """Attention, then MLP, each reading a normalised stream and adding to it."""

    def __init__(self, shape: ShapeRecipe, layer: int, *, causal: bool) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(shape.width)
        self.self_attn = Attention(shape, layer, causal=causal)
        self.post_attention_layernorm = RMSNorm(shape.width)
        self.mlp = SwiGLU(shape)

    def forward(self, x_BTC: Tensor, rotary: Rotary, cache: KeyValueCache | None) -> Tensor:
        """Pass the residual stream through."""
        x_BTC = x_BTC + self.self_attn(self.input_layernorm(x_BTC), rotary, cache)
        y_BTC: Tensor = x_BTC + self.mlp(self.post_attention_layernorm(x_BTC))
        return y_BTC


class Trunk(nn.Module):
    """Token ids to vectors: what all shapes of the Transformer share."""

    def __init__(self, shape: ShapeRecipe, vocabulary_size: int, *, causal: bool) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(vocabulary_size, shape.width)
        self.layers = nn.ModuleList(
            Block(shape, layer, causal=causal) for layer in range(shape.layers)
        )
        self.norm = RMSNorm(shape.width)
        self.rotary = Rotary(shape)

    def forward(self, tokens_BT: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """Give a vector (BTC) for each token."""
        x_BTC = self.embed_tokens(tokens_BT)
        for layer in self.layers:
            x_BTC = layer(x_BTC, self.rotary, cache)
        if cache:
            cache.tokens += tokens_BT.shape[1]
        y_BTC: Tensor = self.norm(x_BTC)
        return y_BTC


class Decoder(nn.Module):
    """The GPT shape: predicts each token from those before it."""

    def __init__(self, shape: ShapeRecipe, vocabulary_size: int) -> None:
        """Build with weights still unset: call `initialise`, or load a checkpoint."""
        super().__init__()
        self.shape = shape
        self.vocabulary_size = vocabulary_size
        self.model = Trunk(shape, vocabulary_size, causal=True)
        if not shape.tied_embeddings:
            self.lm_head = nn.Linear(shape.width, vocabulary_size, bias=False)

    def forward(self, tokens_BT: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """Predict the token after each one.

        Args:
            tokens_BT: int64, at most `context_tokens` long (what the cache holds included).
            cache: Where sampling keeps what it has read; None reads `tokens_BT` alone.

        Returns:
            Logits, BTV.
        """
        return functional.linear(self.model(tokens_BT, cache), self.head_weight)

    @property
    def head_weight(self) -> Tensor:
        """Weights that turn vectors to logits, VC."""
        tied = self.shape.tied_embeddings
        return self.model.embed_tokens.weight if tied else self.lm_head.weight

    @property
    def parameter_count(self) -> int:
        """Trainable numbers; a tied head counts once."""
        return sum(parameter.numel() for parameter in self.parameters())

    @torch.no_grad()
    def initialise(self, seed: int) -> None:
        """Draw the first weights: a pure function of the seed and the shape.

        Embeddings are normal with `EMBEDDING_STD`; a matrix that reads the residual stream is
        normal with variance 1 / columns; those that write to it, and an untied head, are zero
        (the former as in modded-nanogpt); norm weights are one.
        """
        generator = torch.Generator().manual_seed(seed)
        for name, weight in self.named_parameters():
            if name.endswith("norm.weight"):
                weight.fill_(1.0)
            elif name.endswith(("o_proj.weight", "down_proj.weight", "lm_head.weight")):
                weight.zero_()
            else:
                embedding = name.endswith("embed_tokens.weight")
                std = EMBEDDING_STD if embedding else weight.shape[1] ** -0.5
                draw = torch.empty(weight.shape).normal_(0.0, std, generator=generator)
                weight.copy_(draw)


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
