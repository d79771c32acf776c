"""The clean stage: records in, documents and signals out, a decision for each record dropped."""

import hashlib
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from data_contracts.arrow_files import partitions, read_ipc, write_ipc
from data_contracts.checksums import checksum
from data_contracts.errors import NothingLeft
from data_contracts.frozen import Frozen
from data_contracts.progress import Progress, silent
from data_contracts.reasons import Reason
from data_contracts.results import CleanResult, IngestResult, SourceCounts, start_folder
from data_contracts.schemas import DOCUMENTS, RECORDS
from pipeline.clean.common_lines.counting import LineCounts
from pipeline.clean.measuring import Measurer
from pipeline.clean.own import check_parts, decided_by
from pipeline.clean.recipe import CleanRecipe
from pipeline.clean.rules import decide
from pipeline.clean.signals import MODEL_QUALITY, SIGNALS, own_fields
from pipeline.partition_memo import PartitionMemo
from pipeline.partition_pool import map_in_order

TABLES: Final = ("documents", "signals", "decisions")
"""What becomes of a partition of records: a partition of each."""


class CleanInputs(Frozen):
    """What cleaning starts from."""

    ingested: IngestResult
    """The records."""
    declared_languages: dict[str, str] = Field(default_factory=dict)
    """Language that a source declares, by the source's name."""


class _Counts(Frozen):
    """What became of one partition's records."""

    rows_in: dict[str, int]
    """By source."""
    rows_kept: dict[str, int]
    """By source."""
    rows_dropped: dict[str, dict[Reason, int]]
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
    declared language and the recipe only; with `max_documents`, on the set of records too.

    Args:
        inputs: What ingest returned, and what sources declare.
        recipe: What is kept, and in what form.
        output_dir: Becomes `documents/`, `signals/`, `decisions/` and the result.
        cache: Folder of measurements reused per record, and of notes on whole partitions; it must
            stand for this stage's version and `recipe.edits_alone`, and for what measures beside it
            (`pipeline.clean.own.measured_by`), and need not depend on any threshold. None reuses
            nothing.
        progress: Told of records done.

    Raises:
        NothingLeft: No record passed.
        SchemaMismatch: A partition does not have the promised columns.
        RecipeInvalid: A signal or rule of the recipe's own is not there or fails.
        QualityModelInvalid: The quality model is not there, or does not fit.
    """
    began = time.monotonic()
    start_folder(output_dir)
    for table in TABLES:
        (output_dir / table).mkdir()
    check_parts(recipe)
    done, counted = [], None
    total = inputs.ingested.rows_kept
    common, kept = None, cache
    if recipe.line_rules.max_documents is not None:
        kept = cache or output_dir / "measured"  # what is measured at first is taken from there
        common, counted = _common_lines(inputs, recipe, kept, output_dir / "lines", progress)
    progress(0, total, "records")
    memo = PartitionMemo(cache, _decided_by(inputs, recipe, common))
    with Measurer(recipe, kept, common) as measurer:

        def work(path: Path) -> _Counts:
            targets = {table: output_dir / table / path.name for table in TABLES}

            def clean_it() -> dict[str, Any]:
                counts = _clean_partition(path, inputs, recipe, targets, measurer)
                return counts.model_dump(mode="json")

            told, is_known = memo.fetch(checksum(path), targets, clean_it)
            counts = _Counts.model_validate(told)
            if is_known:
                counts = counts.model_copy(update={"rows_reused": sum(counts.rows_in.values())})
            return counts

        rows_done = 0
        for counts in map_in_order(work, partitions(inputs.ingested.records)):
            done.append(counts)
            rows_done += sum(counts.rows_in.values())
            progress(rows_done, total, "records")
    memo.save()
    if cache is None:
        shutil.rmtree(output_dir / "measured", ignore_errors=True)
    sources = _source_counts(inputs.ingested, done)
    result = CleanResult(
        folder=output_dir,
        sources=sources,
        bytes_in=sum(one.bytes_in for one in done),
        bytes_out=sum(one.bytes_out for one in done),
        rows_reused=sum(one.rows_reused for one in done) if counted is None else counted,
        elapsed_seconds=time.monotonic() - began,
    )
    if not result.rows_kept:
        reasons = {reason.value: count for reason, count in result.rows_dropped.items()}
        raise NothingLeft(CleanResult.stage.value, result.rows_in, reasons)
    return result.save()


def _common_lines(
    inputs: CleanInputs, recipe: CleanRecipe, kept: Path, folder: Path, progress: Progress
) -> tuple[NDArray[np.uint64], int]:
    """Edit and measure every record by itself, and find the lines that too many share.

    Returns:
        Those lines; records whose measurements were found.
    """
    folder.mkdir()
    counts = LineCounts(folder)
    done = reused = 0
    total = inputs.ingested.rows_kept
    paths = partitions(inputs.ingested.records)
    with Measurer(recipe, kept) as alone:
        for rows, found in map_in_order(lambda path: alone.count_lines(path, counts), paths):
            progress(done, total, "records", "counting lines")
            done, reused = done + rows, reused + found
    common = counts.common(recipe.line_rules.max_documents or 0)
    shutil.rmtree(folder)
    return common, reused


def _decided_by(
    inputs: CleanInputs, recipe: CleanRecipe, common: NDArray[np.uint64] | None
) -> list[object]:
    """Give all that decides what becomes of a partition, beside its records and the cache's name."""
    lines = None if common is None else hashlib.sha256(common.tobytes()).hexdigest()
    return [decided_by(recipe), inputs.declared_languages, lines]


def _clean_partition(
    path: Path,
    inputs: CleanInputs,
    recipe: CleanRecipe,
    targets: Mapping[str, Path],
    measurer: Measurer,
) -> _Counts:
    records = read_ipc(path, RECORDS)
    measured, content_ids, reused = measurer.measured(records)
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
            content_ids,
            measured["language"],
            quality.cast(pa.float32()),
            measured["text"],
        ],
        schema=DOCUMENTS,
    ).filter(pc.invert(dropped))
    # In one chunk: rows are taken of it many times, each time from all chunks put together.
    write_ipc(targets["documents"], documents.combine_chunks())
    write_ipc(targets["signals"], signals.combine_chunks())
    write_ipc(targets["decisions"], decisions)
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    sources = records["source"].filter(dropped).to_pylist()
    for source, reason in zip(sources, decisions["reason"].to_pylist(), strict=True):
        reasons[source][reason] += 1
    return _Counts(
        rows_in=Counter(records["source"].to_pylist()),
        rows_kept=Counter(documents["source"].to_pylist()),
        rows_dropped=reasons,
        bytes_in=_text_bytes(records["text"]),
        bytes_out=_text_bytes(documents["text"]),
        rows_reused=reused,
    )


def _text_bytes(texts: pa.ChunkedArray) -> int:
    return int(pc.sum(pc.binary_length(texts)).as_py() or 0)


def _source_counts(ingested: IngestResult, done: list[_Counts]) -> dict[str, SourceCounts]:
    return {
        name: SourceCounts(
            rows_in=sum(one.rows_in.get(name, 0) for one in done),
            rows_kept=sum(one.rows_kept.get(name, 0) for one in done),
            rows_dropped=_dropped(name, done),
        )
        for name in ingested.sources
    }


def _dropped(source: str, done: list[_Counts]) -> dict[Reason, int]:
    counts = {
        reason: sum(one.rows_dropped.get(source, {}).get(reason, 0) for one in done)
        for reason in Reason
    }
    return {reason: count for reason, count in counts.items() if count}
