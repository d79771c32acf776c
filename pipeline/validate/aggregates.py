"""Small tables that contracts judge: languages, distributions, personal data, all counted already."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.arrow_files import read_partitions
from data_contracts.quality import QUANTILES, Distribution, LanguageQuality, SignalQuality
from data_contracts.schemas import DOCUMENTS
from data_contracts.shipped_contracts import shipped_tables
from pipeline.partition_pool import map_in_order
from pipeline.pii.columns import KINDS
from pipeline.pii.texts import redact
from pipeline.validate.kept import NOT_KEPT, Kept
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
) -> pl.DataFrame:
    """Count personal data by kind. What should be gone is looked for again, in every kept text.

    Args:
        stages: Whose texts to look through.
        kept: Which of them are in the dataset.
        signals: Those that count personal data begin with `pii_`; their first bin is 0.
        actions: What the recipe does, by kind; it keeps kinds that are not there.
    """
    kinds = {name.removeprefix(PII): one for name, one in signals.items() if name.startswith(PII)}
    taken_out = [kind for kind in kinds if actions.get(kind) in TAKEN_OUT]
    found = documents_that_hold(stages.cleaned.documents, kept, taken_out)
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


def documents_that_hold(documents: Path, kept: Kept, kinds: Sequence[str]) -> dict[str, int]:
    """Count the kept documents that hold personal data of these kinds, as clean finds it.

    Args:
        documents: A folder of DOCUMENTS.
        kept: Which of them are in the dataset.
        kinds: Of `pipeline.pii`; other kinds, of one's own, cannot be looked for and are left out.
    """
    places = {kind: KINDS.index(kind) for kind in kinds if kind in KINDS}
    if not places:
        return {}

    def count(table: pa.Table) -> NDArray[np.int64]:
        mine = table.filter(pa.array(kept.splits(table["record_id"]) != NOT_KEPT))
        counts = redact(mine["text"].drop_null(), ()).counts
        holding: NDArray[np.int64] = np.count_nonzero(counts, axis=0)
        return holding

    totals = np.zeros(len(KINDS), np.int64)
    for found in map_in_order(count, read_partitions(documents, DOCUMENTS)):
        totals += found
    return {kind: int(totals[place]) for kind, place in places.items()}
