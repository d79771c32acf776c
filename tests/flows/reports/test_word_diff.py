import time

from hypothesis import given
from hypothesis import strategies as st

from flows.reports.word_diff import word_diff

WORDS = st.lists(st.sampled_from(["a", "b", "the", "moon"]), max_size=12).map(" ".join)


def kinds(one, other):
    return [(part.kind, part.text.strip()) for part in word_diff(one, other)]


def test_a_changed_word_is_shown_in_both_forms():
    assert kinds("the quick fox runs", "the slow fox runs") == [
        ("same", "the"),
        ("survivor", "quick"),
        ("member", "slow"),
        ("same", "fox runs"),
    ]


def test_chinese_is_compared_character_by_character():
    assert ("survivor", "觉晓") in kinds("春眠不觉晓，处处闻啼鸟", "春眠不覺曉，处处闻啼鸟")


def test_far_equal_words_are_counted_instead_of_shown():
    text = " ".join(f"w{n}" for n in range(100))
    parts = kinds(f"start {text} end", f"begin {text} finish")
    assert ("skipped", "76 equal words") in parts


def test_a_difference_deep_in_a_long_text_is_found():
    text = "word " * 500_000
    assert ("member", "new") in kinds(f"{text} old tail", f"{text} new tail")


def test_equal_texts_have_no_difference():
    assert {kind for kind, _ in kinds("one two " * 50, "one two " * 50)} <= {"same", "skipped"}


def test_no_input_is_slow():
    started = time.perf_counter()
    for one, other in (("a " * 9999, "a b " * 9999), ("a" * 9_999_999, "b" * 9_999_999)):
        word_diff(one, other)
    assert time.perf_counter() - started < 2


@given(WORDS, WORDS)
def test_the_parts_give_back_both_texts(one, other):
    parts = word_diff(one, other)
    for side, text in (("survivor", one), ("member", other)):
        rebuilt = " ".join(part.text.strip() for part in parts if part.kind in {"same", side})
        assert rebuilt.split() == text.split()


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_can_be_compared(one, other):
    word_diff(one, other)
