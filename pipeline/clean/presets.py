"""Published rule sets, as thresholds for the fields of `pipeline.clean.recipe`.

gopher: Rae et al. 2021, arXiv 2112.11446, A.1 and table A1.
c4: Raffel et al. 2020, JMLR 21(140), in the variant of the code that made the published corpus
(tensorflow_datasets `c4_utils.py`): 5 words a line, 3 sentences a page. Its list of bad words is not
part of it, nor is its deduplication.
fineweb: Penedo et al. 2024, arXiv 2406.17557, as datatrove's `examples/fineweb.py` runs it: Gopher's
rules, C4's without the one on terminal punctuation (3 words a line, 5 sentences a page), its own.
fineweb2: Penedo et al. 2025, arXiv 2506.20920, `fineweb-2-pipeline.py` and its `configs/*.yml` for
cmn_Hani, yue_Hani, jpn_Jpan and kor_Hang. Other languages get Gopher's and FineWeb's numbers with
its changes for all: no C4, no rules on short lines and paragraphs, 0.1 of duplicate line characters.

What all of them leave to `languages` and `min_language_score`: whether a record's language is
believed. Their scores are of other models and do not compare.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

Thresholds = dict[str, float | None]
PresetName = Literal["default", "gopher", "c4", "fineweb", "fineweb2", "none"]

CHARACTERS_PER_WORD: Final = 1.6
"""Mean characters of a word that a dictionary finds in Chinese text: what turns a threshold per word
into one per single character."""

UNSPACED_LANGUAGES: Final = frozenset({"bo", "dz", "ja", "km", "lo", "my", "th", "yue", "zh"})
"""Languages written without spaces between words."""


class Preset(NamedTuple):
    """One rule set; a rule that it does not name is off."""

    rules: Thresholds
    """For documents mostly in scripts with spaces."""
    unspaced_rules: Thresholds
    """For documents mostly in scripts without."""
    language_rules: Mapping[str, Thresholds] = {}
    """For the documents of a language, whatever its script."""
    line_rules: Mapping[str, bool | float] = {}
    """Which lines are taken out."""


def per_character(words: Thresholds) -> Thresholds:
    """Turn thresholds for words that a dictionary finds into ones for single characters.

    Counts of words grow by `CHARACTERS_PER_WORD`, rates per word shrink by it. Of runs of words,
    those of 2 (top) are judged as runs of 3 and 4 characters, those of 5 as 8 and 9, those of 6 as
    10; shorter runs of characters are names and set phrases, and longer ones are not measured.
    Word lengths and stop words do not apply. Everything about lines stays.
    """
    changed: Thresholds = {}
    for name, value in words.items():
        if value is None or name in _NOT_OF_CHARACTERS:
            continue
        if name in {"min_words", "max_words"}:
            changed[name] = round(value * CHARACTERS_PER_WORD)
        elif name in {"max_hash_ratio", "max_ellipsis_ratio", "max_line_break_ratio"}:
            changed[name] = round(value / CHARACTERS_PER_WORD, 4)
        elif "gram_ratio" not in name:
            changed[name] = value
    for characters, run in _RUNS.items():
        if words.get(run) is not None:
            changed[characters] = words[run]
    return changed


_NOT_OF_CHARACTERS: Final = {"min_mean_word_length", "max_mean_word_length", "min_stop_words"}
_RUNS: Final = {
    "max_top_3gram_ratio": "max_top_2gram_ratio",
    "max_top_4gram_ratio": "max_top_2gram_ratio",
    "max_duplicate_8gram_ratio": "max_duplicate_5gram_ratio",
    "max_duplicate_9gram_ratio": "max_duplicate_5gram_ratio",
    "max_duplicate_10gram_ratio": "max_duplicate_6gram_ratio",
}


def _runs(top: tuple[float, ...], duplicate: tuple[float, ...]) -> Thresholds:
    """Name thresholds for the most frequent 2 to 4 words and for repeated runs of 5 to 10."""
    return {
        **{f"max_top_{n}gram_ratio": value for n, value in enumerate(top, 2)},
        **{f"max_duplicate_{n}gram_ratio": value for n, value in enumerate(duplicate, 5)},
    }


_GOPHER_QUALITY: Final[Thresholds] = {
    "min_words": 50,
    "max_words": 100_000,
    "min_mean_word_length": 3,
    "max_mean_word_length": 10,
    "max_hash_ratio": 0.1,
    "max_ellipsis_ratio": 0.1,
    "min_letter_word_ratio": 0.8,
    "min_stop_words": 2,
    "max_bullet_line_ratio": 0.9,
    "max_ellipsis_line_ratio": 0.3,
}
_GOPHER_RUNS: Final = _runs((0.2, 0.18, 0.16), (0.15, 0.14, 0.13, 0.12, 0.11, 0.1))
_GOPHER: Final[Thresholds] = {
    **_GOPHER_QUALITY,
    "max_duplicate_line_ratio": 0.3,
    "max_duplicate_line_character_ratio": 0.2,
    "max_duplicate_paragraph_ratio": 0.3,
    "max_duplicate_paragraph_character_ratio": 0.2,
    **_GOPHER_RUNS,
}
_C4: Final[Thresholds] = {"min_sentences": 3, "max_curly_brackets": 0, "max_lorem_ipsum": 0}
_C4_LINES: Final[Mapping[str, bool | float]] = {
    "citations": True,
    "max_word_length": 1000,
    "sentence_end": True,
    "min_words": 5,
    "javascript": True,
    "policy": True,
}
_FINEWEB: Final[Thresholds] = {
    **_GOPHER,
    **_C4,
    "min_sentences": 5,
    "min_sentence_end_line_ratio": 0.12,
    "max_short_line_ratio": 0.67,
    "max_duplicate_line_character_ratio": 0.01,
    "max_line_break_ratio": 0.3,
}
_FINEWEB2: Final[Thresholds] = {
    **_GOPHER_QUALITY,
    "max_duplicate_line_ratio": 0.3,
    "max_duplicate_line_character_ratio": 0.1,
    **_GOPHER_RUNS,
    "min_sentence_end_line_ratio": 0.12,
    "max_line_break_ratio": 0.3,
}


def _fineweb2(
    lines: float,
    top: tuple[float, ...],
    duplicate: tuple[float, ...],
    sentence_ends: float,
    letters: float,
    line_breaks: float,
) -> Thresholds:
    """Give a language's thresholds, for words as its dictionary finds them."""
    return {
        **_FINEWEB2,
        "max_duplicate_line_ratio": lines,
        **_runs(top, duplicate),
        "min_sentence_end_line_ratio": sentence_ends,
        "min_letter_word_ratio": letters,
        "max_line_break_ratio": line_breaks,
    }


FINEWEB2_BY_LANGUAGE: Final[Mapping[str, Thresholds]] = {
    "zh": _fineweb2(
        0.287,
        (0.256, 0.201, 0.171),
        (0.198, 0.182, 0.167, 0.154, 0.14, 0.127),
        0.106,
        0.735,
        0.178,
    ),
    "yue": _fineweb2(
        0.442,
        (1.238, 0.854, 0.623),
        (0.241, 0.216, 0.204, 0.193, 0.182, 0.17),
        0.111,
        0.765,
        0.238,
    ),
    "ja": _fineweb2(
        0.328,
        (0.239, 0.196, 0.172),
        (0.243, 0.225, 0.207, 0.19, 0.175, 0.159),
        0.096,
        0.759,
        0.13,
    ),
    "ko": {
        **_fineweb2(
            0.374,
            (0.282, 0.228, 0.185),
            (0.201, 0.184, 0.168, 0.154, 0.14, 0.127),
            0.062,
            0.791,
            0.196,
        ),
        "min_mean_word_length": 1,
        "max_mean_word_length": 6,
    },
}
"""Published numbers, for words of jieba (zh, yue), spaCy (ja) and Kiwi (ko)."""

_LANGUAGES: Final = {
    # Stop words stay: the source asks for two, and its texts are modern.
    name: {**per_character(words), "min_stop_words": words["min_stop_words"]}
    if name in UNSPACED_LANGUAGES
    else words
    for name, words in FINEWEB2_BY_LANGUAGE.items()
}

PRESETS: Final[Mapping[str, Preset]] = {
    "none": Preset({}, {}),
    "gopher": Preset(_GOPHER, per_character(_GOPHER)),
    "c4": Preset(_C4, _C4, line_rules=_C4_LINES),
    "fineweb": Preset(
        _FINEWEB,
        per_character(_FINEWEB),
        line_rules={**_C4_LINES, "sentence_end": False, "min_words": 3},
    ),
    "fineweb2": Preset(_FINEWEB2, per_character(_FINEWEB2), language_rules=_LANGUAGES),
}
"""All but `default`, which is what the fields of the recipe say themselves."""
