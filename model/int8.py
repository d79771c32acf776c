"""Linear layers in eight bits: weights with a scale per row, activations with one per token.

Both are symmetric; activations are scaled as they come ("dynamic"), so nothing has to be calibrated.
Products are of bytes, summed in 32 bits. The layout of weights, scales and configuration is
`int-quantized` of compressed-tensors, which vLLM and Transformers read.
"""

import copy
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.transformer import Transformer

_MOST: Final = 127

QUANTIZATION_KEY: Final = "quantization_config"
"""Field of config.json that says so."""

_SCHEME: Final = {"num_bits": 8, "type": "int", "symmetric": True}
QUANTIZATION_CONFIG: Final[dict[str, Any]] = {
    "quant_method": "compressed-tensors",
    "format": "int-quantized",
    "quantization_status": "compressed",
    "ignore": ["lm_head"],
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {**_SCHEME, "strategy": "channel", "dynamic": False},
            "input_activations": {**_SCHEME, "strategy": "token", "dynamic": True},
        }
    },
}
"""Its value."""


class Int8Linear(nn.Module):
    """Stands in for a linear layer without bias."""

    def __init__(self, columns: int, rows: int) -> None:
        """Make room for weights."""
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(rows, columns, dtype=torch.int8), False)
        self.weight_scale = nn.Parameter(torch.ones(rows, 1), False)

    @classmethod
    def of(cls, weight: Tensor) -> "Int8Linear":
        """Round a layer's weights, (rows, columns)."""
        layer = cls(weight.shape[1], weight.shape[0])
        layer.weight.data, layer.weight_scale.data = rounded(weight.detach())
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """Multiply vectors (last axis) with the weights."""
        if x.device.type != "cpu":
            weight = self.weight.to(x.dtype) * self.weight_scale.to(x.dtype)
            return functional.linear(x, weight)
        codes, scale = rounded(x.flatten(0, -2).float())
        # What torchao calls too; it takes VNNI where the CPU has it. There is no public name.
        product = torch._int_mm(codes, self.weight.t()).float()  # noqa: SLF001
        product.mul_(scale).mul_(self.weight_scale.t())
        return product.to(x.dtype).view(*x.shape[:-1], -1)


def rounded(x: Tensor) -> tuple[Tensor, Tensor]:
    """Round rows to whole multiples of their scale, its greatest entry being 127 of them.

    Args:
        x: float (rows, columns).

    Returns:
        int8 (rows, columns) and the scales, float32 (rows, 1); a row of zeros has a scale near 0.
    """
    scale = (x.abs().amax(dim=1, keepdim=True) / _MOST).clamp_(min=1e-12).float()
    return (x / scale).round_().clamp_(-_MOST, _MOST).to(torch.int8), scale


def quantised(model: Transformer) -> Transformer:
    """Copy a model with the linear layers of its blocks in eight bits; embeddings stay as they are."""
    small = copy.deepcopy(model)
    _replace(small, lambda linear: Int8Linear.of(linear.weight))
    return small.eval()


def make_room(model: Transformer) -> None:
    """Turn a model's layers into ones of eight bits, for weights that are loaded next."""
    _replace(model, lambda linear: Int8Linear(linear.in_features, linear.out_features))


def is_quantised(model: Transformer) -> bool:
    """Tell whether a model has such layers."""
    return any(isinstance(module, Int8Linear) for module in model.modules())


def _replace(model: Transformer, made: Any) -> None:
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear) and ".layers." in name:
            parent, _, own = name.rpartition(".")
            setattr(model.get_submodule(parent), own, made(module))
