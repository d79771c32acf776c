"""What the model runs on: device, precision, threads, memory."""

import contextlib
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager

import torch


def pick_device() -> torch.device:
    """Take the first CUDA device when there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def mixed_precision(device: torch.device) -> AbstractContextManager[object]:
    """Compute in bfloat16 on CUDA and in float32 on a CPU.

    On CPUs without bfloat16 units its matrix products are several times slower, and float32 keeps
    a run the same from one CPU to the next but for rounding.
    """
    if device.type == "cuda":
        return torch.autocast("cuda", torch.bfloat16)
    return contextlib.nullcontext()


@contextlib.contextmanager
def cpu_threads(threads: int | None) -> Iterator[int]:
    """Compute with this many threads (None: one per core that the process may use), then as before.

    Yields:
        The number of threads.
    """
    if threads is None:
        has_affinity = hasattr(os, "sched_getaffinity")
        threads = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield threads
    finally:
        torch.set_num_threads(before)


def peak_memory_bytes() -> int:
    """Tell the most memory that this process ever held resident."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # elsewhere it is in KiB
