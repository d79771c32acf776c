"""`mill status`: what is there, how fresh it is, what runs and what failed. Prefect only when asked."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime

from data_contracts.aliases import Alias
from data_contracts.frozen import Frozen
from data_contracts.manifest import DatasetManifest, ModelManifest, now
from data_contracts.warehouse import Warehouse
from flows.freshness import Freshness, freshness
from flows.prefect_settings import prepare_prefect, ui_url

RECENT: Final = timedelta(days=7)
"""How far back failed runs are told."""
MOST_RUNS: Final = 50
"""Runs told at most."""


class DatasetStatus(Frozen):
    """A dataset, and the model of the same name."""

    name: str
    """Its name."""
    version: str
    """The latest version."""
    versions: int
    """How many there are."""
    records_in: int
    """Records read for the latest."""
    records_kept: int
    """Records in it."""
    tokens: int
    """Tokens in it, over all splits."""
    made: AwareDatetime
    """When it was published."""
    checked: AwareDatetime
    """When its sources were last found to be what it holds."""
    due: AwareDatetime | None
    """When the next refresh is due by its contract; None: whenever."""
    overdue: bool
    """Whether that has passed."""
    model: str | None
    """NAME@VERSION of the latest model; None: there is none."""
    candidate: str | None
    """What waits to be promoted: a model, or a dataset that none was trained on."""
    production: str | None
    """What is in use."""
    written_by: int | None
    """The process that is writing now; None: nobody is, or the system does not tell."""


class RunStatus(Frozen):
    """A run that goes on, waits or failed."""

    name: str
    """Its name."""
    flow: str
    """Its flow's name."""
    state: str
    """Its state, as Prefect names it."""
    since: AwareDatetime | None
    """When it came to be in that state."""
    message: str
    """Why, as far as Prefect was told."""
    page: str
    """Where it is shown."""


class Status(Frozen):
    """What `mill status` tells."""

    warehouse: Path
    """Which warehouse."""
    datasets: tuple[DatasetStatus, ...]
    """Every dataset."""
    pages: str | None
    """Where the Prefect pages are; None: no server runs, so that runs are not known."""
    runs: tuple[RunStatus, ...]
    """Runs that go on or wait, and those that failed lately."""


def look(warehouse: Warehouse) -> Status:
    """Gather the status of a warehouse and of the Prefect server that serves it, if one runs.

    Raises:
        ContractInvalid: As `flows.freshness.freshness`.
        ServerUnavailable: PREFECT_API_URL names a server that does not answer.
    """
    datasets = tuple(_dataset(warehouse, one) for one in freshness(warehouse))
    api_url = prepare_prefect(warehouse.prefect_home)
    if api_url is None:
        return Status(warehouse=warehouse.root, datasets=datasets, pages=None, runs=())
    pages = os.environ.get("PREFECT_UI_URL") or ui_url(api_url)
    return Status(warehouse=warehouse.root, datasets=datasets, pages=pages, runs=_runs(pages))


def _dataset(warehouse: Warehouse, fresh: Freshness) -> DatasetStatus:
    name = fresh.name
    manifest = DatasetManifest.load(warehouse.version_folder("datasets", name, fresh.version))
    latest = warehouse.latest("models", name)
    return DatasetStatus(
        name=name,
        version=fresh.version,
        versions=len(warehouse.versions("datasets", name)),
        records_in=manifest.records_in,
        records_kept=manifest.records_kept,
        tokens=sum(manifest.tokens.values()),
        made=manifest.created,
        checked=fresh.checked,
        due=fresh.due,
        overdue=fresh.stale_at(now()),
        model=f"{name}@{ModelManifest.load(latest).version}" if latest else None,
        candidate=_bearer(warehouse, name, Alias.CANDIDATE),
        production=_bearer(warehouse, name, Alias.PRODUCTION),
        written_by=_writer(warehouse.root / "datasets" / name / ".lease")
        or _writer(warehouse.root / "datasets" / f"{name}-model" / ".lease"),
    )


def _bearer(warehouse: Warehouse, name: str, alias: Alias) -> str | None:
    target = warehouse.aliases.target(name, alias)
    return (target.model or target.dataset) if target else None


def _writer(lease: Path) -> int | None:
    """Find who holds a lease, without touching it: trying the lock could refuse a run."""
    try:
        inode, locks = lease.stat().st_ino, Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return None
    for line in locks.splitlines():
        parts = line.split()
        if "FLOCK" in parts and "->" not in parts and parts[5].endswith(f":{inode}"):
            return int(parts[4])
    return None


def _runs(pages: str) -> tuple[RunStatus, ...]:
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - it takes a second
    from prefect.client.schemas.filters import (  # noqa: PLC0415
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateName,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType  # noqa: PLC0415
    from prefect.client.schemas.sorting import FlowRunSort  # noqa: PLC0415

    going_on = [StateType.RUNNING, StateType.PENDING, StateType.PAUSED, StateType.CANCELLING]
    states = (
        FlowRunFilterState(type=FlowRunFilterStateType(any_=going_on)),
        FlowRunFilterState(name=FlowRunFilterStateName(any_=["Late", "AwaitingRetry"])),
        FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.FAILED, StateType.CRASHED])),
    )
    with get_client(sync_client=True) as client:
        found = [
            run
            for state in states
            for run in client.read_flow_runs(
                flow_run_filter=FlowRunFilter(state=state),
                sort=FlowRunSort.START_TIME_DESC,
                limit=MOST_RUNS,
            )
        ]
        flows = {one.id: one.name for one in client.read_flows()}
    oldest = now() - RECENT
    return tuple(
        RunStatus(
            name=run.name,
            flow=flows.get(run.flow_id, ""),
            state=run.state.name or run.state.type.value,
            since=run.state.timestamp,
            message=run.state.message or "",
            page=f"{pages}/runs/flow-run/{run.id}",
        )
        for run in found
        if run.state is not None and (not run.state.is_final() or run.state.timestamp >= oldest)
    )
