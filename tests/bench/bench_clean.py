"""How fast is cleaning, per core? `python -m tests.bench.bench_clean` prints it.

Text: books in English cut into documents of 4,000 characters, or made-up words where the books are
absent. Times are CPU seconds of the process over all threads, so that a rate is that of one core;
the fastest of several runs counts. The peer judges a part of the same documents in the same run.
"""

import importlib.util
import platform
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from data_contracts.arrow_files import partition_name, write_ipc
from data_contracts.identity import content_id, record_id
from data_contracts.results import IngestResult, SourceCounts
from data_contracts.schemas import RECORDS
from pipeline.buffers import text_buffers
from pipeline.clean import kernels
from pipeline.clean.edits import edit
from pipeline.clean.language import identify
from pipeline.clean.normalise.texts import normalise
from pipeline.clean.quality.model import NO_MODEL, QualityModel
from pipeline.clean.recipe import CleanRecipe, Normalise
from pipeline.clean.rules import decide
from pipeline.clean.signals import SIGNALS, measure
from pipeline.clean.stage import CleanInputs, clean
from pipeline.clean.stop_words import stop_rows, stop_table
from pipeline.text.tokens import token_hashes
from pipeline.text.unicode_tables import unicode_tables

TEXT_BYTES = 16_000_000
DOCUMENT_CHARACTERS = 4_000
PEER_BYTES = 5_000_000
BOOKS = Path(__file__).resolve().parents[3] / "shared" / "data" / "books-en.tar.xz"

Row = dict[str, Any]


def run() -> list[Row]:
    """Measure, and return one row per figure; `peer_value` is null where there is no peer."""
    documents = documents_of_books()
    texts = pa.array(documents, pa.large_string())
    size = sum(len(one.encode()) for one in documents)
    rates = {
        "clean: tokens and their hashes": rate(size, lambda: token_hashes(texts)),
        "clean: normalise": rate(size, lambda: normalise(texts, Normalise())),
        "clean: repair, normalise, personal data": rate(size, lambda: edit(texts, CleanRecipe())),
        "clean: the same with C4's line rules": rate(
            size, lambda: edit(texts, CleanRecipe(preset="c4"))
        ),
        "clean: all signals, fused": rate(size, lambda: all_signals(texts)),
        "clean: language": rate(size, lambda: identify(text_buffers(texts))),
        "clean: all rules": rate(size, rules_on(texts)),
        **stage_rates(documents, size),
    }
    peer = peer_rate(documents)
    judged = ("clean: all signals, fused", "clean: whole stage without language")
    return [
        {
            "benchmark": name,
            "value": round(value, 1),
            "unit": "MB/s per core",
            "peer": "datatrove Gopher quality, Gopher repetition and FineWeb filters"
            if name in judged and peer
            else None,
            "peer_value": round(peer, 3) if name in judged and peer else None,
            "ratio": round(value / peer, 1) if name in judged and peer else None,
        }
        for name, value in rates.items()
    ]


def documents_of_books() -> list[str]:
    """Cut books into documents."""
    text = "".join(book_texts()) if BOOKS.exists() else made_up_text()
    text = text[:TEXT_BYTES]
    return [text[at : at + DOCUMENT_CHARACTERS] for at in range(0, len(text), DOCUMENT_CHARACTERS)]


def book_texts() -> list[str]:
    """Read books from the archive until there is enough text."""
    texts, size = [], 0
    with tarfile.open(BOOKS, "r|xz") as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".md") and size < TEXT_BYTES:
                file = archive.extractfile(member)
                texts.append(file.read().decode("utf-8", "replace") if file else "")
                size += len(texts[-1])
            elif size >= TEXT_BYTES:
                break
    return texts


def made_up_text() -> str:
    """Make words with the frequencies of a language (Zipf)."""
    generator = np.random.default_rng(0)
    letters = generator.integers(97, 123, (20_000, 9)).astype(np.uint8)
    words = [bytes(row[: 2 + n % 8]).decode() for n, row in enumerate(letters)]
    picks = np.minimum(generator.zipf(1.2, TEXT_BYTES // 6), len(words)) - 1
    return " ".join(words[pick] + (".\n" if n % 15 == 0 else "") for n, pick in enumerate(picks))


def rate(size: int, work: Callable[[], object], times: int = 4) -> float:
    """Run a few times, the first to compile; MB (10^6 bytes) per CPU second of the fastest."""
    work()
    seconds = []
    for _ in range(times):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return size / 1e6 / min(seconds)


def all_signals(texts: pa.Array, model: QualityModel = NO_MODEL) -> object:
    """The fused pass alone, as `measure` calls it."""
    rows = stop_rows(pa.array(["en"] * len(texts)))
    given = (*text_buffers(texts), *unicode_tables(), rows, stop_table()[1])
    return kernels.measure(*given, *model[:2])


def rules_on(texts: pa.Array) -> Callable[[], object]:
    """All rules on signals that are there already."""
    ids = pa.array([record_id("books", str(n)) for n in range(len(texts))])
    columns = [ids, pa.array(["books"] * len(texts)), *measure(texts).columns]
    signals = pa.table(columns, schema=SIGNALS)
    return lambda: decide(signals, CleanRecipe(), {})


def stage_rates(documents: list[str], size: int) -> dict[str, float]:
    """The stage from partitions to partitions, and the same with the language's time taken off."""
    with tempfile.TemporaryDirectory() as folder:
        given = records(documents, Path(folder) / "in")
        whole = rate(size, lambda: clean(given, CleanRecipe(), Path(folder) / "out"))
    texts = pa.array(documents, pa.large_string())
    language = rate(size, lambda: identify(text_buffers(texts)))
    return {
        "clean: whole stage": whole,
        "clean: whole stage without language": 1 / (1 / whole - 1 / language),
    }


def records(documents: list[str], folder: Path) -> CleanInputs:
    """Write documents as ingest would."""
    rows = [
        (record_id("books", str(n)), "books", str(n), "books", n + 1, content_id(t.encode()), t)
        for n, t in enumerate(documents)
    ]
    for number in range(4):
        columns = zip(*rows[number::4], strict=True)
        table = pa.table([list(column) for column in columns], schema=RECORDS)
        write_ipc(folder / "records" / partition_name(number), table)
    counts = SourceCounts(rows_in=len(rows), rows_kept=len(rows))
    ingested = IngestResult(
        folder=folder, sources={"books": counts}, bytes_in=0, elapsed_seconds=0, files=1
    )
    return CleanInputs(ingested=ingested)


def peer_rate(documents: list[str]) -> float | None:
    """datatrove's filters on the same documents; None where it is not installed."""
    if not all(importlib.util.find_spec(name) for name in ("datatrove", "spacy")):
        print("datatrove with spaCy: not installed")
        return None
    from datatrove.data import Document  # type: ignore[import-not-found]
    from datatrove.pipeline.filters import (  # type: ignore[import-not-found]
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    filters = [GopherQualityFilter(), GopherRepetitionFilter(), FineWebQualityFilter()]
    sample = documents[: PEER_BYTES // DOCUMENT_CHARACTERS]
    size = sum(len(one.encode()) for one in sample)

    def judge() -> None:
        for number, text in enumerate(sample):
            document = Document(text=text, id=str(number))
            for one in filters:
                one.filter(document)

    return rate(size, judge, times=1)


def main() -> None:
    """Print the figures."""
    print(f"{platform.machine()}, {platform.python_implementation()} {platform.python_version()}")
    for row in run():
        peer = f"   {row['ratio']} times {row['peer']}" if row["ratio"] else ""
        print(f"{row['benchmark']:<40} {row['value']:>8.1f} {row['unit']}{peer}")


if __name__ == "__main__":
    main()
