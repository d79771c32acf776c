"""Who is better: the order in which survivors are elected, and exact duplicates."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.dedup.corpus import Corpus
from pipeline.dedup.measuring import MeasuredCorpus
from pipeline.id_halves import ascending


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
    # Ids apart, as they are all different: three times as fast, and `lexsort` leaves equal rows as they are.
    by_id = ascending((corpus.ids[:, 0], corpus.ids[:, 1]))
    keys = (
        -measured.tokens[by_id],
        -corpus.quality[by_id],
        -priorities[corpus.sources[by_id]] if corpus.rows else by_id,
        -splits[by_id].astype(np.int8),
    )
    order = by_id[np.lexsort(keys)]
    ranks = np.empty(corpus.rows, np.int64)
    ranks[order] = np.arange(corpus.rows)
    best_rank = _best_of_same_content(measured.contents, ranks)
    is_node = np.zeros(corpus.rows, np.bool_)
    is_node[best_rank] = True
    return Ranking(splits, order[is_node], (np.cumsum(is_node) - 1)[best_rank])


def _best_of_same_content(
    contents: NDArray[np.uint64], ranks: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Give each row the smallest rank among the rows of the same content."""
    order = ascending((contents[:, 0], contents[:, 1]))
    ordered = contents[order]
    is_first = np.ones(len(order), bool)
    is_first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    smallest = np.minimum.reduceat(ranks[order], np.flatnonzero(is_first)) if len(order) else ranks
    best = np.empty(len(order), np.int64)
    best[order] = smallest[np.cumsum(is_first) - 1]
    return best
