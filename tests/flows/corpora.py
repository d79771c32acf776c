"""Small corpora for tests of whole runs: real prose where it matters, deterministic, with defects."""

import json
from pathlib import Path

import numpy as np
import yaml

VOCABULARY = """
    the and of to in that it was he for on are with as his they be at one have this from or had by
    hot word but what some we can out other were all there when up use your how said an each river
    mountain copper engine window letter garden winter station music bridge harvest lantern
"""
WORDS = VOCABULARY.split()


def paragraph(rng: np.random.Generator, words: int) -> str:
    """Sentences of random words: unlike each other, like prose to the rules."""
    sentences = []
    while words > 0:
        length = int(rng.integers(8, 16))
        chosen = rng.choice(WORDS, length)
        sentences.append(" ".join(chosen).capitalize() + ".")
        words -= length
    return " ".join(sentences)


def write_corpus(folder: Path, documents: int = 120, seed: int = 1, **recipe: object) -> Path:
    """Write a JSONL source, a folder of text files and a recipe; give the recipe's path.

    Every tenth JSONL record is a near-duplicate of the one before; one line is broken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    lines = []
    for number in range(documents):
        text = "\n".join(paragraph(rng, 60) for _ in range(4))
        lines.append(json.dumps({"id": f"doc-{number}", "text": text}))
        if number % 10 == 0:
            near = text.replace(text.split()[5], "granite", 1)
            lines.append(json.dumps({"id": f"doc-{number}-near", "text": near}))
    lines.append('{"id": "broken", "text": "no end')
    (folder / "records.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "notes").mkdir(exist_ok=True)
    for number in range(5):
        text = "\n\n".join(paragraph(rng, 80) for _ in range(3))
        (folder / "notes" / f"{number}.txt").write_text(text, encoding="utf-8")
    content = {
        "name": "corpus",
        "sources": [
            {
                "name": "records",
                "path": "records.jsonl",
                "key_field": "id",
                "license": "CC0-1.0",
            },
            {"name": "notes", "path": "notes", "license": "CC0-1.0"},
        ],
        "split": {"validation_ratio": 0.1, "test_ratio": 0.1},
        "dedup": {"held_out_overlap": False},
        "shard": {"vocabulary_size": 400},
        "train": None,
        **recipe,
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


TINY_TRAINING = {
    "train": {
        "shape": {"layers": 1, "width": 16, "heads": 1, "context_tokens": 32},
        "budget_tokens": 8192,
        "batch_tokens": 512,
        "validation_tokens": 512,
        "threads": 1,
    },
    "evaluate": {"bootstrap_resamples": 100, "sample_tokens": 5, "threads": 1},
}
