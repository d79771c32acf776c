"""What is known of documents by their content: found in the cache, or computed and stored."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.dedup.corpus import Corpus
from pipeline.dedup.held_out.sketches import GRAM_TOKENS, Sketches
from pipeline.dedup.recipe import HELD_OUT_TOKENS
from pipeline.dedup.signatures import Measured, measure_tokens, packed, unpacked
from pipeline.record_cache import RecordCache
from pipeline.text.tokens import token_hashes


class Part(NamedTuple):
    """What is known of consecutive documents."""

    measured: Measured
    sketches: Sketches | None
    found: NDArray[np.int64]
    """int64 (documents,): where in the cache it was found, -1 where it was computed."""


class KnownDocuments:
    """Documents' figures by content_id; `records` is the cache: what was computed is stored at its end."""

    def __init__(self, cache: Path | None, width: int, *, sketches: bool) -> None:
        """Open the cache.

        Args:
            cache: Folder for reuse; None reuses nothing.
            width: Values per signature.
            sketches: Whether sketches are wanted, too.
        """
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

    def measure(self, documents: pa.Table) -> Part:
        """Measure documents (DOCUMENTS), in their order; may be called from several threads."""
        found = self.records.find(documents["content_id"])
        missing = np.flatnonzero(found < 0)
        if len(missing) == len(found):
            return self._computed(documents)
        fresh = None
        if len(missing):
            fresh = self._to_table(self._computed(documents.take(pa.array(missing))))
        return self._from_table(self.records.take(found, fresh), found)

    def signatures(self, found: NDArray[np.int64]) -> NDArray[np.uint32]:
        """Fetch signatures.

        Args:
            found: int64 (documents,), where they are in the cache.

        Returns:
            uint32 (documents, width).
        """
        column = self.records.take(found, columns=["signature"])["signature"]
        return unpacked(column, np.dtype("<u4"), self._width)

    def sketch(self, corpus: Corpus, rows: NDArray[np.int64]) -> Sketches:
        """Sketch documents; nothing is stored.

        Args:
            corpus: The documents.
            rows: int64, ascending: which of them.
        """
        found = self.records.find(corpus.take("content_id", rows))
        missing = np.flatnonzero(found < 0)
        computed = Sketches.of(token_hashes(corpus.take("text", rows[missing])))
        if len(missing) == len(found):
            return computed
        fresh = pa.table([computed.packed()], ["sketch"])
        return Sketches.unpacked(self.records.take(found, fresh, ["sketch"])["sketch"])

    def _computed(self, documents: pa.Table) -> Part:
        tokens = token_hashes(documents["text"])
        measured = measure_tokens(tokens, documents["text"], self._width)
        none = np.full(documents.num_rows, -1, np.int64)
        part = Part(measured, Sketches.of(tokens) if self._sketches else None, none)
        if self.records.folder is not None:
            self.records.add(documents["content_id"].combine_chunks(), self._to_table(part))
        return part

    def _to_table(self, part: Part) -> pa.Table:
        measured = part.measured
        columns = [pa.array(measured.tokens), packed(measured.contents)]
        columns.append(packed(measured.signatures))
        if part.sketches is not None:
            columns.append(part.sketches.packed())
        return pa.Table.from_arrays(columns, schema=self.records.schema)

    def _from_table(self, table: pa.Table, found: NDArray[np.int64]) -> Part:
        measured = Measured(
            table["tokens"].to_numpy(),
            unpacked(table["content"], np.dtype("<u8"), 2),
            unpacked(table["signature"], np.dtype("<u4"), self._width),
        )
        sketches = Sketches.unpacked(table["sketch"]) if self._sketches else None
        return Part(measured, sketches, found)
