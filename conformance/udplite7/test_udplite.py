"""UDP-Lite: datagrams whose checksum covers a part of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import AF_INET, AF_INET6, IPPROTO_UDPLITE, SOCK_DGRAM, inet_pton

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.datagrams import UDP_HEADER, internet_sum, pseudo_header
from conformance.plugin.setups.udp import received
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability

SEND_CSCOV, RECV_CSCOV = 10, 11
HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
IP_HEADERS = {"127.0.0.1": 20, "::1": 0}
REMOVED = differs(
    "UDP-Lite is removed, over IPv6 by 62554a51c584",
    since="7.1",
    commit="56520b398e5e",
    observed={"errno": "EPROTONOSUPPORT"},
)


def udplite(host: str = "127.0.0.1") -> Socket:
    """A UDP-Lite socket for addresses of this version."""
    return Socket(AF_INET6 if ":" in host else AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE)


@contextmanager
def flow(host: str = "127.0.0.1") -> Iterator[tuple[Socket, Socket]]:
    """A UDP-Lite socket that is connected to another, which receives."""
    with udplite(host) as receiver, udplite(host) as sender:
        receiver.bind((host, 0))
        receiver.rcvtimeo = SOON
        sender.connect(receiver.getsockname())
        yield sender, receiver


def set_coverage(sock: Socket, option: int, value: int) -> None:
    sock.setsockopt(IPPROTO_UDPLITE, option, value)


def set_and_read(sock: Socket, option: int, value: int) -> int:
    set_coverage(sock, option, value)
    return sock.getsockopt(IPPROTO_UDPLITE, option)


def counted(host: str) -> int:
    """Datagrams received by UDP-Lite sockets of this version in this network namespace."""
    name, counter = ("snmp6", "UdpLite6InDatagrams") if ":" in host else ("snmp", "UdpLite:")
    rows = [row.split() for row in Path(f"/proc/thread-self/net/{name}").read_text().splitlines()]
    return int([row for row in rows if row[0] == counter][-1][1])


def packed(address: tuple[str, int], data: bytes, covered: int) -> bytes:
    """A datagram to an address on IPv4 loopback, whose checksum covers so many bytes."""
    fields = (9, address[1], covered, 0)
    bare = b"".join(field.to_bytes(2, "big") for field in fields) + data
    host = inet_pton(AF_INET, "127.0.0.1")
    header = pseudo_header(host, host, len(bare), protocol=IPPROTO_UDPLITE)
    checksum = 0xFFFF - internet_sum(header + bare[: covered or len(bare)])
    return bare[:6] + checksum.to_bytes(2, "big") + data


@claim(
    "udplite.7/DESCRIPTION/protocol-number",
    sentence=(
        *("udplite.7/DESCRIPTION/protocol-number", "udplite.7/DESCRIPTION/udp-api"),
        *("udplite.7/Address-format/sockaddr-in", "udplite.7/Address-format/sockaddr-in6"),
        "udplite.7/UDPLITE_SEND_CSCOV/zero",
    ),
    section="DESCRIPTION",
    says="What a UDP-Lite socket, over IPv4 and IPv6, sends is received as datagrams by one, and by a raw "
    "socket of the IP protocol 136; its checksum is valid and covers the whole datagram.",
    since="2.6.20",
    needs=[Capability.NET_RAW],
    expect=REMOVED,
)
@HOSTS
def test_it_is_udp_with_another_number(ns, observe, host):
    with flow(host) as (sender, receiver), Socket.raw(IPPROTO_UDPLITE, sender.family) as seen:
        seen.rcvtimeo = SOON
        sender.send(b"one")
        sender.send(b"two")
        whole = seen.recv(100)[IP_HEADERS[host] :]
        packed_host = inet_pton(sender.family, host)
        header = pseudo_header(packed_host, packed_host, len(whole), protocol=IPPROTO_UDPLITE)
        covered = int.from_bytes(whole[4:6], "big")

        assert [
            observe("received", received(receiver, 2)),
            observe("covered", covered),
            observe("sum", hex(internet_sum(header + whole))),
        ] == [["one", "two"], len(whole), "0xffff"]


@claim(
    "udplite.7/Socket-options/udp",
    sentence="udplite.7/Socket-options/udp",
    section="Socket options",
    says="UDP_CORK gathers what a UDP-Lite socket, over IPv4 and IPv6, sends.",
    since="2.6.20",
    expect=REMOVED,
)
@HOSTS
def test_it_has_the_options_of_udp(ns, observe, host):
    with flow(host) as (sender, receiver):
        sender.udp_cork = True
        sender.send(b"ab")
        sender.send(b"cd")
        sender.udp_cork = False

        assert observe("received", received(receiver, 1)) == ["abcd"]


@claim(
    "udplite.7/UDPLITE_SEND_CSCOV/stored",
    sentence=(
        *("udplite.7/UDPLITE_SEND_CSCOV/range", "udplite.7/UDPLITE_SEND_CSCOV/minimum"),
        *("udplite.7/UDPLITE_SEND_CSCOV/maximum", "udplite.7/UDPLITE_SEND_CSCOV/read"),
        *("udplite.7/UDPLITE_RECV_CSCOV/range", "udplite.7/Socket-options/level"),
    ),
    section="Socket options",
    says="UDPLITE_SEND_CSCOV and UDPLITE_RECV_CSCOV of a UDP-Lite socket, over IPv4 and IPv6, are ints at "
    "the level IPPROTO_UDPLITE: 0, 8 to 65535 read back, 1 to 7 as 8, and more than 65535 as that.",
    since="2.6.20",
    expect=REMOVED,
)
@HOSTS
@pytest.mark.parametrize(
    ("given", "stored"),
    [(0, 0), (1, 8), (7, 8), (8, 8), (9, 9), (65_535, 65_535), (65_536, 65_535), (2_147_483_647, 65_535)],
)
def test_the_coverage_is_stored(ns, observe, host, given, stored):
    with udplite(host) as sock:
        sent = [set_and_read(sock, SEND_CSCOV, value) for value in (100, given)]
        taken = [set_and_read(sock, RECV_CSCOV, value) for value in (100, given)]

        assert observe("before_and_stored", [sent, taken]) == [[100, stored], [100, stored]]


@claim(
    "udplite.7/UDPLITE_SEND_CSCOV/covers",
    sentence=("udplite.7/DESCRIPTION/option", "udplite.7/UDPLITE_SEND_CSCOV/range"),
    section="Socket options",
    says="With UDPLITE_SEND_CSCOV the datagrams of a UDP-Lite socket over IPv4 say that so many of their "
    "bytes are covered, and their checksum is of these.",
    since="2.6.20",
    needs=[Capability.NET_RAW],
    expect=REMOVED,
)
@pytest.mark.parametrize("covered", [8, 9, 12])
def test_the_checksum_covers_a_part(ns, observe, covered):
    with flow() as (sender, _), Socket.raw(IPPROTO_UDPLITE) as seen:
        seen.rcvtimeo = SOON
        set_coverage(sender, SEND_CSCOV, covered)
        sender.send(b"hello world")
        whole = seen.recv(100)[20:]
        host = inet_pton(AF_INET, "127.0.0.1")
        header = pseudo_header(host, host, len(whole), protocol=IPPROTO_UDPLITE)

        assert [
            observe("covered", int.from_bytes(whole[4:6], "big")),
            observe("sum", hex(internet_sum(header + whole[:covered]))),
        ] == [covered, "0xffff"]


@claim(
    "udplite.7/DESCRIPTION/damaged",
    sentence=("udplite.7/DESCRIPTION/variable-checksums", "udplite.7/UDPLITE_RECV_CSCOV/not-required"),
    section="DESCRIPTION",
    says="A UDP-Lite socket over IPv4 receives a datagram that is damaged beyond what its checksum covers, "
    "and not one that is damaged within.",
    since="2.6.20",
    needs=[Capability.NET_RAW],
    expect=REMOVED,
)
def test_damage_beyond_the_coverage_is_passed(ns, observe):
    with udplite() as receiver, Socket.raw(IPPROTO_UDPLITE) as sender:
        receiver.bind(("127.0.0.1", 0))
        receiver.rcvtimeo = sender.rcvtimeo = SOON
        address = receiver.getsockname()
        within = packed(address, b"within", UDP_HEADER + 6)
        beyond = packed(address, b"beyond", UDP_HEADER + 3)
        sender.sendto(within[:-1] + b"*", ("127.0.0.1", 0))
        sender.sendto(beyond[:-1] + b"*", ("127.0.0.1", 0))
        sent = [sender.recv(100)[28:].decode() for _ in range(2)]

        assert [observe("sent", sent), observe("received", received(receiver, 1))] == [
            ["withi*", "beyon*"],
            ["beyon*"],
        ]


@claim(
    "udplite.7/UDPLITE_RECV_CSCOV/filter",
    sentence="udplite.7/UDPLITE_RECV_CSCOV/filter",
    section="Socket options",
    says="With UDPLITE_RECV_CSCOV 12 a UDP-Lite socket over IPv4 receives datagrams of which 12 bytes are "
    "covered, and not those of which 11 are.",
    since="2.6.20",
    needs=[Capability.NET_RAW],
    expect=REMOVED,
)
def test_what_is_covered_less_is_dropped(ns, observe):
    with udplite() as receiver, Socket.raw(IPPROTO_UDPLITE) as sender:
        receiver.bind(("127.0.0.1", 0))
        receiver.rcvtimeo = sender.rcvtimeo = SOON
        address = receiver.getsockname()
        set_coverage(receiver, RECV_CSCOV, 12)
        sender.sendto(packed(address, b"eleven", 11), ("127.0.0.1", 0))
        sender.sendto(packed(address, b"twelve", 12), ("127.0.0.1", 0))
        sent = [sender.recv(100)[28:].decode() for _ in range(2)]

        assert [observe("sent", sent), observe("received", received(receiver, 1))] == [
            ["eleven", "twelve"],
            ["twelve"],
        ]


@claim(
    "udplite.7/FILES/counters",
    sentence=("udplite.7/FILES/snmp", "udplite.7/FILES/snmp6"),
    section="FILES",
    says="/proc/net/snmp counts the datagrams that UDP-Lite sockets receive over IPv4, /proc/net/snmp6 those "
    "over IPv6.",
    since="2.6.20",
    expect=REMOVED,
)
@HOSTS
def test_datagrams_are_counted(ns, observe, host):
    with flow(host) as (sender, receiver):
        before = counted(host)
        sender.send(b"hello")
        received(receiver, 1)

        assert observe("before_and_after", [before, counted(host)]) == [0, 1]


@claim(
    "IP_BIND_ADDRESS_NO_PORT.2const/IP_BIND_ADDRESS_NO_PORT/chosen-by-connect-udplite",
    sentence=(
        "IP_BIND_ADDRESS_NO_PORT.2const/IP_BIND_ADDRESS_NO_PORT/not-reserved",
        "IP_BIND_ADDRESS_NO_PORT.2const/IP_BIND_ADDRESS_NO_PORT/chosen-by-connect",
    ),
    section="DESCRIPTION",
    says="A UDP-Lite socket over IPv4 with IP_BIND_ADDRESS_NO_PORT that is bound to port 0 has no port until "
    "it connects, as one without the option has.",
    since="4.2",
    expect=REMOVED,
)
def test_connect_chooses_the_port(ns, observe):
    with udplite() as receiver, udplite() as sock, udplite() as without:
        receiver.bind(("127.0.0.1", 0))
        sock.ip_bind_address_no_port = True
        sock.bind(("127.0.0.2", 0))
        without.bind(("127.0.0.2", 0))
        bound = [*sock.getsockname(), without.getsockname()[1] > 0]
        sock.connect(receiver.getsockname())

        found = [*bound, sock.getsockname()[0], sock.getsockname()[1] > 0]
        assert observe("bound_and_connected", found) == ["127.0.0.2", 0, True, "127.0.0.2", True]
