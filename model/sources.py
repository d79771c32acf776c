"""Which source each token of a split came from, and each source's own stream of tokens."""

from bisect import bisect_right

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.token_shards import Tokens, TokenShards
from model.batches import Batches


class SourceCounter:
    """Counts the tokens of windows by source, from the mapped span table: memory stays flat."""

    def __init__(self, spans: pa.Table) -> None:
        """Look spans up.

        Args:
            spans: TOKEN_SPANS, in the order of the stream.
        """
        self._batches = spans.select(["start", "tokens", "source"]).to_batches()
        self._firsts = [batch["start"][0].as_py() for batch in self._batches if batch.num_rows]
        self._batches = [batch for batch in self._batches if batch.num_rows]

    def count(self, starts: NDArray[np.int64], tokens: int) -> dict[str, int]:
        """Count the tokens by source of windows that begin at `starts`, each of `tokens` tokens."""
        found: dict[str, int] = {}
        for start in starts.tolist():
            place, end = start, start + tokens
            number = bisect_right(self._firsts, start) - 1
            while place < end:
                batch = self._batches[number]
                begins = batch["start"].to_numpy()
                row = int(np.searchsorted(begins, place, "right")) - 1
                while place < end and row < len(begins):
                    until = min(end, int(begins[row]) + batch["tokens"][row].as_py())
                    source = batch["source"][row].as_py()
                    found[source] = found.get(source, 0) + until - place
                    place, row = until, row + 1
                number += 1
        return found


class SourceStream:
    """The tokens of one source, its documents end to end, read from the shards of all sources.

    Takes 16 bytes of memory per document.
    """

    def __init__(
        self, shards: TokenShards, starts: NDArray[np.int64], tokens: NDArray[np.int64]
    ) -> None:
        """Join documents.

        Args:
            shards: The split.
            starts: int64 (documents,), where each begins in the split.
            tokens: int64 (documents,), how many tokens each has.
        """
        self.folder, self.dtype = shards.folder, shards.dtype
        self._shards, self._starts = shards, starts
        self._ends = np.cumsum(tokens)

    def __len__(self) -> int:
        """Tokens of the source."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def read(self, start: int, count: int) -> Tokens:
        """Read consecutive tokens, counted over the source's documents alone."""
        parts: list[Tokens] = []
        number = int(np.searchsorted(self._ends, start, "right"))
        while count:
            left = int(self._ends[number]) - start
            length = int(self._ends[number] - (self._ends[number - 1] if number else 0))
            taken = min(left, count)
            parts.append(self._shards.read(int(self._starts[number]) + length - left, taken))
            start, count, number = start + taken, count - taken, number + 1
        return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, self.dtype), *parts])


class SplitBatches(Batches):
    """The windows of a whole split, whose documents lie shuffled, counted by source."""

    def __init__(
        self, shards: TokenShards, context_tokens: int, windows_per_batch: int, seed: int
    ) -> None:
        """Cut a split into windows; see `Batches`."""
        super().__init__(shards, context_tokens, windows_per_batch, seed)
        self._counter = SourceCounter(shards.spans())

    def source_tokens(self, step: int) -> dict[str, int]:
        """Count the tokens of a step's whole batch by source."""
        return self._counter.count(self.starts(step), self.context_tokens)


def streams_by_source(shards: TokenShards) -> dict[str, SourceStream]:
    """Take a split apart into its sources' streams, by name."""
    found, spans = {}, shards.spans()
    for name in sorted(pc.unique(spans["source"]).to_pylist(), key=str):
        chosen = spans.filter(pc.equal(spans["source"], name))
        starts = chosen["start"].to_numpy().astype(np.int64)
        found[name] = SourceStream(shards, starts, chosen["tokens"].to_numpy().astype(np.int64))
    return found
