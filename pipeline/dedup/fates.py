"""What becomes of each record: kept, repeats a survivor, or overlaps text that it must not."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.progress import Progress
from data_contracts.reasons import Reason
from pipeline.dedup.buckets import find_buckets
from pipeline.dedup.corpus import Corpus
from pipeline.dedup.election.rounds import Election
from pipeline.dedup.held_out.evaluation import EvaluationNgrams
from pipeline.dedup.held_out.overlaps import Overlaps, bar_overlaps
from pipeline.dedup.held_out.sketches import HeldOutSketches
from pipeline.dedup.measuring import MeasuredCorpus
from pipeline.dedup.ranking import Ranking
from pipeline.dedup.recipe import DedupRecipe
from pipeline.dedup.verify import exact_similarities

REASONS: Final = (
    Reason.EXACT_DUPLICATE,
    Reason.NEAR_DUPLICATE,
    Reason.HELD_OUT_OVERLAP,
    Reason.EVALUATION_OVERLAP,
)
"""Reasons by number, from 1; 0 is kept."""
KEPT, EXACT, NEAR, OVERLAP, EVALUATION = range(5)


class Fates(NamedTuple):
    """One entry per row of the corpus, and what the election cost."""

    reasons: NDArray[np.uint8]
    """uint8 (rows,): 0 kept, else 1 + index into `REASONS`."""
    survivors: NDArray[np.int64]
    """int64 (rows,): the row that it repeats; itself when kept; -1 for overlaps."""
    values: NDArray[np.float64]
    """float64 (rows,): similarity to the survivor; for overlaps the shared n-grams."""
    evaluation: NDArray[np.int64]
    """int64 (rows dropped for `EVALUATION`, ascending; sets): the n-grams shared with each set."""
    pairs_compared: int
    """As in `DedupResult`."""
    pairs_over_threshold: int
    """As in `DedupResult`."""
    comparisons_capped: int
    """As in `DedupResult`."""


def decide(
    corpus: Corpus,
    measured: MeasuredCorpus,
    ranking: Ranking,
    recipe: DedupRecipe,
    evaluation: EvaluationNgrams | None,
    sketches: HeldOutSketches | None,
    progress: Progress,
) -> Fates:
    """Decide every record's fate.

    Args:
        corpus: The documents.
        measured: Their signatures' band keys.
        ranking: Who is better.
        recipe: Thresholds.
        evaluation: What no document may share; None: there is no such text.
        sketches: Of held-out documents; None: they are not protected.
        progress: Told of pairs compared and documents scanned.
    """
    rows = ranking.node_rows

    def compare(worse: NDArray[np.uint32], better: NDArray[np.uint32]) -> NDArray[np.float64]:
        done = election.pairs_compared
        progress(done, done + len(worse), "pairs", "comparing likely duplicates")
        return exact_similarities(corpus, rows[worse], rows[better])

    election = Election(
        len(rows),
        find_buckets(measured.band_files, rows, measured.tokens[rows] > 0),
        compare,
        recipe.jaccard_threshold,
        recipe.max_comparisons,
    )
    election.settle()
    overlaps = bar_overlaps(
        election, corpus, measured, ranking, recipe, evaluation, sketches, progress
    )
    return _spread(election, overlaps, ranking)


def _spread(election: Election, overlaps: Overlaps, ranking: Ranking) -> Fates:
    """Give every row the fate of its node; of rows with the same content the best stands for it."""
    rows, nodes = ranking.node_rows, ranking.row_nodes
    named, similarity = election.survivors()
    alive, named_by_row = election.alive[nodes], named[nodes]
    stands = np.zeros(len(nodes), np.bool_)
    stands[rows] = True
    near = named_by_row >= 0
    places = overlaps.places[nodes]
    reasons = np.select(
        [alive & stands, alive, near, places >= 0],
        [KEPT, EXACT, NEAR, EVALUATION],
        default=OVERLAP,
    ).astype(np.uint8)
    shared = overlaps.evaluation[places[reasons == EVALUATION]]
    survivors = np.select([alive, near], [rows[nodes], rows[named_by_row]], default=-1)
    values = np.select([alive, near], [1.0, similarity[nodes]], default=overlaps.held_out[nodes])
    values[reasons == EVALUATION] = shared[:, 0]
    return Fates(
        reasons,
        survivors,
        values,
        shared[:, 1:],
        election.pairs_compared,
        election.pairs_over_threshold,
        election.capped(),
    )
