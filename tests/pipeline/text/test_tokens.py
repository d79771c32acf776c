import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.buffers import text_buffers
from pipeline.text import kernels
from pipeline.text.tokens import token_hashes
from pipeline.text.unicode_tables import unicode_tables
from tests.pipeline.text.hostile_text import hostile_bytes, texts
from tests.reference.plain_kernels import plain_kernels, wrapping_integers
from tests.reference.words import decoded, tokens

PLAIN = plain_kernels("pipeline.text.kernels")


def words(text):
    return [token.text for token in tokens(text)]


def hashes_of(text):
    return token_hashes(pa.array([text], pa.large_string())).hashes.tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("🙂 … —", []),
        ("Don’t stop well-known 3.14 times!", ["Don’t", "stop", "well", "known", "3.14", "times"]),
        ("U.S.A. e.g. end.", ["U.S.A", "e.g", "end"]),
        ("1,000 a,b v1.2 note:this", ["1,000", "a", "b", "v1.2", "note", "this"]),
        ("snake_case __init__ 'quoted'", ["snake_case", "init", "quoted"]),
        ("中文 test，データ", ["中", "文", "test", "デ", "ー", "タ"]),
        ("한국어 입니다", ["한국어", "입니다"]),
        ("か\u3099き", ["か\u3099", "き"]),
        ("ที่", ["ที่"]),
        ("cafe\u0301s", ["cafe\u0301s"]),
        ("soft\u00adhyphen zero\u200djoiner", ["softhyphen", "zerojoiner"]),
        ("2024年", ["2024", "年"]),
    ],
)
def test_words_are_found_by_unicode_rules(text, expected):
    assert words(text) == expected
    assert hashes_of(text) == [token.hash for token in tokens(text)]


@given(st.lists(texts, max_size=6), st.data())
def test_kernels_find_the_tokens_of_the_slow_twin_also_in_slices_and_chunks(documents, data):
    # Words of ASCII are found by blocks, except near the end of the buffer.
    last = data.draw(st.sampled_from(["y", "y" * 100]))
    column = pa.array(
        ["x", *documents, last], data.draw(st.sampled_from([pa.string(), pa.large_string()]))
    )
    cut = data.draw(st.integers(0, len(documents)))
    for part in (
        column[1:-1],
        pa.chunked_array([column[1 : 1 + cut], column[1 + cut : -1]]),
    ):
        found = token_hashes(part)
        expected = [[token.hash for token in tokens(text)] for text in documents]
        assert found.hashes.tolist() == [one for text in expected for one in text]
        assert np.diff(found.starts).tolist() == [len(text) for text in expected]


@given(hostile_bytes, st.sampled_from([1, 50]))
def test_any_bytes_are_read_safely_and_bad_ones_count_as_one_replacement_each(data, copies):
    found = token_hashes(pa.array([b"ab", data, b"cd" * copies], pa.large_binary())[1:2])
    assert found.hashes.tolist() == [token.hash for token in tokens(decoded(data))]
    text_bytes = np.frombuffer(data, np.uint8)
    points, i = [], 0
    while i < len(data):
        point, width = kernels.decode(text_bytes, i, len(data))
        assert (point, width) == PLAIN.decode(text_bytes, i, len(data))
        points.append(chr(point))
        i += width
    assert "".join(points) == decoded(data)


@given(texts, st.sampled_from(["", "next " * 20]))
def test_the_plain_functions_find_what_the_compiled_ones_find(text, after):
    tables = unicode_tables()
    text_bytes, starts = text_buffers(pa.array([text, after], pa.large_string()))
    length = int(starts[1])
    found = []
    for module in (kernels, PLAIN):
        hashes, shapes = np.zeros(length, np.uint64), np.zeros(length, np.int32)
        with wrapping_integers():
            count = module.tokenise(text_bytes, 0, length, *tables, hashes, shapes)
        found.append((hashes[:count].tolist(), shapes[:count].tolist()))
    expected = tokens(text)
    assert found[0] == found[1]
    assert found[0] == (
        [one.hash for one in expected],
        [
            len(one.text) << kernels.LENGTH_SHIFT | one.unspaced << 1 | one.has_letter
            for one in expected
        ],
    )


@pytest.mark.parametrize("word", ["mill", "mill's", "Müller", "1,000", "水", "a" * 9, "b4" * 70])
def test_a_word_is_found_wherever_in_a_block_it_begins(word):
    documents = [f"{'x' * n}-{word}, {word}." for n in range(140)]
    documents += [f"{word}{chr(c)}{word}{chr(c)}2" for c in range(0x80)]
    found = token_hashes(pa.array([*documents, "end " * 20], pa.large_string()))
    expected = [token.hash for text in documents for token in tokens(text)]
    assert found.hashes[: found.starts[-2]].tolist() == expected


def test_case_and_apostrophe_style_do_not_matter_and_accents_do():
    assert hashes_of("DON’T Σίσυφος") == hashes_of("don't ΣΊΣΥΦΟΣ")
    assert hashes_of("café") != hashes_of("cafe")
    assert hashes_of("データ") != hashes_of("テータ")


def test_many_short_documents_outgrow_the_first_guess_of_how_many_tokens_there_are():
    documents = ["中"] * 3 + ["字" * 400] + [""] + ["a b c d e f g h"] * 200
    found = token_hashes(pa.array(documents, pa.large_string()))
    assert np.diff(found.starts).tolist() == [len(tokens(text)) for text in documents]


def test_a_column_without_rows_has_no_tokens():
    found = token_hashes(pa.array([], pa.large_string()))
    assert found.hashes.tolist() == []
    assert found.starts.tolist() == [0]
