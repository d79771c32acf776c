import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.buffers import text_buffers
from pipeline.clean.edits import edit
from pipeline.clean.recipe import CleanRecipe, Pii
from pipeline.clean.rules import decide
from pipeline.clean.signals import SIGNALS, measure
from pipeline.pii import kernels
from pipeline.pii.columns import KINDS
from pipeline.pii.texts import MARKS, _flags, _prefixes, redact
from tests.pipeline.pii.pii_cases import NEGATIVES, POSITIVES
from tests.pipeline.text.hostile_text import hostile_bytes
from tests.pipeline.text.hostile_text import texts as any_texts
from tests.reference.plain_kernels import plain_kernels

PLAIN = plain_kernels("pipeline.pii.kernels")
CASES = [text for _, text, _ in POSITIVES] + NEGATIVES
personal = st.lists(
    st.one_of(any_texts, st.sampled_from(CASES), st.text("0123456789 -.:@aF+", max_size=40)),
    max_size=6,
).map(" ".join)


def signals_of(text, recipe):
    texts, lost = edit(pa.array([text]), recipe)
    columns = [pa.array(["0" * 32]), pa.array(["books"]), *measure(texts, lost).columns]
    return texts[0].as_py(), pa.table(columns, schema=SIGNALS)


def test_a_kind_is_redacted_kept_or_drops_its_record_and_is_counted_anyway():
    text = "Ask jane@example.org or +44 20 7946 0958, again jane@example.org."
    for action in ("redact", "keep", "drop"):
        recipe = CleanRecipe(preset="none", pii=Pii(email=action))
        kept, signals = signals_of(text, recipe)
        assert ("jane" in kept) == (action != "redact")
        assert "+44 20 7946 0958" in kept
        assert (signals["pii_email"][0].as_py(), signals["pii_phone"][0].as_py()) == (2, 1)
        dropped = decide(signals, recipe, {}).to_pylist()
        assert len(dropped) == (action == "drop")
    assert dropped[0]["reasons"] == [
        {"rule": "personal_data", "value": 2, "threshold": 0},
        {"rule": "personal_data:email", "value": 2, "threshold": 0},
    ]


@pytest.mark.parametrize(("kind", "text", "value"), POSITIVES)
def test_no_value_is_in_what_is_handed_on(kind, text, value):
    recipe = CleanRecipe(preset="none", pii=Pii(**dict.fromkeys(KINDS, "redact")))
    kept, signals = signals_of(text, recipe)
    told = json.dumps(signals.to_pylist()) + str(decide(signals, recipe, {}).to_pylist()) + kept
    assert value not in told
    assert MARKS[kind] in kept


def test_keeping_and_dropping_share_what_was_measured():
    keep, drop, redacting = (CleanRecipe(pii=Pii(email=x)) for x in ("keep", "drop", "redact"))
    assert keep.edits == drop.edits != redacting.edits


def test_texts_without_personal_data_are_not_even_copied():
    column = pa.array(["nothing to see", "2024-01-31"], pa.large_string())
    assert redact(column, KINDS).texts is column


@given(st.lists(personal, max_size=4), st.data())
def test_redacting_twice_equals_once_and_slices_change_nothing(documents, data):
    column = pa.array(["a@b.org", *documents, "c@d.org"], pa.large_string())
    texts, counts = redact(column[1:-1], KINDS)
    again, left = redact(texts, KINDS)
    assert again.to_pylist() == texts.to_pylist()
    assert not left.any()
    cut = data.draw(st.integers(0, len(documents)))
    chunks = pa.chunked_array([column[1 : 1 + cut], column[1 + cut : -1]])
    chunked, counted = redact(chunks, KINDS)
    assert chunked.to_pylist() == texts.to_pylist()
    assert (counted == counts).all()


@given(st.lists(st.one_of(hostile_bytes, personal.map(str.encode)), max_size=4))
def test_any_bytes_are_searched_safely_and_alike_without_compiling(documents):
    buffers = text_buffers(pa.array([b"1@", *documents], pa.large_binary())[1:])
    compiled = kernels.find_candidates(*buffers, _flags(), *_prefixes())
    plain = PLAIN.find_candidates(*buffers, _flags(), *_prefixes())
    assert compiled.tolist() == plain.tolist()
    within = (compiled[:, 1] >= buffers.starts[compiled[:, 0]]) & (
        compiled[:, 1] < buffers.starts[compiled[:, 0] + 1]
    )
    assert np.all(within)
