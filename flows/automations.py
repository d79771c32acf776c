"""Automations that the server runs by itself: silent runs are marked crashed, people are told.

That a refreshed dataset starts `retrain` stands in `deployments/prefect.yaml`, beside the deployment
that it starts.
"""

import os
from datetime import timedelta
from typing import Final

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound

from data_contracts.errors import ServerUnavailable
from flows.news import DATASET_REJECTED, DATASET_STALE, MODEL_REGRESSED

HEARTBEAT: Final = "prefect.flow-run.heartbeat"
SILENT_SECONDS: Final = 600
"""Three heartbeats of Prefect's 180 seconds, and some patience."""
ENDS: Final = {
    f"prefect.flow-run.{state}"
    for state in ("Completed", "CompletedWithWarnings", "Failed", "Cancelled", "Crashed")
}
NOTIFY_BLOCK: Final = "MILL_NOTIFY_BLOCK"
"""Environment variable: TYPE/NAME of the notification block that people are told by."""
SUBJECT: Final = "Corpusmill: {{ event.event }} of {{ event.resource.name }}"
BODY: Final = """\
{% for name, value in event.payload.items() %}{{ name }}: {{ value }}
{% endfor %}"""


def silent_runs(seconds: float = SILENT_SECONDS) -> AutomationCore:
    """Mark a run crashed whose process was killed, or whose machine is gone: it says nothing more.

    Args:
        seconds: How long a run may be silent.
    """
    trigger = EventTrigger(
        posture=Posture.Proactive,
        match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
        for_each={"prefect.resource.id"},
        after={HEARTBEAT},
        expect={HEARTBEAT, *ENDS},
        threshold=1,
        within=timedelta(seconds=seconds),
    )
    message = "Its process fell silent: it was killed, or its machine is gone. A rerun continues."
    return AutomationCore(
        name="corpusmill: silent runs are marked crashed",
        description="A killed process cannot say that it ended; without this its run would stay "
        "Running for ever.",
        trigger=trigger,
        actions=[ChangeFlowRunState(state=StateType.CRASHED, name="Crashed", message=message)],
    )


def notifications(client: SyncPrefectClient, block: str) -> AutomationCore:
    """Tell people of a rejected dataset, an overdue one and a candidate worse than production.

    Args:
        client: Knows the block.
        block: TYPE/NAME of a notification block, such as slack-webhook/alerts.

    Raises:
        ServerUnavailable: The server has no such block.
    """
    kind, _, name = block.partition("/")
    try:
        found = client.read_block_document_by_name(name, kind)
    except ObjectNotFound:
        problem = f"{NOTIFY_BLOCK} names the block `{block}`, which is not there"
        fix = "Make it on the page Blocks, and name it TYPE/NAME, such as slack-webhook/alerts."
        raise ServerUnavailable(str(client.api_url), problem, fix) from None
    trigger = EventTrigger(
        posture=Posture.Reactive,
        match=ResourceSpecification(
            {"prefect.resource.id": ["corpus.dataset.*", "corpus.model.*"]}
        ),
        expect={DATASET_REJECTED, DATASET_STALE, MODEL_REGRESSED},
        threshold=1,
    )
    return AutomationCore(
        name="corpusmill: people are told",
        description="Of a dataset that its contract rejected, one whose refresh is overdue, and a "
        "model that is worse than that in production.",
        trigger=trigger,
        actions=[SendNotification(block_document_id=found.id, subject=SUBJECT, body=BODY)],
    )


def wanted_automations(client: SyncPrefectClient) -> list[AutomationCore]:
    """List what `mill setup` makes: people are told only where a block says how."""
    block = os.environ.get(NOTIFY_BLOCK)
    return [silent_runs(), *([notifications(client, block)] if block else [])]


def ensure(client: SyncPrefectClient, automation: AutomationCore) -> None:
    """Create an automation, or bring the one of its name up to date; one switched off stays off."""
    there = client.read_automations_by_name(automation.name)
    if not there:
        client.create_automation(automation)
        return
    wanted = automation.model_copy(update={"enabled": there[0].enabled})
    client.update_automation(there[0].id, wanted)
