"""What a family of generic netlink takes: CTRL_CMD_GETPOLICY, and requests that break a policy."""

from __future__ import annotations

import errno
import socket
import struct
import sys
from typing import Final, NamedTuple

from conformance.plugin.setups.netlink import (
    ACK,
    CREATE,
    DUMP,
    EXCL,
    LOOPBACK,
    NEWADDR,
    NEWQDISC,
    NLMSG_DONE,
    NLMSG_ERROR,
    REQUEST,
    Acknowledged,
    acknowledged,
    asked,
    dumped,
    fifo,
    framed,
    generic,
    netlink_socket,
    number,
    of_address,
    of_generic,
    parsed,
)
from libsocket import NETLINK_EXT_ACK, Socket
from netns.netlink import Message, attribute, attributes

FLAG, U16, U32, NUL_STRING, NESTED, BITFIELD32 = 1, 3, 4, 12, 13, 15
"""NL_ATTR_TYPE_*"""
TYPE, LONGEST, INDEX, LAST, MASK = 1, 7, 8, 9, 10
"""NL_POLICY_TYPE_ATTR_TYPE, _MAX_LENGTH, _POLICY_IDX, _POLICY_MAXTYPE and _BITFIELD32_MASK."""
CONTROLLER, GETFAMILY, GETPOLICY = 16, 3, 10
_FAMILY_NAME, _MULTICAST_GROUPS, _POLICY, _OPERATION = 2, 7, 8, 10
_GROUP_NAME, _GROUP_NUMBER = 1, 2
_NEWNEXTHOP, _NHA_BLACKHOLE, _CACHEINFO = 104, 4, 6
_TCA_KIND, _TCA_OPTIONS, _RED_FLAGS = 1, 2, 4
_INT = struct.Struct("=i")


class Attribute(NamedTuple):
    """What a policy says of an attribute: the numbers of its description, by their types."""

    policy: int
    attribute: int
    says: dict[int, int]


def policy_request(family: str, *, operation: int | None = None, flags: int = REQUEST | DUMP) -> bytes:
    """A request for the policies of a family, or of one of its operations."""
    named = attribute(_FAMILY_NAME, family.encode() + b"\0")
    one = b"" if operation is None else number(_OPERATION, operation)
    return generic(CONTROLLER, GETPOLICY, named + one, flags=flags)


def policies(sock: Socket, request: bytes) -> list[Attribute]:
    """The attributes that a dump of policies describes."""
    return [found for one in dumped(sock, request) for found in _described(one)]


def _described(message: Message) -> list[Attribute]:
    if message.type != CONTROLLER:
        return []
    nested = of_generic(message).get(_POLICY, b"")
    return [
        Attribute(
            policy, kind, {key: int.from_bytes(value, sys.byteorder) for key, value in attributes(told)}
        )
        for policy, described in attributes(nested)
        for kind, told in attributes(described)
    ]


def end_of(sock: Socket, request: bytes) -> list[int]:
    """The type of the message that ends an answer, and its error."""
    last = dumped(sock, request)[-1] if request[7] & 3 else asked(sock, request)[-1]
    if last.type == NLMSG_ERROR:
        return [last.type, parsed(last).error]
    return [last.type, _INT.unpack_from(last.body)[0] if last.type == NLMSG_DONE else 0]


def group_of(sock: Socket, family: str, name: str) -> int:
    """The number of a multicast group of a family. Raises: OSError where there is no such family or group."""
    named = attribute(_FAMILY_NAME, family.encode() + b"\0")
    (answer,) = asked(sock, generic(CONTROLLER, GETFAMILY, named))
    told = {} if answer.type == NLMSG_ERROR else of_generic(answer)
    groups = [dict(attributes(one)) for _, one in attributes(told.get(_MULTICAST_GROUPS, b""))]
    for one in groups:
        if one[_GROUP_NAME].rstrip(b"\0").decode() == name:
            return int.from_bytes(one[_GROUP_NUMBER], sys.byteorder)
    raise OSError(errno.ENOENT, f"{family} has no group {name}")


def broken(kind: str) -> Acknowledged:
    """What a request is answered with NETLINK_EXT_ACK whose attribute is not as its policy says."""
    with netlink_socket() as sock:
        sock.set(NETLINK_EXT_ACK, True)
        return acknowledged(sock, _BROKEN[kind])


_BROKEN: Final = {
    "flag": framed(
        _NEWNEXTHOP,
        REQUEST | ACK | CREATE | EXCL,
        bytes([socket.AF_INET]) + bytes(7) + attribute(_NHA_BLACKHOLE, b"\1"),
    ),
    "bitfield": framed(
        NEWQDISC,
        REQUEST | ACK | CREATE | EXCL,
        fifo(LOOPBACK).head
        + attribute(_TCA_KIND, b"red\0")
        + attribute(_TCA_OPTIONS, attribute(_RED_FLAGS, b"\xff" * 8)),
    ),
    "length": framed(
        NEWADDR, REQUEST | ACK | CREATE, of_address("10.9.0.1", attribute(_CACHEINFO, b"\1"), index=LOOPBACK)
    ),
}
