"""Prefect's settings, the same wherever the mill is started from.

`prefect.toml` counts only in its own folder, so `mill` sets these in the environment, before
Prefect is first imported; whatever the user has set already wins. Nothing here imports Prefect.
"""

import fcntl
import json
import os
import socket
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from data_contracts.errors import ServerUnavailable

SERVER_FILE = "server.json"
REPORTS_URL = "MILL_REPORTS_URL"
"""Environment variable that tells flows where the report server is."""
HEALTH_TIMEOUT_SECONDS = 2.0
CONNECT_TIMEOUT_SECONDS = 10.0


def prepare_prefect(home: Path) -> str | None:
    """Set Prefect up for this process and its children.

    Args:
        home: Prefect's folder: database, results, settings. Runs of one warehouse share it, so
            that a server started later shows the runs made before.

    Returns:
        The API address of a server that is running, or None: Prefect will start a temporary one.

    Raises:
        ServerUnavailable: Nobody listens at the address that the user has set.
    """
    home.mkdir(parents=True, exist_ok=True)
    defaults = {
        "PREFECT_HOME": str(home),
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",  # no pickles: reading one can run code
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLI_VERSION_CHECK": "false",
        "DO_NOT_TRACK": "1",
        # Runs and events of over 90 days go by themselves: a database that grows makes pages slow.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # 20 s fails on a busy machine
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    if "PREFECT_API_URL" in os.environ:
        _require_listener(os.environ["PREFECT_API_URL"])
        return os.environ["PREFECT_API_URL"]
    found = running_server(home)
    if found is None:
        return None
    os.environ["PREFECT_API_URL"] = found["api_url"]
    os.environ[REPORTS_URL] = found["reports_url"]
    os.environ.setdefault("PREFECT_UI_URL", ui_url(found["api_url"]))
    return found["api_url"]


def running_server(home: Path) -> dict[str, str] | None:
    """Find what `mill up` started for this home, if it answers: `api_url` and `reports_url`."""
    try:
        found = json.loads((home / SERVER_FILE).read_text(encoding="utf-8"))
        addresses = {name: str(found[name]) for name in ("api_url", "reports_url")}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return addresses if answers(addresses["api_url"]) else None


def answers(api_url: str) -> bool:
    """Ask a server whether it is well."""
    try:
        with urllib.request.urlopen(f"{api_url}/health", timeout=HEALTH_TIMEOUT_SECONDS) as reply:  # noqa: S310
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _require_listener(api_url: str) -> None:
    """Look before Prefect does: it answers with a traceback of a hundred lines."""
    try:
        address = urllib.parse.urlsplit(api_url)
        port = address.port or (443 if address.scheme == "https" else 80)
        socket.create_connection((address.hostname or "", port), CONNECT_TIMEOUT_SECONDS).close()
    except (OSError, ValueError) as error:
        fix = "Start that server, or unset PREFECT_API_URL to do without."
        raise ServerUnavailable(api_url, f"nobody answers there ({error})", fix) from error


def ui_url(api_url: str) -> str:
    """Where the pages of a server are; the second version of them is the one we test."""
    return api_url.removesuffix("/api") + "/v2"


@contextmanager
def kept_port(preferred: int) -> Iterator[int]:
    """Find a free port that no other `mill` takes while the block lasts.

    A server listens seconds after its port was found free: two workplaces started together would
    take the same one, and one would register its deployments with the other's server.
    """
    with ExitStack() as kept:
        for wanted in (preferred, 0):
            port = free_port(wanted)
            name = f"corpusmill-port-{os.getuid()}-{port}.lock"
            file = kept.enter_context((Path(tempfile.gettempdir()) / name).open("a"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            break
        yield port


def free_port(preferred: int) -> int:
    """Find a port of the loopback interface that nobody listens on, the preferred one first."""
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    msg = "no free port on the loopback interface"
    raise OSError(msg)
