from collections import Counter

import pyarrow as pa
import pytest

from pipeline.pii.columns import KINDS
from pipeline.pii.kinds import luhn
from pipeline.pii.texts import MARKS, redact
from tests.pipeline.pii.pii_cases import NEGATIVES, POSITIVES

RECALL = dict.fromkeys(KINDS, 1.0)
PRECISION = dict.fromkeys(KINDS, 1.0)
"""Floors: what is reached on the labelled texts. Lower one only together with its reason."""


def redacted(texts, kinds=KINDS):
    texts, counts = redact(pa.array(texts, pa.large_string()), kinds)
    return texts.to_pylist(), counts


def wrong(kind, text, value):
    """What is left of a text when only the labelled value is taken out; None: nothing is wrong."""
    (found,), _ = redacted([text], [kind])
    expected = text.replace(value, MARKS[kind])
    return None if found == expected else f"{kind}: {text!r} became {found!r}"


def test_personal_data_in_its_usual_forms_is_found_whole():
    missed = Counter(kind for kind, *case in POSITIVES if wrong(kind, *case))
    total = Counter(kind for kind, *_ in POSITIVES)
    assert set(total) == set(KINDS)
    recall = {kind: 1 - missed[kind] / total[kind] for kind in KINDS}
    assert all(recall[kind] >= RECALL[kind] for kind in KINDS), [
        found for case in POSITIVES if (found := wrong(*case))
    ]


def test_what_only_looks_like_personal_data_is_left_alone():
    _, counts = redacted([*NEGATIVES, *(text for _, text, _ in POSITIVES)])
    found = Counter(dict(zip(KINDS, counts.sum(axis=0).tolist(), strict=True)))
    right = Counter(kind for kind, *_ in POSITIVES)
    precision = {kind: min(right[kind] / found[kind], 1) for kind in KINDS}
    named = [
        (text, [kind for kind, n in zip(KINDS, row, strict=True) if n])
        for text, row in zip(NEGATIVES, counts, strict=False)
        if row.any()
    ]
    assert all(precision[kind] >= PRECISION[kind] for kind in KINDS), (precision, named)


@pytest.mark.parametrize(
    ("digits", "valid"), [("79927398713", True), ("79927398710", False), ("0", True)]
)
def test_luhn_checks_the_last_digit(digits, valid):
    assert luhn(digits) == valid
