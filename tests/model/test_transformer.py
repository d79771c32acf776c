import math

import numpy as np
import pytest
import torch

from model.recipe import ShapeRecipe
from model.transformer import Decoder, KeyValueCache, token_nats
from tests.model.conftest import TINY, random_decoder
from tests.reference import transformer as reference

SHAPES = {
    "plain": TINY,
    "untied": ShapeRecipe(layers=1, width=24, heads=3, context_tokens=16, tied_embeddings=False),
    "shared keys": ShapeRecipe(layers=2, width=32, heads=4, kv_heads=2, context_tokens=16),
    "one key head": ShapeRecipe(
        layers=1, width=32, heads=4, kv_heads=1, context_tokens=16, mlp_width=40, rope_theta=500
    ),
    "heads pruned": ShapeRecipe(layers=2, width=32, heads=3, head_width=8, context_tokens=16),
}


def some_tokens(rows, length, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 300, (rows, length)))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_decoder_gives_the_logits_of_its_slow_twin(shape):
    model = random_decoder(shape)
    weights = {name: weight.double().numpy() for name, weight in model.state_dict().items()}
    tokens_BT = some_tokens(2, 12)
    found_BTV = model(tokens_BT).detach().numpy()
    for row, tokens in enumerate(tokens_BT.tolist()):
        expected = reference.logits(weights, shape, tokens)
        np.testing.assert_allclose(found_BTV[row], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_reading_token_by_token_with_a_cache_equals_reading_at_once(shape):
    model = random_decoder(shape)
    tokens_BT = some_tokens(2, 14)
    at_once = model(tokens_BT)
    cache = KeyValueCache(shape, 2, model.head_weight)
    parts = [model(tokens_BT[:, :5], cache)]
    parts += [model(tokens_BT[:, place : place + 1], cache) for place in range(5, 14)]
    torch.testing.assert_close(torch.cat(parts, dim=1), at_once, rtol=1e-4, atol=1e-4)


def test_no_token_sees_those_after_it():
    model = random_decoder()
    tokens_BT = some_tokens(1, 20)
    changed_BT = tokens_BT.clone()
    changed_BT[0, 11:] = 7
    torch.testing.assert_close(model(tokens_BT)[:, :11], model(changed_BT)[:, :11])


def test_the_first_weights_depend_on_the_seed_alone():
    models = [Decoder(TINY, 300) for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        torch.rand(3)
        model.initialise(seed)
    one, same, other = (model.state_dict() for model in models)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["model.embed_tokens.weight"], other["model.embed_tokens.weight"])


def test_training_starts_near_the_loss_of_a_uniform_guess():
    model = Decoder(TINY, 300)
    model.initialise(1)
    tokens_BT = some_tokens(4, 32)
    nats = token_nats(model, tokens_BT[:, :-1], tokens_BT[:, 1:])
    assert nats.mean().item() == pytest.approx(math.log(300), rel=0.05)


def test_a_tied_head_is_counted_and_stored_once():
    tied = Decoder(TINY, 300)
    untied = Decoder(TINY.model_copy(update={"tied_embeddings": False}), 300)
    assert untied.parameter_count - tied.parameter_count == 300 * TINY.width
    assert "lm_head.weight" in untied.state_dict()
    assert "lm_head.weight" not in tied.state_dict()
