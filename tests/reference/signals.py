"""Every signal of a text, counted slowly and obviously: the twin of `pipeline.clean.kernels`."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

from pipeline.clean.stop_words import STOP_WORDS
from pipeline.text.unicode_tables import (
    BULLET,
    CLASS_MASK,
    CLOSER,
    DIGIT,
    LETTER,
    LINE_BREAK,
    SENTENCE_END,
    SPACE,
    UNSPACED,
    unicode_tables,
)
from tests.reference.words import Token, tokens

CLASSES = unicode_tables().classes


def signals(text: str, language: str = "und") -> dict[str, float]:
    """Count what `measure` counts (language, its score and quality apart)."""
    words = tokens(text)
    return {**of_lines(text), **of_words(text, words, language), **of_ngrams(text, words)}


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


@cache
def kind(character: str) -> int:
    return int(CLASSES[ord(character)]) & CLASS_MASK


@cache
def flagged(character: str, flag: int) -> bool:
    return bool(int(CLASSES[ord(character)]) & flag)


@cache
def blank(character: str) -> bool:
    return kind(character) in {SPACE, LINE_BREAK}


def trimmed(line: str) -> str:
    while line and blank(line[0]):
        line = line[1:]
    while line and blank(line[-1]):
        line = line[:-1]
    return line


def starts_with_bullet(line: str) -> bool:
    while line and blank(line[0]):
        line = line[1:]
    return (
        bool(line)
        and flagged(line[0], BULLET)
        and (not line[0].isascii() or line[1:2] in {" ", "\t"})
    )


def ends_sentence(line: str) -> bool:
    while line and (blank(line[-1]) or flagged(line[-1], CLOSER)):
        line = line[:-1]
    return bool(line) and flagged(line[-1], SENTENCE_END)


def sentences(line: str) -> int:
    """Count the parts between ends of sentences that hold words."""
    shape = "".join(map(role, line))
    ends = [0]
    for run in re.finditer("[ewl][ewlc]*(?=[^ewlc])", shape):
        before_blank = shape[run.end()] == "b"
        if not line[: run.end()].endswith(("...", "…")) if before_blank else "w" in run.group():
            ends.append(run.end())
    return sum("x" in shape[one:other] for one, other in pairwise([*ends, len(line)]))


@cache
def role(character: str) -> str:
    """Blank, closer, ellipsis, an end in ASCII or a wide one, part of a word, or none of these."""
    if blank(character):
        return "b"
    if flagged(character, SENTENCE_END):
        return "l" if character == "…" else "e" if character.isascii() else "w"
    if flagged(character, CLOSER):
        return "c"
    return "x" if LETTER <= kind(character) <= UNSPACED else "o"


def repeats(items: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """List what occurred before."""
    return [item for number, item in enumerate(items) if item in items[:number]]


def characters(items: Sequence[tuple[str, ...]]) -> int:
    return sum(len(line) for item in items for line in item)


def of_lines(text: str) -> dict[str, float]:
    all_lines = [trimmed(line) for line in text.split("\n")]
    lines = [(line,) for line in all_lines if line]
    paragraphs: list[tuple[str, ...]] = []
    before = ""
    for line in all_lines:
        if line and before:
            paragraphs[-1] += (line,)
        elif line:
            paragraphs.append((line,))
        before = line
    count = len(lines)
    texts = [line for (line,) in lines]
    visible = [c for c in text if not blank(c)]
    return {
        "bytes": len(text.encode()),
        "characters": len(text),
        "lines": count,
        "paragraphs": len(paragraphs),
        "sentences": sum(sentences(line) for line in text.split("\n")),
        "curly_brackets": text.count("{"),
        "lorem_ipsum": len(re.findall("lorem ipsum", text, re.IGNORECASE | re.ASCII)),
        "digit_ratio": ratio(sum(kind(c) == DIGIT for c in visible), len(visible)),
        "bullet_line_ratio": ratio(sum(map(starts_with_bullet, text.split("\n"))), count),
        "ellipsis_line_ratio": ratio(sum(t.endswith(("...", "…")) for t in texts), count),
        "short_line_ratio": ratio(sum(len(t) <= 30 for t in texts), count),
        "sentence_end_line_ratio": ratio(sum(map(ends_sentence, texts)), count),
        "duplicate_line_ratio": ratio(len(repeats(lines)), count),
        "duplicate_line_character_ratio": ratio(characters(repeats(lines)), characters(lines)),
        "duplicate_paragraph_ratio": ratio(len(repeats(paragraphs)), len(paragraphs)),
        "duplicate_paragraph_character_ratio": ratio(
            characters(repeats(paragraphs)), characters(lines)
        ),
    }


def of_words(text: str, words: list[Token], language: str) -> dict[str, float]:
    spaced = [word for word in words if not word.unspaced]
    stop_words = {token.folded for token in tokens(STOP_WORDS.get(language, ""))}
    stops = [word.folded for word in words if word.folded in stop_words]
    count = len(words)
    ellipses = text.count("...") + text.count("…")
    return {
        "words": count,
        "unspaced_ratio": ratio(count - len(spaced), count),
        "mean_word_length": ratio(sum(len(word.text) for word in spaced), len(spaced)),
        "hash_ratio": ratio(text.count("#"), count),
        "ellipsis_ratio": ratio(ellipses, count),
        "line_break_ratio": ratio(text.count("\n"), count),
        "letter_word_ratio": ratio(sum(word.has_letter for word in words), count),
        "stop_words": len(set(stops)),
        "stop_word_ratio": ratio(len(stops), count),
    }


def joined(words: Sequence[Token]) -> str:
    """Join words with a blank between two of scripts with spaces."""
    text = ""
    for number, word in enumerate(words):
        between = number and not word.unspaced and not words[number - 1].unspaced
        text += (" " if between else "") + word.text
    return text


def of_ngrams(text: str, words: list[Token]) -> dict[str, float]:
    found = {}
    folded = [word.folded for word in words]
    for n in range(2, 11):
        runs = [words[k : k + n] for k in range(len(words) - n + 1)]
        keys = [tuple(folded[k : k + n]) for k in range(len(runs))]
        if n <= 4:
            top, times = Counter(keys).most_common(1)[0] if keys else ((), 0)
            length = len(joined(runs[keys.index(top)])) * times if times > 1 else 0
            found[f"top_{n}gram_ratio"] = ratio(length, len(text))
            continue
        seen, length, k = set(), 0, 0
        while k < len(runs):
            if keys[k] in seen:
                length += sum(len(word.text) for word in runs[k])
                k += n
            else:
                seen.add(keys[k])
                k += 1
        found[f"duplicate_{n}gram_ratio"] = ratio(length, len(text))
    return found
