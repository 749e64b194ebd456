"""SO_PASSCRED: who sent a message."""

from __future__ import annotations

import os
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.control_messages import control_messages
from libsocket import Socket, Ucred
from netns import in_child

KINDS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])


def sending_process(sock: Socket) -> int:
    """Send something; the process that did."""
    sock.send(b"from a child")
    return os.getpid()


@claim(
    "socket.7/SO_PASSCRED/enables-credentials",
    sentence=(
        "libsocket/passcred/enables",
        "socket.7/SO_PASSCRED/enables",
        "socket.7/versions/passcred",
    ),
    section="Socket options",
    says="On a UNIX socket that has SO_PASSCRED, the sender's credentials are received as a control message "
    "SCM_CREDENTIALS.",
    since="2.2",
)
@KINDS
def test_the_senders_credentials_are_received(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.passcred = True
        senders = Ucred(in_child(lambda: sending_process(left)), os.getuid(), os.getgid())

        assert observe("of_the_sender", [one == senders for one in control_messages(right, Ucred)]) == [True]


@claim(
    "socket.7/SO_PASSCRED/disables-credentials",
    sentence=(
        "libsocket/passcred/enables",
        "socket.7/SO_PASSCRED/enables",
        "socket.7/versions/passcred",
    ),
    section="Socket options",
    says="On a UNIX socket on which SO_PASSCRED was switched off again, no credentials are received.",
    since="2.2",
)
@KINDS
def test_no_credentials_are_received_without_it(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.passcred = True
        left.send(b"with")
        switched_on = len(control_messages(right, Ucred))
        right.passcred = False
        left.send(b"without")

        assert observe("on_and_off", [switched_on, len(control_messages(right, Ucred))]) == [1, 0]


@claim(
    "socket.7/SO_PASSCRED/any-socket",
    sentence=("socket.7/options/all-sockets", "socket.7/SO_PASSCRED/enables"),
    section="Socket options",
    says="SO_PASSCRED, an option of the socket level, can be set and read on an IPv4 UDP socket.",
    since="2.2",
    expect=differs(
        "it exists only where credentials can come: UNIX, netlink and Bluetooth sockets",
        since="6.16",
        commit="7d8d93fdde50",
        observed={"errno": "EOPNOTSUPP"},
    ),
)
def test_can_be_set_on_an_ipv4_socket(ns, observe):
    with Socket.udp() as sock:
        sock.passcred = True

        assert observe("passcred", sock.passcred) is True
