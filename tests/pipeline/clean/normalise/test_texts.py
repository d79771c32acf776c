import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.buffers import text_buffers
from pipeline.clean.normalise import kernels
from pipeline.clean.normalise.texts import _actions, normalise
from pipeline.clean.recipe import Normalise
from tests.pipeline.text.hostile_text import hostile_bytes, texts
from tests.reference.normalise import normalised
from tests.reference.plain_kernels import plain_kernels

PLAIN = plain_kernels("pipeline.clean.normalise.kernels")

options = st.builds(
    Normalise,
    unicode_form=st.sampled_from(["NFC", "NFKC", None]),
    line_ends=st.booleans(),
    control_characters=st.booleans(),
    invisible_characters=st.booleans(),
    trailing_blanks=st.booleans(),
    max_blank_lines=st.sampled_from([None, 0, 1, 2]),
)


def made_uniform(text, chosen=Normalise()):  # noqa: B008
    return normalise(pa.array([text], pa.large_string()), chosen)[0].as_py()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" \n\t\n\u3000\n", ""),
        ("a\r\nb\rc\x0cd\u2028e\u0085f", "a\nb\nc\nd\ne\nf"),
        ("one \t\n\n\n\n\ntwo\u00a0\n\n", "one\n\n\ntwo"),
        ("\n\n  indented\n", "  indented"),
        ("\ufeffzero\u200bwidth\u2060 soft\u00adhyphen", "zerowidth softhyphen"),
        ("می\u200cخواهم 👩\u200d👧", "می\u200cخواهم 👩\u200d👧"),
        ("bell\x07 nul\x00 tab\tdel\x7f", "bell nul tab\tdel"),
        ("e\u0301 \u212b \u1112\u1161\u11ab", "é Å 한"),
        ("e\u200b\u0301", "é"),
        ("x² ½ ＡＢ，ﬁ", "x² ½ ＡＢ，ﬁ"),
        ("か\u3099データ", "がデータ"),
    ],
)
def test_text_is_made_uniform_without_losing_meaning(text, expected):
    assert made_uniform(text) == expected


def test_nfkc_rewrites_what_only_looks_alike():
    assert made_uniform("x² ＡＢ，ﬁ", Normalise(unicode_form="NFKC")) == "x2 AB,fi"


@given(st.lists(texts, max_size=5), options, st.data())
def test_kernels_do_what_the_slow_twin_does_also_in_slices_and_chunks(documents, chosen, data):
    column = pa.array(["\u0301x", *documents, "y\n"], pa.large_string())
    cut = data.draw(st.integers(0, len(documents)))
    expected = [normalised(text, chosen) for text in documents]
    assert normalise(column[1:-1], chosen).to_pylist() == expected
    chunks = pa.chunked_array([column[1 : 1 + cut], column[1 + cut : -1]])
    assert normalise(chunks, chosen).to_pylist() == expected


@given(texts, options)
def test_normalising_twice_equals_once(text, chosen):
    once = made_uniform(text, chosen)
    assert made_uniform(once, chosen) == once
    if chosen.unicode_form:
        assert unicodedata.is_normalized(chosen.unicode_form, once)


@given(st.lists(hostile_bytes, max_size=4), options)
def test_any_bytes_are_rewritten_safely_and_alike_without_compiling(documents, chosen):
    buffers = text_buffers(pa.array([b"ab", *documents], pa.large_binary())[1:])
    most = -1 if chosen.max_blank_lines is None else chosen.max_blank_lines
    arguments = (*buffers, _actions(chosen), chosen.trailing_blanks, most)
    compiled, plain = kernels.rewrite(*arguments), PLAIN.rewrite(*arguments)
    assert [one.tolist() for one in compiled] == [one.tolist() for one in plain]
    assert len(compiled[0]) <= sum(map(len, documents))
