"""llama.cpp on our GGUF files: the same encoding, the same predictions, the same greedy text.

Install beside: `pip install xllamacpp`, llama.cpp compiled with a binding. A real model is compared by
`tests/bench/check_llama_cpp.py`.
"""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from model.export.gguf_file import write_gguf
from model.pretrained import load_pretrained, load_tokenizer, save_pretrained
from model.recipe import ShapeRecipe
from model.sample import write
from tests.model.conftest import random_decoder, write_documents
from tests.model.export.llama_cpp import LlamaCpp

SHAPE = ShapeRecipe(layers=2, width=64, heads=4, kv_heads=2, context_tokens=64)


@pytest.fixture(scope="module")
def folder(version, tmp_path_factory):
    tokenizer = version / "tokenizer.json"
    size = Tokenizer.from_file(str(tokenizer)).get_vocab_size()
    folder = tmp_path_factory.mktemp("decoder")
    save_pretrained(random_decoder(SHAPE, size), tokenizer, folder)
    return folder


@pytest.fixture(scope="module", params=["f32", "f16", "q8_0"])
def served(request, folder):
    pytest.importorskip("xllamacpp", reason="xllamacpp is not installed")
    pytest.importorskip("gguf", reason="the extra `export` is not installed")
    path = folder / f"{request.param}.gguf"
    write_gguf(folder, path, request.param)
    with LlamaCpp(path, SHAPE.context_tokens) as llama:
        yield request.param, llama


def test_predictions_are_ours(served, folder):
    precision, llama = served
    model = load_pretrained(folder)
    tokens = torch.randint(1, 300, (20,), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours = model(tokens[None])[0, -1].double().log_softmax(-1).numpy()
    theirs = llama.log_probabilities(tokens.tolist(), len(ours))
    room = {"f32": 1e-3, "f16": 0.05, "q8_0": 0.5}[precision]
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=room * ours.std())


def test_greedy_text_is_ours(served, folder):
    precision, llama = served
    if precision != "f32":
        pytest.skip("a random model's first choices are too near each other")
    read = [0, 5, 6, 7]
    ours = write(load_pretrained(folder), read, 24, 0.0, 1, stop=0)
    assert llama.continued(read, 24)[: len(ours)] == ours


def test_texts_are_encoded_as_by_ours(served, folder):
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    texts = [
        *write_documents(10, seed=9),
        'Don\'t 12345 go…\n\n  \t"there"\r\n(ever)!  ',
        "日本 né",
    ]
    for text in texts:
        ours = tokenizer.encode(text, add_special_tokens=False).ids
        assert served[1].tokens(text) == ours
