"""Which extractor finds the main text of pages best? `python -m tests.bench.check_extractors` tells.

The labelled pages of scrapinghub's article extraction benchmark, decoded once; bags of 4-grams, precision
and recall averaged over pages, F1 of these means, as that benchmark computes them. Processor time of one
core. What other extractors gave for the same pages lies beside them and is measured by the same code.
"""

import json
import tarfile
import time
from collections.abc import Callable
from pathlib import PurePosixPath

import trafilatura
from resiliparse.extract.html2text import extract_plain_text

from pipeline.ingest.readers.html import decode_page, text_of_page
from pipeline.ingest.recipe import IngestRecipe
from tests.conftest import CORPORA
from tests.pipeline.ingest.readers.test_html import labelled_pages, precision_and_recall

Extractor = Callable[[str], str]


def ours(extractor: str) -> Extractor:
    """What ingest does, its guards included."""
    recipe = IngestRecipe(extractor=extractor)  # type: ignore[arg-type]

    def extract(page: str) -> str:
        text = text_of_page(page.encode(), None, recipe)
        assert isinstance(text, bytes)
        return text.decode()

    return extract


EXTRACTORS: dict[str, Extractor] = {
    "resiliparse, main content": lambda page: extract_plain_text(
        page, main_content=True, alt_texts=False
    ),
    "ours: resiliparse": ours("resiliparse"),
    "ours: none": ours("none"),
    "trafilatura, with fallbacks": lambda page: (
        trafilatura.extract(page, include_comments=False) or ""
    ),
    "ours: trafilatura": ours("trafilatura"),
}


def scores(found: list[str], expected: list[str]) -> tuple[float, float, float]:
    """F1, precision and recall over pages."""
    pairs = [precision_and_recall(*pair) for pair in zip(found, expected, strict=True)]
    precision, recall = (sum(part) / len(pairs) for part in zip(*pairs, strict=True))
    return 2 * precision * recall / (precision + recall), precision, recall


def other_outputs() -> dict[str, dict[str, str]]:
    """Texts by page that other extractors gave, as the benchmark keeps them."""
    found = {}
    with tarfile.open(CORPORA / "web.tar.xz") as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            file = archive.extractfile(member) if path.parent.name == "output" else None
            if file is not None and path.suffix == ".json":
                pages = json.load(file)
                found[path.stem] = {page: one["articleBody"] for page, one in pages.items()}
    return found


def main() -> None:
    """Print the table."""
    labelled = labelled_pages()
    pages = [decode_page(page, None) for page, _ in labelled]
    expected = [text for _, text in labelled]
    size = sum(len(page.encode()) for page in pages)
    print(f"{len(pages)} pages, {size / 1e6:.1f} MB")
    print(f"{'':<28} {'F1':>6} {'prec':>6} {'recall':>6} {'MB/s':>7} {'pages/s':>8}")
    for name, extract in EXTRACTORS.items():
        extract(pages[0])
        began = time.process_time()
        found = [extract(page) for page in pages]
        seconds = time.process_time() - began
        figures = " ".join(f"{one:6.3f}" for one in scores(found, expected))
        print(f"{name:<28} {figures} {size / 1e6 / seconds:7.1f} {len(pages) / seconds:8.0f}")
    names = page_names()
    for name, texts in sorted(other_outputs().items()):
        if all(page in texts for page in names):  # some outputs were left out
            wanted = [texts[page] for page in names]
            print(f"{name:<28} " + " ".join(f"{one:6.3f}" for one in scores(wanted, expected)))


def page_names() -> list[str]:
    """Names of the pages, in the order of `labelled_pages`."""
    with tarfile.open(CORPORA / "web.tar.xz") as archive:
        for member in archive:
            if member.name.endswith("article-extraction/ground-truth.json"):
                file = archive.extractfile(member)
                assert file is not None
                return list(json.load(file))
    raise FileNotFoundError(CORPORA)


if __name__ == "__main__":
    main()
