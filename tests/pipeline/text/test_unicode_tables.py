import sys
import unicodedata

import numpy as np
import pytest

from pipeline.text.unicode_tables import (
    CLASS_MASK,
    CODE_POINTS,
    FOLDS,
    LETTER,
    MARK,
    MID_BOTH,
    SENTENCE_END,
    SPACE,
    UNSPACED,
    class_of,
    fold_of,
    unicode_tables,
)


def test_the_tables_say_of_every_code_point_what_the_slow_rules_say():
    tables = unicode_tables()
    every = [chr(point) for point in range(sys.maxunicode + 1)]
    assert len(tables.classes) == len(tables.folds) == CODE_POINTS
    assert (tables.classes & CLASS_MASK).tolist() == [class_of(one) for one in every]
    folded = [p for p in range(0x20000) if unicodedata.category(chr(p))[0] in "LMNSP"]
    assert tables.folds[folded].tolist() == [fold_of(chr(p)) for p in folded]


def test_the_flag_for_folding_is_set_exactly_where_folding_changes_something():
    tables = unicode_tables()
    changes = tables.folds != np.arange(CODE_POINTS)
    assert ((tables.classes & FOLDS) != 0).tolist() == changes.tolist()


@pytest.mark.parametrize(
    ("character", "kind"),
    [
        ("한", LETTER),
        ("ㄱ", LETTER),
        ("中", UNSPACED),
        ("か", UNSPACED),
        ("ー", UNSPACED),
        ("ｶ", UNSPACED),
        ("ﾞ", MARK),
        ("\u3099", MARK),
        ("ก", UNSPACED),
        ("ိ", MARK),
        ("’", MID_BOTH),
        ("'", MID_BOTH),
        ("\u3000", SPACE),
        ("\u00a0", SPACE),
        ("Ａ", LETTER),
    ],
)
def test_characters_have_the_class_of_their_script(character, kind):
    assert class_of(character) == kind


@pytest.mark.parametrize("character", [".", "。", "！", "؟", "।", "…", "។"])
def test_terminal_punctuation_of_many_scripts_ends_a_sentence(character):
    assert unicode_tables().classes[ord(character)] & SENTENCE_END


@pytest.mark.parametrize(
    ("upper", "lower"), [("Ж", "ж"), ("Σ", "σ"), ("ς", "σ"), ("ẞ", "ß"), ("’", "'"), ("İ", "İ")]
)
def test_folding_is_simple_case_folding_with_straight_apostrophes(upper, lower):
    assert fold_of(upper) == ord(lower)


def test_the_tables_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        unicode_tables().classes[0] = 1
