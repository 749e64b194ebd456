"""Rules of a firewall (nftables), in the network namespace where this stands."""

from __future__ import annotations

import os
import socket
import struct
import sys
from typing import Final

from netns.netlink import NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, attribute, message

_NETLINK_NETFILTER, _NFTABLES = 12, 10
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_NEW_TABLE, _DELETE_TABLE, _NEW_CHAIN = _NFTABLES << 8, _NFTABLES << 8 | 2, _NFTABLES << 8 | 3
_TABLE_NAME = 1
_CHAIN_TABLE, _CHAIN_NAME, _CHAIN_HOOK, _CHAIN_POLICY, _CHAIN_TYPE = 1, 3, 0x8004, 5, 7
_HOOK_NUMBER, _HOOK_PRIORITY, _HOOK_DEVICE = 1, 2, 3
_LOCAL_IN, _LOCAL_OUT, _DROP = 1, 3, 0
_NETDEV, _EGRESS = 5, 1
"""The family of chains at interfaces, NFPROTO_NETDEV, and the hook that sees what they send."""
_ANSWERS: Final = 2
"""Requests that are answered: the table and the chain."""
_ERROR_AT = 16
"""Where an answer has its errno, behind struct nlmsghdr."""


RULES_STAY: Final = {"no-op: close(*": "who has made the rules may stay"}
"""For the claims in which the rules are made."""


def drop_all_that_arrives() -> None:
    """From now on drop every IPv4 packet for this host. Raises: OSError where it is refused.

    What answers is there once the request is sent.
    """
    _drop(socket.AF_INET, _LOCAL_IN)


def drop_all_that_is_sent() -> None:
    """From now on drop every IPv4 packet of this host's own. Raises: OSError where it is refused."""
    _drop(socket.AF_INET, _LOCAL_OUT)


def drop_all_that_leaves(device: str) -> None:
    """From now on drop every packet that an interface is to send. Raises: OSError where it is refused."""
    _drop(_NETDEV, _EGRESS, attribute(_HOOK_DEVICE, device.encode() + b"\0"))


def remove_table(flags: int = 0) -> int:
    """Delete the table of what arrives, and its chain; the errno with which that is refused, or 0."""
    request = NLM_F_REQUEST | NLM_F_ACK | flags
    batch = (
        message(_BATCH_BEGIN, NLM_F_REQUEST, _header(socket.AF_UNSPEC, _NFTABLES))
        + message(_DELETE_TABLE, request, _header(socket.AF_INET) + attribute(_TABLE_NAME, b"made\0"))
        + message(_BATCH_END, NLM_F_REQUEST, _header(socket.AF_UNSPEC, _NFTABLES))
    )
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as sock:
        sock.send(batch)
        answer = sock.recv(_ROOM, socket.MSG_DONTWAIT)
    return -int.from_bytes(answer[_ERROR_AT : _ERROR_AT + 4], sys.byteorder, signed=True)


def _drop(family: int, number: int, of: bytes = b"") -> None:
    hook = attribute(_HOOK_NUMBER, _number(number)) + attribute(_HOOK_PRIORITY, _number(0)) + of
    chain = (
        attribute(_CHAIN_TABLE, b"made\0")
        + attribute(_CHAIN_NAME, b"all\0")
        + attribute(_CHAIN_HOOK, hook)
        + attribute(_CHAIN_POLICY, _number(_DROP))
        + attribute(_CHAIN_TYPE, b"filter\0")
    )
    flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK
    batch = (
        message(_BATCH_BEGIN, NLM_F_REQUEST, _header(socket.AF_UNSPEC, _NFTABLES))
        + message(_NEW_TABLE, flags, _header(family) + attribute(_TABLE_NAME, b"made\0"))
        + message(_NEW_CHAIN, flags, _header(family) + chain)
        + message(_BATCH_END, NLM_F_REQUEST, _header(socket.AF_UNSPEC, _NFTABLES))
    )
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as sock:
        sock.send(batch)
        for _ in range(_ANSWERS):
            answer = sock.recv(_ROOM, socket.MSG_DONTWAIT)
            refused = -int.from_bytes(answer[_ERROR_AT : _ERROR_AT + 4], sys.byteorder, signed=True)
            if refused:
                raise OSError(refused, os.strerror(refused))


_ROOM = 65_536


def _header(family: int, resource: int = 0) -> bytes:
    """struct nfgenmsg."""
    return struct.pack("!BBH", family, 0, resource)


def _number(value: int) -> bytes:
    return struct.pack("!i", value)
