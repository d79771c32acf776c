"""How much memory does a large file take? `python -m tests.bench.check_memory GIGABYTES` tells.

It writes JSON Lines of made-up documents of about 2 KB into a temporary folder, ingests and cleans
them, each stage in a process of its own, and prints the peak of what that process held: all resident
pages, and of these its own, without those of files mapped into memory, which the system takes back
whenever it needs them.
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from data_contracts.results import IngestResult
from pipeline.clean.recipe import CleanRecipe
from pipeline.clean.stage import CleanInputs, clean
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.stage import ingest

WORDS_PER_DOCUMENT = 300
VOCABULARY = 50_000


def write_documents(path: Path, size: int) -> int:
    """Write records until the file has this many bytes; how many there are."""
    generator = np.random.default_rng(0)
    letters = generator.integers(97, 123, (VOCABULARY, 10)).astype(np.uint8)
    words = np.array([bytes(row[: 3 + n % 8]).decode() for n, row in enumerate(letters)], object)
    count = written = 0
    with path.open("wb") as file:
        while written < size:
            picks = generator.zipf(1.15, (1000, WORDS_PER_DOCUMENT)) % VOCABULARY
            lines = []
            for row in words[picks]:
                text = ". ".join(" ".join(row[at : at + 12]) for at in range(0, len(row), 12))
                lines.append(json.dumps({"id": f"page-{count:09d}", "text": text}))
                count += 1
            written += file.write(("\n".join(lines) + "\n").encode())
    return count


def read(file: Path, folder: Path) -> None:
    """The stage ingest."""
    source = Source(name="pages", path=str(file), key_field="id")
    ingest((source,), IngestRecipe(), folder / "ingest")


def judge(folder: Path) -> None:
    """The stage clean."""
    ingested = IngestResult.load(folder / "ingest")
    clean(CleanInputs(ingested=ingested), CleanRecipe(), folder / "clean")


def measured(name: str, work: Callable[..., None], *arguments: Path) -> None:
    """Run something in a process of its own and print what it took."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    began, before = time.monotonic(), os.times()
    process.start()
    peak = own = 0
    while process.is_alive():
        peak = max(peak, resident(process.pid, "VmHWM"))
        own = max(own, resident(process.pid, "RssAnon"))
        time.sleep(0.1)
    process.join()
    after = os.times()
    seconds = sum(after[2:4]) - sum(before[2:4])
    print(
        f"{name:<8} peak {peak / 1e6:8,.0f} MB, of its own {own / 1e6:8,.0f} MB; "
        f"{seconds:,.0f} processor seconds, {time.monotonic() - began:,.0f} by the clock; "
        f"exit code {process.exitcode}",
        flush=True,
    )


def resident(process: int | None, field: str) -> int:
    """Read a figure of a process, in bytes; 0 when it is over."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def main() -> None:
    """Write the file, run the stages, delete everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gigabytes", nargs="?", type=float, default=1.0)
    parser.add_argument("--folder", type=Path, help="where there is room for three times as much")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        file = Path(folder) / "pages.jsonl"
        count = write_documents(file, int(arguments.gigabytes * 1e9))
        print(f"{file.stat().st_size:,} bytes, {count:,} records", flush=True)
        measured("ingest", read, file, Path(folder))
        measured("clean", judge, Path(folder))


if __name__ == "__main__":
    main()
