"""Sockets of Multipath TCP, and connections of them."""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from conformance.plugin.setups.packets import packets
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.segments import SYN, Segment, segment
from conformance.plugin.timing import SOON
from libsocket import MPTCP_FULL_INFO, Socket
from netns import Host, Peers
from netns.errors import setting_up
from netns.netlink import NLM_F_ACK, Reply, attribute, attributes, message, request

IPPROTO_MPTCP: Final = 262
OPTION: Final = 30
"""The kind of TCP's option that MPTCP has, RFC 8684."""
MP_CAPABLE: Final = 0
MP_JOIN: Final = 1
ADD_ADDR: Final = 3
REMOVE_ADDR: Final = 4
"""What the option is for: its subtypes."""
SECOND: Final = "10.77.0.1"
"""Another address of the left host, from which a second subflow comes."""
ANNOUNCED: Final = "10.78.0.1"
"""Another address of the right host, which it announces."""

_NETLINK_GENERIC, _CONTROLLER = 16, 0x10
_GET_FAMILY, _FAMILY_ID, _FAMILY_NAME = 3, 1, 2
_ADD_ENDPOINT, _REMOVE_ENDPOINT, _SET_LIMITS, _ANNOUNCE = 1, 2, 5, 8
_ENDPOINT, _ANNOUNCED, _SUBFLOWS, _TOKEN = 0x8001, 2, 3, 4
_FAMILY, _ID, _ADDRESS, _ADDRESS6, _PORT, _FLAGS = 1, 2, 3, 4, 5, 6
_TO_ANNOUNCE, _FOR_SUBFLOWS, _BACKUP = 1, 2, 4
_ENDPOINT_ID = 1
"""Of the only endpoint of a host."""
_GENERIC = struct.Struct("=BBH")
"""struct genlmsghdr: command, version, reserved."""

_FULL_INFO = struct.Struct("=6I2Q")
"""struct mptcp_full_info up to struct mptcp_info."""
_MOST = 4
"""Subflows for which there is room in the arrays beside it."""
_UNTOLD = b"\xff"
"""What is in the arrays before."""


@dataclass(frozen=True)
class FullInfo:
    """What the kernel says in struct mptcp_full_info and beside it."""

    size_of_tcp_info: int
    size_of_subflow_info: int
    subflows: int
    told: list[tuple[int, int]]
    """The state and the number of each subflow that is told of."""


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


def subtype_of(segment: Segment) -> int | None:
    """What MPTCP's option in a segment is for, if there is one."""
    option = segment.options.get(OPTION)
    return option[0] >> 4 if option else None


@contextmanager
def two_subflows(hosts: Peers) -> Iterator[Socket]:
    """An MPTCP socket of the left host whose connection to the right one has two subflows."""
    allow_second_subflow(hosts)
    with mptcp_across(hosts) as (client, listener), packets() as arriving:
        arriving.rcvtimeo = SOON
        with connected(client, listener):
            await_joined(arriving)
            yield client


@contextmanager
def connected(client: Socket, listener: Socket) -> Iterator[Socket]:
    """What is accepted from a client, which knows from its first data that more subflows may be made."""
    client.connect(listener.getsockname())
    with listener.accept()[0] as accepted:
        accepted.rcvtimeo = SOON
        accepted.send(b"data")
        client.read_exact(4)
        yield accepted


def await_joined(arriving: Socket) -> None:
    """Wait until a client that asked for another subflow has acknowledged the answer."""
    while True:
        found = segment(arriving.recv(2000))
        if subtype_of(found) == MP_JOIN and not found.flags & SYN:
            return


def full_info(sock: Socket, room: int, wrong: tuple[int, int, int] = (0, 0, 0)) -> FullInfo:
    """MPTCP_FULL_INFO with room for so many subflows; what is wrong is where the kernel's numbers will be."""
    states = ctypes.create_string_buffer(_UNTOLD * _MOST, _MOST)
    numbers = ctypes.create_string_buffer(_UNTOLD * 4 * _MOST, 4 * _MOST)
    sizes = wrong[0], 1, wrong[1], 4, wrong[2], room
    asked = _FULL_INFO.pack(*sizes, ctypes.addressof(numbers), ctypes.addressof(states))
    tcp, _, subflow, _, subflows, *_ = _FULL_INFO.unpack_from(sock.get(MPTCP_FULL_INFO, request=asked))
    told = zip(states.raw, struct.unpack(f"={_MOST}I", numbers.raw), strict=True)
    return FullInfo(tcp, subflow, subflows, [one for one in told if one != (0xFF, 0xFFFF_FFFF)])


def allow_second_subflow(hosts: Peers, *, backup: bool = False) -> None:
    """Let both hosts have one subflow more, and the left one make it from its second address.

    A backup is used only where there is no other.
    """
    hosts.left.namespace.add_address(hosts.left.device, f"{SECOND}/24")
    hosts.right.namespace.add_route(f"{SECOND}/32", via=hosts.left.address, dev=hosts.right.device)
    for host in hosts.left, hosts.right:
        _set_limits(host, subflows=1)
    _add_endpoint(hosts.left, SECOND, _FOR_SUBFLOWS | _BACKUP * backup)


def announce(host: Host, address: str = ANNOUNCED, port: int = 0, number: int = _ENDPOINT_ID) -> None:
    """Have connections of a host announce another address of it; with a port the kernel listens there."""
    _add_endpoint(host, address, _TO_ANNOUNCE, port, number)


def announce_no_more(host: Host, address: str = ANNOUNCED) -> None:
    """Have connections of a host take back the address that they announced."""
    _manage_paths(host, _REMOVE_ENDPOINT, attribute(_ENDPOINT, _endpoint(address, _TO_ANNOUNCE)))


def announce_for(sock: Socket, host: Host, address: str = ANNOUNCED) -> None:
    """Have one connection of a host announce an address, as a program does that manages its paths."""
    token = attribute(_TOKEN, struct.pack("=I", sock.mptcp_info.token))
    _manage_paths(host, _ANNOUNCE, token + attribute(_ENDPOINT, _endpoint(address, _TO_ANNOUNCE)))


def accept_announced(host: Host, subflows: int = 1) -> None:
    """Let connections of a host have so many subflows more, one to an address that the other announces."""
    _set_limits(host, subflows=subflows, announced=1)


def _set_limits(host: Host, **limits: int) -> None:
    types = {"subflows": _SUBFLOWS, "announced": _ANNOUNCED}
    given = (attribute(types[name], struct.pack("=I", number)) for name, number in limits.items())
    _manage_paths(host, _SET_LIMITS, b"".join(given))


def _add_endpoint(host: Host, address: str, flags: int, port: int = 0, number: int = _ENDPOINT_ID) -> None:
    _manage_paths(host, _ADD_ENDPOINT, attribute(_ENDPOINT, _endpoint(address, flags, port, number)))


def _endpoint(address: str, flags: int, port: int = 0, number: int = _ENDPOINT_ID) -> bytes:
    family, type_ = (socket.AF_INET6, _ADDRESS6) if ":" in address else (socket.AF_INET, _ADDRESS)
    found = attribute(_FAMILY, struct.pack("=H", family)) + attribute(_ID, bytes([number]))
    found += attribute(type_, socket.inet_pton(family, address)) + attribute(_FLAGS, struct.pack("=I", flags))
    return found + (attribute(_PORT, struct.pack("=H", port)) if port else b"")


def _manage_paths(host: Host, command: int, attributes_: bytes) -> None:
    """Ask the path manager in the kernel of a host for something, as ip-mptcp(8) does."""
    with (
        host.entered(),
        setting_up("mptcp_pm"),
        socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_GENERIC) as sock,
    ):
        found = _asked(sock, _CONTROLLER, _GET_FAMILY, attribute(_FAMILY_NAME, b"mptcp_pm\0")).messages[0]
        family = dict(attributes(found.body[_GENERIC.size :]))[_FAMILY_ID]
        _asked(sock, int.from_bytes(family[:2], sys.byteorder), command, attributes_)


def _asked(sock: socket.socket, family: int, command: int, attributes_: bytes) -> Reply:
    return request(sock, message(family, NLM_F_ACK, _GENERIC.pack(command, 1, 0) + attributes_))
