"""What the model runs on: device, precision, threads, memory."""

import contextlib
import ctypes
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Final, Literal

import torch

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""Names of mallopt's settings, from glibc's malloc.h."""
_PIECE_BYTES: Final = 2**25
"""The greatest threshold to which glibc adapts by itself. Greater pieces go back to the system at
once: kept, they would lie in pieces where each batch has another size."""
_KEPT_BYTES: Final = 2**30


def pick_device() -> torch.device:
    """Take the first CUDA device when there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def mixed_precision(
    device: torch.device, precision: Literal["float32", "bfloat16"] | None = None
) -> AbstractContextManager[object]:
    """Compute matrix products in bfloat16 or float32.

    Args:
        device: Where.
        precision: None takes bfloat16 on CUDA and float32 on a CPU: there float32 keeps a run the
            same from one CPU to the next but for rounding. `bfloat16` on a CPU without units for it
            is ignored, as its products would be several times slower.
    """
    if product_dtype(device, precision) == torch.bfloat16:
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


def product_dtype(
    device: torch.device, precision: Literal["float32", "bfloat16"] | None
) -> torch.dtype:
    """Tell what `mixed_precision` lets matrix products compute in."""
    if device.type == "cuda":
        return torch.float32 if precision == "float32" else torch.bfloat16
    wanted = precision == "bfloat16" and has_bfloat16_units()
    return torch.bfloat16 if wanted else torch.float32


def has_bfloat16_units() -> bool:
    """Tell whether this CPU multiplies bfloat16 matrices faster than float32 ones.

    AMX is 8 times float32's speed on a Xeon, AVX512_BF16 5 times on an EPYC of Zen 5.
    """
    cpu = torch.cpu
    # There is no public way to ask.
    return bool(cpu._is_amx_tile_supported() or cpu._is_avx512_bf16_supported())  # noqa: SLF001


@contextlib.contextmanager
def computing(threads: int | None) -> Iterator[int]:
    """Compute with this many threads, keeping freed memory for reuse; then as before.

    Args:
        threads: None: one per core that the process may use.

    Yields:
        The number of threads.
    """
    if threads is None:
        has_affinity = hasattr(os, "sched_getaffinity")
        threads = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with _kept_memory():
            yield threads
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def _kept_memory() -> Iterator[None]:
    """Let the C library keep what is freed, where it is glibc.

    It gives what is free at the end of its heap back to the system, and every step asks for it again:
    30,000 page faults a step at 10 M parameters in bfloat16, a seventh of its time.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(library, "malloc_trim"):  # musl has neither this nor mallopt's settings
        yield
        return
    assert library is not None, "it has an attribute"  # noqa: S101
    library.mallopt(_MMAP_THRESHOLD, _PIECE_BYTES)
    library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
    try:
        yield
    finally:
        library.mallopt(_TRIM_THRESHOLD, 2 * _PIECE_BYTES)
        library.malloc_trim(0)


def peak_memory_bytes() -> int:
    """Tell the most memory that this process ever held resident."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # elsewhere it is in KiB
