"""Survivors that share n-grams with text that they must not: barred, until none is left."""

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.progress import Progress
from data_contracts.split import SPLITS, Split
from pipeline.dedup.corpus import Corpus
from pipeline.dedup.election.rounds import Election
from pipeline.dedup.held_out.evaluation import EvaluationNgrams
from pipeline.dedup.held_out.ngrams import NOTHING, HeldOutNgrams
from pipeline.dedup.held_out.sketches import HeldOutSketches
from pipeline.dedup.measuring import MeasuredCorpus
from pipeline.dedup.ranking import Ranking
from pipeline.dedup.recipe import DedupRecipe

_TRAIN = SPLITS.index(Split.TRAIN)


class Overlaps(NamedTuple):
    """Which nodes were barred for what they share."""

    held_out: NDArray[np.int64]
    """int64 (nodes,): n-grams shared with held-out text; 0 for those not barred for it."""
    places: NDArray[np.int64]
    """int64 (nodes,): row of `evaluation`; -1 for those not barred for it."""
    evaluation: NDArray[np.int64]
    """int64 (barred nodes, 1 + sets): n-grams shared with any evaluation set, and with each."""


def bar_overlaps(
    election: Election,
    corpus: Corpus,
    measured: MeasuredCorpus,
    ranking: Ranking,
    recipe: DedupRecipe,
    evaluation: EvaluationNgrams | None,
    sketches: HeldOutSketches | None,
    progress: Progress,
) -> Overlaps:
    """Bar survivors that overlap evaluation sets, then training ones that overlap held-out ones.

    A barred record's duplicates come back to life, and are looked at in turn. Held-out records rank
    before all others, so that what becomes of training records does not change who is held out.

    Args:
        election: Settled; settled again afterwards.
        corpus: The documents.
        measured: Their lengths, and which may share what held-out documents have.
        ranking: Which are held out.
        recipe: What is common.
        evaluation: What no document may share; None: there is no such text.
        sketches: Of held-out documents, as `measured` met them; None: they are not protected.
        progress: Told of documents scanned.
    """
    rows = ranking.node_rows
    screen = _EvaluationScreen(election, corpus, rows, evaluation, progress)
    screen.bar()
    is_training = ranking.splits[rows] == _TRAIN
    overlaps = np.zeros(len(rows), np.int64)
    if sketches is None:
        return screen.overlaps(overlaps)
    is_held_out = np.zeros(corpus.rows, np.bool_)
    is_held_out[rows[election.alive & ~is_training]] = True
    unseen = is_training & measured.meets_held_out[rows]
    ignored: NDArray[np.uint64] | None = None
    while len(candidates := _in_row_order(election.alive & unseen, rows)):
        progress(0, len(candidates), "documents", "looking for held-out text")
        met = sketches.that_meet(rows[candidates])
        met = met[is_held_out[met]]
        protected = partial(HeldOutNgrams, corpus, met, int(measured.tokens[met].sum()))
        if ignored is None and recipe.common_ngram_documents is not None:
            # Those who are no candidates hold no n-gram that could count.
            ignored = protected().common(rows[candidates], recipe.common_ngram_documents)
        ngrams = protected(NOTHING if ignored is None else ignored)
        overlaps[candidates] = ngrams.shared(rows[candidates])
        unseen[candidates] = False
        election.bar(candidates[overlaps[candidates] > 0])
        election.settle()
        screen.bar()
    return screen.overlaps(overlaps)


class _EvaluationScreen:
    """Looks at every survivor once, and remembers which were barred."""

    def __init__(
        self,
        election: Election,
        corpus: Corpus,
        node_rows: NDArray[np.int64],
        ngrams: EvaluationNgrams | None,
        progress: Progress,
    ) -> None:
        self._election, self._corpus, self._rows = election, corpus, node_rows
        self._ngrams, self._progress = ngrams, progress
        self._unseen = np.ones(len(node_rows), np.bool_)
        self._barred: list[NDArray[np.int64]] = []
        self._counts: list[NDArray[np.int64]] = []

    def bar(self) -> None:
        """Bar survivors that overlap, and those who take their place, until none does."""
        while self._ngrams is not None:
            nodes = _in_row_order(self._election.alive & self._unseen, self._rows)
            if not len(nodes):
                return
            self._progress(0, len(nodes), "documents", "looking for evaluation text")
            counts = self._ngrams.shared(self._corpus, self._rows[nodes])
            self._unseen[nodes] = False
            overlapping = counts[:, 0] > 0
            self._barred.append(nodes[overlapping])
            self._counts.append(counts[overlapping])
            self._election.bar(nodes[overlapping])
            self._election.settle()

    def overlaps(self, held_out: NDArray[np.int64]) -> Overlaps:
        """Give what was found, beside what the held-out text did."""
        places = np.full(len(self._rows), -1, np.int64)
        if not self._barred:
            return Overlaps(held_out, places, np.zeros((0, 1), np.int64))
        barred = np.concatenate(self._barred)
        places[barred] = np.arange(len(barred))
        return Overlaps(held_out, places, np.concatenate(self._counts))


def _in_row_order(wanted: NDArray[np.bool_], node_rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """List the wanted nodes in the order that their texts lie on disk."""
    nodes = np.flatnonzero(wanted)
    return nodes[np.argsort(node_rows[nodes])]
