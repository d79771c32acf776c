"""How good translations are, by sacreBLEU (Post 2018, arXiv 1804.08771): figures, lengths, samples."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import sacrebleu
from numpy.typing import NDArray

from data_contracts.frozen import Frozen
from data_contracts.interval import Interval

SAMPLES: Final = 15
"""Translations shown."""
_RESAMPLES: Final = 1000
_LENGTH_GROUPS: Final = 4


class SignedScore(Interval):
    """A figure with its interval, and how it was counted."""

    signature: str
    """sacreBLEU's own words for it, for comparison with others."""


class Sample(Frozen):
    """One text and what was made of it."""

    source: str
    """The text."""
    reference: str
    """Its translation by people."""
    translation: str
    """Its translation by the model."""
    chrf: float
    """Character n-gram F-score of this text alone."""


class LengthScore(Frozen):
    """The texts of one length."""

    fewest_words: int
    """Words of the shortest, as white space parts them."""
    most_words: int
    """Words of the longest."""
    texts: int
    """How many there are."""
    chrf: Interval
    """Character n-gram F-score."""


class TranslationScores(Frozen):
    """All about the translations of some texts; intervals are drawn over the texts."""

    bleu_lowercase: SignedScore
    """sacreBLEU with `-lc`: both sides in lower case."""
    bleu: SignedScore
    """sacreBLEU, case counted."""
    chrf: SignedScore
    """Character n-gram F-score."""
    length_ratio: float
    """Words of all translations to words of all references, as sacreBLEU parts them."""
    by_length: tuple[LengthScore, ...]
    """By length of the source, groups of like size, shortest first."""
    samples: tuple[Sample, ...]
    """Some translations, evenly spread from the worst to the best by chrF."""
    test_texts: int
    """Texts translated."""


def score(
    sources: Sequence[str], references: Sequence[str], translations: Sequence[str], seed: int
) -> TranslationScores:
    """Score translations against one reference each.

    Args:
        sources: The texts.
        references: Their translations by people.
        translations: Those of the model.
        seed: Of the bootstrap.
    """
    signed, sums = {}, {}
    for name, metric in (
        ("bleu_lowercase", sacrebleu.BLEU(lowercase=True)),
        ("bleu", sacrebleu.BLEU()),
        ("chrf", sacrebleu.CHRF()),
    ):
        sums[name] = _statistics(metric, translations, references)
        found = _interval(metric, sums[name], seed)
        signed[name] = SignedScore(**found.model_dump(), signature=str(metric.get_signature()))
    # A sentence that shares nothing with its reference has a score of 0.
    each = np.array([_score(sacrebleu.CHRF(), one) for one in sums["chrf"]])
    order = np.argsort(each, kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, SAMPLES).round().astype(int))
    written, wanted = sums["bleu"][:, :2].sum(0)
    return TranslationScores(
        **signed,
        length_ratio=float(written / max(wanted, 1)),
        by_length=_by_length(sources, sums["chrf"], seed),
        samples=tuple(
            Sample(
                source=sources[row],
                reference=references[row],
                translation=translations[row],
                chrf=float(each[row]),
            )
            for row in order[places]
        ),
        test_texts=len(translations),
    )


def _by_length(
    sources: Sequence[str], sums: NDArray[np.float64], seed: int
) -> tuple[LengthScore, ...]:
    words = np.array([len(text.split()) for text in sources])
    borders = np.unique(np.quantile(words, np.arange(1, _LENGTH_GROUPS) / _LENGTH_GROUPS))
    group_of = np.searchsorted(borders, words)
    return tuple(
        LengthScore(
            fewest_words=int(words[rows].min()),
            most_words=int(words[rows].max()),
            texts=len(rows),
            chrf=_interval(sacrebleu.CHRF(), sums[rows], seed),
        )
        for group in np.unique(group_of)
        for rows in (np.flatnonzero(group_of == group),)
    )


def _interval(metric: Any, sums: NDArray[np.float64], seed: int) -> Interval:
    """Score a corpus with its 95% percentile interval, texts drawn anew (Koehn 2004)."""
    generator = np.random.default_rng(seed)
    texts = len(sums)
    drawn = np.empty(_RESAMPLES)
    for number in range(_RESAMPLES):
        times = np.bincount(generator.integers(0, texts, texts), minlength=texts)
        drawn[number] = _score(metric, times @ sums)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(value=_score(metric, sums.sum(0)), low=float(low), high=float(high))


def _statistics(
    metric: Any, translations: Sequence[str], references: Sequence[str]
) -> NDArray[np.float64]:
    # What sacreBLEU's own bootstrap sums; it gives half the width of an interval only, and writes
    # that into the signature. It has no public name.
    sums = metric._extract_corpus_statistics(list(translations), [list(references)])  # noqa: SLF001
    return np.array(sums, np.float64)


def _score(metric: Any, sums: NDArray[np.float64]) -> float:
    return float(metric._compute_score_from_stats(sums.tolist()).score)  # noqa: SLF001
