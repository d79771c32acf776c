"""One pass over the text: every document's length, content and MinHash signature."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from datasketch import MinHash
from numpy.typing import NDArray

from data_contracts.progress import Progress
from pipeline.buffers import text_buffers
from pipeline.dedup import kernels
from pipeline.dedup.bands import Bands
from pipeline.dedup.corpus import Corpus, Slice
from pipeline.dedup.recipe import DedupRecipe
from pipeline.partition_pool import map_in_order
from pipeline.record_cache import RecordCache
from pipeline.text.tokens import token_hashes

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


class MeasuredCorpus(NamedTuple):
    """What is known of all documents: 20 bytes each in memory, the rest in files."""

    tokens: NDArray[np.int32]
    """int32 (rows,)."""
    contents: NDArray[np.uint64]
    """uint64 (rows, 2)."""
    signatures: NDArray[np.uint32]
    """uint32 (rows, permutations), mapped."""
    band_files: list[Path]
    """One per band: uint64 (rows,), the band's key of each document."""
    rows_reused: int
    """Documents whose figures came from the cache."""


def permutations(number: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Take the permutations h -> a * h + b modulo 2^32 from datasketch.

    Returns:
        a and b, uint32 (number,) each; every a is odd.
    """
    factors, terms = MinHash(number, seed=SEED, scheme=SCHEME).permutations
    return np.ascontiguousarray(factors), np.ascontiguousarray(terms)


def measure_texts(texts: pa.Array | pa.ChunkedArray, num_permutations: int) -> Measured:
    """Measure documents: one pass over their bytes.

    Args:
        texts: A text column without nulls.
        num_permutations: Values per signature.

    Returns:
        Signatures equal to those of `datasketch.MinHash(num_permutations, scheme="affine32")`,
        updated with the low 32 bits of each shingle's hash by an identity `hashfunc`.
    """
    tokens = token_hashes(texts)
    contents, signatures = kernels.measure(
        *tokens, *text_buffers(texts), *permutations(num_permutations)
    )
    return Measured(np.diff(tokens.starts).astype(np.int32), contents, signatures)


def measure_corpus(
    corpus: Corpus, recipe: DedupRecipe, cache: Path | None, work: Path, progress: Progress
) -> MeasuredCorpus:
    """Measure every document that the cache does not know, and write signatures and band keys.

    Args:
        corpus: The documents.
        recipe: Gives permutations and bands.
        cache: Folder for reuse by content_id; None reuses nothing.
        work: Existing folder for the files.
        progress: Told of documents done.
    """
    width = recipe.num_permutations
    tokens = np.zeros(corpus.rows, np.int32)
    contents = np.zeros((corpus.rows, 2), np.uint64)
    band_files = [work / f"band-{band:03d}" for band in range(recipe.bands.bands)]
    reused = row = 0
    with ExitStack() as files:
        known_before = RecordCache(cache and cache / f"signatures-{width}", _cache_schema(width))
        reuse = files.enter_context(known_before)
        signature_file = files.enter_context((work / "signatures").open("wb"))
        key_files = [files.enter_context(path.open("wb")) for path in band_files]
        for part, keys, known in _measured_slices(corpus, recipe.bands, reuse, width):
            stop = row + len(part.tokens)
            tokens[row:stop], contents[row:stop] = part.tokens, part.contents
            signature_file.write(part.signatures.data)
            for file, values in zip(key_files, keys, strict=True):
                file.write(values.data)
            reused, row = reused + known, stop
            progress(row, corpus.rows, "documents", "computing signatures")
    return MeasuredCorpus(tokens, contents, _mapped(work / "signatures", width), band_files, reused)


def _measured_slices(
    corpus: Corpus, bands: Bands, reuse: RecordCache, width: int
) -> Iterator[tuple[Measured, NDArray[np.uint64], int]]:
    def measure(piece: Slice) -> tuple[Measured, NDArray[np.uint64], int]:
        part, known = _measure_slice(piece.table, reuse, width)
        return part, kernels.band_keys(part.signatures, bands.bands, bands.rows), known

    return map_in_order(measure, corpus.slices())


def _measure_slice(table: pa.Table, reuse: RecordCache, width: int) -> tuple[Measured, int]:
    places = reuse.find(table["content_id"])
    missing = np.flatnonzero(places < 0)
    if len(missing) == table.num_rows:
        fresh = measure_texts(table["text"], width)
        reuse.add(table["content_id"].combine_chunks(), _to_table(fresh))
        return fresh, 0
    found = np.flatnonzero(places >= 0)
    known = _from_table(reuse.take(places[found]), width)
    if not len(missing):
        return known, len(found)
    lacking = table.take(pa.array(missing))
    fresh = measure_texts(lacking["text"], width)
    reuse.add(lacking["content_id"].combine_chunks(), _to_table(fresh))
    back = np.argsort(np.concatenate([found, missing]))
    both = Measured(
        np.concatenate([known.tokens, fresh.tokens])[back],
        np.concatenate([known.contents, fresh.contents])[back],
        np.concatenate([known.signatures, fresh.signatures])[back],
    )
    return both, len(found)


def _cache_schema(width: int) -> pa.Schema:
    return pa.schema(
        [
            pa.field("tokens", pa.int32(), nullable=False),
            pa.field("content", pa.binary(16), nullable=False),  # two uint64, little-endian
            pa.field("signature", pa.binary(4 * width), nullable=False),  # uint32, little-endian
        ]
    )


def _to_table(part: Measured) -> pa.Table:
    columns = [pa.array(part.tokens), packed(part.contents), packed(part.signatures)]
    return pa.Table.from_arrays(columns, schema=_cache_schema(part.signatures.shape[1]))


def _from_table(table: pa.Table, width: int) -> Measured:
    return Measured(
        table["tokens"].to_numpy(),
        unpacked(table["content"], np.dtype("<u8"), 2),
        unpacked(table["signature"], np.dtype("<u4"), width),
    )


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
    return (
        np.concatenate(parts)
        .view(kind)
        .reshape(-1, width)
        .astype(kind.newbyteorder("="), copy=False)
    )


def _mapped(path: Path, width: int) -> NDArray[np.uint32]:
    if not path.stat().st_size:
        return np.zeros((0, width), np.uint32)
    return np.memmap(path, np.uint32, "r").reshape(-1, width)
