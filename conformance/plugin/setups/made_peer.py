"""A TCP host whose segments are made one by one, so that nothing is sent but what a test sends."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Final

from conformance.plugin.needs import VETH, Need
from conformance.plugin.setups.datagrams import MORE_FRAGMENTS, ipv4_packet
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.readiness import await_end, await_hangup, await_readable, readable_by_select
from conformance.plugin.setups.segments import (
    ACK,
    FAST_OPEN,
    FIN,
    MSS,
    PSH,
    RST,
    SACK,
    SACK_PERMITTED,
    SYN,
    TIMESTAMPS,
    WINDOW_SCALE,
    Segment,
    internet_checksum,
    next_segment,
    segments,
    waiting_segments,
)
from conformance.plugin.timing import SOON, timed
from libsocket import Linger, Shutdown, Socket
from netns import Capability, Peers

MADE: Final[tuple[Need | Capability, ...]] = (Capability.NET_RAW, VETH)
"""What it takes to make segments, and to see what answers them."""

ADDRESS: Final = "10.0.9.1"
"""That of the host that is made: the left host has the wire to it, and drops what comes for it."""
NETWORK: Final = "10.0.9.0/24"
FIRST: Final = 1000
"""The sequence number of each SYN."""
SYN_AGAIN: Final = 0.9
"""Seconds within which no timer sends a SYN or SYN-ACK again: the first does after one."""
SEGMENT: Final = 1000
"""The largest segment that it takes, in bytes of data."""

ACKNOWLEDGED_LATER: Final = {
    "no-op: sendto(*, 40, 0*": "a segment without data acknowledges what the next does too"
}
"""For claims in which more follows what a made peer acknowledges; its reset at the end is no fault anyway."""

MADE_ENDS: Final = {
    "no-op: ioctl(FIONBIO*": "it lets a call that is not to succeed end at once",
}
"""For claims that are tried with :func:`accepted_from`, or where a made peer resets its connection."""

OFFERED: Final = {MSS: SEGMENT.to_bytes(2, "big")}
"""The options of a SYN that only says how large a segment may be."""
WITH_SACK: Final = {**OFFERED, SACK_PERMITTED: b""}
WITH_SCALE: Final = {**OFFERED, WINDOW_SCALE: b"\0"}

_NOP = 1
_CLOCK = 1_000_000
_IP_WITH_HEADER = socket.IPPROTO_RAW
_FIRST_PORT = 20_000
_NOBODYS_PORT = 9
_FRAGMENT = 16
_LONG = 100.0
"""Seconds for which no test lasts."""


def with_timestamp(value: int, echo: int = 0) -> dict[int, bytes]:
    """A SYN's options, or a segment's, with the sender's clock and what it heard last of the other's."""
    return {TIMESTAMPS: struct.pack("!II", value, echo)}


def sacked(*blocks: tuple[int, int]) -> dict[int, bytes]:
    """The option by which blocks, from one sequence number up to another, are acknowledged apart."""
    return {SACK: b"".join(struct.pack("!II", *block) for block in blocks)}


def asking_for_cookie() -> dict[int, bytes]:
    """The options of a SYN that asks for a Fast Open cookie."""
    return {**OFFERED, FAST_OPEN: b""}


def echoed(segment: Segment) -> int:
    """The clock of its sender that a segment tells."""
    return int.from_bytes(segment.options[TIMESTAMPS][:4], "big")


@dataclass
class MadePeer:
    """One end of a connection, made by hand, whose other end is a socket on the right host."""

    raw: Socket
    arriving: Socket
    host: str
    port: int
    other: int = 0
    """The port of the other end."""
    sequence: int = FIRST
    """Of what is sent next."""
    expected: int = 0
    """Of what is to come next from the other end, as far as it was taken."""
    window: int = 65_535
    """What its segments advertise."""
    address: str = ADDRESS
    """What its segments have as their source."""
    acknowledged: int | None = None
    """The sequence number of the SYN-ACK that it has acknowledged."""

    def send(
        self,
        flags: int = ACK,
        data: bytes = b"",
        *,
        to: int | None = None,
        sequence: int | None = None,
        acknowledged: int | None = None,
        options: dict[int, bytes] | None = None,
        wrong: int = 0,
        tos: int = 0,
    ) -> None:
        """Send one segment. ``wrong`` is added to its checksum; by itself nothing counts as sent."""
        segment = self._segment(
            flags,
            data,
            to=to,
            sequence=sequence,
            acknowledged=acknowledged,
            options=options,
            wrong=wrong,
        )
        header = _ip_header(len(segment), self.address, self.host, tos)
        self.raw.sendto(header + segment, (self.host, 0))

    def send_in_fragments(self, data: bytes, order: Sequence[int]) -> None:
        """Send data in fragments of IP, of 16 bytes of the segment each, in some order of their numbers."""
        segment = self._segment(ACK | PSH, data)
        pieces = [segment[at : at + _FRAGMENT] for at in range(0, len(segment), _FRAGMENT)]
        for number in order:
            last = number == len(pieces) - 1
            packet = ipv4_packet(
                pieces[number],
                source=self.address,
                destination=self.host,
                protocol=socket.IPPROTO_TCP,
                identification=1,
                fragment=number * _FRAGMENT // 8 | (0 if last else MORE_FRAGMENTS),
            )
            self.raw.sendto(packet, (self.host, 0))
        self.sequence += len(data)

    def _segment(
        self,
        flags: int,
        data: bytes,
        *,
        to: int | None = None,
        sequence: int | None = None,
        acknowledged: int | None = None,
        options: dict[int, bytes] | None = None,
        wrong: int = 0,
    ) -> bytes:
        numbers = (
            self.sequence if sequence is None else sequence,
            self.expected if acknowledged is None else acknowledged,
        )
        ports = (self.port, self.other if to is None else to)
        octets = b"".join(bytes([kind, 2 + len(value)]) + value for kind, value in (options or {}).items())
        octets += bytes([_NOP]) * (-len(octets) % 4)
        size = (20 + len(octets)) // 4 << 12
        begin = struct.pack(
            "!HHIIHH", *ports, *(number % 2**32 for number in numbers), size | flags, self.window
        )
        rest = octets + data
        pseudo = _octets(self.address) + _octets(self.host) + struct.pack("!HH", 6, 20 + len(rest))
        checksum = internet_checksum(pseudo + begin + bytes(4) + rest) + wrong
        return begin + struct.pack("!HH", checksum % 2**16, 0) + rest

    def next(self) -> Segment:
        """The next segment that arrives for this port."""
        while True:
            segment = next_segment(self.arriving)
            if segment.destination == self.port and not self._knows(segment):
                return segment

    def _knows(self, segment: Segment) -> bool:
        """Whether it is a SYN-ACK that a timer sent once more before it was acknowledged."""
        return segment.flags == SYN | ACK and segment.sequence == self.acknowledged

    def take(self, segment: Segment) -> Segment:
        """Count a segment as received: what is sent from now on acknowledges it."""
        extra = bool(segment.flags & SYN) + bool(segment.flags & 1)
        self.expected = (segment.sequence + len(segment.data) + extra) % 2**32
        self.other = segment.source
        return segment

    def connect(self, listener: Socket, options: dict[int, bytes] | None = None) -> Segment:
        """Make the connection; the listener's SYN-ACK."""
        answer = self.ask(listener, options)
        self.acknowledged = answer.sequence
        self.send()
        return answer

    def ask(self, listener: Socket, options: dict[int, bytes] | None = None, flags: int = SYN) -> Segment:
        """Send a SYN and take the listener's answer."""
        self.other = listener.getsockname()[1]
        self.send(flags, options=OFFERED if options is None else options)
        self.sequence = FIRST + 1
        return self.take(self.next())

    def answer(self, sock: Socket, options: dict[int, bytes] | None = None) -> Segment:
        """Let a socket connect to this, which does not block from then on; its SYN."""
        sock.setblocking(False)
        sock.connect_ex((ADDRESS, self.port))
        asked = self.take(self.next())
        self.send(SYN | ACK, options=OFFERED if options is None else options)
        self.sequence = FIRST + 1
        self.next()
        return asked

    def acknowledge(self) -> None:
        """Acknowledge what is taken, after which nothing is to come, and wait until that has arrived."""
        self.send()
        self.replies()

    def tell(self, data: bytes, *, options: dict[int, bytes] | None = None, **fields: int) -> None:
        """Send data, and count it as sent."""
        self.send(ACK | PSH, data, options=options, **fields)
        self.sequence += len(data)

    def end(self, data: bytes = b"") -> None:
        """Send a FIN, with data or without, and count it as sent."""
        self.send(FIN | ACK, data)
        self.sequence += len(data) + 1

    def replies(self) -> list[Segment]:
        """What came back for all that was sent, if anything: the answer of a closed port ends it."""
        self.send(SYN, to=_NOBODYS_PORT)
        return list(takewhile(_not_from_nobody, iter(self.next, None)))

    def during(self, seconds: float) -> list[Segment]:
        """What comes within some seconds."""
        with timed() as took:
            found = []
            while (left := seconds - took.seconds) > 0:
                if readable_by_select(self.arriving, left):
                    found += self.replies()
        return found

    def reset(self) -> None:
        """End the connection, so that no timer of the other end outlives the test."""
        self.send(RST | ACK)


@contextmanager
def made_peer(hosts: Peers) -> Iterator[MadePeer]:
    """A host with a port of its own behind the left one, that the right host reaches."""
    with made_peers(hosts) as (peer,):
        yield peer


@contextmanager
def made_peers(hosts: Peers, number: int = 1) -> Iterator[list[MadePeer]]:
    """Several ends, on one host with as many ports."""
    hosts.right.namespace.add_route(NETWORK, via=hosts.left.address, dev=hosts.right.device)
    with hosts.left.entered(), Socket.raw(_IP_WITH_HEADER) as raw, segments() as arriving:
        arriving.rcvtimeo = SOON
        ports = range(_FIRST_PORT, _FIRST_PORT + number)
        yield [MadePeer(raw, arriving, hosts.right.address, port) for port in ports]


def replies_to(ends: Sequence[MadePeer]) -> list[Segment]:
    """What came back for all that several ends of one host sent, if anything."""
    ends[0].send(SYN, to=_NOBODYS_PORT)
    return list(takewhile(_not_from_nobody, iter(partial(next_segment, ends[0].arriving), None)))


def _not_from_nobody(segment: Segment) -> bool:
    """Whether it is not the answer of a closed port, which ends what came before."""
    return segment.source != _NOBODYS_PORT


def answered(ends: Sequence[MadePeer], listener: Socket) -> list[bool]:
    """Which SYNs are answered, of those that arrive one after another and are not followed up."""
    to = listener.getsockname()[1]
    found = {}
    with segments() as arriving:
        for peer in ends:
            peer.send(SYN, to=to)
            found[peer.port] = any(one.flags == SYN | ACK for one in peer.replies())
        return [found[one.source] for one in waiting_segments(arriving) if one.destination == to]


@contextmanager
def informed(
    hosts: Peers, options: dict[int, bytes] | None = None, *, flags: int = SYN, window: int = 65_535
) -> Iterator[tuple[Socket, MadePeer]]:
    """A socket of the right host that a made peer is connected to, for what TCP_INFO says of it."""
    hosts.right.namespace.sysctl["net.ipv4.tcp_early_retrans"] = 0
    with made_peer(hosts) as peer, hosts.right.entered(), listening(hosts.right.address) as listener:
        peer.window = window
        peer.acknowledged = peer.ask(listener, options, flags).sequence
        peer.send(options=with_timestamp(_CLOCK) if options and TIMESTAMPS in options else None)
        await_readable(listener)
        with listener.accept()[0] as sock:
            sock.linger = Linger(True, 0)
            sock.rcvtimeo = SOON
            yield sock, peer


@contextmanager
def accepted_from(
    hosts: Peers,
    options: dict[int, bytes] | None = None,
    *,
    window: int = 65_535,
    rto_min: float = _LONG,
) -> Iterator[tuple[Socket, MadePeer]]:
    """A socket that the right host, where this is then, accepted from a made peer.

    At the end it resets the connection, so that nothing of it is left. No timer of TCP sends anything, unless
    ``rto_min``, in seconds, is short.
    """
    hosts.right.namespace.sysctl["net.ipv4.tcp_early_retrans"] = 0
    hosts.right.namespace.add_route(f"{ADDRESS}/32", via=hosts.left.address, rto_min=rto_min)
    with made_peer(hosts) as peer, hosts.right.entered(), listening(hosts.right.address) as listener:
        peer.window = window
        peer.connect(listener, options)
        await_readable(listener)
        with listener.accept()[0] as sock:
            sock.rcvtimeo = sock.sndtimeo = SOON
            yield sock, peer
            peer.reset()


@contextmanager
def connecting(hosts: Peers) -> Iterator[tuple[Socket, MadePeer]]:
    """A socket of the right host, where this is then, that connects to a made peer, who has its SYN."""
    with made_peer(hosts) as peer, hosts.right.entered(), Socket.tcp() as sock:
        sock.setblocking(False)
        sock.connect_ex((ADDRESS, peer.port))
        peer.take(peer.next())
        yield sock, peer
        peer.send(RST | ACK)


def reach(sock: Socket, peer: MadePeer, state: str) -> None:
    """Bring a connection, of a socket that does not block from then on, into a state of its end.

    The FIN of a socket in FIN-WAIT-1, CLOSING or LAST-ACK is on its way; the peer has not heard of it.
    """
    sock.setblocking(False)
    if state == "last-ack":
        peer.end()
        await_end(sock)
    sock.shutdown(Shutdown.WRITE)
    fin = next_with(FIN, peer)
    if state == "closing":
        peer.end()
        peer.next()
    if state in {"fin-wait-2", "time-wait"}:
        peer.take(fin)
        peer.send()
        peer.replies()  # by then it was taken
    if state == "time-wait":
        peer.end()
        await_hangup(sock)


def next_with(flag: int, peer: MadePeer) -> Segment:
    """The next segment that comes with a flag."""
    return next(one for one in iter(peer.next, None) if one.flags & flag)


def fill_window(peer: MadePeer) -> int:
    """Send as much as the window takes, until it is 0; how much that is."""
    sent, room = 0, SEGMENT
    while room:
        for at in range(0, room, SEGMENT):
            peer.tell(bytes(min(SEGMENT, room - at)))
        sent += room
        room = acknowledgement(peer).window
    return sent


def acknowledgement(peer: MadePeer) -> Segment:
    """The next segment that acknowledges all that the peer sent."""
    return next(one for one in iter(peer.next, None) if one.acknowledged == peer.sequence)


def _ip_header(length: int, source: str, host: str, tos: int) -> bytes:
    """The kernel fills in length, id and checksum."""
    return struct.pack("!BBHHHBBH", 0x45, tos, 20 + length, 0, 0, 64, 6, 0) + _octets(source) + _octets(host)


def _octets(address: str) -> bytes:
    return socket.inet_aton(address)
