"""What other rules would do: decided again from stored signals, without reading any text."""

from collections import Counter
from collections.abc import Iterable, Mapping
from heapq import nsmallest
from typing import Literal

import pyarrow as pa

from data_contracts.frozen import Frozen
from data_contracts.schemas import check_schema
from pipeline.clean.recipe import CleanRecipe
from pipeline.clean.rules import decide
from pipeline.clean.signals import SIGNALS, own_fields


class Evidence(Frozen):
    """One rule that a record breaks."""

    rule: str
    """The drop reason."""
    value: float | None
    """What was measured."""
    threshold: float | None
    """What it is compared with; None: it is no number."""


class Flip(Frozen):
    """One record whose fate would change."""

    record_id: str
    """Which record."""
    source: str
    """Its source."""
    becomes: Literal["kept", "dropped"]
    """What it would be."""
    reasons: tuple[Evidence, ...]
    """Why it would be dropped, or why it is dropped so far."""


class SourceFlips(Frozen):
    """What would change in one source."""

    records: int
    """Records that were measured."""
    kept_before: int
    """Of these, kept by the rules so far."""
    kept_after: int
    """Of these, kept by the other rules."""
    newly_dropped: dict[str, int]
    """Records that would be dropped, by their first reason."""
    newly_kept: dict[str, int]
    """Records that would be kept, by the first reason why they are dropped so far."""


class WhatIf(Frozen):
    """What other rules would change, among the records that reach the clean stage."""

    sources: dict[str, SourceFlips]
    """By source, in alphabetical order."""
    examples: tuple[Flip, ...]
    """Some of the flips of each source and direction: those with the smallest ids, which are hashes."""

    @property
    def flips(self) -> int:
        """Records whose fate would change."""
        return sum(
            sum(one.newly_dropped.values()) + sum(one.newly_kept.values())
            for one in self.sources.values()
        )


def what_if(
    signals: Iterable[pa.Table],
    before: CleanRecipe,
    after: CleanRecipe,
    declared: Mapping[str, str],
    examples: int = 3,
) -> WhatIf:
    """Decide every record by two recipes, and compare.

    Args:
        signals: SIGNALS and the recipes' own in parts, in any order; measured as both recipes ask for.
        before: The rules so far.
        after: The other rules. Its `edits` and `measures` must equal those of `before`.
        declared: Language that a source declares, by its name.
        examples: Flips to name per source and direction.

    Returns:
        The same whatever the parts are.

    Raises:
        SchemaMismatch: The signals are those of another version of the stage.
    """
    assert before.edits == after.edits, "other edits give other signals"  # noqa: S101
    assert before.measures == after.measures, "other measures give other signals"  # noqa: S101
    promised = pa.schema([*SIGNALS, *own_fields(after)])
    records, kept_before, kept_after = Counter[str](), Counter[str](), Counter[str]()
    reasons = Counter[tuple[str, str, str]]()
    named: dict[tuple[str, str], list[Flip]] = {}
    for part in signals:
        check_schema("signals", part.schema, promised)
        old, new = _dropped(part, before, declared), _dropped(part, after, declared)
        sources = dict(zip(part["record_id"].to_pylist(), part["source"].to_pylist(), strict=True))
        records += Counter(sources.values())
        kept_before += Counter(source for one, source in sources.items() if one not in old)
        kept_after += Counter(source for one, source in sources.items() if one not in new)
        for one in old.keys() ^ new.keys():
            becomes: Literal["kept", "dropped"] = "dropped" if one in new else "kept"
            why = tuple(Evidence(**reason) for reason in (new if one in new else old)[one])
            flip = Flip(record_id=one, source=sources[one], becomes=becomes, reasons=why)
            reasons[flip.source, becomes, why[0].rule] += 1
            named.setdefault((flip.source, becomes), []).append(flip)
        for key, flips in named.items():
            named[key] = nsmallest(examples, flips, key=lambda flip: flip.record_id)
    return WhatIf(
        sources={
            source: SourceFlips(
                records=records[source],
                kept_before=kept_before[source],
                kept_after=kept_after[source],
                newly_dropped=_of(reasons, source, "dropped"),
                newly_kept=_of(reasons, source, "kept"),
            )
            for source in sorted(records)
        },
        examples=tuple(flip for key in sorted(named) for flip in named[key]),
    )


def _dropped(
    signals: pa.Table, recipe: CleanRecipe, declared: Mapping[str, str]
) -> dict[str, list[dict[str, object]]]:
    decisions = decide(signals, recipe, declared)
    ids, reasons = decisions["record_id"].to_pylist(), decisions["reasons"].to_pylist()
    return dict(zip(ids, reasons, strict=True))


def _of(reasons: Counter[tuple[str, str, str]], source: str, becomes: str) -> dict[str, int]:
    found = {rule: n for (one, way, rule), n in reasons.items() if (one, way) == (source, becomes)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
