"""Signatures from raw text, and the whole dedup stage, against datasketch, rensa, Daft, datatrove.

Rates are MB of text per second of processor time, that is per core. Every peer shingles raw text in
the way its own documentation shows, on the same sample.
"""

import tarfile
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from data_contracts.split import SplitRecipe
from pipeline.dedup.corpus import SLICE_BYTES
from pipeline.dedup.recipe import DedupRecipe
from pipeline.dedup.signatures import measure_texts
from pipeline.dedup.stage import DedupInputs, dedup
from tests.bench.dedup_peers import signature_peers, stage_peers
from tests.conftest import CORPORA
from tests.pipeline.dedup.documents import NOTHING_HELD_OUT, Document, cleaned

SAMPLE_BYTES = 24_000_000
PEER_BYTES = 6_000_000
DOCUMENT_CHARS = 2000
DUPLICATE_SHARE = 0.2


def run() -> list[dict[str, Any]]:
    """Measure signatures and the stage.

    Returns:
        Rows {benchmark, value, unit, peer, peer_value, ratio}.
    """
    texts = prose_sample()
    few = texts[: len(texts) * PEER_BYTES // SAMPLE_BYTES]
    column = pa.array(texts, pa.large_string())
    rows = SLICE_BYTES // DOCUMENT_CHARS  # a slice at a time, as the stage does
    slices = [column.slice(first, rows) for first in range(0, len(column), rows)]
    ours = max(_rate(texts, lambda: [measure_texts(one, 128) for one in slices]) for _ in range(3))
    peers = {name: _rate(few, peer) for name, peer in signature_peers(few).items()}
    return [
        *(_row("signatures, 128 values", ours, name, rate) for name, rate in peers.items()),
        *_stage_rows(_with_duplicates(texts), _with_duplicates(few)),
    ]


def _stage_rows(texts: list[str], few: list[str]) -> list[dict[str, Any]]:
    documents = [Document(f"{n}", text) for n, text in enumerate(texts)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given = cleaned(folder / "cleaned", documents)

        def stage(split: SplitRecipe) -> None:
            dedup(DedupInputs(cleaned=given, split=split), DedupRecipe(), folder / "dedup")

        stage(SplitRecipe())  # compiles
        protected = _rate(texts, lambda: stage(SplitRecipe()))
        plain = _rate(texts, lambda: stage(NOTHING_HELD_OUT))
    return [
        _row("dedup stage, 4% held out", protected),
        *(
            _row("dedup stage, nothing held out", plain, peer, _rate(few, partial(work, few)))
            for peer, work in stage_peers().items()
        ),
    ]


def _with_duplicates(texts: list[str]) -> list[str]:
    """Add near-duplicates: copies with three words replaced."""
    rng = np.random.default_rng(0)
    copies = []
    for number in rng.integers(0, len(texts), int(len(texts) * DUPLICATE_SHARE)):
        words = texts[number].split(" ")
        for place in rng.integers(0, len(words), 3):
            words[place] = "edited"
        copies.append(" ".join(words))
    return texts + copies


def prose_sample() -> list[str]:
    """English prose in documents of 2,000 characters; generated where the corpus is absent."""
    archive = CORPORA / "books-en.tar.xz"
    if not archive.exists():
        rng = np.random.default_rng(0)
        vocabulary = np.array([f"word{n}" for n in range(20_000)])
        print("  (books-en is absent: generated text)")
        return [" ".join(rng.choice(vocabulary, 250)) for _ in range(SAMPLE_BYTES // 2400)]
    texts: list[str] = []
    size = 0
    with tarfile.open(archive, "r|xz") as files:
        for member in files:
            if member.name.endswith(".md") and "README" not in member.name:
                book = files.extractfile(member)
                assert book
                text = book.read().decode(errors="replace")
                texts += [text[i : i + DOCUMENT_CHARS] for i in range(0, len(text), DOCUMENT_CHARS)]
                size += len(text)
                if size >= SAMPLE_BYTES:
                    break
    return texts


def _rate(texts: list[str], work: Callable[[], object]) -> float:
    size = sum(len(text.encode()) for text in texts) / 1e6
    started = time.process_time()
    work()
    return size / (time.process_time() - started)


def _row(
    name: str, value: float, peer: str | None = None, peer_value: float | None = None
) -> dict[str, Any]:
    return {
        "benchmark": name,
        "value": round(value, 2),
        "unit": "MB/s/core",
        "peer": peer,
        "peer_value": peer_value and round(peer_value, 3),
        "ratio": peer_value and round(value / peer_value, 1),
    }
