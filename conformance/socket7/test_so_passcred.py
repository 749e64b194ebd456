"""SO_PASSCRED: who sent a message."""

from __future__ import annotations

import os

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.control_messages import control_messages
from libsocket import Socket, Ucred


@claim(
    "socket.7/SO_PASSCRED/enables-credentials",
    sentence="libsocket/passcred/enables",
    section="Socket options",
    says="Switched on, the sender's credentials are received as a control message SCM_CREDENTIALS.",
    since="2.2",
)
def test_the_senders_credentials_are_received(ns, observe):
    left, right = Socket.pair()
    with left, right:
        right.passcred = True
        left.send(b"from me")
        own = Ucred(os.getpid(), os.getuid(), os.getgid())

        assert observe("own", control_messages(right, Ucred) == [own]) is True


@claim(
    "socket.7/SO_PASSCRED/disables-credentials",
    sentence="libsocket/passcred/enables",
    section="Socket options",
    says="Switched off again, no credentials are received.",
    since="2.2",
)
def test_no_credentials_are_received_without_it(ns, observe):
    left, right = Socket.pair()
    with left, right:
        right.passcred = True
        right.passcred = False
        left.send(b"from me")

        assert observe("credentials", control_messages(right, Ucred)) == []


@claim(
    "socket.7/SO_PASSCRED/any-socket",
    section="Socket options",
    says="As an option of the socket level it can be set and read on every socket, IPv4 included.",
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
