"""SO_LINGER: whether closing waits for what is still to be sent."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.pairs import fill_buffer, slow_reader
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import TIMEOUT, timed
from libsocket import Linger, Shutdown, Socket
from netns import in_child

LONG = int(2 * TIMEOUT)
"""Seconds: a call that lingered for so long would not get past the guard."""

SHUTDOWN_NEVER_LINGERS = differs(
    "shutdown never waits, only close does; older than the history in git",
    since="2.6.12",
    commit="1da177e4c3f4",
    observed={"waited": False},
)


def exit_unsent(address: Any) -> int:
    """For a child: connect, send more than is read, and leave the closing to the exit."""
    sock = Socket.tcp()
    sock.linger = Linger(True, LONG)
    sock.connect(address)
    queued = fill_buffer(sock)
    sock.detach()
    return queued


@claim(
    "socket.7/SO_LINGER/reads-back",
    sentence="libsocket/linger/value",
    section="Socket options",
    says="Whether to linger and for how many seconds is set and read as one structure.",
)
@pytest.mark.parametrize("seconds", [0, 7])
def test_reads_back(ns, observe, seconds):
    with Socket.tcp() as sock:
        sock.linger = Linger(True, seconds)

        assert observe("read_back", sock.linger) == (True, seconds)


@claim(
    "socket.7/SO_LINGER/close-waits-until-sent",
    sentence="libsocket/linger/waits",
    section="Socket options",
    says="With linger on, close(2) does not return before all queued data has been sent, and then it does.",
)
def test_close_waits_for_what_is_unsent(ns, observe):
    with slow_reader() as (sock, peer):
        queued = fill_buffer(sock)
        sock.linger = Linger(True, LONG)
        with delayed(lambda: peer.read_exact(queued)) as reading:
            sock.close()
            waited = reading.is_set()

        assert observe("waited", waited) is True


@claim(
    "socket.7/SO_LINGER/close-waits-for-the-timeout",
    sentence="libsocket/linger/waits",
    section="Socket options",
    says="With linger on, close(2) waits for the linger time at least where queued data cannot be sent, "
    "and then returns.",
)
def test_close_waits_for_the_time_asked(ns, observe):
    with slow_reader() as (sock, _):
        fill_buffer(sock)
        sock.linger = Linger(True, 1)
        with timed() as took:
            sock.close()

        assert observe("waited", took.lasted(1)) is True


@claim(
    "socket.7/SO_LINGER/close-with-nothing-queued",
    sentence="libsocket/linger/waits",
    section="Socket options",
    says="With linger on, close(2) does not wait for the linger time where nothing is left to send.",
)
def test_close_with_nothing_queued_returns(ns, observe):
    sock, peer = Socket.tcp_pair()
    with sock, peer:
        sock.linger = Linger(True, LONG)
        sock.send(b"sent")
        sock.close()

        assert observe("received", peer.read_to_end().decode()) == "sent"


@claim(
    "socket.7/SO_LINGER/off-closes-in-the-background",
    sentence="libsocket/linger/background",
    section="Socket options",
    says="With linger off, close(2) returns while data is still unsent, and that data is sent afterwards.",
)
def test_close_without_linger_leaves_sending_to_the_kernel(ns, observe):
    with slow_reader() as (sock, peer):
        queued = fill_buffer(sock)
        sock.linger = Linger(False, LONG)
        sock.close()

        assert observe("all_received", len(peer.read_to_end()) == queued) is True


@claim(
    "socket.7/SO_LINGER/shutdown-waits",
    sentence="libsocket/linger/waits",
    section="Socket options",
    says="With linger on, shutdown(2) too waits for the linger time where queued data cannot be sent.",
    expect=SHUTDOWN_NEVER_LINGERS,
)
@pytest.mark.parametrize("how", [Shutdown.WRITE, Shutdown.BOTH])
def test_shutdown_waits(ns, observe, how):
    with slow_reader() as (sock, _):
        fill_buffer(sock)
        sock.linger = Linger(True, 20)
        with timed() as took:
            sock.shutdown(how)

        assert observe("waited", took.lasted(20)) is True


@claim(
    "socket.7/SO_LINGER/exit-closes-in-the-background",
    sentence="libsocket/linger/exit",
    section="Socket options",
    says="A process that exits does not wait for its sockets, even with linger on; "
    "their unsent data is sent afterwards.",
)
def test_exit_never_lingers(ns, observe):
    with listening() as listener:
        listener.rcvbuf = 16_384
        queued = in_child(functools.partial(exit_unsent, listener.getsockname()))
        with listener.accept()[0] as peer:
            assert observe("all_received", len(peer.read_to_end()) == queued) is True
