"""Kernels against slow twins, compiled and as plain Python, on sliced and chunked columns."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.buffers import text_buffers
from pipeline.dedup import kernels
from pipeline.dedup.held_out import kernels as held_out
from pipeline.dedup.signatures import measure_texts, permutations
from pipeline.text.tokens import token_hashes
from tests.reference.minhash import jaccard, ngrams, shingle_hashes, signature, words_of

ALPHABETS = ["ab c", "aA ßẞ'’.3,_", "水 車日。本", "กขไ ้ ", "कि ا ", "🙂 !\u200d\u0301é"]
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(ALPHABETS).flatmap(lambda letters: st.text(letters, max_size=40)),
        st.text(max_size=40),
        st.sampled_from(["", "!!!", "one", "a b c d", "a b c d e", "a b c d e f", "天地玄黃宇宙"]),
        st.integers(1, 60).map(lambda n: "to be or not to be that is the " * (n // 9) + "x y"),
    ),
    max_size=8,
)


@st.composite
def columns(draw: st.DrawFn) -> tuple[pa.ChunkedArray, list[str]]:
    """A text column as a slice of another, in one to three chunks."""
    chunks, texts = [], []
    for part in draw(st.lists(TEXTS, min_size=1, max_size=3)):
        before, after = draw(st.integers(0, 2)), draw(st.integers(0, 2))
        whole = pa.array(["before"] * before + part + ["after"] * after, pa.large_string())
        chunks.append(whole.slice(before, len(part)))
        texts += part
    return pa.chunked_array(chunks, pa.large_string()), texts


def both(kernel):
    """The compiled kernel and the plain function."""
    return pytest.mark.parametrize("run", [kernel, kernel.py_func], ids=["compiled", "plain"])


@pytest.fixture(autouse=True)
def wrapping():
    """Plain NumPy numbers warn where machine numbers wrap around."""
    with np.errstate(over="ignore"):
        yield


@given(columns())
@settings(max_examples=60)
def test_signatures_are_those_of_datasketch(column):
    found = measure_texts(column[0], 64)
    for number, text in enumerate(column[1]):
        assert found.signatures[number].tolist() == signature(text, 64).tolist()
        assert found.tokens[number] == len(words_of(text))
    assert found.signatures.shape == (len(column[1]), 64)


@both(kernels.measure)
@given(texts=TEXTS)
@settings(max_examples=20)
def test_every_number_of_permutations_gives_the_same_first_values(run, texts):
    column = pa.array(texts, pa.large_string())
    _, few = run(*token_hashes(column), *text_buffers(column), *permutations(16))
    assert few.tolist() == [signature(text, 16).tolist() for text in texts]


@given(TEXTS)
def test_contents_are_equal_exactly_when_the_words_are(texts):
    found = measure_texts(pa.array(texts, pa.large_string()), 16).contents.tolist()
    for i, left in enumerate(texts):
        for j, right in enumerate(texts[:i]):
            same = (
                words_of(left) == words_of(right)
                if words_of(left) or words_of(right)
                else left == right
            )
            assert (found[i] == found[j]) == same


@both(kernels.shingle_sets)
@given(column=columns())
@settings(max_examples=40)
def test_shingle_sets_are_sorted_and_without_repeats(run, column):
    values, starts = run(*token_hashes(column[0]))
    found = [values[i:j].tolist() for i, j in pairwise(starts)]
    assert found == [sorted(set(shingle_hashes(text))) for text in column[1]]


@both(kernels.sort_unique)
@given(
    values=st.lists(
        st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 9), st.integers(2**64 - 5, 2**64 - 1))
    )
)
def test_sorting_holds_for_values_that_are_not_spread_evenly(run, values):
    size = len(values)
    array = np.array(values, np.uint64)
    scratch = np.zeros(size, np.uint64), np.zeros(2 * size + 2, np.int32)
    assert array[: run(array, size, *scratch)].tolist() == sorted(set(values))


@both(kernels.similarities)
@given(texts=TEXTS)
@settings(max_examples=40)
def test_similarities_are_exact(run, texts):
    sets = kernels.shingle_sets(*token_hashes(pa.array(texts, pa.large_string())))
    pairs = np.array([(i, j) for i in range(len(texts)) for j in range(len(texts))], np.int64)
    left, right = pairs.reshape(-1, 2).T.copy()
    found = run(*sets, left, right)
    assert found.tolist() == [jaccard(texts[i], texts[j]) for i, j in zip(left, right, strict=True)]


@both(kernels.band_keys)
@given(
    signatures=st.lists(st.lists(st.integers(0, 2), min_size=7, max_size=7), max_size=12),
    bands=st.sampled_from([(1, 7), (2, 3), (3, 2), (7, 1)]),
)
def test_band_keys_are_equal_exactly_when_the_bands_are(run, signatures, bands):
    matrix = np.array(signatures, np.uint32).reshape(-1, 7)
    keys = run(matrix, *bands)
    for band in range(bands[0]):
        parts = matrix[:, band * bands[1] : (band + 1) * bands[1]].tolist()
        same = [[a == b for b in parts] for a in parts]
        assert [[a == b for b in keys[band]] for a in keys[band]] == same


@pytest.mark.parametrize("plain", [False, True], ids=["compiled", "plain"])
@given(texts=TEXTS, protected=TEXTS, width=st.sampled_from([1, 3, 13]))
@settings(max_examples=30)
def test_shared_ngrams_are_found_and_counted_once_per_document(plain, texts, protected, width):
    def run(kernel, *given_):
        return (kernel.py_func if plain else kernel)(*given_)

    listed = run(held_out.all_ngrams, *token_hashes(pa.array(protected, pa.large_string())), width)
    forbidden = set().union(*(ngrams(text, width) for text in protected))
    assert len(set(listed.tolist())) == len(forbidden)
    table = np.zeros(1 << (2 * len(listed)).bit_length(), np.uint64)
    run(held_out.fill, table, listed)
    assert table[run(held_out.slots_of, table, listed)].tolist() == listed.tolist()
    tokens = token_hashes(pa.array(texts, pa.large_string()))
    _, starts = run(held_out.shared_slots, *tokens, width, table)
    assert np.diff(starts).tolist() == [len(ngrams(text, width) & forbidden) for text in texts]


def test_many_ngrams_and_long_documents_outgrow_every_first_guess():
    words = [f"w{n}" for n in range(5000)]
    column = pa.array(["水" * 3000, " ".join(words), "", " ".join(words[:4000])], pa.large_string())
    tokens = token_hashes(column)
    values, starts = kernels.shingle_sets(*tokens)
    assert np.diff(starts).tolist() == [1, 4996, 0, 3996]
    assert len(values) == starts[-1]
    listed = held_out.all_ngrams(*tokens, 13)
    assert len(listed) == 1 + 4988 + 3988
    table = np.zeros(1 << (2 * len(listed)).bit_length(), np.uint64)
    held_out.fill(table, listed)
    slots, starts = held_out.shared_slots(*tokens, 13, table)
    assert np.diff(starts).tolist() == [1, 4988, 0, 3988]
    assert len(set(slots.tolist())) == 4989


def test_bytes_that_are_not_text_are_measured_too():
    column = pa.array([b"\xff\xfe", b"\xe6\xb0", b"a\xffb c d e f"], pa.large_binary())
    found = measure_texts(column, 16)
    assert found.tokens.tolist() == [0, 0, 6]
