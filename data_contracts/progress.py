"""How a stage tells that it is getting on, without knowing who listens."""

from typing import Protocol


class Progress(Protocol):
    """Called from any thread, as often as the stage likes: listeners throttle."""

    def __call__(self, done: int, total: int, unit: str, note: str = "") -> None:
        """Report `done` of `total` (0: unknown) in `unit`, with a few words on what is going on."""
        ...


def silent(done: int, total: int, unit: str, note: str = "") -> None:
    """Listen to nothing."""
