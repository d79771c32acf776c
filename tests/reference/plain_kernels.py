"""Kernels as plain Python: their modules imported again, with nothing compiled."""

import importlib
import sys
from contextlib import contextmanager
from types import ModuleType

import numpy as np
import pytest

from pipeline import kernel_cache


def plain_kernels(name: str) -> ModuleType:
    """Import a kernels module, and those it calls, uncompiled; the compiled ones stay in place."""
    before = _take_kernels()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel_cache, "kernel", lambda function: function)
        module = importlib.import_module(name)
    _take_kernels()
    for key, compiled in before.items():
        sys.modules[key] = compiled
        sys.modules[key.rpartition(".")[0]].kernels = compiled
    return module


def _take_kernels() -> dict[str, ModuleType]:
    """Make Python forget the kernels modules it has imported."""
    taken = {key: sys.modules.pop(key) for key in list(sys.modules) if key.endswith(".kernels")}
    for key in taken:
        delattr(sys.modules[key.rpartition(".")[0]], "kernels")
    return taken


@contextmanager
def wrapping_integers():
    """Let NumPy's scalars overflow as machine integers do."""
    with np.errstate(over="ignore"):
        yield
