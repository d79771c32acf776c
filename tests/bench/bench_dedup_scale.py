"""The dedup stage on many documents: processor time, memory, comparisons and bytes of state.

Each size runs in a process of its own, the text written before by another. Two corpora: documents of
about 2 KB of which 20% are near-duplicates, and pages of one template, any two .70 to .79 similar, so
that every bucket is huge and nobody a duplicate.

`DEDUP_ROWS=100000,1000000,4000000 TEMPLATE_ROWS=100000,1000000` in the environment asks for the sizes
that are promised for (4,000,000 need 13 GB of disk).
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.arrow_files import partition_name, write_ipc
from data_contracts.results import CleanResult, SourceCounts
from data_contracts.schemas import DOCUMENTS
from data_contracts.split import SplitRecipe
from pipeline.dedup.corpus import ids_of
from pipeline.dedup.recipe import DedupRecipe
from pipeline.dedup.stage import DedupInputs, dedup
from tests.bench.bench_dedup import DUPLICATE_SHARE, prose_sample
from tests.pipeline.dedup.documents import NOTHING_HELD_OUT, Document, cleaned

PER_PARTITION: Final = 25_000
WORDS: Final = 346
"""Per document: 2 KB."""
COPIED: Final = int(PER_PARTITION * DUPLICATE_SHARE / (1 + DUPLICATE_SHARE))
EDITS: Final = 3
SHARED: Final = 200
"""Words of the template: 196 shingles. With 26 to 42 others, two pages are .70 to .79 similar."""
OWN: Final = (26, 43)
KINDS: Final = {
    "near": "20% near-duplicates, 4% held out",
    "near-free": "20% near-duplicates, nothing held out",
    "template": "one template, J .70 to .79",
}


def run() -> list[dict[str, Any]]:
    """Measure every size of every corpus.

    Returns:
        Rows {benchmark, value, unit, peer, peer_value, ratio}; there is no peer at these sizes.
    """
    rows = []
    for corpus, variable, usual in (
        ("near", "DEDUP_ROWS", "100000,1000000"),
        ("template", "TEMPLATE_ROWS", "20000,100000"),
    ):
        for size in map(int, os.environ.get(variable, usual).split(",")):
            with tempfile.TemporaryDirectory() as folder:
                _process("write", corpus, str(size), folder)
                for kind in (kind for kind in KINDS if kind.startswith(corpus)):
                    found = _process("measure", kind, str(size), folder)
                    rows += _rows(f"{size:,} documents, {KINDS[kind]}", found)
    return rows


def _process(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.bench_dedup_scale", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout or "{}")
    return found


def _rows(name: str, found: dict[str, float]) -> list[dict[str, Any]]:
    units = {
        "MB/s/core": "MB/s/core",
        "processor": "s",
        "anonymous": "GB",
        "resident": "GB, mapped files included",
        "state": "bytes/kept",
        "comparisons": "per record",
        "capped": "records",
    }
    return [
        {
            "benchmark": f"{name}: {key}",
            "value": found[key],
            "unit": unit,
            "peer": None,
            "peer_value": None,
            "ratio": None,
        }
        for key, unit in units.items()
    ]


def measure(kind: str, size: int, folder: Path) -> dict[str, float]:
    """Run the stage on what `write` left, and give its figures."""
    split = SplitRecipe() if kind == "near" else NOTHING_HELD_OUT
    counts = {"web": SourceCounts(rows_in=size, rows_kept=size)}
    text_bytes = sum(path.stat().st_size for path in folder.glob("documents/*"))
    given = CleanResult(
        folder=folder, elapsed_seconds=0, sources=counts, bytes_in=text_bytes, bytes_out=text_bytes
    )
    _compile(folder / "first")
    memory = _Memory()
    started = time.process_time()
    result = dedup(DedupInputs(cleaned=given, split=split), DedupRecipe(), folder / "dedup")
    seconds = time.process_time() - started
    state = sum(path.stat().st_size for path in result.index.iterdir())
    return {
        "MB/s/core": result.bytes_in / 1e6 / seconds,
        "processor": seconds,
        "anonymous": memory.most("RssAnon") / 1e9,
        "resident": memory.most("VmRSS") / 1e9,
        "state": state / result.rows_kept,
        "comparisons": result.pairs_compared / size,
        "capped": result.comparisons_capped,
    }


def _compile(folder: Path) -> None:
    """Run every kernel once: compiling is no part of the cost per document."""
    texts = [" ".join(f"{n % 7}w{w}" for w in range(40)) for n in range(50)]
    given = cleaned(folder, [Document(f"{n}", text) for n, text in enumerate(texts)])
    for split in (SplitRecipe(validation_ratio=0.4), NOTHING_HELD_OUT):
        dedup(DedupInputs(cleaned=given, split=split), DedupRecipe(), folder / "dedup")


class _Memory:
    """The most memory that this process has held since, looked at 20 times a second (Linux)."""

    def __init__(self) -> None:
        self._most = {"RssAnon": 0, "VmRSS": 0}
        threading.Thread(target=self._watch, daemon=True).start()

    def most(self, name: str) -> int:
        return self._most[name]

    def _watch(self) -> None:
        while True:
            for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
                name, _, value = line.partition(":")
                if name in self._most:
                    self._most[name] = max(self._most[name], 1024 * int(value.split()[0]))
            time.sleep(0.05)


def write(kind: str, size: int, folder: Path) -> None:
    """Write that many documents as clean would hand them on, the same ones every time."""
    rng = np.random.default_rng(0)
    make: Callable[[np.random.Generator, int], pa.Array] = {
        "near": _Prose().documents,
        "template": _Template().pages,
    }[kind]
    for number, rows in enumerate(_batches(size)):
        texts = make(rng, rows)
        ids = ids_of(rng.integers(0, 2**64, (2 * rows, 2), np.uint64))
        same = [pa.array([value] * rows) for value in ("web", "en")]
        quality = pa.array(np.zeros(rows, np.float32))
        columns = [ids[:rows], same[0], ids[rows:], same[1], quality, texts]
        table = pa.Table.from_arrays(columns, schema=DOCUMENTS)
        write_ipc(folder / "documents" / partition_name(number), table)


def _batches(size: int) -> Iterator[int]:
    for start in range(0, size, PER_PARTITION):
        yield min(PER_PARTITION, size - start)


class _Prose:
    """Documents of words as frequent as in English books, in no order; some again with edits."""

    def __init__(self) -> None:
        words = " ".join(prose_sample()).split()
        self._words = pa.array(words, pa.large_string())

    def documents(self, rng: np.random.Generator, rows: int) -> pa.Array:
        """Make `rows` documents, the last sixth of them copies of others in which words changed."""
        copies = rows * COPIED // PER_PARTITION
        chosen = rng.integers(0, len(self._words), (rows, WORDS))
        chosen[rows - copies :] = chosen[rng.permutation(rows - copies)[:copies]]
        for _ in range(EDITS):
            places = rng.integers(0, WORDS, copies)
            fresh = rng.integers(0, len(self._words), copies)
            chosen[np.arange(rows - copies, rows), places] = fresh
        return _joined(self._words, chosen.ravel(), np.full(rows, WORDS))


class _Template:
    """Pages that begin alike and end each in words of its own."""

    def __init__(self) -> None:
        self._words = pa.array([f"word{n}" for n in range(1_000_000)], pa.large_string())

    def pages(self, rng: np.random.Generator, rows: int) -> pa.Array:
        """Make `rows` pages."""
        own = rng.integers(*OWN, rows)
        lengths = SHARED + own
        places = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        fresh = rng.integers(SHARED, len(self._words), len(places))
        return _joined(self._words, np.where(places < SHARED, places, fresh), lengths)


def _joined(words: pa.Array, chosen: NDArray[np.int64], lengths: NDArray[np.int64]) -> pa.Array:
    starts = pa.array(np.concatenate([[0], np.cumsum(lengths)]))
    lists = pa.LargeListArray.from_arrays(starts, words.take(pa.array(chosen)))
    return pc.binary_join(lists, pa.scalar(" ", pa.large_string()))


if __name__ == "__main__":
    what, wanted, rows_wanted, where = sys.argv[1:]
    if what == "write":
        write(wanted, int(rows_wanted), Path(where))
    else:
        print(json.dumps(measure(wanted, int(rows_wanted), Path(where))))
