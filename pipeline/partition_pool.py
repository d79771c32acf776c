"""Work on partitions in threads, in order, with few in flight: memory stays bounded."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def worker_count() -> int:
    """Threads to use: the cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_order(
    function: Callable[[Item], Outcome], items: Iterable[Item], workers: int | None = None
) -> Iterator[Outcome]:
    """Apply a function that releases the GIL to each item, and yield outcomes in the items' order.

    At most `workers + 1` items are being worked on or wait to be taken; the next is drawn from
    `items` only then. The first exception ends the iteration and is raised here.
    """
    workers = workers or worker_count()
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Outcome]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
