import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.muon import MuonAdamW, orthogonalised
from model.optimizer import build_optimizer
from model.recipe import TrainRecipe
from model.transformer import token_nats
from tests.model.conftest import random_decoder


@settings(max_examples=30)
@given(st.integers(1, 24), st.integers(0, 24), st.integers(0, 10**6), st.floats(1e-6, 1e6))
def test_singular_values_come_near_one_whatever_the_scale(rows, more, seed, scale):
    generator = torch.Generator().manual_seed(seed)
    left = torch.linalg.qr(torch.randn(2, rows, rows, generator=generator)).Q
    right = torch.linalg.qr(torch.randn(2, rows + more, rows + more, generator=generator)).Q
    spread = torch.linspace(0.1, 1.0, rows)
    matrices = scale * left @ torch.diag(spread) @ right[:, :rows]
    found = orthogonalised(matrices)
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.3
    assert values.max() < 1.3
    # The singular vectors stay: the polar factor is what is approached.
    polar = left @ right[:, :rows]
    cosine = (found * polar).sum((1, 2)) / found.norm(dim=(1, 2)) / polar.norm(dim=(1, 2))
    assert cosine.min() > 0.9


def test_a_zero_gradient_moves_nothing():
    assert not orthogonalised(torch.zeros(1, 3, 5)).any()


def test_batching_matrices_of_one_shape_changes_nothing_but_rounding():
    matrices = torch.randn(5, 8, 12, generator=torch.Generator().manual_seed(1))
    one_by_one = torch.cat([orthogonalised(one[None]) for one in matrices])
    torch.testing.assert_close(orthogonalised(matrices), one_by_one, rtol=1e-4, atol=1e-5)


def test_a_step_has_the_size_of_adamws_and_weights_decay():
    weight = torch.nn.Parameter(torch.randn(32, 16, generator=torch.Generator().manual_seed(2)))
    before = weight.detach().clone()
    weight.grad = torch.randn(32, 16, generator=torch.Generator().manual_seed(3))
    group = {"params": [weight], "muon": True, "momentum": 0.95, "product_dtype": torch.float32}
    MuonAdamW([group], lr=0.1, weight_decay=0.5).step()
    step = (weight.detach() - before * (1 - 0.1 * 0.5)) / 0.1
    assert step.square().mean().sqrt().item() == pytest.approx(0.2, rel=0.25)


def test_matrices_of_blocks_go_by_muon_the_rest_by_adamw_and_all_learn():
    model = random_decoder()
    optimizer = build_optimizer(model, TrainRecipe(optimizer="muon"))
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    tokens_BT = torch.arange(64).view(4, 16)
    token_nats(model, tokens_BT[:, :-1], tokens_BT[:, 1:]).mean().backward()
    optimizer.step()
    for name, weight in model.named_parameters():
        assert not torch.equal(weight, before[name]), name
        by_muon = name.endswith("proj.weight")
        assert ("momentum" in optimizer.state[weight]) == by_muon
        assert ("exp_avg" in optimizer.state[weight]) != by_muon
