"""What a test waits for ends, whatever the kernel does."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator

import pytest

from conformance.plugin.refusal import refused
from conformance.plugin.setups import readiness, threads, urgent
from conformance.plugin.setups.listeners import full_backlog, late_connection, listening
from conformance.plugin.setups.threads import given_up
from libsocket import Socket

STILL = pytest.raises(AssertionError, match=r"still waited after 0\.05 seconds")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (readiness, threads, urgent):
        monkeypatch.setattr(module, "SOON", 0.05)


@pytest.fixture
def silent() -> Iterator[Socket]:
    """A socket whose peer never says a word."""
    left, right = Socket.pair()
    with left, right:
        yield left


def test_a_call_that_does_not_return_differs(silent: Socket) -> None:
    with STILL, given_up(lambda: silent.shutdown(socket.SHUT_RDWR)):
        silent.recv(1)


def test_what_it_raises_when_it_is_ended_is_no_answer(silent: Socket) -> None:
    with STILL, given_up(lambda: silent.shutdown(socket.SHUT_RDWR)), refused(errno.EAGAIN):
        silent.recv(1)


def test_a_call_that_returns_is_left_alone(silent: Socket) -> None:
    with given_up(lambda: silent.shutdown(socket.SHUT_RDWR)):
        pass

    assert silent.send(b"x") == 1


@pytest.mark.parametrize("wait", [readiness.await_readable, urgent.await_urgent])
def test_what_is_never_announced_differs(silent: Socket, wait: Callable[[Socket], None]) -> None:
    with pytest.raises(AssertionError, match=r"within 0\.05 seconds"):
        wait(silent)


def test_a_connect_that_waits_for_ever_differs() -> None:
    with listening(backlog=0) as listener, STILL, full_backlog(listener) as client:
        client.connect(listener.getsockname())


def test_an_accept_that_waits_for_ever_differs() -> None:
    with listening() as listener, STILL, late_connection(listener):
        listener.accept()[0].close()
