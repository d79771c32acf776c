"""Pages as a real browser shows them."""

import base64
import hashlib
import html
import re

import pytest

from flows.reports.dataset_page import render_dataset
from flows.reports.dataset_report import Origin, gather_dataset
from flows.reports.model_page import render_model
from flows.reports.model_report import gather_model
from tests.flows.reports.browser import NEEDS_CHROMIUM, opened, title_of
from tests.flows.reports.hostile_corpus import HOSTILE

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def pages(dataset, model):
    return {
        "kept": dataset.quality.kept,
        "dataset": render_dataset(
            gather_dataset(dataset.folder, Origin.of(dataset.manifest), dataset.results)
        ),
        "model": render_model(
            gather_model(model.folder, model.manifest, model.trained, model.evaluated)
        ),
    }


def test_the_hostile_text_does_run_where_nothing_holds_it(tmp_path):
    # The proof that the next test can fail.
    assert title_of(opened(f"<title>calm</title>{HOSTILE}", tmp_path)) == "owned"


@pytest.mark.parametrize("name", ["dataset", "model"])
def test_no_script_of_the_corpus_runs(pages, name, tmp_path):
    document = opened(pages[name], tmp_path)
    assert title_of(document) == title_of(pages[name])
    assert "&lt;script&gt;document.title" in document


def test_the_policy_alone_stops_a_script(pages, tmp_path):
    page = pages["dataset"].replace("<main", f"{HOSTILE}<main", 1)
    assert title_of(opened(page, tmp_path)) == title_of(page)


def test_the_search_box_and_the_columns_work_without_a_network(pages, tmp_path):
    # A second script, let in beside the page's own, uses the page as a reader does.
    act = """
      const box = document.querySelector('.finder input');
      box.value = 'near_nothing'; box.dispatchEvent(new Event('input'));
      const none = document.querySelector('.finder output').textContent;
      box.value = 'NEAR DUPLICATE web'; box.dispatchEvent(new Event('input'));
      const rows = [...document.querySelectorAll('#sample tbody tr')].filter(row => !row.hidden);
      const fit = rows.every(row => row.dataset.reason === 'near_duplicate'
        && row.dataset.source === 'web');
      box.value = ''; box.dispatchEvent(new Event('input'));
      const choice = document.querySelector('.finder select[data-field=reason]');
      choice.value = 'kept'; choice.dispatchEvent(new Event('change'));
      const kept = [...document.querySelectorAll('#sample tbody tr')].filter(row => !row.hidden);
      const head = document.querySelector('#funnel th:nth-child(2)');
      head.querySelector('button').click();
      const counts = [...document.querySelectorAll('#funnel tbody td:nth-child(2)')]
        .map(cell => Number(cell.textContent.replace(',', '')));
      const sorted = counts.every((one, n) => !n || counts[n - 1] >= one);
      document.title = [none, rows.length, fit, kept.length, head.ariaSort, sorted].join(' / ');
    """
    digest = base64.b64encode(hashlib.sha256(act.encode()).digest()).decode()
    page = pages["dataset"].replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    page = page.replace("</body>", f"<script>{act}</script></body>")
    none, rows, fit, kept, order, is_sorted = title_of(opened(page, tmp_path)).split(" / ")
    assert none.startswith("0 of ")
    assert int(rows) > 0
    assert int(kept) == pages["kept"]
    assert (fit, order, is_sorted) == ("true", "descending", "true")


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("name", ["dataset", "model"])
def test_a_page_is_never_wider_than_the_screen(pages, name, width, tmp_path):
    # Opened in a frame of that width: a window is never narrower than 500 pixels. The policy is
    # taken out of this copy, or the frame's style sheet would be held to the outer page's.
    inner = re.sub(r"<meta http-equiv.*?>", "", pages[name]).replace("<details", "<details open")
    measure = (
        "const f=document.querySelector('iframe');"
        "onload=()=>{const e=f.contentDocument.documentElement;"
        "document.title=`${e.scrollWidth - e.clientWidth} too wide`}"
    )
    outer = (
        f"<title>not measured</title><iframe width={width} height=900 style='border:0'"
        f' srcdoc="{html.escape(inner)}"></iframe><script>{measure}</script>'
    )
    assert title_of(opened(outer, tmp_path)) == "0 too wide"
