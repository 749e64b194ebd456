"""What an option is called by number: kept here per architecture, from the kernel's own uapi headers.

The interpreter's constants depend on the headers it was built with and lack whatever is younger,
so none of them is used. Most architectures share ``asm-generic/socket.h``; five have their own.
"""

from __future__ import annotations

import enum
import os
import sys
from typing import Final, NamedTuple

__all__ = ["MACHINE", "Level", "Numbers"]

MACHINE: Final = os.uname().machine


class Numbers(NamedTuple):
    """One constant on every architecture: the generic value, and where it differs.

    Source: ``include/uapi/asm-generic/socket.h`` and ``arch/*/include/uapi/asm/socket.h``.
    """

    generic: int
    alpha: int | None = None
    mips: int | None = None
    parisc: int | None = None
    powerpc: int | None = None
    sparc: int | None = None

    def on(self, machine: str) -> int:
        """The value on a machine as ``uname -m`` names it."""
        own = {
            "alpha": self.alpha,
            "mips": self.mips,
            "parisc": self.parisc,
            "ppc": self.powerpc,
            "sparc": self.sparc,
        }
        differing = next((own[family] for family in own if machine.startswith(family)), None)
        return self.generic if differing is None else differing


SOL_SOCKET: Final = Numbers(1, alpha=0xFFFF, mips=0xFFFF, parisc=0xFFFF, sparc=0xFFFF)


class Level(enum.IntEnum):
    """The protocol layer an option belongs to: the second argument of setsockopt(2)."""

    SOL_SOCKET = SOL_SOCKET.on(MACHINE)
    IPPROTO_IP = 0
    IPPROTO_TCP = 6
    IPPROTO_UDP = 17
    AF_VSOCK = 40
    IPPROTO_IPV6 = 41
    IPPROTO_ICMPV6 = 58
    SOL_RAW = 255
    SOL_PACKET = 263
    SOL_NETLINK = 270
    SOL_TLS = 282
    SOL_MPTCP = 284

    @property
    def page(self) -> str:
        """The manual page, or else the document, that describes the options of this level."""
        return _PAGES[self]


_PAGES = {
    Level.SOL_SOCKET: "socket(7)",
    Level.IPPROTO_IP: "ip(7)",
    Level.IPPROTO_TCP: "tcp(7)",
    Level.IPPROTO_UDP: "udp(7)",
    Level.AF_VSOCK: "vsock(7)",
    Level.IPPROTO_IPV6: "ipv6(7)",
    Level.IPPROTO_ICMPV6: "RFC 3542",
    Level.SOL_RAW: "raw(7)",
    Level.SOL_PACKET: "packet(7)",
    Level.SOL_NETLINK: "netlink(7)",
    Level.SOL_TLS: "Documentation/networking/tls.rst",
    Level.SOL_MPTCP: "Documentation/networking/mptcp.rst",
}

TIMEVAL_LAYOUT: Final = "@li4x" if MACHINE == "sparc64" and sys.maxsize > 2**32 else "@ll"
"""struct __kernel_old_timeval: two longs, but sparc64 keeps its microseconds in an int."""
