"""Sockets of Multipath TCP, and connections of them."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Host, Peers
from netns.errors import setting_up
from netns.netlink import NLM_F_ACK, Reply, attribute, attributes, message, request

IPPROTO_MPTCP: Final = 262
OPTION: Final = 30
"""The kind of TCP's option that MPTCP has, RFC 8684."""
SECOND: Final = "10.77.0.1"
"""Another address of the left host, from which a second subflow comes."""

_NETLINK_GENERIC, _CONTROLLER = 16, 0x10
_GET_FAMILY, _FAMILY_ID, _FAMILY_NAME = 3, 1, 2
_ADD_ENDPOINT, _SET_LIMITS = 1, 6
_ENDPOINT, _SUBFLOWS = 0x8001, 3
_FAMILY, _ADDRESS, _FLAGS = 1, 3, 6
_FOR_SUBFLOWS = 2
_GENERIC = struct.Struct("=BBH")
"""struct genlmsghdr: command, version, reserved."""


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


@contextmanager
def mptcp_across(hosts: Peers) -> Iterator[tuple[Socket, Socket]]:
    """An MPTCP socket on the left, still to connect, and one that listens on the right, where this stays."""
    with hosts.left.entered():
        client = mptcp_socket()
    with client, hosts.right.entered(), mptcp_socket() as listener:
        listener.bind((hosts.right.address, 0))
        listener.listen()
        client.rcvtimeo = listener.rcvtimeo = SOON
        yield client, listener


def allow_second_subflow(hosts: Peers) -> None:
    """Let both hosts have one subflow more, and the left one make it from its second address."""
    hosts.left.namespace.add_address(hosts.left.device, f"{SECOND}/24")
    hosts.right.namespace.add_route(f"{SECOND}/32", via=hosts.left.address, dev=hosts.right.device)
    address = attribute(_FAMILY, struct.pack("=H", socket.AF_INET))
    address += attribute(_ADDRESS, socket.inet_aton(SECOND)) + attribute(
        _FLAGS, struct.pack("=I", _FOR_SUBFLOWS)
    )
    for host in hosts.left, hosts.right:
        _manage_paths(host, _SET_LIMITS, attribute(_SUBFLOWS, struct.pack("=I", 1)))
    _manage_paths(hosts.left, _ADD_ENDPOINT, attribute(_ENDPOINT, address))


def _manage_paths(host: Host, command: int, attributes_: bytes) -> None:
    """Ask the path manager in the kernel of a host for something, as ip-mptcp(8) does."""
    with (
        host.entered(),
        setting_up("mptcp_pm"),
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_GENERIC) as sock,
    ):
        found = _asked(sock, _CONTROLLER, _GET_FAMILY, attribute(_FAMILY_NAME, b"mptcp_pm\0")).messages[0]
        family = dict(attributes(found.body[_GENERIC.size :]))[_FAMILY_ID]
        _asked(sock, int.from_bytes(family[:2], sys.byteorder), command, attributes_)


def _asked(sock: socket.socket, family: int, command: int, attributes_: bytes) -> Reply:
    return request(sock, message(family, NLM_F_ACK, _GENERIC.pack(command, 1, 0) + attributes_))
