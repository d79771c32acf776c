"""What a Prefect server must know of the mill: work pool, deployments, schedules, automations.

Doing it twice changes nothing, and what a user switched on or off on the pages stays so: Prefect
itself would put every schedule and trigger back to what its file says.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectAlreadyExists
from prefect.workers.process import ProcessWorker

from data_contracts.errors import ServerUnavailable
from data_contracts.frozen import Frozen
from data_contracts.warehouse import Warehouse
from flows.automations import ensure, wanted_automations
from flows.places import POOL, PROJECT, RECIPES

TAG = "corpusmill"


class Registered(Frozen):
    """What is on the server now."""

    api_url: str
    """The server's address."""
    pool: str
    """The work pool that runs wait in."""
    deployments: tuple[str, ...]
    """FLOW/NAME of every deployment."""
    schedules: dict[str, bool]
    """Whether each schedule is on, by DEPLOYMENT/SLUG."""
    automations: dict[str, bool]
    """Whether each automation is on, by name."""


def register(home: Path, warehouse: Warehouse, recipes: Path | None = None) -> Registered:
    """Make the work pool, the deployments and the automations, or bring them up to date.

    Args:
        home: Prefect's folder; receives setup.log.
        warehouse: Where deployments publish.
        recipes: A folder of recipes that the forms list, beside the mill's own.

    Raises:
        ServerUnavailable: Prefect refused.
    """
    os.environ |= {"MILL_PROJECT": str(PROJECT), "MILL_WAREHOUSE": str(warehouse.root)}
    if recipes is not None:
        os.environ[RECIPES] = str(recipes.absolute())
    with get_client(sync_client=True) as client, _switches_kept(client):
        automations = wanted_automations(client)  # first: it may refuse
        _make_pool(client)
        file = "deployments/prefect.yaml"
        _call(home, "--no-prompt", "deploy", "--all", "--prefect-file", file)
        for automation in automations:
            ensure(client, automation)
    with get_client(sync_client=True) as client:
        return _what_is_there(client)


@contextmanager
def _switches_kept(client: SyncPrefectClient) -> Iterator[None]:
    """Put schedules and automations back to on or off, as they were before."""
    schedules = _what_is_there(client).schedules
    automations = {one.name: one.enabled for one in client.read_automations()}
    try:
        yield
    finally:
        for deployment in _deployments(client):
            for schedule in deployment.schedules:
                before = schedules.get(f"{deployment.name}/{schedule.slug}")
                if before is not None and before != schedule.active:
                    client.update_deployment_schedule(deployment.id, schedule.id, active=before)
        for one in client.read_automations():
            if automations.get(one.name, one.enabled) != one.enabled:
                (client.pause_automation if one.enabled else client.resume_automation)(one.id)


def _what_is_there(client: SyncPrefectClient) -> Registered:
    found = _deployments(client)
    flows = {one.id: one.name for one in client.read_flows()}
    return Registered(
        api_url=str(client.api_url),
        pool=POOL,
        deployments=tuple(sorted(f"{flows[one.flow_id]}/{one.name}" for one in found)),
        schedules={
            f"{one.name}/{schedule.slug}": schedule.active
            for one in found
            for schedule in one.schedules
        },
        automations={one.name: one.enabled for one in client.read_automations()},
    )


def _make_pool(client: SyncPrefectClient) -> None:
    """Make the work pool of processes; one that is there stays as it was set up."""
    with suppress(ObjectAlreadyExists):
        template = ProcessWorker.get_default_base_job_template()
        description = "Runs of the mill, each a process of its own on the worker's machine."
        client.create_work_pool(
            WorkPoolCreate(
                name=POOL, type="process", description=description, base_job_template=template
            )
        )


def _deployments(client: SyncPrefectClient) -> list[DeploymentResponse]:
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    return client.read_deployments(deployment_filter=ours, limit=200)


def _call(home: Path, *command: str) -> None:
    """Run a Prefect command from the project's folder."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "prefect", *command],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    with (home / "setup.log").open("a", encoding="utf-8") as log:
        log.write(done.stdout + done.stderr)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise ServerUnavailable(
            os.environ.get("PREFECT_API_URL", ""),
            f"`prefect {' '.join(command)}` failed: {' '.join(last)}",
            f"See {home / 'setup.log'}.",
        )
