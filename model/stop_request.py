"""SIGTERM and Ctrl-C during training: finish the step, save, then stop as asked."""

import signal
import threading
from types import FrameType
from typing import Final, Self

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Notes a signal instead of dying of it. Use as a context manager.

    Handlers can only be installed in a process's main thread; elsewhere this notes nothing and the
    process stops as it would without, losing the steps since the last checkpoint.
    """

    def __init__(self) -> None:
        """Note nothing yet."""
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, signal.Handlers] = {}

    def __enter__(self) -> Self:
        """Install the handlers."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._before[number] = signal.signal(number, self._note)  # type: ignore[assignment]
        return self

    def __exit__(self, *_: object) -> None:
        """Put the handlers back that were there before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def stop(self) -> None:
        """Stop as the signal would have: by the handler that was there before.

        Raises:
            KeyboardInterrupt: Ctrl-C under Python's own handler.
            SystemExit: The handler of before let the process go on.
        """
        assert self.received is not None, "called after a signal"  # noqa: S101
        self.__exit__()
        signal.raise_signal(self.received)
        raise SystemExit(128 + self.received)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.received = signal.Signals(number)
