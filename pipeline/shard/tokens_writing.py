"""tokens/: made in a thread of its own of documents as they come, while others are still being written."""

import queue
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from data_contracts.split import SPLITS
from data_contracts.token_shards import TokenShardWriter
from pipeline.record_cache import RecordCache
from pipeline.shard.placements import Placed
from pipeline.shard.tokenizer import Encoder
from pipeline.shard.tokens import Tokenised, tokenise

WAITING: Final = 4
"""Batches of documents that wait to be looked at, at most."""
_LOOKED_AFTER: Final = 0.2
"""Seconds after which one that waits for room looks whether there is still somebody who makes it."""


class _Abandoned(Exception):
    """The documents broke off."""


class TokensWriting:
    """A context manager: tokens are complete when it ends without an error.

    Memory: batches that wait, those worked on, and 128 MB of tokens per split.
    """

    def __init__(
        self,
        folder: Path,
        encoder: Encoder,
        cache: RecordCache,
        contents: NDArray[np.uint64],
        counted: Callable[[Tokenised], None],
    ) -> None:
        """Start with nothing.

        Args:
            folder: Receives a folder for each split.
            encoder: The tokenizer.
            cache: Tokens of records seen before.
            contents: As of `tokenise`.
            counted: Told of all that is written, in another thread.
        """
        self._folder, self._encoder, self._cache = folder, encoder, cache
        self._contents, self._counted = contents, counted
        self._queue: queue.Queue[Placed | _Abandoned | None] = queue.Queue(WAITING)
        self._beside = ThreadPoolExecutor(1)
        self.tokens: dict[str, int] = {}
        """By split; there at the end."""

    def __enter__(self) -> Self:
        """Begin to take documents."""
        self._writing: Future[None] = self._beside.submit(self._write)
        return self

    def add(self, documents: Placed) -> None:
        """Take documents; those of one split come in the order in which they lie.

        Raises:
            OSError: What came before could not be written.
        """
        self._put(documents)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for what was added; after an error nothing is finished."""
        with self._beside:
            if kind is None:
                self._put(None)
                self._writing.result()
                return
            with suppress(queue.Empty):
                while True:
                    self._queue.get_nowait()
            with suppress(queue.Full):  # then nobody is there to take it
                self._queue.put(_Abandoned(), timeout=_LOOKED_AFTER)
            self._writing.exception()

    def _put(self, item: Placed | None) -> None:
        while True:
            if self._writing.done():
                self._writing.result()  # it ended by an error only
            with suppress(queue.Full):
                return self._queue.put(item, timeout=_LOOKED_AFTER)

    def _write(self) -> None:
        vocabulary = self._encoder.vocabulary_size
        with ExitStack() as stack:
            writers = [
                stack.enter_context(TokenShardWriter(self._folder / split, vocabulary))
                for split in SPLITS
            ]
            for batch in tokenise(self._received(), self._contents, self._encoder, self._cache):
                writers[batch.split].add(batch.tokens, batch.spans)
                self._counted(batch)
        self.tokens = {
            str(split): writer.tokens for split, writer in zip(SPLITS, writers, strict=True)
        }

    def _received(self) -> Iterator[Placed]:
        while (item := self._queue.get()) is not None:
            if isinstance(item, _Abandoned):
                raise item
            yield item
