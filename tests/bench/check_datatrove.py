"""Are rules decided as datatrove decides them, given the same words? `python -m tests.bench.check_datatrove`.

Pieces of books, pages and poems are normalised and cut into words here; datatrove's filters, each with
one rule switched on, are given these words. Every rule is asked at the published threshold, and at the
median of the documents that have any of what it asks about, so that many break it and many do not. Exits with 1 when a rule whose definition is the
same decides any document otherwise. Needs datatrove; `--every 10` takes each tenth document.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from datatrove.data import Document  # type: ignore[import-not-found]
from datatrove.pipeline.filters import (  # type: ignore[import-not-found]
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    fineweb_quality_filter,
    gopher_quality_filter,
    gopher_repetition_filter,
)

from pipeline.clean.normalise.texts import normalise
from pipeline.clean.recipe import Normalise
from pipeline.clean.signals import measure
from tests.bench.check_clean import CORPORA, documents_of
from tests.reference.words import tokens

WORDS: dict[str, list[str]] = {}
"""Words by text: what datatrove is given in place of its own."""


class Rule(NamedTuple):
    """A rule that both have."""

    signals: tuple[str, ...]
    """Ours; it is broken when one of them breaks it."""
    breaks: str
    threshold: float
    peer: Callable[[float], Any]
    """datatrove's filter with this rule alone."""
    differs: str = ""
    """Why the two may differ; empty: they must not."""


def quality(**rule: Any) -> Any:
    """Gopher's quality filter with one rule."""
    off = dict.fromkeys(
        ("min_doc_words", "max_doc_words", "min_avg_word_length", "max_avg_word_length",
         "max_symbol_word_ratio", "max_bullet_lines_ratio", "max_ellipsis_lines_ratio",
         "max_non_alpha_words_ratio", "min_stop_words")
    )  # fmt: skip
    return GopherQualityFilter(**{**off, **rule})


def repetition(**rule: Any) -> Any:
    """Gopher's repetition filter with one rule."""
    off = dict.fromkeys(
        ("dup_line_frac", "dup_para_frac", "dup_line_char_frac", "dup_para_char_frac")
    )
    return GopherRepetitionFilter(**{**off, "top_n_grams": (), "dup_n_grams": (), **rule})


def fineweb(**rule: Any) -> Any:
    """FineWeb's filter with one rule."""
    off = {
        "line_punct_thr": -1,
        "short_line_thr": 2,
        "char_duplicates_ratio": 2,
        "new_line_ratio": 10**9,
    }
    return FineWebQualityFilter(**{**off, **rule})


CHARACTERS = "of the characters in lines here, of all there"
BLANKS = "outer blanks are left out here"
RULES = {
    "min_words": Rule(("words",), "below", 50, lambda t: quality(min_doc_words=t)),
    "max_words": Rule(("words",), "above", 100_000, lambda t: quality(max_doc_words=t)),
    "min_mean_word_length": Rule(
        ("mean_word_length",), "below", 3, lambda t: quality(min_avg_word_length=t),
        "letters of scripts without spaces do not count here",
    ),
    "max_mean_word_length": Rule(
        ("mean_word_length",), "above", 10, lambda t: quality(max_avg_word_length=t),
        "letters of scripts without spaces do not count here",
    ),
    "max_hash_ratio, max_ellipsis_ratio": Rule(
        ("hash_ratio", "ellipsis_ratio"), "above", 0.1, lambda t: quality(max_symbol_word_ratio=t)
    ),
    "min_letter_word_ratio": Rule(
        ("letter_word_ratio",), "below", 0.8, lambda t: quality(max_non_alpha_words_ratio=t)
    ),
    "min_stop_words": Rule(
        ("stop_words",), "below", 2, lambda t: quality(min_stop_words=t), "each language has its list here"
    ),
    "max_bullet_line_ratio": Rule(
        ("bullet_line_ratio",), "above", 0.9, lambda t: quality(max_bullet_lines_ratio=t),
        "a hyphen needs a blank behind it here; blank lines are no lines here",
    ),
    "max_ellipsis_line_ratio": Rule(
        ("ellipsis_line_ratio",), "above", 0.3, lambda t: quality(max_ellipsis_lines_ratio=t),
        "blank lines are no lines here",
    ),
    "max_duplicate_line_ratio": Rule(
        ("duplicate_line_ratio",), "above", 0.3, lambda t: repetition(dup_line_frac=t), BLANKS
    ),
    "max_duplicate_line_character_ratio": Rule(
        ("duplicate_line_character_ratio",), "above", 0.2, lambda t: repetition(dup_line_char_frac=t),
        CHARACTERS,
    ),
    "max_duplicate_paragraph_ratio": Rule(
        ("duplicate_paragraph_ratio",), "above", 0.3, lambda t: repetition(dup_para_frac=t), BLANKS
    ),
    "max_duplicate_paragraph_character_ratio": Rule(
        ("duplicate_paragraph_character_ratio",), "above", 0.2,
        lambda t: repetition(dup_para_char_frac=t), CHARACTERS,
    ),
    **{
        f"max_top_{n}gram_ratio": Rule(
            (f"top_{n}gram_ratio",), "above", limit,
            lambda t, n=n: repetition(top_n_grams=((n, t),)),
            "what occurs once is no repetition here; no blanks between Chinese words here",
        )
        for n, limit in ((2, 0.2), (3, 0.18), (4, 0.16))
    },
    **{
        f"max_duplicate_{n}gram_ratio": Rule(
            (f"duplicate_{n}gram_ratio",), "above", limit,
            lambda t, n=n: repetition(dup_n_grams=((n, t),)),
        )
        for n, limit in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.1))
    },
    "FineWeb min_sentence_end_line_ratio": Rule(
        ("sentence_end_line_ratio",), "below", 0.12, lambda t: fineweb(line_punct_thr=t),
        "closing quotes and brackets are skipped here, and the ellipsis counts",
    ),
    "FineWeb max_short_line_ratio": Rule(
        ("short_line_ratio",), "above", 0.67, lambda t: fineweb(short_line_thr=t), BLANKS
    ),
    "FineWeb max_duplicate_line_character_ratio": Rule(
        ("duplicate_line_character_ratio",), "above", 0.01,
        lambda t: fineweb(char_duplicates_ratio=t), BLANKS,
    ),
    "FineWeb max_line_break_ratio": Rule(
        ("line_break_ratio",), "above", 0.3, lambda t: fineweb(new_line_ratio=t)
    ),
}  # fmt: skip


def words_of(text: str, _language: str) -> list[str]:
    """Give datatrove our words."""
    return WORDS[text]


def compare(corpus: str, every: int) -> bool:
    """Ask both about one corpus; tell whether all that must be equal is."""
    with tempfile.TemporaryDirectory() as folder:
        raw = list(islice(documents_of(corpus, Path(folder)), 0, None, every))
    column = normalise(pa.array(raw, pa.large_string()), Normalise())
    signals = measure(column)
    worded = signals["words"].to_numpy() > 0
    texts = column.filter(pa.array(worded)).to_pylist()
    WORDS.clear()
    WORDS.update({text: [token.folded for token in tokens(text)] for text in texts})
    print(f"\n{corpus}: {len(texts):,} documents with words")
    equal = True
    for name, rule in RULES.items():
        values = np.array([signals[one].to_numpy()[worded] for one in rule.signals], float)
        highest = values.max(axis=0)
        median = float(np.median(highest[highest > 0])) if highest.any() else 0.0
        differ = asked = 0
        for threshold in {rule.threshold, median} - {0.0}:
            broken = values < threshold if rule.breaks == "below" else values > threshold
            peer = rule.peer(threshold)
            passed = [peer.filter(Document(text=text, id="")) is True for text in texts]
            differ += int((broken.any(axis=0) == np.array(passed)).sum())
            asked += len(texts)
        verdict = "equal" if not differ else rule.differs or "MUST NOT DIFFER"
        print(f"  {name:<46} {asked:>8,} decisions, {differ:>6,} differ  {verdict}")
        equal &= not differ or bool(rule.differs)
    return equal


def main() -> None:
    """Compare the corpora named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="*", default=CORPORA)
    parser.add_argument("--every", type=int, default=1)
    given = parser.parse_args()
    for module in (gopher_quality_filter, gopher_repetition_filter, fineweb_quality_filter):
        module.split_into_words = words_of
    equal = [compare(corpus, given.every) for corpus in given.corpora]
    sys.exit(not all(equal))


if __name__ == "__main__":
    main()
