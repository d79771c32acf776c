"""`mill up` and the deployments, as a user meets them."""

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.flows.corpora import TINY_TRAINING, write_corpus

MILL = Path(sys.executable).with_name("mill")
DEPLOYMENTS = yaml.safe_load((REPOSITORY / "deployments" / "prefect.yaml").read_text())[
    "deployments"
]
STAGES = {"ingest", "clean", "dedup", "validate", "shard", "train", "evaluate"}


def test_every_flow_is_deployed():
    assert {one["name"] for one in DEPLOYMENTS} == {"refresh", *STAGES}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda one: one["name"])
def test_a_one_click_run_has_valid_parameters(deployment, monkeypatch):
    module, name = deployment["entrypoint"].rsplit(".", 1)
    flow = getattr(importlib.import_module(module), name)
    parameters = json.loads(
        json.dumps(deployment["parameters"]).replace("{{ $MILL_WAREHOUSE }}", "w")
    )
    monkeypatch.chdir(REPOSITORY)
    valid = flow.validate_parameters(parameters)
    if "recipe" in valid:
        assert valid["recipe"].exists()
    assert all("description" in one for one in flow.parameters.properties.values())


def test_the_weekly_schedule_is_off_until_it_is_switched_on():
    (refresh,) = [one for one in DEPLOYMENTS if one["name"] == "refresh"]
    assert [one["active"] for one in refresh["schedules"]] == [False]


def _post(api, path, body):
    client = "tests"
    token = _get(api, f"/csrf-token?client={client}")["token"]
    headers = {"Prefect-Csrf-Client": client, "Prefect-Csrf-Token": token}
    return _post_with(headers, api, path, body)


def _post_with(headers, api, path, body):
    request = urllib.request.Request(
        api + path, json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.load(reply)


def _get(api, path):
    with urllib.request.urlopen(api + path, timeout=30) as reply:
        return json.load(reply)


@pytest.mark.slow
def test_a_deployment_run_from_the_pages_refreshes_and_ctrl_c_stops_everything(tmp_path):
    recipe = write_corpus(tmp_path / "corpus", documents=60, **TINY_TRAINING)
    warehouse = tmp_path / "warehouse"
    surroundings = {name: value for name, value in os.environ.items() if "PREFECT" not in name}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [MILL, "up", "--warehouse", warehouse],
            cwd=tmp_path,
            env=surroundings,
            stdout=log,
            stderr=log,
        )
        try:
            told = warehouse / "prefect" / "server.json"
            _wait_for(lambda: "Ctrl-C stops" in (tmp_path / "log").read_text(), process)
            addresses = json.loads(told.read_text())
            api = addresses["api_url"]
            deployment = _get(api, "/deployments/name/refresh/refresh")
            with pytest.raises(urllib.error.HTTPError, match="403") as caught:  # another web page
                _post_with({}, api, f"/deployments/{deployment['id']}/create_flow_run", {})
            caught.value.close()
            run = _post(
                api,
                f"/deployments/{deployment['id']}/create_flow_run",
                {"parameters": {"recipe": str(recipe), "warehouse": str(warehouse)}},
            )
            _wait_for(
                lambda: (
                    _get(api, f"/flow_runs/{run['id']}")["state_type"]
                    in {"COMPLETED", "FAILED", "CRASHED"}
                ),
                process,
            )
            ended = _get(api, f"/flow_runs/{run['id']}")
            assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
            assert ended["name"].startswith("corpus@0001-")
            with urllib.request.urlopen(addresses["reports_url"]) as reply:
                assert b"corpus@0001-" in reply.read()
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(60)
    text = (tmp_path / "log").read_text()
    assert code == 0, text
    assert text.rstrip().endswith("stopped.")
    assert not told.exists()
    port = int(api.split(":")[2].split("/")[0])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def _wait_for(condition, process, seconds=240):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "mill up ended"
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.5)
