import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import TooLittleText
from data_contracts.split import Split
from data_contracts.token_shards import TokenShards
from model.batches import Batches, permuted
from model.mixture import MixedBatches
from model.sources import streams_by_source


@pytest.fixture(scope="module")
def shards(version):
    opened = TokenShards.open(version / "tokens" / Split.TRAIN)
    assert len(opened.lengths) > 3  # windows lie across files
    return opened


@given(st.integers(1, 3000), st.integers(0, 2**64 - 1))
def test_a_permutation_takes_every_place_once(size, key):
    order = permuted(np.arange(size), size, key)
    assert np.array_equal(np.sort(order), np.arange(size))


def test_a_permutation_leaves_no_order_behind():
    order = permuted(np.arange(4096), 4096, 1)
    other = permuted(np.arange(4096), 4096, 2)
    for found in (order, other, order - other):
        assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.05
    assert abs(np.corrcoef(order, np.arange(4096))[0, 1]) < 0.05


@pytest.mark.parametrize("windows_per_batch", [1, 7, 16])
def test_every_window_comes_once_per_epoch(shards, windows_per_batch):
    batches = Batches(shards, 32, windows_per_batch, seed=3)
    epoch = batches.windows_per_epoch
    steps = -(-3 * epoch // windows_per_batch)
    starts = np.concatenate([batches.starts(step) for step in range(steps)])
    orders = [starts[number * epoch : (number + 1) * epoch] for number in range(3)]
    for order in orders:
        assert np.array_equal(np.diff(np.sort(order)), np.full(epoch - 1, 32))
        assert order.min() >= 0
        assert order.max() + 32 < len(shards)
    assert not np.array_equal(orders[0], orders[1])


@given(st.integers(0, 10**9), st.integers(1, 16))
def test_ranks_share_the_global_batch_whatever_their_number(shards, step, ranks):
    batches = Batches(shards, 32, 16, seed=3)
    parts = [batches.starts(step, rank, ranks) for rank in range(ranks)]
    together = np.empty(16, np.int64)
    for rank, part in enumerate(parts):
        together[rank::ranks] = part
    assert np.array_equal(together, batches.starts(step))


def test_a_batch_depends_on_seed_and_step_alone(shards):
    one, same, other = (Batches(shards, 32, 8, seed) for seed in (3, 3, 4))
    one.read(5)
    assert np.array_equal(one.starts(77), same.starts(77))
    assert not np.array_equal(one.starts(77), other.starts(77))


def test_a_run_is_taken_up_after_a_million_samples_without_reading_them(version):
    started = time.process_time()
    streams = streams_by_source(TokenShards.open(version / "tokens" / Split.TRAIN))
    mixed = MixedBatches(streams, {"even": 0.5, "odd": 0.5}, 32, 16, seed=3)
    mixed.read(10**6 // 16)
    whole = TokenShards.open(version / "tokens" / Split.TRAIN)
    Batches(whole, 32, 16, seed=3).read(10**6 // 16)
    assert time.process_time() - started < 1


def test_targets_are_the_tokens_one_later(shards):
    batches = Batches(shards, 32, 8, seed=3)
    tokens_BT, targets_BT = batches.read(2)
    stream = shards.read(0, len(shards))
    for start, tokens, targets in zip(batches.starts(2), tokens_BT, targets_BT, strict=True):
        assert tokens.tolist() == stream[start : start + 32].tolist()
        assert targets.tolist() == stream[start + 1 : start + 33].tolist()


def test_a_split_without_one_whole_window_is_refused(shards):
    with pytest.raises(TooLittleText, match="the train split holds"):
        Batches(shards, len(shards), 1, seed=1)
