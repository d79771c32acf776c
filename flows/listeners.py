"""Who hears of progress: a bar on the terminal, a progress artifact in Prefect, the run's log."""

import copy
import logging
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.events.worker import EventsWorker
from prefect.logging import get_run_logger
from prefect.logging.handlers import APILogHandler, PrefectConsoleHandler
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from data_contracts.errors import CorpusError
from data_contracts.reasons import Stage
from flows.artifact_keys import PROGRESS, artifact_key

ARTIFACT_SECONDS = 2.0
"""Least time between two updates of a progress artifact: each is a call of the server."""
LOG_SECONDS = 15.0
"""Least time between two lines about progress in a run's log."""
SEND_SECONDS = 10.0
"""Most that is spent on sending the last events."""

_terminal: ContextVar[Progress | None] = ContextVar("terminal", default=None)


@contextmanager
def terminal_progress(console: Console) -> Iterator[None]:
    """Show a bar per stage on a terminal while flows run in this process.

    Args:
        console: Where bars and Prefect's log lines go. It must not read markup: a log line may
            quote a corpus.
    """
    columns = (
        TextColumn("{task.description:>9}"),
        BarColumn(bar_width=32),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    # Elsewhere than on a terminal the log tells all that the bars would.
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        token = _terminal.set(bars)
        try:
            with _log_above_the_bars(bars.console):
                yield
        finally:
            _terminal.reset(token)
            _send_what_is_left()


def _send_what_is_left() -> None:
    """Give the server the last log lines and events while it is there: it may stop after this."""
    APILogHandler().flush()
    # In a thread of its own: where an event loop runs, such as a notebook's, a coroutine would come
    # back that nobody awaits.
    settings = {"timeout": SEND_SECONDS, "at_exit": False}
    sender = threading.Thread(target=EventsWorker.drain_all, kwargs=settings)
    sender.start()
    sender.join()


@contextmanager
def _log_above_the_bars(console: Console) -> Iterator[None]:
    """Let Prefect's console handlers write through the bars' console, so that neither tears."""
    # Prefect's own loggers have no console: they hand on to the root, which has.
    handlers = [
        one for one in logging.getLogger().handlers if isinstance(one, PrefectConsoleHandler)
    ]
    before = [(one, one.console, one.formatter) for one in handlers]
    for handler in handlers:
        handler.console = console
        handler.setFormatter(_ForTerminal(handler.formatter or logging.Formatter()))
        handler.addFilter(_is_told_once)
    try:
        yield
    finally:
        for handler, its_console, its_formatter in before:
            handler.console = its_console
            handler.setFormatter(its_formatter)
            handler.removeFilter(_is_told_once)


def _is_told_once(record: logging.LogRecord) -> bool:
    """Keep off the terminal what `mill` says itself at the end: what ended a flow."""
    if record.levelno == logging.ERROR and "by an interrupt signal" in record.getMessage():
        return False
    return not (record.name.startswith("prefect.flow_runs") and _known_error(record))


def _known_error(record: logging.LogRecord) -> bool:
    return record.exc_info is not None and isinstance(record.exc_info[1], CorpusError)


class _ForTerminal(logging.Formatter):
    """Leaves out what is for the Prefect pages, where logs keep all of it.

    That is the traceback of an error which says by itself what to do, and the error's message
    within the name of the state that it led to.
    """

    _FAILED = re.compile(r"^(Finished in state Failed)\(.*$", re.DOTALL)

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        # Other handlers share the record: only a copy of it may be changed.
        shown = copy.copy(record)
        if _known_error(record):
            shown.exc_info = shown.exc_text = None
        shown.msg, shown.args = self._FAILED.sub(r"\1", record.getMessage()), None
        return self._inner.format(shown)


class StageListener:
    """Hears a stage's progress, from any of its threads, and passes it on, throttled."""

    def __init__(self, stage: Stage, dataset: str) -> None:
        """Open a bar where there is a terminal; call it inside a task run."""
        self._stage, self._dataset = stage, dataset
        self._owner = threading.get_ident()
        self._logger = get_run_logger()
        self._artifact: UUID | None = None
        self._told = self._logged = time.monotonic()
        self._bars = _terminal.get()
        self._bar = self._bars.add_task(stage.value, total=None, note="") if self._bars else None
        self._note = ""

    def __call__(self, done: int, total: int, unit: str, note: str = "") -> None:
        """Take note of how far the stage is."""
        self._note = note or f"{done:,} {unit}"
        if self._bars is not None and self._bar is not None:
            self._bars.update(
                self._bar, completed=done, total=total or None, note=escape(self._note)
            )
        # Prefect's client belongs to the thread of the task run: only that one talks to it.
        if threading.get_ident() == self._owner:
            self._tell(done, total, unit, note)

    def give_up(self) -> None:
        """Leave the bar where it is."""
        if self._bars is not None and self._bar is not None:
            self._bars.update(self._bar, note="stopped")
            self._bars.stop_task(self._bar)

    def finish(self, outcome: str) -> None:
        """Fill the bar and say how it ended."""
        if self._bars is not None and self._bar is not None:
            self._bars.update(self._bar, completed=1, total=1, note=escape(outcome))
            self._bars.stop_task(self._bar)
        if self._artifact is not None:
            update_progress_artifact(self._artifact, 100.0)

    def _tell(self, done: int, total: int, unit: str, note: str) -> None:
        now = time.monotonic()
        if now - self._logged >= LOG_SECONDS:
            self._logged = now
            of_total = f" of {total:,}" if total else ""
            self._logger.info("%s%s %s %s", f"{done:,}", of_total, unit, note)
        if total and now - self._told >= ARTIFACT_SECONDS:
            self._told = now
            percent = min(100.0, 100.0 * done / total)
            if self._artifact is None:
                created = create_progress_artifact(
                    percent,
                    key=artifact_key(f"{PROGRESS}{self._stage.value}", self._dataset),
                    description=f"{self._stage.value}: share of the work done",
                )
                assert isinstance(created, UUID), "we are not in an event loop"  # noqa: S101
                self._artifact = created
            else:
                update_progress_artifact(self._artifact, percent)
