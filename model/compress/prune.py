"""A smaller decoder of the same shape family, made of the parts of a bigger one that matter most.

What is left is an ordinary decoder: it trains, samples and exports like any other.
"""

import math
from typing import cast

import torch
from torch import Tensor

from model.blocks import Block
from model.compress.importance import Importance
from model.recipe import ShapeRecipe
from model.transformer import Decoder

_MLP_STEP = 32
"""MLP widths are multiples of this, as by default."""
_WIDTH_STEP = 8
"""A narrowed residual stream's width is a multiple of this."""


def thinned_shape(
    shape: ShapeRecipe, heads_ratio: float, mlp_ratio: float, layers_ratio: float
) -> ShapeRecipe:
    """Take shares of heads, MLP columns and blocks off a shape; at least one of each stays.

    Where heads share keys, whole groups go.
    """
    groups = max(1, round(shape.kv_heads_or_default * (1 - heads_ratio)))
    per_group = shape.heads // shape.kv_heads_or_default
    columns = shape.mlp_width_or_default * (1 - mlp_ratio)
    step = min(_MLP_STEP, shape.mlp_width_or_default)
    return shape.model_copy(
        update={
            "heads": groups * per_group,
            "kv_heads": groups,
            "head_width": shape.head_width_or_default,
            "mlp_width": max(step, round(columns / step) * step),
            "layers": max(1, round(shape.layers * (1 - layers_ratio))),
        }
    )


def shape_of_size(shape: ShapeRecipe, vocabulary_size: int, parameters: int) -> ShapeRecipe:
    """Find the biggest shape of at most so many parameters, by fewer blocks and narrower MLPs.

    The number of blocks falls first, in proportion; their MLPs then give what is left over, so that
    depth and width shrink about alike. Where one block is too many, as embeddings have about as
    many parameters themselves, the residual stream is narrowed instead: all others follow it.

    Raises:
        ValueError: The narrowest one has more.
    """
    kept = {
        "kv_heads": shape.kv_heads_or_default,
        "head_width": shape.head_width_or_default,
        "mlp_width": shape.mlp_width_or_default,
    }
    fixed = _parameters(shape, vocabulary_size, 0, 0)
    block = _parameters(shape, vocabulary_size, 1, shape.mlp_width_or_default) - fixed
    step = min(_MLP_STEP, shape.mlp_width_or_default)
    for layers in range(min(shape.layers, math.ceil((parameters - fixed) / block)), 0, -1):
        for width in range(shape.mlp_width_or_default // step * step, step - 1, -step):
            if _parameters(shape, vocabulary_size, layers, width) <= parameters:
                return shape.model_copy(update=kept | {"layers": layers, "mlp_width": width})
    for width in range((shape.width - 1) // _WIDTH_STEP * _WIDTH_STEP, 0, -_WIDTH_STEP):
        narrow = shape.model_copy(update=kept | {"width": width})
        if _parameters(narrow, vocabulary_size, shape.layers, kept["mlp_width"]) <= parameters:
            return narrow
    msg = f"no decoder of this vocabulary has as few as {parameters:,} parameters"
    raise ValueError(msg)


def _parameters(shape: ShapeRecipe, vocabulary_size: int, layers: int, mlp_width: int) -> int:
    """Count what `Transformer.parameter_count` would."""
    width, head = shape.width, shape.head_width_or_default
    attention = 2 * width * head * (shape.heads + shape.kv_heads_or_default) + 2 * head
    block = attention + 3 * width * mlp_width + 2 * width
    tables = vocabulary_size * width * (1 if shape.tied_embeddings else 2)
    return tables + layers * block + width


@torch.no_grad()
def pruned(model: Decoder, shape: ShapeRecipe, importance: Importance) -> Decoder:
    """Keep the blocks, heads and columns that contribute most, those of the residual stream too.

    What is kept stays in its old order.

    Args:
        model: The decoder.
        shape: What is wanted: no wider, with no more blocks, heads and columns.
        importance: What its parts contribute.

    Returns:
        A new decoder.
    """
    old, device = model.shape, model.head_weight.device
    small = Decoder(shape, model.vocabulary_size).to(device)
    stream = _most(importance.stream_C, shape.width).to(device)
    small.model.embed_tokens.weight.copy_(model.model.embed_tokens.weight[:, stream])
    small.model.norm.weight.copy_(model.model.norm.weight[stream])
    if not shape.tied_embeddings:
        small.lm_head.weight.copy_(model.lm_head.weight[:, stream])
    per_group = old.heads // old.kv_heads_or_default
    kept = _most(importance.blocks_L, shape.layers).tolist()
    for number, old_number in enumerate(kept):
        new, block = _block(small, number), _block(model, old_number)
        groups_K = importance.heads_LH[old_number].view(-1, per_group).sum(1)
        groups = _most(groups_K, shape.kv_heads_or_default)
        heads = (groups[:, None] * per_group + torch.arange(per_group)).flatten()
        columns = _most(importance.columns_LF[old_number], shape.mlp_width_or_default).to(device)
        width = old.head_width_or_default
        q_rows, kv_rows = _rows(heads, width).to(device), _rows(groups, width).to(device)
        own, theirs = new.self_attn, block.self_attn
        own.q_proj.weight.copy_(theirs.q_proj.weight[q_rows][:, stream])
        own.k_proj.weight.copy_(theirs.k_proj.weight[kv_rows][:, stream])
        own.v_proj.weight.copy_(theirs.v_proj.weight[kv_rows][:, stream])
        own.o_proj.weight.copy_(theirs.o_proj.weight[stream][:, q_rows])
        own.q_norm.weight.copy_(theirs.q_norm.weight)
        own.k_norm.weight.copy_(theirs.k_norm.weight)
        new.mlp.gate_proj.weight.copy_(block.mlp.gate_proj.weight[columns][:, stream])
        new.mlp.up_proj.weight.copy_(block.mlp.up_proj.weight[columns][:, stream])
        new.mlp.down_proj.weight.copy_(block.mlp.down_proj.weight[stream][:, columns])
        new.input_layernorm.weight.copy_(block.input_layernorm.weight[stream])
        new.post_attention_layernorm.weight.copy_(block.post_attention_layernorm.weight[stream])
    return small.eval()


def _block(model: Decoder, number: int) -> Block:
    return cast(Block, model.model.layers[number])


def _most(values: Tensor, count: int) -> Tensor:
    """Give the places of the greatest values, in their order."""
    return values.cpu().argsort(descending=True, stable=True)[:count].sort().values


def _rows(heads: Tensor, width: int) -> Tensor:
    return (heads[:, None] * width + torch.arange(width)).flatten()
