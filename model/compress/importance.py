"""What heads, MLP columns, blocks and columns of a decoder's residual stream contribute, measured on text.

Letters as in `model.blocks`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.blocks import Block
from model.transformer import Decoder

PreHook = Callable[[nn.Module, tuple[Tensor, ...]], None]
Hook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]


@dataclass(frozen=True)
class Importance:
    """Contributions; only their order within a block (of blocks: among all) means something."""

    heads_LH: Tensor
    """Mean length of what each head adds to the residual stream."""
    columns_LF: Tensor
    """Mean length of what each MLP column adds to it."""
    blocks_L: Tensor
    """How far each block turns the residual stream: one less the mean cosine between what goes in
    and what comes out (Men et al. 2024, arXiv 2403.03853)."""
    stream_C: Tensor
    """Mean size of each column of the residual stream as blocks read it, normalised (as in
    Muralidharan et al. 2024, arXiv 2407.14679)."""


@torch.no_grad()
def measure_importance(model: Decoder, batches: Iterable[Tensor]) -> Importance:
    """Let a decoder read texts, and measure what its parts add.

    Heads and columns are judged by activation and weight together: the length of the vector that
    one adds, |activation| x |column of the projection back|, as in Wanda (Sun et al. 2023, arXiv
    2306.11695), here summed over a head.

    Args:
        model: The decoder.
        batches: int64 BT each.
    """
    layers = len(model.model.layers)
    sums: list[dict[str, Tensor]] = [{} for _ in range(layers)]
    tokens = 0
    hooks = []
    for own, layer in zip(sums, cast(Iterable[Block], model.model.layers), strict=True):
        hooks += [
            layer.self_attn.o_proj.register_forward_pre_hook(
                _head_hook(own, layer.self_attn.head_width)
            ),
            layer.mlp.down_proj.register_forward_pre_hook(_column_hook(own)),
            layer.register_forward_hook(_block_hook(own)),
            layer.input_layernorm.register_forward_hook(_stream_hook(own)),
            layer.post_attention_layernorm.register_forward_hook(_stream_hook(own)),
        ]
    try:
        for tokens_BT in batches:
            model.model.read(tokens_BT)
            tokens += tokens_BT.numel()
    finally:
        for hook in hooks:
            hook.remove()
    return Importance(
        heads_LH=torch.stack([own["heads"] for own in sums]) / tokens,
        columns_LF=torch.stack([own["columns"] for own in sums]) / tokens,
        blocks_L=1 - torch.stack([own["cosine"] for own in sums]) / tokens,
        stream_C=torch.stack([own["stream"] for own in sums]).sum(0) / (2 * layers * tokens),
    )


def _add(sums: dict[str, Tensor], name: str, value: Tensor) -> None:
    sums[name] = sums[name] + value.double() if name in sums else value.double()


def _head_hook(sums: dict[str, Tensor], head_width: int) -> PreHook:
    def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        weight = cast(nn.Linear, module).weight
        y_NHD = inputs[0].view(-1, weight.shape[1] // head_width, head_width)
        weight_CHD = weight.view(weight.shape[0], -1, head_width)
        # |W y|^2 = y' (W'W) y, so that no vector of the residual stream's width is made per head.
        gram_HDE = torch.einsum("chd,che->hde", weight_CHD, weight_CHD)
        squares_NH = torch.einsum("nhd,hde,nhe->nh", y_NHD, gram_HDE, y_NHD)
        _add(sums, "heads", squares_NH.clamp(min=0).sqrt().sum(0))

    return hook


def _column_hook(sums: dict[str, Tensor]) -> PreHook:
    def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        lengths_F = cast(nn.Linear, module).weight.norm(dim=0)
        _add(sums, "columns", inputs[0].flatten(0, 1).abs().sum(0) * lengths_F)

    return hook


def _block_hook(sums: dict[str, Tensor]) -> Hook:
    def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        _add(sums, "cosine", functional.cosine_similarity(inputs[0], output, dim=-1).sum())

    return hook


def _stream_hook(sums: dict[str, Tensor]) -> Hook:
    def hook(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
        _add(sums, "stream", output.flatten(0, 1).abs().sum(0))

    return hook
