"""What is counted in the text of documents: sizes by source, language and split, and copies."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.arrow_files import partitions, read_ipc
from data_contracts.errors import SchemaMismatch
from data_contracts.schemas import DOCUMENTS
from data_contracts.split import SPLITS, Split
from pipeline.validate.copies import Copies, hashes
from pipeline.validate.findings import Findings
from pipeline.validate.kept import NOT_KEPT, Kept

_TRAIN: Final = SPLITS.index(Split.TRAIN)
_SIZES: Final = ("documents", "characters", "text_bytes")


class Lengths(NamedTuple):
    """How long each document is that passed clean: 11 bytes per document."""

    source: NDArray[np.uint16]
    """uint16 (documents,), index into the names of sources."""
    kept: NDArray[np.bool_]
    """bool (documents,), whether it is in the dataset."""
    characters: NDArray[np.float64]
    """float64 (documents,), Unicode code points; NaN: there is no text."""


class DocumentCounts(NamedTuple):
    """What was counted in documents."""

    sizes: pl.DataFrame
    """source, language, split, kept, documents, characters, text_bytes (int64): one row per
    combination. The split is null of what is not kept, and of what lies in none."""
    lengths: Lengths
    """Each document's length."""
    repeated: int
    """Kept documents whose text another kept document has, the first of each not counted."""
    held_out_copies: int
    """Training documents whose text a held-out document has."""


def count_documents(
    folder: Path, kept: Kept, sources: list[str], found: Path, cache: Path | None
) -> DocumentCounts:
    """Count in one pass over the texts, a partition at a time.

    Args:
        folder: Of DOCUMENTS: those that passed clean.
        kept: Which of them are in the dataset.
        sources: Names of all sources.
        found: Receives the lengths and hashes of texts.
        cache: As of `Findings`.

    Raises:
        SchemaMismatch: A partition has other columns, or a document is of another source.
    """
    sizes, lengths = [_sizes(_NOTHING)], [_lengths(_NOTHING, sources)]
    with Copies() as copies:
        for measured in _measured(
            folder, kept, Findings(found, cache, _look, ["texts", _hashing()])
        ):
            sizes.append(_sizes(measured))
            lengths.append(_lengths(measured, sources))
            held = measured.filter(pl.col("split") != NOT_KEPT)
            copies.add(
                held["head"].to_numpy(),
                held["tail"].to_numpy(),
                (held["split"] != _TRAIN).to_numpy(),
            )
        repeated = copies.repeated()
        held_out_copies = copies.copies_of_marked() if repeated else 0
    return DocumentCounts(
        sizes=_named(pl.concat(sizes)),
        lengths=Lengths(*map(np.concatenate, zip(*lengths, strict=True))),
        repeated=repeated,
        held_out_copies=held_out_copies,
    )


def source_numbers(names: pa.Array | pa.ChunkedArray, sources: list[str]) -> NDArray[np.uint16]:
    """Give each name's place among all.

    Raises:
        SchemaMismatch: One is not among them.
    """
    numbers = pc.index_in(names, value_set=pa.array(sources, pa.string()))
    if numbers.null_count:
        raise SchemaMismatch("sources", f"a record is of none of {sources}")
    places: NDArray[np.uint16] = numbers.to_numpy().astype(np.uint16)
    return places


def _measured(folder: Path, kept: Kept, findings: Findings) -> Iterator[pl.DataFrame]:
    """Measure each partition: source, language, split (a number), lengths and hashes of the text."""
    for path in partitions(folder):
        frame = pl.DataFrame(read_ipc(path, DOCUMENTS).select(["source", "language"]))
        texts = pl.DataFrame(findings.of(path))
        yield frame.with_columns(split=pl.Series(kept.splits_in(path))).hstack(texts)
    findings.save()


def _hashing() -> list[list[int]]:
    """Tell Polars' builds apart: only within one do hashes stay what they are."""
    samples = pl.DataFrame({"text": ["", "a", "a" * 50, "a" * 500]})
    return [column.to_list() for column in samples.select(**hashes(pl.col("text")))]


def _look(partition: Path) -> pa.Table:
    """Measure the texts of a partition."""
    text = pl.col("text")
    texts = pl.DataFrame(read_ipc(partition, DOCUMENTS).select(["text"]))
    return texts.select(
        characters=text.str.len_chars(), text_bytes=text.str.len_bytes(), **hashes(text)
    ).to_arrow()


_NOTHING: Final = pl.DataFrame(
    schema={
        "source": pl.String,
        "language": pl.String,
        "split": pl.Int8,
        "characters": pl.UInt32,
        "text_bytes": pl.UInt32,
    }
)


def _sizes(measured: pl.DataFrame) -> pl.DataFrame:
    return measured.group_by("source", "language", "split").agg(
        documents=pl.len().cast(pl.Int64),
        characters=pl.col("characters").cast(pl.Int64).sum(),
        text_bytes=pl.col("text_bytes").cast(pl.Int64).sum(),
    )


def _named(sizes: pl.DataFrame) -> pl.DataFrame:
    """Add up the partitions, and call the splits by their names."""
    names = {number: str(split) for number, split in enumerate(SPLITS)}
    return (
        sizes.group_by("source", "language", "split")
        .agg(pl.col(*_SIZES).sum())
        .with_columns(
            pl.col("split").replace_strict(names, default=None, return_dtype=pl.String),
            kept=pl.col("split") != NOT_KEPT,
        )
        .sort("source", "language", "split", nulls_last=True)
    )


def _lengths(measured: pl.DataFrame, sources: list[str]) -> Lengths:
    return Lengths(
        source_numbers(measured["source"].to_arrow().cast(pa.string()), sources),
        (measured["split"] != NOT_KEPT).to_numpy(),
        measured["characters"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
    )
