"""SO_PASSCRED where documents are silent: what was sent before, other families, accept."""

from __future__ import annotations

import errno
from pathlib import Path

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
    says="What was sent before the option was set comes with pid 0 and the overflow user and group.",
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
    says="On an IPv4 socket even reading the option is refused with EOPNOTSUPP.",
    since="6.16",
)
def test_reading_it_on_an_ipv4_socket_is_refused(ns, observe):
    with Socket.udp() as sock, Socket.unix() as other:
        with refused(errno.EOPNOTSUPP):
            sock.get(SO_PASSCRED)

        assert observe("elsewhere", other.passcred) is False


@claim(
    "defacto/SO_PASSCRED/inherited-by-accept",
    says="An accepted UNIX connection passes credentials if the listener does.",
)
def test_an_accepted_connection_passes_credentials(ns, observe):
    with listening_unix() as listener:
        listener.passcred = True
        with pending_connection(listener), listener.accept()[0] as accepted:
            assert observe("passcred", accepted.passcred) is True
