"""What the encoder and encoder-decoder shapes add to the decoder's blocks."""

import pytest
import torch

from model.blocks import Attention, Dropout, KeyValueCache, Rotary
from model.recipe import ShapeRecipe
from tests.model.conftest import random_decoder

PAIR = ShapeRecipe(kind="encoder-decoder", layers=2, width=32, heads=2, context_tokens=24)
ENCODER = ShapeRecipe(
    kind="encoder",
    layers=2,
    width=32,
    heads=4,
    kv_heads=2,
    context_tokens=24,
    convolution_tokens=5,
)


def some_tokens(rows, length, seed=0):
    return torch.randint(0, 300, (rows, length), generator=torch.Generator().manual_seed(seed))


def text_of(lengths, width):
    return torch.arange(width)[None] < torch.tensor(lengths)[:, None]


def test_every_token_of_an_encoder_sees_all_others():
    model, tokens_BT = random_decoder(ENCODER), some_tokens(1, 10)
    changed_BT = tokens_BT.clone()
    changed_BT[0, -1] = (changed_BT[0, -1] + 1) % 300
    assert not torch.allclose(model(tokens_BT)[:, 0], model(changed_BT)[:, 0])


def test_padding_changes_nothing_in_an_encoder():
    model, tokens_BT = random_decoder(ENCODER), some_tokens(2, 10)
    allowed_BT = text_of([10, 6], 10)
    alone = model(tokens_BT[1:, :6])
    together = model(tokens_BT, allowed_BT=allowed_BT)
    torch.testing.assert_close(together[1:, :6], alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("lengths", [[8, 8], [8, 5]])
def test_a_translation_written_with_a_cache_equals_one_read_at_once(lengths):
    model = random_decoder(PAIR)
    source_BS, tokens_BT = some_tokens(2, 8, 1), some_tokens(2, 12, 2)
    memory = model.encode(source_BS, text_of(lengths, 8))
    at_once = model(tokens_BT, memory=memory)
    cache = KeyValueCache(PAIR, 2, model.head_weight)
    parts = [model(tokens_BT[:, :3], cache, memory=memory)]
    parts += [model(tokens_BT[:, n : n + 1], cache, memory=memory) for n in range(3, 12)]
    torch.testing.assert_close(torch.cat(parts, 1), at_once, rtol=1e-4, atol=1e-4)


def test_a_translation_depends_on_its_source_but_not_on_padding():
    model = random_decoder(PAIR)
    tokens_BT, source_BS = some_tokens(1, 6), some_tokens(1, 5, 3)
    padded_BS = torch.cat([source_BS, some_tokens(1, 4, 4)], 1)
    plain = model(tokens_BT, memory=model.encode(source_BS))
    padded = model(tokens_BT, memory=model.encode(padded_BS, text_of([5], 9)))
    torch.testing.assert_close(padded, plain, rtol=1e-4, atol=1e-4)
    other = model(tokens_BT, memory=model.encode(some_tokens(1, 5, 5)))
    assert not torch.allclose(other, plain)


def test_recomputing_activations_gives_the_same_gradients():
    models = [random_decoder(PAIR).train() for _ in range(2)]
    models[1].recompute_activations()
    gradients = []
    for model in models:
        memory = model.encode(some_tokens(2, 8, 1))
        model(some_tokens(2, 6), memory=memory).square().mean().backward()
        gradients.append([weight.grad for weight in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_dropout_zeroes_its_share_scales_the_rest_and_follows_the_seed():
    dropout, x = Dropout(0.25).train(), torch.ones(1001, 99)
    torch.manual_seed(1)
    one = dropout(x)
    torch.manual_seed(1)
    assert torch.equal(dropout(x), one)
    assert abs((one == 0).float().mean() - 0.25) < 0.01
    assert one[one != 0].unique().item() == pytest.approx(4 / 3)
    assert dropout.eval()(x) is x


@pytest.mark.parametrize("tokens", [1000, 1100])
@pytest.mark.parametrize("causal", [True, False])
def test_attention_in_bfloat16_is_near_that_in_float32_at_any_length(tokens, causal):
    shape = ShapeRecipe(width=64, heads=2, kv_heads=1, context_tokens=tokens)
    generator = torch.Generator().manual_seed(1)
    attention, rotary = Attention(shape, 0, causal=causal), Rotary(shape)
    with torch.no_grad():
        for weight in attention.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) / weight.shape[-1] ** 0.5)
    x_BTC = torch.randn(1, tokens, 64, generator=generator)
    allowed_B11S = None if causal else (torch.arange(tokens) < tokens - 50)[None, None, None]
    upstream = torch.randn(1, tokens, 64, generator=generator)

    def made(*, narrow):
        own = x_BTC.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
            y_BTC = attention(own, rotary, None, allowed_B11S)
        weights = (own, *attention.parameters())
        return y_BTC, *torch.autograd.grad(y_BTC, weights, upstream.to(y_BTC.dtype))

    for ours, exact in zip(made(narrow=True), made(narrow=False), strict=True):
        assert (ours - exact).norm() < 0.02 * exact.norm()
