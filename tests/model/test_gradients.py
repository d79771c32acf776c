import pytest
import torch
from torch.nn import functional

from model.gradients import cross_entropy, rms_norm, rotate


def doubles(*size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, dtype=torch.float64, generator=generator, requires_grad=True)


@pytest.mark.parametrize("size", [(3, 8), (2, 3, 8), (2, 3, 4, 6)])
def test_the_norm_and_its_gradient_are_those_of_torch(size):
    x, weight = doubles(*size), doubles(size[-1], seed=1)
    ours, theirs = rms_norm(x, weight, 1e-6), functional.rms_norm(x, weight.shape, weight, 1e-6)
    torch.testing.assert_close(ours, theirs)
    upstream = doubles(*size, seed=2).detach()
    for mine, other in zip(
        torch.autograd.grad(ours, (x, weight), upstream),
        torch.autograd.grad(theirs, (x, weight), upstream),
        strict=True,
    ):
        torch.testing.assert_close(mine, other)


def test_gradients_are_those_of_small_differences():
    x, weight = doubles(2, 3, 6), doubles(6, seed=1)
    cos, sin = doubles(3, 6, seed=2).detach(), doubles(3, 6, seed=3).detach()
    assert torch.autograd.gradcheck(lambda *args: rms_norm(*args, 1e-6), (x, weight))
    assert torch.autograd.gradcheck(lambda one: rotate(one, cos, sin), (x,))


def test_a_vector_of_zeros_stays_zero_and_has_a_gradient():
    x = torch.zeros(2, 4, requires_grad=True)
    y = rms_norm(x, torch.ones(4), 1e-6)
    y.sum().backward()
    assert torch.equal(y, torch.zeros(2, 4))
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_cross_entropy_and_its_gradient_are_those_of_torch(smoothing, dtype):
    logits_NV = (4 * doubles(6, 11).detach()).to(dtype).requires_grad_()
    targets_N = torch.tensor([0, 10, -100, 3, 3, -100])
    wide_NV = logits_NV.to(torch.promote_types(dtype, torch.float32))
    theirs = functional.cross_entropy(
        wide_NV, targets_N, reduction="sum", label_smoothing=smoothing
    )
    ours = cross_entropy(logits_NV, targets_N, smoothing)
    torch.testing.assert_close(ours, theirs)
    for mine, other in zip(
        torch.autograd.grad(0.25 * ours, logits_NV),
        torch.autograd.grad(0.25 * theirs, logits_NV),
        strict=True,
    ):
        torch.testing.assert_close(mine, other)


def test_logits_far_apart_cost_much_and_pull_back():
    logits_NV = torch.tensor([[0.0, 300.0]], requires_grad=True)
    cost = cross_entropy(logits_NV, torch.tensor([0]))
    cost.backward()
    assert 87 < cost.item() < 88
    assert logits_NV.grad.tolist() == [[-1.0, 1.0]]
    assert cross_entropy(torch.full((1, 2), torch.nan), torch.tensor([0])).isnan()
