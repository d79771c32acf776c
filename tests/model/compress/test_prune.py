import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.blocks import RMSNorm
from model.compress.importance import Importance, measure_importance
from model.compress.prune import pruned, shape_of_size, thinned_shape
from model.recipe import ShapeRecipe
from model.transformer import Decoder
from tests.model.conftest import random_decoder

SHAPE = ShapeRecipe(
    layers=3, width=32, heads=4, kv_heads=2, mlp_width=64, context_tokens=16, tied_embeddings=False
)
TOKENS = torch.randint(0, 50, (4, 16), generator=torch.Generator().manual_seed(1))


def ones(shape):
    return Importance(
        heads_LH=torch.ones(shape.layers, shape.heads),
        columns_LF=torch.ones(shape.layers, shape.mlp_width_or_default),
        blocks_L=torch.ones(shape.layers),
        stream_C=torch.ones(shape.width),
    )


def test_parts_that_add_nothing_are_found_and_taken_out_without_a_trace():
    model = random_decoder(SHAPE, 50)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight[:, :16] = 0  # the first two heads, one group
            layer.mlp.down_proj.weight[:, 5:37] = 0
        idle = model.model.layers[1]
        idle.self_attn.o_proj.weight.zero_()
        idle.mlp.down_proj.weight.zero_()
    importance = measure_importance(model, [TOKENS[:2], TOKENS[2:]])
    assert importance.heads_LH[0, :2].tolist() == [0, 0]
    assert importance.heads_LH[0, 2:].min() > 0
    assert importance.columns_LF[2, 5:37].max() == 0
    assert int(importance.blocks_L.argmin()) == 1
    small = pruned(model, thinned_shape(SHAPE, 0.5, 0.5, 1 / 3), importance)
    assert (small.shape.layers, small.shape.heads, small.shape.mlp_width) == (2, 2, 32)
    with torch.no_grad():
        torch.testing.assert_close(small(TOKENS), model(TOKENS), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_contributions_are_the_lengths_of_what_is_added():
    model = random_decoder(SHAPE, 50)
    added = {}
    attention, mlp = model.model.layers[1].self_attn, model.model.layers[1].mlp
    attention.o_proj.register_forward_pre_hook(lambda _, inputs: added.update(heads=inputs[0]))
    mlp.down_proj.register_forward_pre_hook(lambda _, inputs: added.update(columns=inputs[0]))
    importance = measure_importance(model, [TOKENS])
    y = added["heads"].flatten(0, 1)
    for head in range(4):
        part = slice(8 * head, 8 * head + 8)
        lengths = (y[:, part] @ attention.o_proj.weight[:, part].T).norm(dim=1)
        assert importance.heads_LH[1, head] == pytest.approx(float(lengths.mean()), rel=1e-4)
    one = added["columns"].flatten(0, 1)[:, 7, None] * mlp.down_proj.weight[:, 7]
    assert importance.columns_LF[1, 7] == pytest.approx(float(one.norm(dim=1).mean()), rel=1e-4)


def test_taking_nothing_out_changes_nothing():
    model = random_decoder(SHAPE, 50)
    same = pruned(model, thinned_shape(SHAPE, 0, 0, 0), ones(SHAPE))
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, same.state_dict()[name])


@torch.no_grad()
def test_columns_of_the_stream_that_hold_nothing_are_found_and_taken_out():
    model = random_decoder(SHAPE, 50)
    empty = torch.zeros(32, dtype=torch.bool)
    empty[[0, 3, *range(20, 26)]] = True
    model.model.embed_tokens.weight[:, empty] = 0
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight[empty] = 0
        layer.mlp.down_proj.weight[empty] = 0
    importance = measure_importance(model, [TOKENS])
    assert importance.stream_C[empty].max() == 0
    assert importance.stream_C[~empty].min() > 0
    wanted = thinned_shape(SHAPE, 0, 0, 0).model_copy(update={"width": 24})
    small = pruned(model, wanted, importance)
    for module in small.modules():
        if isinstance(module, RMSNorm) and len(module.weight) == 24:
            module.weight *= (32 / 24) ** 0.5  # the mean square was one of 32 columns
    torch.testing.assert_close(small(TOKENS), model(TOKENS), rtol=1e-4, atol=1e-4)


@given(
    st.integers(1, 6), st.sampled_from([(4, 4), (4, 2), (6, 3)]), st.integers(1, 8),
    st.floats(0.05, 0.95), st.sampled_from([20, 2000]), st.booleans(),
)  # fmt: skip
@settings(max_examples=40)
def test_a_shape_of_a_size_has_at_most_so_many_parameters(layers, heads, mlp, ratio, words, tied):
    shape = ShapeRecipe(
        layers=layers, width=24, heads=heads[0], kv_heads=heads[1], mlp_width=32 * mlp,
        context_tokens=8, tied_embeddings=tied,
    )  # fmt: skip
    with torch.device("meta"):
        most = int(Decoder(shape, words).parameter_count * ratio)
        flat = shape.model_copy(update={"layers": 1, "mlp_width": 32})
        narrow = shape.model_copy(update={"width": 8, "head_width": shape.head_width_or_default})
        too_many = [Decoder(one, words).parameter_count > most for one in (flat, narrow)]
        try:
            small = shape_of_size(shape, words, most)
        except ValueError:
            assert all(too_many)
            return
        assert not all(too_many)
        assert Decoder(small, words).parameter_count <= most
    assert small.layers <= layers
    assert small.mlp_width <= shape.mlp_width
    assert (small.width < shape.width) == too_many[0]
    if small.width < shape.width:
        assert (small.layers, small.mlp_width) == (layers, shape.mlp_width)


def test_at_least_one_of_each_stays():
    small = thinned_shape(SHAPE, 0.99, 0.99, 0.99)
    assert (small.layers, small.heads, small.kv_heads, small.mlp_width) == (1, 2, 1, 32)
