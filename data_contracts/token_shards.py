"""Token shards: what pipeline and model promise each other about tokens/<split>/.

- `tokens-00000.arrow`, `tokens-00001.arrow`, ...: one stream of token ids, cut after every
  `SHARD_BYTES` bytes wherever that falls, also inside a document. Each is an uncompressed Arrow IPC
  *file* of one column `token` (uint16 when the vocabulary has at most 65,536 entries, else uint32)
  in one record batch, so that its buffer maps into memory as one array and nothing is copied. An
  empty split has one file of no rows.
- `spans.arrow`: TOKEN_SPANS, one row per document in the order of the stream; `start` counts
  across files. Each document ends with the token of `END_OF_TEXT`, which never stands inside one:
  text that spells it out is encoded as ordinary text.

tokens/train-repeats/, where the recipe repeats documents, is a stream of the same kind: the further
copies of training documents, each with a span. It belongs to no split; training reads it after train.
"""

import os
from bisect import bisect_right
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.arrow_files import read_ipc
from data_contracts.errors import VersionCorrupt
from data_contracts.schemas import TOKEN_SPANS, check_schema
from data_contracts.split import Split

END_OF_TEXT: Final = "<|endoftext|>"
"""The special token that ends each document; id 0 in tokenizers learned by the shard stage."""

REPEATS: Final = "train-repeats"
"""Folder of the further copies of training documents, beside the splits."""

SPANS_FILE: Final = "spans.arrow"
SHARD_BYTES: Final = 64 * 1024 * 1024
"""Bytes of token ids in every file but the last."""

SPAN_ROWS: Final = 1 << 16
"""Rows in every batch of the span table but the last."""

Tokens = NDArray[np.uint16 | np.uint32]
"""Token ids, end to end."""


def token_dtype(vocabulary_size: int) -> np.dtype[np.uint16 | np.uint32]:
    """Choose the narrowest type for the ids of a vocabulary of this many entries."""
    return np.dtype(np.uint16) if vocabulary_size <= 1 << 16 else np.dtype(np.uint32)


def shard_name(number: int) -> str:
    """Name the token file of this number."""
    return f"tokens-{number:05d}.arrow"


class TokenShards:
    """The token stream of one split, read through a memory map.

    Safe to read from several threads; pickling sends the folder, not the tokens.
    """

    def __init__(self, folder: Path, files: list[Tokens], after: Self | None = None) -> None:
        """Join mapped files to one stream; use `open`."""
        self.folder, self._after = folder, after
        self.files: list[Tokens] = files + (after.files if after else [])
        self._starts = [0, *accumulate(len(tokens) for tokens in self.files)]

    @classmethod
    def open_for_training(cls, tokens: Path) -> Self:
        """Map what training reads: the train split, then the further copies of its documents.

        Args:
            tokens: tokens/ of a dataset version.

        Raises:
            VersionCorrupt: As `open`.
        """
        repeats = tokens / REPEATS
        return cls.open(tokens / Split.TRAIN, repeats if repeats.exists() else None)

    @classmethod
    def open(cls, folder: Path, after: Path | None = None) -> Self:
        """Map a split's token files (tokens/train, for instance) into memory.

        Args:
            folder: The split's.
            after: Another folder whose stream follows; None: nothing does.

        Raises:
            VersionCorrupt: A file is missing, or is not what this module promises.
        """
        paths = sorted(folder.glob("tokens-*.arrow"))
        expected = [folder / shard_name(number) for number in range(max(len(paths), 1))]
        for path, wanted in zip(paths or [folder], expected, strict=True):
            if path != wanted:
                raise VersionCorrupt(wanted, "the token file is missing")
        files = [_mapped(path) for path in paths]
        for path, tokens in zip(paths, files, strict=True):
            if tokens.dtype != files[0].dtype:
                raise VersionCorrupt(path, f"holds {tokens.dtype}, others {files[0].dtype}")
        shards = cls(folder, files)
        shards._check_spans()
        if after is None:
            return shards
        follows = cls.open(after)
        if follows.dtype != shards.dtype:
            raise VersionCorrupt(after, f"holds {follows.dtype}, {folder.name} {shards.dtype}")
        return cls(folder, files, follows)

    def __reduce__(self) -> tuple[object, tuple[Path, Path | None]]:
        """Travel to another process by folder: each maps the files itself."""
        return type(self).open, (self.folder, self._after.folder if self._after else None)

    def __len__(self) -> int:
        """Tokens in the split."""
        return self._starts[-1]

    @property
    def dtype(self) -> np.dtype[np.uint16 | np.uint32]:
        """Type of the ids."""
        return self.files[0].dtype

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens in each file."""
        return tuple(len(tokens) for tokens in self.files)

    def read(self, start: int, count: int) -> Tokens:
        """Read consecutive tokens.

        Args:
            start: First token, counted across files from 0.
            count: How many, 0 or more.

        Returns:
            uint16 or uint32 (count,), read-only: a view of the mapped file when the range lies in
            one file, else a copy.

        Raises:
            IndexError: The range leaves the split.
        """
        if start < 0 or count < 0 or start + count > len(self):
            msg = f"tokens {start:,} to {start + count:,} of {len(self):,} in {self.folder}"
            raise IndexError(msg)
        first = min(bisect_right(self._starts, start), len(self.files)) - 1
        offset = start - self._starts[first]
        view = self.files[first][offset : offset + count]
        return view if len(view) == count else self._across(first, offset, count)

    def spans(self) -> pa.Table:
        """Map the span table (TOKEN_SPANS): one row per document, in the order of the stream."""
        own = read_ipc(self.folder / SPANS_FILE, TOKEN_SPANS)
        if self._after is None:
            return own
        later = self._after.spans()
        starts = pc.add(later["start"], len(self) - len(self._after))
        place = TOKEN_SPANS.get_field_index("start")
        later = later.set_column(place, TOKEN_SPANS.field(place), starts)
        return pa.concat_tables([own, later])

    def _across(self, first: int, offset: int, count: int) -> Tokens:
        parts: list[Tokens] = []
        while count:
            part = self.files[first][offset : offset + count]
            parts.append(part)
            count -= len(part)
            first, offset = first + 1, 0
        joined = np.concatenate(parts)
        joined.flags.writeable = False
        return joined

    def _check_spans(self) -> None:
        path = self.folder / SPANS_FILE
        if not path.exists():
            raise VersionCorrupt(path, "the span table is missing")
        spans = self.spans()
        last = spans.slice(max(spans.num_rows - 1, 0)).to_pylist()
        end = last[0]["start"] + last[0]["tokens"] if last else 0
        if end != len(self):
            raise VersionCorrupt(path, f"spans end at token {end:,}, files at {len(self):,}")


class TokenShardWriter:
    """Writes one split's token files and span table, holding at most two files' tokens.

    One is collected while the one before is written.

    The bytes depend on the documents and their order, not on how many are handed over at a time.
    Use as a context manager: the files are complete when it ends without an error.
    """

    def __init__(self, folder: Path, vocabulary_size: int, shard_bytes: int = SHARD_BYTES) -> None:
        """Start a split.

        Args:
            folder: Where the files go, made if need be.
            vocabulary_size: Entries of the vocabulary: decides the type of the ids.
            shard_bytes: Size at which a file is cut, at least one token.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.tokens = 0
        self._dtype = token_dtype(vocabulary_size)
        self._limit = max(shard_bytes // self._dtype.itemsize, 1)
        self._pending: list[Tokens] = []
        self._pending_tokens = 0
        self._files = 0
        self._beside = ThreadPoolExecutor(1)
        self._being_written: Future[None] | None = None
        self._rows = TOKEN_SPANS.empty_table()
        self._sink = pa.OSFile(str(folder / f"{SPANS_FILE}.partial"), "wb")
        self._spans = pa.ipc.new_file(self._sink, TOKEN_SPANS)

    def __enter__(self) -> Self:
        """Start writing."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what is left and give the span table its name."""
        try:
            if kind is None:
                self._write_spans(self._rows.num_rows)
                if self._pending_tokens or not self._files:
                    self._write_tokens()
                self._wait()
        finally:
            self._beside.shutdown()
            self._spans.close()
            self._sink.close()
        if kind is None:
            os.replace(self.folder / f"{SPANS_FILE}.partial", self.folder / SPANS_FILE)

    def add(self, tokens: Tokens, documents: pa.RecordBatch | pa.Table) -> None:
        """Append documents.

        Args:
            tokens: Ids of the documents end to end, each with its end mark.
            documents: One row per document: TOKEN_SPANS without `start`. Shared buffers are kept
            until `SPAN_ROWS` rows have come together.
        """
        counts = documents["tokens"].to_numpy()
        assert counts.sum(dtype=np.int64) == len(tokens), "spans cover the tokens"  # noqa: S101
        starts = self.tokens + np.cumsum(counts, dtype=np.int64) - counts
        columns = [
            pa.array(starts) if field.name == "start" else documents[field.name]
            for field in TOKEN_SPANS
        ]
        rows = pa.Table.from_arrays(columns, schema=TOKEN_SPANS)
        self._rows = pa.concat_tables([self._rows, rows])
        while self._rows.num_rows >= SPAN_ROWS:
            self._write_spans(SPAN_ROWS)
        self.tokens += len(tokens)
        while len(tokens):
            part = tokens[: self._limit - self._pending_tokens]
            tokens = tokens[len(part) :]
            self._pending.append(part.astype(self._dtype, copy=False))
            self._pending_tokens += len(part)
            if self._pending_tokens == self._limit:
                self._write_tokens()

    def _write_spans(self, count: int) -> None:
        rows, self._rows = self._rows.slice(0, count), self._rows.slice(count)
        for batch in rows.combine_chunks().to_batches():
            self._spans.write_batch(batch)

    def _write_tokens(self) -> None:
        self._wait()
        path, parts = self.folder / shard_name(self._files), self._pending
        self._being_written = self._beside.submit(_write_shard, path, parts, self._dtype)
        self._files += 1
        self._pending, self._pending_tokens = [], 0

    def _wait(self) -> None:
        if self._being_written is not None:
            self._being_written.result()


def _write_shard(path: Path, parts: list[Tokens], dtype: np.dtype[Any]) -> None:
    joined = np.concatenate([np.empty(0, dtype), *parts])
    schema = pa.schema([pa.field("token", pa.from_numpy_dtype(dtype), nullable=False)])
    batch = pa.RecordBatch.from_arrays([pa.array(joined)], schema=schema)
    partial = path.with_name(path.name + ".partial")
    with pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(batch)
    os.replace(partial, path)


def _mapped(path: Path) -> Tokens:
    try:
        with pa.memory_map(str(path)) as source:
            reader = pa.ipc.open_file(source)
            batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
            schema = reader.schema
    except (pa.ArrowInvalid, OSError) as error:
        raise VersionCorrupt(path, f"not an Arrow file ({error})") from error
    kind = schema.field(0).type if len(schema) == 1 else None
    if kind not in (pa.uint16(), pa.uint32()) or len(batches) != 1:
        raise VersionCorrupt(path, "not one batch of one column of uint16 or uint32")
    check_schema(str(path), schema, pa.schema([("token", kind)]))
    tokens: Tokens = batches[0].column(0).to_numpy(zero_copy_only=True)
    return tokens
