"""Training against a plain nanoGPT-style loop, Hugging Face's Trainer and litgpt, on one core.

Two settings: nanoGPT's for a CPU, and 10 M parameters (6 layers of 384). Steps are timed after warm-ups,
in processor seconds, each side by turns; figures are the best round's median. The peer named is the
fastest of those that are installed (`pip install accelerate litgpt`); all are printed.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from data_contracts.split import Split
from data_contracts.token_shards import TokenShards
from model.machine import computing, has_bfloat16_units
from model.recipe import ShapeRecipe, TrainRecipe
from model.trainer import Trainer
from tests.bench.training_peers import Setting, hugging_face_trainer, litgpt_loop, plain_loop
from tests.model.conftest import write_documents, write_version

Precision = Literal["float32", "bfloat16"]
SETTINGS = (
    Setting("nanoGPT's CPU setting", 4, 4, 128, 64, 12, warm_up=10, steps=30),
    Setting("10 M parameters", 6, 6, 384, 256, 4, warm_up=2, steps=6),
)
PEERS = {"nanoGPT": plain_loop, "HF Trainer": hugging_face_trainer, "litgpt": litgpt_loop}
ROUNDS = 2


def run() -> list[dict[str, Any]]:
    """Measure; some three minutes of one core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as name:
            version = write_bench_version(Path(name))
            precisions: tuple[Precision, ...] = ("float32", "bfloat16")
            return [
                _row(setting, precision, version, Path(name))
                for setting in SETTINGS
                for precision in precisions[: 1 + has_bfloat16_units()]
            ]
    finally:
        torch.set_num_threads(threads)


def write_bench_version(folder: Path) -> Path:
    """Write a dataset version of a few hundred thousand tokens."""
    texts = {
        Split.TRAIN: write_documents(4000, seed=1),
        Split.VALIDATION: write_documents(20, seed=2),
        Split.TEST: write_documents(20, seed=3),
    }
    return write_version(folder / "version", texts)


def as_memmap(version: Path, folder: Path) -> np.memmap:
    """Write the training tokens as nanoGPT keeps them."""
    shards = TokenShards.open(version / "tokens" / Split.TRAIN)
    path = folder / "train.bin"
    shards.read(0, len(shards)).tofile(path)
    return np.memmap(path, shards.dtype, "r")


def _row(setting: Setting, precision: Precision, version: Path, work: Path) -> dict[str, Any]:
    tokens = as_memmap(version, work)
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        ours, vocabulary = _our_seconds(setting, precision, version)
        measured = {"ours": ours}
        measured |= {
            name: peer(setting, tokens, vocabulary, precision) for name, peer in PEERS.items()
        }
        for name, seconds in measured.items():
            if seconds:
                speed = setting.step_tokens / statistics.median(seconds)
                best[name] = max(best.get(name, 0.0), speed)
    ours_best = best.pop("ours")
    print("    " + ", ".join(f"{name} {speed:,.0f}" for name, speed in best.items()))
    peer = max(best, key=lambda name: best[name])
    return {
        "benchmark": f"training, {setting.name}, {precision}",
        "value": ours_best,
        "unit": "tokens/s",
        "peer": peer,
        "peer_value": best[peer],
        "ratio": ours_best / best[peer],
    }


def _our_seconds(setting: Setting, precision: Precision, version: Path) -> tuple[list[float], int]:
    recipe = TrainRecipe(
        shape=ShapeRecipe(
            layers=setting.layers,
            heads=setting.heads,
            width=setting.width,
            context_tokens=setting.context,
        ),
        batch_tokens=setting.step_tokens,
        budget_tokens=(setting.warm_up + setting.steps) * setting.step_tokens,
        precision=precision,
        threads=1,
    )
    trainer, seconds = Trainer(version, recipe), []
    with computing(1):  # as the stage does
        for step in range(setting.warm_up + setting.steps):
            started = time.process_time()
            trainer.take_step(step)
            seconds.append(time.process_time() - started)
    return seconds[setting.warm_up :], trainer.vocabulary_size
