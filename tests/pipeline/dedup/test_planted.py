"""The run's own recall: planted near-duplicates are what they claim, and leave no trace."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.progress import silent
from pipeline.dedup.corpus import Corpus
from pipeline.dedup.fates import decide
from pipeline.dedup.known import KnownDocuments
from pipeline.dedup.measuring import measure_corpus
from pipeline.dedup.planted import measure_recall, planted_text, wilson_interval, words_to_add
from pipeline.dedup.ranking import rank
from pipeline.dedup.recipe import DedupRecipe
from pipeline.dedup.stage import DedupInputs, dedup
from tests.pipeline.dedup.documents import NOTHING_HELD_OUT, Document, cleaned, kept
from tests.pipeline.text.hostile_text import texts
from tests.reference.minhash import jaccard, shingles, signature


def random_documents(count: int, words: int = 80) -> list[Document]:
    rng = np.random.default_rng(1)
    vocabulary = [f"w{n}" for n in range(3000)]
    return [Document(f"{n}", " ".join(rng.choice(vocabulary, words))) for n in range(count)]


def run(folder, documents, recipe, partitions=1):
    given_ = cleaned(folder / "cleaned", documents, partitions)
    inputs = DedupInputs(cleaned=given_, split=NOTHING_HELD_OUT)
    return dedup(inputs, recipe, folder / "dedup")


@given(texts, st.integers(0, 40))
def test_a_planted_text_is_as_similar_as_its_words_say_in_every_script(text, words):
    own = len(set(shingles(text)))
    if len(shingles(text)) > 1 or words == 0:
        assert jaccard(text, planted_text(text, words, "tag")) == (
            own / (own + words) if own else 0
        )


@given(st.integers(1, 5000), st.floats(0.05, 1))
def test_as_many_words_are_added_as_the_similarity_allows_and_no_more(count, similarity):
    words = words_to_add(count, similarity)
    assert count / (count + words) >= similarity
    assert count / (count + words + 1) < similarity


@pytest.mark.parametrize(
    ("found", "tried", "low", "high"),
    # E. B. Wilson's formula, as R's prop.test(correct = FALSE) and statsmodels evaluate it.
    [
        (5, 10, 0.2366, 0.7634),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (396, 400, 0.9746, 0.9961),
    ],
)
def test_the_interval_is_wilsons(found, tried, low, high):
    assert wilson_interval(found, tried) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 1000), st.data())
def test_the_interval_holds_the_share_and_stays_between_0_and_1(tried, data):
    found = data.draw(st.integers(0, tried))
    low, high = wilson_interval(found, tried)
    assert 0 <= low <= found / tried <= high <= 1


def test_the_recall_of_a_run_is_what_datasketch_and_a_loop_over_bands_count(tmp_path):
    documents = random_documents(30)
    recipe = DedupRecipe(target_recall=0.5)
    result = run(tmp_path, documents, recipe)
    bands, rows = recipe.bands
    found = 0
    similarities = []
    for document in documents:
        copy = planted_text(
            document.text, words_to_add(len(set(shingles(document.text))), 0.8), document.id[:16]
        )
        one, other = signature(document.text, 128), signature(copy, 128)
        cuts = [slice(n * rows, (n + 1) * rows) for n in range(bands)]
        found += any((one[cut] == other[cut]).all() for cut in cuts)
        similarities.append(jaccard(document.text, copy))
    point = result.planted.at_threshold
    assert (point.planted, point.found) == (30, found)
    assert point.similarity == pytest.approx(np.mean(similarities))
    assert 0.8 <= point.similarity < 0.81
    assert result.planted.target == 0.5


def test_what_is_measured_lies_around_the_curve_of_theory(tmp_path):
    result = run(tmp_path, random_documents(500), DedupRecipe())
    points = [result.planted.at_threshold, *result.planted.curve]
    assert [point.planted for point in points] == [400] + [100] * 7
    for point in points:
        share = point.expected
        assert abs(point.recall - share) <= 4 * (share * (1 - share) / point.planted) ** 0.5 + 0.01
    assert points[0].recall >= 0.99
    assert result.planted.shortfall == 0
    assert [round(p.similarity, 1) for p in result.planted.curve[:3]] == [0.5, 0.6, 0.7]


def test_bands_that_went_wrong_show_a_shortfall(tmp_path):
    corpus = Corpus.open(cleaned(tmp_path / "cleaned", random_documents(100)).documents)
    recipe = DedupRecipe()
    known = KnownDocuments(None, recipe.num_permutations, sketches=False)
    measured = measure_corpus(corpus, recipe, None, known, tmp_path, silent)
    ranking = rank(corpus, measured, np.zeros(100, np.uint8), {})
    fates = decide(corpus, measured, ranking, recipe, None, None, silent)
    assert measure_recall(corpus, measured, fates, recipe).shortfall == 0
    for path in measured.band_files[2:]:
        np.zeros(100, np.uint64).tofile(path)
    broken = measure_recall(corpus, measured, fates, recipe)
    assert 0.2 < broken.at_threshold.recall < 0.7  # of two bands: 1 - (1 - 0.8^6)^2 = 0.46
    assert broken.shortfall == broken.target - broken.at_threshold.high > 0.2


def test_the_figures_do_not_depend_on_order_or_partitions(tmp_path):
    documents = random_documents(450, 30)
    first = run(tmp_path / "first", documents, DedupRecipe())
    second = run(tmp_path / "second", documents[::-1], DedupRecipe(), partitions=7)
    assert first.planted == second.planted


def test_nothing_planted_is_written_anywhere(tmp_path):
    documents = random_documents(20)
    cache = tmp_path / "cache"
    given_ = cleaned(tmp_path / "cleaned", documents)
    inputs = DedupInputs(cleaned=given_, split=NOTHING_HELD_OUT)
    result = dedup(inputs, DedupRecipe(), tmp_path / "dedup", cache=cache)
    assert result.rows_in == len(kept(result)) == 20
    for path in [*cache.rglob("*"), *result.folder.rglob("*")]:
        assert not path.is_file() or b"qxzplanted" not in path.read_bytes()
    again = dedup(inputs, DedupRecipe(), tmp_path / "again", cache=cache)
    assert again.rows_reused == 20
    assert again.planted == result.planted


def test_without_a_document_that_is_long_enough_nothing_is_planted(tmp_path):
    short = [Document(f"{n}", f"only {n} words") for n in range(5)]
    repeating = [Document("again", "again " * 200)]
    assert run(tmp_path, short + repeating, DedupRecipe()).planted is None
