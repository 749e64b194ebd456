"""Sysctls of fragments: for how long they are kept, and how far out of order they may come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from socket import AF_INET6, IPPROTO_FRAGMENT, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_RAW, IPPROTO_UDP
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.setups.datagrams import MORE_FRAGMENTS, Datagram, ipv4_packet
from conformance.plugin.setups.ipv6 import address6, ipv6_packets, packet_ending, raw6
from conformance.plugin.setups.packets import packets
from conformance.plugin.setups.pairs import received_until, udp_across
from conformance.plugin.timing import SOON, timed
from libsocket import Socket
from netns import Capability, Peers

NEEDS: Final = (VETH, Capability.NET_RAW)
MAX_DIST, TIME, TIME6 = "net.ipv4.ipfrag_max_dist", "net.ipv4.ipfrag_time", "net.ipv6.ip6frag_time"
SECTION = "/proc/sys/net/ipv4/* Variables"
FIRST_EIGHTS = 2
"""How much of a datagram its first fragment has, in eights of bytes: its header and eight bytes."""
TIME_EXCEEDED, TIME_EXCEEDED6, OF_REASSEMBLY = 11, 3, 1
EXPERIMENTAL = 253
"""The protocol of raw6()."""


class Fragments:
    """Fragments of datagrams to a UDP socket on the right, and what it receives of them."""

    def __init__(self, raw: Socket, seen: Socket, near: Socket, receiver: Socket, host: str) -> None:
        self._raw, self._seen, self._near, self._receiver, self._host = raw, seen, near, receiver, host
        self._sent = 0

    def first(self, *datagrams: int) -> None:
        """The first fragments of some datagrams, which are numbered; each carries its number twice."""
        self._send(MORE_FRAGMENTS, *datagrams)

    def last(self, *datagrams: int) -> None:
        self._send(FIRST_EIGHTS, *datagrams)

    def _send(self, fragment: int, *datagrams: int) -> None:
        for number in datagrams:
            whole = bytes(Datagram(9, self._receiver.getsockname()[1], b"%08d%08d" % (number, number)))
            cut = 8 * FIRST_EIGHTS
            packet = ipv4_packet(
                whole[cut:] if fragment == FIRST_EIGHTS else whole[:cut],
                destination=self._host,
                protocol=IPPROTO_UDP,
                identification=number,
                fragment=fragment,
            )
            self._raw.sendto(packet, (self._host, 0))
        self._sent += len(datagrams)

    def received(self) -> list[int]:
        """The numbers of the datagrams that were received since last asked, once all fragments have come."""
        self._near.sendto(b"last", (self._host, self._receiver.getsockname()[1]))
        for _ in range(self._sent + 1):
            self._seen.recv(200)
        self._sent = 0
        return [int(one[:8]) for one in received_until("last", self._receiver)[:-1]]


@contextmanager
def fragments(hosts: Peers) -> Iterator[Fragments]:
    """What sends fragments from the left, one by one."""
    with hosts.left.entered():
        raw = Socket.raw(IPPROTO_RAW)
    with hosts.right.entered():
        seen = packets()
    with raw, seen, udp_across(hosts) as (near, receiver):
        seen.rcvtimeo = SOON
        yield Fragments(raw, seen, near, receiver, hosts.right.address)


def fragment6(number: int, text: bytes, *, last: bool = False) -> bytes:
    """The header of a fragment, the first or the last of a packet, and its eight bytes."""
    offset = (8 if last else 1).to_bytes(2, "big")
    return bytes([EXPERIMENTAL, 0, *offset]) + number.to_bytes(4, "big") + text.ljust(8)


@claim(
    "ip-sysctl/ipfrag_max_dist/lost",
    sentence=("ip-sysctl/ipfrag_max_dist/disorder", "ip-sysctl/ipfrag_max_dist/lost"),
    section=SECTION,
    says="A UDP socket over IPv4 receives a datagram between whose two fragments one fragment fewer comes "
    "from the same address than ipfrag_max_dist; if as many come it does not, until what came first comes "
    "again.",
    needs=NEEDS,
)
@pytest.mark.parametrize(("between", "received"), [(2, [[1], []]), (3, [[], [1]]), (4, [[], [1]])])
def test_fragments_are_presumed_lost(peers, observe, between, received):
    peers.right.namespace.sysctl[MAX_DIST] = 3
    with fragments(peers) as sent:
        sent.first(1, *range(100, 100 + between))
        sent.last(1)
        numbers = [sent.received()]
        sent.first(1)
        numbers.append(sent.received())

        assert observe("numbers", numbers) == received


@claim(
    "ip-sysctl/ipfrag_max_dist/zero",
    sentence="ip-sysctl/ipfrag_max_dist/zero",
    section=SECTION,
    says="With ipfrag_max_dist 0 a UDP socket over IPv4 receives a datagram between whose two fragments 4 "
    "others come from the same address; with 4 it does not.",
    needs=NEEDS,
)
@pytest.mark.parametrize(("most", "received"), [(0, [1]), (4, [])])
def test_none_is_presumed_lost(peers, observe, most, received):
    peers.right.namespace.sysctl[MAX_DIST] = most
    with fragments(peers) as sent:
        sent.first(1, *range(100, 104))
        sent.last(1)

        assert observe("numbers", sent.received()) == received


@claim(
    "ip-sysctl/ipfrag_max_dist/small",
    sentence="ip-sysctl/ipfrag_max_dist/small",
    section=SECTION,
    says="With ipfrag_max_dist 1 a UDP socket over IPv4 receives neither of two datagrams that are of two "
    "fragments, if these come alternately, and both if not; with 64 both in either case.",
    needs=NEEDS,
)
@pytest.mark.parametrize(("most", "received"), [(1, [[1, 2], []]), (64, [[1, 2], [3, 4]])])
def test_what_is_reordered_is_dropped(peers, observe, most, received):
    peers.right.namespace.sysctl[MAX_DIST] = most
    with fragments(peers) as sent:
        sent.first(1)
        sent.last(1)
        sent.first(2)
        sent.last(2)
        numbers = [sent.received()]
        sent.first(3, 4)
        sent.last(3, 4)
        numbers.append(sent.received())

        assert observe("numbers", numbers) == received


@claim(
    "ip-sysctl/ipfrag_max_dist/default",
    sentence="ip-sysctl/ipfrag_max_dist/default",
    section=SECTION,
    says="In a new network namespace a UDP socket over IPv4 receives a datagram between whose two fragments "
    "63 others come from the same address, and not if 64 do.",
    needs=NEEDS,
)
@pytest.mark.parametrize(("between", "received"), [(63, [1]), (64, [])])
def test_the_most_disorder_at_first(peers, observe, between, received):
    with fragments(peers) as sent:
        sent.first(1, *range(100, 100 + between))
        sent.last(1)

        assert observe("numbers", sent.received()) == received


@claim(
    "ip-sysctl/ipfrag_time/kept",
    sentence="ip-sysctl/ipfrag_time/kept",
    section=SECTION,
    says="The first fragment of a datagram over IPv4 is dropped ipfrag_time seconds after it came, 1, and "
    "its sender is told by ICMP: a UDP socket does not receive the datagram when the last one comes then. It "
    "receives one whose fragments come before.",
    needs=NEEDS,
)
def test_fragments_are_dropped_in_time(peers, observe):
    peers.right.namespace.sysctl[TIME] = 1
    with peers.left.entered():
        errors = Socket.raw(IPPROTO_ICMP)
    with errors, fragments(peers) as sent:
        errors.rcvtimeo = SOON
        with timed() as took:
            sent.first(1, 2)
            sent.last(2)
            message = errors.recv(200)[20:]
        sent.last(1)

        assert [
            observe("lasted", took.lasted(1)),
            observe("told", list(message[:2])),
            observe("numbers", sent.received()),
        ] == [True, [TIME_EXCEEDED, OF_REASSEMBLY], [2]]


@claim(
    "ip-sysctl/ip6frag_time/kept",
    sentence="ip-sysctl/ip6frag_time/kept",
    section="/proc/sys/net/ipv6/* Variables",
    says="The first fragment of a packet over IPv6 is dropped ip6frag_time seconds after it came, 1, and its "
    "sender is told by ICMPv6: a raw socket does not receive the packet when the last one comes then. It "
    "receives one whose fragments come before.",
    needs=[*NEEDS, IPV6],
)
def test_fragments_of_ipv6_are_dropped_in_time(peers, observe):
    peers.right.namespace.sysctl[TIME6] = 1
    host = address6(peers.right), 0
    with peers.left.entered():
        errors, sender, whole = Socket.raw(IPPROTO_ICMPV6, AF_INET6), raw6(IPPROTO_FRAGMENT), raw6()
    with peers.right.entered():
        receiver, seen = raw6(), ipv6_packets()
    with errors, sender, whole, receiver, seen:
        errors.rcvtimeo = receiver.rcvtimeo = SOON
        with timed() as took:
            sender.sendto(fragment6(1, b"late"), host)
            sender.sendto(fragment6(2, b"in time"), host)
            sender.sendto(fragment6(2, b"in time", last=True), host)
            message = next(one for one in iter(lambda: errors.recv(200), None) if one[0] == TIME_EXCEEDED6)
        sender.sendto(fragment6(1, b"late", last=True), host)
        whole.sendto(b"last", host)
        late = [packet_ending(seen, b"late".ljust(8)).payload[3] for _ in range(2)]

        assert [
            observe("lasted", took.lasted(1)),
            observe("told", list(message[:2])),
            observe("late", late),
            observe("received", received_until("last", receiver)),
        ] == [True, [TIME_EXCEEDED6, OF_REASSEMBLY], [1, 8], ["in time in time ", "last"]]
