"""Small tables that contracts judge: languages, distributions, personal data, all counted already."""

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from data_contracts.quality import QUANTILES, Distribution, LanguageQuality, SignalQuality
from data_contracts.shipped_contracts import shipped_tables
from pipeline.validate.holdings import Holdings
from pipeline.validate.kept import Kept
from pipeline.validate.tables import Stages, figures_table

LENGTH: Final = "characters"
"""Name of the documents' length among the distributions."""
PII: Final = "pii_"
"""How the names of signals begin that count personal data."""
TAKEN_OUT: Final = frozenset({"redact", "drop"})
"""What a recipe does about a kind that must not be left over."""

_QUANTILE_NAMES: Final = ("least", "p01", "p05", "p25", "median", "p75", "p95", "p99", "greatest")
assert len(_QUANTILE_NAMES) == len(QUANTILES)  # noqa: S101 - one column each


def language_table(
    languages: Mapping[str, LanguageQuality], accepted: tuple[str, ...] | None
) -> pl.DataFrame:
    """Give the languages of kept documents.

    Args:
        languages: Counts by language.
        accepted: Languages that the recipe keeps; None: all.
    """
    total = sum(one.kept_characters for one in languages.values())
    rows = [
        {
            "language": name,
            "documents": one.kept,
            "characters": one.kept_characters,
            "character_ratio": one.kept_characters / total if total else 0.0,
            "accepted": accepted is None or name in accepted,
        }
        for name, one in languages.items()
        if one.kept
    ]
    return figures_table(rows, shipped_tables()["languages"].schema)


def distribution_table(
    lengths: SignalQuality, signals: Mapping[str, SignalQuality]
) -> pl.DataFrame:
    """Give how each number is spread over kept documents, their length first."""
    spreads = {LENGTH: lengths, **signals}
    rows = [_spread(name, one.total.kept) for name, one in spreads.items()]
    return figures_table(rows, shipped_tables()["distributions"].schema)


def _spread(name: str, kept: Distribution) -> dict[str, Any]:
    quantiles = kept.quantiles or (None,) * len(QUANTILES)
    return {
        "signal": name,
        "documents": kept.values,
        "missing": kept.missing,
        "mean": kept.mean,
        **dict(zip(_QUANTILE_NAMES, quantiles, strict=True)),
    }


def personal_data_table(
    stages: Stages,
    kept: Kept,
    signals: Mapping[str, SignalQuality],
    actions: Mapping[str, str],
    holdings: Holdings,
) -> pl.DataFrame:
    """Count personal data by kind. What should be gone is looked for again, in every kept text.

    Args:
        stages: Whose texts to look through.
        kept: Which of them are in the dataset.
        signals: Those that count personal data begin with `pii_`; their first bin is 0.
        actions: What the recipe does, by kind; it keeps kinds that are not there.
        holdings: Finds it.
    """
    kinds = {name.removeprefix(PII): one for name, one in signals.items() if name.startswith(PII)}
    taken_out = [kind for kind in kinds if actions.get(kind) in TAKEN_OUT]
    found = holdings.count(stages.cleaned.documents, kept, taken_out)
    rows = []
    for kind, signal in kinds.items():
        held, held_by_kept = (
            sum(one.counts[1:]) + one.above for one in (signal.total.measured, signal.total.kept)
        )
        left = found.get(kind, held_by_kept)
        rows.append(
            {
                "kind": kind,
                "action": actions.get(kind, "keep"),
                "records": held,
                "kept": held_by_kept,
                "left_over": left,
                "left_over_ratio": left / len(kept) if len(kept) else 0.0,
            }
        )
    return figures_table(rows, shipped_tables()["personal_data"].schema)
