"""The watchdog ends a hang; the clock of lower bounds runs on."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator

import pytest

from conformance.plugin.timing import timed
from conformance.plugin.watchdog import TimeoutExceeded, limited


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A socket whose peer never says a word."""
    left, right = socket.socketpair()
    with left, right:
        yield left


def test_the_watchdog_ends_a_call_that_does_not_return(silent: socket.socket) -> None:
    with pytest.raises(TimeoutExceeded, match=r"after 0\.05 s"), limited(0.05):
        silent.recv(1)


def test_a_second_signal_comes_when_the_first_is_swallowed(
    silent: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.plugin.watchdog._AGAIN", 0.05)

    def swallow_one() -> None:
        with pytest.raises(TimeoutExceeded):
            silent.recv(1)
        silent.recv(1)

    with pytest.raises(TimeoutExceeded), limited(0.05):
        swallow_one()


def test_nothing_in_a_test_takes_the_watchdog_for_an_answer() -> None:
    assert not issubclass(TimeoutExceeded, Exception)


def test_the_watchdog_leaves_no_alarm_behind() -> None:
    before = signal.getsignal(signal.SIGALRM)

    with limited(30):
        pass

    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_a_block_is_timed_by_the_monotonic_clock() -> None:
    before = time.monotonic()
    with timed() as took:
        start = time.monotonic()
        while (end := time.monotonic()) < start + 0.01:
            pass

    assert end - start <= took.seconds <= time.monotonic() - before
