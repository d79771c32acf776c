import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.supervised.grouping import grouped, padded

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=300)


@given(LENGTHS, st.integers(8, 400), st.integers(0, 5), st.integers(0, 5))
def test_each_text_comes_once_and_no_batch_is_too_big(lengths, batch_tokens, seed, epoch):
    lengths = np.array(lengths)
    batches = grouped(lengths, batch_tokens, seed, epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= batch_tokens


def test_like_lengths_share_a_batch_and_epochs_differ():
    lengths = np.random.default_rng(1).integers(1, 80, 5000)
    batches = grouped(lengths, 2000, 1, 0)
    filled = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert lengths.sum() / filled > 0.9
    again, later = grouped(lengths, 2000, 1, 0), grouped(lengths, 2000, 1, 1)
    assert all(np.array_equal(*pair) for pair in zip(batches, again, strict=True))
    assert [batch.tolist() for batch in batches] != [batch.tolist() for batch in later]


def test_shorter_texts_are_filled_up_on_the_right():
    assert padded([np.array([1, 2]), np.array([3])], 9).tolist() == [[1, 2], [3, 9]]
