import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.int8 import Int8Linear, is_quantised, quantised, rounded
from model.pretrained import load_pretrained, save_pretrained
from tests.model.conftest import TINY, random_decoder


@given(st.integers(1, 20), st.integers(8, 40), st.integers(2, 30), st.integers(0, 999))
def test_a_layer_multiplies_as_its_slow_twin(tokens, columns, rows, seed):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, columns, generator=generator)
    x = torch.randn(tokens, columns, generator=generator) * 10 ** torch.randn(
        tokens, 1, generator=generator
    )
    found = Int8Linear.of(weight)(x)
    w_scale, x_scale = (one.abs().amax(1, keepdim=True).double() / 127 for one in (weight, x))
    exact = (x / x_scale).round() @ (weight / w_scale).round().T * x_scale * w_scale.T
    # A value half way between two steps may fall either way.
    step = float((x_scale * w_scale.max()).max()) * 127 * 2
    np.testing.assert_allclose(found.double().numpy(), exact.numpy(), atol=step, rtol=1e-5)
    # Of the factors, not of the product, which may cancel to nearly nothing.
    error = (found - x @ weight.T).norm() / (x.norm() * weight.norm()).clamp(min=1e-6)
    assert error < 0.1


def test_rounding_twice_changes_nothing():
    codes, scale = rounded(torch.randn(5, 7, generator=torch.Generator().manual_seed(1)))
    again, scale_again = rounded(codes * scale)
    assert torch.equal(codes, again)
    torch.testing.assert_close(scale, scale_again)
    zeros, _ = rounded(torch.zeros(1, 3))
    assert zeros.tolist() == [[0, 0, 0]]


def test_other_devices_multiply_by_the_same_weights():
    layer = Int8Linear.of(torch.randn(6, 5, generator=torch.Generator().manual_seed(1)))
    x = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(2))
    meta = layer.to("meta")(x.to("meta"))
    assert meta.shape == (2, 3, 6)


@pytest.mark.parametrize("batch", [(1, 1), (2, 9)])
def test_a_rounded_model_predicts_nearly_the_same(batch):
    model = random_decoder()
    small = quantised(model)
    assert is_quantised(small)
    assert not is_quantised(model)
    tokens_BT = torch.randint(0, 300, batch, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, expected = small(tokens_BT).log_softmax(-1), model(tokens_BT).log_softmax(-1)
    assert (expected.exp() * (expected - found)).sum(-1).mean() < 0.05


def test_a_rounded_model_is_saved_small_and_read_back_bit_for_bit(version, tmp_path):
    small = quantised(random_decoder())
    save_pretrained(small, version / "tokenizer.json", tmp_path)
    found = load_pretrained(tmp_path)
    for name, weight in small.state_dict().items():
        assert torch.equal(weight, found.state_dict()[name])
        assert weight.dtype == found.state_dict()[name].dtype
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["quantization_config"]["format"] == "int-quantized"
    blocks = 12 * TINY.width**2 * TINY.layers
    assert (tmp_path / "model.safetensors").stat().st_size < 4 * 300 * TINY.width + 2 * blocks
