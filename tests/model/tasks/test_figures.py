import numpy as np
import pytest

from model.tasks.definition import Example, MinimalPairs, MultipleChoice, load_examples, load_task
from model.tasks.figures import choose_examples, summarise, task_figures
from tests.model.tasks.test_definition import BLIMP

TASK = MultipleChoice(name="t", path="x", format="multiple_choice", group="g")


def question(choices, right, group=""):
    return Example("", tuple(choices), 0, right, group)


def test_accuracy_is_counted_and_centred_on_chance():
    examples = [question("abcd", 0), question("abcd", 1), question("ab", 0), question("ab", 1)]
    nats = [np.array(cost, float) for cost in ([1, 2, 3, 4], [1, 2, 3, 4], [1, 2], [3, 1])]
    found = summarise(TASK, examples, nats, 9, resamples=200, seed=1)
    assert found.accuracy.value == 0.75
    assert found.chance == pytest.approx((0.25 + 0.25 + 0.5 + 0.5) / 4)
    assert found.centred_accuracy.value == pytest.approx((0.75 - 0.375) / 0.625)
    assert found.accuracy.low <= 0.75 <= found.accuracy.high
    assert (found.examples, found.available) == (4, 9)


def test_byte_accuracy_does_not_punish_long_choices():
    examples = [question(("no", "a much longer answer"), 1)]
    found = summarise(TASK, examples, [np.array([4.0, 9.0])], 1, 200, 1)
    assert (found.accuracy.value, found.byte_accuracy.value) == (0.0, 1.0)
    share = np.exp(-9) / (np.exp(-4) + np.exp(-9))
    assert found.right_probability.value == pytest.approx(share)


def test_impossible_texts_still_give_a_probability():
    examples = [question("ab", 0)]
    found = summarise(TASK, examples, [np.array([5000.0, 9000.0])], 1, 200, 1)
    assert found.right_probability.value == 1.0


def test_groups_are_told_apart_and_stay_in_each_resample():
    examples = [question("ab", 0, "easy")] * 30 + [question("ab", 0, "hard")] * 10
    nats = [np.array([0.0, 1.0])] * 30 + [np.array([1.0, 0.0])] * 10
    found = summarise(TASK, examples, nats, 40, 200, 1)
    assert found.groups == {"easy": (1.0, 30), "hard": (0.0, 10)}
    # All variance lies between the groups, which are not drawn anew.
    assert found.accuracy.low == found.accuracy.high == 0.75


def test_examples_are_drawn_evenly_from_the_groups_and_the_same_each_time():
    examples = load_examples(BLIMP, load_task(BLIMP))
    chosen = choose_examples(examples, 134, seed=1)
    counts = np.unique([one.group for one in chosen], return_counts=True)[1]
    assert counts.tolist() == [2] * 67
    assert len({id(one) for one in chosen}) == 134
    assert choose_examples(examples, 134, seed=1) == chosen
    assert choose_examples(examples, 134, seed=2) != chosen
    assert choose_examples(examples, 5000, seed=1) == examples


def test_a_model_that_likes_short_sentences_scores_what_their_lengths_say():
    task = load_task(BLIMP)
    assert isinstance(task, MinimalPairs)

    def by_length(some):
        return [np.array([len(text) for text in one.choices], float) for one in some]

    found = task_figures(BLIMP, by_length, None, resamples=200, seed=1)
    examples = load_examples(BLIMP, task)
    expected = np.mean([len(one.choices[0]) <= len(one.choices[1]) for one in examples])
    assert found.accuracy.value == pytest.approx(expected)
    assert len(found.groups) == 67
