"""A Prefect server that can be killed and started again on the same database."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from flows.prefect_settings import answers, free_port

PATIENCE_SECONDS = 120


class KillableServer:
    """Make it before Prefect is first imported: this process and its children then talk to it.

    A context manager. It ends with this process, however that ends.
    """

    def __init__(self, home: Path) -> None:
        """Choose a port and set the environment; the database and the log lie in `home`."""
        home.mkdir(parents=True)
        self._log = home / "server.log"
        self._port = free_port(0)
        self.api_url = f"http://127.0.0.1:{self._port}/api"
        for name in [name for name in os.environ if name.startswith("PREFECT")]:
            del os.environ[name]
        os.environ |= {
            "PREFECT_HOME": str(home),
            "PREFECT_API_URL": self.api_url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_ENABLED": "false",
            "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
            "DO_NOT_TRACK": "1",
        }

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = ["server", "start", "--host", "127.0.0.1", "--port", str(self._port)]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flows.ward", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not answers(self.api_url):
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.2)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it: nothing of it is needed."""
        self.kill()
