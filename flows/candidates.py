"""What flows do with candidates: offer, compare, show; and the flows that promote and roll back."""

import json
import os
from pathlib import Path
from urllib.parse import quote

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.settings import get_current_settings

from data_contracts.aliases import Pointer
from data_contracts.warehouse import Warehouse
from flows import tasks
from flows.artifact_keys import CANDIDATE, artifact_key
from flows.building import name_run
from flows.outbox import tell
from flows.places import DEFAULT_WAREHOUSE
from flows.prefect_settings import REPORTS_URL
from flows.promotion import Standing, offer, only_name, roll_back, settle
from flows.promotion import promote as put_in_production
from flows.publish import Published
from flows.recipe import Recipe
from flows.reports.standing import standing_markdown


def stand(
    store: Warehouse, recipe: Recipe, dataset: Published, model: Published | None
) -> Standing:
    """Make what a run built the candidate, hold it against production, promote it by policy."""
    standing = offer(store, recipe, dataset, model)
    standing = tasks.judge_task(store.root, standing)
    standing = settle(store, standing, recipe.promotion.policy)
    get_run_logger().info("candidate %s: %s", standing.candidate.dataset, standing.note)
    show_standing(standing)
    tell(store)
    return standing


def show_standing(standing: Standing) -> None:
    """Leave the comparison where the pages keep its history."""
    create_markdown_artifact(
        standing_markdown(standing, _form_to_promote(standing), os.environ.get(REPORTS_URL)),
        key=artifact_key(CANDIDATE, standing.name),
        description=standing.note,
    )


@flow(name="promote")
def promote(
    version: str = "",
    note: str = "",
    even_unproven: bool = False,  # noqa: FBT001, FBT002 - a flow's parameters are a form
    warehouse: Path = DEFAULT_WAREHOUSE,
) -> Standing:
    """Let a candidate be in production; it is compared with production first.

    Args:
        version: NAME for its candidate, or NAME@VERSION of a model; empty: the only candidate
            that there is.
        note: Why; it is kept with the alias.
        even_unproven: Also when the model is not shown to be as good as that of production.
        warehouse: Folder that versions are published in.
    """
    store = Warehouse.existing(warehouse)
    wanted = version.strip() or only_name(store)
    name_run(f"{wanted} promote")
    standing = put_in_production(store, wanted, note=note, even_unproven=even_unproven)
    show_standing(standing)
    tell(store)
    return standing


@flow(name="rollback")
def rollback(name: str = "", note: str = "", warehouse: Path = DEFAULT_WAREHOUSE) -> Pointer:
    """Let the versions that were in production before be there again.

    Args:
        name: Name of the dataset and model; empty: the only one that there is.
        note: Why; it is kept with the alias.
        warehouse: Folder that versions are published in.
    """
    store = Warehouse.existing(warehouse)
    wanted = name.strip() or only_name(store)
    name_run(f"{wanted} rollback")
    pointer = roll_back(store, wanted, note)
    get_run_logger().info("production of %s is %s again", wanted, pointer.target.dataset)
    tell(store)
    return pointer


def _form_to_promote(standing: Standing) -> str | None:
    """Find the form of the deployment `promote`, and fill the candidate in.

    Returns:
        Its address; None: there are no pages, or no such deployment.
    """
    pages = get_current_settings().ui_url
    if not pages:
        return None
    with get_client(sync_client=True) as client:
        try:
            found = client.read_deployment_by_name("promote/promote")
        except ObjectNotFound:
            return None
    version = standing.candidate.model or standing.candidate.dataset
    filled = quote(json.dumps(found.parameters | {"version": version}))
    return f"{pages}/deployments/deployment/{found.id}/run?parameters={filled}"
