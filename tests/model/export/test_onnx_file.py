"""The exported classifier under onnxruntime; one export, as it takes seconds."""

import json

import numpy as np
import pytest

from data_contracts.errors import ModelUnfit
from model.export.onnx_file import write_onnx
from model.pretrained import load_tokenizer, save_pretrained
from model.recipe import ShapeRecipe
from model.supervised.classify import Classifier
from model.transformer import Transformer
from tests.model.conftest import random_decoder, write_documents

SHAPE = ShapeRecipe(
    kind="encoder",
    layers=2,
    width=32,
    heads=2,
    kv_heads=1,
    context_tokens=24,
    convolution_tokens=3,
    pooling="max",
    evidence_rows=64,
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of a library in development
def test_onnxruntime_gives_the_same_probabilities(version, tmp_path):
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason="the extra `export` is not installed")
    import onnxruntime
    import torch

    tokenizer = version / "tokenizer.json"
    folder = tmp_path / "classifier"
    generator = torch.Generator().manual_seed(1)
    for member in (folder, folder / "member-01"):
        model = Transformer(SHAPE, load_tokenizer(tokenizer).get_vocab_size(), classes=3)
        model.initialise(1)
        with torch.no_grad():
            for weight in (*model.parameters(), *model.evidence.buffers()):
                weight.add_(torch.randn(weight.shape, generator=generator), alpha=0.2)
        member.mkdir()
        save_pretrained(model, tokenizer, member, ["a", "b", "c"])
    write_onnx(folder, tmp_path / "onnx")

    classifier, labels = Classifier.load(folder)
    session = onnxruntime.InferenceSession(
        tmp_path / "onnx" / "model.onnx", providers=["CPUExecutionProvider"]
    )
    assert json.loads((tmp_path / "onnx" / "config.json").read_text())["labels"] == labels
    assert load_tokenizer(tmp_path / "onnx" / "tokenizer.json").get_vocab_size() > 256
    for texts in (write_documents(7, seed=4), ["mill"], write_documents(1, seed=5)):
        tokens_BT, allowed_BT = classifier.rectangle(classifier.encoded(texts))
        (found,) = session.run(
            ["chances"], {"tokens": tokens_BT.numpy(), "allowed": allowed_BT.numpy()}
        )
        np.testing.assert_allclose(found, classifier.chances(texts), atol=1e-5)


def test_what_does_not_classify_is_refused(version, tmp_path):
    size = load_tokenizer(version / "tokenizer.json").get_vocab_size()
    save_pretrained(random_decoder(vocabulary_size=size), version / "tokenizer.json", tmp_path)
    with pytest.raises(ModelUnfit, match="does not classify"):
        write_onnx(tmp_path, tmp_path / "onnx")
