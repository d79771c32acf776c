"""The report server's pages in a real browser: hostile text stays text, forms work, nothing overflows."""

import html
import re
import urllib.request

import pytest

from flows.report_server import start_report_server
from tests.flows.hostile_warehouse import publish_hostile
from tests.flows.reports.browser import NEEDS_CHROMIUM, document_at, opened, title_of

pytestmark = NEEDS_CHROMIUM

PAGES = ("/", "V/report.html", "V/ledger?words=onerror", "V/contracts")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server on a hostile warehouse: its address, the version's path."""
    warehouse, published = publish_hostile(tmp_path_factory.mktemp("served"))
    server = start_report_server(warehouse, 0)
    yield f"http://127.0.0.1:{server.server_port}", f"/datasets/corpus/{published.version}"
    server.shutdown()
    server.server_close()


def text_of(url):
    with urllib.request.urlopen(url) as reply:
        return reply.read().decode()


@pytest.mark.parametrize("page", PAGES)
def test_no_script_of_the_corpus_runs_on_a_served_page(served, page, tmp_path):
    base, version = served
    url = base + page.replace("V", version)
    document = document_at(url, tmp_path)
    assert title_of(document) == title_of(text_of(url))
    assert "owned" not in title_of(document)
    if page != "/":
        assert "&lt;script&gt;document.title" in document


def test_a_search_written_into_the_form_is_answered_and_says_why(served, tmp_path):
    base, version = served
    # The browser sends the form as its fields are filled in: the answer is the next page.
    document = document_at(f"{base}{version}/ledger?words=dropped&reason=too_few_words", tmp_path)
    assert "1 record of" in document
    assert re.search(r'<option value="too_few_words" selected="">', document)
    assert '<th scope="row">too few words</th>' in document


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("page", PAGES)
def test_a_served_page_is_never_wider_than_the_screen(served, page, width, tmp_path):
    base, version = served
    inner = re.sub(r"<meta http-equiv.*?>", "", text_of(base + page.replace("V", version)))
    measure = (
        "const f=document.querySelector('iframe');"
        "onload=()=>{const e=f.contentDocument.documentElement;"
        "document.title=`${e.scrollWidth - e.clientWidth} too wide`}"
    )
    inner = inner.replace("<details", "<details open")
    outer = (
        f"<title>not measured</title><iframe width={width} height=900 style='border:0'"
        f' srcdoc="{html.escape(inner)}"></iframe><script>{measure}</script>'
    )
    assert title_of(opened(outer, tmp_path)) == "0 too wide"
