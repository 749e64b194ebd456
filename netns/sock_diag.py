"""The state of a socket beyond its options: sock_diag(7), as ``ss`` shows it."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netns.errors import NetnsError, setting_up
from netns.netlink import NLM_F_DUMP, request

_NETLINK_SOCK_DIAG = 4
_EVERY_STATE = 0xFFFFFFFF
_EVERYTHING = 0xFF
_INET = {int(socket.AF_INET), int(socket.AF_INET6)}


class SocketNotFound(NetnsError):
    """sock_diag does not list the socket: another namespace, or a family it does not cover (ENOENT)."""


@dataclass(frozen=True, slots=True)
class SockDiag:
    """One socket as sock_diag reports it."""

    inode: int
    state: int
    """A TCP state, for all protocols: 1 established or connected, 7 closed or unconnected, 10 listening."""
    receive_queue: int
    """Bytes that wait to be received; for a listener, connections that wait to be accepted."""
    send_queue: int
    """Bytes not yet acknowledged; for a listener, its backlog."""
    uid: int | None
    """The user who made it; None for AF_UNIX, where older kernels do not report it."""
    mark: int | None
    """SO_MARK; None for AF_UNIX and for callers without CAP_NET_ADMIN."""
    attributes: Mapping[str, Any]
    """Every attribute by its name in lower case, as pyroute2 reads it: ``shutdown``, ``info``, ``peer``."""


def sock_diag(sock: socket.socket) -> SockDiag:
    """What sock_diag reports of an open AF_INET, AF_INET6 or AF_UNIX socket.

    The calling thread must be in the socket's network namespace. Raises SocketNotFound where the kernel does
    not list the socket.
    """
    inode = os.fstat(sock.fileno()).st_ino
    for message in _dump(sock):
        if _field(message, "inode", "ino") == inode:
            return _sock_diag(message, inode)
    raise SocketNotFound(errno.ENOENT, f"sock_diag does not list socket {inode} in this network namespace")


def _dump(sock: socket.socket) -> list[Any]:
    from pyroute2.netlink.diag import (
        SOCK_DIAG_BY_FAMILY,
        inet_diag_msg,
        inet_diag_req,
        unix_diag_msg,
        unix_diag_req,
    )

    kind: Any
    if sock.family in _INET:
        wanted, kind = inet_diag_req(), inet_diag_msg
        wanted["sdiag_protocol"] = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL)
        wanted["idiag_states"], wanted["idiag_ext"] = _EVERY_STATE, _EVERYTHING
    elif sock.family == socket.AF_UNIX:
        wanted, kind = unix_diag_req(), unix_diag_msg
        wanted["udiag_states"], wanted["udiag_show"] = _EVERY_STATE, _EVERYTHING
    else:
        return []
    wanted["header"].update(type=SOCK_DIAG_BY_FAMILY, flags=NLM_F_DUMP)
    wanted["sdiag_family"] = int(sock.family)
    with (
        setting_up("sock_diag"),
        socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as diag,
    ):
        return request(diag, wanted).decoded(kind)


def _sock_diag(message: Any, inode: int) -> SockDiag:
    attributes = {
        name.split("DIAG_")[-1].lower(): value for name, value in message["attrs"] if name != "UNKNOWN"
    }
    queue = attributes.get("rqlen", {})
    return SockDiag(
        inode=inode,
        state=_field(message, "state"),
        receive_queue=queue["udiag_rqueue"] if queue else message["idiag_rqueue"],
        send_queue=queue["udiag_wqueue"] if queue else message["idiag_wqueue"],
        uid=message.get("idiag_uid"),
        mark=_number(attributes["mark"]) if "mark" in attributes else None,
        attributes=attributes,
    )


def _number(octets: str) -> int:
    """A number that pyroute2 gives as octets: ``07:00:00:00``."""
    return int.from_bytes(bytes.fromhex(octets.replace(":", "")), sys.byteorder)


def _field(message: Any, *names: str) -> Any:
    """The field that AF_INET calls ``idiag_…`` and AF_UNIX ``udiag_…``."""
    keys = (f"{prefix}_{name}" for prefix in ("idiag", "udiag") for name in names)
    return next((message[key] for key in keys if message.get(key) is not None), None)
