"""Sockets of Multipath TCP, and connections of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.timing import SOON
from libsocket import Socket

IPPROTO_MPTCP: Final = 262
OPTION: Final = 30
"""The kind of TCP's option that MPTCP has, RFC 8684."""


def mptcp_socket(family: int = socket.AF_INET) -> Socket:
    """An MPTCP socket."""
    return Socket(family, socket.SOCK_STREAM, IPPROTO_MPTCP)


def socket_for(host: str, *, mptcp: bool) -> Socket:
    """An MPTCP or a TCP socket for addresses of this version."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return mptcp_socket(family) if mptcp else Socket.tcp(family)


@contextmanager
def mptcp_connection(
    host: str = "127.0.0.1", *, client: bool = True, listener: bool = True
) -> Iterator[tuple[Socket, Socket]]:
    """A connection by loopback: the client, and what its listener accepted; each an MPTCP socket or TCP."""
    with socket_for(host, mptcp=listener) as listening, socket_for(host, mptcp=client) as connecting:
        listening.bind((host, 0))
        listening.listen()
        connecting.connect(listening.getsockname())
        await_readable(listening)
        with listening.accept()[0] as accepted:
            connecting.rcvtimeo = accepted.rcvtimeo = SOON
            yield connecting, accepted
