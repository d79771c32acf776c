"""Every page of ours, looked over by axe: names, roles, order, contrast; light, dark, on a phone."""

import pytest

from data_contracts.warehouse import Warehouse
from flows.comparison import compare
from flows.report_server import start_report_server
from flows.reports.classify_page import render_classified
from flows.reports.comparison_page import render_comparison
from flows.reports.compress_page import render_compressed
from flows.reports.dataset_page import render_dataset
from flows.reports.dataset_report import Origin, gather_dataset
from flows.reports.model_page import render_model
from flows.reports.model_report import gather_model
from flows.reports.reading_page import render_reading
from tests.flows.corpora import write_corpus
from tests.flows.reports import test_classify_page, test_compress_page, test_reading_page
from tests.flows.reports.crude_stages import make_dataset
from tests.flows.reports.crude_training import make_model
from tests.flows.reports.hostile_corpus import small_corpus
from tests.flows.without_prefect import publish

pytestmark = [pytest.mark.ui, pytest.mark.slow]

SERVED = ["index", "report", "search", "found", "contracts", "kept contracts"]
WRITTEN = ["rejected", "model", "diff", "classified", "compressed", "reading"]
WIDE, PHONE = 1300, 390
LOOKS = [("light", WIDE), ("light", PHONE), ("dark", WIDE)]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    """Where each page is: some are served from a warehouse of two versions, some are files."""
    folder = tmp_path_factory.mktemp("pages")
    store = Warehouse.create(folder / "warehouse")
    made = []
    for documents in (40, 44):
        recipe = write_corpus(folder / f"{documents}", documents=documents)
        made.append(publish(recipe, store, report=True))
    server = start_report_server(store, 0)
    base = f"http://127.0.0.1:{server.server_port}"
    version = f"{base}/datasets/corpus/{made[-1].path.name}"
    written = _written(folder, *(one.path for one in made))
    found = {
        "index": f"{base}/",
        "contracts": f"{base}/contracts",
        "report": f"{version}/report.html",
        "search": f"{version}/ledger",
        "found": f"{version}/ledger?words=1",
        "kept contracts": f"{version}/contracts",
    }
    for name, page in written.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
        found[name] = (folder / f"{name}.html").as_uri()
    assert sorted(found) == sorted([*SERVED, *WRITTEN])
    yield found
    server.shutdown()
    server.server_close()


def _written(folder, before, after):
    rejected = make_dataset(folder / "rejected", small_corpus(), passed=False)
    model = make_model(folder / "model")
    text = test_reading_page.reading()
    near = [test_reading_page.near("Once a mill", "k1")]
    return {
        "rejected": render_dataset(
            gather_dataset(rejected.folder, Origin.of(rejected.manifest), rejected.results)
        ),
        "model": render_model(
            gather_model(model.folder, model.manifest, model.trained, model.evaluated)
        ),
        "diff": render_comparison(compare(before, after)),
        "classified": render_classified(test_classify_page.result(), "feelings"),
        "compressed": render_compressed(test_compress_page.result()),
        "reading": render_reading(text, "demo", near, "demo@0001-1f2e3d4c"),
    }


@pytest.fixture(scope="module")
def axe():
    found = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    return found.Axe()


@pytest.mark.parametrize("name", [*SERVED, *WRITTEN])
def test_axe_finds_no_barrier(page, addresses, axe, shot, name):
    told = []
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(addresses[name])
        found = axe.run(page, options={"resultTypes": ["violations"]}).response
        assert len(found["passes"]) > 5  # it did look
        told += [
            f"{scheme}, {width} wide: {one['id']}: {node['html'][:200]}: {node['failureSummary']}"
            for one in found["violations"]
            for node in one["nodes"]
        ]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        shot(f"page-{name}-{scheme}-{width}")
    assert not told, "\n".join(told)


def test_axe_does_find_barriers(page, axe, tmp_path):
    (tmp_path / "bad.html").write_text("<img src='data:,'><p style='color:#eee'>pale</p>")
    page.goto((tmp_path / "bad.html").as_uri())
    found = {one["id"] for one in axe.run(page).response["violations"]}
    assert {"image-alt", "color-contrast", "html-has-lang"} <= found
