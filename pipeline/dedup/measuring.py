"""One pass over the text of a corpus: every document's figures, computed or found in the cache."""

from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.progress import Progress
from pipeline.dedup import kernels
from pipeline.dedup.corpus import Corpus
from pipeline.dedup.held_out.sketches import GRAM_TOKENS, HeldOutSketches, Sketches
from pipeline.dedup.recipe import HELD_OUT_TOKENS, DedupRecipe
from pipeline.dedup.signature_files import SignatureFiles
from pipeline.dedup.signatures import Measured, measure_tokens, packed, unpacked
from pipeline.partition_pool import map_in_order
from pipeline.record_cache import RecordCache
from pipeline.text.tokens import token_hashes


class MeasuredCorpus(NamedTuple):
    """What is known of all documents: 22 bytes each in memory, the rest in files."""

    tokens: NDArray[np.int32]
    """int32 (rows,)."""
    contents: NDArray[np.uint64]
    """uint64 (rows, 2)."""
    signatures: SignatureFiles
    """Of all rows."""
    band_files: list[Path]
    """One per band: uint64 (rows,), the band's key of each document."""
    meets_held_out: NDArray[np.bool_]
    """bool (rows,): training documents that may share 13 tokens with a held-out one."""
    rows_reused: int
    """Documents whose figures came from the cache."""


class _Part(NamedTuple):
    """What is known of one slice."""

    measured: Measured
    sketches: Sketches | None
    reused: int


def measure_corpus(
    corpus: Corpus,
    recipe: DedupRecipe,
    held_out: HeldOutSketches | None,
    cache: Path | None,
    work: Path,
    progress: Progress,
) -> MeasuredCorpus:
    """Measure every document that the cache does not know, and write signatures and band keys.

    Args:
        corpus: The documents.
        recipe: Gives permutations and bands.
        held_out: What training documents are to be held against; None: nothing.
        cache: Folder for reuse by content_id; None reuses nothing.
        work: Existing folder for the files.
        progress: Told of documents done.
    """
    bands = recipe.bands
    tokens = np.zeros(corpus.rows, np.int32)
    contents = np.zeros((corpus.rows, 2), np.uint64)
    meets = np.zeros(corpus.rows, np.bool_)
    signatures = SignatureFiles(work, corpus.ids[:, 0], recipe.num_permutations)
    band_files = [work / f"band-{band:03d}" for band in range(bands.bands)]

    def look(part: _Part, row: int) -> tuple[_Part, NDArray[np.uint64]]:
        if held_out is not None and part.sketches is not None:
            stop = row + len(part.measured.tokens)
            meets[row:stop] = held_out.met_by(row, part.sketches)
        keys = kernels.band_keys(part.measured.signatures, bands.bands, bands.rows)
        return part._replace(sketches=None), keys

    reused = row = 0
    with ExitStack() as files:
        files.enter_context(signatures)
        key_files = [files.enter_context(path.open("wb")) for path in band_files]
        known = _KnownBefore(cache, recipe.num_permutations, sketches=held_out is not None)
        files.enter_context(known.records)
        slices = map_in_order(
            lambda piece: look(known.measure(piece.table), piece.first_row), corpus.slices()
        )
        for part, keys in slices:
            stop = row + len(part.measured.tokens)
            tokens[row:stop], contents[row:stop] = part.measured.tokens, part.measured.contents
            signatures.add(part.measured.signatures)
            for file, values in zip(key_files, keys, strict=True):
                file.write(values.data)
            reused, row = reused + part.reused, stop
            progress(row, corpus.rows, "documents", "computing signatures")
    return MeasuredCorpus(tokens, contents, signatures, band_files, meets, reused)


class _KnownBefore:
    """Documents' figures by content_id: found, or computed and stored."""

    def __init__(self, cache: Path | None, width: int, *, sketches: bool) -> None:
        fields = [
            pa.field("tokens", pa.int32(), nullable=False),
            pa.field("content", pa.binary(16), nullable=False),  # two uint64, little-endian
            pa.field("signature", pa.binary(4 * width), nullable=False),  # uint32, little-endian
        ]
        name = f"signatures-{width}"
        if sketches:
            fields.append(pa.field("sketch", pa.large_binary(), nullable=False))
            name += f"-sketches-{HELD_OUT_TOKENS}-{GRAM_TOKENS}"
        self._width, self._sketches = width, sketches
        self.records = RecordCache(cache and cache / name, pa.schema(fields))

    def measure(self, documents: pa.Table) -> _Part:
        """Measure documents (DOCUMENTS), in their order."""
        found = self.records.find(documents["content_id"])
        missing = np.flatnonzero(found < 0)
        if len(missing) == len(found):
            return self._computed(documents)
        fresh = None
        if len(missing):
            fresh = self._to_table(self._computed(documents.take(pa.array(missing))))
        return self._from_table(self.records.take(found, fresh), len(found) - len(missing))

    def _computed(self, documents: pa.Table) -> _Part:
        tokens = token_hashes(documents["text"])
        measured = measure_tokens(tokens, documents["text"], self._width)
        part = _Part(measured, Sketches.of(tokens) if self._sketches else None, 0)
        if self.records.folder is not None:
            self.records.add(documents["content_id"].combine_chunks(), self._to_table(part))
        return part

    def _to_table(self, part: _Part) -> pa.Table:
        measured = part.measured
        columns = [pa.array(measured.tokens), packed(measured.contents)]
        columns.append(packed(measured.signatures))
        if part.sketches is not None:
            columns.append(part.sketches.packed())
        return pa.Table.from_arrays(columns, schema=self.records.schema)

    def _from_table(self, table: pa.Table, reused: int) -> _Part:
        measured = Measured(
            table["tokens"].to_numpy(),
            unpacked(table["content"], np.dtype("<u8"), 2),
            unpacked(table["signature"], np.dtype("<u4"), self._width),
        )
        sketches = Sketches.unpacked(table["sketch"]) if self._sketches else None
        return _Part(measured, sketches, reused)
