"""Training and loading against a plain nanoGPT-style loop, on one core.

The setting is nanoGPT's for a CPU: 4 layers, 4 heads, width 128, 64 tokens of context, batches of
12. The peer is what nanoGPT does (GPT-2 blocks: LayerNorm, learned positions, GELU; AdamW; batches
by slicing a `numpy.memmap`), with the same vocabulary and text. Steps are timed after ten warm-ups;
figures are medians over steps, both sides by turns.
"""

import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from data_contracts.split import Split
from data_contracts.token_shards import TokenShards
from model.batches import Batches
from model.metrics import read_metrics
from model.recipe import ShapeRecipe, TrainRecipe
from model.train import TrainInputs, train
from tests.model.conftest import write_documents, write_version

LAYERS, HEADS, WIDTH, CONTEXT, BATCH = 4, 4, 128, 64, 12
WARM_UP, STEPS, ROUNDS = 10, 40, 3


def run() -> list[dict[str, Any]]:
    """Measure; some 30 seconds on one core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as name:
            texts = {
                Split.TRAIN: write_documents(4000, seed=1),
                Split.VALIDATION: write_documents(20, seed=2),
                Split.TEST: write_documents(20, seed=3),
            }
            version = write_version(Path(name) / "version", texts)
            return [_training(version, Path(name)), *_loading(version, Path(name))]
    finally:
        torch.set_num_threads(threads)


def _training(version: Path, work: Path) -> dict[str, Any]:
    shape = ShapeRecipe(layers=LAYERS, heads=HEADS, width=WIDTH, context_tokens=CONTEXT)
    recipe = TrainRecipe(
        shape=shape,
        batch_tokens=BATCH * CONTEXT,
        budget_tokens=(WARM_UP + STEPS) * BATCH * CONTEXT,
        evaluate_every_steps=10**6,
        checkpoint_every_steps=10**6,
        threads=1,
    )
    ours, theirs = [], []
    for number in range(ROUNDS):
        result = train(TrainInputs(dataset=version), recipe, work / f"model{number}")
        rows = read_metrics(result.folder / "metrics.jsonl")[WARM_UP:]
        ours.append(statistics.median(row.tokens_per_second for row in rows))
        theirs.append(_peer_tokens_per_second(_memmap(version, work)))
    return _row("training, nanoGPT's CPU setting", max(ours), "tokens/s", "nanoGPT", max(theirs))


def _loading(version: Path, work: Path) -> list[dict[str, Any]]:
    tokens, rows = _memmap(version, work), []
    for batch, context in ((BATCH, CONTEXT), (32, 256)):
        batches = Batches(TokenShards.open(version / "tokens/train"), context, batch, seed=1)
        generator = np.random.default_rng(1)
        ours = _calls_per_second(batches.read)
        theirs = _calls_per_second(
            lambda _, b=batch, c=context, g=generator: _peer_batch(tokens, b, c, g)
        )
        rows.append(
            _row(
                f"loading {batch} x {context} tokens",
                ours * batch * context / 1e6,
                "Mtokens/s",
                "numpy.memmap",
                theirs * batch * context / 1e6,
            )
        )
    return rows


def _row(benchmark: str, value: float, unit: str, peer: str, peer_value: float) -> dict[str, Any]:
    return {
        "benchmark": benchmark,
        "value": value,
        "unit": unit,
        "peer": peer,
        "peer_value": peer_value,
        "ratio": value / peer_value,
    }


def _calls_per_second(call: Callable[[int], object]) -> float:
    best = math.inf
    for _ in range(5):
        started = time.perf_counter()
        for step in range(200):
            call(step)
        best = min(best, time.perf_counter() - started)
    return 200 / best


def _memmap(version: Path, work: Path) -> np.memmap:
    shards = TokenShards.open(version / "tokens" / Split.TRAIN)
    path = work / "train.bin"
    shards.read(0, len(shards)).tofile(path)
    return np.memmap(path, shards.dtype, "r")


def _peer_batch(
    tokens: np.memmap, batch: int, context: int, generator: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    starts = generator.integers(0, len(tokens) - context - 1, batch)
    x_BT = [torch.from_numpy(tokens[i : i + context].astype(np.int64)) for i in starts]
    y_BT = [torch.from_numpy(tokens[i + 1 : i + 1 + context].astype(np.int64)) for i in starts]
    return torch.stack(x_BT), torch.stack(y_BT)


class _PeerBlock(nn.Module):
    """GPT-2's block as nanoGPT writes it, without bias and dropout (its CPU setting)."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH, bias=False), nn.LayerNorm(WIDTH, bias=False)
        self.c_attn = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.c_proj = nn.Linear(WIDTH, WIDTH, bias=False)
        self.c_fc = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.mlp_proj = nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x_BTC: torch.Tensor) -> torch.Tensor:
        b, t, c = x_BTC.shape
        parts = self.c_attn(self.ln_1(x_BTC)).split(WIDTH, dim=2)
        q, k, v = (part.view(b, t, HEADS, c // HEADS).transpose(1, 2) for part in parts)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x_BTC = x_BTC + self.c_proj(y.transpose(1, 2).contiguous().view(b, t, c))
        return x_BTC + self.mlp_proj(functional.gelu(self.c_fc(self.ln_2(x_BTC))))


class _Peer(nn.Module):
    def __init__(self, vocabulary_size: int) -> None:
        super().__init__()
        self.wte = nn.Embedding(vocabulary_size, WIDTH)
        self.wpe = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(_PeerBlock() for _ in range(LAYERS)))
        self.ln_f = nn.LayerNorm(WIDTH, bias=False)

    def forward(self, x_BT: torch.Tensor, y_BT: torch.Tensor) -> torch.Tensor:
        x_BTC = self.wte(x_BT) + self.wpe(torch.arange(x_BT.shape[1]))
        logits = functional.linear(self.ln_f(self.blocks(x_BTC)), self.wte.weight)
        return functional.cross_entropy(logits.flatten(0, 1), y_BT.flatten())


def _peer_tokens_per_second(tokens: np.memmap) -> float:
    model = _Peer(int(tokens.max()) + 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)
    generator, seconds = np.random.default_rng(1), []
    for _ in range(WARM_UP + STEPS):
        started = time.perf_counter()
        loss = model(*_peer_batch(tokens, BATCH, CONTEXT, generator))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        seconds.append(time.perf_counter() - started)
    return BATCH * CONTEXT / statistics.median(seconds[WARM_UP:])
