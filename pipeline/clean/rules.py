"""Rules: which signals of which records break which thresholds. No text is read here."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.reasons import Reason
from data_contracts.schemas import DECISIONS
from pipeline.clean.language import UNKNOWN, language_code
from pipeline.clean.own import judge_by_own_rule
from pipeline.clean.recipe import CleanRecipe, Rules
from pipeline.clean.signals import MODEL_QUALITY, OWN_PREFIX
from pipeline.clean.stop_words import STOP_WORDS


class Rule(NamedTuple):
    """A signal, a threshold in the recipe, and the reason given when the one breaks the other."""

    setting: str
    """Field of `Rules`."""
    signal: str
    """Its column."""
    breaks: Literal["below", "above"]
    """Whether a value below or above the threshold breaks it; the threshold itself passes."""
    reason: Reason


def _most(setting: str, reason: Reason) -> Rule:
    return Rule(f"max_{setting}", setting, "above", reason)


def _least(setting: str, reason: Reason) -> Rule:
    return Rule(f"min_{setting}", setting, "below", reason)


_REPEATED: Final = [f"top_{n}gram_ratio" for n in (2, 3, 4)] + [
    f"duplicate_{n}gram_ratio" for n in range(5, 11)
]

RULES: Final[tuple[Rule, ...]] = (
    _least("words", Reason.TOO_FEW_WORDS),
    _most("words", Reason.TOO_MANY_WORDS),
    _least("sentences", Reason.TOO_FEW_SENTENCES),
    _least("mean_word_length", Reason.WORDS_TOO_SHORT),
    _most("mean_word_length", Reason.WORDS_TOO_LONG),
    _most("hash_ratio", Reason.TOO_MANY_SYMBOLS),
    _most("ellipsis_ratio", Reason.TOO_MANY_SYMBOLS),
    _most("digit_ratio", Reason.TOO_MANY_DIGITS),
    _least("letter_word_ratio", Reason.TOO_FEW_LETTERS),
    _least("stop_words", Reason.TOO_FEW_STOP_WORDS),
    _most("bullet_line_ratio", Reason.TOO_MANY_BULLETS),
    _most("ellipsis_line_ratio", Reason.TOO_MANY_ELLIPSES),
    _most("short_line_ratio", Reason.TOO_MANY_SHORT_LINES),
    _least("sentence_end_line_ratio", Reason.TOO_FEW_SENTENCE_ENDS),
    _most("line_break_ratio", Reason.TOO_MANY_LINE_BREAKS),
    _most("removed_word_ratio", Reason.TOO_MUCH_REMOVED),
    _most("curly_brackets", Reason.CURLY_BRACKETS),
    _most("lorem_ipsum", Reason.LOREM_IPSUM),
    _most("duplicate_line_ratio", Reason.REPEATED_LINES),
    _most("duplicate_line_character_ratio", Reason.REPEATED_LINES),
    _most("duplicate_paragraph_ratio", Reason.REPEATED_LINES),
    _most("duplicate_paragraph_character_ratio", Reason.REPEATED_LINES),
    *(_most(setting, Reason.REPEATED_PHRASES) for setting in _REPEATED),
    Rule("min_quality", MODEL_QUALITY.name, "below", Reason.LOW_QUALITY),
)
"""Every rule with a threshold, in order of precedence."""

_TOLD_AS: Final = {"yue": "zh", "wuu": "zh", "nan": "zh", "lzh": "zh"}
"""Languages that a source may declare, and that are labelled as another."""

UNSPACED_FROM: Final = 0.5
"""Part of the words from which a document counts as one in a script without spaces."""


class _Broken(NamedTuple):
    """One rule and the records that break it."""

    rule: str
    """The reason, or `REASON:ORIGIN` where it is a part of one."""
    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    """NaN: there is no number to compare with."""


def decide(signals: pa.Table, recipe: CleanRecipe, declared: Mapping[str, str]) -> pa.Table:
    """Decide which records are dropped, and give every reason for each.

    Args:
        signals: SIGNALS, and what the recipe measures beside.
        recipe: The thresholds.
        declared: Language that a source declares, by its name.

    Returns:
        DECISIONS, one row per record dropped, in the order of `signals`.

    Raises:
        RecipeInvalid: An own rule is not there or fails.
    """
    judged = _judge_languages(signals, recipe, declared)
    broken = [_empty(signals), *judged.broken]
    broken += _personal(signals, recipe.pii.kinds("drop"))
    unspaced = _numbers(signals, "unspaced_ratio") >= UNSPACED_FROM
    listed = np.isin(_labels(signals), list(STOP_WORDS))
    of_language = {one: judged.languages == one for one in recipe.language_rules}
    for rule in RULES:
        if rule.signal not in signals.column_names:  # no quality model: nothing to look at
            continue
        applies = listed if rule.signal == "stop_words" else np.ones(signals.num_rows, bool)
        thresholds = np.where(
            unspaced,
            _threshold(recipe.unspaced_rules, rule),
            _threshold(recipe.rules, rule),
        )
        for language, rows in of_language.items():
            thresholds[rows] = _threshold(recipe.language_rules[language], rule)
        values = _numbers(signals, rule.signal)
        # A rule that is off has the threshold NaN, which nothing is below or above.
        breaks = values < thresholds if rule.breaks == "below" else values > thresholds
        rows = np.flatnonzero(breaks & applies)
        broken.append(_Broken(rule.reason, rows, values[rows], thresholds[rows]))
    broken += _judge_by_own(signals, recipe)
    return _decisions(signals, broken)


def _threshold(rules: Rules, rule: Rule) -> float:
    setting = getattr(rules, rule.setting)
    return float("nan") if setting is None else float(setting)


def _empty(signals: pa.Table) -> _Broken:
    rows = np.flatnonzero(_numbers(signals, "lines") == 0)
    return _Broken(Reason.EMPTY, rows, np.zeros(len(rows)), np.full(len(rows), np.nan))


def _personal(signals: pa.Table, kinds: tuple[str, ...]) -> list[_Broken]:
    """Find the records with personal data: all together, then kind by kind."""
    parts = []
    total = np.zeros(signals.num_rows)
    for kind in kinds:
        counts = _numbers(signals, f"pii_{kind}")
        total += counts
        rows = np.flatnonzero(counts)
        rule = f"{Reason.PERSONAL_DATA}:{kind}"
        parts.append(_Broken(rule, rows, counts[rows], np.zeros(len(rows))))
    rows = np.flatnonzero(total)
    return [_Broken(Reason.PERSONAL_DATA, rows, total[rows], np.zeros(len(rows))), *parts]


def _judge_by_own(signals: pa.Table, recipe: CleanRecipe) -> list[_Broken]:
    """Judge by limits of own signals, then by own rules, in the order of their names."""
    parts = []
    for name, one in sorted(recipe.own_signals.items()):
        values = _numbers(signals, OWN_PREFIX + name)
        for limit, breaks in ((one.min, np.less), (one.max, np.greater)):
            if limit is not None:
                rows = np.flatnonzero(breaks(values, limit))
                rule = f"{Reason.OWN_RULE}:{name}"
                parts.append(_Broken(rule, rows, values[rows], np.full(len(rows), limit)))
    for name, part in sorted(recipe.own_rules.items()):
        rows = judge_by_own_rule(signals, part, name)
        nothing = np.full(len(rows), np.nan)
        parts.append(_Broken(f"{Reason.OWN_RULE}:{name}", rows, nothing, nothing))
    if not parts:
        return []
    rows, counts = np.unique(np.concatenate([one.rows for one in parts]), return_counts=True)
    return [_Broken(Reason.OWN_RULE, rows, counts.astype(float), np.zeros(len(rows))), *parts]


class _Judged(NamedTuple):
    """What language each record is in, and those that must not be."""

    languages: NDArray[np.object_]
    """Codes; empty where there is nothing to go by."""
    broken: tuple[_Broken, _Broken]


def _judge_languages(
    signals: pa.Table, recipe: CleanRecipe, declared: Mapping[str, str]
) -> _Judged:
    """Judge languages: a measured one counts when its score is believed, else the declared one.

    A declared language that no label tells from the measured one (`yue`, written: `zh`) counts.
    """
    labels, scores = _labels(signals), _numbers(signals, "language_score")
    names = signals["source"].to_numpy()
    expected = {name: language_code(language) for name, language in declared.items()}
    declares = np.array([expected.get(name, "") for name in names.tolist()], object)
    believed = (labels != UNKNOWN) & (scores >= (recipe.min_language_score or 0))
    told = np.array([_TOLD_AS.get(one, one) for one in declares.tolist()], object)
    language = np.where(believed & (labels != told), labels, declares)
    wrong = (declares != "") & (language != declares)
    uncertain = np.zeros(len(labels), bool)
    if recipe.languages is not None:
        accepted = [language_code(one) for one in recipe.languages]
        written = np.array([_TOLD_AS.get(one, one) for one in language.tolist()], object)
        wrong |= (language != "") & ~np.isin(language, accepted) & ~np.isin(written, accepted)
        uncertain = language == ""
    broken = (
        _scored(Reason.WRONG_LANGUAGE, wrong, scores, None),
        _scored(Reason.UNCERTAIN_LANGUAGE, uncertain, scores, recipe.min_language_score),
    )
    return _Judged(language, broken)


def _scored(
    reason: Reason, mask: NDArray[np.bool_], scores: NDArray[np.float64], threshold: float | None
) -> _Broken:
    rows = np.flatnonzero(mask)
    limit = float("nan") if threshold is None else threshold
    return _Broken(reason, rows, scores[rows], np.full(len(rows), limit))


def _labels(signals: pa.Table) -> NDArray[np.object_]:
    labels: NDArray[np.object_] = signals["language"].to_numpy()
    return labels


def _numbers(signals: pa.Table, name: str) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = signals[name].to_numpy().astype(np.float64)
    return numbers


def _decisions(signals: pa.Table, broken: list[_Broken]) -> pa.Table:
    """Gather the rules that each record breaks into one row per record."""
    rows = np.concatenate([one.rows for one in broken])
    values = np.concatenate([one.values for one in broken])
    thresholds = np.concatenate([one.thresholds for one in broken])
    numbers = np.repeat(np.arange(len(broken)), [len(one.rows) for one in broken])
    order = np.argsort(rows, kind="stable")  # rules stay in their order within a record
    names = pa.array([str(one.rule) for one in broken], pa.string()).take(pa.array(numbers[order]))
    evidence = pa.StructArray.from_arrays(
        [
            names,
            pa.array(values[order], mask=np.isnan(values[order])),
            pa.array(thresholds[order], mask=np.isnan(thresholds[order])),
        ],
        fields=list(DECISIONS.field("reasons").type.value_type),
    )
    dropped, firsts = np.unique(rows[order], return_index=True)
    offsets = pa.array(np.append(firsts, len(rows)).astype(np.int32))
    reasons = pa.ListArray.from_arrays(offsets, evidence, type=DECISIONS.field("reasons").type)
    nothing = pa.nulls(len(dropped))
    return pa.table(
        [
            pc.take(signals["record_id"], pa.array(dropped)),
            names.take(pa.array(firsts)),
            reasons,
            nothing.cast(pa.string()),
            nothing.cast(pa.float64()),
        ],
        schema=DECISIONS,
    )
