"""Every control message, declared once as data: level, type, codec, value, and which way it goes."""

from __future__ import annotations

import enum
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar

import libsocket.control.values as v
from libsocket.addresses import from_raw
from libsocket.arch import MACHINE, TIMEVAL_LAYOUT, Level, Numbers
from libsocket.codecs import UCRED, Codec, flags
from libsocket.control.base import Number, Octets
from libsocket.control.descriptors import Descriptors, Pidfd, Rights
from libsocket.layouts.inet import MTUINFO6, PKTINFO, PKTINFO6
from libsocket.values.fd import descriptor
from libsocket.values.inet import In6Pktinfo, InPktinfo, Ip6Mtuinfo
from libsocket.values.socket import TimestampingFlag, Ucred

__all__ = ["CONTROL_KINDS", "ControlKind", "Direction"]

T = TypeVar("T")
N = TypeVar("N", bound=Number)
O = TypeVar("O", bound=Octets)  # noqa: E741 - one letter as its fellows
D = TypeVar("D", bound=Descriptors)
U = TypeVar("U", bound=tuple[Any, ...])

SOL_SOCKET: Final = Level.SOL_SOCKET
IPPROTO_IP: Final = Level.IPPROTO_IP
IPPROTO_IPV6: Final = Level.IPPROTO_IPV6
IPPROTO_TCP: Final = Level.IPPROTO_TCP
IPPROTO_UDP: Final = Level.IPPROTO_UDP
SOL_PACKET: Final = Level.SOL_PACKET
SOL_NETLINK: Final = Level.SOL_NETLINK
SOL_TLS: Final = Level.SOL_TLS
SOL_VSOCK: Final = 287

REMEMBERED: Final = 256
"""How many values of a kind are kept, for most are received again and again."""


class Direction(enum.Flag):
    """Whether a message is received, sent, or both."""

    IN = enum.auto()
    OUT = enum.auto()
    BOTH = IN | OUT


@dataclass(frozen=True, slots=True)
class ControlKind(Generic[T]):
    """One control message: what it is called, where it belongs, and how its bytes are a value."""

    name: str
    level: int
    numbers: int | Numbers
    value: type[T]
    codec: Codec[T]
    direction: Direction
    since: str
    """The first kernel of the mainline that has it."""

    @property
    def numbers_in(self) -> Callable[[bytes], tuple[int, ...]] | None:
        """For a value that is a tuple of the very numbers in its bytes: how to get them."""
        return self.codec.numbers if isinstance(self.codec, Plain) else None

    @property
    def type(self) -> int:
        """The number of ``cmsg_type`` on this machine."""
        return self.numbers.on(MACHINE) if isinstance(self.numbers, Numbers) else self.numbers


def _number(kind: type[N], form: str = "@i") -> Codec[N]:
    layout = struct.Struct(form)
    unpack = layout.unpack
    decode = lru_cache(REMEMBERED)(lambda data: kind(*unpack(data)))
    return Codec(kind.__name__, layout.size, decode, layout.pack, "number")


def _any_width(kind: type[N], form: str) -> Codec[N]:
    """A number that the kernel gives as a byte and takes as an int or a byte."""

    def decode(data: bytes) -> N:
        if len(data) not in (1, 4):
            raise ValueError("it is a byte or an int")
        return kind(int.from_bytes(data, sys.byteorder, signed=len(data) == 4))

    return Codec(kind.__name__, 4, lru_cache(REMEMBERED)(decode), struct.Struct(form).pack, "number")


def _octets(kind: type[O]) -> Codec[O]:
    return Codec(kind.__name__, 0, kind, bytes)


class Plain(Codec[U]):
    """A tuple of numbers as they lie in the bytes, which change with every packet."""

    __slots__ = ("numbers",)

    def __init__(self, kind: type[U], form: str) -> None:
        layout = struct.Struct(form)
        self.numbers: Callable[[bytes], tuple[int, ...]] = layout.unpack
        super().__init__(
            kind.__name__,
            layout.size,
            lambda data: kind(*layout.unpack(data)),
            lambda value: layout.pack(*value),
            "structure",
        )


def _remembered(codec: Codec[T]) -> Codec[T]:
    size, decode = codec.size, codec.decode

    def whole(data: bytes) -> T:
        if len(data) < size:
            raise ValueError(f"a {codec.layout} has {size} bytes")
        return decode(data)

    return Codec(codec.name, size, lru_cache(REMEMBERED)(whole), codec.encode, codec.layout)


def _timestamps(form: str) -> Codec[v.Timestamps]:
    layout = struct.Struct(form)

    def decode(data: bytes) -> v.Timestamps:
        first, second, third, fourth, fifth, sixth = layout.unpack(data)
        return v.Timestamps(v.Timespec(first, second), v.Timespec(third, fourth), v.Timespec(fifth, sixth))

    def encode(value: v.Timestamps) -> bytes:
        return layout.pack(*value.software, *value.legacy, *value.hardware)

    return Codec("Timestamps", layout.size, decode, encode, "struct scm_timestamping")


def _descriptors(kind: type[D]) -> Codec[D]:
    """Numbers alone: nothing that is decoded here is owned, see ``owned``."""
    return Codec(kind.__name__, 4, lambda data: kind(*_ints(data)), _fds)


def _ints(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"@{len(data) // 4}i", data[: len(data) // 4 * 4])


def _fds(value: Descriptors) -> bytes:
    return struct.pack(f"@{len(value)}i", *map(descriptor, value.fds))


def owned(kind: type[D]) -> Callable[[bytes], D]:
    """How what the kernel has just opened is decoded: as the receiver's own."""
    return lambda data: kind.owning(*_ints(data))


_EXTENDED_ERROR: Final = struct.Struct("@IBBBxII")


def _extended_error(data: bytes) -> v.ExtendedError:
    errno, origin, kind, code, info, more = _EXTENDED_ERROR.unpack_from(data)
    known = v.Origin(origin) if origin <= v.Origin.TXTIME else origin
    offender = from_raw(data[_EXTENDED_ERROR.size :])
    return v.ExtendedError(errno, known, kind, code, info, more, offender)


def _extended_error_out(value: v.ExtendedError) -> bytes:
    numbers = (value.errno, value.origin, value.type, value.code, value.info, value.data)
    return _EXTENDED_ERROR.pack(*numbers) + (value.offender.raw if value.offender is not None else b"")


def _original(value: v.OriginalDestination) -> bytes:
    return value.address.raw if value.address is not None else b""


_ERROR: Final = Codec("ExtendedError", 44, _extended_error, _extended_error_out, "struct sock_extended_err")
_ORIGINAL: Final = Codec(
    "OriginalDestination", 28, lambda data: v.OriginalDestination(from_raw(data)), _original, "sockaddr"
)
_TIMESPEC_OLD: Final = "@ll"
_FRAGMENT: Final = "=QIIII"

_IN, _OUT, _BOTH = Direction.IN, Direction.OUT, Direction.BOTH

CONTROL_KINDS: Final[tuple[ControlKind[Any], ...]] = (
    ControlKind("SCM_RIGHTS", SOL_SOCKET, 1, Rights, _descriptors(Rights), _BOTH, "2.0"),
    ControlKind("SCM_CREDENTIALS", SOL_SOCKET, 2, Ucred, _remembered(UCRED), _BOTH, "2.2"),
    ControlKind("SCM_SECURITY", SOL_SOCKET, 3, v.Security, _octets(v.Security), _IN, "2.6.18"),
    ControlKind("SCM_PIDFD", SOL_SOCKET, 4, Pidfd, _descriptors(Pidfd), _IN, "6.5"),
    ControlKind(
        "SO_TIMESTAMP",
        SOL_SOCKET,
        Numbers(29, parisc=0x4012),
        v.Timestamp,
        Plain(v.Timestamp, TIMEVAL_LAYOUT),
        _IN,
        "2.4",
    ),
    ControlKind(
        "SO_TIMESTAMPNS",
        SOL_SOCKET,
        Numbers(35, parisc=0x4013, sparc=0x21),
        v.TimestampNs,
        Plain(v.TimestampNs, _TIMESPEC_OLD),
        _IN,
        "2.6.22",
    ),
    ControlKind(
        "SCM_TIMESTAMPING",
        SOL_SOCKET,
        Numbers(37, parisc=0x4020, sparc=0x23),
        v.Timestamps,
        _timestamps("@6l"),
        _IN,
        "2.6.30",
    ),
    ControlKind(
        "SO_TIMESTAMPING",
        SOL_SOCKET,
        Numbers(37, parisc=0x4020, sparc=0x23),
        TimestampingFlag,
        flags(TimestampingFlag),
        _OUT,
        "4.7",
    ),
    ControlKind(
        "SO_TIMESTAMP_NEW",
        SOL_SOCKET,
        Numbers(63, parisc=0x4038, sparc=0x46),
        v.Timestamp,
        Plain(v.Timestamp, "@qq"),
        _IN,
        "5.1",
    ),
    ControlKind(
        "SO_TIMESTAMPNS_NEW",
        SOL_SOCKET,
        Numbers(64, parisc=0x4039, sparc=0x42),
        v.TimestampNs,
        Plain(v.TimestampNs, "@qq"),
        _IN,
        "5.1",
    ),
    ControlKind(
        "SCM_TIMESTAMPING_NEW",
        SOL_SOCKET,
        Numbers(65, parisc=0x403A, sparc=0x43),
        v.Timestamps,
        _timestamps("@6q"),
        _IN,
        "5.1",
    ),
    ControlKind(
        "SCM_TIMESTAMPING_OPT_STATS",
        SOL_SOCKET,
        Numbers(54, parisc=0x402F, sparc=0x38),
        v.TimestampingStats,
        _octets(v.TimestampingStats),
        _IN,
        "4.10",
    ),
    ControlKind(
        "SCM_TIMESTAMPING_PKTINFO",
        SOL_SOCKET,
        Numbers(58, parisc=0x4033, sparc=0x3C),
        v.TimestampPacketInfo,
        Plain(v.TimestampPacketInfo, "@II8x"),
        _IN,
        "4.13",
    ),
    ControlKind(
        "SCM_TS_OPT_ID",
        SOL_SOCKET,
        Numbers(81, parisc=0x404C, sparc=0x5A),
        v.TimestampId,
        _number(v.TimestampId, "@I"),
        _OUT,
        "6.13",
    ),
    ControlKind(
        "SCM_TXTIME",
        SOL_SOCKET,
        Numbers(61, parisc=0x4036, sparc=0x3F),
        v.TxTime,
        _number(v.TxTime, "@Q"),
        _OUT,
        "4.19",
    ),
    ControlKind(
        "SO_MARK",
        SOL_SOCKET,
        Numbers(36, parisc=0x401F, sparc=0x22),
        v.Mark,
        _number(v.Mark, "@I"),
        _BOTH,
        "4.4",
    ),
    ControlKind(
        "SO_PRIORITY",
        SOL_SOCKET,
        Numbers(12, parisc=0x400C),
        v.Priority,
        _number(v.Priority, "@I"),
        _BOTH,
        "6.14",
    ),
    ControlKind(
        "SO_RXQ_OVFL",
        SOL_SOCKET,
        Numbers(40, parisc=0x4021, sparc=0x24),
        v.Overflow,
        _number(v.Overflow, "@I"),
        _IN,
        "2.6.33",
    ),
    ControlKind(
        "SCM_WIFI_STATUS",
        SOL_SOCKET,
        Numbers(41, parisc=0x4022, sparc=0x25),
        v.WifiAck,
        _number(v.WifiAck),
        _IN,
        "3.3",
    ),
    ControlKind(
        "SCM_DEVMEM_LINEAR",
        SOL_SOCKET,
        Numbers(78, parisc=0x404E, sparc=0x57),
        v.DevmemLinear,
        Plain(v.DevmemLinear, _FRAGMENT),
        _IN,
        "6.12",
    ),
    ControlKind(
        "SCM_DEVMEM_DMABUF",
        SOL_SOCKET,
        Numbers(79, parisc=0x404F, sparc=0x58),
        v.DevmemDmabuf,
        Plain(v.DevmemDmabuf, _FRAGMENT),
        _IN,
        "6.12",
    ),
    ControlKind(
        "SCM_INQ", SOL_SOCKET, Numbers(84, parisc=0x4052, sparc=0x5D), v.Inq, _number(v.Inq), _IN, "6.17"
    ),
    ControlKind("IP_TOS", IPPROTO_IP, 1, v.Tos, _any_width(v.Tos, "@i"), _BOTH, "2.2"),
    ControlKind("IP_TTL", IPPROTO_IP, 2, v.Ttl, _number(v.Ttl), _BOTH, "2.2"),
    ControlKind("SCM_SECURITY", IPPROTO_IP, 3, v.Security, _octets(v.Security), _IN, "2.6.17"),
    ControlKind("IP_RECVOPTS", IPPROTO_IP, 6, v.IpOptions, _octets(v.IpOptions), _IN, "2.2"),
    ControlKind("IP_RETOPTS", IPPROTO_IP, 7, v.ReturnOptions, _octets(v.ReturnOptions), _BOTH, "2.2"),
    ControlKind("IP_PKTINFO", IPPROTO_IP, 8, InPktinfo, _remembered(PKTINFO), _BOTH, "2.2"),
    ControlKind("IP_RECVERR", IPPROTO_IP, 11, v.ExtendedError, _ERROR, _IN, "2.2"),
    ControlKind("IP_ORIGDSTADDR", IPPROTO_IP, 20, v.OriginalDestination, _ORIGINAL, _IN, "2.6.29"),
    ControlKind("IP_CHECKSUM", IPPROTO_IP, 23, v.Checksum, _number(v.Checksum, "@I"), _IN, "4.0"),
    ControlKind("IP_RECVFRAGSIZE", IPPROTO_IP, 25, v.FragmentSize, _number(v.FragmentSize), _IN, "4.10"),
    ControlKind("IP_PROTOCOL", IPPROTO_IP, 52, v.Protocol, _number(v.Protocol), _OUT, "6.4"),
    ControlKind("IPV6_2292PKTINFO", IPPROTO_IPV6, 2, In6Pktinfo, _remembered(PKTINFO6), _IN, "2.2"),
    ControlKind("IPV6_2292HOPLIMIT", IPPROTO_IPV6, 8, v.HopLimit, _number(v.HopLimit), _IN, "2.2"),
    ControlKind("IPV6_FLOWINFO", IPPROTO_IPV6, 11, v.FlowInfo, _number(v.FlowInfo, "!I"), _BOTH, "2.2.7"),
    ControlKind("IPV6_RECVERR", IPPROTO_IPV6, 25, v.ExtendedError, _ERROR, _IN, "2.2"),
    ControlKind("IPV6_PKTINFO", IPPROTO_IPV6, 50, In6Pktinfo, _remembered(PKTINFO6), _BOTH, "2.6.14"),
    ControlKind("IPV6_HOPLIMIT", IPPROTO_IPV6, 52, v.HopLimit, _number(v.HopLimit), _BOTH, "2.6.14"),
    ControlKind("IPV6_HOPOPTS", IPPROTO_IPV6, 54, v.HopOptions, _octets(v.HopOptions), _BOTH, "2.6.14"),
    ControlKind(
        "IPV6_RTHDRDSTOPTS", IPPROTO_IPV6, 55, v.RoutedOptions, _octets(v.RoutedOptions), _BOTH, "2.6.14"
    ),
    ControlKind("IPV6_RTHDR", IPPROTO_IPV6, 57, v.RoutingHeader, _octets(v.RoutingHeader), _BOTH, "2.6.14"),
    ControlKind(
        "IPV6_DSTOPTS",
        IPPROTO_IPV6,
        59,
        v.DestinationOptions,
        _octets(v.DestinationOptions),
        _BOTH,
        "2.6.14",
    ),
    ControlKind("IPV6_PATHMTU", IPPROTO_IPV6, 61, Ip6Mtuinfo, _remembered(MTUINFO6), _IN, "2.6.35"),
    ControlKind("IPV6_DONTFRAG", IPPROTO_IPV6, 62, v.DontFragment, _number(v.DontFragment), _OUT, "2.6.35"),
    ControlKind("IPV6_TCLASS", IPPROTO_IPV6, 67, v.TrafficClass, _number(v.TrafficClass), _BOTH, "2.6.14"),
    ControlKind("IPV6_ORIGDSTADDR", IPPROTO_IPV6, 74, v.OriginalDestination, _ORIGINAL, _IN, "2.6.37"),
    ControlKind("IPV6_RECVFRAGSIZE", IPPROTO_IPV6, 77, v.FragmentSize, _number(v.FragmentSize), _IN, "4.10"),
    ControlKind("TCP_CM_INQ", IPPROTO_TCP, 36, v.TcpInq, _number(v.TcpInq), _IN, "4.18"),
    ControlKind("UDP_SEGMENT", IPPROTO_UDP, 103, v.SegmentSize, _number(v.SegmentSize, "@H"), _OUT, "4.18"),
    ControlKind("UDP_GRO", IPPROTO_UDP, 104, v.GroSize, _number(v.GroSize), _IN, "5.0"),
    ControlKind("PACKET_AUXDATA", SOL_PACKET, 8, v.Auxdata, Plain(v.Auxdata, "@IIIHHHH"), _IN, "2.6.21"),
    ControlKind("PACKET_TX_TIMESTAMP", SOL_PACKET, 16, v.ExtendedError, _ERROR, _IN, "2.6.35"),
    ControlKind(
        "NETLINK_PKTINFO", SOL_NETLINK, 3, v.NetlinkGroup, _number(v.NetlinkGroup, "@I"), _IN, "2.6.14"
    ),
    ControlKind("NETLINK_LISTEN_ALL_NSID", SOL_NETLINK, 8, v.NamespaceId, _number(v.NamespaceId), _IN, "4.2"),
    ControlKind("TLS_SET_RECORD_TYPE", SOL_TLS, 1, v.TlsRecord, _number(v.TlsRecord, "@B"), _OUT, "4.13"),
    ControlKind("TLS_GET_RECORD_TYPE", SOL_TLS, 2, v.TlsRecord, _number(v.TlsRecord, "@B"), _IN, "4.17"),
    ControlKind("VSOCK_RECVERR", SOL_VSOCK, 1, v.ExtendedError, _ERROR, _IN, "6.7"),
)
"""Every control message that has a class."""
