"""SO_PASSCRED where documents are silent: what was sent before, other families, accept."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.listeners import listening_unix, pending_connection
from libsocket import SO_PASSCRED, Socket, Ucred


def overflow(kind: str) -> int:
    """The number that stands for a user or group that has none here."""
    return int(Path(f"/proc/sys/kernel/overflow{kind}").read_text())


@claim(
    "defacto/SO_PASSCRED/sent-before-is-nobody",
    says="What was sent over a UNIX stream before either end set SO_PASSCRED comes with pid 0 and the "
    "overflow user and group.",
    since="3.7",
    commit="dbe9a4173ea5",
)
def test_what_was_sent_before_comes_from_nobody(ns, observe):
    left, right = Socket.pair()
    with left, right:
        left.send(b"sent before")
        right.passcred = True

        assert observe("credentials", control_messages(right, Ucred)) == [
            (0, overflow("uid"), overflow("gid"))
        ]


@claim(
    "defacto/SO_PASSCRED/reading-refused",
    says="On a TCP or UDP socket over IPv4 even reading SO_PASSCRED is refused with EOPNOTSUPP.",
    since="6.16",
    commit="7d8d93fdde50",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp])
def test_reading_it_on_an_ipv4_socket_is_refused(ns, observe, make):
    with make() as sock, Socket.unix() as other:
        other.passcred = True
        with refused(errno.EOPNOTSUPP):
            sock.get(SO_PASSCRED)

        assert observe("on_unix", other.passcred) is True


@claim(
    "defacto/SO_PASSCRED/inherited-by-accept",
    says="An accepted UNIX stream receives credentials if its listener had SO_PASSCRED on from before they "
    "connected until it was accepted.",
    since="3.12",
    commit="90c6bd34f884",
)
def test_an_accepted_connection_passes_credentials(ns, observe):
    with listening_unix() as listener:
        listener.passcred = True
        with pending_connection(listener) as client, listener.accept()[0] as accepted:
            client.send(b"sent after")
            messages = control_messages(accepted, Ucred)

            assert observe("on_and_messages", [accepted.passcred, len(messages)]) == [True, 1]
