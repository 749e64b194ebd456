"""The watchdog ends a hang; the clock of lower bounds runs on."""

from __future__ import annotations

import select
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from conformance.plugin.setups.threads import in_thread
from conformance.plugin.timing import timed
from conformance.plugin.watchdog import TimeoutExceeded, limited, watched
from netns import Namespace, in_child

LIMIT = 0.3
"""Seconds: so long may it take a busy machine to come to the call that hangs."""


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A socket whose peer never says a word."""
    left, right = socket.socketpair()
    with left, right:
        yield left


def read_all(sock: socket.socket) -> None:
    while sock.recv(1):
        pass


def test_the_watchdog_ends_a_call_that_does_not_return(silent: socket.socket) -> None:
    with pytest.raises(TimeoutExceeded, match="recv did not return") as caught, limited(LIMIT, __file__):
        silent.recv(1)

    assert caught.value.call == "recv"


def test_the_call_is_that_in_the_body_of_the_test(silent: socket.socket) -> None:
    with pytest.raises(TimeoutExceeded) as caught, limited(LIMIT, __file__):
        read_all(silent)

    assert caught.value.call == "read_all"


def test_the_end_of_a_block_is_called_as_its_beginning() -> None:
    with pytest.raises(TimeoutExceeded) as caught, limited(LIMIT, __file__):  # noqa: SIM117 (of its own block)
        with in_thread(threading.Event().wait):
            pass

    assert caught.value.call == "in_thread"


def test_a_call_in_an_assertion_has_its_name(silent: socket.socket) -> None:
    with pytest.raises(TimeoutExceeded) as caught, limited(LIMIT, __file__):
        assert str(silent.recv(1)) == "never"

    assert caught.value.call == "recv"


def test_what_is_no_call_has_its_line() -> None:
    with pytest.raises(TimeoutExceeded) as caught, limited(LIMIT, __file__):  # noqa: PT012 (nothing is called)
        while True:
            pass

    assert caught.value.call in {"while True:", "pass"}


def test_waiting_for_a_namespace_is_no_call_of_the_test() -> None:
    with Namespace() as ns:
        ns.add_veth("left", "right")
        with pytest.raises(TimeoutExceeded) as caught, limited(LIMIT, __file__):
            ns.wait_for_carrier("left")

    assert caught.value.call is None


def test_waiting_for_a_child_is_a_call_of_the_test() -> None:
    with pytest.raises(TimeoutExceeded) as caught, limited(LIMIT, __file__):
        in_child(signal.pause)

    assert caught.value.call == "in_child"


def test_a_call_that_does_not_return_is_ended_before_the_whole_is_over(silent: socket.socket) -> None:
    with pytest.raises(TimeoutExceeded) as caught, limited(60, __file__), watched(0.3):
        silent.recv(1)

    assert caught.value.call == "recv"


def test_a_test_may_take_longer_than_one_of_its_calls() -> None:
    never = threading.Event()
    with limited(60, __file__), watched(1), timed() as took:
        for _ in range(15):
            never.wait(0.05)
            select.select([], [], [], 0.05)

    assert took.seconds > 1


def test_a_namespace_is_waited_for_longer_than_a_call() -> None:
    with Namespace() as ns:
        ns.add_veth("left", "right")
        with limited(60, __file__), watched(0.3), pytest.raises(TimeoutError, match="no carrier"):
            ns.wait_for_carrier("left", timeout=1)


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
