"""Debian's chromium, headless: pages as a real browser shows them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium")
NEEDS_CHROMIUM = [
    pytest.mark.ui,
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed"),
]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
]
PATIENT = ["--virtual-time-budget=3000"]
"""Scripts have their chance before the document is looked at."""


def opened(page: str, folder: Path) -> str:
    """Open a page from a file and give its document back after scripts had their chance."""
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    return document_at(path.as_uri(), folder)


def document_at(url: str, folder: Path, flags: list[str] = PATIENT) -> str:
    """Open an address and give its document back."""
    profile = f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run(
        [str(CHROMIUM), *FLAGS, *flags, "--dump-dom", profile, url],
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    return done.stdout


def title_of(document: str) -> str:
    """Read a document's title."""
    found = re.search(r"<title>(.*?)</title>", document, re.DOTALL)
    assert found, document[:400]
    return found.group(1)
