"""What control messages hold.

Numbers are numbers (``Ttl(64) == 64``) and times are tuples: both are received with every datagram, and a
frozen dataclass takes several times as long to make.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

from libsocket.addresses import Inet, Inet6, Netlink, Other, Packet, Unix, Vsock
from libsocket.control.base import Number, Octets


class Ttl(Number):
    """The time to live of one IPv4 packet, 1 to 255. Source: ip(7), IP_TTL and IP_RECVTTL."""

    __slots__ = ()


class Tos(Number):
    """The type-of-service byte of one IPv4 packet. Source: ip(7), IP_TOS and IP_RECVTOS."""

    __slots__ = ()


class HopLimit(Number):
    """The hop limit of one IPv6 packet, 0 to 255; -1 sends the default. Source: RFC 3542, section 6.3."""

    __slots__ = ()


class TrafficClass(Number):
    """The traffic class of one IPv6 packet, 0 to 255; -1 sends the default. Source: RFC 3542, 6.5."""

    __slots__ = ()


class FlowInfo(Number):
    """Traffic class and flow label of one IPv6 packet, as a 28-bit number. Source: ``linux/in6.h``."""

    __slots__ = ()


class DontFragment(Number):
    """Whether (1) one IPv6 datagram must leave in one piece. Source: RFC 3542, section 11.2."""

    __slots__ = ()


class Protocol(Number):
    """What routing shall take for the protocol of one packet that brings its own header: IP_PROTOCOL."""

    __slots__ = ()


class Checksum(Number):
    """The sum over the data of a UDP datagram, not folded, as it lies in memory. Source: IP_CHECKSUM."""

    __slots__ = ()


class FragmentSize(Number):
    """Bytes of the largest fragment that a datagram came in. Source: IP_RECVFRAGSIZE, IPV6_RECVFRAGSIZE."""

    __slots__ = ()


class GroSize(Number):
    """Bytes of each datagram that were received as one; the last may be shorter. Source: udp(7), UDP_GRO."""

    __slots__ = ()


class SegmentSize(Number):
    """Bytes of the datagrams that one send is cut into, 1 to 65535. Source: udp(7), UDP_SEGMENT."""

    __slots__ = ()


class TcpInq(Number):
    """Bytes that wait to be read from a TCP stream after this read. Source: TCP_INQ."""

    __slots__ = ()


class Inq(Number):
    """Bytes that wait to be read from a UNIX stream after this read. Source: SO_INQ."""

    __slots__ = ()


class TlsRecord(Number):
    """The type of one TLS record: 20 to 23, application data is 23. Source: ``networking/tls.rst``."""

    __slots__ = ()


class Mark(Number):
    """The mark of one packet, 32 bits. Sending it needs CAP_NET_ADMIN, or CAP_NET_RAW since Linux 5.17."""

    __slots__ = ()


class Priority(Number):
    """The priority of one packet; above 6 it needs CAP_NET_ADMIN or CAP_NET_RAW. Source: socket(7)."""

    __slots__ = ()


class Overflow(Number):
    """Packets that the socket has dropped for want of room, modulo 2**32. Source: socket(7), SO_RXQ_OVFL."""

    __slots__ = ()


class TxTime(Number):
    """When one packet shall leave: nanoseconds of the clock that SO_TXTIME chose."""

    __slots__ = ()


class TimestampId(Number):
    """What the transmit timestamps of one send are to be called, with OPT_ID (EINVAL without) and not on TCP.

    Source: ``networking/timestamping.rst``, SCM_TS_OPT_ID.
    """

    __slots__ = ()


class WifiAck(Number):
    """Whether (1) a Wi-Fi frame was acknowledged. Source: SO_WIFI_STATUS."""

    __slots__ = ()


class NetlinkGroup(Number):
    """The multicast group that a netlink message came from. Source: NETLINK_PKTINFO."""

    __slots__ = ()


class NamespaceId(Number):
    """The network namespace that a netlink message came from. Source: NETLINK_LISTEN_ALL_NSID."""

    __slots__ = ()


class Security(Octets):
    """The sender's label, as the security module spells it. Source: SO_PASSSEC and IP_PASSSEC."""

    __slots__ = ()


class IpOptions(Octets):
    """The options of an IPv4 header. Source: ip(7), IP_RECVOPTS."""

    __slots__ = ()


class ReturnOptions(Octets):
    """The options of an IPv4 header, as a reply carries them. Source: ip(7), IP_RETOPTS."""

    __slots__ = ()


class HopOptions(Octets):
    """An IPv6 hop-by-hop header. Source: RFC 3542, section 8."""

    __slots__ = ()


class DestinationOptions(Octets):
    """An IPv6 destination options header. Source: RFC 3542, section 9."""

    __slots__ = ()


class RoutedOptions(Octets):
    """An IPv6 destination options header for each hop of a route: IPV6_RTHDRDSTOPTS."""

    __slots__ = ()


class RoutingHeader(Octets):
    """An IPv6 routing header. Source: RFC 3542, section 7."""

    __slots__ = ()


class TimestampingStats(Octets):
    """What TCP knew when a byte was sent or acknowledged: netlink attributes, SCM_TIMESTAMPING_OPT_STATS."""

    __slots__ = ()


class Timestamp(NamedTuple):
    """When a packet came in, by the wall clock. Source: socket(7), SO_TIMESTAMP."""

    sec: int
    usec: int

    @property
    def nanoseconds(self) -> int:
        """Since the epoch, as ``time.time_ns`` counts."""
        return self.sec * 1_000_000_000 + self.usec * 1000


class Timespec(NamedTuple):
    """Seconds and nanoseconds: ``struct timespec``."""

    sec: int
    nsec: int

    @property
    def nanoseconds(self) -> int:
        """Since the clock's epoch, as ``time.time_ns`` counts."""
        return self.sec * 1_000_000_000 + self.nsec


class TimestampNs(Timespec):
    """When a packet came in, by the wall clock. Source: socket(7), SO_TIMESTAMPNS."""

    __slots__ = ()


class Timestamps(NamedTuple):
    """When a packet came in or went out, zero where it was not taken: ``struct scm_timestamping``.

    ``software`` and ``hardware`` are by the wall clock and the adapter's; ``legacy`` is always zero now.
    Source: ``Documentation/networking/timestamping.rst``, section 2.1.
    """

    software: Timespec
    legacy: Timespec
    hardware: Timespec


class TimestampPacketInfo(NamedTuple):
    """The interface, and the bytes at layer 2, of a packet with a hardware timestamp.

    Source: SCM_TIMESTAMPING_PKTINFO, ``struct scm_ts_pktinfo``.
    """

    ifindex: int
    length: int


class Auxdata(NamedTuple):
    """What a packet socket gives beside the packet: ``struct tpacket_auxdata``.

    ``length`` was received and ``snaplen`` of it kept, in bytes; ``mac`` and ``net`` are offsets of the
    headers; the tags are valid as ``status`` says, bits of ``PacketStatus``.
    Source: packet(7), PACKET_AUXDATA.
    """

    status: int
    length: int
    snaplen: int
    mac: int
    net: int
    vlan_tci: int
    vlan_tpid: int


class DevmemFragment(NamedTuple):
    """A piece of a TCP stream: ``struct dmabuf_cmsg``. Source: ``Documentation/networking/devmem.rst``."""

    offset: int
    size: int
    token: int
    dmabuf_id: int
    flags: int


class DevmemLinear(DevmemFragment):
    """A piece that was copied into the buffer, for its headers could not be split off."""

    __slots__ = ()


class DevmemDmabuf(DevmemFragment):
    """A piece in device memory; ``token`` gives it back through SO_DEVMEM_DONTNEED."""

    __slots__ = ()


class OriginalDestination(NamedTuple):
    """Where a redirected datagram was sent to. Source: ip(7), IP_RECVORIGDSTADDR; IPV6_RECVORIGDSTADDR."""

    address: Inet | Inet6 | Unix | Netlink | Packet | Vsock | Other | None


class Origin(enum.IntEnum):
    """Where an error comes from: ``SO_EE_ORIGIN_*``."""

    NONE = 0
    LOCAL = 1
    ICMP = 2
    ICMP6 = 3
    TIMESTAMPING = 4
    ZEROCOPY = 5
    TXTIME = 6


@dataclass(frozen=True, slots=True)
class ExtendedError:
    """What an error queue holds: ``struct sock_extended_err`` and the address behind it.

    ``type`` and ``code`` are those of the ICMP message; ``info`` is the path MTU with EMSGSIZE; ``data``
    is the origin's own. ``offender`` is the node that sent the ICMP message. The last two fields are
    filled by ``recv_error``: the datagram that failed, as much of it as came back, and where it was sent.
    Source: ip(7), IP_RECVERR.
    """

    errno: int
    origin: int
    """An ``Origin``, or a plain number that is none."""
    type: int = 0
    code: int = 0
    info: int = 0
    data: int = 0
    offender: Inet | Inet6 | Unix | Netlink | Packet | Vsock | Other | None = None
    payload: bytes = b""
    address: Inet | Inet6 | Unix | Netlink | Packet | Vsock | Other | None = None


class Unknown(NamedTuple):
    """A control message that has no class here, or whose bytes are not what its class says."""

    level: int
    type: int
    data: bytes
