"""What sets two contracts apart: which rules became looser, stricter, or something else.

A rule is looser when data may pass it that did not before: it is gone, it means less, or it accepts
more. What cannot be told from the words alone, such as another pattern or query, is `changed`: look.
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from data_contracts.contract_rules import (
    Check,
    CustomCheck,
    LibraryCheck,
    Operator,
    Rule,
    Severity,
    SqlCheck,
)
from data_contracts.contracts import Contracts
from data_contracts.frozen import Frozen


class Way(StrEnum):
    """Which way a rule moved."""

    LOOSER = "looser"
    """Data may pass that did not."""
    STRICTER = "stricter"
    """Data that passed may not."""
    CHANGED = "changed"
    """The words alone do not tell."""


class RuleChange(Frozen):
    """One rule that is not what it was."""

    contract: str
    """The contract's id."""
    rule: str
    """The rule's id."""
    way: Way
    """Which way it moved."""
    before: str | None
    """Severity and formula before; None: it was not there."""
    after: str | None
    """The same now; None: it is gone."""


_WEIGHT: Final = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
# Of a larger value: what becomes of a rule when the argument grows. A missing end is an infinite one.
_GROWS: Final = {
    "minimum": Way.STRICTER,
    "exclusiveMinimum": Way.STRICTER,
    "minLength": Way.STRICTER,
    "maximum": Way.LOOSER,
    "exclusiveMaximum": Way.LOOSER,
    "maxLength": Way.LOOSER,
    "min_value": Way.STRICTER,
    "max_value": Way.LOOSER,
    "mostly": Way.STRICTER,
    "strict_min": Way.STRICTER,
    "strict_max": Way.STRICTER,
    "or_equal": Way.LOOSER,
}
_ABSENT: Final[dict[str, float]] = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "min_value"), -math.inf),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "max_value"), math.inf),
    "mostly": 1.0,
    "strict_min": 0.0,
    "strict_max": 0.0,
    "or_equal": 0.0,
}
_WIDER_SET: Final = {"validValues": Way.LOOSER, "missingValues": Way.STRICTER}


def diff_contracts(before: Contracts, after: Contracts) -> tuple[RuleChange, ...]:
    """Compare rule by rule, looser ones first.

    Two single contracts are compared whatever their ids; of several, those of the same id.
    """
    alone = len(before.members) == len(after.members) == 1
    ours, theirs = (_by_id(one, alone=alone) for one in (before, after))
    changes = []
    for key in dict.fromkeys([*ours, *theirs]):
        one, other = ours.get(key), theirs.get(key)
        way = _way(one, other)
        rule = one or other
        if way is not None and rule is not None:
            changes.append(
                RuleChange(
                    contract=rule.contract,
                    rule=rule.id,
                    way=way,
                    before=_told(one),
                    after=_told(other),
                )
            )
    order = list(Way)
    return tuple(sorted(changes, key=lambda change: order.index(change.way)))


def _by_id(contracts: Contracts, *, alone: bool) -> dict[tuple[str, str], Rule]:
    return {
        ("" if alone else one.id, rule.id): rule
        for one in contracts.members
        for rule in one.rules()
    }


def _told(rule: Rule | None) -> str | None:
    if rule is None:
        return None
    columns = ", ".join(rule.columns)
    return f"{rule.severity}: {rule.check.formula}" + (f" of {columns}" if columns else "")


def _way(before: Rule | None, after: Rule | None) -> Way | None:
    """Tell which way a rule moved; None: it did not."""
    if before is None or after is None:
        return Way.STRICTER if before is None else Way.LOOSER
    ways = [
        _compared(_WEIGHT[before.severity], _WEIGHT[after.severity], Way.STRICTER),
        _sets(before.columns, after.columns, Way.STRICTER),
        _check_way(before.check, after.check),
    ]
    return _together(ways)


def _together(ways: Sequence[Way | None]) -> Way | None:
    """Join what parts of a rule say; parts that contradict each other cannot be told."""
    found = {one for one in ways if one is not None}
    if not found:
        return None
    return found.pop() if len(found) == 1 else Way.CHANGED


def _compared(before: float, after: float, grows: Way) -> Way | None:
    if before == after:
        return None
    return grows if after > before else _opposite(grows)


def _sets(before: Sequence[object], after: Sequence[object], wider: Way) -> Way | None:
    ours, theirs = set(before), set(after)
    if ours == theirs:
        return None
    if ours < theirs:
        return wider
    return _opposite(wider) if theirs < ours else Way.CHANGED


def _opposite(way: Way) -> Way:
    return Way.STRICTER if way is Way.LOOSER else Way.LOOSER


def _check_way(before: Check, after: Check) -> Way | None:
    if before == after:
        return None
    match before, after:
        case LibraryCheck(), LibraryCheck() if (before.metric, before.unit) == (
            after.metric,
            after.unit,
        ):
            arguments = _arguments_way(before.arguments.given(), after.arguments.given())
            return _together([arguments, _interval_way(before, after)])
        case SqlCheck(), SqlCheck() if before.query == after.query:
            return _interval_way(before, after)
        case CustomCheck(), CustomCheck() if before.expectation == after.expectation:
            wider = Way.STRICTER if "not_be_in_set" in before.expectation else Way.LOOSER
            return _arguments_way(before.kwargs, after.kwargs, {"value_set": wider})
    return Way.CHANGED


def _arguments_way(
    before: Mapping[str, object],
    after: Mapping[str, object],
    wider_set: Mapping[str, Way] = _WIDER_SET,
) -> Way | None:
    ways: list[Way | None] = []
    for name in {*before, *after}:
        one, other = before.get(name), after.get(name)
        if one == other:
            continue
        if name in _GROWS:
            ways.append(_compared(_end(name, one), _end(name, other), _GROWS[name]))
        elif (
            name in wider_set and isinstance(one, list | tuple) and isinstance(other, list | tuple)
        ):
            ways.append(_sets(one, other, wider_set[name]))
        elif one is None or other is None:
            ways.append(Way.STRICTER if one is None else Way.LOOSER)
        else:
            ways.append(Way.CHANGED)
    return _together(ways)


def _end(name: str, value: object) -> float:
    return float(value) if isinstance(value, int | float) else _ABSENT[name]


def _interval_way(before: LibraryCheck | SqlCheck, after: LibraryCheck | SqlCheck) -> Way | None:
    """Compare what is accepted, as an interval with open or closed ends."""
    if (before.operator, before.expected) == (after.operator, after.expected):
        return None
    ours, theirs = _interval(before), _interval(after)
    if ours is None or theirs is None:
        return Way.CHANGED
    within = ours[0] >= theirs[0] and ours[1] <= theirs[1]
    around = ours[0] <= theirs[0] and ours[1] >= theirs[1]
    if within and around:
        return None
    return Way.LOOSER if within else Way.STRICTER if around else Way.CHANGED


def _interval(check: LibraryCheck | SqlCheck) -> tuple[tuple[float, int], tuple[float, int]] | None:
    """Give the ends of what is accepted, ordered so that an open end lies inside a closed one."""
    wanted = check.expected
    if isinstance(wanted, tuple):
        return (wanted[0], 0), (wanted[1], 0)
    if isinstance(wanted, str) or check.operator is Operator.NOT_EQUAL:
        return None
    least, most = (-math.inf, 0), (math.inf, 0)
    match check.operator:
        case Operator.EQUAL:
            return (wanted, 0), (wanted, 0)
        case Operator.GREATER | Operator.AT_LEAST:
            return (wanted, int(check.operator is Operator.GREATER)), most
        case Operator.LESS | Operator.AT_MOST:
            return least, (wanted, -int(check.operator is Operator.LESS))
    return None
