"""How fast is reading, per core? `python -m tests.bench.bench_ingest` prints it.

JSON Lines packed by zstd become Arrow tables on disk, with ids, keys and one row for every record: books
in English cut into documents of 4,000 and of 400 characters (`bench_clean`). Rates are bytes of text per
CPU second of the process over all threads. Peers read the same file in the same run: datatrove's
`JsonlReader`, which gives one Python object a record, and the JSON loader of `datasets`, which writes
Arrow files. What unpacking and parsing alone would take is measured beside: no reader can be faster.
"""

import importlib.util
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.stage import ingest
from tests.bench.bench_clean import documents_of_books, rate, together, write_jsonl

SHORT_CHARACTERS: Final = 400
PARTS: Final = 4
"""Short documents are made of a part of the text: they are ten times as many."""

Row = dict[str, Any]


def run() -> list[Row]:
    """Measure, and return one row per figure; `peer_value` is null where there is no peer."""
    documents = documents_of_books()
    text = "".join(documents[: len(documents) // PARTS])
    short = [text[at : at + SHORT_CHARACTERS] for at in range(0, len(text), SHORT_CHARACTERS)]
    rows = []
    for name, texts in (("4,000 characters", documents), ("400 characters", short)):
        with tempfile.TemporaryDirectory() as folder:
            rows += of_lines(f"ingest: JSONL.zst of {name}", texts, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "books.parquet"
        ids = [str(number) for number in range(len(documents))]
        pq.write_table(pa.table({"id": ids, "text": documents}), file, compression="zstd")
        value = rate(size_of(documents), reading(file))
        rows.append(row("ingest: Parquet (zstd) of 4,000 characters", value))
    return rows


def of_lines(name: str, texts: list[str], folder: Path) -> list[Row]:
    """Measure the readers of one file."""
    file, size = write_jsonl(texts, folder), size_of(texts)
    ours = rate(size, reading(file))
    packed = file.read_bytes()
    lines = zstandard.decompress(packed).split(b"\n")
    unpacking = rate(size, lambda: zstandard.decompress(packed))
    parsing = rate(size, lambda: [orjson.loads(line) for line in lines])
    found = [row(name, ours, peer, value) for peer, value in peer_rates(file, size).items()]
    return [
        *(found or [row(name, ours)]),
        row(f"{name}: unpacking alone", unpacking),
        row(f"{name}: parsing alone", parsing),
        row(f"{name}: no reader could be faster than", together(unpacking, parsing)),
    ]


def reading(file: Path) -> Callable[[], object]:
    """The whole stage: list, hash, read, name, write."""
    source = Source(name="books", path=str(file), key_field="id")
    return lambda: ingest((source,), IngestRecipe(), file.parent / "ingested")


def peer_rates(file: Path, size: int) -> dict[str, float]:
    """Read the same file with what is installed of our peers."""
    import datasets

    numbers = itertools.count()

    def load() -> None:
        datasets.load_dataset(
            "json",
            data_files=str(file),
            split="train",
            cache_dir=str(file.parent / f"cache-{next(numbers)}"),
        )

    datasets.disable_progress_bars()
    found = {"datasets' JSON loader": rate(size, load, times=2)}
    if importlib.util.find_spec("datatrove") is None:
        print("datatrove: not installed")
        return found
    from datatrove.pipeline.readers import JsonlReader  # type: ignore[import-not-found]

    reader = JsonlReader(str(file.parent), glob_pattern=file.name, compression="zstd")
    found["datatrove's JsonlReader"] = rate(size, lambda: sum(1 for _ in reader.run()), times=2)
    return found


def size_of(texts: list[str]) -> int:
    """UTF-8 bytes of texts."""
    return sum(len(one.encode()) for one in texts)


def row(name: str, value: float, peer: str | None = None, peer_value: float | None = None) -> Row:
    """Make a figure; a peer's is beside it."""
    return {
        "benchmark": name,
        "value": round(value, 1),
        "unit": "MB/s per core",
        "peer": peer,
        "peer_value": round(peer_value, 2) if peer_value else None,
        "ratio": round(value / peer_value, 1) if peer_value else None,
    }


def main() -> None:
    """Print the figures."""
    for one in run():
        peer = f"   {one['ratio']} times {one['peer']} ({one['peer_value']})" if one["peer"] else ""
        print(f"{one['benchmark']:<72} {one['value']:>8.1f} {one['unit']}{peer}")


if __name__ == "__main__":
    main()
