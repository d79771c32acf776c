"""The clean stage: records in, documents and signals out, a decision for each record dropped."""

import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from data_contracts.arrow_files import partitions, read_ipc, write_ipc
from data_contracts.errors import NothingLeft
from data_contracts.frozen import Frozen
from data_contracts.progress import Progress, silent
from data_contracts.reasons import Reason
from data_contracts.results import CleanResult, IngestResult, SourceCounts, start_folder
from data_contracts.schemas import DOCUMENTS, RECORDS
from pipeline.clean.edits import edit
from pipeline.clean.own import check_parts, measure_own, quality_model
from pipeline.clean.recipe import CleanRecipe
from pipeline.clean.rules import decide
from pipeline.clean.signals import MEASURED, MODEL_QUALITY, SIGNALS, measure, own_fields
from pipeline.partition_pool import map_in_order
from pipeline.record_cache import RecordCache

CACHED = pa.schema([pa.field("text", pa.large_string(), nullable=False), *MEASURED])
"""What is reused per record: the text as it is kept and all that was measured on it, own signals apart."""


class CleanInputs(Frozen):
    """What cleaning starts from."""

    ingested: IngestResult
    """The records."""
    declared_languages: dict[str, str] = Field(default_factory=dict)
    """Language that a source declares, by the source's name."""


class _Counts(NamedTuple):
    """What became of one partition's records."""

    rows_in: Counter[str]
    rows_kept: Counter[str]
    rows_dropped: Counter[tuple[str, str]]
    """By source and first reason."""
    bytes_in: int
    bytes_out: int
    rows_reused: int


def clean(
    inputs: CleanInputs,
    recipe: CleanRecipe,
    output_dir: Path,
    *,
    cache: Path | None = None,
    progress: Progress = silent,
) -> CleanResult:
    """Edit, measure and judge every record.

    Partitions are worked on in threads; the outcome for a record depends on its text, its source's
    declared language and the recipe only.

    Args:
        inputs: What ingest returned, and what sources declare.
        recipe: What is kept, and in what form.
        output_dir: Becomes `documents/`, `signals/`, `decisions/` and the result.
        cache: Folder of measurements reused per record; it must stand for this stage's version and
            `recipe.edits`, and for what measures beside it (`pipeline.clean.own.measured_by`), and
            need not depend on any threshold. None reuses nothing.
        progress: Told of records done.

    Raises:
        NothingLeft: No record passed.
        SchemaMismatch: A partition does not have the promised columns.
        RecipeInvalid: A signal or rule of the recipe's own is not there or fails.
        QualityModelInvalid: The quality model is not there, or does not fit.
    """
    began = time.monotonic()
    start_folder(output_dir)
    for folder in ("documents", "signals", "decisions"):
        (output_dir / folder).mkdir()
    check_parts(recipe)
    columns = pa.schema([*CACHED, *own_fields(recipe)])
    total = inputs.ingested.rows_kept
    done = []
    progress(0, total, "records")
    with RecordCache(cache and cache / "measurements", columns) as measurements:

        def work(path: Path) -> _Counts:
            return _clean_partition(path, inputs, recipe, output_dir, measurements)

        for counts in map_in_order(work, partitions(inputs.ingested.records)):
            done.append(counts)
            progress(sum(one.rows_in.total() for one in done), total, "records")
    sources = _source_counts(inputs.ingested, done)
    result = CleanResult(
        folder=output_dir,
        sources=sources,
        bytes_in=sum(one.bytes_in for one in done),
        bytes_out=sum(one.bytes_out for one in done),
        rows_reused=sum(one.rows_reused for one in done),
        elapsed_seconds=time.monotonic() - began,
    )
    if not result.rows_kept:
        reasons = {reason.value: count for reason, count in result.rows_dropped.items()}
        raise NothingLeft(CleanResult.stage.value, result.rows_in, reasons)
    return result.save()


def _clean_partition(
    path: Path, inputs: CleanInputs, recipe: CleanRecipe, output_dir: Path, cache: RecordCache
) -> _Counts:
    records = read_ipc(path, RECORDS)
    measured, reused = _measured(records, recipe, cache)
    schema = pa.schema([*SIGNALS, *own_fields(recipe)])
    numbers = measured.select(schema.names[2:]).columns
    signals = pa.table([records["record_id"], records["source"], *numbers], schema=schema)
    quality = measured["quality" if recipe.quality_model is None else MODEL_QUALITY.name]
    decisions = decide(signals, recipe, inputs.declared_languages)
    dropped = pc.is_in(records["record_id"], value_set=decisions["record_id"].combine_chunks())
    documents = pa.table(
        [
            records["record_id"],
            records["source"],
            records["content_id"],
            measured["language"],
            quality.cast(pa.float32()),
            measured["text"],
        ],
        schema=DOCUMENTS,
    ).filter(pc.invert(dropped))
    write_ipc(output_dir / "documents" / path.name, documents)
    write_ipc(output_dir / "signals" / path.name, signals)
    write_ipc(output_dir / "decisions" / path.name, decisions)
    sources = records["source"].filter(dropped).to_pylist()
    return _Counts(
        rows_in=Counter(records["source"].to_pylist()),
        rows_kept=Counter(documents["source"].to_pylist()),
        rows_dropped=Counter(zip(sources, decisions["reason"].to_pylist(), strict=True)),
        bytes_in=_text_bytes(records["text"]),
        bytes_out=_text_bytes(documents["text"]),
        rows_reused=reused,
    )


def _measured(records: pa.Table, recipe: CleanRecipe, cache: RecordCache) -> tuple[pa.Table, int]:
    """Edit and measure records, or find what was measured before.

    Returns:
        The columns of the cache, one row per record; how many of them were found.
    """
    found = cache.find(records["content_id"])
    missing = np.flatnonzero(found < 0)
    if not len(missing):
        return cache.take(found), len(found)
    news = records if len(missing) == len(found) else records.take(pa.array(missing))
    texts, lost = edit(news["text"], recipe)
    measured = measure(texts, lost, quality_model(recipe)).add_column(
        0, CACHED.field("text"), texts
    )
    own = [field for field in own_fields(recipe) if field != MODEL_QUALITY]
    for field, numbers in zip(own, measure_own(texts, recipe), strict=True):
        measured = measured.append_column(field, numbers)
    cache.add(news["content_id"].combine_chunks(), measured)
    if news is records:
        return measured, 0
    together = pa.concat_tables([cache.take(found[found >= 0]), measured])
    place = np.empty(len(found), np.int64)
    place[np.append(np.flatnonzero(found >= 0), missing)] = np.arange(len(found))
    return together.take(pa.array(place)), len(found) - len(missing)


def _text_bytes(texts: pa.ChunkedArray) -> int:
    return int(pc.sum(pc.binary_length(texts)).as_py() or 0)


def _source_counts(ingested: IngestResult, done: list[_Counts]) -> dict[str, SourceCounts]:
    rows_in, rows_kept = Counter[str](), Counter[str]()
    rows_dropped = Counter[tuple[str, str]]()
    for counts in done:
        rows_in += counts.rows_in
        rows_kept += counts.rows_kept
        rows_dropped += counts.rows_dropped
    return {
        name: SourceCounts(
            rows_in=rows_in[name],
            rows_kept=rows_kept[name],
            rows_dropped={
                reason: rows_dropped[name, reason.value]
                for reason in Reason
                if rows_dropped[name, reason.value]
            },
        )
        for name in ingested.sources
    }
