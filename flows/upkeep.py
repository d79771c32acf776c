"""Flows that keep a workplace sound: what nobody needs goes, what is overdue is told."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger
from prefect.settings import get_current_settings

from data_contracts.manifest import now
from data_contracts.warehouse import Warehouse
from flows import tasks
from flows.building import name_run
from flows.collecting import Collection, collect
from flows.freshness import Freshness, freshness
from flows.news import DATASET_STALE, News
from flows.outbox import send, tell
from flows.places import DEFAULT_WAREHOUSE
from flows.reports.upkeep import freshness_markdown, maintenance_markdown

LOCKED_SECONDS = 60.0
"""How long to wait for the server to leave its database alone."""


@flow(name="maintenance")
def maintenance(
    keep: int | None = None,
    dry_run: bool = False,  # noqa: FBT001, FBT002 - a flow's parameters are a form
    warehouse: Path = DEFAULT_WAREHOUSE,
) -> Collection:
    """Remove what no kept version needs, and give the database's free room back to the disk.

    Versions that are candidate or in production stay, and so do datasets of kept models. It is
    refused while a run is writing.

    Args:
        keep: Keep so many versions of each dataset and model; empty: all.
        dry_run: Only tell what would be removed.
        warehouse: Folder that versions are published in.
    """
    store = Warehouse.existing(warehouse)
    name_run("maintenance" + (", dry run" if dry_run else ""))
    collection = collect_task(store.root, keep, dry_run=dry_run)
    freed = 0 if dry_run else shrink_database_task()
    create_markdown_artifact(
        maintenance_markdown(collection, store.root, freed, done=not dry_run),
        key="maintenance",
        description=f"{(collection.bytes_freed + freed) / 1e6:,.1f} MB",
    )
    return collection


@flow(name="watch")
def watch(warehouse: Path = DEFAULT_WAREHOUSE) -> list[Freshness]:
    """Tell of datasets whose refresh is overdue by their contract, and of what a kill left untold.

    Args:
        warehouse: Folder that versions are published in.
    """
    store = Warehouse.existing(warehouse)
    name_run("watch")
    tell(store)
    found, time = freshness(store), now()
    stale = [one for one in found if one.stale_at(time)]
    for one in stale:
        get_run_logger().warning("dataset %s: a refresh was due on %s", one.name, one.due)
    if stale:
        send([_news(one) for one in stale], store.root)
    create_markdown_artifact(
        freshness_markdown(found, time),
        key="freshness",
        description=f"{len(stale)} of {len(found)} datasets are overdue",
    )
    return found


@task(name="collect garbage", task_run_name="collect garbage", **tasks.SETTINGS)
def collect_task(warehouse: Path, keep: int | None, *, dry_run: bool) -> Collection:
    """Remove what no kept version needs."""
    return collect(Warehouse(warehouse), keep=keep, dry_run=dry_run)


@task(name="shrink database", task_run_name="shrink database", **tasks.SETTINGS)
def shrink_database_task() -> int:
    """Give back the room of runs and events that the server has deleted; a SQLite file only.

    Returns:
        Bytes.
    """
    if os.environ.get("PREFECT_SERVER_DATABASE_CONNECTION_URL"):
        get_run_logger().info("the database is not a file of ours: it looks after itself")
        return 0
    return shrink(get_current_settings().home / "prefect.db")


def shrink(path: Path) -> int:
    """Rewrite a SQLite database without its free pages.

    Returns:
        Bytes that this gave back; 0 where there is no such file.
    """
    if not path.exists():
        return 0
    before = path.stat().st_size
    with closing(sqlite3.connect(path, timeout=LOCKED_SECONDS, isolation_level=None)) as database:
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return max(0, before - path.stat().st_size)


def _news(one: Freshness) -> News:
    return News(
        event=DATASET_STALE,
        resource=f"corpus.dataset.{one.name}",
        name=one.name,
        mark=f"stale/{uuid4()}",  # each time anew: it stays true until somebody acts
        payload=one.model_dump(mode="json"),
    )
