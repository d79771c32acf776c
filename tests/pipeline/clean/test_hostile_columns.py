"""What every part of cleaning must bear: nulls, chunks, slices, odd bytes, enormous lines."""

import itertools
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.errors import SchemaMismatch
from pipeline.buffers import text_buffers
from pipeline.clean.edits import edit
from pipeline.clean.language import identify
from pipeline.clean.lines.texts import edit_lines
from pipeline.clean.normalise.mojibake import repair
from pipeline.clean.normalise.texts import normalise
from pipeline.clean.quality.model import QualityModel
from pipeline.clean.quality.training import score
from pipeline.clean.recipe import CleanRecipe, LineRules, Normalise, Pii
from pipeline.clean.signals import measure
from pipeline.pii.columns import KINDS
from pipeline.pii.texts import redact
from tests.pipeline.text.hostile_text import texts as any_texts

MODEL = QualityModel(np.linspace(-1, 1, 16, dtype=np.float32), 0.0, {})
LINES = LineRules(
    citations=True,
    max_word_length=50,
    min_words=2,
    javascript=True,
    policy=True,
    max_uppercase_ratio=0.5,
    numeric=True,
    counters=True,
)
REDACT = Pii(**dict.fromkeys(KINDS, "redact"))
EVERYTHING = CleanRecipe(line_rules=LINES, pii=REDACT)
WITHOUT_LINE_RULES = CleanRecipe(pii=REDACT)


def edited(column, recipe=EVERYTHING):
    texts, counts = edit(column, recipe)
    return texts.to_pylist(), [counts[name].tolist() for name in sorted(counts)]


PARTS = {
    "repair": lambda column: repair(column).texts.to_pylist(),
    "normalise": lambda column: normalise(column, Normalise()).to_pylist(),
    "lines": lambda column: edit_lines(column, LINES).texts.to_pylist(),
    "personal data": lambda column: redact(column, KINDS).texts.to_pylist(),
    "edit": edited,
    "language": lambda column: identify(text_buffers(column)).labels.to_pylist(),
    "measure": lambda column: measure(column, model=MODEL).to_pylist(),
    "score": lambda column: score(column, MODEL).tolist(),
}
every_part = pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)


@every_part
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_nulls_and_what_is_no_text_are_refused(part, kind):
    with pytest.raises(SchemaMismatch, match="1 of 3 are null"):
        part(pa.array(["a", None, "b"], kind))
    with pytest.raises(SchemaMismatch, match="1 of 2 are null"):
        part(pa.chunked_array([pa.array(["a"], kind), pa.array([None], kind)]))
    with pytest.raises(SchemaMismatch, match="not text"):
        part(pa.array([1, 2]))
    sliced = pa.array(["a", None, "b"], kind)[2:]
    assert part(sliced) == part(pa.array(["b"], kind))


@every_part
@settings(max_examples=25)
@given(st.lists(any_texts, max_size=5), st.data())
def test_neither_chunks_nor_slices_nor_offsets_of_32_bits_matter(part, documents, data):
    column = pa.array(["\u0301a@b.org", *documents, "12 likes\n"], pa.large_string())
    whole = part(column[1:-1])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(documents)), max_size=3)))
    ends = [0, *cuts, len(documents)]
    chunks = [column[1 + a : 1 + b] for a, b in itertools.pairwise(ends)]
    assert part(pa.chunked_array(chunks)) == whole
    narrow = pa.array(["x", *documents], pa.string())[1:]
    assert part(narrow) == whole
    assert part(pa.chunked_array([], pa.large_string())) == part(column[:0])


REPEATED = [
    "a", "l", "中", "\u0301", "a\u0301", " ", "\n", " \n", ".", "…", '"', "#", "[1", "[[", "9", "1.", "1 ",
    "100.100.100.100-", "a:", "::1 ", "+1 ", "a@b.co ", "@", "x@y.", "sk-1-", "eyJaaaaaaaaaa-",
    "eyJaaaaaaaaaa.", "xoxb-", "-----BEGIN PRIVATE KEY-----", "DE12 ", "GB82WEST12345698765432 ",
    "4111 1111 1111 1111 ", "lorem ", "javascrip", "use cookie", "Ã©", "â€", "order ", "ﷺ", "\ufeff",
]  # fmt: skip
SIZE = 300_000
MOST_SECONDS = 6
"""A part that is quadratic takes minutes for a line of this size; the machine may be busy."""


@pytest.mark.parametrize("piece", REPEATED)
def test_an_enormous_line_of_anything_is_cleaned_in_proportion(piece):
    column = pa.array([piece * (SIZE // len(piece.encode()))], pa.large_string())
    began = time.process_time()
    texts, lost = edit(column, WITHOUT_LINE_RULES)
    row = measure(texts, lost, MODEL).to_pylist()[0]
    edit_lines(column, LINES)
    assert time.process_time() - began < MOST_SECONDS
    assert row["bytes"] == len(texts[0].as_py().encode())
    assert all(np.isfinite(value) for value in row.values() if not isinstance(value, str))


def test_a_document_of_two_million_words_is_measured():
    text = "word " * 2_000_000
    row = measure(pa.array([text], pa.large_string())).to_pylist()[0]
    assert (row["words"], row["lines"]) == (2_000_000, 1)
    assert row["duplicate_10gram_ratio"] == pytest.approx(0.8, abs=1e-3)
