"""SO_SELECT_ERR_QUEUE: errors as exceptions to select and poll."""

from __future__ import annotations

import select

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.pairs import connected_udp_pair, udp_pair
from conformance.plugin.setups.readiness import await_error, await_readable, events
from conformance.plugin.timing import SOON
from libsocket import Linger, Socket, Timestamping, TimestampingFlag


def exceptional(sock: Socket) -> bool:
    """Whether select(2) has it among its exceptions."""
    return bool(select.select([], [], [sock], 0)[2])


def pending_error() -> Socket:
    """A UDP socket that was told that its peer's port is closed, and has not been read for it."""
    sender, receiver = udp_pair()
    receiver.close()
    sender.send(b"anybody there?")
    await_error(sender)
    return sender


def queued_error() -> Socket:
    """A UDP socket whose error queue alone tells that its peer's port is closed."""
    sender, receiver = udp_pair()
    sender.ip_recverr = True
    receiver.close()
    sender.send(b"anybody there?")
    await_error(sender)
    assert sender.error, "no error is pending"
    return sender


ERRORS = pytest.mark.parametrize("erring", [pending_error, queued_error])


@claim(
    "socket.7/SO_SELECT_ERR_QUEUE/exceptions",
    sentence=("socket.7/SO_SELECT_ERR_QUEUE/exceptfds", "socket.7/SO_SELECT_ERR_QUEUE/retained"),
    section="Socket options",
    says="With SO_SELECT_ERR_QUEUE an error of a UDP socket, pending or on its error queue, is an exception "
    "to select, which it is not without.",
    since="3.10",
)
@ERRORS
def test_an_error_is_an_exception(ns, observe, erring):
    with erring() as sock:
        before = exceptional(sock)
        sock.select_err_queue = True

        assert observe("without_and_with", [before, exceptional(sock)]) == [False, True]


@claim(
    "socket.7/SO_SELECT_ERR_QUEUE/pollpri",
    sentence="socket.7/SO_SELECT_ERR_QUEUE/pollpri",
    section="Socket options",
    says="With SO_SELECT_ERR_QUEUE poll reports POLLPRI where it reports POLLERR of a UDP socket, for an "
    "error that is pending or on its error queue; without it POLLERR alone.",
    since="3.10",
)
@ERRORS
def test_pollpri_comes_with_pollerr(ns, observe, erring):
    with erring() as sock:
        before = events(sock)
        sock.select_err_queue = True

        assert observe("without_and_with", [before, events(sock)]) == [["OUT", "ERR"], ["PRI", "OUT", "ERR"]]


@claim(
    "socket.7/SO_SELECT_ERR_QUEUE/tcp",
    sentence=("socket.7/SO_SELECT_ERR_QUEUE/exceptfds", "socket.7/SO_SELECT_ERR_QUEUE/pollpri"),
    section="Socket options",
    says="With SO_SELECT_ERR_QUEUE the error of a TCP socket whose peer has reset the connection is an "
    "exception to select, and POLLPRI to poll.",
    since="3.10",
    expect=differs(
        "the option has no effect on what TCP reports: POLLERR, and no exception",
        since="3.10",
        commit="7d4c04fc1700",
        observed={"exceptional": False, "events": ["IN", "OUT", "ERR", "HUP"], "set": True},
    ),
)
def test_tcp_has_exceptions_too(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right:
        right.linger = Linger(True, 0)
        right.close()
        await_error(left)
        left.select_err_queue = True
        observe("set", left.select_err_queue)

        assert [observe("exceptional", exceptional(left)), observe("events", events(left))] == [
            True,
            ["IN", "PRI", "OUT", "ERR", "HUP"],
        ]


@claim(
    "socket.7/SO_SELECT_ERR_QUEUE/unnecessary",
    sentence="socket.7/SO_SELECT_ERR_QUEUE/unnecessary",
    section="Socket options",
    says="epoll that watches a UDP socket for no event reports EPOLLERR when a timestamp comes to its error "
    "queue, without SO_SELECT_ERR_QUEUE, and nothing when data arrive.",
    since="4.16",
)
def test_errors_can_be_watched_alone(ns, observe):
    left, right = connected_udp_pair()
    with left, right, select.epoll() as epoll:
        left.timestamping = Timestamping(TimestampingFlag.TX_SOFTWARE | TimestampingFlag.SOFTWARE)
        epoll.register(left, 0)
        right.send(b"data")
        await_readable(left)
        of_data = epoll.poll(0)
        left.send(b"to be stamped")
        of_error = [bits for _, bits in epoll.poll(SOON)]

        assert observe("option_and_events", [left.select_err_queue, of_data, of_error]) == [
            False,
            [],
            [select.EPOLLERR],
        ]
