"""The model half: token shards in, a trained Transformer and its figures out.

`recipe` (what can be set; imports no torch) -> `train` -> `evaluate`. It meets the data half at the
files of a dataset version and never imports `pipeline`. Nothing here knows Prefect.
"""

import os
from typing import Final

# Threads that wait must sleep, not spin: with two threads and one other busy process on two cores,
# spinning trains 1,200 tokens/s and sleeping 7,800. Read when torch loads OpenMP, so it stands here,
# before any import of torch in this package; who imports torch first should set it too.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

TRAIN_VERSION: Final = 3
"""Raised when `train` gives other weights for the same recipe and data."""
EVALUATE_VERSION: Final = 4
"""Raised when `evaluate` gives other figures for the same model and data."""
LIBRARIES: Final = ("numpy", "tokenizers", "torch")
"""Distributions whose version decides weights and figures."""
