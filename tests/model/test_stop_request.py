import signal
import threading

import pytest

from model.stop_request import StopRequest


def test_a_signal_is_noted_and_acted_on_when_asked():
    with StopRequest() as request:
        signal.raise_signal(signal.SIGINT)
        assert request.received is signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            request.stop()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_handlers_are_as_before_when_no_signal_came():
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest() as request:
        assert signal.getsignal(signal.SIGTERM) is not before
    assert request.received is None
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_handler_that_lets_the_process_live_still_ends_the_run():
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with StopRequest() as request:
            signal.raise_signal(signal.SIGTERM)
            with pytest.raises(SystemExit) as caught:
                request.stop()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
    assert caught.value.code == 128 + signal.SIGTERM


def test_in_another_thread_nothing_is_installed():
    before = signal.getsignal(signal.SIGTERM)
    found = []

    def run():
        with StopRequest():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [before]
