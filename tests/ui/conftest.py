"""The real browser: Debian's chromium, driven by Playwright, on a workplace of its own."""

from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
SCREENSHOTS = REPOSITORY / "build" / "screenshots"


@pytest.fixture(scope="session")
def browser():
    """One browser for all tests."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip("there is no /usr/bin/chromium (Debian's package)")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, request):
    """A page that asks nobody outside: Prefect's would ask an analytics host for its settings."""
    page = browser.new_page(viewport={"width": 1300, "height": 1200})
    page.set_default_timeout(60_000)
    outside = []
    page.on(
        "request",
        lambda one: outside.append(one.url) if "//127.0.0.1:" not in one.url else None,
    )
    page.route(lambda url: "//127.0.0.1:" not in url and "http" in url, lambda one: one.abort())
    page.on("console", lambda one: print(f"page: {one.text}") if one.type == "error" else None)
    page.on("response", lambda one: print(f"{one.status} {one.url}") if not one.ok else None)
    yield page
    page.screenshot(path=SCREENSHOTS / f"last-of-{request.node.name}.png")  # tells of failures
    page.close()
    assert not [url for url in outside if url.startswith("http") and "amplitude.com" not in url]


@pytest.fixture
def shot(page):
    """Keep a picture of what is shown, as `build/screenshots/NAME.png`."""

    def take(name):
        page.screenshot(path=SCREENSHOTS / f"{name}.png")

    return take
