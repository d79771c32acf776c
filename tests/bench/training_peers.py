"""Who trains beside us in `bench_train`: a plain nanoGPT-style loop, Hugging Face's Trainer, litgpt.

Each gives the seconds of an optimiser step of a decoder of one setting, on the same tokens, in float32
or in bfloat16 (autocast): processor seconds on a CPU, on the threads that torch was set to; on a GPU
wall time, compiled. The last two are optional:
without accelerate or litgpt they are left out.
"""

import contextlib
import importlib
import tempfile
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class Setting:
    """The size of a decoder and its batches."""

    name: str
    layers: int
    heads: int
    width: int
    context: int
    batch: int
    warm_up: int
    steps: int

    @property
    def step_tokens(self) -> int:
        """Tokens of an optimiser step."""
        return self.batch * self.context


def plain_loop(setting: Setting, tokens: np.memmap, vocabulary: int, precision: str) -> list[float]:
    """Train as nanoGPT does: GPT-2 blocks, AdamW, batches by slicing a `numpy.memmap`."""
    return _loop(_Plain(setting, vocabulary), setting, tokens, precision)


def litgpt_loop(
    setting: Setting, tokens: np.memmap, vocabulary: int, precision: str
) -> list[float] | None:
    """Train litgpt's GPT (Llama blocks) as its pretraining script does; None: not installed."""
    try:
        litgpt = importlib.import_module("litgpt")
    except (ImportError, RuntimeError):
        return None
    config = litgpt.Config(
        block_size=setting.context, padded_vocab_size=vocabulary, n_layer=setting.layers,
        n_head=setting.heads, n_embd=setting.width, bias=False, norm_class_name="RMSNorm",
        mlp_class_name="LLaMAMLP", intermediate_size=_swiglu_width(setting.width),
        rotary_percentage=1.0, parallel_residual=False,
    )  # fmt: skip
    model = litgpt.GPT(config)
    # Ours and nanoGPT's heads are tied.
    model.lm_head.weight = model.transformer.wte.weight

    class Costed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, x_BT: torch.Tensor, y_BT: torch.Tensor) -> torch.Tensor:
            logits_NV = self.inner(x_BT).flatten(0, 1)
            return functional.cross_entropy(logits_NV, y_BT.flatten())

    return _loop(Costed(), setting, tokens, precision)


def hugging_face_trainer(
    setting: Setting, tokens: np.memmap, vocabulary: int, precision: str
) -> list[float] | None:
    """Train a Qwen3 decoder with `transformers.Trainer`; None: accelerate is not installed."""
    try:
        importlib.import_module("accelerate")
    except ImportError:
        return None
    from transformers import (
        Qwen3Config,
        Qwen3ForCausalLM,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    class Windows(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
        def __len__(self) -> int:
            return (len(tokens) - 1) // setting.context

        def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
            first = number * setting.context
            ids = torch.from_numpy(tokens[first : first + setting.context].astype(np.int64))
            return {"input_ids": ids, "labels": ids}

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.marks: list[float] = []

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            if not self.marks:
                self.marks.append(now())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.marks.append(now())

    config = Qwen3Config(
        vocab_size=vocabulary, hidden_size=setting.width, num_hidden_layers=setting.layers,
        num_attention_heads=setting.heads, num_key_value_heads=setting.heads,
        head_dim=setting.width // setting.heads, intermediate_size=_swiglu_width(setting.width),
        max_position_embeddings=setting.context, tie_word_embeddings=True,
    )  # fmt: skip
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, max_steps=setting.warm_up + setting.steps,
            per_device_train_batch_size=setting.batch, use_cpu=not torch.cuda.is_available(),
            bf16=precision == "bfloat16", save_strategy="no", report_to=[], disable_tqdm=True,
            logging_strategy="no", learning_rate=1e-3,
        )  # fmt: skip
        trainer = Trainer(Qwen3ForCausalLM(config), arguments, train_dataset=Windows())
        trainer.add_callback(clock)
        threads = torch.get_num_threads()
        trainer.train()
        torch.set_num_threads(threads)
    return np.diff(clock.marks)[setting.warm_up :].tolist()


def slice_batch(
    tokens: np.memmap, batch: int, context: int, generator: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a batch as nanoGPT does."""
    starts = generator.integers(0, len(tokens) - context - 1, batch)
    x_BT = [torch.from_numpy(tokens[i : i + context].astype(np.int64)) for i in starts]
    y_BT = [torch.from_numpy(tokens[i + 1 : i + 1 + context].astype(np.int64)) for i in starts]
    return torch.stack(x_BT), torch.stack(y_BT)


def now() -> float:
    """Tell the time that benchmarks count: of the processor, or of the clock where a GPU computes."""
    if not torch.cuda.is_available():
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _swiglu_width(width: int) -> int:
    return -(-width * 8 // 3 // 32) * 32


def _loop(model: nn.Module, setting: Setting, tokens: np.memmap, precision: str) -> list[float]:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device)
    forward = torch.compile(model, dynamic=False) if device.type == "cuda" else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)
    generator, seconds = np.random.default_rng(1), []
    narrow = precision == "bfloat16"
    for _ in range(setting.warm_up + setting.steps):
        started = now()
        drawn = slice_batch(tokens, setting.batch, setting.context, generator)
        batch = [part.to(device) for part in drawn]
        with torch.autocast(device.type, torch.bfloat16) if narrow else contextlib.nullcontext():
            loss = forward(*batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        seconds.append(now() - started)
    return seconds[setting.warm_up :]


class _PlainBlock(nn.Module):
    """GPT-2's block as nanoGPT writes it, without bias and dropout (its CPU setting)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.c_attn = nn.Linear(width, 3 * width, bias=False)
        self.c_proj = nn.Linear(width, width, bias=False)
        self.c_fc = nn.Linear(width, 4 * width, bias=False)
        self.mlp_proj = nn.Linear(4 * width, width, bias=False)

    def forward(self, x_BTC: torch.Tensor) -> torch.Tensor:
        b, t, c = x_BTC.shape
        parts = self.c_attn(self.ln_1(x_BTC)).split(c, dim=2)
        q, k, v = (part.view(b, t, self.heads, c // self.heads).transpose(1, 2) for part in parts)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x_BTC = x_BTC + self.c_proj(y.transpose(1, 2).contiguous().view(b, t, c))
        return x_BTC + self.mlp_proj(functional.gelu(self.c_fc(self.ln_2(x_BTC))))


class _Plain(nn.Module):
    def __init__(self, setting: Setting, vocabulary: int) -> None:
        super().__init__()
        self.wte = nn.Embedding(vocabulary, setting.width)
        self.wpe = nn.Embedding(setting.context, setting.width)
        blocks = (_PlainBlock(setting.width, setting.heads) for _ in range(setting.layers))
        self.blocks = nn.Sequential(*blocks)
        self.ln_f = nn.LayerNorm(setting.width, bias=False)

    def forward(self, x_BT: torch.Tensor, y_BT: torch.Tensor) -> torch.Tensor:
        x_BTC = self.wte(x_BT) + self.wpe(torch.arange(x_BT.shape[1], device=x_BT.device))
        logits = functional.linear(self.ln_f(self.blocks(x_BTC)), self.wte.weight)
        return functional.cross_entropy(logits.flatten(0, 1), y_BT.flatten())
