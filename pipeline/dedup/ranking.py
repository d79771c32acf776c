"""Who is better: the order in which survivors are elected, and exact duplicates."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.dedup.corpus import Corpus
from pipeline.dedup.measuring import MeasuredCorpus


class Ranking(NamedTuple):
    """Documents in rank order, and the best of each group of exact duplicates as a node."""

    splits: NDArray[np.uint8]
    """uint8 (rows,): index into `data_contracts.split.SPLITS`."""
    node_rows: NDArray[np.int64]
    """int64 (nodes,): the row of each node; nodes are numbered by rank, 0 is the best."""
    row_nodes: NDArray[np.int64]
    """int64 (rows,): the node of each row. Rows with the same content share it."""


def rank(
    corpus: Corpus,
    measured: MeasuredCorpus,
    splits: NDArray[np.uint8],
    source_priority: dict[str, int],
) -> Ranking:
    """Order documents and group exact duplicates.

    Held-out documents come first (test, then validation), then higher source priority (0 where
    none is given), higher quality (NaN last), more tokens, smaller record_id.

    Args:
        corpus: The documents.
        measured: Their lengths and contents.
        splits: uint8 (rows,), as in `Ranking`.
        source_priority: By source name.
    """
    priorities = np.array([source_priority.get(n, 0) for n in corpus.source_names], np.int64)
    order = np.lexsort(
        (
            corpus.ids[:, 1],
            corpus.ids[:, 0],
            -measured.tokens,
            -corpus.quality,
            -priorities[corpus.sources] if corpus.rows else corpus.sources,
            -splits.astype(np.int8),
        )
    )
    ranks = np.empty(corpus.rows, np.int64)
    ranks[order] = np.arange(corpus.rows)
    best_rank = _best_of_same_content(measured.contents, ranks)
    node_ranks, row_nodes = np.unique(best_rank, return_inverse=True)
    return Ranking(splits, order[node_ranks], row_nodes)


def _best_of_same_content(
    contents: NDArray[np.uint64], ranks: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Give each row the smallest rank among the rows of the same content."""
    order = np.lexsort((ranks, contents[:, 1], contents[:, 0]))
    ordered = contents[order]
    is_first = np.ones(len(order), bool)
    is_first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    best = np.empty(len(order), np.int64)
    best[order] = ranks[order[is_first]][np.cumsum(is_first) - 1]
    return best
