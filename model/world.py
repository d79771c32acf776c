"""The processes that train one model together, as torchrun starts them; one process is the usual case.

Every process takes its part of each global batch (`Batches.read(step, rank, ranks)`), gradients are
summed by DistributedDataParallel or, where the recipe shards the weights, by FSDP2, and process 0
alone writes files.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from model.blocks import Trunk
from model.transformer import Transformer


@dataclass(frozen=True)
class World:
    """Which process this is."""

    rank: int = 0
    """Its number."""
    ranks: int = 1
    """How many there are."""

    @property
    def writes(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def shard(self, model: Transformer) -> None:
        """Leave each process only its part of every weight (FSDP2: Zhao et al. 2023, arXiv 2304.11277).

        A block's weights are put together for its own forward and backward pass alone; its gradients
        are averaged over the processes.
        """
        kind = next(model.parameters()).device.type
        mesh = init_device_mesh(kind, (self.ranks,))
        for trunk in (part for part in model.modules() if isinstance(part, Trunk)):
            for layer in trunk.layers:
                fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)

    def wrapped(self, model: nn.Module) -> nn.Module:
        """Let the model's gradients be averaged over the processes."""
        if self.ranks == 1:
            return model
        on_gpu = next(model.parameters()).device.type == "cuda"
        return DistributedDataParallel(model, [torch.cuda.current_device()] if on_gpu else None)

    def total(self, part: Tensor) -> Tensor:
        """Sum a number over the processes."""
        if self.ranks > 1:
            distributed.all_reduce(part)
        return part

    def any(self, *, happened: bool) -> bool:
        """Tell whether something happened in any process: then all act on it at the same step."""
        return bool(self.total(torch.tensor(int(happened)))) if self.ranks > 1 else happened

    def all_here(self) -> None:
        """Wait until every process has come to this point."""
        if self.ranks > 1:
            distributed.barrier()


@contextlib.contextmanager
def joined() -> Iterator[World]:
    """Join the processes that torchrun started, and leave them at the end.

    Without torchrun's environment variables, or when they name one process, this is a world of one.
    """
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if ranks == 1:
        yield World()
        return
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield World(distributed.get_rank(), ranks)
    finally:
        distributed.destroy_process_group()


@contextlib.contextmanager
def not_yet(model: nn.Module) -> Iterator[None]:
    """Sum gradients in this process only: more of the same step follow."""
    if isinstance(model, DistributedDataParallel):
        with model.no_sync():
            yield
    elif isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(False)
        try:
            yield
        finally:
            model.set_requires_gradient_sync(True)
    else:
        yield


def whole(tensor: Tensor) -> Tensor:
    """Put a tensor's parts together, of which each process may have one; all processes must call."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def placed_like(tensor: Tensor, other: Tensor) -> Tensor:
    """Take this process's part of a whole tensor, as it has of the other; all processes must call."""
    if not isinstance(other, DTensor):
        return tensor.to(other.device)
    return distribute_tensor(tensor.to(other.device), other.device_mesh, other.placements)
