"""Tokens found slowly and obviously: the twin of `pipeline.text.kernels`."""

from dataclasses import dataclass
from functools import cache, cached_property

from pipeline.text import unicode_tables
from pipeline.text.unicode_tables import (
    DIGIT,
    FORMAT,
    JOINER,
    LETTER,
    MARK,
    MID_BOTH,
    MID_LETTER,
    MID_NUMBER,
    NUMBER,
    UNSPACED,
)

class_of, fold_of = cache(unicode_tables.class_of), cache(unicode_tables.fold_of)
MASK = (1 << 64) - 1
LETTERS, DIGITS = {LETTER}, {DIGIT, NUMBER}
JOINED_BY = {
    MID_LETTER: [LETTERS],
    MID_NUMBER: [DIGITS],
    MID_BOTH: [LETTERS, DIGITS],
    JOINER: [LETTERS | DIGITS],
}


@dataclass(frozen=True)
class Token:
    text: str  # as written, format characters left out
    has_letter: bool
    unspaced: bool

    @cached_property
    def folded(self) -> str:
        return "".join(chr(fold_of(c)) for c in self.text)

    @property
    def hash(self) -> int:
        state, data = 0xCBF29CE484222325, self.folded.encode()
        for n in range(0, len(data), 8):
            state ^= state >> 29 if n else 0
            eight = int.from_bytes(data[n : n + 8], "little")
            state = ((state ^ eight) * 0x9E3779B97F4A7C15) & MASK
        for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
            state = ((state ^ (state >> 33)) * factor) & MASK
        return state ^ (state >> 33)


def decoded(data: bytes) -> str:
    """Decode UTF-8; every byte outside a valid character is one U+FFFD."""
    text = data.decode("utf-8", errors="surrogateescape")
    return "".join("\ufffd" if "\udc80" <= c <= "\udcff" else c for c in text)


def tokens(text: str) -> list[Token]:
    kinds = [class_of(c) for c in text]
    found: list[Token] = []
    i = 0
    while i < len(text):
        if kinds[i] not in {LETTER, DIGIT, NUMBER, UNSPACED}:
            i += 1
            continue
        taken, letters, last = [text[i]], kinds[i] in {LETTER, UNSPACED}, kinds[i]
        unspaced = kinds[i] == UNSPACED
        i += 1
        while i < len(text):
            after = kinds[i + 1] if i + 1 < len(text) else None
            if kinds[i] == FORMAT:
                i += 1
                continue
            if kinds[i] == MARK:
                pass
            elif unspaced:
                break
            elif kinds[i] in LETTERS | DIGITS:
                last = kinds[i]
                letters = letters or last == LETTER
            elif not any(last in s and after in s for s in JOINED_BY.get(kinds[i], [])):
                break
            taken.append(text[i])
            i += 1
        found.append(Token("".join(taken), letters, unspaced))
    return found
