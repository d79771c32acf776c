"""What is measured on records, reused per record; and the lines that they lose to one another.

A record's text alone decides its edits and signals, except where lines that many documents share are
taken out. Those come last: all other edits are made and reused by content_id, then the lines are
counted over all records, then the records that lose some are edited and measured again, and that is
reused by an id of the record and of what is left (`shortened_id`).
"""

from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.arrow_files import read_ipc
from data_contracts.identity import shortened_id
from data_contracts.schemas import RECORDS
from pipeline.clean.common_lines.counting import LineCounts
from pipeline.clean.common_lines.texts import lines_of, table_of, take_out
from pipeline.clean.edits import edit
from pipeline.clean.normalise.texts import normalise
from pipeline.clean.own import measure_own, quality_model
from pipeline.clean.recipe import CleanRecipe
from pipeline.clean.signals import EDITS, MEASURED, MODEL_QUALITY, measure, own_fields
from pipeline.pii.columns import KINDS
from pipeline.pii.texts import redact
from pipeline.record_cache import RecordCache

CACHED: Final = pa.schema([pa.field("text", pa.large_string(), nullable=False), *MEASURED])
"""What is reused per record: the text as it is kept and all that was measured on it, own signals apart."""
MEASUREMENTS: Final = "measurements"
"""Folder of results by content_id."""
SHORTENED: Final = "shortened"
"""Folder of results on texts that lost lines to other records, by `shortened_id`."""


class Measured(NamedTuple):
    """Records as they are kept."""

    table: pa.Table
    """CACHED and what the recipe measures beside, one row per record."""
    content_ids: pa.ChunkedArray
    """string: the records', or `shortened_id` where the text depends on other records too."""
    reused: int
    """Records whose measurements were found."""


class Measurer:
    """Edits and measures records by one recipe."""

    def __init__(
        self, recipe: CleanRecipe, cache: Path | None, common: NDArray[np.uint64] | None = None
    ) -> None:
        """Open the caches: as their context manager.

        Args:
            recipe: What is done and measured.
            cache: Folder of results; None reuses nothing.
            common: Lines to take out (`LineCounts.common`); None: none.
        """
        self._recipe = recipe
        columns = pa.schema([*CACHED, *own_fields(recipe)])
        self._own = [field for field in own_fields(recipe) if field != MODEL_QUALITY]
        self._alone = RecordCache(cache and cache / MEASUREMENTS, columns)
        self._shortened = RecordCache(cache and cache / SHORTENED, columns)
        self._common = None if common is None else table_of(common)

    def __enter__(self) -> Self:
        """Use the caches until the work is done."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Store what waits to be stored; after an error it is left to be computed again."""
        if raised[0] is None:
            self._alone.flush()
            self._shortened.flush()

    def alone(self, records: pa.Table) -> tuple[pa.Table, int]:
        """Edit and measure records by themselves, or find what was measured before.

        Returns:
            CACHED and what the recipe measures beside; how many records were found.
        """

        def compute(places: NDArray[np.int64]) -> pa.Table:
            texts = _rows(records, places)["text"]
            return self._measure(*edit(texts, self._recipe))

        return self._alone.fetch(records["content_id"], compute)

    def count_lines(self, path: Path, counts: LineCounts) -> tuple[int, int]:
        """Add the lines of a partition's records, edited by themselves, to the counts.

        Returns:
            Records; those whose measurements were found.
        """
        records = read_ipc(path, RECORDS)
        table, reused = self.alone(records)
        counts.add(path.stem, *lines_of(table["text"], records["source"]))
        return records.num_rows, reused

    def measured(self, records: pa.Table) -> Measured:
        """Edit and measure records, or find what was measured before."""
        table, reused = self.alone(records)
        ids = records["content_id"]
        if self._common is None:
            return Measured(table, ids, reused)
        texts, lines, word_ratio = take_out(table["text"], records["source"], self._common)
        places = np.flatnonzero(lines)
        if not len(places):
            return Measured(table, ids, reused)
        texts = normalise(texts.take(pa.array(places)), self._recipe.normalise)
        raw = ids.take(pa.array(places))
        new_ids = pa.chunked_array(
            [[_shortened_id(*one) for one in zip(raw.to_pylist(), texts, strict=True)]], pa.string()
        )

        def compute(within: NDArray[np.int64]) -> pa.Table:
            rows = places[within]
            lost = _lost(_rows(table, rows), lines[rows], word_ratio[rows])
            return self._measure_shortened(texts.take(pa.array(within)), lost)

        again, _ = self._shortened.fetch(new_ids, compute)
        return Measured(
            _replaced(table, places, again),
            _replaced(pa.table({"id": ids}), places, pa.table({"id": new_ids}))["id"],
            reused,
        )

    def _measure(self, texts: pa.Array, lost: dict[str, NDArray[np.float64]]) -> pa.Table:
        measured = measure(texts, lost, quality_model(self._recipe)).add_column(
            0, CACHED.field("text"), texts
        )
        for field, numbers in zip(self._own, measure_own(texts, self._recipe), strict=True):
            measured = measured.append_column(field, numbers)
        return measured

    def _measure_shortened(self, texts: pa.Array, lost: dict[str, NDArray[np.float64]]) -> pa.Table:
        """Look for personal data once more: what is only counted may have gone with a line."""
        redacted = self._recipe.pii.kinds("redact")
        texts, found = redact(texts, redacted)
        for kind, column in zip(KINDS, found.T.astype(np.float64), strict=True):
            before = lost[f"pii_{kind}"]
            lost[f"pii_{kind}"] = before + column if kind in redacted else column
        return self._measure(texts, lost)


def _shortened_id(content: str, text: pa.LargeStringScalar) -> str:
    return shortened_id(content, bytes(text.as_buffer()))


def _lost(
    table: pa.Table, lines: NDArray[np.int64], word_ratio: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Add to what texts lost by themselves what they lose to others."""
    lost = {one.name: table[one.name].to_numpy().astype(np.float64) for one in EDITS}
    lost["removed_repeated_lines"] = lines.astype(np.float64)
    before = lost["removed_word_ratio"]
    lost["removed_word_ratio"] = before + (1 - before) * word_ratio
    return lost


def _rows(table: pa.Table, places: NDArray[np.int64]) -> pa.Table:
    return table if len(places) == table.num_rows else table.take(pa.array(places))


def _replaced(table: pa.Table, places: NDArray[np.int64], rows: pa.Table) -> pa.Table:
    """Put other rows at some places of a table."""
    number = np.arange(table.num_rows)
    number[places] = table.num_rows + np.arange(len(places))
    return pa.concat_tables([table, rows.cast(table.schema)]).take(pa.array(number))
