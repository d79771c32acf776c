"""CSV and TSV: a header line names the columns, each row is a record."""

import csv
import itertools
from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from data_contracts.reasons import Reason
from pipeline.ingest.charset import in_utf8
from pipeline.ingest.decompress import BrokenStream
from pipeline.ingest.domains import DomainList
from pipeline.ingest.fields import FieldMap
from pipeline.ingest.readers.jsonl import lines_of
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.rows import RowCollector

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_DELIMITERS: Final = ",;\t|"
_BAD_BYTES: Final = "surrogateescape"

csv.field_size_limit((1 << 30) + 1)  # one for the whole process; rows are measured here instead


class _TooLarge(Exception):
    """A row, or a quotation that never ends, is over the limit."""

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length


class _Lines:
    """Lines for the `csv` module, decoded, that stop a row at the limit and can go on after it."""

    def __init__(self, lines: Iterator[bytes | int], max_bytes: int) -> None:
        self._lines, self._max_bytes = lines, max_bytes
        self.row_bytes = 0
        """Bytes since this was last set to 0."""

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        length = line if isinstance(line, int) else len(line)
        self.row_bytes += length
        if isinstance(line, int) or self.row_bytes > self._max_bytes:
            raise _TooLarge(self.row_bytes)
        return line.decode("utf-8", _BAD_BYTES) + "\n"


def read_csv(
    pieces: Iterator[bytes], source: Source, recipe: IngestRecipe, *, is_tsv: bool
) -> Iterator[pa.Table]:
    """Read the rows of a file.

    CSV is read as RFC 4180 describes it, quoted line breaks included, its delimiter being that of
    comma, semicolon, tab and bar which the header has most often. TSV has no quotation (IANA,
    text/tab-separated-values).

    Args:
        pieces: The file's unpacked bytes, in UTF-8 or what can be told to be in another encoding.
        source: Names the columns.
        recipe: Limits the length of a row.
        is_tsv: Which of the two.

    Yields:
        Batches of ROWS; a position is the number of a row after the header. Blank lines are no rows.
    """
    rows = RowCollector(DomainList(recipe.blocked_domains))
    fields = FieldMap(source, recipe)
    position = 0
    try:
        lines, header = _begin(pieces, recipe, is_tsv=is_tsv)
        reader = _reader(lines, header)
        names = _row(reader, lines)
        while names is not None:
            row = _row(reader, lines)
            if row is None:
                break
            if row == []:
                continue
            position += 1
            if isinstance(row, int):
                rows.fail(position, Reason.TOO_LARGE, row, recipe.max_record_bytes)
            elif isinstance(names, int) or len(row) != len(names):
                columns = 0 if isinstance(names, int) else len(names)
                rows.fail(position, Reason.BAD_FORMAT, len(row), columns)
            else:
                fields.add(rows, position, dict(zip(names, row, strict=True)))
            yield from rows.batches()
    except BrokenStream as fault:
        rows.fail_with(position + 1, fault)
    yield from rows.rest()


def fields_of_csv(pieces: Iterator[bytes], recipe: IngestRecipe, *, is_tsv: bool) -> list[str]:
    """Name a file's columns."""
    try:
        lines, header = _begin(pieces, recipe, is_tsv=is_tsv)
        names = _row(_reader(lines, header), lines)
    except BrokenStream:
        return []
    return names if isinstance(names, list) else []


def _begin(
    pieces: Iterator[bytes], recipe: IngestRecipe, *, is_tsv: bool
) -> tuple[_Lines, str | None]:
    """Look at the header: (all lines, the delimiter; None: no quotation, and tabs)."""
    lines = lines_of(in_utf8(pieces), recipe.max_record_bytes)
    first = next(lines, b"")
    if isinstance(first, bytes):
        first = first.removeprefix(_BYTE_ORDER_MARK)
    whole = _Lines(itertools.chain([first], lines), recipe.max_record_bytes)
    if is_tsv or isinstance(first, int):
        return whole, None
    text = first.decode("utf-8", _BAD_BYTES)
    return whole, max(_DELIMITERS, key=text.count)


def _reader(lines: _Lines, delimiter: str | None) -> Iterator[list[str]]:
    if delimiter is None:
        return csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=delimiter)


def _row(reader: Iterator[list[str]], lines: _Lines) -> list[str] | int | None:
    """Read a row; the length of one over the limit, [] for a blank line, None at the end."""
    lines.row_bytes = 0
    try:
        return next(reader, None)
    except _TooLarge as error:
        return error.length
    except csv.Error:  # a line break outside quotation where none may be
        return [""]
