import numpy as np
import pytest
import torch
from tokenizers import Regex, Tokenizer, pre_tokenizers

from data_contracts.errors import ModelUnfit
from model.export.gguf_file import write_gguf
from model.pretrained import load_pretrained, save_pretrained
from model.recipe import ShapeRecipe
from pipeline.shard.tokenizer import learn, learn_characters, learn_words
from tests.model.conftest import random_decoder, write_documents

SHAPES = {
    "tied": ShapeRecipe(layers=2, width=64, heads=4, kv_heads=2, context_tokens=32),
    "untied": ShapeRecipe(
        layers=1, width=32, heads=1, head_width=16, context_tokens=32, tied_embeddings=False
    ),
}
LLAMA_CPP = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""What llama.cpp cuts by under the name `smaug-bpe` (src/llama-vocab.cpp, mid-2026)."""


@pytest.fixture
def gguf():
    return pytest.importorskip("gguf", reason="the extra `export` is not installed")


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def folder(request, version, tmp_path):
    tokenizer = version / "tokenizer.json"
    size = Tokenizer.from_file(str(tokenizer)).get_vocab_size()
    save_pretrained(random_decoder(request.param, size), tokenizer, tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("ignore")  # of a library in development
@pytest.mark.parametrize(("precision", "room"), [("f32", 1e-4), ("f16", 0.05), ("q8_0", 0.5)])
def test_another_program_reads_the_file_and_predicts_the_same(folder, precision, room, gguf):
    from transformers import AutoModelForCausalLM

    path = folder / "model.gguf"
    write_gguf(folder, path, precision)
    ours = load_pretrained(folder)
    # Transformers leaves the heads' width out of what it reads of the file.
    head_width = ours.shape.head_width_or_default
    theirs = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=path.name, head_dim=head_width
    ).eval()
    tokens_BT = torch.randint(1, 300, (2, 20), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, found = ours(tokens_BT), theirs(tokens_BT).logits
    torch.testing.assert_close(found, expected, rtol=0, atol=room * float(expected.std()))


def test_shape_and_vocabulary_are_in_the_file(folder, gguf):
    path = folder / "model.gguf"
    write_gguf(folder, path, name="mill")
    reader = gguf.GGUFReader(path)
    shape = load_pretrained(folder).shape

    def value(name):
        return reader.get_field(name).contents()

    assert value("general.architecture") == "qwen3"
    assert value("general.name") == "mill"
    assert value("qwen3.attention.head_count") == shape.heads
    assert value("qwen3.attention.head_count_kv") == shape.kv_heads_or_default
    assert value("qwen3.attention.key_length") == shape.head_width_or_default
    assert value("qwen3.rope.freq_base") == shape.rope_theta
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokens = value("tokenizer.ggml.tokens")
    assert [tokenizer.token_to_id(token) for token in tokens] == list(range(len(tokens)))
    assert value("tokenizer.ggml.token_type")[0] == gguf.TokenType.CONTROL
    assert value("tokenizer.huggingface.json") == (folder / "tokenizer.json").read_text()
    names = {tensor.name for tensor in reader.tensors}
    assert ("output.weight" in names) == (not shape.tied_embeddings)
    assert {f"blk.{n}.attn_q_norm.weight" for n in range(shape.layers)} < names
    norms = [tensor for tensor in reader.tensors if "norm" in tensor.name]
    assert all(tensor.data.dtype == np.float32 for tensor in norms)


def test_what_llama_cpp_cuts_by_gives_the_same_tokens():
    ours = learn(write_documents(300, seed=7), 400)
    theirs = Tokenizer.from_str(ours.to_str())
    theirs.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA_CPP), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    texts = [
        *write_documents(20, seed=8),
        '"The mill," she said, "turns\tslowly"; it\'s 12345 sacks (or  more)…\n\n  磨坊mill小麥',
    ]
    for text in texts:
        assert theirs.encode(text).ids == ours.encode(text).ids


def test_what_has_no_gguf_is_refused(folder, version, tmp_path, gguf):
    encoder = ShapeRecipe(kind="encoder", layers=1, width=16, heads=1)
    from model.transformer import Transformer

    model = Transformer(encoder, 320)
    model.initialise(1)
    other = tmp_path / "encoder"
    other.mkdir()
    save_pretrained(model, version / "tokenizer.json", other)
    with pytest.raises(ModelUnfit, match="no decoder"):
        write_gguf(other, tmp_path / "x.gguf")
    for learns in (learn_characters, learn_words):
        unreadable = learns(["the mill"], 300)
        unreadable.save(str(folder / "tokenizer.json"))
        with pytest.raises(ModelUnfit, match="of words or characters"):
            write_gguf(folder, tmp_path / "x.gguf")
    assert not (tmp_path / "x.gguf").exists()
