"""The report server, asked as a browser and as somebody worse would ask it."""

import http.client
import urllib.error
import urllib.parse
import urllib.request

import pytest

from flows.ledger_search import PAGE_ROWS
from flows.report_server import start_report_server
from tests.flows.hostile_warehouse import publish_hostile
from tests.flows.reports.hostile_corpus import HOSTILE
from tests.flows.reports.page_structure import Structure, hidden_characters


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server on a hostile warehouse: its address, the version's path."""
    warehouse, published = publish_hostile(tmp_path_factory.mktemp("served"))
    server = start_report_server(warehouse, 0)
    yield f"http://127.0.0.1:{server.server_port}", f"/datasets/corpus/{published.version}"
    server.shutdown()
    server.server_close()


def got(url):
    with urllib.request.urlopen(url) as reply:
        return reply.read().decode(), reply.headers


def refused(url, host=None):
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    path = url.partition(address.netloc)[2]
    connection.request("GET", path, headers={"Host": host} if host else {})
    reply = connection.getresponse()
    body = reply.read().decode()
    connection.close()
    return reply.status, body


@pytest.mark.parametrize("page", ["/", "/contracts", "V/report.html", "V/ledger", "V/contracts"])
def test_every_page_is_whole_and_holds_hostile_text_as_text(served, page):
    base, version = served
    text, headers = got(base + page.replace("V", version))
    structure = Structure(text)
    assert not structure.problems
    assert not hidden_characters(structure.text())
    assert all(not name.startswith("on") for _, names in structure.elements for name in names)
    links = [names["href"] for tag, names in structure.elements if tag == "a"]
    assert all(
        link.startswith(("#", "/", "?", "report.html", "ledger", "contracts")) for link in links
    )
    assert structure.tags().count("script") <= 1
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert len(text) < 5_000_000


def test_the_index_shows_versions_roles_and_what_cannot_be_read(served):
    base, version = served
    text, _ = got(base)
    shown = Structure(text).text()
    assert version.rpartition("/")[2] in shown
    assert "production" in shown
    assert "Cannot be read" in shown
    assert "corpus@0002-abcdef01" in shown


def test_a_report_that_is_served_leads_on_and_the_file_does_not(served, tmp_path):
    base, version = served
    text, _ = got(f"{base}{version}/report.html")
    assert '<a href="ledger">Search the whole ledger</a>' in text
    for link in ("/", f"{version}/ledger", f"{version}/contracts"):
        assert got(base + link)[0]


def test_a_search_finds_a_dropped_record_and_says_why(served):
    base, version = served
    text, _ = got(f"{base}{version}/ledger?words=DROPPED+onerror")
    shown = Structure(text).text()
    assert "1 record of" in shown
    assert "dropped <script>document.title='owned'</script>" in shown
    assert "too few words" in shown
    assert "Threshold" in shown


def test_searches_narrow_down_and_page_through(served):
    base, version = served
    all_of_it, _ = got(f"{base}{version}/ledger")
    assert all_of_it.count("<summary>") == min(PAGE_ROWS, 58)
    assert "Later records" in all_of_it
    second, _ = got(f"{base}{version}/ledger?page=2")
    assert 0 < second.count("<summary>") < PAGE_ROWS
    kept, _ = got(f"{base}{version}/ledger?reason=kept&source=notes")
    assert "5 records of" in Structure(kept).text()


@pytest.mark.parametrize(
    "question",
    [
        f"words={urllib.parse.quote(HOSTILE)}",
        f"source={urllib.parse.quote(HOSTILE)}&reason=%00&language=%ff",
        "words=" + "a" * 1800,
        "page=99999999999999999999",
        "page=-1",
        "words=(((((&words=.*&words=%27%3B+DROP+TABLE+ledger",
        "words=%F0%9F%92%A9+\u0301".encode().decode("ascii", "ignore"),
    ],
)
def test_a_hostile_question_is_answered_calmly(served, question):
    base, version = served
    text, _ = got(f"{base}{version}/ledger?{question}")
    assert not Structure(text).problems
    assert "<script>document" not in text


@pytest.mark.parametrize(
    "path",
    [
        "V/manifest.json",
        "V/../../../warehouse.json",
        "V/%2e%2e/%2e%2e/%2e%2e/warehouse.json",
        "V/ledger/part-00000.parquet",
        "/datasets/../warehouse.json",
        "//etc/passwd",
        "/datasets/corpus/0009-abcdef01/report.html",
        "/datasets/corpus/0009-abcdef01/ledger",
        "/models/corpus/0009-abcdef01/contracts",
    ],
)
def test_nothing_else_is_served(served, path):
    base, version = served
    status, body = refused(base + path.replace("V", version))
    assert status == 404
    assert "<" not in body


def test_too_long_a_request_and_a_strange_host_are_refused(served):
    base, version = served
    assert refused(f"{base}{version}/ledger?words={'a' * 3000}")[0] == 414
    assert refused(base + "/", host="evil.example")[0] == 421
    assert refused(base + "/", host="localhost:80")[0] == 200


def test_what_may_only_be_read_cannot_be_written(served):
    base, _ = served
    request = urllib.request.Request(base + "/", b"x", method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    caught.value.close()
    assert caught.value.code == 501
