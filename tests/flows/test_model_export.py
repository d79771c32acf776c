import builtins

import pytest

from data_contracts.errors import ModelUnfit
from flows.model_export import export
from model.pretrained import load_pretrained, save_pretrained
from model.recipe import ShapeRecipe
from model.transformer import Transformer
from tests.model.conftest import learn_tokenizer, random_decoder


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    tokenizer = learn_tokenizer(["the old mill turns"])
    tokenizer.save(str(folder / "tokenizer.json"))
    decoder = random_decoder(vocabulary_size=tokenizer.get_vocab_size())
    save_pretrained(decoder, folder / "tokenizer.json", folder)
    (folder / "metrics.jsonl").write_text("{}\n")
    return folder


def test_a_checkpoint_holds_what_transformers_needs_and_no_more(model, tmp_path):
    written = export(model, tmp_path / "out", "huggingface", "f16")
    assert {path.name for path in written} == {
        "model.safetensors", "config.json", "generation_config.json", "tokenizer.json",
        "tokenizer_config.json",
    }  # fmt: skip
    assert load_pretrained(tmp_path / "out").parameter_count > 0


def test_an_encoder_is_no_checkpoint_for_others(model, tmp_path):
    encoder = Transformer(ShapeRecipe(kind="encoder", layers=1, width=16, heads=1), 300)
    encoder.initialise(1)
    save_pretrained(encoder, model / "tokenizer.json", model)
    with pytest.raises(ModelUnfit, match="ONNX"):
        export(model, tmp_path / "out", "huggingface", "f16")


def test_missing_packages_are_named(model, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "gguf":
            raise ModuleNotFoundError("No module named 'gguf'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModelUnfit, match=r"corpusmill\[export\]"):
        export(model, tmp_path / "m.gguf", "gguf", "f16")
