"""Line rules on a text column: which lines go, and how many went for which rule.

C4: Raffel et al. 2020, JMLR 21(140), 2.2, and tensorflow_datasets `c4_utils.py`. RefinedWeb: Penedo
et al. 2023, arXiv 2306.01116, G.2, and DCLM's `modifiers.py`, which spells out what counters count.
What differs from them: DECISIONS.md.
"""

from functools import cache
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.buffers import TextBuffers, text_array, text_buffers
from pipeline.clean.lines import columns as c
from pipeline.clean.lines import kernels
from pipeline.clean.recipe import LineRules
from pipeline.text.unicode_tables import (
    CLASS_MASK,
    CODE_POINTS,
    LAST_ASSIGNED,
    LINE_BREAK,
    SPACE,
    unicode_tables,
)

JAVASCRIPT: Final = ("javascript",)
POLICY: Final = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
_ANCHORS: Final = np.array([list(one) for one in (b"java", b"olic", b"ooki", b"f us")], np.uint8)
"""Each of the phrases above holds one of these: what holds none of them need not be searched."""
COUNTED: Final = (
    "likes", "shares", "comments", "retweets", "reposts", "quotes", "bookmarks", "upvotes",
    "downvotes", "downloads", "views", "followers",
)  # fmt: skip


class Edited(NamedTuple):
    """Texts after line rules, and what they lost."""

    texts: pa.Array
    """large_string, or the column given when no rule is on."""
    counts: NDArray[np.int64]
    """int64 (texts, len(COLUMNS))."""


def edit_lines(texts: pa.Array | pa.ChunkedArray, rules: LineRules) -> Edited:
    """Take out the lines that break a rule by themselves (`max_documents` asks other records too).

    Args:
        texts: Normalised texts, without nulls.
        rules: The rules.

    Returns:
        As many texts, which may be empty. Blank lines stay: after this a text may begin or end with
        some, or hold many in a row.

    Raises:
        SchemaMismatch: As `text_buffers`.
    """
    if rules.alone == LineRules():
        return Edited(texts, np.zeros((len(texts), len(c.COLUMNS)), np.int64))
    phrases = {c.JAVASCRIPT: JAVASCRIPT * rules.javascript, c.POLICY: POLICY * rules.policy}
    numbers = [column for column, some in phrases.items() for _ in some]
    limits = np.zeros(len(c.COLUMNS), np.int64)
    limits[c.LONG_WORD] = rules.max_word_length or 0
    limits[c.UNFINISHED] = rules.sentence_end
    limits[c.SCANTY] = rules.min_words or 0
    limits[c.NUMERIC] = rules.numeric
    limits[c.COUNTER] = rules.counters
    limits[c.CITATIONS] = rules.citations
    text_bytes, starts, counts = kernels.edit_lines(
        *text_buffers(texts),
        unicode_tables().classes,
        _kinds(),
        *_joined([one for some in phrases.values() for one in some]),
        np.array(numbers, np.int64),
        _ANCHORS,
        *_joined(COUNTED),
        limits,
        1.0 if rules.max_uppercase_ratio is None else rules.max_uppercase_ratio,
    )
    return Edited(text_array(TextBuffers(text_bytes, starts)), counts)


def _joined(words: list[str] | tuple[str, ...]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    together = np.frombuffer("".join(words).encode() or b"\0", np.uint8)
    return together, np.cumsum([0, *map(len, words)], dtype=np.int64)


@cache
def _kinds() -> NDArray[np.uint8]:
    """Tell for each code point what line rules ask of it."""
    kinds = np.zeros(CODE_POINTS, np.uint8)
    for point in range(LAST_ASSIGNED):
        one = chr(point)
        if one.isalnum() or one == "_":
            kind = c.WORD_KIND | c.UPPER_KIND * one.isupper() | c.DIGIT_KIND * one.isdigit()
            kinds[point] = kind
    blank = unicode_tables().classes & CLASS_MASK
    kinds[(blank == SPACE) | (blank == LINE_BREAK)] = c.BLANK_KIND
    kinds.flags.writeable = False
    return kinds
