"""A tiny dataset version that passed its gate, in the layout that the shard stage writes."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from data_contracts.contract_stamp import ContractStamp
from data_contracts.fingerprint import sha256_of_file
from data_contracts.gate import GATE_FILE, QUALITY_FILE, TOKENIZER_FILE, Gate, gated_files
from data_contracts.identity import record_id
from data_contracts.schemas import PUBLISHED_DOCUMENTS
from data_contracts.split import Split
from data_contracts.token_shards import END_OF_TEXT, TokenShardWriter
from model.recipe import ShapeRecipe, TrainRecipe
from model.transformer import Decoder

WORDS = (
    *("mill", "grain", "water", "wheel", "stone", "flour", "sack", "river", "turns", "slowly"),
    *("under", "the", "old", "roof", "and", "every", "morning", "bread", "磨坊", "小麥", "河水"),
)

TINY = ShapeRecipe(layers=2, width=32, heads=2, context_tokens=32)


def write_documents(count: int, seed: int, words: int = 60) -> list[str]:
    """Write documents in which each word is mostly followed by the next of the list."""
    generator = np.random.default_rng(seed)
    documents = []
    for _ in range(count):
        jumps = generator.random(words) < 0.3
        places = np.cumsum(np.where(jumps, generator.integers(0, len(WORDS), words), 1))
        length = int(generator.integers(words // 4, words))
        documents.append(" ".join(WORDS[place % len(WORDS)] for place in places[:length]) + ".")
    return documents


def learn_tokenizer(texts: list[str], vocabulary_size: int = 320) -> Tokenizer:
    """Learn a byte-level BPE as the shard stage does."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        show_progress=False,
        special_tokens=[AddedToken(END_OF_TEXT, special=True, normalized=False)],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.encode_special_tokens = True
    return tokenizer


def write_version(folder: Path, texts: dict[Split, list[str]], shard_bytes: int = 1 << 20) -> Path:
    """Write a dataset version of these documents, from sources `odd` and `even` by turns."""
    tokenizer = learn_tokenizer(texts[Split.TRAIN])
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / TOKENIZER_FILE))
    for split, documents in texts.items():
        ids = [record_id(split, str(number)) for number in range(len(documents))]
        sources = [("even", "odd")[number % 2] for number in range(len(documents))]
        columns = [ids, sources, ["en"] * len(documents), documents]
        table = pa.table(columns, schema=PUBLISHED_DOCUMENTS)
        path = folder / "documents" / split / "data-00000-of-00001.arrow"
        path.parent.mkdir(parents=True)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        _write_tokens(folder / "tokens" / split, tokenizer, table, shard_bytes)
    stamp_gate(folder)
    return folder


def stamp_gate(folder: Path, *, passed: bool = True) -> None:
    """Write the gate's result for a version as it lies there."""
    (folder / QUALITY_FILE).write_text("{}", encoding="utf-8")
    gate = Gate(
        passed=passed,
        checks=1,
        contracts=(ContractStamp(id="corpus", version="1.0.0", sha256="0" * 64),),
        quality_sha256=sha256_of_file(folder / QUALITY_FILE),
        data_sha256=gated_files(folder),
    )
    (folder / GATE_FILE).write_text(gate.model_dump_json(), encoding="utf-8")


def _write_tokens(folder: Path, tokenizer: Tokenizer, table: pa.Table, shard_bytes: int) -> None:
    end = tokenizer.token_to_id(END_OF_TEXT)
    with TokenShardWriter(folder, tokenizer.get_vocab_size(), shard_bytes) as writer:
        for row in table.to_pylist():
            tokens = np.array([*tokenizer.encode(row["text"]).ids, end], np.uint16)
            span = {
                "record_id": [row["record_id"]],
                "source": [row["source"]],
                "tokens": pa.array([len(tokens)], pa.int32()),
                "text_bytes": pa.array([len(row["text"].encode())], pa.int32()),
            }
            writer.add(tokens, pa.record_batch(span))


@pytest.fixture(scope="session")
def version(tmp_path_factory) -> Path:
    """A gated version: 400 documents to train on, 24 and 20 held out, tokens in several files."""
    texts = {
        Split.TRAIN: write_documents(400, seed=1),
        Split.VALIDATION: write_documents(24, seed=2),
        Split.TEST: write_documents(20, seed=3),
    }
    return write_version(tmp_path_factory.mktemp("warehouse") / "version", texts, shard_bytes=4096)


@pytest.fixture(scope="session")
def tiny_train() -> TrainRecipe:
    """Some 60 steps of a tiny decoder: seconds on one core."""
    return TrainRecipe(
        shape=TINY,
        budget_tokens=60 * 256,
        batch_tokens=256,
        learning_rate=1e-2,
        embedding_learning_rate=1e-2,
        evaluate_every_steps=20,
        checkpoint_every_steps=10,
        validation_tokens=512,
        threads=1,
    )


def random_decoder(shape: ShapeRecipe = TINY, vocabulary_size: int = 300, seed: int = 5) -> Decoder:
    """Build a decoder whose every weight is random, norms and zero-initialised ones included."""
    import torch

    model = Decoder(shape, vocabulary_size)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.empty(weight.shape).normal_(0.0, 0.3, generator=generator))
            if weight.ndim == 1:
                weight.add_(1.0)
    return model.eval()
