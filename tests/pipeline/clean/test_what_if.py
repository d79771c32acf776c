import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import SchemaMismatch
from pipeline.clean.recipe import CleanRecipe, Rules, UnspacedRules
from pipeline.clean.rules import decide
from pipeline.clean.signals import DEFINITIONS, SIGNALS
from pipeline.clean.what_if import Evidence, what_if

NONE = CleanRecipe(preset="none")
ZEROS = {one.name: 0 for one in DEFINITIONS} | {"language": "en", "language_score": 1.0, "lines": 1}


def at_least(words):
    return CleanRecipe(
        preset="none",
        rules=Rules(min_words=words, max_words=None),
        unspaced_rules=UnspacedRules(min_words=words),
    )


def table(words, source="books", first=0):
    rows = [
        {**ZEROS, "record_id": f"{first + n:032x}", "source": source, "words": one}
        for n, one in enumerate(words)
    ]
    return pa.Table.from_pylist(rows, schema=SIGNALS)


def test_flips_are_counted_per_source_and_rule_with_examples():
    signals = [table([10, 20, 30, 40]), table([20, 5], "notes", 10)]
    found = what_if(signals, at_least(25), at_least(15), {}, examples=1)
    books, notes = found.sources["books"], found.sources["notes"]
    assert (books.records, books.kept_before, books.kept_after) == (4, 2, 3)
    assert (notes.records, notes.kept_before, notes.kept_after) == (2, 0, 1)
    assert books.newly_kept == notes.newly_kept == {"too_few_words": 1}
    assert books.newly_dropped == {}
    assert found.flips == 2
    assert [(one.record_id[-2:], one.becomes) for one in found.examples] == [
        ("01", "kept"),
        ("0a", "kept"),
    ]
    assert found.examples[0].reasons == (Evidence(rule="too_few_words", value=20, threshold=25),)


def test_a_record_that_fails_another_rule_instead_does_not_flip():
    before, after = at_least(25), CleanRecipe(preset="none", languages=("de",))
    assert what_if([table([10])], before, after, {}).flips == 0


def test_the_declared_language_counts_as_it_does_in_the_stage():
    found = what_if([table([10])], NONE, CleanRecipe(preset="none", languages=("de",)), {})
    assert found.sources["books"].newly_dropped == {"wrong_language": 1}


def test_signals_of_another_version_are_refused():
    with pytest.raises(SchemaMismatch, match="sentences"):
        what_if([table([1]).drop_columns(["sentences"])], NONE, NONE, {})


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=20), st.integers(0, 60), st.integers(0, 60)
)
def test_parts_do_not_matter_and_the_fates_are_those_of_the_rules(words, one, other):
    whole = table(words)
    before, after = at_least(one), at_least(other)
    found = what_if([whole], before, after, {})
    parts = [whole.slice(n, 3) for n in range(0, len(words), 3)]
    assert what_if(reversed(parts), before, after, {}) == found
    kept = [len(words) - decide(whole, recipe, {}).num_rows for recipe in (before, after)]
    assert [found.sources["books"].kept_before, found.sources["books"].kept_after] == kept
    assert found.flips == abs(kept[0] - kept[1])
