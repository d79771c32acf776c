"""What each code point is, as arrays that kernels index: class, flags and simple case folding.

Built from Python's `unicodedata` in about 60 ms on first use; `UNICODE_VERSION` therefore decides
output bytes and belongs in a stage's fingerprint.
"""

import unicodedata
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

UNICODE_VERSION: Final = unicodedata.unidata_version
"""Version of the Unicode data that the tables are built from."""

CODE_POINTS: Final = 0x110000

OTHER: Final = 0
"""Unassigned, private use, surrogates, control characters that are not white space."""
SPACE: Final = 1
"""White space within a line."""
LINE_BREAK: Final = 2
"""White space that ends a line in the eyes of Unicode (only U+000A ends one for signals)."""
LETTER: Final = 3
"""A letter of a script that puts spaces between words: Latin, Cyrillic, Hangul …"""
DIGIT: Final = 4
"""A decimal digit (Nd)."""
NUMBER: Final = 5
"""Another number (Nl, No)."""
UNSPACED: Final = 6
"""A letter of a script that puts no spaces between words: a token by itself."""
MARK: Final = 7
"""A combining mark: stays with what it follows."""
FORMAT: Final = 8
"""An invisible character that stays with what it follows, and is not part of the token."""
MID_LETTER: Final = 9
"""Joins letters when between two of them."""
MID_NUMBER: Final = 10
"""Joins digits when between two of them."""
MID_BOTH: Final = 11
"""Joins letters, or digits, when between two of the same: apostrophe, full stop."""
JOINER: Final = 12
"""Joins letters and digits alike when between two of them: the low line."""
PUNCTUATION: Final = 13
SYMBOL: Final = 14

CLASS_MASK: Final = 0x0F
"""The bits of an entry that hold the class."""
SENTENCE_END: Final = 0x10
"""Flag: terminal punctuation."""
CLOSER: Final = 0x20
"""Flag: a quote or closing bracket that may follow terminal punctuation."""
BULLET: Final = 0x40
"""Flag: opens an item of a list when it comes first in a line."""
FOLDS: Final = 0x80
"""Flag: case folding changes it (only then does a kernel touch the large table)."""

# UAX #29 Word_Break values MidLetter, MidNum, MidNumLet, Single_Quote and ExtendNumLet. The colon is
# left out of MidLetter, as ICU does ("note:this" is two words), and ExtendNumLet joins one at a time.
_MID_LETTER: Final = "\u00b7\u0387\u055f\u05f4\u2027"
_MID_NUMBER: Final = (
    ",;\u037e\u0589\u060c\u060d\u066c\u07f8\u2044\ufe10\ufe14\ufe50\ufe54\uff0c\uff1b"
)
_MID_BOTH: Final = "'.\u2018\u2019\u2024\ufe52\uff07\uff0e"
_JOINER: Final = "_\u203f\u2040\u2054\ufe33\ufe34\ufe4d\ufe4e\ufe4f\uff3f"

_LINE_BREAK: Final = "\n\v\f\r\x1c\x1d\x1e\x85"
_SPACE: Final = "\t\x1f\u200b"  # U+200B marks word boundaries in Thai and Khmer
_MARK: Final = "\uff9e\uff9f"  # half-width voiced sound marks, category Lm
_SPECIAL: Final = _LINE_BREAK + _SPACE + _MARK + _MID_LETTER + _MID_NUMBER + _MID_BOTH + _JOINER

_UNSPACED_RANGES: Final = (
    (0x0E00, 0x0E7F),  # Thai
    (0x0E80, 0x0EFF),  # Lao
    (0x0F00, 0x0FFF),  # Tibetan: syllables are marked, words are not
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x2E80, 0x2FDF),  # CJK and Kangxi radicals
    (0x3005, 0x3007),  # iteration mark, closing mark, ideographic zero
    (0x3021, 0x3029),  # Hangzhou numerals
    (0x3031, 0x303C),  # kana repeat marks, Hangzhou numerals, masu mark
    (0x3041, 0x30FF),  # Hiragana, Katakana
    (0x3105, 0x312F),  # Bopomofo
    (0x31A0, 0x31BF),  # Bopomofo extended
    (0x31F0, 0x31FF),  # Katakana extensions
    (0x3400, 0x4DBF),  # Han extension A
    (0x4E00, 0x9FFF),  # Han
    (0xA9E0, 0xA9FF),  # Myanmar extended B
    (0xAA60, 0xAADF),  # Myanmar extended A, Tai Viet
    (0xF900, 0xFAFF),  # Han compatibility
    (0xFF66, 0xFF9D),  # half-width Katakana
    (0x11700, 0x1174F),  # Ahom
    (0x16FE0, 0x18CFF),  # Tangut, Khitan and their marks
    (0x1AFF0, 0x1B16F),  # Kana supplement and extensions
    (0x1B170, 0x1B2FF),  # Nüshu
    (0x20000, 0x3FFFF),  # Han extensions B and later
)
"""Scripts of line-break class SA and the ideographic ones (Unicode Blocks.txt), inclusive."""

# Sentence_Terminal of PropList.txt (Unicode 15.1) and U+17D6, which is datatrove's set for FineWeb's
# terminal punctuation rule; plus the ellipsis, of which that set has only the form of three full stops.
_SENTENCE_ENDS: Final = (
    "!.?։؞؟۔܀܁܂߹࠷࠹࠽࠾।॥၊။።፧፨᙮᜵᜶᠃᠉᥄᥅᪨᪩᪪᪫᭚᭛᭞᭟᰻᰼᱾᱿‼‽⁇⁈⁉⸮⸼。꓿꘎꘏꛳꛷꡶꡷꣎꣏꤯꧈꧉꩝꩞꩟꫰꫱꯫﹒﹖﹗！．？｡"
    "\u061d\u061e\u061f\u17d4\u17d5\u17d9\u17da\u1b7d\u1b7e\u2e53\u2e54"
    "\U00010a56\U00010a57\U00010f55\U00010f56\U00010f57\U00010f58\U00010f59\U00010f86\U00010f87"
    "\U00010f88\U00010f89\U00011047\U00011048\U000110be\U000110bf\U000110c0\U000110c1\U00011141"
    "\U00011142\U00011143\U000111c5\U000111c6\U000111cd\U000111de\U000111df\U00011238\U00011239"
    "\U0001123b\U0001123c\U000112a9\U0001144b\U0001144c\U000115c2\U000115c3\U000115c9\U000115ca"
    "\U000115cb\U000115cc\U000115cd\U000115ce\U000115cf\U000115d0\U000115d1\U000115d2\U000115d3"
    "\U000115d4\U000115d5\U000115d6\U000115d7\U00011641\U00011642\U0001173c\U0001173d\U0001173e"
    "\U00011944\U00011946\U00011a42\U00011a43\U00011a9b\U00011a9c\U00011c41\U00011c42\U00011ef7"
    "\U00011ef8\U00011f43\U00011f44\U00016a6e\U00016a6f\U00016af5\U00016b37\U00016b38\U00016b44"
    "\U00016e98\U0001bc9f\U0001da88"
    "\u17d6\u2026"
)

# Gopher names no characters; datatrove takes • and -, Dolma * and -. Dashes that open direct speech
# in many languages (– and —) are left out.
_BULLETS: Final = "-*\u2022\u2023\u2043\u25aa\u25ab\u25cb\u25cf\u25e6\uf0b7"

LAST_ASSIGNED: Final = 0x323B0
_TAGS: Final = (0xE0000, 0xE01F0)
"""Beyond plane 3, only tags and variation selectors are assigned (and private use)."""

_CLASS_OF_CATEGORY: Final = {
    "Lu": LETTER, "Ll": LETTER, "Lt": LETTER, "Lm": LETTER, "Lo": LETTER,
    "Mn": MARK, "Mc": MARK, "Me": MARK,
    "Nd": DIGIT, "Nl": NUMBER, "No": NUMBER,
    "Pc": PUNCTUATION, "Pd": PUNCTUATION, "Ps": PUNCTUATION, "Pe": PUNCTUATION,
    "Pi": PUNCTUATION, "Pf": PUNCTUATION, "Po": PUNCTUATION,
    "Sm": SYMBOL, "Sc": SYMBOL, "Sk": SYMBOL, "So": SYMBOL,
    "Zs": SPACE, "Zl": LINE_BREAK, "Zp": LINE_BREAK,
    "Cf": FORMAT, "Cc": OTHER, "Cs": OTHER, "Co": OTHER, "Cn": OTHER,
}  # fmt: skip


class UnicodeTables(NamedTuple):
    """One entry per code point; both arrays are read-only."""

    classes: NDArray[np.uint8]
    """uint8 (0x110000,): class in the low 4 bits, flags above."""
    folds: NDArray[np.uint32]
    """uint32 (0x110000,): the code point that stands for it when case is ignored."""


def class_of(character: str) -> int:
    """Classify one character: the rule that the table is built by."""
    point, category = ord(character), unicodedata.category(character)
    special = {
        _LINE_BREAK: LINE_BREAK, _SPACE: SPACE, _MARK: MARK, _MID_LETTER: MID_LETTER,
        _MID_NUMBER: MID_NUMBER, _MID_BOTH: MID_BOTH, _JOINER: JOINER,
    }  # fmt: skip
    for members, kind in special.items():
        if character in members:
            return kind
    kind = _CLASS_OF_CATEGORY[category]
    if kind in (LETTER, NUMBER) and any(low <= point <= high for low, high in _UNSPACED_RANGES):
        return UNSPACED
    return kind


def fold_of(character: str) -> int:
    """Fold one character: Unicode simple case folding, and apostrophes made straight."""
    if character in "\u2019\uff07":
        return ord("'")
    folded = character.casefold()
    if len(folded) != 1:  # a full folding such as ß -> ss: the simple one is the lower case
        folded = character.lower()
    return ord(folded) if len(folded) == 1 else ord(character)


@cache
def unicode_tables() -> UnicodeTables:
    """Build the tables (once per process)."""
    classes = np.zeros(CODE_POINTS, np.uint8)
    folds = np.arange(CODE_POINTS, dtype=np.uint32)
    for low, high in ((0, LAST_ASSIGNED), _TAGS):
        characters = [chr(point) for point in range(low, high)]
        kinds = [_CLASS_OF_CATEGORY[unicodedata.category(one)] for one in characters]
        classes[low:high] = kinds
    closers = [
        point
        for point in np.flatnonzero(classes == PUNCTUATION).tolist()
        if unicodedata.category(chr(point)) in ("Pe", "Pf", "Pi")
    ]
    for low, high in _UNSPACED_RANGES:
        part = classes[low : high + 1]
        part[(part == LETTER) | (part == NUMBER)] = UNSPACED
    for character in _SPECIAL:
        classes[ord(character)] = class_of(character)
    cased = np.flatnonzero(np.isin(classes, (LETTER, NUMBER, SYMBOL, MARK)))
    for point in [*cased.tolist(), 0x2019, 0xFF07]:
        folds[point] = fold_of(chr(point))
    classes[folds != np.arange(CODE_POINTS)] |= FOLDS
    classes[[ord(one) for one in _SENTENCE_ENDS]] |= SENTENCE_END
    classes[[ord(one) for one in _BULLETS]] |= BULLET
    classes[[*closers, ord('"'), ord("'"), ord("*"), ord("_")]] |= CLOSER
    classes.flags.writeable = folds.flags.writeable = False
    return UnicodeTables(classes, folds)
