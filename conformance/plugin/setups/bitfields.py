"""The bitfields of netlink, struct nla_bitfield32: flags of the queueing discipline red, and of a dump."""

from __future__ import annotations

import struct
from typing import Final

from conformance.plugin.setups.netlink import (
    ACK,
    CREATE,
    DUMP,
    EXCL,
    LOOPBACK,
    NEWQDISC,
    REQUEST,
    acknowledged,
    dumped,
    fifo,
    framed,
)
from conformance.plugin.setups.netlink_policies import end_of
from libsocket import Socket
from netns.netlink import attribute, attributes

TC_RED_ECN, TC_RED_HARDDROP = 1, 2
TCA_DUMP_FLAGS_TERSE: Final = 1
_GETQDISC, _GETTFILTER = 38, 46
_TCA_KIND, _TCA_OPTIONS, _TCA_DUMP_FLAGS = 1, 2, 15
_TCA_RED_PARMS, _TCA_RED_STAB, _TCA_RED_FLAGS = 1, 2, 4
_SETTINGS = struct.Struct("=IIIBBBB")
"""struct tc_red_qopt: limits in bytes, three logarithms, and flags beside the bitfield."""
_BITFIELD = struct.Struct("=II")


def bitfield(value: int, selector: int) -> bytes:
    """A struct nla_bitfield32."""
    return _BITFIELD.pack(value, selector)


def give_red(sock: Socket, value: int, selector: int, *, new: bool = False) -> int:
    """Put the queueing discipline red on loopback, or change it, with these flags; the error, or 0."""
    settings = attribute(_TCA_RED_PARMS, _SETTINGS.pack(60_000, 5_000, 15_000, 9, 10, 10, 0))
    options = settings + attribute(_TCA_RED_STAB, bytes(256))
    options += attribute(_TCA_RED_FLAGS, bitfield(value, selector))
    body = fifo(LOOPBACK).head + attribute(_TCA_KIND, b"red\0") + attribute(_TCA_OPTIONS, options)
    flags = REQUEST | ACK | (CREATE | EXCL if new else 0)
    return acknowledged(sock, framed(NEWQDISC, flags, body)).error


def red_flags(sock: Socket) -> int:
    """The flags of the queueing discipline red on loopback."""
    head = fifo(LOOPBACK).head
    (row,) = (
        found
        for one in dumped(sock, framed(_GETQDISC, REQUEST | DUMP, head))
        if one.type == NEWQDISC
        and (found := dict(attributes(one.body[len(head) :]))).get(_TCA_KIND) == b"red\0"
    )
    value, _ = _BITFIELD.unpack(dict(attributes(row[_TCA_OPTIONS]))[_TCA_RED_FLAGS])
    return int(value)


def dump_of_filters(sock: Socket, value: int, selector: int) -> int:
    """The error, or 0, that ends a dump of the traffic filters of loopback with these flags."""
    flags = attribute(_TCA_DUMP_FLAGS, bitfield(value, selector))
    head = bytes(4) + struct.pack("=iIII", LOOPBACK, 0, 0, 0)
    return end_of(sock, framed(_GETTFILTER, REQUEST | DUMP, head + flags))[1]
