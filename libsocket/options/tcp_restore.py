"""Options of TCP connections that are signed, or moved from one host to another: level IPPROTO_TCP."""

from __future__ import annotations

import socket
from typing import Final

from libsocket.arch import Level
from libsocket.codecs import INT, UNSIGNED
from libsocket.layouts.tcp import (
    AO_ADD,
    AO_DEL,
    AO_INFO,
    AO_KEYS,
    AO_REPAIR,
    MD5SIG,
    REPAIR_OPTIONS,
    REPAIR_WINDOW,
)
from libsocket.option import Access, Option
from libsocket.options.socket import state

IPPROTO_TCP: Final = Level.IPPROTO_TCP
_ESTABLISHED: Final = 1
_CLOSE: Final = 7


def _listening(sock: socket.socket) -> str | None:
    return "the socket listens" if state.SO_ACCEPTCONN.read(sock) else None


def _not_in_repair(sock: socket.socket) -> str | None:
    return None if TCP_REPAIR.read(sock) == 1 else "TCP_REPAIR is not on"


def _listening_or_not_in_repair(sock: socket.socket) -> str | None:
    return _listening(sock) or _not_in_repair(sock)


def _tcp_state(sock: socket.socket) -> int:
    return sock.getsockopt(IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def _begun(sock: socket.socket) -> str:
    closed = _tcp_state(sock) == _CLOSE
    return "its queue holds data" if closed else "the socket is connected or listens"


def _not_just_established(sock: socket.socket) -> str:
    established = _tcp_state(sock) == _ESTABLISHED
    return "the connection has sent data" if established else "the connection is not established"


TCP_MD5SIG: Final = Option(
    "TCP_MD5SIG",
    IPPROTO_TCP,
    14,
    MD5SIG,
    since="2.6.20",
    access=Access.SET,
    source="RFC 2385",
    doc="""Sign segments to and from one address with a key (RFC 2385), or no longer, with an empty
key. ENOENT if the key to take away is unknown.""",
)
TCP_MD5SIG_EXT: Final = Option(
    "TCP_MD5SIG_EXT",
    IPPROTO_TCP,
    32,
    MD5SIG,
    since="4.13",
    access=Access.SET,
    source="include/uapi/linux/tcp.h",
    doc="""TCP_MD5SIG for a network of addresses or one interface as well.""",
)
TCP_REPAIR: Final = Option(
    "TCP_REPAIR",
    IPPROTO_TCP,
    19,
    INT,
    since="3.5",
    capability="CAP_NET_ADMIN",
    forbidden_by=_listening,
    source="include/uapi/linux/tcp.h",
    doc="""Repair mode, to save a connection and set it up elsewhere without a packet being sent: 1
on, 0 off, -1 off without a window probe. EPERM on a listener, as without the capability.""",
)
TCP_REPAIR_QUEUE: Final = Option(
    "TCP_REPAIR_QUEUE",
    IPPROTO_TCP,
    20,
    INT,
    since="3.5",
    forbidden_by=_not_in_repair,
    source="include/uapi/linux/tcp.h",
    doc="""Which queue the next calls under repair are about: 0 none, 1 receive, 2 send. EPERM (set)
or EINVAL (get) outside repair mode.""",
)
TCP_QUEUE_SEQ: Final = Option(
    "TCP_QUEUE_SEQ",
    IPPROTO_TCP,
    21,
    UNSIGNED,
    since="3.5",
    forbidden_by=_begun,
    source="include/uapi/linux/tcp.h",
    doc="""The sequence number of the queue chosen by TCP_REPAIR_QUEUE; EINVAL if none is. Set only while the
socket is closed and the queue empty (EPERM).""",
)
TCP_REPAIR_OPTIONS: Final = Option(
    "TCP_REPAIR_OPTIONS",
    IPPROTO_TCP,
    22,
    REPAIR_OPTIONS,
    since="3.5",
    access=Access.SET,
    forbidden_by=_not_just_established,
    source="include/uapi/linux/tcp.h",
    doc="""What the connection under repair had agreed on. EINVAL outside repair mode, EPERM unless it is
established and has sent nothing yet.""",
)
TCP_REPAIR_WINDOW: Final = Option(
    "TCP_REPAIR_WINDOW",
    IPPROTO_TCP,
    29,
    REPAIR_WINDOW,
    since="4.8",
    forbidden_by=_not_in_repair,
    source="include/uapi/linux/tcp.h",
    doc="""The windows of a connection under repair. EPERM outside repair mode.""",
)
TCP_TIMESTAMP: Final = Option(
    "TCP_TIMESTAMP",
    IPPROTO_TCP,
    24,
    UNSIGNED,
    since="3.9",
    forbidden_by=_not_in_repair,
    source="include/uapi/linux/tcp.h",
    doc="""The clock of the connection's timestamps, in milliseconds; since Linux 6.7 in microseconds where
its lowest bit is set. Setting needs repair mode (EPERM).""",
)
TCP_AO_ADD_KEY: Final = Option(
    "TCP_AO_ADD_KEY",
    IPPROTO_TCP,
    38,
    AO_ADD,
    since="6.7",
    access=Access.SET,
    source="Documentation/networking/tcp_ao.rst",
    doc="""Sign segments to and from a peer with a key (RFC 5925). EEXIST if the key is there already.""",
)
TCP_AO_DEL_KEY: Final = Option(
    "TCP_AO_DEL_KEY",
    IPPROTO_TCP,
    39,
    AO_DEL,
    since="6.7",
    access=Access.SET,
    source="Documentation/networking/tcp_ao.rst",
    doc="""Take a key away; ENOENT if it is unknown, EBUSY if it is in use.""",
)
TCP_AO_INFO: Final = Option(
    "TCP_AO_INFO",
    IPPROTO_TCP,
    40,
    AO_INFO,
    since="6.7",
    source="Documentation/networking/tcp_ao.rst",
    doc="""Which TCP-AO keys are in use, and how many segments passed or failed. ENOENT on a socket
without keys.""",
)
TCP_AO_GET_KEYS: Final = Option(
    "TCP_AO_GET_KEYS",
    IPPROTO_TCP,
    41,
    AO_KEYS,
    since="6.7",
    access=Access.GET,
    source="Documentation/networking/tcp_ao.rst",
    doc="""The keys of a socket, with what each has verified; see TcpAoKeys. ENOENT on a socket that never
had one.""",
)
TCP_AO_REPAIR: Final = Option(
    "TCP_AO_REPAIR",
    IPPROTO_TCP,
    42,
    AO_REPAIR,
    since="6.7",
    capability="CAP_NET_ADMIN",
    forbidden_by=_listening_or_not_in_repair,
    source="Documentation/networking/tcp_ao.rst",
    doc="""Sequence numbers of TCP-AO, of a connection in repair mode.""",
)
