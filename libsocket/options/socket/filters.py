"""Programs that choose packets and sockets: level SOL_SOCKET."""

from __future__ import annotations

import socket
from typing import Final

from libsocket.arch import Level, Numbers
from libsocket.codecs import DESCRIPTOR, FLAG, INT
from libsocket.layouts.socket import FPROG
from libsocket.option import Access, Option

SOL_SOCKET: Final = Level.SOL_SOCKET


def _locked(sock: socket.socket) -> str | None:
    return "SO_LOCK_FILTER has locked the filter" if SO_LOCK_FILTER.read(sock) else None


SO_ATTACH_FILTER: Final = Option(
    "SO_ATTACH_FILTER",
    SOL_SOCKET,
    Numbers(26, parisc=0x401A),
    FPROG,
    since="2.2",
    access=Access.SET,
    capability="CAP_NET_ADMIN",
    forbidden_by=_locked,
    doc="""Let a classic BPF program decide which packets arrive, and how much of each. Its
instructions are 8 bytes each, as bytes. On TCP the capability is needed since Linux 7.1. Not read
here: SO_GET_FILTER counts its buffer in instructions, so that the kernel would write past it.""",
)
SO_DETACH_FILTER: Final = Option(
    "SO_DETACH_FILTER",
    SOL_SOCKET,
    Numbers(27, parisc=0x401B),
    INT,
    since="2.2",
    access=Access.SET,
    forbidden_by=_locked,
    doc="""Take the filter away, whatever number is given; ENOENT if there is none, EPERM if it is
locked.""",
)
SO_LOCK_FILTER: Final = Option(
    "SO_LOCK_FILTER",
    SOL_SOCKET,
    Numbers(44, parisc=0x4025, sparc=40),
    FLAG,
    since="3.9",
    forbidden_by=_locked,
    doc="""Forbid to change or detach the filter. It cannot be undone: EPERM for everyone.""",
)
SO_ATTACH_BPF: Final = Option(
    "SO_ATTACH_BPF",
    SOL_SOCKET,
    Numbers(50, parisc=0x402B, sparc=52),
    DESCRIPTOR,
    since="3.19",
    access=Access.SET,
    forbidden_by=_locked,
    doc="""Like SO_ATTACH_FILTER, with the descriptor of a loaded program of type
BPF_PROG_TYPE_SOCKET_FILTER.""",
)
SO_ATTACH_REUSEPORT_CBPF: Final = Option(
    "SO_ATTACH_REUSEPORT_CBPF",
    SOL_SOCKET,
    Numbers(51, parisc=0x402C, sparc=53),
    FPROG,
    since="4.5",
    access=Access.SET,
    forbidden_by=_locked,
    doc="""Let a classic BPF program choose, by index, which socket of a SO_REUSEPORT group gets a
packet. UDP since Linux 4.5, TCP since 4.6.""",
)
SO_ATTACH_REUSEPORT_EBPF: Final = Option(
    "SO_ATTACH_REUSEPORT_EBPF",
    SOL_SOCKET,
    Numbers(52, parisc=0x402D, sparc=54),
    DESCRIPTOR,
    since="4.5",
    access=Access.SET,
    forbidden_by=_locked,
    doc="""Like SO_ATTACH_REUSEPORT_CBPF, with the descriptor of a loaded program.""",
)
SO_DETACH_REUSEPORT_BPF: Final = Option(
    "SO_DETACH_REUSEPORT_BPF",
    SOL_SOCKET,
    Numbers(68, parisc=0x4042, sparc=71),
    INT,
    since="5.3",
    access=Access.SET,
    source="include/uapi/asm-generic/socket.h",
    doc="""Take the group's program away, whatever number is given; ENOENT if there is none.""",
)
SO_BPF_EXTENSIONS: Final = Option(
    "SO_BPF_EXTENSIONS",
    SOL_SOCKET,
    Numbers(48, parisc=0x4029, sparc=50),
    INT,
    since="3.14",
    access=Access.GET,
    source="Documentation/networking/filter.rst",
    doc="""How many of the extensions to classic BPF this kernel has.""",
)
