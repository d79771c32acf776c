"""tinyshakespeare by characters at nanoGPT's CPU setting: the loss after 2,000 steps, five seeds.

Protocol: 1,115,394 characters, first 90% to train on, the rest to validate on; the 65 characters are
the vocabulary. 4 layers, 4 heads, width 128, 64 tokens of context, 12 windows a step, 2,000 steps =
1.536 M tokens. The loss is that of the whole validation text in windows of 64 that do not overlap,
nats per character. nanoGPT's recipe gives 1.911 so measured (its README's 1.88 is a sample).

Text goes through the shard stage's own tokenizer and token files, and `model.train` trains.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from data_contracts.gate import TOKENIZER_FILE
from data_contracts.identity import record_id
from data_contracts.split import Split
from data_contracts.token_shards import TokenShardWriter
from model.recipe import ShapeRecipe, TrainRecipe
from model.train import TrainInputs, train
from pipeline.shard.tokenizer import Encoder, learn_characters
from tests.model.conftest import stamp_gate

TEXT = Path(os.environ.get("TINYSHAKESPEARE", "build/misc-small/tinyshakespeare/input.txt"))
"""Unpack misc-small there, or say where the text is."""
NANOGPT = 1.911
SEEDS = (1, 2, 3, 4, 5)

RECIPE = TrainRecipe(
    shape=ShapeRecipe(layers=4, heads=4, width=128, context_tokens=64),
    batch_tokens=12 * 64,
    micro_batch_tokens=12 * 64,
    budget_tokens=2000 * 12 * 64,
    optimizer="muon",
    learning_rate=3e-3,
    matrix_learning_rate=1e-2,
    embedding_learning_rate=1e-2,
    evaluate_every_steps=2000,
    validation_tokens=10**6,
    checkpoint_every_steps=10**6,
    threads=1,
)


def run() -> list[dict[str, Any]]:
    """Train with five seeds; some two minutes of a core each."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        version = write_version(work / "version", TEXT.read_text(encoding="utf-8"))
        return [_row([_measured(version, work, RECIPE, seed) for seed in SEEDS])]


def write_version(folder: Path, text: str) -> Path:
    """Write a dataset version of one text, cut at 90%."""
    cut = int(len(text) * 0.9)
    texts = {Split.TRAIN: text[:cut], Split.VALIDATION: text[cut:], Split.TEST: ""}
    tokenizer = learn_characters([texts[Split.TRAIN]], 1000).to_str()
    folder.mkdir()
    (folder / TOKENIZER_FILE).write_text(tokenizer, encoding="utf-8")
    encoder = Encoder(tokenizer)
    for split, part in texts.items():
        target = folder / "tokens" / split
        (folder / "documents" / split).mkdir(parents=True)
        with TokenShardWriter(target, encoder.vocabulary_size) as writer:
            for tokens in encoder.encode([part] if part else []):
                span = {
                    "record_id": [record_id(split, "0")],
                    "source": ["tinyshakespeare"],
                    "tokens": pa.array([len(tokens)], pa.int32()),
                    "text_bytes": pa.array([len(part.encode())], pa.int32()),
                }
                writer.add(np.asarray(tokens), pa.record_batch(span))
    stamp_gate(folder)
    return folder


def _measured(version: Path, work: Path, recipe: TrainRecipe, seed: int) -> tuple[float, int]:
    started = time.process_time()
    seeded = recipe.model_copy(update={"seed": seed})
    result = train(TrainInputs(dataset=version), seeded, work / f"seed{seed}")
    spent = time.process_time() - started
    print(
        f"    seed {seed}: {result.best_validation_loss:.4f}, {spent:.0f} s of processor time",
        flush=True,
    )
    return result.best_validation_loss, result.parameters


def _row(measured: list[tuple[float, int]]) -> dict[str, Any]:
    losses = [loss for loss, _ in measured]
    mean = statistics.mean(losses)
    spread = statistics.stdev(losses) if len(losses) > 1 else 0.0
    return {
        "benchmark": f"tinyshakespeare, {measured[0][1]:,} parameters, sd {spread:.4f}",
        "value": mean,
        "unit": "nats",
        "peer": "nanoGPT's recipe",
        "peer_value": NANOGPT,
        "ratio": mean / NANOGPT,
    }


if __name__ == "__main__":
    SEEDS = tuple(int(seed) for seed in sys.argv[1:]) or SEEDS
    print(run())
