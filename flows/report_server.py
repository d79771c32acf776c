"""The report server: what a warehouse holds, read-only, on the loopback interface.

It serves the index, finished reports, contracts, and answers to searches over ledgers; nothing else.
Pages carry a content security policy of their own; the server repeats it as a header, so that a
report written by an older program is held to it as well. A request that names another host than
this machine's is refused: a page elsewhere must not read a ledger through a name of its own.
"""

import re
import threading
import traceback
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from data_contracts.contracts import Contracts
from data_contracts.errors import CorpusError
from data_contracts.manifest import now
from data_contracts.warehouse import Warehouse
from flows.contract_files import kept_contracts
from flows.ledger_search import Question, search
from flows.publish import CONTRACTS_FOLDER, REPORT_FILE
from flows.reports.contract_page import render_contracts
from flows.reports.index_page import render_index
from flows.reports.index_report import gather_index
from flows.reports.page import SERVED_MARK, script_source, served_links
from flows.reports.search_page import render_search

POLICY: Final = (
    f"default-src 'none'; script-src {script_source()}; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SEARCHES_AT_ONCE: Final = 2
"""More wait: each reads a whole ledger."""
LONGEST_REQUEST: Final = 2000
"""Characters of a path with its question."""

_PLACE: Final = re.compile(
    r"^/(datasets|models|datasets/rejected)/([a-z0-9][a-z0-9-]{0,62})/([0-9a-f-]{8,40})"
    r"/(report\.html|ledger|contracts)$"
)
_HOST: Final = re.compile(r"^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$")


class _Refused(Exception):
    """A request that is not answered with a page."""

    def __init__(self, status: HTTPStatus, told: str) -> None:
        super().__init__(told)
        self.status, self.told = status, told


def start_report_server(warehouse: Warehouse, port: int) -> ThreadingHTTPServer:
    """Serve a warehouse from a thread; `shutdown()` ends it.

    Raises:
        OSError: The port is taken.
    """
    handler = type("Handler", (_Handler,), {"pages": Pages(warehouse)})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class _Place(NamedTuple):
    """A version, or what a gate rejected."""

    kind: str
    name: str
    version: str
    folder: Path

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"


class Pages:
    """Every page of a warehouse, by path."""

    def __init__(self, warehouse: Warehouse) -> None:
        """Take the warehouse; it is read anew for each page."""
        self._warehouse = warehouse
        self._searching = threading.BoundedSemaphore(SEARCHES_AT_ONCE)

    def page(self, request: str, host: str) -> str:
        """Give the page of a request's path and question.

        Args:
            request: Path and question, as the request has them.
            host: Whom the request is meant for.

        Raises:
            _Refused: There is none, or the request is meant for somebody else.
        """
        if not _HOST.match(host):
            raise _Refused(HTTPStatus.MISDIRECTED_REQUEST, "this is not the host you named")
        if len(request) > LONGEST_REQUEST:
            raise _Refused(HTTPStatus.REQUEST_URI_TOO_LONG, "the question is too long")
        path, question = urlsplit(request)[2:4]
        if path == "/":
            return render_index(gather_index(self._warehouse), self._warehouse.root.name, now())
        if path == "/contracts":
            return _linked(render_contracts(Contracts.load()), served_links())
        match = _PLACE.match(path)
        if match is None:
            raise _Refused(HTTPStatus.NOT_FOUND, "there is no such page")
        kind, name, version, what = match.groups()
        place = _Place(kind, name, version, self._warehouse.root / kind / name / version)
        answers: dict[str, Callable[[_Place, str], str]] = {
            REPORT_FILE: self._report,
            "ledger": self._ledger,
            "contracts": self._contracts,
        }
        return answers[what](place, question)

    def _report(self, place: _Place, _: str) -> str:
        path = place.folder / REPORT_FILE
        if not path.is_file():
            raise _Refused(HTTPStatus.NOT_FOUND, "there is no such report")
        links = served_links(ledger=place.kind != "models", models=self._models(place))
        return _linked(path.read_text(encoding="utf-8"), links)

    def _models(self, place: _Place) -> list[str]:
        """List the models that were trained on a dataset version: its page is older than they are."""
        if place.kind != "datasets":
            return []
        found = gather_index(self._warehouse).models
        return [
            f"{name}@{row.version}"
            for name, rows in found.items()
            for row in rows
            if row.dataset == place.label
        ]

    def _ledger(self, place: _Place, question: str) -> str:
        if not (place.folder / "ledger").is_dir():
            raise _Refused(HTTPStatus.NOT_FOUND, "there is no such ledger")
        asked = Question.asked(dict(parse_qsl(question, max_num_fields=10)))
        with self._searching:
            return render_search(place.label, search(place.folder, asked))

    def _contracts(self, place: _Place, _: str) -> str:
        if not (place.folder / CONTRACTS_FOLDER).is_dir():
            raise _Refused(HTTPStatus.NOT_FOUND, "this version keeps no contract")
        return _linked(render_contracts(kept_contracts(place.folder)), served_links(report=True))


def _linked(page: str, links: str) -> str:
    return page.replace(SERVED_MARK, links, 1)


class _Handler(BaseHTTPRequestHandler):
    pages: Pages
    server_version = "mill"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        kind = "text/html"
        try:
            status, body = HTTPStatus.OK, self.pages.page(self.path, self.headers.get("Host") or "")
        except _Refused as refused:
            status, body, kind = refused.status, refused.told, "text/plain"
        except ValueError:
            status, body, kind = HTTPStatus.BAD_REQUEST, "this cannot be asked", "text/plain"
        except CorpusError as error:
            status, body, kind = HTTPStatus.INTERNAL_SERVER_ERROR, str(error), "text/plain"
        except Exception:  # noqa: BLE001 - one broken version must not end the server
            traceback.print_exc()
            status, kind = HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain"
            body = "this page could not be made; the terminal of `mill up` tells why"
        self._reply(status, body.encode("utf-8", "replace"), kind, with_body=with_body)

    def _reply(self, status: HTTPStatus, body: bytes, kind: str, *, with_body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep the terminal quiet."""
