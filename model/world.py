"""The processes that train one model together, as torchrun starts them; one process is the usual case.

Every process takes its part of each global batch (`Batches.read(step, rank, ranks)`), gradients are
summed by DistributedDataParallel, and process 0 alone writes files.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


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


def not_yet(model: nn.Module) -> contextlib.AbstractContextManager[object]:
    """Sum gradients in this process only: more of the same step follow."""
    if isinstance(model, DistributedDataParallel):
        return model.no_sync()
    return contextlib.nullcontext()
