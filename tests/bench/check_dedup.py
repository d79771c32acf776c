"""How well are real near-duplicates found? `python -m tests.bench.check_dedup` tells.

Planted near-duplicates, people's labels, and exact oracles: every pair of a corpus that shares a
shingle, compared. The corpora are those of `tests/pipeline/dedup/real_corpora.py`.
"""

import tempfile
from pathlib import Path

from tests.pipeline.dedup.real_corpora import (
    ARCHIVE,
    PLANTED,
    POEMS,
    Score,
    met_in_a_band,
    neardup_files,
    outcome,
    people_agree,
    planted_score,
    truth_of,
)


def main() -> None:
    """Print a table."""
    if not (ARCHIVE.exists() and POEMS.exists()):
        print(f"{ARCHIVE} or {POEMS} is not there")
        return
    files = neardup_files()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in PLANTED:
            _print(f"mccormick, {size:,} articles", planted_score(files, size, folder))
        for corpus in ("installguide", "licences", "poems"):
            truth = truth_of(corpus, files)
            met, found = met_in_a_band(truth), outcome(truth, folder)
            score = Score(found.right / found.dropped, 1 - found.missed / found.pairs)
            _print(f"{corpus}, {len(truth.texts):,} texts, exact oracle", score)
            print(
                f"    {found.pairs:,} pairs at .8 or over, {met.sum():,} meet in a band; "
                f"{found.dropped:,} dropped, {found.missed:,} pairs left, "
                f"{found.compared:,} comparisons, {found.capped:,} records capped"
            )
        judged = people_agree(files, folder)
        for half, score in judged.other_half.items():
            chosen = judged.chosen[half]
            _print(f"people's labels, threshold {chosen} chosen on the other half", score)
        _print("people's labels, default threshold", judged.default)


def _print(what: str, score: Score) -> None:
    figures = f"P {score.precision:.3f}  R {score.recall:.3f}  F1 {score.f1:.3f}"
    print(f"  {what:<64} {figures}")


if __name__ == "__main__":
    main()
