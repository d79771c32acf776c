"""Precision and recall on real near-duplicates, against truths and exact oracles.

`python -m tests.bench.check_dedup` prints the figures.
"""

import pytest

from tests.pipeline.dedup.real_corpora import (
    ARCHIVE,
    PLANTED,
    POEMS,
    Truth,
    met_in_a_band,
    neardup_files,
    outcome,
    people_agree,
    planted_score,
    truth_of,
)

pytestmark = pytest.mark.skipif(
    not (ARCHIVE.exists() and POEMS.exists()), reason=f"{ARCHIVE} or {POEMS} is not there"
)


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return neardup_files()


@pytest.mark.parametrize("size", PLANTED)
def test_planted_near_duplicates_are_all_found_and_nothing_else(files, tmp_path, size):
    assert planted_score(files, size, tmp_path) == (1.0, 1.0)


@pytest.fixture(scope="module", params=["installguide", "licences", "poems"])
def truth(request, files) -> Truth:
    return truth_of(request.param, files)


def test_pairs_over_the_threshold_meet_in_a_band(truth):
    met = met_in_a_band(truth)
    assert len(met) > 500
    assert met.mean() >= 0.99


def test_every_removed_text_is_as_similar_as_it_says_and_few_duplicates_are_left(truth, tmp_path):
    found = outcome(truth, tmp_path)
    assert found.right == found.dropped > 300
    assert found.missed <= 0.01 * found.dropped


def test_people_agree_on_which_papers_are_the_same(files, tmp_path):
    judged = people_agree(files, tmp_path)
    assert all(score.f1 >= 0.91 for score in judged.other_half.values())
    assert judged.default.precision >= 0.97
    assert judged.default.f1 >= 0.75
