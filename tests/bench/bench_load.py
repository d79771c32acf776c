"""Loading against a raw `numpy.memmap`, `datasets`, litdata and Mosaic streaming on the same tokens.

All give shuffled windows of context + 1 tokens as int64 tensors, batched, in one process, warm. Peers
that are not installed are left out (`pip install litdata mosaicml-streaming`). Figures are the best of
some rounds, in processor time; memory is what reading a whole epoch adds to the process.
"""

import importlib
import math
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data_contracts.token_shards import TokenShards
from model.sources import SplitBatches
from tests.bench.bench_train import as_memmap, write_bench_version
from tests.bench.training_peers import slice_batch

SHAPES = ((12, 64), (32, 256))
BATCHES, ROUNDS = 100, 3


def run() -> list[dict[str, Any]]:
    """Measure; some 30 seconds of one core."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        version = write_bench_version(work)
        tokens = as_memmap(version, work)
        shards = TokenShards.open_for_training(version / "tokens")
        for batch, context in SHAPES:
            batches = SplitBatches(shards, context, batch, seed=1)
            generator = np.random.default_rng(1)
            peers: dict[str, Callable[[int], object] | None] = {
                "numpy.memmap": lambda _, b=batch, c=context, g=generator: slice_batch(
                    tokens, b, c, g
                ),
                "datasets": _datasets(tokens, batch, context),
                "litdata": _litdata(tokens, batch, context, work / f"litdata{context}"),
                "streaming": _streaming(tokens, batch, context, work / f"mds{context}"),
            }
            ours = _tokens_per_second(batches.read, batch * context)
            for peer, call in peers.items():
                if call:
                    theirs = _tokens_per_second(call, batch * context)
                    rows.append(_row(f"loading {batch} x {context} tokens", ours, peer, theirs))
        rows.append(_memory(shards))
    return rows


def _memory(shards: TokenShards) -> dict[str, Any]:
    """Measure the anonymous memory that an epoch adds (mapped files are the system's to drop)."""
    batches = SplitBatches(shards, 64, 12, seed=2)
    before = _anonymous_bytes()
    for step in range(batches.windows_per_epoch // 12):
        batches.read(step)
    added = max(_anonymous_bytes() - before, 0) / 1e6
    return {
        "benchmark": f"memory added by an epoch of {len(shards):,} tokens",
        "value": added,
        "unit": "MB",
        "peer": None,
        "peer_value": None,
        "ratio": None,
    }


def _anonymous_bytes() -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    return 0


def _windows(tokens: np.memmap, context: int) -> Iterator[np.ndarray]:
    for start in range(0, len(tokens) - context - 1, context):
        yield np.asarray(tokens[start : start + context + 1])


def _datasets(tokens: np.memmap, batch: int, context: int) -> Callable[[int], object]:
    """A map-style dataset in NumPy format, shuffled by an index."""
    import datasets

    table = datasets.Dataset.from_dict({"token": list(_windows(tokens, context))})
    table = table.with_format("numpy")
    order = np.random.default_rng(1).permutation(len(table))

    def read(step: int) -> object:
        chosen = np.take(order, range(step * batch, (step + 1) * batch), mode="wrap")
        rows = torch.from_numpy(np.stack(table[chosen]["token"]).astype(np.int64))
        return rows[:, :-1], rows[:, 1:]

    return read


def _litdata(
    tokens: np.memmap, batch: int, context: int, folder: Path
) -> Callable[[int], object] | None:
    try:
        litdata = importlib.import_module("litdata")
        streaming = importlib.import_module("litdata.streaming")
    except (ImportError, RuntimeError):
        return None
    loader = litdata.TokensLoader(block_size=context + 1)
    writer = streaming.writer.BinaryWriter(
        str(folder), chunk_size=(context + 1) * 4096, item_loader=loader
    )
    for number, window in enumerate(_windows(tokens, context)):
        writer.add_item(number, torch.from_numpy(window.astype(np.uint16)))
    writer.done()
    writer.merge(1)
    dataset = litdata.StreamingDataset(str(folder), item_loader=loader, shuffle=True)
    return _from_items(lambda: iter(dataset), batch)


def _streaming(
    tokens: np.memmap, batch: int, context: int, folder: Path
) -> Callable[[int], object] | None:
    try:
        # It brings its data sets of pictures in with itself; those need torchvision, and this does not.
        sys.modules.setdefault("streaming.vision", types.ModuleType("streaming.vision"))
        streaming = importlib.import_module("streaming")
    except (ImportError, RuntimeError):
        return None
    with streaming.MDSWriter(out=str(folder), columns={"token": "ndarray:uint16"}) as writer:
        for window in _windows(tokens, context):
            writer.write({"token": window.astype(np.uint16)})
    dataset = streaming.StreamingDataset(local=str(folder), shuffle=True, batch_size=batch)
    return _from_items(lambda: (row["token"] for row in dataset), batch)


def _from_items(start: Callable[[], Iterator[Any]], batch: int) -> Callable[[int], object]:
    """Batch a stream of windows that begins anew when it ends."""
    state = {"items": start()}

    def read(_: int) -> object:
        rows = []
        while len(rows) < batch:
            try:
                rows.append(torch.as_tensor(np.asarray(next(state["items"]), np.int64)))
            except StopIteration:
                state["items"] = start()
        stacked = torch.stack(rows)
        return stacked[:, :-1], stacked[:, 1:]

    return read


def _tokens_per_second(call: Callable[[int], object], tokens: int) -> float:
    best, step = math.inf, 0
    call(0)
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(BATCHES):
            call(step)
            step += 1
        best = min(best, time.process_time() - started)
    return BATCHES * tokens / best


def _row(benchmark: str, ours: float, peer: str, theirs: float) -> dict[str, Any]:
    return {
        "benchmark": benchmark,
        "value": ours / 1e6,
        "unit": "Mtokens/s",
        "peer": peer,
        "peer_value": theirs / 1e6,
        "ratio": ours / theirs,
    }
