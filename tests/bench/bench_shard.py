"""The shard stage, and random reads of what it writes, against the ordinary ways to do it."""

import json
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from data_contracts.token_shards import TokenShards
from pipeline.shard import tokenizer
from pipeline.shard.recipe import ShardRecipe
from pipeline.shard.stage import shard
from tests.conftest import CORPORA
from tests.reference.shard_inputs import Record, make_inputs

ENGLISH_BYTES = 14_000_000
CHINESE_BYTES = 6_000_000
CHAPTER_CHARS = 4000
WINDOW = 1024
READS = 20_000


def run() -> list[dict[str, Any]]:
    """Measure the stage (cold, warm, against `datasets`) and its reader.

    Returns:
        Rows {benchmark, value, unit, peer, peer_value, ratio}.
    """
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as name:
        return _measure(Path(name))


def _measure(folder: Path) -> list[dict[str, Any]]:
    records = _records()
    inputs = make_inputs(folder / "in", records)
    recipe = ShardRecipe()
    first = shard(inputs, recipe, folder / "first")
    megabytes = first.bytes_in / 1e6
    texts = [record.text for record in records]
    learn_seconds = _core_seconds(lambda: _learn(texts, recipe))
    locked = inputs.model_copy(update={"lock": folder / "first"})
    cache = folder / "cache"
    cold = megabytes / _core_seconds(lambda: shard(locked, recipe, folder / "cold", cache=cache))
    warm = megabytes / _core_seconds(lambda: shard(locked, recipe, folder / "warm", cache=cache))
    peer = megabytes / _core_seconds(lambda: _by_datasets(records, folder))
    learned = recipe.tokenizer_sample_bytes / 1e6 / learn_seconds
    ordinary = "datasets: shuffle, map, save_to_disk"
    return [
        _row("shard, tokenizer learned", first.megabytes_per_second, "MB/s"),
        _row("shard", cold, "MB/s/core", ordinary, peer),
        _row("shard, tokens cached", warm, "MB/s/core", ordinary, peer),
        _row("learn 8,192 entries", learned, "MB/s/core"),
        *_readers(folder),
    ]


def _readers(folder: Path) -> list[dict[str, Any]]:
    shards = TokenShards.open(folder / "cold/tokens/train")
    whole = shards.read(0, len(shards))
    whole.tofile(folder / "tokens.bin")
    mapped = np.memmap(folder / "tokens.bin", whole.dtype, "r")
    windows = len(whole) // WINDOW
    rows = datasets.Dataset.from_dict(
        {"token": whole[: windows * WINDOW].reshape(windows, WINDOW)},
        features=datasets.Features({"token": datasets.List(datasets.Value("uint16"), WINDOW)}),
    )
    rows.save_to_disk(str(folder / "rows"))
    loaded = datasets.load_from_disk(str(folder / "rows")).with_format("numpy")
    picks = np.random.default_rng(0).integers(0, windows, READS).tolist()
    ours = _rate(lambda: sum(int(shards.read(at * WINDOW, WINDOW)[-1]) for at in picks))
    by_numpy = _rate(lambda: sum(int(mapped[at * WINDOW : (at + 1) * WINDOW][-1]) for at in picks))
    few = picks[: READS // 10]
    by_datasets = _rate(lambda: sum(int(loaded[at]["token"][-1]) for at in few), len(few))
    name = f"random reads of {WINDOW:,} tokens"
    return [
        _row(name, ours, "reads/s", "numpy.memmap", by_numpy),
        _row(name, ours, "reads/s", "datasets, a row a window", by_datasets),
    ]


def _learn(texts: list[str], recipe: ShardRecipe) -> None:
    size = 0
    sample = []
    for text in texts[:: max(len(texts) // 2000, 1)]:
        size += len(text.encode())
        sample.append(text)
        if size >= recipe.tokenizer_sample_bytes:
            break
    while size < recipe.tokenizer_sample_bytes:
        sample.append(texts[len(sample) % len(texts)])
        size += len(sample[-1].encode())
    tokenizer.learn(sample, recipe.vocabulary_size)


def _by_datasets(records: list[Record], folder: Path) -> None:
    """Shuffle, tokenise and save as the documentation of `datasets` does, same tokenizer."""
    encoder = tokenizer.Tokenizer.from_file(str(folder / "first/tokenizer.json"))
    data = datasets.Dataset.from_dict(
        {
            "record_id": [record.id for record in records],
            "source": [record.source for record in records],
            "text": [record.text for record in records],
        }
    )

    def tokens(batch: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        encoded = encoder.encode_batch_fast(batch["text"], add_special_tokens=False)
        return {"tokens": [one.ids for one in encoded]}

    data.shuffle(seed=0).map(tokens, batched=True).save_to_disk(str(folder / "peer"))


def _records() -> list[Record]:
    """About 20 MB: chapters of English books and Chinese poems, or drawn words without them."""
    english = list(_chunks(_books() if CORPORA.exists() else _drawn(), ENGLISH_BYTES))
    records = [Record(f"en-{number}", text) for number, text in enumerate(english)]
    if CORPORA.exists():
        for number, text in enumerate(_poems()):
            records.append(Record(f"zh-{number}", text, "poems", "zh"))
    return records


def _chunks(texts: Iterator[str], size: int) -> Iterator[str]:
    for text in texts:
        for start in range(0, len(text), CHAPTER_CHARS):
            chunk = text[start : start + CHAPTER_CHARS]
            size -= len(chunk.encode())
            if size < 0:
                return
            yield chunk


def _books() -> Iterator[str]:
    with tarfile.open(CORPORA / "books-en.tar.xz") as archive:
        for member in archive:
            if member.name.endswith(".md") and (file := archive.extractfile(member)):
                yield file.read().decode(errors="replace")


def _poems() -> Iterator[str]:
    size = CHINESE_BYTES
    with tarfile.open(CORPORA / "poetry-zh.tar.xz") as archive:
        for member in archive:
            if not member.name.endswith(".json") or not (file := archive.extractfile(member)):
                continue
            loaded = json.loads(file.read())
            for poem in loaded if isinstance(loaded, list) else []:
                text = "\n".join(poem.get("paragraphs", []))
                size -= len(text.encode())
                if size < 0:
                    return
                if text:
                    yield text


def _drawn() -> Iterator[str]:
    """Words drawn by Zipf's law."""
    generator = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfw"))
    words = ["".join(generator.choice(letters, generator.integers(1, 12))) for _ in range(30_000)]
    while True:
        ranks = np.minimum(generator.zipf(1.2, 50_000), len(words)) - 1
        yield " ".join(words[rank] for rank in ranks)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _core_seconds(work: Callable[[], object]) -> float:
    """Processor time of all threads: steady on a busy machine, and what a core can do."""
    started = time.process_time()
    work()
    return time.process_time() - started


def _rate(work: Callable[[], object], reads: int = READS) -> float:
    """Reads per second, the median of five rounds."""
    return reads / float(np.median([_seconds(work) for _ in range(5)]))


def _row(
    name: str, value: float, unit: str, peer: str | None = None, peer_value: float | None = None
) -> dict[str, Any]:
    ratio = value / peer_value if peer_value else None
    return {
        "benchmark": name,
        "value": value,
        "unit": unit,
        "peer": peer,
        "peer_value": peer_value,
        "ratio": ratio,
    }
