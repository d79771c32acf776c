import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import ngram
from model.ngram import END, SYMBOLS, ByteTrigram, ByteUnigram, count_trigrams
from tests.model.conftest import write_documents
from tests.reference import ngram as reference

TEXTS = st.lists(st.text(st.sampled_from("ab é河\n\x00"), max_size=12), min_size=1, max_size=6)


@settings(max_examples=8)
@given(TEXTS, TEXTS)
def test_the_baselines_charge_what_their_slow_twins_charge(training, held_out):
    counts = count_trigrams([pa.array(training, pa.string())])
    texts = pa.array(held_out, pa.string())
    slow = reference.Trigram(training)
    expected = [slow.bits(text) for text in held_out]
    np.testing.assert_allclose(ByteTrigram(counts).bits(texts), expected, rtol=1e-9)
    expected = [reference.unigram_bits(training, text) for text in held_out]
    np.testing.assert_allclose(ByteUnigram(counts).bits(texts), expected, rtol=1e-9)


@settings(max_examples=8)
@given(TEXTS, st.integers(0, 3), st.integers(0, 3))
def test_chunks_and_slices_of_texts_change_nothing(texts, before, after):
    padding = ["x" * 5] * before
    whole = pa.array([*padding, *texts, *["yy"] * after], pa.string())
    sliced = whole.slice(before, len(texts))
    middle = len(texts) // 2
    chunked = pa.chunked_array([sliced.slice(0, middle), sliced.slice(middle)])
    expected = count_trigrams([pa.array(texts, pa.large_string())])
    for form in (sliced, chunked):
        counts = count_trigrams([form])
        assert np.array_equal(counts, expected)
    trigram = ByteTrigram(expected)
    np.testing.assert_array_equal(trigram.bits(chunked), trigram.bits(pa.array(texts)))


def test_blocks_are_cut_anywhere(monkeypatch):
    texts = pa.array(write_documents(20, seed=4))
    counts = count_trigrams([texts])
    bits = ByteTrigram(counts).bits(texts)
    monkeypatch.setattr(ngram, "_BLOCK", 7)
    assert np.array_equal(count_trigrams([texts]), counts)
    np.testing.assert_array_equal(ByteTrigram(counts).bits(texts), bits)


def test_probabilities_after_any_context_sum_to_one():
    trigram = ByteTrigram(count_trigrams([pa.array(write_documents(30, seed=4))]))
    symbols = np.arange(SYMBOLS)
    for a, b in [(END, END), (END, ord("m")), (ord("m"), ord("i")), (0, 255), (ord("q"), ord("i"))]:
        first, second = np.full(SYMBOLS, a), np.full(SYMBOLS, b)
        shorter = trigram._bigrams.interpolate((second,), symbols, trigram._unigrams)
        chances = trigram._trigrams.interpolate((first, second), symbols, shorter)
        assert chances.sum() == pytest.approx(1)
        assert (chances > 0).all()


def test_the_trigram_beats_the_unigram_on_text_like_its_training():
    counts = count_trigrams([pa.array(write_documents(200, seed=5))])
    held_out = pa.array(write_documents(20, seed=6))
    assert ByteTrigram(counts).bits(held_out).sum() < 0.6 * ByteUnigram(counts).bits(held_out).sum()
