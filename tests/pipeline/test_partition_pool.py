import threading
import time

import pytest

from pipeline.partition_pool import map_in_order


def test_outcomes_come_in_the_order_of_the_items():
    def slow_first(number):
        time.sleep(0.02 if number == 0 else 0)
        return number * number

    assert list(map_in_order(slow_first, range(20), workers=4)) == [n * n for n in range(20)]


def test_few_items_are_drawn_ahead():
    drawn = []

    def items():
        for number in range(100):
            drawn.append(number)
            yield number

    outcomes = map_in_order(lambda number: number, items(), workers=2)
    next(outcomes)
    assert len(drawn) <= 4
    outcomes.close()


def test_the_first_error_reaches_the_caller_and_ends_the_work():
    done = []

    def fail_at_three(number):
        if number == 3:
            raise ValueError(number)
        done.append(number)

    with pytest.raises(ValueError, match="3"):
        list(map_in_order(fail_at_three, range(1000), workers=2))
    assert len(done) < 20
    assert threading.active_count() < 20
