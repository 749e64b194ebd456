"""SO_LINGER: whether closing waits for what is still to be sent."""

from __future__ import annotations

import errno
import functools
import socket
from typing import Any

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.pairs import fill_buffer, slow_reader
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import LONG, timed
from libsocket import Linger, Shutdown, Socket
from netns import in_child

SHUTDOWN_NEVER_LINGERS = differs(
    "shutdown never waits, only close does; older than the history in git",
    since="2.6.12",
    commit="1da177e4c3f4",
    observed={"waited": False},
)


def exit_unsent(address: Any) -> tuple[bool, int]:
    """For a child: connect, send more than is read, and leave the closing to the exit.

    Whether the socket lingers, and how many bytes it sent.
    """
    sock = Socket.tcp()
    sock.linger = Linger(True, LONG)
    sock.connect(address)
    queued, lingers = fill_buffer(sock), sock.linger.onoff
    sock.detach()
    return lingers, queued


@claim(
    "socket.7/SO_LINGER/close-waits-until-sent",
    sentence=("libsocket/linger/waits", "socket.7/SO_LINGER/waits"),
    section="Socket options",
    says="With linger on, close(2) of a blocking TCP socket does not return while queued data cannot be "
    "sent, and returns, before the linger time is over, once it has been.",
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
    sentence=("libsocket/linger/waits", "socket.7/SO_LINGER/waits"),
    section="Socket options",
    says="With linger on, close(2) of a blocking TCP socket whose queued data cannot be sent waits for the "
    "linger time at least, and then returns.",
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
    sentence=("libsocket/linger/waits", "socket.7/SO_LINGER/waits"),
    section="Socket options",
    says="With linger on, close(2) of a blocking TCP socket does not wait for the linger time where nothing "
    "is left to send.",
)
def test_close_with_nothing_queued_returns(ns, observe):
    sock, peer = Socket.tcp_pair()
    with sock, peer:
        sock.linger = Linger(True, LONG)
        lingers = sock.linger.onoff
        sock.send(b"sent")
        sock.close()

        assert observe("lingers_and_received", [lingers, peer.read_to_end().decode()]) == [True, "sent"]


@claim(
    "socket.7/SO_LINGER/off-closes-in-the-background",
    sentence=("libsocket/linger/background", "socket.7/SO_LINGER/background"),
    section="Socket options",
    says="With linger off again after it was on, close(2) of a TCP socket returns while data is still "
    "unsent, and that data is sent afterwards.",
)
def test_close_without_linger_leaves_sending_to_the_kernel(ns, observe):
    with slow_reader() as (sock, peer):
        queued = fill_buffer(sock)
        sock.linger = Linger(True, LONG)
        before = sock.linger.onoff
        sock.linger = Linger(False, LONG)
        sock.close()

        assert observe("lingered_and_all_received", [before, len(peer.read_to_end()) == queued]) == [
            True,
            True,
        ]


@claim(
    "socket.7/SO_LINGER/shutdown-waits",
    sentence=("libsocket/linger/waits", "socket.7/SO_LINGER/waits"),
    section="Socket options",
    says="With linger on, shutdown(2) of a TCP socket for writing, or for both, waits for the linger time "
    "where queued data cannot be sent.",
    expect=SHUTDOWN_NEVER_LINGERS,
)
@pytest.mark.parametrize("how", [Shutdown.WRITE, Shutdown.BOTH])
def test_shutdown_waits(ns, observe, how):
    with slow_reader() as (sock, _):
        fill_buffer(sock)
        sock.linger = Linger(True, 3)
        with timed() as took:
            sock.shutdown(how)
        with refused(errno.EPIPE, "errno_after"):
            sock.send(b"x", socket.MSG_DONTWAIT)

        assert observe("waited", took.lasted(sock.linger.seconds)) is True


@claim(
    "socket.7/SO_LINGER/exit-closes-in-the-background",
    sentence=("libsocket/linger/exit", "socket.7/SO_LINGER/exit"),
    section="Socket options",
    says="A process that exits does not wait for its TCP socket, even with linger on; the unsent data is "
    "sent afterwards.",
)
def test_exit_never_lingers(ns, observe):
    with listening() as listener:
        with timed() as took:
            lingers, queued = in_child(functools.partial(exit_unsent, listener.getsockname()))
        with listener.accept()[0] as peer:
            received = len(peer.read_to_end())

        seen = [lingers, took.lasted(LONG), received == queued]
        assert observe("lingers_waited_and_all_received", seen) == [True, False, True]
