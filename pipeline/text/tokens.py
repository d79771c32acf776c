"""Tokens of a text column: the words that curation counts, compares and joins to shingles."""

from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.buffers import text_buffers
from pipeline.text import kernels
from pipeline.text.unicode_tables import unicode_tables

HASH_VERSION: Final = 2
"""Raised whenever a token's hash changes: stored signatures are of them."""


class Tokens(NamedTuple):
    """The tokens of several documents, end to end."""

    hashes: NDArray[np.uint64]
    """uint64 (tokens,): hash of the case-folded token."""
    starts: NDArray[np.int64]
    """int64 (documents + 1,): the token where each document begins."""


def token_hashes(texts: pa.Array | pa.ChunkedArray) -> Tokens:
    """Hash every token of every text (see `pipeline.text.kernels.tokenise` for what one is).

    Args:
        texts: A text column without nulls.

    Returns:
        Hashes and starts; a text without a word (punctuation or emoji only) has no token.

    Raises:
        SchemaMismatch: As `text_buffers`.
    """
    tables = unicode_tables()
    return Tokens(*kernels.token_hashes(*text_buffers(texts), tables.classes, tables.folds))
