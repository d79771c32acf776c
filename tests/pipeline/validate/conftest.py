"""Inputs of the stage, made small."""

import pytest

from data_contracts.reasons import Reason
from pipeline.validate.recipe import ValidateRecipe
from pipeline.validate.stage import validate
from tests.reference.ledger_inputs import Record, repeats, rows_of, ruled_out, unreadable
from tests.reference.ledger_inputs import write_inputs as write


def corpus():
    """Two sources, three splits, every kind of fate: nothing that a contract complains of, but
    for its size."""
    first = Record("a", text="A text that others repeat.")
    return [
        first,
        *(Record(f"train {number}") for number in range(30)),
        *(Record(f"held out {number}", split="validation") for number in range(3)),
        Record("told last", split="test"),
        *(Record(f"网页 {number}", source="web", language="zh") for number in range(60)),
        unreadable("broken", source="web"),
        ruled_out("short", Reason.TOO_FEW_WORDS, Reason.TOO_MANY_DIGITS),
        repeats("like a", first, 0.85, text="A text that others repeat!"),
        repeats("same as a", first, 1.0, text="A text that others repeat.", source="web"),
    ]


@pytest.fixture
def write_inputs(tmp_path):
    """Writes the stages' outputs; `change` may first tamper with their rows."""
    written = []

    def inputs(records=None, change=None, **options):
        records = corpus() if records is None else records
        rows = rows_of(records)
        if change is not None:
            change(rows)
        written.append(None)
        return write(tmp_path / f"in{len(written)}", records, rows=rows, **options)

    return inputs


@pytest.fixture
def run(tmp_path, write_inputs):
    """Writes inputs and validates them."""
    done = []

    def validated(records=None, change=None, recipe=None, **options):
        inputs = write_inputs(records, change, **options)
        done.append(None)
        return validate(inputs, recipe or ValidateRecipe(), tmp_path / f"out{len(done)}")

    return validated


@pytest.fixture(scope="session")
def healthy(tmp_path_factory):
    """The corpus, validated once for all tests that only look."""
    folder = tmp_path_factory.mktemp("healthy")
    return validate(write(folder / "in", corpus()), ValidateRecipe(), folder / "out")
