"""Events leave through an outbox: what happened is told at least once, also after a kill.

What has no mark under `outbox/` was not told of yet (`flows.news`). The mark is written after the
server has confirmed the event, so a kill in between tells twice, under the same event id: the server
takes it once.
"""

from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx
from prefect.client.orchestration import get_client
from prefect.events.schemas.events import Event, RelatedResource, Resource
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from data_contracts.warehouse import Warehouse
from flows.news import News, note_told, untold


def tell(warehouse: Warehouse, *, training: bool = False) -> list[News]:
    """Send an event for everything that has not been told of.

    A server that does not answer ends no run: the next one tells.

    Args:
        warehouse: Where it happened.
        training: Whether this run trains on the dataset that it published.

    Returns:
        What was told.
    """
    news = untold(warehouse, training=training)
    if not news:
        return []
    try:
        send(news, warehouse.root)
    except httpx.HTTPError as error:
        get_run_logger().warning("%d events wait for the next run: %s", len(news), error)
        return []
    note_told(warehouse, news)
    return news


def send(news: list[News], place: Path) -> None:
    """Hand events to the server, and wait until it has them.

    Args:
        news: What to tell.
        place: The warehouse: the same news of the same warehouse is the same event.

    Raises:
        httpx.HTTPError: The server did not take them.
    """
    events = [_event(one, place).model_dump(mode="json") for one in news]
    with get_client(sync_client=True) as client:
        client.request("POST", "/events", json=events)


def _event(news: News, place: Path) -> Event:
    resource = {
        "prefect.resource.id": news.resource,
        "prefect.resource.name": news.name,
        **news.labels,
    }
    return Event(
        id=uuid5(NAMESPACE_URL, f"{place}/{news.mark}"),
        event=news.event,
        resource=Resource.model_validate(resource),
        related=_the_run(),
        payload=news.payload,
    )


def _the_run() -> list[RelatedResource]:
    """Name the run that tells, so that its page shows the event."""
    identity = flow_run.get_id()
    if identity is None:
        return []
    labels = {
        "prefect.resource.id": f"prefect.flow-run.{UUID(identity)}",
        "prefect.resource.role": "flow-run",
        "prefect.resource.name": flow_run.get_name() or "",
    }
    return [RelatedResource.model_validate(labels)]
