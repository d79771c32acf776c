import gzip
import json
import re
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data_contracts.errors import TooFewExamples
from pipeline.clean.quality import kernels
from pipeline.clean.quality.model import QualityModel
from pipeline.clean.quality.training import (
    PIECE_WORDS,
    _pieces,
    area_under_curve,
    score,
    train_quality,
)
from pipeline.clean.signals import measure
from pipeline.text.tokens import token_hashes
from tests.pipeline.text.hostile_text import hostile_bytes
from tests.pipeline.text.hostile_text import texts as any_texts
from tests.reference import quality as slow
from tests.reference.plain_kernels import plain_kernels, wrapping_integers

PLAIN = plain_kernels("pipeline.clean.quality.kernels")
SLOTS = 64
WEIGHTS = np.random.default_rng(3).normal(size=SLOTS).astype(np.float32)
MODEL = QualityModel(WEIGHTS, 0.25, {})
GOOD = [f"The river ran slowly past house number {n}, and nobody spoke of it." for n in range(60)]
BAD = [f"Home | Login | Cart ({n}) | Sign up now | Share | Tweet | {n} likes" for n in range(60)]
SHARED = Path(__file__).resolve().parents[5] / "shared" / "data"


def column(texts):
    return pa.chunked_array([pa.array(texts, pa.large_string())])


@given(st.lists(any_texts, max_size=5))
@example(["", "!", "word", "中文", "two words"])
def test_a_score_is_what_the_slow_twin_computes_alone_and_in_the_fused_pass(texts):
    expected = [slow.score(text, WEIGHTS.tolist(), 0.25) for text in texts]
    given_column = pa.array(["x", *texts, "y"], pa.large_string())[1:-1]
    assert score(given_column, MODEL).tolist() == pytest.approx(expected, rel=1e-12)
    fused = measure(given_column, model=MODEL)["model_quality"].to_pylist()
    assert fused == score(given_column, MODEL).tolist()


@given(st.lists(any_texts, max_size=5), st.data())
def test_slices_chunks_and_order_change_no_score(texts, data):
    cut = data.draw(st.integers(0, len(texts)))
    whole = pa.array(texts, pa.large_string())
    chunks = pa.chunked_array([whole[:cut], whole[cut:]])
    assert score(chunks, MODEL).tolist() == score(whole, MODEL).tolist()
    assert (
        score(pa.array(texts[::-1], pa.large_string()), MODEL).tolist()
        == (score(whole, MODEL).tolist()[::-1])
    )


@given(hostile_bytes)
def test_any_bytes_are_scored_safely_and_alike_without_compiling(data):
    hashes = token_hashes(pa.array([data], pa.large_binary())).hashes
    compiled = kernels.score_words(hashes, len(hashes), WEIGHTS, 0.25)
    with wrapping_integers():
        assert PLAIN.score_words(hashes, len(hashes), WEIGHTS, 0.25) == compiled
    assert 0 < compiled < 1


@given(
    st.lists(st.tuples(any_texts, st.sampled_from([0.0, 1.0])), max_size=4),
    st.randoms(use_true_random=False),
)
def test_learning_steps_as_the_slow_twin_does(pairs, shuffler):
    texts, labels = [text for text, _ in pairs], np.array([label for _, label in pairs])
    order = list(range(len(texts)))
    shuffler.shuffle(order)
    class_weights = np.array([0.75, 1.5])
    weights, bias, loss = slow.learn(texts, labels, class_weights, order, SLOTS, 0.5)
    tokens = token_hashes(pa.array(texts, pa.large_string()))
    for module in (kernels, PLAIN):
        found, squares = np.zeros(SLOTS, np.float32), np.full(SLOTS, 1e-8, np.float32)
        biases = np.array([0.0, 1.0])
        with wrapping_integers():
            told = module.learn(
                *tokens, labels, class_weights, np.array(order, int), found, squares, biases, 0.5
            )
        assert found == pytest.approx(np.array(weights), abs=2e-4)
        assert (biases[0], told) == pytest.approx((bias, loss), abs=2e-4)


def test_good_and_bad_texts_are_told_apart_whatever_their_order():
    model, figures = train_quality(column(GOOD), column(BAD))
    assert (figures.good, figures.held_out_good) == (54, 6)
    assert figures.auc == figures.accuracy == 1
    again, _ = train_quality(column([*GOOD[::-1], GOOD[0]]), column(BAD[::-1]))
    assert np.array_equal(again.weights, model.weights)
    assert again.bias == model.bias


def test_too_few_texts_are_refused():
    with pytest.raises(TooFewExamples, match="60 good and 19 bad"):
        train_quality(column(GOOD), column([*BAD[:19], BAD[0], "!?", ""]))


def test_long_texts_are_learned_from_in_pieces():
    starts = np.array([0, 10, 10, 10 + 3 * PIECE_WORDS + 7])
    assert np.diff(_pieces(starts)).tolist() == [10, 0, PIECE_WORDS, PIECE_WORDS, PIECE_WORDS + 7]


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=8),
    st.lists(st.integers(0, 5), min_size=1, max_size=8),
)
def test_the_area_is_the_chance_that_a_good_one_is_above(good, bad):
    pairs = [(a > b) + (a == b) / 2 for a in good for b in bad]
    found = area_under_curve(np.array(good, float), np.array(bad, float))
    assert found == pytest.approx(sum(pairs) / len(pairs))


@pytest.mark.skipif(not (SHARED / "web.tar.xz").exists(), reason="the web corpus is not there")
def test_the_text_of_news_pages_is_told_from_what_stands_around_it():
    """Trained on half of the pages, measured on the other half: other sites, other subjects."""
    good, bad = news_pages()
    half = len(good) // 2
    model, _ = train_quality(column(joined(good[:half])), column(joined(bad[:half])))
    blocks = [score(column(joined(parts[half:])), model) for parts in (good, bad)]
    pages = [score(column(["\n".join(one) for one in p[half:]]), model) for p in (good, bad)]
    assert area_under_curve(*blocks) > 0.8  # many are a single sentence
    assert area_under_curve(*pages) > 0.95


def joined(pages):
    return [block for page in pages for block in page]


def news_pages():
    """Blocks of text of each page: those of the article as people marked it, and the others."""
    pages, articles = {}, {}
    with tarfile.open(SHARED / "web.tar.xz") as archive:
        for member in archive:
            if "article-extraction" not in member.name or not member.isfile():
                continue
            if member.name.endswith(".html.gz"):
                raw = gzip.decompress(archive.extractfile(member).read())
                pages[Path(member.name).name.removesuffix(".html.gz")] = raw.decode(
                    "utf-8", "replace"
                )
            elif member.name.endswith("ground-truth.json"):
                articles = json.load(archive.extractfile(member))
    good, bad = [], []
    for name in sorted(pages):
        body = articles[name]["articleBody"]
        marked = " ".join(body.split())
        page = re.sub(r"(?s)<(script|style).*?</\1>|<!--.*?-->", " ", pages[name])
        blocks = [
            " ".join(re.sub(r"<[^>]+>", " ", one).split())
            for one in re.split(
                r"</?(?:p|div|li|td|h\d|section|br|ul|nav|header|footer)\b[^>]*>", page
            )
        ]
        good.append([one for one in body.split("\n") if len(one) > 20])
        bad.append([one for one in blocks if len(one) > 20 and one[:40] not in marked])
    return good, bad
