import numpy as np
import pytest
import torch

from data_contracts.errors import ModelUnfit
from model.documents import held_out_documents
from model.pretrained import load_pretrained, load_tokenizer, save_pretrained
from model.reading import attention_maps, integrated_gradients, read
from model.recipe import ShapeRecipe
from model.scoring import document_bits
from model.supervised.classify import Classifier
from model.transformer import Transformer
from tests.model.conftest import random_decoder, write_documents
from tests.model.test_transformer import SHAPES

TEXT = "the old mill turns slowly under the roof"


@pytest.fixture
def folder(version, tmp_path):
    size = load_tokenizer(version / "tokenizer.json").get_vocab_size()
    save_pretrained(random_decoder(vocabulary_size=size), version / "tokenizer.json", tmp_path)
    return tmp_path


@pytest.fixture
def classifier(version, tmp_path):
    folder = tmp_path / "classifier"
    folder.mkdir()
    shape = ShapeRecipe(kind="encoder", layers=2, width=32, heads=2, context_tokens=32)
    size = load_tokenizer(version / "tokenizer.json").get_vocab_size()
    model = Transformer(shape, size, classes=3)
    model.initialise(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(4)) / 5)
    save_pretrained(model, version / "tokenizer.json", folder, ["calm", "glad", "sad"])
    return folder


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_maps_are_what_attention_mixes_values_by(shape):
    model = random_decoder(shape)
    seen = {}
    attention = model.model.layers[-1].self_attn
    attention.register_forward_hook(lambda _, inputs, output: seen.update(x=inputs[0], y=output))
    tokens_BT = torch.randint(1, 300, (1, 12), generator=torch.Generator().manual_seed(1))
    maps = attention_maps(model, tokens_BT)
    assert maps.shape == (shape.layers, shape.heads, 12, 12)
    np.testing.assert_allclose(maps.sum(-1), 1, rtol=1e-5)
    assert np.triu(maps[-1, 0], 1).max() == 0
    with torch.no_grad():
        values = attention.v_proj(seen["x"])[0].view(12, -1, shape.head_width_or_default)
        values = values.repeat_interleave(shape.heads // shape.kv_heads_or_default, dim=1)
        mixed = torch.einsum("hqk,khd->qhd", torch.tensor(maps[-1]), values)
        torch.testing.assert_close(
            attention.o_proj(mixed.flatten(1)), seen["y"][0], rtol=1e-3, atol=1e-4
        )


def test_an_encoder_looks_both_ways(classifier):
    model = load_pretrained(classifier)
    tokens_BT = torch.arange(1, 10)[None]
    maps = attention_maps(model, tokens_BT, torch.ones(1, 9, dtype=torch.bool))
    assert maps[0, 0, 0, 8] > 0


def test_shares_of_a_linear_prediction_are_its_terms():
    weight = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    x, nothing = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(2))
    shares, start, missing = integrated_gradients(
        lambda x_BTC: (x_BTC * weight).sum((1, 2)), nothing, x, steps=3
    )
    np.testing.assert_allclose(shares, ((x - nothing) * weight).sum(1), rtol=1e-5)
    assert start == pytest.approx(float((nothing * weight).sum()))
    assert missing == pytest.approx(0, abs=1e-5)


def test_a_decoders_reading_adds_up(folder):
    found = read(folder, TEXT, threads=1)
    assert "".join(found.pieces) == found.text == TEXT
    tokenizer, model = load_tokenizer(folder / "tokenizer.json"), load_pretrained(folder)
    ids = tokenizer.encode(TEXT).ids
    whole = document_bits(model, [np.array([*ids, 0])], 0, 0.5, 1000)[0]
    with torch.no_grad():
        mark = -model(torch.tensor([[0, *ids]]))[0, -1].log_softmax(-1)[0] / np.log(2)
    assert found.bits.sum() + float(mark) == pytest.approx(whole, rel=1e-4)
    next_one, *others = found.explanations
    assert next_one.place == len(ids)
    costliest = sorted(np.argsort(-found.bits[1:])[:3] + 1)
    assert [one.place for one in others] == costliest
    for one in found.explanations:
        total = one.start + one.shares.sum() + one.missing
        assert total == pytest.approx(np.log(one.chance), abs=1e-3)
        assert not one.shares[one.place :].any()  # what comes later explains nothing
    assert [one[0][1] >= one[1][1] for one in found.alternatives] == [True] * len(ids)


def test_steps_leave_little_out_on_a_trained_model(version, tiny_train, tmp_path):
    from model.train import TrainInputs, train

    folder = train(TrainInputs(dataset=version), tiny_train, tmp_path / "model").folder
    text = held_out_documents(version / "documents" / "test", None)["text"][0].as_py()
    found = read(folder, text[:60], threads=1)
    for one in found.explanations:
        assert abs(one.missing) < 0.05 * max(1, abs(np.log(one.chance) - one.start))


def test_a_classifiers_reading_explains_the_likeliest_class(classifier):
    found = read(classifier, TEXT, threads=1)
    (one,) = found.explanations
    assert found.bits is None
    assert sum(found.chances.values()) == pytest.approx(1)
    assert one.predicted == max(found.chances, key=found.chances.get)
    assert len(one.shares) == len(found.pieces)


def test_members_and_their_evidence_are_explained_together(version, tmp_path):
    shape = ShapeRecipe(
        kind="encoder",
        layers=1,
        width=32,
        heads=2,
        context_tokens=32,
        convolution_tokens=3,
        pooling="max",
        evidence_rows=512,
    )
    size = load_tokenizer(version / "tokenizer.json").get_vocab_size()
    folder = tmp_path / "several"
    for number, member in enumerate((folder, folder / "member-01")):
        model = Transformer(shape, size, classes=3)
        model.initialise(number)
        generator = torch.Generator().manual_seed(number)
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn(weight.shape, generator=generator) / 5)
            for buffer in model.evidence.buffers():
                buffer.copy_(torch.rand(buffer.shape, generator=generator))
        member.mkdir()
        save_pretrained(model, version / "tokenizer.json", member, ["calm", "glad", "sad"])
    found = read(folder, TEXT, threads=1)
    wanted = Classifier.load(folder)[0].chances([TEXT])[0]
    np.testing.assert_allclose(list(found.chances.values()), wanted, rtol=1e-5)
    assert "".join(found.pieces) == TEXT
    (one,) = found.explanations
    classifier, _ = Classifier.load(folder)
    (ids,) = classifier.encoded([TEXT])
    marks = np.log(one.chance) - one.start - one.missing - one.shares.sum()
    assert len(one.shares) == len(ids) - 2
    assert abs(one.missing) < 0.1
    assert abs(marks) < 0.6 * np.abs(one.shares).sum()  # what the end marks add


def test_tokens_of_one_character_show_it_once(folder):
    text = "mill 磨坊🥖 x"
    found = read(folder, text, threads=1)
    assert "".join(found.pieces) == text


def test_a_long_text_is_cut_and_that_is_said(folder):
    text = " ".join(write_documents(5, seed=3))
    found = read(folder, text, threads=1)
    assert found.cut
    assert len(found.pieces) == 31
    assert text.startswith(found.text)


def test_nothing_to_read_is_refused(folder):
    with pytest.raises(ModelUnfit, match="nothing to read"):
        read(folder, "")


def test_a_model_that_does_neither_is_refused(version, tmp_path):
    model = Transformer(ShapeRecipe(kind="encoder", layers=1, width=16, heads=1), 320)
    model.initialise(1)
    save_pretrained(model, version / "tokenizer.json", tmp_path)
    with pytest.raises(ModelUnfit, match="neither writes nor classifies"):
        read(tmp_path, TEXT)
