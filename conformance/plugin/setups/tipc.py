"""Sockets of AF_TIPC and their service addresses, in the interpreter's form."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import SOCK_RDM, SOCK_SEQPACKET
from typing import Final

from conformance.plugin.timing import SOON
from libsocket import MessageFlag, Socket

AF_TIPC: Final = 30
_RANGE, _NAME = 1, 2
"""TIPC_SERVICE_RANGE and TIPC_SERVICE_ADDR."""
_NODE_SCOPE: Final = 3

_TOPOLOGY: Final = 1
"""TIPC_TOP_SRV, the type and the instance of the topology server, which every node has."""
_SOL_TIPC, _GROUP_JOIN, _GROUP_LEAVE, _MEMBER_EVENTS = 271, 135, 136, 0x2
_SUB_PORTS, _FOR_EVER = 0x1, 0xFFFF_FFFF
_SUBSCRIPTION = struct.Struct("=5I8s")
"""struct tipc_subscr: a range of instances of a service, how long, a filter, and what the program likes."""
_EVENT = struct.Struct("=3I")
"""The beginning of struct tipc_event: what has happened, and to which instances."""
_GROUP = struct.Struct("=4I")
"""struct tipc_group_req: a group, the member's number there, its scope, and flags."""
_EVENTS: Final = {1: "published", 2: "withdrawn", 3: "timeout"}

Address = tuple[int, int, int, int, int]


def tipc_socket(kind: int) -> Socket:
    """A socket that gives up what does not come."""
    sock = Socket(AF_TIPC, kind)
    sock.rcvtimeo = SOON
    return sock


def service(kind: int, first: int, last: int) -> Address:
    """A range of the instances of a service, to be bound to, or to be multicast to."""
    return _RANGE, kind, first, last, _NODE_SCOPE


def instance(kind: int, number: int) -> Address:
    """One instance of a service."""
    return _NAME, kind, number, 0, _NODE_SCOPE


@contextmanager
def connected_by(address: Address, server: Socket, kind: int) -> Iterator[tuple[Socket, Socket]]:
    """A client that connects by an address, and what the server has accepted.

    connect(2) waits for that, and so is not to block.
    """
    with tipc_socket(kind) as client:
        client.nonblocking = True
        with suppress(BlockingIOError):
            client.connect(address)
        with server.accept()[0] as accepted:
            client.nonblocking = False
            accepted.rcvtimeo = SOON
            yield client, accepted


def unbound(kind: int, first: int, last: int) -> Address:
    """What bind(2) is given to undo that of such a range: its scope is negative."""
    return _RANGE, kind, first, last, 0x1_0000_0000 - _NODE_SCOPE


@contextmanager
def tracking(kind: int, first: int, last: int) -> Iterator[Socket]:
    """A connection to the topology server, which tells of what is bound to instances of a service."""
    with tipc_socket(SOCK_SEQPACKET) as sock:
        sock.connect(instance(_TOPOLOGY, _TOPOLOGY))
        sock.send(_SUBSCRIPTION.pack(kind, first, last, _FOR_EVER, _SUB_PORTS, b""))
        yield sock


def event(sock: Socket) -> list[str | int]:
    """The next event that the topology server tells: what, and the instances."""
    what, first, last = _EVENT.unpack_from(sock.recv(100))
    return [_EVENTS[what], first, last]


@contextmanager
def member(group: int, number: int) -> Iterator[Socket]:
    """A socket that has joined a communication group on this node, and is told of other members."""
    with tipc_socket(SOCK_RDM) as sock:
        sock.sndtimeo = SOON
        sock.setsockopt(_SOL_TIPC, _GROUP_JOIN, _GROUP.pack(group, number, _NODE_SCOPE, _MEMBER_EVENTS))
        yield sock


def leave(sock: Socket) -> None:
    """Leave the group. Raises: OSError."""
    sock.setsockopt(_SOL_TIPC, _GROUP_LEAVE, None, 0)


def told(sock: Socket) -> str:
    """What a member of a group receives next: a message, or that another has ``joined`` or ``left``."""
    message = sock.recv_message(100)
    if not message.flags & MessageFlag.OOB:
        return message.data.decode()
    return "left" if message.flags & MessageFlag.EOR else "joined"
