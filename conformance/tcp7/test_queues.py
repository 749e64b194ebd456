"""SIOCINQ and SIOCOUTQ: how much waits to be read, and to be sent."""

from __future__ import annotations

import errno
import socket
from termios import FIONREAD, TIOCOUTQ

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ROUTE_TIMERS, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ioctls import asked
from conformance.plugin.setups.pairs import UNACKED_ENDS, unacked_sender
from conformance.plugin.setups.readiness import await_end
from libsocket import Socket

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])


@claim(
    "tcp.7/SIOCINQ/unread",
    sentence=("tcp.7/SIOCINQ/unread", "tcp.7/SIOCINQ/fionread", "tcp.7/Ioctls/value"),
    section="Ioctls",
    says="SIOCINQ, which is FIONREAD, tells how many bytes a TCP socket, over IPv4 and IPv6, has received "
    "that were not read yet.",
)
@FAMILIES
def test_unread_bytes_are_counted(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        before = asked(receiver, FIONREAD)
        sender.send(b"12345")
        sender.send(b"678")
        sender.shutdown(socket.SHUT_WR)
        await_end(receiver)
        unread = [before, asked(receiver, FIONREAD)]
        receiver.recv(1)
        unread.append(asked(receiver, FIONREAD))

        assert observe("unread", unread) == [0, 8, 7]


@claim(
    "tcp.7/SIOCOUTQ/unsent",
    sentence=("tcp.7/SIOCOUTQ/unsent", "tcp.7/SIOCOUTQ/tiocoutq"),
    section="Ioctls",
    says="SIOCOUTQ, which is TIOCOUTQ, tells how many bytes in the send queue of a TCP socket over IPv4 were "
    "not sent yet; those that were sent and are not acknowledged do not count.",
    needs=[VETH, ROUTE_TIMERS],
    expect=differs(
        "what is not acknowledged counts too (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"counted": [5, 8]},
    ),
    survives=UNACKED_ENDS,
)
def test_unsent_bytes_are_counted(peers, observe):
    with unacked_sender(peers) as sender:
        sender.send(b"12345")
        counted = [asked(sender, TIOCOUTQ)]
        sender.send(b"678")
        counted.append(asked(sender, TIOCOUTQ))

        assert [observe("unsent", sender.tcp_info.notsent_bytes), observe("counted", counted)] == [3, [0, 3]]


@claim(
    "tcp.7/SIOCINQ/listening",
    sentence="tcp.7/SIOCINQ/listening",
    section="Ioctls",
    says="SIOCINQ of a listening TCP socket, over IPv4 and IPv6, fails with EINVAL; before listen(2) it is "
    "0.",
)
@FAMILIES
def test_a_listener_has_nothing_unread(ns, observe, family):
    with Socket.tcp(family) as sock:
        before = asked(sock, FIONREAD)
        sock.listen()
        with refused(errno.EINVAL):
            asked(sock, FIONREAD)

        assert observe("before", before) == 0


@claim(
    "tcp.7/SIOCOUTQ/listening",
    sentence="tcp.7/SIOCOUTQ/listening",
    section="Ioctls",
    says="SIOCOUTQ of a listening TCP socket, over IPv4 and IPv6, fails with EINVAL; before listen(2) it is "
    "0.",
)
@FAMILIES
def test_a_listener_has_nothing_unsent(ns, observe, family):
    with Socket.tcp(family) as sock:
        before = asked(sock, TIOCOUTQ)
        sock.listen()
        with refused(errno.EINVAL):
            asked(sock, TIOCOUTQ)

        assert observe("before", before) == 0
