"""What a reader gives: batches of rows, one for each record in a file, readable or not."""

import itertools
from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from data_contracts.identity import content_id
from data_contracts.reasons import Reason
from pipeline.ingest.decompress import BrokenStream
from pipeline.ingest.domains import DomainList

ROWS: Final = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),  # 1-based line, row or record number
        pa.field("key", pa.string()),  # null: the file names none
        pa.field("content_id", pa.string()),  # null: unreadable
        pa.field("reason", pa.string()),  # why it is not handed on; null: it is
        pa.field("origin", pa.string()),  # which of several the reason is about, such as a domain
        pa.field("value", pa.float64()),  # what was measured, and its limit, where there are any
        pa.field("threshold", pa.float64()),
        pa.field("member", pa.string()),  # file in an archive that it lies in; null: in none
        pa.field("metadata", pa.string()),  # JSON object of the fields to keep; null: none is there
        pa.field("text", pa.large_string()),  # null: not handed on
    ]
)
"""One row per record of a file, in the file's order."""

BATCH_BYTES: Final = 4 * 1024 * 1024
"""Text bytes after which a reader hands on a batch."""
_BATCH_ROWS: Final = 65_536


class RowCollector:
    """Collects rows one by one and turns them into tables."""

    def __init__(self, blocked: DomainList | None = None) -> None:
        """Start with no rows.

        Args:
            blocked: Domains whose records are not handed on.
        """
        self._blocked = blocked
        self._origins: dict[int, str] = {}
        self._positions: list[int] = []
        self._keys: list[str | None] = []
        self._texts: list[bytes | None] = []
        self._metadata: dict[int, str] = {}
        self._reasons: list[str | None] = []
        self._limits: dict[int, tuple[float | None, float | None]] = {}
        self._bytes = 0

    def add(
        self,
        position: int,
        text: bytes,
        key: str | None = None,
        url: str | None = None,
        metadata: str | None = None,
    ) -> None:
        """Add a record.

        Args:
            position: 1-based number within the file.
            text: Valid UTF-8.
            key: What the file calls it.
            url: Its address, if it has one.
            metadata: A JSON object of what is kept beside the text.
        """
        if metadata is not None:
            self._metadata[len(self._positions)] = metadata
        if self._blocked and url is not None:
            domain = self._blocked.match(url)
            if domain is not None:
                self._origins[len(self._positions)] = domain
        self._positions.append(position)
        self._keys.append(key)
        self._texts.append(text)
        self._reasons.append(None)
        self._bytes += len(text)

    def fail(
        self,
        position: int,
        reason: Reason,
        value: float | None = None,
        threshold: float | None = None,
    ) -> None:
        """Add a record that cannot be read, with the measured value and its limit, if any."""
        if value is not None or threshold is not None:
            self._limits[len(self._positions)] = (value, threshold)
        self._positions.append(position)
        self._keys.append(None)
        self._texts.append(None)
        self._reasons.append(reason.value)

    def fail_with(self, position: int, fault: BrokenStream) -> None:
        """Add the row that stands for the rest of a broken file."""
        self.fail(position, fault.reason, fault.value, fault.threshold)

    @property
    def is_full(self) -> bool:
        """Whether enough rows for a batch have come together."""
        return self._bytes >= BATCH_BYTES or len(self._positions) >= _BATCH_ROWS

    def batches(self) -> Iterator[pa.Table]:
        """Yield a batch when enough rows have come together."""
        if self.is_full:
            yield from self.rest()

    def rest(self) -> Iterator[pa.Table]:
        """Yield what is left, if anything, and start anew."""
        if self._positions:
            yield self._table()
            self.__init__(self._blocked)  # type: ignore[misc]

    def _table(self) -> pa.Table:
        texts = pa.array(self._texts, pa.large_binary())
        metadata: list[str | None] = [None] * len(self._positions)
        for row, said in self._metadata.items():
            metadata[row] = said
        values: list[float | None] = [None] * len(self._positions)
        thresholds = values.copy()
        for row, (value, threshold) in self._limits.items():
            values[row], thresholds[row] = value, threshold
        ids = content_ids(texts)
        origins: list[str | None] = [None] * len(self._positions)
        if self._origins:  # known by content, but handed on without it
            for row, domain in self._origins.items():
                origins[row], self._reasons[row] = domain, Reason.BLOCKED_DOMAIN.value
                self._texts[row] = None
            texts = pa.array(self._texts, pa.large_binary())
        return pa.table(
            [
                pa.array(self._positions, pa.int64()),
                pa.array(self._keys, pa.string()),
                ids,
                pa.array(self._reasons, pa.string()),
                pa.array(origins, pa.string()),
                pa.array(values, pa.float64()),
                pa.array(thresholds, pa.float64()),
                pa.nulls(len(self._positions), pa.string()),
                pa.array(metadata, pa.string()),
                as_text(texts),
            ],
            schema=ROWS,
        )


def as_text(valid: pa.Array) -> pa.Array:
    """View bytes that are known to be UTF-8 as text, copying and checking nothing.

    Args:
        valid: large_binary.
    """
    return valid.view(pa.large_string())


def content_ids(texts: pa.Array) -> pa.Array:
    """Identify texts by content.

    Args:
        texts: large_binary, may be sliced; null: unreadable.

    Returns:
        string, null where the text is.
    """
    if not len(texts):
        return pa.array([], pa.string())
    offsets = memoryview(texts.buffers()[1]).cast("q")
    ends = offsets[texts.offset : texts.offset + len(texts) + 1].tolist()
    data = memoryview(texts.buffers()[2] or b"")
    ids: list[str | None] = [content_id(data[start:end]) for start, end in itertools.pairwise(ends)]
    if texts.null_count:
        valid = texts.is_valid().to_pylist()
        ids = [one if ok else None for one, ok in zip(ids, valid, strict=True)]
    return pa.array(ids, pa.string())
