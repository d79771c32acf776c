"""A decoder as one GGUF file, which llama.cpp and what builds on it read.

The names of its parts are those that llama.cpp gives to Qwen3, whose shape ours is. llama.cpp knows
the expressions that cut text before merging by name only; ours has none there. `smaug-bpe` is the one
it is written with: that cuts less finely than ours (a quote stays with the word behind it), and
merges never learned across a cut do not happen across it. It cuts more finely at combining marks:
texts that write letters with marks of their own, such as Hindi, may be encoded in more tokens. The
whole tokenizer.json lies in the file too, for programs that read it.
"""

import json
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from data_contracts.errors import ModelUnfit
from data_contracts.gate import TOKENIZER_FILE
from data_contracts.token_shards import END_OF_TEXT
from model.blocks import NORM_EPSILON
from model.int8 import is_quantised
from model.pretrained import end_of_text_id, load_pretrained, load_tokenizer

Precision = Literal["f32", "f16", "q8_0"]
"""How matrices are stored: in 32 or 16 bits, or in 8 with a scale per 32 columns."""

PRE_TOKENIZER: Final = "smaug-bpe"

_BLOCK: Final = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""Our names of a block's parts, and llama.cpp's."""
_OUTSIDE: Final = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


def write_gguf(folder: Path, path: Path, precision: Precision = "f16", name: str = "") -> None:
    """Write a decoder as a GGUF file.

    Args:
        folder: A folder that train wrote.
        path: The file; replaced.
        precision: How matrices are stored; vectors stay float32.
        name: The model's name; empty: that of the folder.

    Raises:
        ImportError: The package `gguf` is not installed.
        ModelUnfit: It is no decoder in full precision with a byte-level vocabulary.
        VersionCorrupt: A file is missing or broken.
    """
    import gguf  # noqa: PLC0415 - an extra

    model = load_pretrained(folder)
    if model.shape.kind != "decoder" or is_quantised(model):
        problem = "it is no decoder in full precision"
        raise ModelUnfit(folder, problem, "Export the decoder that `mill run` trained.")
    stated = json.loads((folder / TOKENIZER_FILE).read_text(encoding="utf-8"))
    if stated["model"].get("type") != "BPE":
        problem = "its vocabulary is of words or characters, which GGUF has no kind for"
        raise ModelUnfit(folder, problem, "Train one with byte-level pieces.")
    partial = path.with_name(f"{path.name}.partial")
    writer = gguf.GGUFWriter(partial, "qwen3")
    writer.add_name(name or folder.name)
    _add_shape(writer, model.shape)
    file_type = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "q8_0": "MOSTLY_Q8_0"}[precision]
    writer.add_file_type(gguf.LlamaFileType[file_type])
    _add_vocabulary(writer, gguf, folder / TOKENIZER_FILE, stated)
    for ours, weight in model.state_dict().items():
        values = weight.float().numpy()
        kind = gguf.GGMLQuantizationType.F32
        if values.ndim == 2 and precision == "f16":
            values = values.astype(np.float16)
            kind = gguf.GGMLQuantizationType.F16
        elif values.ndim == 2 and precision == "q8_0" and values.shape[1] % 32 == 0:
            kind = gguf.GGMLQuantizationType.Q8_0
            values = gguf.quantize(values, kind)
        writer.add_tensor(_gguf_name(ours), values, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(path)


def _gguf_name(ours: str) -> str:
    if ours in _OUTSIDE:
        return _OUTSIDE[ours]
    number, _, part = ours.removeprefix("model.layers.").partition(".")
    return f"blk.{number}.{_BLOCK[part.removesuffix('.weight')]}.weight"


def _add_shape(writer: Any, shape: Any) -> None:
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context_tokens)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.mlp_width_or_default)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads_or_default)
    writer.add_key_length(shape.head_width_or_default)
    writer.add_value_length(shape.head_width_or_default)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_rope_freq_base(shape.rope_theta)


def _add_vocabulary(writer: Any, gguf: Any, path: Path, stated: dict[str, Any]) -> None:
    tokenizer = load_tokenizer(path)
    entries = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    special = {one["content"] for one in stated["added_tokens"] if one["special"]}
    kinds = [
        gguf.TokenType.CONTROL if text in special else gguf.TokenType.NORMAL for text, _ in entries
    ]
    end = end_of_text_id(tokenizer, path)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER)
    writer.add_token_list([text for text, _ in entries])
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in stated["model"]["merges"]])
    # A document is read after an end mark, as in training.
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_pad_token_id(end)
    writer.add_add_bos_token(END_OF_TEXT in special)
    writer.add_add_eos_token(value=False)
    writer.add_string(gguf.Keys.Tokenizer.HF_JSON, path.read_text(encoding="utf-8"))
