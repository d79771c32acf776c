import pytest
import torch
from torch.nn import functional

from model.narrow_attention import attend, suits


def numbers(*size, seed, dtype=torch.float32):
    drawn = torch.randn(size, generator=torch.Generator().manual_seed(seed))
    return drawn.to(dtype).requires_grad_()


def some(texts, queries, keys):
    return (
        numbers(texts, 3, queries, 16, seed=1),
        numbers(texts, 3, keys, 16, seed=2),
        numbers(texts, 3, keys, 16, seed=3, dtype=torch.bfloat16),
    )


def twin(q, k, v, allowed, *, causal):
    """Attention in double precision, as it is written in papers."""
    scores = q.double() @ k.double().mT / q.shape[-1] ** 0.5
    if allowed is not None:
        scores = scores.masked_fill(~allowed, -torch.inf)
    if causal:
        scores = scores.masked_fill(~torch.ones(scores.shape[-2:]).tril().bool(), -torch.inf)
    return scores.softmax(-1) @ v.double()


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("lengths", [None, [9, 4]])
@pytest.mark.parametrize("queries", [9, 5])
def test_values_are_mixed_as_in_double_precision(causal, lengths, queries):
    if causal and queries != 9:
        pytest.skip("a causal text looks at itself")
    q, k, v = some(2, queries, 9)
    allowed = None
    if lengths:
        allowed = (torch.arange(9)[None] < torch.tensor(lengths)[:, None])[:, None, None]
    ours, exact = (mix(q, k, v, allowed, causal=causal) for mix in (attend, twin))
    torch.testing.assert_close(ours.double(), exact, rtol=0.02, atol=0.02)
    upstream = numbers(*ours.shape, seed=4).detach()
    mine = torch.autograd.grad(ours, (q, k, v), upstream.to(ours.dtype))
    theirs = torch.autograd.grad(exact, (q, k, v), upstream.double())
    for one, other in zip(mine, theirs, strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one.double(), other.double(), rtol=0.03, atol=0.03)


def test_it_is_nearer_to_the_truth_than_torch_in_bfloat16():
    q, k, v = some(2, 64, 64)
    exact = twin(q, k, v, None, causal=True)
    ours = attend(q, k, v, None, causal=True)
    narrow = (part.bfloat16() for part in (q, k, v))
    theirs = functional.scaled_dot_product_attention(*narrow, is_causal=True)
    assert (ours - exact).abs().mean() < (theirs - exact).abs().mean()


def test_a_text_of_nothing_but_padding_stays_finite():
    q, k, v = some(1, 4, 4)
    allowed = torch.zeros(1, 1, 1, 4, dtype=torch.bool)
    y = attend(q, k, v, allowed, causal=True)
    y.sum().backward()
    assert all(torch.isfinite(part).all() for part in (y, q.grad, k.grad, v.grad))


def test_it_suits_mixed_precision_and_short_texts_only():
    q, _, v = some(1, 4, 4)
    assert suits(q, v)
    assert not suits(q, v.float())
    assert not suits(q.bfloat16(), v)
    assert not suits(q, v.expand(1, 3, 4, 16)[:, :, :1].expand(-1, -1, 2000, -1))
