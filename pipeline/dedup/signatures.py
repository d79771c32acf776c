"""What is known of a text: its length, content and MinHash signature."""

from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from datasketch import MinHash
from numpy.typing import NDArray

from pipeline.buffers import text_buffers
from pipeline.dedup import kernels
from pipeline.text.tokens import Tokens, token_hashes

SCHEME = "affine32"
"""datasketch's name for how signatures are computed."""
SEED = 1
"""Seed of datasketch's permutations (its default)."""


class Measured(NamedTuple):
    """What is known of several documents."""

    tokens: NDArray[np.int32]
    """int32 (documents,)."""
    contents: NDArray[np.uint64]
    """uint64 (documents, 2): 128-bit hash of the token stream; of the bytes without tokens."""
    signatures: NDArray[np.uint32]
    """uint32 (documents, permutations); all 2^32 - 1 without tokens."""


@cache
def permutations(number: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Take the permutations h -> a * h + b modulo 2^32 from datasketch.

    Returns:
        a and b, uint32 (number,) each; every a is odd.
    """
    factors, terms = MinHash(number, seed=SEED, scheme=SCHEME).permutations
    return np.ascontiguousarray(factors), np.ascontiguousarray(terms)


def measure_texts(texts: pa.Array | pa.ChunkedArray, num_permutations: int) -> Measured:
    """Measure documents: one pass over their bytes (see `measure_tokens`)."""
    return measure_tokens(token_hashes(texts), texts, num_permutations)


def measure_tokens(
    tokens: Tokens, texts: pa.Array | pa.ChunkedArray, num_permutations: int
) -> Measured:
    """Measure documents whose tokens are known.

    Args:
        tokens: Of the texts.
        texts: A text column without nulls.
        num_permutations: Values per signature.

    Returns:
        Signatures equal to those of `datasketch.MinHash(num_permutations, scheme="affine32")`,
        updated with the low 32 bits of each shingle's hash by an identity `hashfunc`.
    """
    contents, signatures = kernels.measure(
        *tokens, *text_buffers(texts), *permutations(num_permutations)
    )
    # Read-only, as those from the cache are: kernels are compiled for one type.
    contents.flags.writeable = signatures.flags.writeable = False
    return Measured(np.diff(tokens.starts).astype(np.int32), contents, signatures)


def packed(values: NDArray) -> pa.Array:  # type: ignore[type-arg]
    """View each row of a matrix as fixed-size binary (little-endian)."""
    size = values.shape[1] * values.itemsize
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(size), len(values), [None, pa.py_buffer(little)]
    )


def unpacked(column: pa.ChunkedArray, kind: np.dtype, width: int) -> NDArray:  # type: ignore[type-arg]
    """Read fixed-size binary back as a matrix of numbers, one row each (see `packed`)."""
    size = width * kind.itemsize
    parts = [
        np.frombuffer(chunk.buffers()[1], np.uint8)[
            chunk.offset * size : (chunk.offset + len(chunk)) * size
        ]
        for chunk in column.chunks
    ]
    joined = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.uint8), *parts])
    joined.flags.writeable = False
    return joined.view(kind).reshape(-1, width).astype(kind.newbyteorder("="), copy=False)
