"""Shard: shuffle documents, learn the tokenizer, write what training and `datasets` read."""

from typing import Final

STAGE_VERSION: Final = 3
"""Raised when the same inputs give other bytes: part of every fingerprint of this stage."""

LIBRARIES: Final = ("pyarrow", "tokenizers")
"""Distributions whose version decides output bytes."""
