"""On a GPU: a 124 M GPT-2-sized decoder's MFU, and tinyshakespeare at nanoGPT's GPU setting.

Gives no rows where there is no CUDA device. Formula and peak of MFU are `model.utilisation`'s: the
peak is the card's dense bfloat16 figure (H100 and H200 SXM: 989 TFLOP/s). The published figure for
tinyshakespeare is the best validation loss of five seeds, 1.4655 +- 0.0027 (10.65 M parameters, T 256,
64 windows a step, 5,000 steps; SakanaAI's AI-Scientist, multi_style_adapter, run_0). Peers train the
same sizes in the same run: the plain loop, Hugging Face's Trainer, litgpt where it installs.
"""

import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch

from data_contracts.gate import TOKENIZER_FILE
from model.pretrained import load_tokenizer
from model.recipe import ShapeRecipe, TrainRecipe
from model.train import TrainInputs, train
from model.trainer import Trainer
from model.utilisation import utilisation
from tests.bench.bench_shakespeare import SEEDS, TEXT
from tests.bench.bench_shakespeare import write_version as write_characters
from tests.bench.bench_train import as_memmap, write_bench_version
from tests.bench.training_peers import Setting, hugging_face_trainer, litgpt_loop, now, plain_loop

PUBLISHED_LOSS = 1.4655
WANTED_UTILISATION = 0.5
GPT2 = Setting("124 M parameters", 12, 12, 768, 1024, 32, warm_up=10, steps=30)
VOCABULARY = 50_304
"""GPT-2's, rounded up; the tokens read have fewer distinct ids, which costs the same."""

SHAKESPEARE = TrainRecipe(
    shape=ShapeRecipe(layers=6, heads=6, width=384, context_tokens=256),
    batch_tokens=64 * 256,
    budget_tokens=5000 * 64 * 256,
    max_epochs=None,
    optimizer="muon",
    learning_rate=3e-3,
    matrix_learning_rate=1e-2,
    embedding_learning_rate=1e-2,
    dropout=0.2,
    weight_decay=0.1,
    save="best",
    evaluate_every_steps=250,
    validation_tokens=10**6,
    checkpoint_every_steps=10**6,
)


def run() -> list[dict[str, Any]]:
    """Measure; some ten minutes of an H200."""
    if not torch.cuda.is_available():
        return []
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        return [*_gpt2(work), *_shakespeare(work)]


def _gpt2(work: Path) -> list[dict[str, Any]]:
    version = _with_vocabulary(write_bench_version(work))
    shape = ShapeRecipe(
        layers=GPT2.layers, heads=GPT2.heads, width=GPT2.width, context_tokens=GPT2.context
    )
    recipe = TrainRecipe(
        shape=shape,
        batch_tokens=GPT2.step_tokens,
        budget_tokens=(GPT2.warm_up + GPT2.steps) * GPT2.step_tokens,
        max_epochs=None,
    )
    trainer, seconds = Trainer(version, recipe), []
    for step in range(GPT2.warm_up + GPT2.steps):
        started = now()
        trainer.take_step(step)
        seconds.append(now() - started)
    speed = GPT2.step_tokens / statistics.median(seconds[GPT2.warm_up :])
    used = utilisation(trainer.model, speed, trainer.device, recipe.precision)
    ratio = used["utilisation_ratio"]
    rows = [_row("MFU of 124 M parameters, T 1024", ratio or 0.0, "", "wanted", WANTED_UTILISATION)]
    tokens = as_memmap(version, work)
    peers = {"nanoGPT": plain_loop, "HF Trainer": hugging_face_trainer, "litgpt": litgpt_loop}
    for name, peer in peers.items():
        theirs = peer(GPT2, tokens, VOCABULARY, "bfloat16")
        if theirs:
            there = GPT2.step_tokens / statistics.median(theirs)
            rows.append(_row("training 124 M parameters", speed, "tokens/s", name, there))
    return rows


def _with_vocabulary(version: Path) -> Path:
    """Give the tokenizer as many entries as GPT-2's has: the head's cost depends on them."""
    path = version / TOKENIZER_FILE
    tokenizer = load_tokenizer(path)
    tokenizer.add_tokens([f"unused {i}" for i in range(VOCABULARY - tokenizer.get_vocab_size())])
    tokenizer.save(str(path))
    return version


def _shakespeare(work: Path) -> list[dict[str, Any]]:
    version = write_characters(work / "characters", TEXT.read_text(encoding="utf-8"))
    losses = []
    for seed in SEEDS:
        recipe = SHAKESPEARE.model_copy(update={"seed": seed})
        result = train(TrainInputs(dataset=version), recipe, work / f"seed{seed}")
        losses.append(result.best_validation_loss)
        print(f"    seed {seed}: {losses[-1]:.4f}, {result.tokens_per_second:,.0f} tokens/s")
    spread = statistics.stdev(losses)
    name = f"tinyshakespeare, 10.65 M, {len(losses)} seeds, sd {spread:.4f}"
    return [_row(name, statistics.mean(losses), "nats", "published", PUBLISHED_LOSS)]


def _row(benchmark: str, value: float, unit: str, peer: str, there: float) -> dict[str, Any]:
    return {
        "benchmark": benchmark,
        "value": value,
        "unit": unit,
        "peer": peer,
        "peer_value": there,
        "ratio": value / there,
    }
