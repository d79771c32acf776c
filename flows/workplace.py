"""Servers that a command starts and stops: one for a run, or all that `mill up` brings."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_contracts.errors import ServerUnavailable
from data_contracts.warehouse import Warehouse
from flows.places import POOL, PROJECT
from flows.prefect_settings import (
    REPORTS_URL,
    SERVER_FILE,
    answers,
    free_port,
    kept_port,
    prepare_prefect,
    ui_url,
)
from flows.report_server import start_report_server

PREFECT_PORT = 4200
REPORTS_PORT = 4280
START_SECONDS = 240
STOP_SECONDS = 20


@contextmanager
def some_server(home: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Use the Prefect server that is running, or one of our own while the block lasts.

    Prefect would start one by itself, but in our process group: Ctrl-C would end it first, and the
    run would wait for minutes to tell it of its own end.

    Raises:
        ServerUnavailable: The one that the user named, or ours, does not answer.
    """
    if prepare_prefect(home) is not None:
        yield
        return
    port = free_port(0)
    api_url = f"http://127.0.0.1:{port}/api"
    os.environ |= _guards(port) | {"PREFECT_API_URL": api_url, "PREFECT_SERVER_UI_ENABLED": "false"}
    say("starting a temporary Prefect server (10 to 30 seconds) …")
    server = _start(home, "server", "server", "start", "--host", "127.0.0.1", "--port", str(port))
    try:
        _wait_until_it_answers(server, api_url, home)
        yield
    finally:
        _stop(server)


def run_workplace(
    warehouse: Warehouse,
    say: Callable[[str], None],
    recipes: Path | None = None,
    ready: Callable[[dict[str, Any]], None] = lambda _: None,
) -> None:
    """Run everything until Ctrl-C or SIGTERM.

    Args:
        warehouse: Whose runs and reports are shown, and where deployments publish.
        say: Told the addresses and what is going on.
        recipes: A folder of recipes that the forms list, beside the mill's own.
        ready: Told the addresses when all is up: `pages_url`, `api_url`, `reports_url`, `pid`.

    Raises:
        ServerUnavailable: The server, or the worker, did not come up, or ended by itself.
    """
    home = warehouse.prefect_home
    found = prepare_prefect(home)
    if found is not None:
        problem = "a server is running already"
        raise ServerUnavailable(found, problem, f"Open {ui_url(found)}, or stop it first.")
    with kept_port(PREFECT_PORT) as port:
        _run(warehouse, port, say, recipes, ready)


def _run(
    warehouse: Warehouse,
    port: int,
    say: Callable[[str], None],
    recipes: Path | None,
    ready: Callable[[dict[str, Any]], None],
) -> None:
    home = warehouse.prefect_home
    api_url = f"http://127.0.0.1:{port}/api"
    reports = start_report_server(warehouse, free_port(REPORTS_PORT))
    reports_url = f"http://127.0.0.1:{reports.server_port}"
    os.environ |= _guards(port) | {
        "PREFECT_API_URL": api_url,
        "PREFECT_UI_URL": ui_url(api_url),
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        REPORTS_URL: reports_url,
    }
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    running: list[subprocess.Popen[bytes]] = []
    try:
        say(f"starting the Prefect server on port {port} (10 to 30 seconds) …")
        running.append(
            _start(home, "server", "server", "start", "--host", "127.0.0.1", "--port", str(port))
        )
        _wait_until_it_answers(running[0], api_url, home)
        addresses = {"api_url": api_url, "reports_url": reports_url, "pid": os.getpid()}
        (home / SERVER_FILE).write_text(json.dumps(addresses), encoding="utf-8")
        say("registering the deployments …")
        from flows.registration import register  # noqa: PLC0415 - Prefect reads its settings then

        register(home, warehouse, recipes)
        running.append(_start(home, "worker", "worker", "start", "--pool", POOL, "--name", "mill"))
        say(f"Prefect   {ui_url(api_url)}")
        say(f"reports   {reports_url}")
        say(f"logs      {home / 'server.log'}, {home / 'worker.log'}")
        say("Ctrl-C stops all of it.")
        ready(addresses | {"pages_url": ui_url(api_url)})
        _watch(running, api_url, home)
    except KeyboardInterrupt:
        say("stopping …")
    finally:
        (home / SERVER_FILE).unlink(missing_ok=True)
        reports.shutdown()
        for process in reversed(running):
            _stop(process)
        say("stopped.")


def _guards(port: int) -> dict[str, str]:
    """Settings without which any page in the user's browser could call the API."""
    return {
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port}",
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
    }


def _start(home: Path, name: str, *command: str) -> subprocess.Popen[bytes]:
    with (home / f"{name}.log").open("ab") as log:
        # A session of its own: Ctrl-C reaches us alone, and we stop them in order.
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "flows.ward", *command],
            cwd=PROJECT,
            stdin=subprocess.PIPE,  # closed with us: see `flows.ward`
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait_until_it_answers(server: subprocess.Popen[bytes], api_url: str, home: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            problem = f"the server ended with exit code {server.returncode}"
            raise ServerUnavailable(api_url, problem, f"See {home / 'server.log'}.")
        if answers(api_url):
            return
        time.sleep(0.5)
    problem = f"no answer within {START_SECONDS} seconds"
    raise ServerUnavailable(api_url, problem, f"See {home / 'server.log'}.")


def _watch(running: list[subprocess.Popen[bytes]], api_url: str, home: Path) -> None:
    while True:
        for process in running:
            if process.poll() is not None:
                problem = f"a part ended by itself (exit code {process.returncode})"
                raise ServerUnavailable(api_url, problem, f"See the logs in {home}.")
        time.sleep(1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
