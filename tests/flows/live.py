"""A running workplace, `mill up` as a user starts it, and its API as a page in the browser uses it."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

MILL = Path(sys.executable).with_name("mill")
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
PATIENCE_SECONDS = 400
BUSY = 503
"""What Prefect's server answers while its database is busy: ask again, as its own client does."""


class Workplace:
    """`mill up` in a folder, behind USER:PASSWORD if given; use it as a context manager."""

    def __init__(self, folder: Path, password: str | None = None) -> None:
        self.folder, self.warehouse = folder, folder / "warehouse"
        self.recipes = folder / "recipes"
        self.recipes.mkdir(parents=True, exist_ok=True)
        self.log = folder / "up.log"
        self.environment = {
            name: value for name, value in os.environ.items() if "PREFECT" not in name
        }
        self.headers: dict[str, str] = {}
        if password is not None:
            names = ("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING")
            self.environment |= dict.fromkeys(names, password)
            token = base64.b64encode(password.encode()).decode()
            self.headers = {"Authorization": f"Basic {token}"}
        self.pages = self.api = self.reports = ""

    def __enter__(self) -> Self:
        command = [MILL, "up", "--warehouse", self.warehouse, "--recipes", self.recipes, "--json"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )
        try:
            self.until(lambda: '"pages_url"' in self.log.read_text())
        except AssertionError:
            self.stop()
            raise
        line = next(one for one in self.log.read_text().splitlines() if one.startswith("{"))
        told = json.loads(line)
        self.pages, self.api, self.reports = (
            told[name] for name in ("pages_url", "api_url", "reports_url")
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """Press Ctrl-C, and give the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def mill(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the mill beside it."""
        return subprocess.run(
            [MILL, *command, "--warehouse", self.warehouse],
            cwd=self.folder,
            env=self.environment | environment | {"COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call the API with a CSRF token, as the pages do."""
        client = "tests"
        headers = self.headers | {"Content-Type": "application/json"}
        if method != "GET":
            token = self.call("GET", f"/csrf-token?client={client}")["token"]
            headers |= {"Prefect-Csrf-Client": client, "Prefect-Csrf-Token": token}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.api + path, content, headers, method=method)
        for _ in range(5):
            try:
                with urllib.request.urlopen(request, timeout=30) as reply:
                    answer = reply.read()
            except urllib.error.HTTPError as error:
                if error.code != BUSY:
                    raise
                error.close()
                time.sleep(1)
            else:
                return json.loads(answer) if answer else None
        raise AssertionError(f"the server stayed busy: {method} {path}")

    def deployment(self, name: str) -> Any:
        """Read a deployment by FLOW/NAME, or by NAME where both are the same."""
        return self.call("GET", f"/deployments/name/{name if '/' in name else f'{name}/{name}'}")

    def start(self, name: str, **parameters: object) -> str:
        """Run a deployment; gives the run's id."""
        identity = self.deployment(name)["id"]
        path = f"/deployments/{identity}/create_flow_run"
        return str(self.call("POST", path, {"parameters": parameters})["id"])

    def read(self, run: str) -> Any:
        """Read a run."""
        return self.call("GET", f"/flow_runs/{run}")

    def runs_of(self, name: str) -> list[Any]:
        """Read the runs of a deployment."""
        wanted = {"deployments": {"name": {"any_": [name]}}}
        return list(self.call("POST", "/flow_runs/filter", wanted))

    def cancel(self, run: str) -> None:
        """Ask for a run to be cancelled, as the button on its page does."""
        state = {"type": "CANCELLING", "name": "Cancelling"}
        self.call("POST", f"/flow_runs/{run}/set_state", {"state": state})

    def ended(self, run: str, state: str = "COMPLETED") -> Any:
        """Wait for a run to end in a state."""
        self.until(lambda: self.read(run)["state_type"] in FINAL)
        # A run that is cancelled while it saves says first that it crashed.
        if state == "CANCELLED":
            self.until(lambda: self.read(run)["state_type"] == state)
        found = self.read(run)
        assert found["state_type"] == state, found["state"]["message"]
        return found

    def until(self, condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, "it took too long"
            time.sleep(0.3)
