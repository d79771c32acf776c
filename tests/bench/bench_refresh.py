"""What a refresh costs beside a rebuild: a build up to the published version, wall and processor time.

The peer is the mill itself, in an empty warehouse given the same tokenizer. `DOCUMENTS=500000` in
the environment asks for the size that is promised for.
"""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from tests.flows.dataset_runs import build
from tests.flows.editing import prose

DOCUMENTS = int(os.environ.get("DOCUMENTS", "50000"))
FILES = 10
WORDS = 340  # about 2 KB
SENTENCE = 17
CHANGED = 100  # one in so many
TOKENIZER_DOCUMENTS = 5_000  # more text than a tokenizer is learned from
COMMON = "the and of to in that it was he for on are with as his they be at one have this from"


def run() -> list[dict[str, Any]]:
    """Measure a rebuild, 1% new, 1% scattered edits, and nothing changed.

    Returns:
        Rows {benchmark, value, unit, peer, peer_value, ratio}; the ratio is refresh to rebuild.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _warm_up(folder / "warm-up")
        lock = _learn_tokenizer(folder / "tokenizer")
        corpus = _Corpus(folder / "corpus", DOCUMENTS)
        rebuild = _timed(corpus.recipe, folder / "warehouse", lock=lock)
        rows = _rows(f"rebuild of {DOCUMENTS:,} documents", rebuild)
        corpus.add_file()
        rows += _rows("1% new in a new file", _timed(corpus.recipe, folder / "warehouse"), rebuild)
        corpus.edit()
        rows += _rows("1% scattered edits", _timed(corpus.recipe, folder / "warehouse"), rebuild)
        nothing = _timed(corpus.recipe, folder / "warehouse")
        return rows + _rows("nothing changed", nothing, rebuild)


class _Corpus:
    """Files of generated documents: common words and a long tail, no two alike."""

    def __init__(self, folder: Path, documents: int) -> None:
        folder.mkdir()
        self._documents = documents
        self._folder, self._rng, self._written = folder / "files", np.random.default_rng(0), 0
        self._folder.mkdir()
        letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
        tail = ["".join(self._rng.choice(letters, 3 + n % 7)) for n in range(20_000)]
        self._vocabulary = np.array(COMMON.split() + tail)
        weights = 1 / np.arange(1, len(self._vocabulary) + 1)
        self._weights = weights / weights.sum()
        for _ in range(FILES):
            self._write(documents // FILES)
        self.recipe = folder / "recipe.yaml"
        source = {"name": "generated", "path": "files", "key_field": "id", "license": "CC0-1.0"}
        content = {"name": "bench", "sources": [source], "train": None}
        self.recipe.write_text(yaml.safe_dump(content), encoding="utf-8")

    def add_file(self) -> None:
        self._write(self._documents // CHANGED)

    def edit(self) -> None:
        """Write new texts for one in a hundred records of every file."""
        for path in sorted(self._folder.iterdir()):
            lines = path.read_text(encoding="utf-8").splitlines()
            places = range(self._written % CHANGED, len(lines), CHANGED)
            for place, text in zip(places, self._texts(len(places)), strict=True):
                lines[place] = json.dumps({**json.loads(lines[place]), "text": text})
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _write(self, documents: int) -> None:
        number = len(list(self._folder.iterdir()))
        with (self._folder / f"{number:03d}.jsonl").open("w", encoding="utf-8") as file:
            for text in self._texts(documents):
                file.write(json.dumps({"id": f"d{self._written}", "text": text}) + "\n")
                self._written += 1

    def _texts(self, count: int) -> Iterator[str]:
        for start in range(0, count, 1000):
            shape = (min(1000, count - start), WORDS)
            for words in self._rng.choice(self._vocabulary, shape, p=self._weights):
                sentences = [
                    " ".join(one).capitalize() + "." for one in words.reshape(-1, SENTENCE)
                ]
                yield "\n".join(sentences)


def _warm_up(folder: Path) -> None:
    """Compile kernels and import Great Expectations, which every first run pays alike."""
    (folder / "files").mkdir(parents=True)
    for number in range(60):
        (folder / "files" / f"{number}.txt").write_text(prose(number), encoding="utf-8")
    content = {"name": "warm-up", "sources": [{"name": "a", "path": "files"}], "train": None}
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(content), encoding="utf-8")
    build(recipe, folder / "warehouse")


def _learn_tokenizer(folder: Path) -> Path:
    """Build a small part of the corpus, whose tokenizer all that is measured uses."""
    folder.mkdir()
    corpus = _Corpus(folder / "corpus", min(DOCUMENTS, TOKENIZER_DOCUMENTS))
    return build(corpus.recipe, folder / "warehouse").published.path


class _Timed(NamedTuple):
    """What a build took, in seconds."""

    wall: float
    processor: float
    stages: dict[str, float]
    """Wall time."""


def _timed(recipe: Path, warehouse: Path, **pinned: Any) -> _Timed:
    started, processor = time.perf_counter(), time.process_time()
    built = build(recipe, warehouse, **pinned)
    return _Timed(
        time.perf_counter() - started, time.process_time() - processor, dict(built.seconds)
    )


def _rows(name: str, taken: _Timed, rebuild: _Timed | None = None) -> list[dict[str, Any]]:
    pairs = [
        ("s", name, taken.wall, rebuild and rebuild.wall),
        ("processor s", name, taken.processor, rebuild and rebuild.processor),
        *(
            ("s", f"{name}, {stage} alone", seconds, rebuild and rebuild.stages[stage])
            for stage, seconds in taken.stages.items()
        ),
    ]
    return [
        {
            "benchmark": benchmark,
            "value": round(value, 2),
            "unit": unit,
            "peer": "rebuild" if peer else None,
            "peer_value": peer and round(peer, 2),
            "ratio": peer and round(value / peer, 3),
        }
        for unit, benchmark, value, peer in pairs
    ]
