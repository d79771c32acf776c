import json
import stat

import pytest
import torch

from data_contracts.errors import VersionCorrupt
from model.pretrained import (
    end_of_text_id,
    load_members,
    load_pretrained,
    load_tokenizer,
    save_members,
    save_pretrained,
)
from model.recipe import ShapeRecipe
from model.transformer import Transformer
from tests.model.conftest import random_decoder


@pytest.fixture
def folder(version, tmp_path):
    save_pretrained(random_decoder(), version / "tokenizer.json", tmp_path)
    return tmp_path


def test_a_saved_model_is_read_back_bit_for_bit(folder):
    model, found = random_decoder(), load_pretrained(folder)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, found.state_dict()[name])
    assert not found.training


def test_others_may_read_the_weights_as_they_may_the_configuration(folder):
    modes = [
        stat.S_IMODE((folder / name).stat().st_mode)
        for name in ("model.safetensors", "config.json")
    ]
    assert modes[0] == modes[1]


def test_text_that_spells_the_end_mark_is_ordinary_text(version):
    tokenizer = load_tokenizer(version / "tokenizer.json")
    end = end_of_text_id(tokenizer, version)
    ids = tokenizer.encode("a<|endoftext|>b").ids
    assert end not in ids
    assert tokenizer.decode(ids) == "a<|endoftext|>b"


@pytest.mark.parametrize(
    ("name", "broken", "said"),
    [
        ("config.json", None, "not the configuration"),
        ("config.json", "{}", "not the configuration"),
        ("config.json", "[1]", "not the configuration"),
        ("model.safetensors", None, "not the weights"),
        ("model.safetensors", "cut short", "not the weights"),
    ],
)
def test_a_missing_or_broken_file_is_named(folder, name, broken, said):
    (folder / name).unlink()
    if broken is not None:
        (folder / name).write_text(broken)
    with pytest.raises(VersionCorrupt, match=said) as caught:
        load_pretrained(folder)
    assert name in caught.value.path


def test_weights_of_another_shape_are_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    config["num_hidden_layers"] += 1
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(VersionCorrupt, match="not the weights of this model"):
        load_pretrained(folder)


@pytest.mark.parametrize("rows", [0, 64])
def test_members_come_back_in_their_order_and_share_what_evidence_there_is(version, tmp_path, rows):
    shape = ShapeRecipe(kind="encoder", layers=1, width=32, heads=2, evidence_rows=rows)
    models = [Transformer(shape, 300, classes=2) for _ in range(3)]
    for seed, model in enumerate(models):
        model.initialise(seed)
        if rows:
            model.evidence = models[0].evidence
            model.evidence.table_RK.fill_(seed)
    save_members(models, version / "tokenizer.json", tmp_path, ["a", "b"])
    found = load_members(tmp_path)
    for model, other in zip(models, found, strict=True):
        for name, weight in model.state_dict().items():
            assert torch.equal(weight, other.state_dict()[name])
        assert not rows or other.evidence is found[0].evidence


def test_a_broken_tokenizer_is_named(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(VersionCorrupt, match="not a tokenizer"):
        load_tokenizer(tmp_path / "tokenizer.json")


def test_a_tokenizer_without_end_mark_is_refused(version, tmp_path):
    text = (version / "tokenizer.json").read_text().replace("<|endoftext|>", "<|other|>")
    (tmp_path / "tokenizer.json").write_text(text)
    shape = ShapeRecipe(layers=1, width=8, heads=1, context_tokens=8)
    with pytest.raises(VersionCorrupt, match="lacks"):
        save_pretrained(random_decoder(shape), tmp_path / "tokenizer.json", tmp_path)
