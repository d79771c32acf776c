"""Line rules applied slowly and obviously: the twin of `pipeline.clean.lines`."""

import re
from collections import Counter
from itertools import groupby

from pipeline.clean.lines.columns import COLUMNS
from pipeline.clean.lines.texts import COUNTED, JAVASCRIPT, POLICY
from pipeline.clean.recipe import LineRules
from pipeline.text.unicode_tables import UNSPACED
from tests.reference.signals import CLOSER, blank, ends_sentence, flagged, trimmed
from tests.reference.words import class_of

CITATION = re.compile(r"\[[0-9]*\]|\[edit\]|\[citation needed\]")


def edited(text: str, rules: LineRules) -> tuple[str, list[int]]:
    """Take out lines; count as COLUMNS does."""
    counts: Counter[str] = Counter()
    kept: list[str] = []
    lines = text.split("\n")
    for number, whole in enumerate(lines):
        line, cut = CITATION.subn("", whole) if rules.citations else (whole, 0)
        counts["citations"] += cut
        words = sum(map(weight, chunks(line)))
        broken = first_broken(line, words, rules) if trimmed(line) else None
        counts["line_words"] += words
        if broken is None:
            kept.append(line + "\n" * (number < len(lines) - 1))
        else:
            counts[broken] += 1
            counts["removed_line_words"] += words
    return "".join(kept), [counts[name] for name in COLUMNS]


def chunks(line: str) -> list[str]:
    return "".join(" " if blank(c) else c for c in line).split(" ")


def weight(chunk: str) -> int:
    """Count words: letters of scripts without spaces, else one."""
    return max(sum(class_of(c) == UNSPACED for c in chunk), 1) if chunk else 0


def first_broken(line: str, words: int, rules: LineRules) -> str | None:
    seen = trimmed(line)
    lowered = "".join(c.lower() if c.isascii() else c for c in line)
    parts = groupby(line, lambda c: blank(c) or class_of(c) == UNSPACED)
    runs = [0, *(len(list(run)) for outside, run in parts if not outside)]
    ends = (ends_sentence(line) and not ends_in_ellipsis(seen)) or seen.endswith('"')
    upper = rules.max_uppercase_ratio
    broken = {
        "long_word_lines": rules.max_word_length and max(runs) > rules.max_word_length,
        "unfinished_lines": rules.sentence_end and (not ends or seen.endswith("...")),
        "scanty_lines": rules.min_words and words < rules.min_words,
        "javascript_lines": rules.javascript and any(one in lowered for one in JAVASCRIPT),
        "policy_lines": rules.policy and any(one in lowered for one in POLICY),
        "uppercase_lines": upper is not None and sum(c.isupper() for c in seen) > upper * len(seen),
        "numeric_lines": rules.numeric and all(c.isdigit() for c in seen),
        "counter_lines": rules.counters and is_counter(lowered),
    }
    return next((name for name, breaks in broken.items() if breaks), None)


def ends_in_ellipsis(seen: str) -> bool:
    """Tell whether, closing quotes left out, the last mark is an ellipsis."""
    while seen and (blank(seen[-1]) or flagged(seen[-1], CLOSER)):
        seen = seen[:-1]
    return seen.endswith("…")


def is_counter(line: str) -> bool:
    shape = "".join(" " if blank(c) else c for c in line)
    numeral = r"[0-9][0-9.,]*[kmb]?"
    return bool(re.fullmatch(rf"[^\w]*{numeral} +({'|'.join(COUNTED)})[^\w]*", shape))
