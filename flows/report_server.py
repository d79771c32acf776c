"""The report server: the reports of a warehouse, read-only, on the loopback interface.

It serves reports and nothing else. They carry a content security policy of their own; the server
repeats it as a header, so that a report written by an older program is held to it as well.
"""

import html
import re
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from data_contracts.warehouse import Kind, Warehouse
from flows.publish import REPORT_FILE
from flows.reports.page import script_source

POLICY = (
    f"default-src 'none'; script-src {script_source()}; style-src 'unsafe-inline'; img-src data:; "
    "frame-ancestors 'none'"
)
_REPORT = re.compile(
    r"^/(datasets|models|datasets/rejected)/([a-z0-9][a-z0-9-]{0,62})/([0-9a-f-]{8,40})/report\.html$"
)


def start_report_server(warehouse: Warehouse, port: int) -> ThreadingHTTPServer:
    """Serve a warehouse's reports from a thread; `shutdown()` ends it.

    Raises:
        OSError: The port is taken.
    """
    handler = type("Handler", (_Handler,), {"warehouse": warehouse})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    warehouse: Warehouse
    server_version = "mill"
    sys_version = ""

    def do_GET(self) -> None:
        if self.path == "/":
            self._reply(HTTPStatus.OK, _index(self.warehouse).encode())
            return
        match = _REPORT.match(self.path)
        path = self.warehouse.root.joinpath(*match.groups(), REPORT_FILE) if match else None
        if path is None or not path.is_file():
            self._reply(HTTPStatus.NOT_FOUND, b"no such report")
            return
        self._reply(HTTPStatus.OK, path.read_bytes())

    def _reply(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep the terminal quiet."""


def _index(warehouse: Warehouse) -> str:
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'><title>Corpusmill reports</title>"
        "<style>body{font:16px/1.6 system-ui,sans-serif;max-width:44rem;margin:3rem auto;"
        "padding:0 1rem;color-scheme:light dark}li{font-variant-numeric:tabular-nums}</style>"
        f"<h1>Corpusmill reports</h1>{_list(warehouse, 'datasets')}{_list(warehouse, 'models')}"
    )


def _list(warehouse: Warehouse, kind: Kind) -> str:
    items = "".join(
        f"<li><a href='/{kind}/{html.escape(name)}/{version}/{REPORT_FILE}'>"
        f"{html.escape(name)}@{version}</a></li>"
        for name in warehouse.names(kind)
        for version in reversed(warehouse.versions(kind, name))
    )
    return f"<h2>{kind.capitalize()}</h2><ul>{items or '<li>none yet</li>'}</ul>"
