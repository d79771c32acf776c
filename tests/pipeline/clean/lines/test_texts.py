import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.buffers import text_buffers
from pipeline.clean.edits import edit
from pipeline.clean.lines import kernels, texts
from pipeline.clean.lines.columns import COLUMNS
from pipeline.clean.lines.texts import edit_lines
from pipeline.clean.recipe import CleanRecipe, LineRules
from pipeline.clean.signals import EDITS
from tests.pipeline.text.hostile_text import hostile_bytes
from tests.pipeline.text.hostile_text import texts as any_texts
from tests.reference.lines import edited
from tests.reference.plain_kernels import plain_kernels

PLAIN = plain_kernels("pipeline.clean.lines.kernels")
EVERY = LineRules(
    citations=True,
    max_word_length=20,
    sentence_end=True,
    min_words=3,
    javascript=True,
    policy=True,
    max_uppercase_ratio=0.5,
    numeric=True,
    counters=True,
)
C4 = CleanRecipe(preset="c4")

rules = st.builds(
    LineRules,
    citations=st.booleans(),
    max_word_length=st.sampled_from([None, 1, 5, 20]),
    sentence_end=st.booleans(),
    min_words=st.sampled_from([None, 1, 2, 4]),
    javascript=st.booleans(),
    policy=st.booleans(),
    max_uppercase_ratio=st.sampled_from([None, 0.0, 0.5]),
    numeric=st.booleans(),
    counters=st.booleans(),
)


def taken(line, chosen):
    """The rule that takes a line out of its text; None: it stays."""
    text, counts = edit_lines(
        pa.array([f"Here it begins.\n{line}\nHere it ends."], pa.large_string()), chosen
    )
    lost = [name for name, n in zip(COLUMNS[:8], counts[0, :8], strict=True) if n]
    assert text[0].as_py() == (
        "Here it begins.\nHere it ends." if lost else f"Here it begins.\n{line}\nHere it ends."
    )
    return lost[0] if lost else None


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("It rained all day.", True),
        ("Did it rain?”", True),
        ("He said “rain.”)", True),
        ('the so-called "rain"', True),
        ("雨下了一整天。", True),
        ("to be continued...", False),
        ("to be continued…", False),
        ("Choose Filter... .", True),
        ("to be continued... \t", False),
        ("to be continued…”", False),
        ("Home | About | Contact", False),
        ("雨下了一整天", False),
    ],
)
def test_a_line_ends_a_sentence_in_any_script_but_not_with_an_ellipsis(line, kept):
    assert taken(line, LineRules(sentence_end=True)) == (None if kept else "unfinished_lines")


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("Please enable JAVASCRIPT to go on.", "javascript_lines"),
        ("We use cookies to serve you.", "policy_lines"),
        ("Read our Privacy Policy before you go on.", "policy_lines"),
        ("We bake cookies on Sundays and Mondays.", None),
        ("x" * 21 + " is a long word.", "long_word_lines"),
        ("一" * 60 + "。", None),
        ("Go on.", "scanty_lines"),
        ("BUY NOW AND SAVE Today.", "uppercase_lines"),
        ("2024", "numeric_lines"),
        ("• 1.2K Views •", "counter_lines"),
        ("3 likes", "counter_lines"),
        ("3 likes and 2 comments", None),
        ("3 liked it", None),
        ("likes", None),
        ("", None),
    ],
)
def test_what_belongs_to_the_page_and_not_to_the_text_goes(line, rule):
    short_lines = {"sentence_end": False, "min_words": 3 if rule == "scanty_lines" else None}
    assert taken(line, EVERY.model_copy(update=short_lines)) == rule


def test_a_line_counts_for_the_first_rule_it_breaks_and_its_words_are_lost():
    text = pa.array(["Use JavaScript\nOne two three four.\n"], pa.large_string())
    kept, counts = edit_lines(text, EVERY)
    assert kept.to_pylist() == ["One two three four.\n"]
    found = dict(zip(COLUMNS, counts[0].tolist(), strict=True))
    assert {name: n for name, n in found.items() if n} == {
        "unfinished_lines": 1,
        "line_words": 6,
        "removed_line_words": 2,
    }


def test_citations_go_and_their_line_stays():
    text = pa.array(["As was shown[12][citation needed] before.[edit] a[1b]\n"], pa.large_string())
    kept, counts = edit_lines(text, LineRules(citations=True))
    assert kept.to_pylist() == ["As was shown before. a[1b]\n"]
    assert counts[0, COLUMNS.index("citations")] == 3


def test_a_phrase_that_a_citation_parted_is_found():
    text = pa.array(["We use coo[12]kies here.\nA [1 line.\n[\n[["], pa.large_string())
    kept, _ = edit_lines(text, LineRules(citations=True, policy=True))
    assert kept.to_pylist() == ["A [1 line.\n[\n[["]
    kept, _ = edit_lines(text, LineRules(policy=True))
    assert kept.to_pylist() == text.to_pylist()


def test_each_phrase_holds_an_anchor():
    anchors = [bytes(one).decode() for one in texts._ANCHORS]
    for phrase in (*texts.JAVASCRIPT, *texts.POLICY):
        assert any(one in phrase for one in anchors)


def test_c4_leaves_the_prose_of_a_page_without_gaps():
    page = (
        "Home | Shop\n\nIt rained all day and all night[3].\n\n\nMenu\n\n\n"
        "We use cookies, as everyone does.\nThen at last the sun came out."
    )
    text, lost = edit(pa.array([page]), C4)
    assert text.to_pylist() == [
        "It rained all day and all night.\n\n\nThen at last the sun came out."
    ]
    lost = {name: float(column[0]) for name, column in lost.items() if column[0]}
    assert lost == {
        "removed_unfinished_lines": 2,
        "removed_policy_lines": 1,
        "removed_citations": 1,
        "removed_word_ratio": pytest.approx(10 / 24),
    }


def test_without_line_rules_texts_are_not_even_copied():
    column = pa.array(["a\n1 like"], pa.large_string())
    assert edit_lines(column, LineRules()).texts is column


def test_every_loss_is_a_signal():
    _, lost = edit(pa.array(["a"]), CleanRecipe())
    assert list(lost) == [one.name for one in EDITS]


@given(st.lists(any_texts, max_size=4), rules)
def test_lines_go_as_the_slow_twin_says_also_in_slices(documents, chosen):
    column = pa.array(["x\n", *documents, "y"], pa.large_string())[1:-1]
    kept, counts = edit_lines(column, chosen)
    expected = [edited(text, chosen) for text in documents]
    assert kept.to_pylist() == [text for text, _ in expected]
    if chosen != LineRules():
        assert counts.tolist() == [numbers for _, numbers in expected]


@given(st.lists(hostile_bytes, max_size=4))
def test_any_bytes_are_edited_safely_and_alike_without_compiling(documents):
    column = pa.array([b"ab", *documents], pa.large_binary())[1:]
    found = []
    for module in (kernels, PLAIN):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(texts, "kernels", module)
            kept, counts = edit_lines(column, EVERY)
        buffers = text_buffers(kept)
        found.append((buffers.text_bytes.tolist(), buffers.starts.tolist(), counts.tolist()))
    assert found[0] == found[1]


@given(st.lists(any_texts, max_size=4), rules)
def test_no_text_grows_and_every_lost_line_is_counted(documents, chosen):
    column = pa.array(documents, pa.large_string())
    kept, counts = edit_lines(column, chosen)
    for before, after, numbers in zip(documents, kept.to_pylist(), counts, strict=True):
        gone = before.count("\n") - after.count("\n")
        assert gone <= numbers[:8].sum() <= gone + 1
        assert len(after) <= len(before)
    assert np.all(counts >= 0)
