"""Sysctls of ICMP: which echo requests are answered, and how often errors are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import takewhile
from socket import AF_INET, AF_INET6, IPPROTO_ICMP, IPPROTO_ICMPV6, MSG_DONTWAIT
from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, VETH, sysctl
from conformance.plugin.setups.ipv6 import LOOPBACK, address6, index_of
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.setups.segments import internet_checksum
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Host, Peers, Routed

IGNORE_ALL, IGNORE_BROADCASTS, ENABLE_PROBE, RATE_LIMIT, RATE_MASK = (
    f"net.ipv4.icmp_{name}"
    for name in ("echo_ignore_all", "echo_ignore_broadcasts", "echo_enable_probe", "ratelimit", "ratemask")
)
IGNORE_ALL6, IGNORE_MULTICAST6, IGNORE_ANYCAST6, RATE_LIMIT6, RATE_MASK6 = (
    f"net.ipv6.icmp.{name}"
    for name in ("echo_ignore_all", "echo_ignore_multicast", "echo_ignore_anycast", "ratelimit", "ratemask")
)
MSGS_PER_SECOND, MSGS_BURST = "net.ipv4.icmp_msgs_per_sec", "net.ipv4.icmp_msgs_burst"
ANYCAST_SOURCE = "net.ipv6.anycast_src_echo_reply"
ERROR_ANYCAST6 = "net.ipv6.icmp.error_anycast_as_unicast"
NEEDS = (VETH, Capability.NET_RAW)
ECHO_REPLY, ECHO, TIMESTAMP, TIMESTAMP_REPLY, PROBE, PROBE_REPLY = 0, 8, 13, 14, 42, 43
ECHO6, ECHO6_REPLY, UNREACHABLE6 = 128, 129, 1
ANSWER = {ECHO: ECHO_REPLY, TIMESTAMP: TIMESTAMP_REPLY, PROBE: PROBE_REPLY, ECHO6: ECHO6_REPLY}
LOCAL = 1
"""The bit of a PROBE request, RFC 8335, that asks of the host's own interfaces."""
OF_LOOPBACK = bytes([0x20, 0, 0xDF, 0xFF]) + bytes([0, 8, 3, 2]) + LOOPBACK.to_bytes(4, "big")
"""The extension that identifies the interface by its index."""
BROADCAST, ALL_HOSTS, ALL_NODES, ROUTERS = "10.0.1.255", "224.0.0.1", "ff02::1", "fd00:1::"
MANY = 10
NO_SOCKET: Final = {"*": "no socket is asked: a file of /proc/sys is read"}
CLOSED_LATE: Final = {"no-op: close*": "what was sent before arrives"}
ONE_OF_MANY: Final = {
    **CLOSED_LATE,
    "no-op: sendto(*many*": "where they are limited not each is answered anyway",
}


def request(type_: int, sequence: int) -> bytes:
    """A request of ICMP or ICMPv6, whose checksum the kernel fills in; with the room for three timestamps."""
    numbers = [sequence, LOCAL] if type_ == PROBE else [0, sequence]
    rest = OF_LOOPBACK if type_ == PROBE else bytes(12)
    body = bytes([0, 1, *numbers]) + rest
    checksum = internet_checksum(bytes([type_, 0, 0, 0]) + body)
    return bytes([type_, 0]) + checksum.to_bytes(2, "big") + body


class Pinger:
    """A raw socket on the left that sends requests, and knows when they were taken by the host it asks."""

    def __init__(self, sock: Socket, arriving: Socket, type_: int, barrier: Callable[[], None]) -> None:
        self.sock = sock
        self._arriving, self._type, self._barrier = arriving, type_, barrier
        self._sequence = 0

    def ping(self, host: str) -> None:
        """Send the next request; when this returns it was answered, or will not be."""
        self._sequence += 1
        self.sock.sendto(request(self._type, self._sequence), (host, 0))
        while self._message(self._arriving.recv(200))[0] != self._type:
            pass
        self._barrier()

    def _message(self, octets: bytes) -> bytes:
        return octets[20:] if self.sock.family == AF_INET else octets

    def answered(self) -> list[tuple[int, str]]:
        """The sequence numbers of the requests that were answered, and by whom, up to the last."""
        found = [(0, "")]
        while found[-1][0] != self._sequence:
            message, (source, *_) = self.sock.recvfrom(200)
            octets = self._message(message)
            if octets[0] == ANSWER[self._type]:
                found.append((octets[6 if self._type == PROBE else 7], source))
        return found[1:]

    def sequences(self) -> list[int]:
        return [sequence for sequence, _ in self.answered()]


@contextmanager
def pinging(hosts: Peers | Routed, type_: int = ECHO, *, asked: Host | None = None) -> Iterator[Pinger]:
    """What sends requests of a type from the left, to the right host or another."""
    family, protocol = (AF_INET6, IPPROTO_ICMPV6) if type_ == ECHO6 else (AF_INET, IPPROTO_ICMP)
    with (asked or hosts.right).entered():
        arriving = Socket.raw(protocol, family)
    with arriving, hosts.left.entered(), Socket.raw(protocol, family) as sock:
        sock.rcvtimeo = arriving.rcvtimeo = SOON
        yield Pinger(sock, arriving, type_, partial(_await_taken, hosts))


def answer_at_once(hosts: Routed) -> None:
    """Let the router say without delay who has its anycast address."""
    router = hosts.router
    router.namespace.sysctl[f"net.ipv6.neigh.{router.device}.proxy_delay"] = 0


def unreachable(hosts: Peers, limit: int | None = None, version: int = 4) -> int:
    """How many of 10 datagrams to a port that nobody has are answered at a limit, once none is limited."""
    family, protocol = (AF_INET, IPPROTO_ICMP) if version == 4 else (AF_INET6, IPPROTO_ICMPV6)
    host = hosts.right.address if version == 4 else address6(hosts.right)
    sysctl, right = {4: RATE_LIMIT, 6: RATE_LIMIT6}[version], hosts.right.namespace
    with hosts.left.entered(), Socket.raw(protocol, family) as errors, Socket.udp(family) as sender:
        errors.rcvtimeo = SOON
        right.sysctl.update({} if limit is None else {sysctl: limit})
        for _ in range(MANY):
            sender.sendto(b"many", (host, 9))
        _await_taken(hosts)
        right.sysctl[sysctl] = 0
        sender.sendto(b"last", (host, 9))
        messages = iter(lambda: errors.recv(200), None)
        return sum(
            message.endswith(b"many") for message in takewhile(lambda one: one[-4:] != b"last", messages)
        )


def _await_taken(hosts: Peers | Routed) -> None:
    """Wait until what the left has sent was taken: a datagram comes after it."""
    with udp_across(hosts) as (sender, receiver):
        sender.sendto(b"after", (hosts.right.address, receiver.getsockname()[1]))
        receiver.recv(9)


@claim(
    "ip-sysctl/icmp_echo_ignore_all/ignores",
    sentence=("ip-sysctl/icmp_echo_ignore_all/ignores", "ip-sysctl/icmp_echo_ignore_all/default"),
    section="IP Variables",
    says="A host over IPv4 answers echo requests in a new network namespace, and none while "
    "icmp_echo_ignore_all is 1.",
    needs=NEEDS,
    survives=CLOSED_LATE,
)
def test_no_request_is_answered(peers, observe):
    host, right = peers.right.address, peers.right.namespace
    with pinging(peers) as pinger:
        pinger.ping(host)
        right.sysctl[IGNORE_ALL] = 1
        pinger.ping(host)
        right.sysctl[IGNORE_ALL] = 0
        pinger.ping(host)

        assert observe("answered", pinger.answered()) == [(1, host), (3, host)]


@claim(
    "ip-sysctl/icmp_echo_ignore_all/timestamps",
    sentence="ip-sysctl/icmp_echo_ignore_all/ignores",
    section="IP Variables",
    says="While icmp_echo_ignore_all is 1 a host over IPv4 does not answer echo requests, but timestamp "
    "requests.",
    needs=NEEDS,
    survives=CLOSED_LATE,
)
def test_a_timestamp_request_is_answered(peers, observe):
    host, right = peers.right.address, peers.right.namespace
    right.sysctl[IGNORE_ALL] = 1
    with pinging(peers) as echo, pinging(peers, TIMESTAMP) as timestamp:
        echo.ping(host)
        timestamp.ping(host)
        right.sysctl[IGNORE_ALL] = 0
        echo.ping(host)

        answered = [echo.answered(), timestamp.answered()]
        assert observe("echo_and_timestamp", answered) == [[(2, host)], [(1, host)]]


@claim(
    "ip-sysctl/icmp_echo_enable_probe/answers",
    sentence=("ip-sysctl/icmp_echo_enable_probe/answers", "ip-sysctl/icmp_echo_enable_probe/default"),
    section="IP Variables",
    says="A host over IPv4 answers a PROBE request (RFC 8335) for one of its interfaces by index while "
    "icmp_echo_enable_probe is 1, and not in a new network namespace.",
    since="5.13",
    needs=[*NEEDS, sysctl(ENABLE_PROBE)],
    survives=CLOSED_LATE,
)
def test_a_probe_is_answered(peers, observe):
    host = peers.right.address
    with pinging(peers, PROBE) as pinger:
        pinger.ping(host)
        peers.right.namespace.sysctl[ENABLE_PROBE] = 1
        pinger.ping(host)

        assert observe("answered", pinger.answered()) == [(2, host)]


@claim(
    "ip-sysctl/icmp_echo_ignore_broadcasts/ignores",
    sentence=(
        "ip-sysctl/icmp_echo_ignore_broadcasts/ignores",
        "ip-sysctl/icmp_echo_ignore_broadcasts/default",
    ),
    section="IP Variables",
    says="A host over IPv4 answers neither echo requests nor timestamp requests to a broadcast or multicast "
    "address in a new network namespace, and with icmp_echo_ignore_broadcasts 0 it does.",
    needs=NEEDS,
    survives={**CLOSED_LATE, "no-op: setsockopt(*SO_BROADCAST*": "a multicast address does not take it"},
)
@pytest.mark.parametrize("type_", [ECHO, TIMESTAMP], ids=["echo", "timestamp"])
@pytest.mark.parametrize("host", [BROADCAST, ALL_HOSTS])
def test_no_request_to_all_is_answered(peers, observe, type_, host):
    peers.left.namespace.add_route("224.0.0.0/4", dev=peers.left.device)
    with pinging(peers, type_) as pinger:
        pinger.sock.broadcast = True
        pinger.ping(host)
        pinger.ping(peers.right.address)
        peers.right.namespace.sysctl[IGNORE_BROADCASTS] = 0
        pinger.ping(host)

        answered = [(2, peers.right.address), (3, peers.right.address)]
        assert observe("answered", pinger.answered()) == answered


@claim(
    "ip-sysctl/echo_ignore_all/ignores",
    sentence=("ip-sysctl/echo_ignore_all/ignores", "ip-sysctl/echo_ignore_all/default"),
    section="icmp/*",
    says="A host over IPv6 answers echo requests in a new network namespace, and none while "
    "net.ipv6.icmp.echo_ignore_all is 1.",
    since="4.19",
    needs=[*NEEDS, IPV6],
    survives=CLOSED_LATE,
)
def test_no_request_over_ipv6_is_answered(peers, observe):
    host, right = address6(peers.right), peers.right.namespace
    with pinging(peers, ECHO6) as pinger:
        pinger.ping(host)
        right.sysctl[IGNORE_ALL6] = 1
        pinger.ping(host)
        right.sysctl[IGNORE_ALL6] = 0
        pinger.ping(host)

        assert observe("answered", pinger.answered()) == [(1, host), (3, host)]


@claim(
    "ip-sysctl/echo_ignore_multicast/ignores",
    sentence=("ip-sysctl/echo_ignore_multicast/ignores", "ip-sysctl/echo_ignore_multicast/default"),
    section="icmp/*",
    says="A host over IPv6 answers echo requests to a multicast address in a new network namespace, and "
    "while net.ipv6.icmp.echo_ignore_multicast is 1 only those to its unicast address.",
    since="5.2",
    needs=[*NEEDS, IPV6],
    survives=CLOSED_LATE,
)
def test_no_request_to_a_group_is_answered(peers, observe):
    right = peers.right.namespace
    peers.left.namespace.sysctl[IGNORE_ALL6] = 1  # it is in the group too
    group = f"{ALL_NODES}%{index_of(peers.left)}"
    with pinging(peers, ECHO6) as pinger:
        pinger.ping(group)
        right.sysctl[IGNORE_MULTICAST6] = 1
        pinger.ping(group)
        pinger.ping(address6(peers.right))

        assert observe("answered", pinger.sequences()) == [1, 3]


@claim(
    "ip-sysctl/echo_ignore_anycast/ignores",
    sentence=("ip-sysctl/echo_ignore_anycast/ignores", "ip-sysctl/echo_ignore_anycast/default"),
    section="icmp/*",
    says="A router over IPv6 answers echo requests to the anycast address of routers in a new network "
    "namespace, and while net.ipv6.icmp.echo_ignore_anycast is 1 only those to its unicast address.",
    since="5.2",
    needs=[*NEEDS, IPV6],
    survives=CLOSED_LATE,
)
def test_no_request_to_anycast_is_answered(routed, observe):
    answer_at_once(routed)
    with pinging(routed, ECHO6, asked=routed.router) as pinger:
        pinger.ping(ROUTERS)
        before = pinger.sequences()
        routed.router.namespace.sysctl[IGNORE_ANYCAST6] = 1
        pinger.ping(ROUTERS)
        pinger.ping(address6(routed.router))

        assert observe("answered", [before, pinger.sequences()]) == [[1], [3]]


@claim(
    "ip-sysctl/anycast_src_echo_reply/source",
    sentence=("ip-sysctl/anycast_src_echo_reply/source", "ip-sysctl/anycast_src_echo_reply/default"),
    section="/proc/sys/net/ipv6/* Variables",
    says="A router over IPv6 answers an echo request to the anycast address of routers from that address "
    "while anycast_src_echo_reply is 1, and in a new network namespace from a unicast address of its own.",
    since="3.14",
    needs=[*NEEDS, IPV6],
    survives=CLOSED_LATE,
)
def test_an_anycast_address_can_answer(routed, observe):
    answer_at_once(routed)
    with pinging(routed, ECHO6, asked=routed.router) as pinger:
        pinger.ping(ROUTERS)
        before = pinger.answered()
        routed.router.namespace.sysctl[ANYCAST_SOURCE] = 1
        pinger.ping(ROUTERS)

        answered = [*before, *pinger.answered()]
        assert observe("answered", answered) == [(1, address6(routed.router)), (2, ROUTERS)]


@claim(
    "ip-sysctl/icmp_ratelimit/limits",
    sentence="ip-sysctl/icmp_ratelimit/limits",
    section="IP Variables",
    says="Of 10 datagrams that a UDP socket over IPv4 sends at once to a port that nobody has one is "
    "answered by ICMP with an icmp_ratelimit of 60000, a minute; with 0 all are.",
    needs=NEEDS,
    survives=ONE_OF_MANY,
)
@pytest.mark.parametrize(("limit", "answered"), [(60_000, 1), (0, MANY)])
def test_errors_are_limited(peers, observe, limit, answered):
    assert observe("answered", unreachable(peers, limit)) == answered


@claim(
    "ip-sysctl/icmp_ratelimit/at-once",
    sentence="ip-sysctl/icmp_ratelimit/limits",
    section="IP Variables",
    says="Of 10 datagrams that a UDP socket over IPv4 sends at once to a port that nobody has one is "
    "answered by ICMP with an icmp_ratelimit of 10000.",
    needs=NEEDS,
    survives=ONE_OF_MANY,
    expect=differs(
        "six are: the time in which none was sent, up to six times the limit, counts",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"answered": 6},
    ),
)
def test_errors_are_not_sent_at_once(peers, observe):
    assert observe("answered", unreachable(peers, 10_000)) == 1


def answered_at_once(hosts: Peers, burst: int) -> int:
    """How many of 100 datagrams to a port that nobody has are answered, without a limit for the host."""
    hosts.right.namespace.sysctl.update({RATE_LIMIT: 0, MSGS_PER_SECOND: burst, MSGS_BURST: burst})
    with hosts.left.entered(), Socket.raw(IPPROTO_ICMP) as errors, Socket.udp() as sender:
        for _ in range(100):
            sender.sendto(b"many", (hosts.right.address, 9))
        _await_taken(hosts)
        return sum(one.endswith(b"many") for one in waiting_packets(errors))


def waiting_packets(sock: Socket) -> list[bytes]:
    """The packets that have come by now."""
    found = []
    with suppress(BlockingIOError):
        while True:
            found.append(sock.recv(200, MSG_DONTWAIT))
    return found


@claim(
    "ip-sysctl/icmp_msgs_burst/limits",
    sentence=("ip-sysctl/icmp_msgs_per_sec/all", "ip-sysctl/icmp_msgs_burst/size"),
    section="IP Variables",
    says="Of 100 datagrams that a UDP socket over IPv4 sends at once to a port that nobody has all are "
    "answered by ICMP with an icmp_msgs_burst and icmp_msgs_per_sec of 1000; with 10 some are, half as many "
    "at least, and not all, how many being left to chance.",
    since="3.18",
    needs=[*NEEDS, sysctl(MSGS_BURST), sysctl(MSGS_PER_SECOND)],
    survives=ONE_OF_MANY,
)
@pytest.mark.parametrize(("burst", "most"), [(1000, True), (10, False)])
def test_a_host_answers_so_often(peers, observe, burst, most):
    count = answered_at_once(peers, burst)

    assert observe("some_and_all", [count >= 5, count == 100]) == [True, most]


@claim(
    "ip-sysctl/icmp_ratemask/default",
    sentence=("ip-sysctl/icmp_ratemask/types", "ip-sysctl/icmp_ratemask/default"),
    section="IP Variables",
    says="In a new network namespace, and with an icmp_ratemask of 8, the bit 3 alone, an icmp_ratelimit of "
    "60000 lets one of 10 datagrams to a port that nobody has be answered by ICMP; without that bit, with "
    "6160 and 0, all are.",
    needs=NEEDS,
    survives=ONE_OF_MANY,
)
@pytest.mark.parametrize(
    ("settings", "answered"),
    [({}, 1), ({RATE_MASK: 8}, 1), ({RATE_MASK: 6160}, MANY), ({RATE_MASK: 0}, MANY)],
    ids=["at-first", "8", "6160", "0"],
)
def test_types_are_limited(peers, observe, settings, answered):
    peers.right.namespace.sysctl.update(settings)

    assert observe("answered", unreachable(peers, 60_000)) == answered


@claim(
    "ip-sysctl/ratelimit/limits",
    sentence="ip-sysctl/ratelimit/limits",
    section="icmp/*",
    says="Not all of 10 datagrams that a UDP socket over IPv6 sends at once to a port that nobody has are "
    "answered by ICMPv6 with net.ipv6.icmp.ratelimit 60000; with 0 all are.",
    needs=[*NEEDS, IPV6],
    survives=ONE_OF_MANY,
)
@pytest.mark.parametrize(("limit", "everyone"), [(60_000, False), (0, True)])
def test_errors_over_ipv6_are_limited(peers, observe, limit, everyone):
    answered = unreachable(peers, limit, version=6)

    assert observe("some_and_all", [answered > 0, answered == MANY]) == [True, everyone]


@claim(
    "ip-sysctl/ratemask/types",
    sentence=("ip-sysctl/ratemask/types", "ip-sysctl/ratemask/format", "ip-sysctl/ratemask/default"),
    section="icmp/*",
    says="net.ipv6.icmp.ratemask of a new network namespace is 0-1,3-127; with a net.ipv6.icmp.ratelimit of "
    "60000 not all of 10 datagrams over IPv6 to a port that nobody has are answered by ICMPv6 then, and all "
    "are without the type 1, once 2-3,5 is written, which it reads as then.",
    needs=[*NEEDS, IPV6, sysctl(RATE_MASK6)],
    survives=ONE_OF_MANY,
)
@pytest.mark.parametrize(
    ("settings", "mask", "everyone"),
    [({}, "0-1,3-127", False), ({RATE_MASK6: "2-3,5"}, "2-3,5", True)],
    ids=["at-first", "written"],
)
def test_types_over_ipv6_are_limited(peers, observe, settings, mask, everyone):
    right = peers.right.namespace
    right.sysctl.update(settings)
    read = right.sysctl[RATE_MASK6]
    answered = unreachable(peers, 60_000, version=6)

    seen = [observe("mask", read), observe("some_and_all", [answered > 0, answered == MANY])]
    assert seen == [mask, [True, everyone]]


@claim(
    "ip-sysctl/icmp_ratelimit/default",
    sentence="ip-sysctl/icmp_ratelimit/default",
    section="IP Variables",
    says="net.ipv4.icmp_ratelimit of a new network namespace is 1000.",
    survives=NO_SOCKET,
)
def test_errors_are_limited_at_first(ns, observe):
    assert observe("limit", ns.sysctl[RATE_LIMIT]) == "1000"


@claim(
    "ip-sysctl/ratelimit/space",
    sentence="ip-sysctl/ratelimit/limits",
    section="icmp/*",
    says="Of 10 datagrams that a UDP socket over IPv6 sends at once to a port that nobody has one is "
    "answered by ICMPv6 with a net.ipv6.icmp.ratelimit of 60000, a minute.",
    needs=[*NEEDS, IPV6],
    survives=ONE_OF_MANY,
    expect=[
        differs(
            "four are: by a route to a network of 64 bits a quarter of the limit counts",
            since=since,
            until=until,
            commit="bc9259a8bae9",
            observed={"answered": 4},
        )
        for since, until in [("3.6", "6.18.14"), ("6.19", "6.19.4")]
    ],
)
def test_errors_over_ipv6_have_a_space(peers, observe):
    assert observe("answered", unreachable(peers, 60_000, version=6)) == 1


@claim(
    "ip-sysctl/ratelimit/default",
    sentence="ip-sysctl/ratelimit/default",
    section="icmp/*",
    says="net.ipv6.icmp.ratelimit of a new network namespace is 100.",
    needs=[IPV6],
    survives=NO_SOCKET,
    expect=[
        differs("it is 1000", since=since, until=until, commit="1da177e4c3f4", observed={"limit": "1000"})
        for since, until in [("2.6.12", "6.18.14"), ("6.19", "6.19.4")]
    ],
)
def test_errors_over_ipv6_are_limited_at_first(ns, observe):
    assert observe("limit", ns.sysctl[RATE_LIMIT6]) == "100"


def answered_to_anycast(hosts: Routed) -> list[str]:
    """Which of a datagram to the anycast address of routers and one to the router's own are answered."""
    answer_at_once(hosts)
    hosts.router.namespace.sysctl[RATE_LIMIT6] = 0
    with hosts.left.entered(), Socket.raw(IPPROTO_ICMPV6, AF_INET6) as errors, Socket.udp(AF_INET6) as sender:
        errors.rcvtimeo = SOON
        sender.sendto(b"anycast", (ROUTERS, 9))
        sender.sendto(b"unicast", (address6(hosts.router), 9))
        found = [""]
        while found[-1] != "unicast":
            message = errors.recv(200)
            found += [message[-7:].decode()] if message[0] == UNREACHABLE6 else []
        return found[1:]


@claim(
    "ip-sysctl/error_anycast_as_unicast/errors",
    sentence=("ip-sysctl/error_anycast_as_unicast/errors", "ip-sysctl/error_anycast_as_unicast/default"),
    section="icmp/*",
    says="A router over IPv6 answers a datagram to the anycast address of routers, at a port that nobody "
    "has, by ICMPv6 with net.ipv6.icmp.error_anycast_as_unicast 1, and not in a new network namespace.",
    since="6.4",
    needs=[*NEEDS, IPV6, sysctl(ERROR_ANYCAST6)],
    survives=CLOSED_LATE,
    expect=differs(
        "it answers either way: the sysctl counts for what comes from an anycast address",
        since="6.4",
        commit="7ab75456be14",
        observed={"answered": [["anycast", "unicast"], ["anycast", "unicast"]]},
    ),
)
def test_an_error_answers_what_came_to_anycast(routed, observe):
    before = answered_to_anycast(routed)
    routed.router.namespace.sysctl[ERROR_ANYCAST6] = 1

    answered = [before, answered_to_anycast(routed)]
    assert observe("answered", answered) == [["unicast"], ["anycast", "unicast"]]
