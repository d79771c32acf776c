"""A word-by-word difference of two documents, in bounded time, ready to be read.

Words are runs of letters between white space; where a script has no spaces, single characters. So a
changed Chinese sentence shows the characters that changed, not one long replaced line.
"""

import re
from typing import Final, Literal

from data_contracts.frozen import Frozen
from flows.reports.visible_text import visible

MAX_WORDS: Final = 1000
"""Words compared on each side, counted from just before the texts first differ."""
CONTEXT_WORDS: Final = 12
"""Equal words shown on each side of a difference."""
MAX_PARTS: Final = 40
"""Parts shown; a reader has understood by then."""
MAX_WORD_CHARACTERS: Final = 100
"""Longer words are cut: text without spaces may be megabytes long."""
_CONTEXT_CHARACTERS: Final = 60
_LEAST_SKIPPED: Final = 8  # saying that fewer words are left out takes as much room as they do
_MAX_CHARACTERS: Final = 40 * MAX_WORDS

_IDEOGRAPH: Final = "[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_WORD: Final = re.compile(rf"{_IDEOGRAPH}\s*|(?:(?!{_IDEOGRAPH})\S)+\s*")

Kind = Literal["same", "survivor", "member", "skipped"]


class DiffPart(Frozen):
    """A stretch of text that both documents have, or only one."""

    kind: Kind
    """Who has it; `skipped`: words that are left out."""
    text: str
    """The words, made safe to look at; for `skipped` what is left out."""


def word_diff(survivor: str, member: str) -> tuple[DiffPart, ...]:
    """Compare two documents word by word.

    Args:
        survivor: The text that is in the dataset.
        member: The text that repeats it.

    Returns:
        Parts in reading order; equal texts give their beginning as one `same` part.
    """
    start = _start(survivor, member)
    left, right = _words(survivor[start:]), _words(member[start:])
    longer = max(len(left), len(right)) > MAX_WORDS
    left, right = left[:MAX_WORDS], right[:MAX_WORDS]
    parts: list[DiffPart] = []
    if start:
        parts.append(DiffPart(kind="skipped", text=f"{start:,} equal characters"))
    i = j = 0
    blocks = [*_readable(_equal_runs(left, right), len(left), len(right))]
    for number, (at_left, at_right, length) in enumerate(blocks):
        parts += _shown("survivor", left[i:at_left]) + _shown("member", right[j:at_right])
        i, j = at_left + length, at_right + length
        last = number == len(blocks) - 1 and i == len(left) and j == len(right)
        parts += _equal(left[at_left:i], after=bool(at_left or at_right), before=not last)
    parts += _shown("survivor", left[i:]) + _shown("member", right[j:])
    if longer:
        parts.append(DiffPart(kind="skipped", text="the texts go on"))
    if len(parts) > MAX_PARTS:
        parts = [*parts[:MAX_PARTS], DiffPart(kind="skipped", text="more differences follow")]
    return tuple(parts)


def _words(text: str) -> list[str]:
    return [found.group() for found in _WORD.finditer(text[:_MAX_CHARACTERS])]


def _start(one: str, other: str) -> int:
    """Find where to begin: at a word, some words before the texts first differ."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # the longest common prefix, halving: texts may be megabytes long
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    if low == len(one) == len(other) or low <= _CONTEXT_CHARACTERS:
        return 0
    blank = one.find(" ", low - _CONTEXT_CHARACTERS, low)
    return blank + 1 if blank >= 0 else low - _CONTEXT_CHARACTERS


def _equal_runs(left: list[str], right: list[str]) -> list[tuple[int, int, int]]:
    """Find a longest common subsequence as runs of (start left, start right, length).

    Bit-parallel, one whole row of the table per integer operation, so that no input is slow:
    H. Hyyrö, "Bit-parallel LCS-length computation revisited", 2004.
    """
    one, other = [word.strip() for word in left], [word.strip() for word in right]
    places: dict[str, int] = {}
    for number, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << number
    everything = (1 << len(one)) - 1
    rows = [everything]
    for word in other:
        row = rows[-1]
        matches = row & places.get(word, 0)
        rows.append((row + matches | row - matches) & everything)

    def longest(i: int, j: int) -> int:
        return i - (rows[j] & (1 << i) - 1).bit_count()

    runs: list[tuple[int, int, int]] = []
    i, j = len(one), len(other)
    while i and j:
        if one[i - 1] == other[j - 1]:
            i, j = i - 1, j - 1
            follows = runs and runs[-1][:2] == (i + 1, j + 1)
            length = runs.pop()[2] + 1 if follows else 1
            runs.append((i, j, length))
        elif longest(i - 1, j) >= longest(i, j - 1):
            i -= 1
        else:
            j -= 1
    return runs[::-1]


def _readable(
    runs: list[tuple[int, int, int]], left: int, right: int
) -> list[tuple[int, int, int]]:
    """Leave out runs shorter than both changes around them: a lone `the` explains nothing."""
    kept: list[tuple[int, int, int]] = []
    i = j = 0
    for number, (at_left, at_right, length) in enumerate(runs):
        next_left, next_right, _ = runs[number + 1] if number + 1 < len(runs) else (left, right, 0)
        before = max(at_left - i, at_right - j)
        after = max(next_left - at_left - length, next_right - at_right - length)
        if length >= min(before, after):
            kept.append((at_left, at_right, length))
            i, j = at_left + length, at_right + length
    return kept


def _equal(words: list[str], *, after: bool, before: bool) -> list[DiffPart]:
    """Show equal words next to a difference (`after` one, `before` one), and count the others."""
    if not after and not before:
        after = True
    head = words[:CONTEXT_WORDS] if after else []
    rest = words[len(head) :]
    tail = rest[max(0, len(rest) - CONTEXT_WORDS) :] if before else []
    left_out = len(rest) - len(tail)
    if left_out < _LEAST_SKIPPED:
        return _shown("same", words)
    return [*_shown("same", head), _skipped(left_out), *_shown("same", tail)]


def _shown(kind: Kind, words: list[str]) -> list[DiffPart]:
    if not words:
        return []
    text = "".join(
        word if len(word) <= MAX_WORD_CHARACTERS else f"{word[:MAX_WORD_CHARACTERS]}… "
        for word in words
    )
    gap = " " if words[-1][-1:].isspace() else ""
    return [DiffPart(kind=kind, text=visible(" ".join(text.split()) + gap))]


def _skipped(words: int) -> DiffPart:
    return DiffPart(kind="skipped", text=f"{words:,} equal word{'s' if words > 1 else ''}")
