"""Ingest: files of many formats to records, each input record with one row and one id."""

import shutil
import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from data_contracts.errors import FieldMissing, SourceMissing, TooManyUnreadable
from data_contracts.forgotten import NOBODY, ForgetList
from data_contracts.progress import Progress, silent
from data_contracts.reasons import UNREADABLE_REASONS, Reason
from data_contracts.results import IngestResult, SourceCounts, start_folder
from pipeline.ingest.increments import land_all
from pipeline.ingest.landing import LandedFile, LandedSource
from pipeline.ingest.readers.dispatch import field_names
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.tables import SourceTables, Tables, write_source
from pipeline.ingest.units import ReadUnit, Unit, UnitReader, units_of
from pipeline.partition_pool import map_in_order

TOLERATED_UNREADABLE: Final = 3
"""Unreadable records of a source that pass whatever their share, so long as some can be read: one
broken file of eight is no reason to stop."""


def ingest(
    sources: tuple[Source, ...],
    recipe: IngestRecipe,
    output_dir: Path,
    *,
    forgotten: ForgetList = NOBODY,
    increments: Path | None = None,
    cache: Path | None = None,
    progress: Progress = silent,
) -> IngestResult:
    """Read all sources.

    Every input record has exactly one row in `origins/` and a unique record_id. Those that can be
    read and have their key to themselves are in `records/`, all others in `decisions/`. The set of
    records depends only on what the sources hold, not on the order of lines and files.

    Args:
        sources: Where records come from; names differ; local paths are absolute.
        recipe: The limits.
        output_dir: Made, or emptied.
        forgotten: Whose text must not be kept, in the cache either.
        increments: Folder of deliveries kept before (`pipeline.ingest.increments`); None: none are.
        cache: Folder of what was read before; files that have not changed are not read again, and
            their records not written again.
        progress: Told of packed bytes read.

    Raises:
        SourceMissing: A source's path leads to nothing, or its files hold no record.
        FieldMissing: No record of a source has the field that holds text, or the key.
        TooManyUnreadable: A source's share of unreadable records is over the limit.
        SourceChanged: A file went away while it was to be read.
    """
    started = time.monotonic()
    start_folder(output_dir)
    memo = cache / "landing.json" if cache is not None else None
    landed = [land_all(source, memo, increments) for source in sources]
    scratch = output_dir / "reading"
    scratch.mkdir()
    total = sum(one.bytes for one in landed)
    reader = UnitReader(recipe, scratch, cache, progress, total, forgotten)
    tables = Tables.in_folder(output_dir, cache)
    by_name = {source.name: source for source in sources}
    written: dict[str, SourceTables] = {}
    for name, units in groupby(
        _read(sources, landed, recipe, reader), lambda u: u.unit.source.name
    ):
        written[name] = write_source(by_name[name], list(units), tables)
    tables.close()
    for source, one in zip(sources, landed, strict=True):
        _check(source, one, written[source.name], recipe)
    shutil.rmtree(scratch)
    return IngestResult(
        folder=output_dir,
        elapsed_seconds=time.monotonic() - started,
        sources={name: of.counts for name, of in written.items()},
        bytes_in=sum(one.bytes for one in landed),
        bytes_out=sum(of.text_bytes for of in written.values()),
        rows_reused=sum(of.rows_reused for of in written.values()),
        files=sum(len(one.files) for one in landed),
    ).save()


def _read(
    sources: Iterable[Source],
    landed: Iterable[LandedSource],
    recipe: IngestRecipe,
    reader: UnitReader,
) -> Iterator[ReadUnit]:
    """Read the units of all sources, in order of source and path."""
    pairs = list(zip(sources, landed, strict=True))
    if recipe.sample_records is None:
        units = (u for s, one in pairs for u in units_of(s, one.files, recipe))
        yield from _rejoined(map_in_order(reader.read, units), reader)
        return
    for source, one in pairs:
        yield from _sample(units_of(source, one.files, recipe), recipe.sample_records, reader)


def _rejoined(reads: Iterable[ReadUnit], reader: UnitReader) -> Iterator[ReadUnit]:
    """Where a part breaks off, read the rest of its file in one: it may have been cut wrongly."""
    rest: LandedFile | None = None
    for read in reads:
        if rest is not None and read.unit.files == (rest,):
            continue
        rest = None
        if read.may_be_cut_wrong:
            (rest,) = read.unit.files
            yield reader.read(read.unit.to_the_end())
        else:
            yield read


def _sample(units: Iterator[Unit], records: int, reader: UnitReader) -> Iterator[ReadUnit]:
    """Read a source until it has given so many records."""
    left = records
    for unit in units:
        read = reader.read(unit, left)
        yield read
        left -= read.rows
        if not left:
            return


def _check(
    source: Source, landed: LandedSource, written: SourceTables, recipe: IngestRecipe
) -> None:
    """Refuse a source that gave nothing, or too little of what it holds."""
    counts = written.counts
    if not counts.rows_in:
        raise SourceMissing(
            source.name,
            source.path,
            f"its {len(landed.files):,} file(s) hold no record",
            "Put records there, or take the source out of the recipe.",
        )
    unreadable = sum(n for reason, n in counts.rows_dropped.items() if reason in UNREADABLE_REASONS)
    if unreadable == counts.rows_in:
        _check_fields(source, landed, counts, recipe)
    tolerated = 0 if unreadable == counts.rows_in else TOLERATED_UNREADABLE
    allowed = max(recipe.max_unreadable_ratio * counts.rows_in, tolerated)
    if unreadable > allowed:
        raise TooManyUnreadable(
            source.name,
            unreadable,
            counts.rows_in,
            recipe.max_unreadable_ratio,
            written.first_unreadable,
        )


def _check_fields(
    source: Source, landed: LandedSource, counts: SourceCounts, recipe: IngestRecipe
) -> None:
    """Say so when nothing could be read because the recipe names a field that is nowhere."""
    for reason, field in (
        (Reason.NO_TEXT_FIELD, source.text_field),
        (Reason.NO_KEY_FIELD, source.key_field),
    ):
        if field is None or reason not in counts.rows_dropped:
            continue
        for file in (one for one in landed.files if not one.rows):
            found = field_names(file, source, recipe)
            if field in found:
                return
            if found:
                raise FieldMissing(source.name, file.path, field, found)
