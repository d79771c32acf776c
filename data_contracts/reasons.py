"""Why a record is not in the dataset: stages, fates and reasons, in documented order.

A record's `reason` is the first of its failing rules in the order of `Reason`; `reasons` holds all.
"""

import ast
import functools
import inspect
from enum import StrEnum


class Stage(StrEnum):
    """The steps of the mill, in order."""

    INGEST = "ingest"
    CLEAN = "clean"
    DEDUP = "dedup"
    VALIDATE = "validate"
    SHARD = "shard"
    TRAIN = "train"
    EVALUATE = "evaluate"


class Fate(StrEnum):
    """What became of a record."""

    KEPT = "kept"
    """It is in the dataset."""
    DROPPED = "dropped"
    """A rule dropped it; `reasons` has each rule's value and threshold."""
    DUPLICATE = "duplicate"
    """`survivor_id` names the kept record that it repeats, `similarity` how exactly."""
    UNREADABLE = "unreadable"
    """It could not be read; `path` and `position` say where it is."""


class Reason(StrEnum):
    """Why a record was not kept. The order here is the order of precedence."""

    NO_PERMISSION = "no_permission"
    """The file may not be read by this user."""
    BAD_COMPRESSION = "bad_compression"
    """The compressed stream is truncated or broken; what came before it was read."""
    DECOMPRESSION_BOMB = "decompression_bomb"
    """The file unpacks to more than `ingest.max_expansion_ratio` or `max_file_bytes` allow."""
    UNSAFE_PATH = "unsafe_path"
    """A file of an archive would lie outside it (an absolute path, or `..`): it is not read."""
    NESTED_TOO_DEEP = "nested_too_deep"
    """An archive lies deeper in others than `ingest.max_archive_depth`."""
    TOO_MANY_FILES = "too_many_files"
    """The archive holds more files than `ingest.max_archive_files`; those before were read."""
    ENCRYPTED = "encrypted"
    """The archive's file is locked by a password."""
    BAD_FORMAT = "bad_format"
    """The file is not of the format it claims (a broken Parquet footer, a broken WARC header, a row
    of a CSV file with other columns than its header), or the recipe's own reader failed on it."""
    BAD_JSON = "bad_json"
    """The line, or the element of a JSON array, is not a JSON object."""
    BAD_ENCODING = "bad_encoding"
    """The text is not valid UTF-8, nor in another encoding that could be told (JSON is UTF-8 alone)."""
    BAD_HTML = "bad_html"
    """The page could not be parsed, or nests deeper than `ingest.max_html_depth`."""
    TOO_LARGE = "too_large"
    """The record is larger than `ingest.max_record_bytes`."""
    NO_TEXT_FIELD = "no_text_field"
    """The record lacks the text field, or the field is null."""
    TEXT_NOT_STRING = "text_not_string"
    """The text field holds something other than a string."""
    NO_KEY_FIELD = "no_key_field"
    """The record lacks the key field, or the field is neither a string nor an integer."""
    DUPLICATE_KEY = "duplicate_key"
    """Another record of the source has this key; the one with the smallest content_id is kept."""
    BLOCKED_DOMAIN = "blocked_domain"
    """The address is of a domain in `ingest.blocked_domains`; `blocked_domain:DOMAIN` among the
    reasons says of which."""
    EMPTY = "empty"
    """Nothing but white space is left of the text."""
    WRONG_LANGUAGE = "wrong_language"
    """The text is not in a language that the recipe accepts, or the source declares."""
    UNCERTAIN_LANGUAGE = "uncertain_language"
    """The language score is under the threshold."""
    PERSONAL_DATA = "personal_data"
    """The text holds personal data of a kind that `clean.pii` drops; the value is how many, and
    `personal_data:KIND` among the reasons says of which kind."""
    TOO_FEW_WORDS = "too_few_words"
    """Fewer tokens than `clean.rules.min_words`."""
    TOO_MANY_WORDS = "too_many_words"
    """More tokens than `clean.rules.max_words`."""
    TOO_FEW_SENTENCES = "too_few_sentences"
    """Fewer sentences than `clean.rules.min_sentences`."""
    WORDS_TOO_SHORT = "words_too_short"
    """The mean word length is under the threshold."""
    WORDS_TOO_LONG = "words_too_long"
    """The mean word length is over the threshold."""
    TOO_MANY_SYMBOLS = "too_many_symbols"
    """Too many symbols (`#` and the ellipsis) per word."""
    TOO_MANY_DIGITS = "too_many_digits"
    """Too large a part of the characters are digits."""
    TOO_FEW_LETTERS = "too_few_letters"
    """Too small a part of the words hold a letter."""
    TOO_FEW_STOP_WORDS = "too_few_stop_words"
    """Too few common words of the language: hardly running text."""
    TOO_MANY_BULLETS = "too_many_bullets"
    """Too many lines start with a bullet."""
    TOO_MANY_ELLIPSES = "too_many_ellipses"
    """Too many lines end with an ellipsis."""
    TOO_MANY_SHORT_LINES = "too_many_short_lines"
    """Too many lines are short."""
    TOO_FEW_SENTENCE_ENDS = "too_few_sentence_ends"
    """Too few lines end with terminal punctuation."""
    TOO_MANY_LINE_BREAKS = "too_many_line_breaks"
    """Too many line breaks per word."""
    TOO_MUCH_REMOVED = "too_much_removed"
    """Line rules took out too large a part of the words: hardly running text."""
    CURLY_BRACKETS = "curly_brackets"
    """The text has curly brackets: it holds code."""
    LOREM_IPSUM = "lorem_ipsum"
    """The text holds `lorem ipsum`: it fills a place."""
    REPEATED_LINES = "repeated_lines"
    """Too many lines or paragraphs, or too many of the characters, are repeated."""
    REPEATED_PHRASES = "repeated_phrases"
    """Too many of the characters are in repeated runs of words."""
    LOW_QUALITY = "low_quality"
    """The score of `clean.quality_model` is under `clean.rules.min_quality`."""
    OWN_RULE = "own_rule"
    """A rule of the recipe's own says so (`clean.own_rules`, or a limit of `clean.own_signals`);
    `own_rule:NAME` among the reasons says which. The value is how many do."""
    EXACT_DUPLICATE = "exact_duplicate"
    """A kept record has the same normalised text."""
    NEAR_DUPLICATE = "near_duplicate"
    """A kept, better-ranked record is at least `dedup.jaccard_threshold` similar, exactly."""
    EVALUATION_OVERLAP = "evaluation_overlap"
    """The text shares an n-gram with an evaluation set, or a dataset version, that it must not;
    `evaluation_overlap:NAME` among the reasons says with which, and how many n-grams."""
    HELD_OUT_OVERLAP = "held_out_overlap"
    """Training text that shares a 13-gram with held-out text of this version."""
    FORGOTTEN = "forgotten"
    """The record is on the forget list."""


UNREADABLE_REASONS = frozenset(
    {
        Reason.NO_PERMISSION,
        Reason.BAD_COMPRESSION,
        Reason.DECOMPRESSION_BOMB,
        Reason.UNSAFE_PATH,
        Reason.NESTED_TOO_DEEP,
        Reason.TOO_MANY_FILES,
        Reason.ENCRYPTED,
        Reason.BAD_FORMAT,
        Reason.BAD_JSON,
        Reason.BAD_ENCODING,
        Reason.BAD_HTML,
        Reason.TOO_LARGE,
        Reason.NO_TEXT_FIELD,
        Reason.TEXT_NOT_STRING,
        Reason.NO_KEY_FIELD,
    }
)
"""Reasons whose fate is `unreadable`."""

DUPLICATE_REASONS = frozenset({Reason.EXACT_DUPLICATE, Reason.NEAR_DUPLICATE})
"""Reasons whose fate is `duplicate`: they name a survivor and a similarity."""


def fate_of(reason: Reason | None) -> Fate:
    """Tell a record's fate from its first reason (None: it was kept)."""
    if reason is None:
        return Fate.KEPT
    if reason in UNREADABLE_REASONS:
        return Fate.UNREADABLE
    if reason in DUPLICATE_REASONS:
        return Fate.DUPLICATE
    return Fate.DROPPED


def meaning(reason: Reason) -> str:
    """Say in words why a record was not kept: the docstring under the reason's name above."""
    return _docstrings()[reason.name]


@functools.cache
def _docstrings() -> dict[str, str]:
    """Read the docstrings of the reasons from this file's source: Python does not keep them."""
    (body,) = ast.parse(inspect.getsource(Reason)).body
    assert isinstance(body, ast.ClassDef), "Reason is a class"  # noqa: S101
    texts: dict[str, str] = {}
    for name, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(name, ast.Assign) and isinstance(text, ast.Expr):
            (target,) = name.targets
            assert isinstance(target, ast.Name), "a reason is a plain name"  # noqa: S101
            texts[target.id] = " ".join(ast.literal_eval(text.value).split())
    return texts
