import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data_contracts.edits import is_edit
from pipeline.buffers import text_buffers
from pipeline.clean import kernels
from pipeline.clean.columns import COLUMNS
from pipeline.clean.edits import edit
from pipeline.clean.quality.model import NO_MODEL
from pipeline.clean.recipe import CleanRecipe
from pipeline.clean.signals import DEFINITIONS, EDITS, MEASURED, SIGNALS, measure
from pipeline.clean.stop_words import stop_rows, stop_table
from pipeline.text.unicode_tables import unicode_tables
from tests.pipeline.text.hostile_text import hostile_bytes, texts
from tests.reference.plain_kernels import plain_kernels, wrapping_integers
from tests.reference.signals import signals

PLAIN = plain_kernels("pipeline.clean.kernels")
PROSE = (
    "The quick brown fox has jumped over the lazy dog, and it was glad of that.\n"
    "“Don’t you want to be with us?” asked the dog. They have to go...\n\n"
    "- first, 42 things\n- second, 3.14 things…\n"
)


def measured(text):
    return measure(pa.array([text], pa.large_string())).to_pylist()[0]


def numbers_of(text, language="und", module=kernels):
    buffers = text_buffers(pa.array([text], pa.large_string()))
    rows = stop_rows(pa.array([language]))
    with wrapping_integers():
        out, _ = module.measure(*buffers, *unicode_tables(), rows, stop_table()[1], *NO_MODEL[:2])
    return dict(zip(COLUMNS, out[0].tolist(), strict=True))


@given(texts, st.sampled_from(["en", "zh", "und"]))
@example(PROSE, "en")
@example("中文测试。" * 30, "zh")
@example("- \n-", "en")
def test_every_signal_is_what_the_slow_twin_counts(text, language):
    expected = signals(text, language)
    assert set(expected) == set(COLUMNS)
    assert numbers_of(text, language) == pytest.approx(expected, rel=1e-12)


@given(texts)
@example(PROSE)
def test_the_plain_functions_measure_what_the_compiled_ones_measure(text):
    assert numbers_of(text, "en", PLAIN) == numbers_of(text, "en")


@given(st.lists(texts, max_size=6), st.data())
def test_slicing_chunking_and_order_change_no_signal(documents, data):
    column = pa.array(["x", *documents, "y"], pa.large_string())
    rows = measure(column).to_pylist()[1:-1]
    assert measure(column[1:-1]).to_pylist() == rows
    cut = data.draw(st.integers(0, len(documents)))
    chunks = pa.chunked_array([column[1 : 1 + cut], column[1 + cut : -1]])
    assert measure(chunks).to_pylist() == rows
    assert measure(pa.array(documents[::-1], pa.large_string())).to_pylist() == rows[::-1]


@given(hostile_bytes)
def test_any_bytes_are_measured_safely_and_alike_without_compiling(data):
    buffers = text_buffers(pa.array([b"ab", data, b"cd"], pa.large_binary())[1:2])
    given_numbers = (*buffers, *unicode_tables(), stop_rows(pa.array(["en"])), stop_table()[1])
    out, _ = kernels.measure(*given_numbers, *NO_MODEL[:2])
    with wrapping_integers():
        plain, _ = PLAIN.measure(*given_numbers, *NO_MODEL[:2])
    assert np.isfinite(out).all()
    assert out.tolist() == plain.tolist()
    assert out[0, COLUMNS.index("bytes")] == len(data)


@given(texts)
def test_ratios_are_within_their_bounds_and_nothing_is_null(text):
    row = measured(text)
    assert list(row) == MEASURED.names
    for one in DEFINITIONS:
        assert row[one.name] >= 0
        if one.unit.startswith("of ") and not one.name.startswith("top_"):
            assert row[one.name] <= 1
    assert 0 <= row["quality"] <= 1
    assert 0 <= row["language_score"] <= 1


def test_prose_measures_as_prose():
    row = measured(PROSE)
    assert (row["language"], row["lines"], row["paragraphs"]) == ("en", 4, 2)
    assert row["stop_words"] == 8
    assert row["bullet_line_ratio"] == 0.5
    assert row["ellipsis_line_ratio"] == 0.5
    assert row["sentence_end_line_ratio"] == 0.75
    assert row["duplicate_line_ratio"] == 0


@pytest.mark.parametrize("text", ["中文测试文本" * 40, "中文测试文本。\n" * 40, "春眠不覺曉" * 40])
def test_a_fully_repeated_chinese_text_scores_as_repeated(text):
    row = measured(text)
    assert row["unspaced_ratio"] == 1
    assert row["top_2gram_ratio"] > 0.2
    assert row["top_4gram_ratio"] >= 0.5
    assert row["duplicate_10gram_ratio"] > 0.7


def test_repeated_lines_count_after_the_first_and_blank_ones_not_at_all():
    row = measured("same\n\n\n\n  same \nother\nsame")
    assert row["lines"] == 4
    assert row["duplicate_line_ratio"] == 2 / 4
    assert row["duplicate_line_character_ratio"] == 8 / 17
    assert row["line_break_ratio"] == 6 / 4


def test_curly_and_straight_quotes_measure_alike():
    curly, straight = measured("“I don’t,” she said."), measured('"I don\'t," she said.')
    for name in COLUMNS:
        if name != "bytes":
            assert curly[name] == straight[name]


def test_decomposed_text_has_the_words_of_composed_text():
    text = "Déjà vu à Göttingen, où l’été s’achève. が"
    composed = measured(text)
    apart = measured(unicodedata.normalize("NFD", text))
    for name in ("words", "letter_word_ratio", "unspaced_ratio"):
        assert composed[name] == apart[name]


@pytest.mark.parametrize(
    "text",
    [
        "L’ÉTÉ s’achève, où Zoë naïve dort.",
        "데이터 한국어 입니다.",
        "がぎぐげご、データとパン。",
        "Việt Nam ở đây.",
    ],
)
def test_composed_and_decomposed_text_are_kept_and_measured_alike(text):
    forms = [unicodedata.normalize(form, text * 9) for form in ("NFC", "NFD")]
    assert forms[0] != forms[1]
    texts, lost = edit(pa.array(forms, pa.large_string()), CleanRecipe())
    assert texts.to_pylist() == [forms[0], forms[0]]
    one, other = measure(texts, lost).to_pylist()
    assert one == other


@pytest.mark.parametrize("line", ["**Antigone:** Why?", "---", "-5 degrees", "– Oui, dit-elle."])
def test_emphasis_rules_and_dashes_of_speech_are_no_bullets(line):
    assert measured(line)["bullet_line_ratio"] == 0


def test_an_empty_table_is_measured_too():
    table = measure(pa.array([], pa.large_string()))
    assert table.schema.equals(MEASURED)
    assert table.num_rows == 0


def test_every_signal_is_defined_promised_and_never_null():
    names = [one.name for one in DEFINITIONS]
    assert names == [*COLUMNS, "quality", *(one.name for one in EDITS)]
    assert SIGNALS.names == ["record_id", "source", "language", "language_score", *names]
    assert not any(field.nullable for field in SIGNALS)
    ratio = {"removed_word_ratio"}
    assert {field.name for field in SIGNALS if is_edit(field)} == {
        one.name for one in EDITS
    } - ratio
    assert all(one.definition and one.unit for one in DEFINITIONS)
