import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from model.products import Linear, linear
from tests.model.conftest import random_decoder


def numbers(*size, seed):
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def gradients(product, x, weight, upstream):
    x, weight = x.detach().requires_grad_(), weight.detach().requires_grad_()
    y = product(x, weight)
    return y, *torch.autograd.grad(y, (x, weight), upstream)


@given(
    texts=st.integers(1, 3),
    tokens=st.integers(1, 40),
    columns=st.integers(1, 70),
    rows=st.integers(1, 70),
    step=st.integers(1, 2),
)
def test_a_product_and_its_gradients_are_those_of_torch_in_double(
    texts, tokens, columns, rows, step
):
    # Every other token only: views are no different.
    x = numbers(texts, tokens * step, columns, seed=1)[:, ::step]
    weight, upstream = numbers(rows, columns, seed=2), numbers(texts, tokens, rows, seed=3)
    theirs = gradients(functional.linear, x.double(), weight.double(), upstream.double())
    for mine, other in zip(gradients(linear, x, weight, upstream), theirs, strict=True):
        torch.testing.assert_close(mine.double(), other, rtol=1e-4, atol=1e-4)


def test_a_gradient_that_is_not_wanted_is_not_computed():
    x, layer = numbers(32, 8, seed=1), Linear(8, 4)
    layer(x).sum().backward()
    assert layer.weight.grad is not None
    layer.weight.requires_grad_(False)
    assert not layer(x).requires_grad
    x.requires_grad_()
    layer(x).sum().backward()
    torch.testing.assert_close(x.grad, layer.weight.sum(0).expand(32, 8))


def test_the_same_numbers_give_the_same_bits():
    x, weight, upstream = numbers(96, 48, seed=1), numbers(32, 48, seed=2), numbers(96, 32, seed=3)
    once, twice = (gradients(linear, x, weight, upstream) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(once, twice, strict=True))


def test_a_product_in_mixed_precision_is_as_autocast_makes_it():
    x, weight = numbers(32, 16, seed=1), numbers(8, 16, seed=2)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(linear(x, weight), functional.linear(x, weight))


def test_other_programs_get_a_graph_of_known_products():
    model = random_decoder().eval()
    tokens_BT = torch.zeros(2, 20, dtype=torch.int64)
    graph = torch.export.export(model, (tokens_BT,)).graph
    called = {str(node.target) for node in graph.nodes if node.op == "call_function"}
    assert "aten.linear.default" in called
    assert not [name for name in called if "mkldnn" in name]


@pytest.mark.parametrize("rows", [1, 15, 16])
def test_few_vectors_give_what_many_give(rows):
    x, weight = numbers(40, 24, seed=1), numbers(12, 24, seed=2)
    torch.testing.assert_close(linear(x[:rows], weight), linear(x, weight)[:rows])
