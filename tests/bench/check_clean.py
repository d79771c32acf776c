"""Is cleaning what its slow twin does, on whole corpora? `python -m tests.bench.check_clean` tells.

Every document of docs-en-zh, poetry-zh and 20 MB of books-en is edited, measured and judged twice, by
the stage's functions and by tests/reference, under the default rules and all presets. Texts, counts
of what was taken out, all signals (but for rounding in the last digits) and all reasons must be equal.
Takes some minutes; give names of corpora to check only those, `--every 50` for each fiftieth document.
"""

import argparse
import json
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from math import isclose
from pathlib import Path
from typing import Any

import pyarrow as pa

from data_contracts.arrow_files import read_partitions
from data_contracts.schemas import RECORDS
from pipeline.clean.edits import edit
from pipeline.clean.recipe import CleanRecipe, Pii
from pipeline.clean.rules import decide
from pipeline.clean.signals import SIGNALS, measure
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.stage import ingest
from tests.reference.decisions import cleaned, measured, reasons

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
BOOK_BYTES = 20_000_000
DOCUMENT_CHARACTERS = 4_000
AT_ONCE = 200
PRESETS = ("default", "gopher", "fineweb2", "c4", "fineweb")
"""The first three edit alike, so that they are measured once."""
CORPORA = ("docs-en-zh", "poetry-zh", "books-en")


def documents_of(corpus: str, folder: Path) -> Iterator[str]:
    """Read a corpus as documents."""
    with tarfile.open(DATA / f"{corpus}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    if corpus == "docs-en-zh":
        source = Source(name="docs", path=str(folder / corpus))
        read = ingest((source,), IngestRecipe(max_unreadable_ratio=1), folder / "read")
        for table in read_partitions(read.records, RECORDS):
            yield from table["text"].to_pylist()
    elif corpus == "poetry-zh":
        for path in sorted(folder.rglob("*.json")):
            content = json.loads(path.read_text(encoding="utf-8"))
            for poem in content if isinstance(content, list) else [content]:
                lines = (
                    poem.get("paragraphs") or poem.get("content") if type(poem) is dict else None
                )
                if lines and all(isinstance(line, str) for line in lines):
                    yield "\n".join(lines)
    else:
        left = BOOK_BYTES
        for path in sorted(folder.rglob("*.md")):
            text = path.read_text(encoding="utf-8", errors="replace")
            for at in range(0, len(text), DOCUMENT_CHARACTERS):
                piece = text[at : at + DOCUMENT_CHARACTERS]
                left -= len(piece.encode())
                if left < 0:
                    return
                yield piece


def recipes() -> list[CleanRecipe]:
    """Give the recipes that are checked; personal data has a labelled set instead."""
    keep = Pii(**dict.fromkeys(Pii.model_fields, "keep"))
    mojibake = {"repair_mojibake": False}  # a library's work
    return [
        CleanRecipe.model_validate({"preset": one, "normalise": mojibake, "pii": keep})
        for one in PRESETS
    ]


def differences(texts: list[str], chosen: list[CleanRecipe]) -> list[str]:
    """Clean texts both ways; tell what differs."""
    told: list[str] = []
    fast: dict[str, tuple[list[str], pa.Table]] = {}
    slow: dict[str, list[dict[str, Any]]] = {}
    ids = pa.array([f"{n:032x}" for n in range(len(texts))])
    for recipe in chosen:
        edits = str(recipe.line_rules)
        if edits not in fast:
            kept, lost = edit(pa.array(texts, pa.large_string()), recipe)
            table = measure(kept, lost)
            names = pa.array(["corpus"] * len(texts))
            fast[edits] = (kept.to_pylist(), pa.table([ids, names, *table.columns], schema=SIGNALS))
            slow[edits] = []
            for text, found, row in zip(texts, fast[edits][0], table.to_pylist(), strict=True):
                expected, taken = cleaned(text, recipe)
                if expected != found:
                    told.append(f"text: {text[:60]!r}")
                wanted = measured(expected, taken, row["language"], row["language_score"])
                slow[edits].append(wanted)
                told += [
                    f"{name}: {row[name]} and {wanted[name]} of {text[:60]!r}"
                    for name in row.keys() & wanted.keys()
                    if name != "language" and not isclose(row[name], wanted[name], rel_tol=1e-12)
                ]
        decisions = {
            row["record_id"]: [tuple(one.values()) for one in row["reasons"]]
            for row in decide(fast[edits][1], recipe, {}).to_pylist()
        }
        for number, row in enumerate(slow[edits]):
            found = decisions.get(f"{number:032x}", [])
            if not same(found, reasons(row, recipe)):
                told.append(f"{recipe.preset}: {found} and {reasons(row, recipe)}")
    return told


def same(found: list[Any], expected: list[Any]) -> bool:
    """Compare reasons: names and thresholds exactly, values but for rounding."""
    return len(found) == len(expected) and all(
        a[0] == b[0] and a[2] == b[2] and isclose(a[1], b[1], rel_tol=1e-12)
        for a, b in zip(found, expected, strict=True)
    )


def check(corpus: str, every: int = 1, workers: int = 2) -> tuple[int, int, list[str]]:
    """Check one corpus: documents, bytes, and what differs."""
    count = size = 0
    told: list[str] = []
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(workers) as pool:
        texts = list(islice(documents_of(corpus, Path(folder)), 0, None, every))
        count, size = len(texts), sum(len(text.encode()) for text in texts)
        groups = [texts[at : at + AT_ONCE] for at in range(0, count, AT_ONCE)]
        for found in pool.map(differences, groups, [recipes()] * len(groups)):
            told += found
    return count, size, told


def main() -> None:
    """Check the corpora named, and exit with 1 when anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="*", default=CORPORA)
    parser.add_argument("--every", type=int, default=1)
    given = parser.parse_args()
    failed = False
    for corpus in given.corpora:
        began = time.monotonic()
        count, size, told = check(corpus, given.every)
        seconds = time.monotonic() - began
        print(
            f"{corpus}: {count:,} documents, {size / 1e6:.1f} MB, {len(told)} differ ({seconds:.0f} s)"
        )
        for line in told[:20]:
            print(" ", line)
        failed |= bool(told)
    sys.exit(failed)


if __name__ == "__main__":
    main()
