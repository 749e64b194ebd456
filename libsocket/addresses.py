"""Socket addresses as values, to and from the standard library's form and the kernel's bytes.

``Inet``, ``Inet6``, ``Netlink`` and ``Vsock`` are tuples and ``Unix`` is text just as the standard
library has them, and each is equal to what ``getsockname`` gives, but for two: the standard library names a
``Packet``'s interface (``standard`` turns it around), and gives an abstract UNIX name as bytes. What
``Socket.local_address()`` gives is equal to them all.
"""

from __future__ import annotations

import os
import socket
import struct
from functools import lru_cache
from typing import Any, Final, NamedTuple, Self

from libsocket.refusals import refused

__all__ = ["UNSPEC", "Address", "Inet", "Inet6", "Netlink", "Other", "Packet", "Unix", "Vsock"]

FAMILY: Final = struct.Struct("@H")
INET: Final = struct.Struct("!H4s8x")
INET6: Final = struct.Struct("!HI16s")
SCOPE: Final = struct.Struct("@I")
NETLINK: Final = struct.Struct("@HHII")
PACKET: Final = struct.Struct("@HHiHBB")
VSOCK: Final = struct.Struct("@HHIIB3x")
LONGEST: Final = 128
"""The size of struct sockaddr_storage."""


def _number(family: int, host: str) -> bytes:
    try:
        return socket.inet_pton(family, host)
    except OSError:
        raise ValueError(
            f"{host!r} is not a numeric address of {socket.AddressFamily(family).name}"
        ) from None


def _packed(address: Address, form: struct.Struct, *fields: Any) -> bytes:
    """Fields as the kernel is given them; OverflowError or TypeError for what does not fit there."""
    try:
        return form.pack(*fields)
    except struct.error as reason:
        raise refused("an address", address, "struct sockaddr", reason) from reason


class Inet(NamedTuple):
    """An IPv4 address and port: ``struct sockaddr_in``. Source: ip(7)."""

    host: str
    port: int

    @property
    def raw(self) -> bytes:
        """As the kernel is given it.

        ValueError for a host that is not a numeric address, OverflowError for a port beyond 65535.
        """
        host = _number(socket.AF_INET, self.host)
        return FAMILY.pack(socket.AF_INET) + _packed(self, INET, self.port, host)

    @classmethod
    def from_raw(cls, data: bytes) -> Self:
        port, host = INET.unpack_from(data, FAMILY.size)
        return cls(socket.inet_ntop(socket.AF_INET, host), port)


class Inet6(NamedTuple):
    """An IPv6 address and port: ``struct sockaddr_in6``. ``scope_id`` is an interface. Source: ipv6(7)."""

    host: str
    port: int
    flowinfo: int = 0
    scope_id: int = 0

    @property
    def raw(self) -> bytes:
        """As the kernel is given it; raises as ``Inet`` does, OverflowError for any number too large too."""
        host = _number(socket.AF_INET6, self.host)
        place = _packed(self, INET6, self.port, self.flowinfo, host)
        return FAMILY.pack(socket.AF_INET6) + place + _packed(self, SCOPE, self.scope_id)

    @classmethod
    def from_raw(cls, data: bytes) -> Self:
        port, flowinfo, host = INET6.unpack_from(data, FAMILY.size)
        [scope_id] = SCOPE.unpack_from(data, FAMILY.size + INET6.size)
        return cls(socket.inet_ntop(socket.AF_INET6, host), port, flowinfo, scope_id)


class Unix(str):
    """The name of a UNIX socket: a path; or, after a NUL, an abstract name; or nothing at all.

    Bytes that are no text in the file system's encoding are kept as ``os.fsdecode`` keeps them.
    Source: unix(7), "Address format".
    """

    __slots__ = ()

    @property
    def abstract(self) -> bytes | None:
        """The name in the abstract namespace, without its leading NUL; None for a path or no name."""
        return os.fsencode(self)[1:] if self.startswith("\0") else None

    @property
    def raw(self) -> bytes:
        """As the kernel is given it."""
        end = b"\0" if self and not self.startswith("\0") else b""
        return FAMILY.pack(socket.AF_UNIX) + os.fsencode(self) + end

    @classmethod
    def from_raw(cls, data: bytes) -> Self:
        name = data[FAMILY.size :]
        return cls(os.fsdecode(name if name.startswith(b"\0") else name.partition(b"\0")[0]))

    def __repr__(self) -> str:
        return f"Unix({super().__repr__()})"


class Netlink(NamedTuple):
    """A port id, 0 for the kernel, and a mask of groups: ``struct sockaddr_nl``. Source: netlink(7)."""

    pid: int
    groups: int = 0

    @property
    def raw(self) -> bytes:
        """As the kernel is given it; OverflowError for what does not fit 32 bits."""
        return _packed(self, NETLINK, socket.AF_NETLINK, 0, self.pid, self.groups)

    @classmethod
    def from_raw(cls, data: bytes) -> Self:
        return cls(*NETLINK.unpack_from(data)[2:])


class Packet(NamedTuple):
    """A link-layer address: ``struct sockaddr_ll``. Source: packet(7), "Address types".

    ``protocol`` is an ETH_P number in host order, ``pkttype`` one of PACKET_HOST, PACKET_OUTGOING …,
    ``hatype`` an ARPHRD number, ``address`` the hardware address, 6 bytes on Ethernet.
    """

    ifindex: int
    protocol: int = 0
    pkttype: int = 0
    hatype: int = 0
    address: bytes = b""

    @property
    def raw(self) -> bytes:
        """As the kernel is given it; OverflowError for what does not fit its field."""
        head = (socket.AF_PACKET, socket.htons(self.protocol), self.ifindex, self.hatype, self.pkttype)
        return _packed(self, PACKET, *head, len(self.address)) + self.address.ljust(8, b"\0")

    @property
    def standard(self) -> tuple[str, int, int, int, bytes]:
        """With the interface's name, which this thread's network namespace gives; OSError if it has none."""
        name = socket.if_indextoname(self.ifindex) if self.ifindex else ""
        return (name, *self[1:])

    @classmethod
    def from_raw(cls, data: bytes) -> Self:
        _, protocol, ifindex, hatype, pkttype, size = PACKET.unpack_from(data)
        address = data[PACKET.size : PACKET.size + size]
        return cls(ifindex, socket.ntohs(protocol), pkttype, hatype, address)

    @classmethod
    def from_standard(cls, value: tuple[Any, ...]) -> Self:
        """The interface's index is asked of this thread's network namespace; OSError if it has none."""
        return cls(socket.if_nametoindex(value[0]) if value[0] else 0, *value[1:])


class Vsock(NamedTuple):
    """A machine's context id and a port: ``struct sockaddr_vm``. Source: vsock(7)."""

    cid: int
    port: int

    @property
    def raw(self) -> bytes:
        """As the kernel is given it; OverflowError for what does not fit 32 bits."""
        return _packed(self, VSOCK, socket.AF_VSOCK, 0, self.port, self.cid, 0)

    @classmethod
    def from_raw(cls, data: bytes) -> Self:
        _, _, port, cid, _ = VSOCK.unpack_from(data)
        return cls(cid, port)


class Other(NamedTuple):
    """An address of a family that has no class here: its bytes after the family, or Python's form of it."""

    family: int
    value: Any

    @property
    def raw(self) -> bytes:
        """As the kernel is given it; TypeError for what came in Python's form."""
        if not isinstance(self.value, bytes):
            raise TypeError("only the bytes of an address can be turned into bytes")
        return _packed(self, FAMILY, self.family) + self.value

    @property
    def standard(self) -> Any:
        """What the standard library takes."""
        return self.value


UNSPEC: Final = Other(int(socket.AF_UNSPEC), b"")
"""No address at all, AF_UNSPEC: ``sock.connect(UNSPEC)`` disconnects. Source: connect(2)."""

Address = Inet | Inet6 | Unix | Netlink | Packet | Vsock | Other

_CLASSES: Final[dict[int, type[Inet | Inet6 | Unix | Netlink | Packet | Vsock]]] = {
    socket.AF_INET: Inet,
    socket.AF_INET6: Inet6,
    socket.AF_UNIX: Unix,
    socket.AF_NETLINK: Netlink,
    socket.AF_PACKET: Packet,
    socket.AF_VSOCK: Vsock,
}
STANDARD: Final[dict[type, int]] = {
    kind: int(family) for family, kind in _CLASSES.items() if kind is not Packet
} | dict.fromkeys((Packet, Other), -1)
"""The family for whose sockets the standard library takes an address as it is."""


@lru_cache(1024)
def from_raw(data: bytes) -> Address | None:
    """The address that the bytes of a sockaddr say; None where there are none (or AF_UNSPEC).

    What is too short for its family is an ``Other``. Senders repeat, so addresses are remembered.
    """
    if len(data) < FAMILY.size:
        return None
    [family] = FAMILY.unpack_from(data)
    if not family:
        return None
    kind = _CLASSES.get(family)
    try:
        return kind.from_raw(data) if kind else Other(family, data[FAMILY.size :])
    except struct.error:
        return Other(family, data[FAMILY.size :])


def from_standard(family: int, value: Any) -> Address | None:
    """The address that the standard library's form of it says, for a socket of that family.

    A Packet's interface is looked up, which raises OSError where there is none of that name.
    """
    if family == socket.AF_PACKET and value is not None:
        return Packet.from_standard(value)
    return _from_standard(family, value)


@lru_cache(1024)
def _from_standard(family: int, value: Any) -> Address | None:
    if value is None:
        return None
    if family == socket.AF_UNIX:
        return Unix(value if isinstance(value, str) else os.fsdecode(value))
    kind = _CLASSES.get(family)
    return kind(*value) if kind else Other(family, value)


def to_standard(address: Any) -> Any:
    """What the standard library takes for an address of either form."""
    return address.standard if type(address) in (Packet, Other) else address


def nonstandard(family: int, address: Any) -> bytes | None:
    """The bytes of an address that the standard library does not take on a socket of this family."""
    if STANDARD.get(type(address), family) == family:
        return None
    if isinstance(address, Other) and not isinstance(address.value, bytes):
        return None
    raw: bytes = address.raw
    return raw


def to_raw(family: int, address: Any) -> bytes:
    """The bytes of an address of either form; none for None."""
    if address is None:
        return b""
    value = address if isinstance(address, Address) else from_standard(family, address)
    return b"" if value is None else value.raw
