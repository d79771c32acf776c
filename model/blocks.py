"""The Transformer's blocks, the same in all its shapes: attention, MLP, and stacks of both.

What differs from the textbook: RMSNorm before each part of a block and once at the end; rotary
positions, half-split; queries and keys normalised per head before rotation (QK-norm); a SwiGLU MLP;
no bias anywhere; keys and values optionally shared by groups of heads. Parameter names and shapes
are those of `Qwen3ForCausalLM`; what Qwen3 lacks (cross-attention, n-gram vectors) has names of its
own.

Letters: B batch, T tokens, S tokens attended to, C width, H heads, K heads of keys and values,
D width of a head, F width of the MLP.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from model import narrow_attention
from model.gradients import rms_norm, rotate
from model.products import Linear
from model.recipe import ShapeRecipe

NORM_EPSILON: Final = 1e-6
"""Added to the mean square in each RMSNorm, as in Qwen3."""


@dataclass(frozen=True)
class Memory:
    """What a decoder may look up in an encoded source text."""

    x_BSC: Tensor
    """The encoder's vectors."""
    allowed_B11S: Tensor | None
    """bool: which of them are text; None: all."""


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


class Dropout(nn.Module):
    """Zeroes a share of the columns in training and scales the others up."""

    def __init__(self, ratio: float) -> None:
        super().__init__()
        self.ratio = ratio

    def forward(self, x: Tensor) -> Tensor:
        """Drop by the default generator's draws."""
        if not self.training or not self.ratio:
            return x
        if x.device.type != "cpu":
            return functional.dropout(x, self.ratio)
        # A CPU draws numbers one by one: eight bytes of each serve eight columns, so the share is
        # one of 256ths.
        drawn = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        limit = round(self.ratio * 256)
        kept = drawn.view(torch.uint8)[: x.numel()].view(x.shape) >= limit
        return x * kept.to(x.dtype).mul_(256 / (256 - limit))


class Rotary(nn.Module):
    """Turns column pairs (d, d + D/2) of queries and keys by an angle that grows with position."""

    def __init__(self, shape: ShapeRecipe) -> None:
        super().__init__()
        half = shape.head_width_or_default // 2
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
        heads, width = shape.kv_heads_or_default, shape.head_width_or_default
        size = (batch, shape.context_tokens, heads, width)
        self._keys = [like.new_empty(size) for _ in range(shape.layers)]
        self._values = [like.new_empty(size) for _ in range(shape.layers)]
        self._crossed: dict[int, tuple[Tensor, Tensor]] = {}
        self.tokens = 0
        """Tokens read so far."""

    def extend(self, layer: int, k_BTKD: Tensor, v_BTKD: Tensor) -> tuple[Tensor, Tensor]:
        """Add a layer's new keys and values; gives all of them so far, BSKD."""
        end = self.tokens + k_BTKD.shape[1]
        self._keys[layer][:, self.tokens : end] = k_BTKD
        self._values[layer][:, self.tokens : end] = v_BTKD
        return self._keys[layer][:, :end], self._values[layer][:, :end]

    def crossed(self, layer: int) -> tuple[Tensor, Tensor] | None:
        """Give a layer's keys and values of the memory, BSKD; None before `keep_crossed`."""
        return self._crossed.get(layer)

    def keep_crossed(self, layer: int, k_BSKD: Tensor, v_BSKD: Tensor) -> None:
        """Keep a layer's keys and values of the memory: they stay the same for all tokens."""
        self._crossed[layer] = k_BSKD, v_BSKD

    def select(self, rows_B: Tensor) -> None:
        """Let text number i go on from what text `rows_B[i]` has read (of the same memory)."""
        for part in (*self._keys, *self._values):
            part[:, : self.tokens] = part[rows_B, : self.tokens]


class Attention(nn.Module):
    """Every token looks at every other one, or (causal) at itself and those before, or at a memory."""

    def __init__(self, shape: ShapeRecipe, layer: int, *, causal: bool) -> None:
        super().__init__()
        self.layer, self.causal = layer, causal
        self.head_width = shape.head_width_or_default
        self.shares_keys = shape.kv_heads_or_default != shape.heads
        kv_width = shape.kv_heads_or_default * self.head_width
        q_width = shape.heads * self.head_width
        self.q_proj = Linear(shape.width, q_width)
        self.k_proj = Linear(shape.width, kv_width)
        self.v_proj = Linear(shape.width, kv_width)
        self.o_proj = Linear(q_width, shape.width)
        self.q_norm = RMSNorm(self.head_width)
        self.k_norm = RMSNorm(self.head_width)

    def forward(
        self,
        x_BTC: Tensor,
        rotary: Rotary,
        cache: KeyValueCache | None = None,
        allowed_B11S: Tensor | None = None,
    ) -> Tensor:
        """Attend within a text. With a cache, `x_BTC` continues it: all at once, then one by one.

        Args:
            x_BTC: The text's vectors.
            rotary: Its positions.
            cache: What was read before; None: nothing.
            allowed_B11S: bool, which tokens may be looked at; None: all (or the causal ones).
        """
        first = cache.tokens if cache else 0
        q_BTHD = rotary(self.q_norm(self._heads(self.q_proj(x_BTC))), first)
        k_BSKD = rotary(self.k_norm(self._heads(self.k_proj(x_BTC))), first)
        v_BSKD = self._heads(self.v_proj(x_BTC))
        if cache:
            assert first == 0 or x_BTC.shape[1] == 1, "continued one token at a time"  # noqa: S101
            k_BSKD, v_BSKD = cache.extend(self.layer, k_BSKD, v_BSKD)
        # A last token may look at all there is.
        causal = self.causal and first == 0
        return self._mix(q_BTHD, k_BSKD, v_BSKD, allowed_B11S, causal=causal)

    def cross(self, x_BTC: Tensor, memory: Memory, cache: KeyValueCache | None = None) -> Tensor:
        """Attend to a memory, whose positions do not count."""
        q_BTHD = self.q_norm(self._heads(self.q_proj(x_BTC)))
        known = cache.crossed(self.layer) if cache else None
        if known is None:
            k_BSKD = self.k_norm(self._heads(self.k_proj(memory.x_BSC)))
            known = k_BSKD, self._heads(self.v_proj(memory.x_BSC))
            if cache:
                cache.keep_crossed(self.layer, *known)
        return self._mix(q_BTHD, *known, memory.allowed_B11S, causal=False)

    def _heads(self, x_BTC: Tensor) -> Tensor:
        return x_BTC.view(*x_BTC.shape[:-1], -1, self.head_width)

    def _mix(
        self,
        q_BTHD: Tensor,
        k_BSKD: Tensor,
        v_BSKD: Tensor,
        allowed: Tensor | None,
        *,
        causal: bool,
    ) -> Tensor:
        q_BHTD, k_BHSD, v_BHSD = (part.transpose(1, 2) for part in (q_BTHD, k_BSKD, v_BSKD))
        if narrow_attention.suits(q_BHTD, v_BHSD):
            if self.shares_keys:
                times = q_BHTD.shape[1] // v_BHSD.shape[1]
                k_BHSD, v_BHSD = (part.repeat_interleave(times, 1) for part in (k_BHSD, v_BHSD))
            y_BHTD = narrow_attention.attend(q_BHTD, k_BHSD, v_BHSD, allowed, causal=causal)
        else:
            y_BHTD = functional.scaled_dot_product_attention(
                q_BHTD,
                k_BHSD,
                v_BHSD,
                attn_mask=allowed,
                is_causal=causal,
                enable_gqa=self.shares_keys,
            )
        y_BTC: Tensor = self.o_proj(y_BHTD.transpose(1, 2).flatten(2))
        return y_BTC


class SwiGLU(nn.Module):
    """The MLP: silu(gate) * up, projected back (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, shape: ShapeRecipe) -> None:
        super().__init__()
        self.gate_proj = Linear(shape.width, shape.mlp_width_or_default)
        self.up_proj = Linear(shape.width, shape.mlp_width_or_default)
        self.down_proj = Linear(shape.mlp_width_or_default, shape.width)

    def forward(self, x_BTC: Tensor) -> Tensor:
        """Transform each token by itself."""
        hidden_BTF = functional.silu(self.gate_proj(x_BTC)) * self.up_proj(x_BTC)
        y_BTC: Tensor = self.down_proj(hidden_BTF)
        return y_BTC


class Block(nn.Module):
    """Attention, then cross-attention where there is a memory, then MLP.

    Each reads a normalised stream and adds to it, with dropout in training.
    """

    def __init__(
        self, shape: ShapeRecipe, layer: int, *, causal: bool, crosses: bool, dropout: float
    ) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(shape.width)
        self.self_attn = Attention(shape, layer, causal=causal)
        if crosses:
            self.cross_layernorm = RMSNorm(shape.width)
            self.cross_attn = Attention(shape, layer, causal=False)
        self.post_attention_layernorm = RMSNorm(shape.width)
        self.mlp = SwiGLU(shape)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x_BTC: Tensor,
        rotary: Rotary,
        cache: KeyValueCache | None = None,
        allowed_B11S: Tensor | None = None,
        memory: Memory | None = None,
    ) -> Tensor:
        """Pass the residual stream through."""
        read_BTC = self.self_attn(self.input_layernorm(x_BTC), rotary, cache, allowed_B11S)
        x_BTC = x_BTC + self.dropout(read_BTC)
        if memory is not None:
            read_BTC = self.cross_attn.cross(self.cross_layernorm(x_BTC), memory, cache)
            x_BTC = x_BTC + self.dropout(read_BTC)
        y_BTC: Tensor = x_BTC + self.dropout(self.mlp(self.post_attention_layernorm(x_BTC)))
        return y_BTC


class Convolution(nn.Module):
    """Adds to each token's vector what a window of neighbours around it shows."""

    def __init__(self, tokens: int, width: int, dropout: float) -> None:
        """Build.

        Args:
            tokens: Of the window, an odd number.
            width: Of the vectors.
            dropout: Share of what is read that training zeroes.
        """
        super().__init__()
        self.reach = tokens // 2
        self.mix = Linear(tokens * width, width)
        self.dropout = Dropout(dropout)

    def forward(self, x_BTC: Tensor, allowed_B11S: Tensor | None) -> Tensor:
        """Read each window; what is no text, or beyond it, counts as zero."""
        read_BTC = self.dropout(x_BTC)
        if allowed_B11S is not None:
            read_BTC = read_BTC * allowed_B11S[:, 0, 0, :, None].to(read_BTC)
        wide_BTC = functional.pad(read_BTC, (0, 0, self.reach, self.reach))
        tokens = x_BTC.shape[1]
        windows = [wide_BTC[:, first : first + tokens] for first in range(2 * self.reach + 1)]
        return x_BTC + functional.relu(self.mix(torch.cat(windows, dim=-1)))


class Trunk(nn.Module):
    """Blocks one after another and a last norm; most start from token ids."""

    def __init__(
        self,
        shape: ShapeRecipe,
        vocabulary_size: int | None,
        *,
        causal: bool,
        crosses: bool = False,
        dropout: float = 0.0,
    ) -> None:
        """Build; with a vocabulary of None it is given vectors, not token ids."""
        super().__init__()
        if vocabulary_size is not None:
            self.embed_tokens = nn.Embedding(vocabulary_size, shape.width)
            if shape.convolution_tokens:
                self.convolution = Convolution(shape.convolution_tokens, shape.width, dropout)
        self.layers = nn.ModuleList(
            Block(shape, layer, causal=causal, crosses=crosses, dropout=dropout)
            for layer in range(shape.layers)
        )
        self.norm = RMSNorm(shape.width)
        self.rotary = Rotary(shape)
        self.dropout = Dropout(dropout)
        self.recomputes = False
        """Whether a backward pass computes each block again instead of keeping what it computed:
        memory per layer falls to one residual stream, time rises by about a third (Chen et al.
        2016, arXiv 1604.06174)."""

    def forward(
        self,
        x_BTC: Tensor,
        cache: KeyValueCache | None = None,
        allowed_B11S: Tensor | None = None,
        memory: Memory | None = None,
    ) -> Tensor:
        """Pass vectors through the blocks."""
        if hasattr(self, "convolution"):
            x_BTC = self.convolution(x_BTC, allowed_B11S)
        x_BTC = self.dropout(x_BTC)
        for layer in self.layers:
            if self.recomputes and self.training and torch.is_grad_enabled():
                more = (self.rotary, None, allowed_B11S, memory)
                x_BTC = checkpoint(layer, x_BTC, *more, use_reentrant=False)
            else:
                x_BTC = layer(x_BTC, self.rotary, cache, allowed_B11S, memory)
        if cache:
            cache.tokens += x_BTC.shape[1]
        y_BTC: Tensor = self.norm(x_BTC)
        return y_BTC

    def read(
        self,
        tokens_BT: Tensor,
        cache: KeyValueCache | None = None,
        allowed_B11S: Tensor | None = None,
        memory: Memory | None = None,
    ) -> Tensor:
        """Give a vector (BTC) for each token, from the tokens it may look at."""
        y_BTC: Tensor = self(self.embed_tokens(tokens_BT), cache, allowed_B11S, memory)
        return y_BTC
