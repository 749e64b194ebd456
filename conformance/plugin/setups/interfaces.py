"""Network interfaces as the ioctls of netdevice(7) show and set them, by any socket."""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path
from typing import Final, Literal

from conformance.plugin.setups.netlink import (
    ACK,
    CREATE,
    DUMP,
    EXCL,
    GETADDR,
    IFA_ADDRESS,
    IFA_LOCAL,
    NEWADDR,
    REQUEST,
    acknowledged,
    asked,
    dumped,
    framed,
    get_link,
    netlink_socket,
)
from libsocket import Socket
from netns import Namespace
from netns.netlink import attribute, attributes

_NAME: Final = 16
"""IFNAMSIZ"""
_IFREQ: Final = 40
_NOWHERE: Final = 8
"""An address at which no process has memory."""
_SIOCGIFCONF: Final = 0x8912
_IFINFOMSG, _IFLA_BROADCAST = 16, 2
_SIOCETHTOOL, _ETHTOOL_GET_TS_INFO = 0x8946, 0x41

REQUESTS: Final[Mapping[str, int]] = {
    "SIOCGIFNAME": 0x8910,
    "SIOCGIFFLAGS": 0x8913,
    "SIOCSIFFLAGS": 0x8914,
    "SIOCGIFADDR": 0x8915,
    "SIOCSIFADDR": 0x8916,
    "SIOCGIFDSTADDR": 0x8917,
    "SIOCSIFDSTADDR": 0x8918,
    "SIOCGIFBRDADDR": 0x8919,
    "SIOCSIFBRDADDR": 0x891A,
    "SIOCGIFNETMASK": 0x891B,
    "SIOCSIFNETMASK": 0x891C,
    "SIOCGIFMETRIC": 0x891D,
    "SIOCSIFMETRIC": 0x891E,
    "SIOCGIFMTU": 0x8921,
    "SIOCSIFMTU": 0x8922,
    "SIOCSIFNAME": 0x8923,
    "SIOCSIFHWADDR": 0x8924,
    "SIOCGIFHWADDR": 0x8927,
    "SIOCADDMULTI": 0x8931,
    "SIOCDELMULTI": 0x8932,
    "SIOCGIFINDEX": 0x8933,
    "SIOCSIFPFLAGS": 0x8934,
    "SIOCGIFPFLAGS": 0x8935,
    "SIOCDIFADDR": 0x8936,
    "SIOCSIFHWBROADCAST": 0x8937,
    "SIOCGIFTXQLEN": 0x8942,
    "SIOCSIFTXQLEN": 0x8943,
    "SIOCGIFMAP": 0x8970,
    "SIOCSIFMAP": 0x8971,
}
"""Numbers of the ioctls by name."""
OF_ADDRESSES: Final = frozenset({"SIOCGIFADDR", "SIOCGIFDSTADDR", "SIOCGIFBRDADDR", "SIOCGIFNETMASK"})
"""What is shown of an interface that has an IPv4 address."""

_FLAGS: Final = {
    "UP": 0x1,
    "BROADCAST": 0x2,
    "LOOPBACK": 0x8,
    "RUNNING": 0x40,
    "NOARP": 0x80,
    "PROMISC": 0x100,
    "ALLMULTI": 0x200,
    "MULTICAST": 0x1000,
}


def shown(sock: Socket, request: str, device: str = "lo") -> object:
    """What an ioctl shows of an interface: a number, names of flags, an address, a name."""
    begin = bytes(_NAME) + _number(1) if request == "SIOCGIFNAME" else device.encode().ljust(_NAME, b"\0")
    rest = b"\0" if request.endswith(("ADDR", "IFFLAGS")) else b"\xff"  # what the ioctl is to change
    asked = begin.ljust(_IFREQ, rest)
    given = ioctl(sock, REQUESTS[request], asked)
    assert given != asked, f"{request} shows nothing"
    return _SHOWN[request](given)


def ipv6_addresses(namespace: Namespace, index: int = 1) -> list[str]:
    """The IPv6 addresses of an interface, in order."""
    with namespace.rtnetlink() as rtnetlink:
        found = [address.partition("/")[0] for address in rtnetlink.addresses(index)]
    return sorted(address for address in found if ":" in address)


def hardware_broadcast(device: str) -> str:
    """The link-layer broadcast address of an interface where this thread is, as NETLINK_ROUTE tells it."""
    with netlink_socket() as sock:
        (link,) = asked(sock, get_link(index=socket.if_nametoindex(device)))
    return dict(attributes(link.body[_IFINFOMSG:]))[_IFLA_BROADCAST].hex(":")


def ipv6_addresses_shown() -> list[str]:
    """The IPv6 addresses in /proc/net/if_inet6 of the namespace where this thread is, in order."""
    rows = Path("/proc/thread-self/net/if_inet6").read_text(encoding="ascii").splitlines()
    return sorted(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(row.split()[0])) for row in rows)


def names_in_proc() -> list[str]:
    """The names of interfaces in /proc/net/dev of the namespace where this thread is, in order."""
    rows = Path("/proc/thread-self/net/dev").read_text(encoding="ascii").splitlines()[2:]
    return sorted(row.partition(":")[0].strip() for row in rows)


def add_ipv6_with_destination(address: str, destination: str, index: int) -> int:
    """The error of a request that gives an interface an IPv6 address and its destination, or 0."""
    own, there = (socket.inet_pton(socket.AF_INET6, one) for one in (address, destination))
    body = struct.pack("=BBBBI", socket.AF_INET6, 128, 0, 0, index)
    named = attribute(IFA_LOCAL, own) + attribute(IFA_ADDRESS, there)
    with netlink_socket() as sock:
        return acknowledged(sock, framed(NEWADDR, REQUEST | ACK | CREATE | EXCL, body + named)).error


def ipv6_destinations(index: int) -> list[list[str]]:
    """The IPv6 addresses of an interface that have destinations, each with its own."""
    with netlink_socket() as sock:
        asked_for = struct.pack("=BBBBI", socket.AF_INET6, 0, 0, 0, 0)
        rows = [one.body for one in dumped(sock, framed(GETADDR, REQUEST | DUMP, asked_for))]
    told = [dict(attributes(row[8:])) for row in rows if row[4:8] == index.to_bytes(4, sys.byteorder)]
    return [
        [socket.inet_ntop(socket.AF_INET6, one[kind]) for kind in (IFA_LOCAL, IFA_ADDRESS)]
        for one in told
        if IFA_LOCAL in one
    ]


def is_up(sock: Socket, device: str) -> bool:
    """Whether an interface has IFF_UP."""
    flags = shown(sock, "SIOCGIFFLAGS", device)
    return isinstance(flags, list) and "UP" in flags


def names_after_renaming(sock: Socket, device: str, name: str) -> list[str]:
    """Which of two names interfaces have after an attempt to rename one (SIOCSIFNAME)."""
    with suppress(OSError):
        set_of(sock, "SIOCSIFNAME", name, device)
    return [found for _, found in socket.if_nameindex() if found in {device, name}]


def set_of(sock: Socket, request: str, value: object, device: str = "lo") -> None:
    """Set something of an interface."""
    given = device.encode().ljust(_NAME, b"\0") + _SET[request](value)
    ioctl(sock, REQUESTS[request], given.ljust(_IFREQ, b"\0"))


def set_address(sock: Socket, request: str, family: int, address: str, device: str) -> None:
    """Set an IPv4 address of an interface, which is said to be of a family."""
    given = struct.pack("@HH4s", family, 0, socket.inet_aton(address))
    ioctl(sock, REQUESTS[request], (device.encode().ljust(_NAME, b"\0") + given).ljust(_IFREQ, b"\0"))


def listed(sock: Socket, room: int | None = None) -> tuple[int, list[list[str]]]:
    """What SIOCGIFCONF gives: how many addresses fit or were given, and each with the name before it.

    Without room it gives how many there are, and none of them.
    """
    memory = ctypes.create_string_buffer((room or 1) * _IFREQ)
    place = 0 if room is None else ctypes.addressof(memory)
    given = ioctl(sock, _SIOCGIFCONF, struct.pack("@iP", (room or 0) * _IFREQ, place))
    size = struct.unpack("@iP", given)[0]
    pieces = [memory.raw[at : at + _IFREQ] for at in range(0, size, _IFREQ)] if room else []
    return size // _IFREQ, [[_name(piece), _address(piece)] for piece in pieces]


def list_into_nowhere(sock: Socket) -> None:
    """SIOCGIFCONF with room for an address where no process has memory."""
    ioctl(sock, _SIOCGIFCONF, struct.pack("@iP", _IFREQ, _NOWHERE))


def ask_nowhere(sock: Socket, request: str) -> None:
    """An ioctl whose structure is where no process has memory."""
    ioctl(sock, {"SIOCGIFCONF": _SIOCGIFCONF, **REQUESTS}[request], _NOWHERE)


def set_ipv6(
    sock: Socket,
    request: Literal["SIOCSIFADDR", "SIOCDIFADDR", "SIOCSIFDSTADDR"],
    address: str,
    index: int,
) -> None:
    """Add an IPv6 address to an interface, delete it, or set its destination, by a struct in6_ifreq."""
    given = socket.inet_pton(socket.AF_INET6, address) + struct.pack("@Ii", 64, index)
    ioctl(sock, REQUESTS[request], given.ljust(_IFREQ, b"\0"))


def _number(value: int) -> bytes:
    return struct.pack("@i", value)


def _int(given: bytes) -> int:
    return int(struct.unpack_from("@i", given, _NAME)[0])


def _name(given: bytes) -> str:
    return given[:_NAME].partition(b"\0")[0].decode()


def _address(given: bytes) -> str:
    """An IPv4 address in a struct sockaddr_in."""
    family = struct.unpack_from("@H", given, _NAME)[0]
    assert family == socket.AF_INET, f"an address of family {family}"
    return socket.inet_ntoa(given[_NAME + 4 : _NAME + 8])


def _flags(given: bytes) -> list[str]:
    bits = struct.unpack_from("@H", given, _NAME)[0]
    return [name for name, bit in _FLAGS.items() if bits & bit]


def _hardware(given: bytes) -> list[object]:
    """The type of the device, ARPHRD_*, and six bytes."""
    return [struct.unpack_from("@H", given, _NAME)[0], given[_NAME + 2 : _NAME + 8].hex(":")]


def _map(given: bytes) -> list[int]:
    """mem_start, mem_end, base_addr, irq, dma and port."""
    return list(struct.unpack_from("@LLHBBB", given, _NAME))


def _sockaddr(value: object) -> bytes:
    assert isinstance(value, str)
    return struct.pack("@HH", socket.AF_INET, 0) + socket.inet_aton(value)


def _hardware_sockaddr(value: object) -> bytes:
    assert isinstance(value, str)
    return struct.pack("@H", _ARPHRD_ETHER) + bytes.fromhex(value.replace(":", ""))


def _multicast_sockaddr(value: object) -> bytes:
    """Without a family, as these two ask for it."""
    return bytes(2) + _hardware_sockaddr(value)[2:]


def _int_of(value: object) -> bytes:
    assert isinstance(value, int)
    return _number(value)


def _map_of(value: object) -> bytes:
    """The port alone."""
    assert isinstance(value, int)
    return struct.pack("@LLHBBB", 0, 0, 0, 0, 0, value)


def _flags_of(value: object) -> bytes:
    assert isinstance(value, str)
    return struct.pack("@H", sum(_FLAGS[name] for name in value.split()))


def _name_of(value: object) -> bytes:
    assert isinstance(value, str)
    return value.encode()


_ARPHRD_ETHER = 1
_SHOWN: Final[Mapping[str, Callable[[bytes], object]]] = {
    "SIOCGIFNAME": _name,
    "SIOCGIFINDEX": _int,
    "SIOCGIFFLAGS": _flags,
    "SIOCGIFMTU": _int,
    "SIOCGIFMETRIC": _int,
    "SIOCGIFTXQLEN": _int,
    "SIOCGIFHWADDR": _hardware,
    "SIOCGIFMAP": _map,
    "SIOCGIFADDR": _address,
    "SIOCGIFDSTADDR": _address,
    "SIOCGIFBRDADDR": _address,
    "SIOCGIFNETMASK": _address,
    "SIOCGIFPFLAGS": _int,
}
_SET: Final[Mapping[str, Callable[[object], bytes]]] = {
    "SIOCSIFFLAGS": _flags_of,
    "SIOCSIFMTU": _int_of,
    "SIOCSIFMETRIC": _int_of,
    "SIOCSIFTXQLEN": _int_of,
    "SIOCSIFPFLAGS": _int_of,
    "SIOCSIFHWADDR": _hardware_sockaddr,
    "SIOCSIFHWBROADCAST": _hardware_sockaddr,
    "SIOCSIFMAP": _map_of,
    "SIOCADDMULTI": _multicast_sockaddr,
    "SIOCDELMULTI": _multicast_sockaddr,
    "SIOCSIFADDR": _sockaddr,
    "SIOCDIFADDR": _sockaddr,
    "SIOCSIFDSTADDR": _sockaddr,
    "SIOCSIFBRDADDR": _sockaddr,
    "SIOCSIFNETMASK": _sockaddr,
    "SIOCSIFNAME": _name_of,
}


def timestamping_of(sock: Socket, device: str) -> tuple[int, int]:
    """The flags of SO_TIMESTAMPING that an interface has, and the index of its clock: ETHTOOL_GET_TS_INFO."""
    info = ctypes.create_string_buffer(_ETHTOOL_GET_TS_INFO.to_bytes(4, sys.byteorder), 44)
    pointer = ctypes.addressof(info).to_bytes(ctypes.sizeof(ctypes.c_void_p), sys.byteorder)
    ioctl(sock, _SIOCETHTOOL, device.encode().ljust(_NAME, b"\0") + pointer.ljust(_IFREQ - _NAME, b"\0"))
    flags, clock = struct.unpack_from("=Ii", info.raw, 4)
    return flags, clock
