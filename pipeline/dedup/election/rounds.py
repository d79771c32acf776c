"""Rounds: pair the living with the few best of their buckets, compare, decide again.

The survivors are the lexicographically first maximal independent set, in rank order, of the graph
whose edges are the pairs at or over the threshold. A node is compared only with better nodes that
are alive, a few more from each bucket in every round, until nobody alive has an uncompared, living,
better partner in any bucket. Then nobody alive has an edge to a better survivor, and everybody else
does: exactly the set that comparing all pairs of all buckets gives, for far fewer comparisons.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.dedup.buckets import Buckets
from pipeline.dedup.distinct import distinct
from pipeline.dedup.election import kernels

ROOM = 2_000_000
"""Pairs proposed before they are compared: 8 bytes each, and what comparing needs."""

Compare = Callable[[NDArray[np.uint32], NDArray[np.uint32]], NDArray[np.float64]]
"""Gives the exact similarity of pairs of nodes."""


class Election:
    """The state of the rounds. Depends only on nodes and buckets, never on how they are stored."""

    def __init__(
        self, nodes: int, buckets: Buckets, compare: Compare, threshold: float, limit: int
    ) -> None:
        """Start with everybody alive and nobody compared.

        Args:
            nodes: How many nodes there are, numbered by rank.
            buckets: Who may be similar.
            compare: Computes exact similarities.
            threshold: Similarity from which on the worse of two does not survive.
            limit: Comparisons at most of one node with better ones.
        """
        self._buckets, self._compare = buckets, compare
        self._threshold, self._limit = threshold, limit
        self._lists: tuple[NDArray[np.uint32], NDArray[np.int64]] = kernels.invert(
            buckets.members, buckets.starts, nodes
        )
        self._seen = np.zeros(0, np.uint32), np.zeros(nodes + 1, np.int64)
        self._worse, self._better = np.zeros(0, np.uint32), np.zeros(0, np.uint32)
        self._similarity = np.zeros(0, np.float64)
        self.barred = np.zeros(nodes, np.bool_)
        self.alive = np.ones(nodes, np.bool_)
        self.pairs_compared = 0

    @property
    def pairs_over_threshold(self) -> int:
        """Compared pairs at or over the threshold."""
        return len(self._worse)

    def bar(self, nodes: NDArray[np.int64]) -> None:
        """Keep nodes from surviving; `settle` then finds who takes their place."""
        self.barred[nodes] = True
        self._decide()

    def settle(self) -> None:
        """Go on in rounds until there is nothing left to compare."""
        few = 1
        compared = -1
        while compared != self.pairs_compared:
            compared = self.pairs_compared
            self._round(few)
            few = min(2 * few, self._limit)

    def survivors(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Name who each node gives way to.

        Returns:
            int64 (nodes,): the most similar better survivor that it was compared with, -1 where
            there is none (it lives, or is barred); float64 (nodes,): how similar.
        """
        found: tuple[NDArray[np.int64], NDArray[np.float64]] = kernels.name_survivors(
            self.alive, self._worse, self._better, self._similarity
        )
        return found

    def capped(self) -> int:
        """Count survivors that were not compared with everybody they should be: the limit bit."""
        everybody = len(self.alive)
        lacking = (worse for worse, _ in self._proposals(1, everybody))
        return sum(len(distinct(worse)) for worse in lacking)

    def _round(self, few: int) -> None:
        for worse, better in self._proposals(few, self._limit):
            self._add_edges(worse, better, self._compare(worse, better))
            self._seen = kernels.remember(*self._seen, worse, better)
            self.pairs_compared += len(worse)
        self._decide()

    def _proposals(
        self, few: int, limit: int
    ) -> Iterator[tuple[NDArray[np.uint32], NDArray[np.uint32]]]:
        living: tuple[NDArray[np.uint32], NDArray[np.int64]] = kernels.keep_alive(
            *self._buckets, self.alive
        )
        node = 0
        while node < len(self.alive):
            worse, better, node = kernels.propose(
                node, few, limit, ROOM, self.alive, *self._lists, *living, *self._seen
            )
            if len(worse):
                yield worse, better

    def _add_edges(
        self,
        worse: NDArray[np.uint32],
        better: NDArray[np.uint32],
        similarity: NDArray[np.float64],
    ) -> None:
        over = similarity >= self._threshold
        self._worse = np.concatenate([self._worse, worse[over]])
        self._better = np.concatenate([self._better, better[over]])
        self._similarity = np.concatenate([self._similarity, similarity[over]])
        order = np.argsort(self._worse, kind="stable")
        self._worse, self._better = self._worse[order], self._better[order]
        self._similarity = self._similarity[order]

    def _decide(self) -> None:
        self.alive = kernels.elect(self.barred, self._worse, self._better)
