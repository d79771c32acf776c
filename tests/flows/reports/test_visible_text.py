import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from flows.reports.visible_text import MAX_MARKS, code_point, one_line, visible
from tests.flows.reports.hostile_corpus import HOSTILE
from tests.flows.reports.page_structure import hidden_characters


def test_bidirectional_overrides_are_written_out():
    assert visible("a\u202egnp.exe") == "a⟦U+202E⟧gnp.exe"
    assert visible("\u2066x\u2069") == "⟦U+2066⟧x⟦U+2069⟧"


def test_line_breaks_and_tabs_stay():
    assert visible("one\r\ntwo\tthree\n") == "one\ntwo\tthree\n"


def test_a_lone_combining_mark_sits_on_a_dotted_circle():
    assert visible("\u0301x") == "◌\u0301x"
    assert visible("a \u0301") == "a ◌\u0301"


def test_a_tower_of_marks_is_cut_short_and_counted_out():
    shown = visible("Z" + "\u0336" * 40)
    assert shown.startswith("Z" + "\u0336" * MAX_MARKS + "⟦U+0336⟧")


def test_marks_that_spell_words_stay():
    for word in ("Tiếng Việt", "हिन्दी", "שָׁלוֹם", "می‌خواهم", "คำ"):
        assert visible(word) == word


def test_a_joiner_between_ascii_letters_is_written_out():
    assert visible("pass\u200bword") == "pass⟦U+200B⟧word"
    assert visible("pass\u200dword") == "pass⟦U+200D⟧word"


def test_a_long_text_says_how_much_is_left_out():
    assert visible("x" * 1000, 10) == "x" * 10 + " … (990 more characters)"


def test_a_line_of_megabytes_is_shown_on_one_short_line():
    assert one_line("word " * 2_000_000, 20) == "word word word word…"
    assert len(one_line("x" * 10_000_000, 20)) == 21


@given(st.text())
def test_nothing_invisible_is_left(text):
    joiners = {"\u200c", "\u200d"}
    assert set(hidden_characters(visible(text))) <= joiners
    assert "\n" not in one_line(text, 50)


@given(st.text(st.characters(categories=("L", "N", "P", "S"))))
def test_what_can_be_seen_is_left_alone(text):
    assert visible(text) == text


def test_every_hidden_character_of_the_hostile_text_is_named():
    shown = visible(HOSTILE)
    for character in hidden_characters(HOSTILE):
        assert code_point(character) in shown
        assert unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"}
