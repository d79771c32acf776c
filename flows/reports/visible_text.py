"""Corpus text made safe to look at: bounded, on one reading order, with nothing invisible in it.

Text from a corpus may hold anything: controls, bidirectional overrides that reorder what a reader
sees, invisible characters, towers of combining marks, lines of megabytes. What cannot be seen is
written out as its code point, `⟦U+202E⟧`. Escaping for HTML is the template's work, not done here.
"""

import unicodedata

DOTTED_CIRCLE = "\u25cc"
"""What Unicode shows a combining mark on that has no letter to sit on."""
MAX_MARKS = 4
"""Combining marks in a row that are shown; Vietnamese, Hebrew and Indic text stay within this."""

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"  # needed to spell Persian and Indic words, and in emoji
_KEPT_CONTROLS = "\n\t"


def visible(text: str, max_characters: int | None = None) -> str:
    """Show a text as it is, with everything invisible written out.

    Args:
        text: Any string.
        max_characters: How many of its characters to show; what is left out is counted at the end.

    Returns:
        The text with line breaks and tabs kept, and no other control or format character.
    """
    shown = text if max_characters is None else text[:max_characters]
    out: list[str] = []
    marks = 0
    previous = ""
    for character in shown.replace("\r\n", "\n"):
        if unicodedata.category(character) in {"Mn", "Me", "Mc"}:
            marks += 1
            if marks > MAX_MARKS:
                out.append(code_point(character))
            else:
                bare = not previous or previous.isspace() or out[-1].endswith("⟧")
                out.append(DOTTED_CIRCLE + character if bare and marks == 1 else character)
        else:
            marks = 0
            out.append(_shown(character, previous))
        previous = character
    left = len(text) - len(shown)
    if left:
        out.append(f" … ({left:,} more characters)")
    return "".join(out)


def one_line(text: str, max_characters: int) -> str:
    """Show the beginning of a text on one line, runs of white space as one space.

    Args:
        text: Any string.
        max_characters: Characters shown of it; an ellipsis says that there are more.
    """
    # Split only what can be shown: a line may be megabytes long.
    beginning = " ".join(text[: max_characters * 4].split())
    shown = visible(beginning[:max_characters].rstrip())
    return (
        shown + "…" if len(beginning) > max_characters or len(text) > max_characters * 4 else shown
    )


def code_point(character: str) -> str:
    """Write a character as its code point."""
    return f"⟦U+{ord(character):04X}⟧"


def _shown(character: str, previous: str) -> str:
    if character in _KEPT_CONTROLS:
        return character
    if character in _JOINERS and previous and ord(previous) > 0x7F and not previous.isspace():
        return character
    if unicodedata.category(character) in _HIDDEN:
        return code_point(character)
    return character
