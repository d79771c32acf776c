"""A model as a folder; a decoder as one that Hugging Face's `AutoModelForCausalLM` opens.

Encoders and encoder-decoders have no counterpart there: their config.json says our shape, their
tokenizer opens all the same.
"""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from data_contracts.errors import VersionCorrupt
from data_contracts.gate import TOKENIZER_FILE
from data_contracts.token_shards import END_OF_TEXT
from model.int8 import QUANTIZATION_CONFIG, QUANTIZATION_KEY, is_quantised, make_room
from model.recipe import ShapeRecipe
from model.transformer import EMBEDDING_STD, NORM_EPSILON, Transformer

WEIGHTS_FILE: Final = "model.safetensors"
CONFIG_FILE: Final = "config.json"
MEMBER_PREFIX: Final = "member-"
"""Begins the names of the folders of a classifier's further members."""
_EVIDENCE: Final = "evidence."
"""Begins the names of what `model.evidence` keeps."""

_SHAPE_KEYS: Final = {
    "layers": "num_hidden_layers",
    "width": "hidden_size",
    "heads": "num_attention_heads",
    "head_width": "head_dim",
    "kv_heads": "num_key_value_heads",
    "mlp_width": "intermediate_size",
    "context_tokens": "max_position_embeddings",
    "tied_embeddings": "tie_word_embeddings",
    "rope_theta": "rope_theta",
}
"""Our names of what Qwen3's config.json says."""


def load_tokenizer(path: Path) -> Tokenizer:
    """Open a tokenizer.json so that text spelling out a special token is read as ordinary text.

    Raises:
        VersionCorrupt: The file is missing or is no tokenizer.
    """
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exceptions
        raise VersionCorrupt(path, f"not a tokenizer ({error})") from error
    tokenizer.encode_special_tokens = True
    return tokenizer


def end_of_text_id(tokenizer: Tokenizer, path: Path | str) -> int:
    """Look up the token that ends each document.

    Raises:
        VersionCorrupt: The tokenizer has none.
    """
    found = tokenizer.token_to_id(END_OF_TEXT)
    if found is None:
        raise VersionCorrupt(path, f"the vocabulary lacks {END_OF_TEXT}")
    return int(found)


def save_pretrained(
    model: Transformer,
    tokenizer: Path,
    folder: Path,
    labels: Sequence[str] | None = None,
    *,
    evidence: bool = True,
) -> None:
    """Write weights, configuration and tokenizer into a folder.

    Args:
        model: Any shape.
        tokenizer: The tokenizer.json that its tokens come from; may lie in the folder already.
        folder: An existing folder.
        labels: Names of the classes, in the order of their scores; None: it does not classify.
        evidence: Whether to write a classifier's evidence; else whoever reads it has to give it.
    """
    end = end_of_text_id(load_tokenizer(tokenizer), tokenizer)
    if tokenizer != folder / TOKENIZER_FILE:
        shutil.copyfile(tokenizer, folder / TOKENIZER_FILE)
    decodes = model.shape.kind == "decoder"
    config = _config(model, end) if decodes else _own_config(model, end, labels)
    if is_quantised(model):
        config[QUANTIZATION_KEY] = QUANTIZATION_CONFIG
    _write_json(folder / CONFIG_FILE, config)
    _write_json(
        folder / "generation_config.json",
        {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end},
    )
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": END_OF_TEXT,
            "eos_token": END_OF_TEXT,
            "pad_token": END_OF_TEXT,
            "clean_up_tokenization_spaces": False,
            "model_max_length": model.shape.context_tokens,
        },
    )
    weights = {
        name: tensor.detach().cpu()
        for name, tensor in model.state_dict().items()
        if evidence or not name.startswith(_EVIDENCE)
    }
    partial = folder / f"{WEIGHTS_FILE}.partial"
    save_file(weights, partial, metadata={"format": "pt"})
    shutil.copymode(folder / CONFIG_FILE, partial)  # safetensors keeps it from other users
    os.replace(partial, folder / WEIGHTS_FILE)


def load_pretrained(folder: Path, first: Transformer | None = None) -> Transformer:
    """Read a folder that `save_pretrained` wrote.

    Args:
        folder: The model.
        first: A model whose evidence this one shares where it was written without.

    Returns:
        The model, float32 (or int8 where it says so), on the CPU, in evaluation mode.

    Raises:
        VersionCorrupt: A file is missing, or the weights do not fit the configuration.
    """
    path = folder / CONFIG_FILE
    try:
        config = dict(json.loads(path.read_text(encoding="utf-8")))
        stated = config.get("shape") or {ours: config[hf] for ours, hf in _SHAPE_KEYS.items()}
        shape = ShapeRecipe.model_validate(stated)
        vocabulary_size = int(config["vocab_size"])
        labels = config.get("labels")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise VersionCorrupt(path, f"not the configuration of a model ({error!r})") from error
    classes = None if labels is None else len(labels)
    model = Transformer(shape, vocabulary_size, classes=classes)
    if QUANTIZATION_KEY in config:
        make_room(model)
    path = folder / WEIGHTS_FILE
    try:
        weights = load_file(path)
        alone = not hasattr(model, "evidence") or any(one.startswith(_EVIDENCE) for one in weights)
        if first and not alone:
            model.evidence = first.evidence
            weights |= first.evidence.state_dict(prefix=_EVIDENCE)
        model.load_state_dict(weights)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise VersionCorrupt(path, f"not the weights of this model ({error})") from error
    return model.eval()


def save_members(
    models: Sequence[Transformer], tokenizer: Path, folder: Path, labels: Sequence[str]
) -> None:
    """Write a classifier's models: the first into a folder, the others into folders of it.

    Their evidence, which is fitted to the same texts, is the same: only the first's is written.

    Args:
        models: All members.
        tokenizer: The tokenizer.json that their tokens come from; may lie in the folder already.
        folder: An existing folder.
        labels: Names of the classes, in the order of their scores.
    """
    first, *others = models
    save_pretrained(first, tokenizer, folder, labels)
    for number, model in enumerate(others, 1):
        member = member_folder(folder, number)
        member.mkdir()
        save_pretrained(model, tokenizer, member, labels, evidence=False)


def load_members(folder: Path) -> list[Transformer]:
    """Read a classifier's models, whose chances are averaged: mostly one, or those of all members.

    Raises:
        VersionCorrupt: A file is missing or broken.
    """
    first, *others = member_folders(folder)
    model = load_pretrained(first)
    return [model, *(load_pretrained(one, model) for one in others)]


def member_folders(folder: Path) -> list[Path]:
    """List the folder of the first member and those of the others."""
    return [folder, *sorted(folder.glob(f"{MEMBER_PREFIX}*"))]


def member_folder(folder: Path, number: int) -> Path:
    """Name the folder of a member, from 0."""
    return folder / f"{MEMBER_PREFIX}{number:02d}" if number else folder


def load_labels(folder: Path) -> list[str] | None:
    """Read the names of the classes that a model folder tells apart; None: it does not classify."""
    config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    labels: list[str] | None = config.get("labels")
    return labels


def _own_config(model: Transformer, end: int, labels: Sequence[str] | None) -> dict[str, Any]:
    config: dict[str, Any] = {
        "model_type": f"corpusmill-{model.shape.kind}",
        "shape": model.shape.model_dump(),
        "vocab_size": model.vocabulary_size,
        "bos_token_id": end,
        "eos_token_id": end,
        "dtype": "float32",
    }
    return config | ({"labels": list(labels)} if labels is not None else {})


def _config(model: Transformer, end: int) -> dict[str, Any]:
    shape = model.shape
    stated = {
        **shape.model_dump(),
        "head_width": shape.head_width_or_default,
        "kv_heads": shape.kv_heads_or_default,
        "mlp_width": shape.mlp_width_or_default,
    }
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        **{hf: stated[ours] for ours, hf in _SHAPE_KEYS.items()},
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.rope_theta},
        "vocab_size": model.vocabulary_size,
        "hidden_act": "silu",
        "rms_norm_eps": NORM_EPSILON,
        "initializer_range": EMBEDDING_STD,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "use_sliding_window": False,
        "use_cache": True,
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
        "dtype": "float32",
    }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
