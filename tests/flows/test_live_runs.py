"""Runs on a real worker beside a real server: killed, cancelled, started by events, continued."""

import json
import os
import signal
import socket
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest

from data_contracts.aliases import Alias
from data_contracts.errors import WarehouseBusy
from data_contracts.warehouse import Warehouse
from flows.automations import HEARTBEAT
from tests.flows.corpora import TINY_TRAINING, write_corpus
from tests.flows.live import Workplace

pytestmark = pytest.mark.slow

# A signal of the recipe's own that takes as long as a file is there: a stage to be stopped in.
WAITING = """
import os, time
from pathlib import Path
import pyarrow as pa

HERE = Path(__file__).parent

def bytes_of(texts: pa.Array) -> pa.Array:
    (HERE / "entered").write_text(str(os.getpid()))
    while (HERE / "hold").exists():
        time.sleep(0.1)
    return pa.array([float(len(text)) for text in texts.to_pylist()])
"""
LONG_TRAINING = {
    **TINY_TRAINING["train"],
    "budget_tokens": 600_000,
    "max_epochs": None,
    "checkpoint_every_steps": 1_000_000,  # only a signal makes one
    "evaluate_every_steps": 1000,
}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    with Workplace(tmp_path_factory.mktemp("live"), "mill:secret") as workplace:
        yield workplace


@pytest.fixture(scope="module")
def recipe(workplace):
    training = {**TINY_TRAINING, "train": LONG_TRAINING}
    signals = {"own_signals": {"bytes": {"function": "waiting:bytes_of"}}}
    path = write_corpus(workplace.recipes, documents=60, clean=signals, **training)
    (workplace.recipes / "waiting.py").write_text(WAITING)
    return path


def test_a_run_killed_and_one_cancelled_in_a_data_stage_leave_nothing_half_done(workplace, recipe):
    hold, entered = recipe.with_name("hold"), recipe.with_name("entered")
    store = Warehouse.existing(workplace.warehouse)
    hold.touch()

    killed = workplace.start("refresh", recipe=str(recipe))
    workplace.until(entered.exists)
    os.kill(int(entered.read_text()), signal.SIGKILL)
    entered.unlink()
    workplace.ended(killed, "CRASHED")
    assert store.names("datasets") == []

    cancelled = workplace.start("refresh", recipe=str(recipe))
    workplace.until(entered.exists)
    with pytest.raises(WarehouseBusy, match=f"process {entered.read_text()}"):
        store.lease("corpus").__enter__()  # as a run from the command line would
    workplace.cancel(cancelled)
    hold.unlink()
    workplace.ended(cancelled, "CANCELLED")
    assert store.names("datasets") == []

    told = json.loads(workplace.mill("status", "--json").stdout.splitlines()[-1])
    assert {run["state"] for run in told["runs"]} == {"Crashed"}
    assert told["pages"] == workplace.pages


def test_it_is_run_again_and_the_new_version_starts_a_retraining_that_can_be_cancelled(
    workplace, recipe
):
    store = Warehouse.existing(workplace.warehouse)
    workplace.ended(workplace.start("refresh", recipe=str(recipe)))
    assert store.names("datasets") == ["corpus"]
    assert store.names("models") == []

    workplace.until(lambda: workplace.runs_of("retrain"))
    (retraining,) = workplace.runs_of("retrain")
    assert retraining["auto_scheduled"] is False
    label = store.latest("datasets", "corpus").name
    assert retraining["parameters"]["dataset"] == f"corpus@{label}"
    training = workplace.warehouse / "cache" / "train" / "runs"
    workplace.until(lambda: list(training.glob("*/metrics.jsonl")))
    workplace.cancel(retraining["id"])
    workplace.ended(retraining["id"], "CANCELLED")
    assert list(training.glob("*/checkpoint*"))
    assert store.names("models") == []

    workplace.ended(workplace.start("retrain"))
    (result,) = training.glob("*/result.json")
    assert json.loads(result.read_text())["resumed_from_step"] > 0
    assert store.aliases.target("corpus", Alias.CANDIDATE).model.startswith("corpus@0001-")


def test_a_run_whose_process_fell_silent_is_marked_crashed(workplace):
    # The automation as it is shipped, but for its patience; and a run that nobody works on.
    ours = [one for one in _automations(workplace) if "silent" in one["name"]]
    (shipped,) = ours
    hasty = {one: shipped[one] for one in ("description", "actions")}
    trigger = {**shipped["trigger"], "within": 10}
    made = workplace.call("POST", "/automations/", {**hasty, "name": "hasty", "trigger": trigger})
    flow = workplace.call("POST", "/flows/", {"name": "silent"})
    state = {"type": "RUNNING", "name": "Running"}
    body = {"flow_id": flow["id"], "state": state, "name": "silent run"}
    run = workplace.call("POST", "/flow_runs/", body)["id"]
    beat = {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": HEARTBEAT,
        "resource": {"prefect.resource.id": f"prefect.flow-run.{run}"},
    }
    workplace.call("POST", "/events", [beat])
    found = workplace.ended(run, "CRASHED")
    assert "fell silent" in found["state"]["message"]
    workplace.call("DELETE", f"/automations/{made['id']}")  # later runs may be silent for 10 s


def test_setting_up_again_keeps_what_was_switched_and_tells_people_where_a_block_says_how(
    workplace, tmp_path
):
    weekly = workplace.deployment("refresh/refresh-and-retrain")
    schedule = weekly["schedules"][0]["id"]
    workplace.call("PATCH", f"/deployments/{weekly['id']}/schedules/{schedule}", {"active": True})
    (retrains,) = [one for one in _automations(workplace) if "retrain" in one["name"]]
    workplace.call("PATCH", f"/automations/{retrains['id']}", {"enabled": False})

    missing = workplace.mill("setup", MILL_NOTIFY_BLOCK="custom-webhook/mill")
    assert missing.returncode == 1
    assert "custom-webhook/mill" in missing.stderr
    with _mailbox() as (url, letters):
        _make_webhook(workplace, url)
        done = workplace.mill("setup", "--json", MILL_NOTIFY_BLOCK="custom-webhook/mill")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout.splitlines()[-1])
        assert found["schedules"]["refresh-and-retrain/weekly"] is True
        assert found["automations"][retrains["name"]] is False
        assert len(found["deployments"]) == 15
        assert len({one["name"] for one in _automations(workplace)}) == len(_automations(workplace))

        bad = write_corpus(
            tmp_path / "bad", documents=20, name="bad", validate={"min_documents": 999}
        )
        failed = workplace.ended(workplace.start("refresh", recipe=str(bad)), "FAILED")
        assert "contract" in failed["state"]["message"].lower()
        workplace.until(lambda: letters)
    assert "corpus.dataset.rejected" in letters[0]
    assert "bad" not in Warehouse.existing(workplace.warehouse).names("datasets")


def test_a_schedule_that_is_on_has_runs_waiting(workplace):
    # With SQLAlchemy 2.1 Prefect's scheduler failed on every insert, in its log only.
    workplace.until(lambda: workplace.runs_of("watch"))
    assert {run["state_type"] for run in workplace.runs_of("watch")} == {"SCHEDULED"}


def test_nobody_without_the_password_nor_another_web_page_starts_a_run_and_ctrl_c_stops_everything(
    workplace,
):
    identity = workplace.deployment("refresh")["id"]
    address = f"{workplace.api}/deployments/{identity}/create_flow_run"
    kind = {"Content-Type": "application/json"}
    reading = urllib.request.Request(f"{workplace.api}/deployments/{identity}")
    for request, refusal in (
        (reading, "401"),  # no password
        (urllib.request.Request(address, b"{}", kind), "40[13]"),  # neither password nor token
        (urllib.request.Request(address, b"{}", workplace.headers | kind), "403"),  # no token
    ):
        with pytest.raises(urllib.error.HTTPError, match=refusal) as caught:
            urllib.request.urlopen(request)
        caught.value.close()
    with urllib.request.urlopen(workplace.reports) as reply:
        assert reply.status == 200

    assert workplace.stop() == 0
    assert workplace.log.read_text().rstrip().endswith("stopped.")
    assert not (workplace.warehouse / "prefect" / "server.json").exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(workplace.api.split(":")[2].split("/")[0]))) != 0


def _automations(workplace):
    return workplace.call("POST", "/automations/filter", {})


def _make_webhook(workplace, url):
    """A notification block, as the page Blocks makes one."""
    types = workplace.call("GET", "/block_types/slug/custom-webhook")
    schemas = workplace.call(
        "POST",
        "/block_schemas/filter",
        {"block_schemas": {"block_type_id": {"any_": [types["id"]]}}},
    )
    document = {
        "name": "mill",
        "block_type_id": types["id"],
        "block_schema_id": schemas[0]["id"],
        "data": {
            "name": "mill",
            "url": url,
            "json_data": {"subject": "{{subject}}", "body": "{{body}}"},
        },
    }
    workplace.call("POST", "/block_documents/", document)


class _mailbox:  # noqa: N801 - reads as a context manager
    """A web address that keeps what is sent there."""

    def __enter__(self):
        letters = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                letters.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}/", letters

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
