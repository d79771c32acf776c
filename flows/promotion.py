"""Candidates become production, and production goes back: aliases, moved one at a time."""

from typing import Final

from data_contracts.aliases import Alias, Pointer, Target
from data_contracts.errors import (
    ModelUnfit,
    NoCandidate,
    PromotionRefused,
    ScorecardFailed,
    VersionUnknown,
)
from data_contracts.frozen import Frozen
from data_contracts.manifest import DatasetManifest, ModelManifest
from data_contracts.progress import Progress, silent
from data_contracts.verdict import Comparison
from data_contracts.warehouse import Warehouse
from flows.judging import compare_models
from flows.publish import Published
from flows.recipe import Recipe
from model.recipe import PromotionPolicy

_BROKEN: Final = "it breaks its contract: "


class Standing(Frozen):
    """How a candidate stands to production."""

    name: str
    """The dataset and model."""
    candidate: Target
    """What a run made."""
    production: Target | None
    """What was in use before; None: nothing."""
    comparison: Comparison | None
    """The two models compared; None: there are no two, or they are the same."""
    promoted: bool
    """Whether the candidate is in production now."""
    note: str
    """What was decided, in a sentence."""


def offer(
    warehouse: Warehouse, recipe: Recipe, dataset: Published, model: Published | None
) -> Standing:
    """Make what a run built the candidate; nothing changes where it is in production already.

    Args:
        warehouse: Where all of it is.
        recipe: Its name is the aliases' name.
        dataset: The dataset version.
        model: The model version; None: the recipe trains nothing.
    """
    aliases, name = warehouse.aliases, recipe.name
    target = Target(dataset=dataset.label, model=model.label if model else None)
    production = aliases.target(name, Alias.PRODUCTION)
    if production == target:
        aliases.drop(name, Alias.CANDIDATE)
        note = "it is in production already"
    else:
        aliases.move(name, Alias.CANDIDATE, target, "made by a run")
        note = "it waits to be promoted"
    return Standing(
        name=name,
        candidate=target,
        production=production,
        comparison=None,
        promoted=production == target,
        note=note,
    )


def judge(warehouse: Warehouse, standing: Standing, progress: Progress = silent) -> Standing:
    """Compare a candidate's model with that of production, where there are two."""
    ours = standing.candidate.model
    theirs = standing.production.model if standing.production else None
    if ours is None or theirs is None or ours == theirs:
        return standing
    try:
        found = compare_models(warehouse, ours, theirs, progress)
    except (ModelUnfit, VersionUnknown) as error:
        return standing.model_copy(update={"note": f"they cannot be compared: {error}".rstrip(".")})
    return standing.model_copy(update={"comparison": found, "note": in_words(found)})


def settle(warehouse: Warehouse, standing: Standing, policy: PromotionPolicy) -> Standing:
    """Promote a candidate if its recipe says so and the comparison allows it."""
    if standing.promoted or policy != "automatic":
        return standing
    broken = _broken_rules(warehouse, standing.candidate)
    if broken:
        return standing.model_copy(update={"note": _BROKEN + "; ".join(broken)})
    found = standing.comparison
    is_first = standing.production is None
    if not is_first and not (found and found.may_promote):
        return standing
    why = "nothing was in production yet" if is_first else standing.note
    moved = _move(warehouse, standing.name, standing.candidate, standing.production, why)
    note = f"promoted: {why}"
    return standing.model_copy(update={"promoted": moved, "note": note if moved else standing.note})


def promote(
    warehouse: Warehouse,
    wanted: str,
    *,
    note: str = "",
    even_unproven: bool = False,
    progress: Progress = silent,
) -> Standing:
    """Let versions be in production.

    Args:
        warehouse: Where they are.
        wanted: NAME for its candidate, or NAME@VERSION of a model (or of a dataset that no model
            was trained on).
        note: Why, kept with the alias.
        even_unproven: Also when the model is not shown to be as good as that of production.
        progress: Told of the comparison.

    Raises:
        NoCandidate: The name has none.
        VersionUnknown: The version is not there.
        PromotionRefused: The comparison does not allow it, or none can be made.
        ScorecardFailed: The model breaks a critical rule of its contract.
        TooFewCommonDocuments: The comparison has no document to be made on.
    """
    name = wanted.partition("@")[0]
    aliases = warehouse.aliases
    target = _target(warehouse, wanted)
    production = aliases.target(name, Alias.PRODUCTION)
    standing = Standing(
        name=name,
        candidate=target,
        production=production,
        comparison=None,
        promoted=production == target,
        note="it is in production already",
    )
    if standing.promoted:
        return standing
    broken = _broken_rules(warehouse, target)
    if broken:
        raise ScorecardFailed(target.model or target.dataset, broken)
    if not even_unproven:
        standing = judge(warehouse, standing, progress)
        _require_as_good(standing)
    _move(warehouse, name, target, production, note or "promoted by hand")
    return standing.model_copy(update={"promoted": True, "note": note or "promoted by hand"})


def roll_back(warehouse: Warehouse, name: str, note: str = "") -> Pointer:
    """Let the versions before be in production again; those that leave become the candidate.

    Raises:
        NothingToRollBack: There are none.
        VersionUnknown: They are no longer there.
    """
    aliases = warehouse.aliases
    before = aliases.read(name, Alias.PRODUCTION)
    if before is not None and before.earlier:
        _require_there(warehouse, before.earlier[0])
    after = aliases.move_back(name, note or "rolled back")
    if before is not None:
        aliases.move(name, Alias.CANDIDATE, before.target, "rolled back from production")
    return after


def only_name(warehouse: Warehouse) -> str:
    """Find the one name that has a candidate, or the one that has an alias at all.

    Raises:
        NoCandidate: There is none, or there are several: one must be named.
    """
    names = warehouse.aliases.names()
    waiting = [one for one in names if warehouse.aliases.target(one, Alias.CANDIDATE)]
    for found in (waiting, names):
        if len(found) == 1:
            return found[0]
    raise NoCandidate(", ".join(waiting or names) or "(any)", "single candidate")


def in_words(found: Comparison) -> str:
    """Say what a comparison found, in a sentence."""
    difference = found.difference
    return (
        f"{found.verdict}: {difference.value:+.4f} bits per byte against {found.production} "
        f"(95% interval {difference.low:+.4f} to {difference.high:+.4f}, margin "
        f"{found.margin:.4f}), on {found.documents:,} documents"
    )


def _require_as_good(standing: Standing) -> None:
    production = standing.production
    if production is None or production.model == standing.candidate.model:
        return
    if production.model is None and standing.candidate.model is not None:
        return
    labels = (
        standing.candidate.model or standing.candidate.dataset,
        production.model or production.dataset,
    )
    if standing.comparison is None:
        problem = "it has no model to compare" if standing.candidate.model is None else ""
        raise PromotionRefused(*labels, problem or standing.note)
    if not standing.comparison.may_promote:
        raise PromotionRefused(*labels, standing.note)


def _broken_rules(warehouse: Warehouse, target: Target) -> tuple[str, ...]:
    """List the critical rules that a model's scorecard broke when it was made."""
    if target.model is None:
        return ()
    return ModelManifest.load(warehouse.find("models", target.model)).failures


def _target(warehouse: Warehouse, wanted: str) -> Target:
    name, _, version = wanted.partition("@")
    if not version:
        found = warehouse.aliases.target(name, Alias.CANDIDATE)
        if found is None:
            raise NoCandidate(name, Alias.CANDIDATE)
        _require_there(warehouse, found)
        return found
    try:
        model = ModelManifest.load(warehouse.find("models", wanted))
    except VersionUnknown:
        dataset = DatasetManifest.load(warehouse.find("datasets", wanted))
        return Target(dataset=f"{name}@{dataset.version}", model=None)
    return Target(dataset=model.dataset, model=f"{name}@{model.version}")


def _require_there(warehouse: Warehouse, target: Target) -> None:
    warehouse.find("datasets", target.dataset)
    if target.model is not None:
        warehouse.find("models", target.model)


def _move(
    warehouse: Warehouse, name: str, target: Target, expected: Target | None, note: str
) -> bool:
    """Move production, unless it is no longer what the candidate was held against."""
    aliases = warehouse.aliases
    if aliases.target(name, Alias.PRODUCTION) != expected:
        return False
    aliases.move(name, Alias.PRODUCTION, target, note)
    if aliases.target(name, Alias.CANDIDATE) == target:
        aliases.drop(name, Alias.CANDIDATE)
    return True
