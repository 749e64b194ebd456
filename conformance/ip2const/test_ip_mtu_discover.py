"""IP_MTU_DISCOVER: how large a packet may be on its way."""

from __future__ import annotations

import errno
from socket import MSG_WAITALL

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ROUTE_MTU, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.error_queue import destination, next_error, told
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.packets import IpHeader, next_header, packets
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.setups.sockets import raw_socket
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Namespace, Routed

DONT, WANT, DO, PROBE = 0, 1, 2, 3
MTU = 1500
IP_HEADER, UDP_HEADERS = 20, 28
WITH_FLAG = {DONT: False, WANT: True, DO: True, PROBE: True}

MODES = pytest.mark.parametrize("mode", WITH_FLAG, ids=["dont", "want", "do", "probe"])

DATAGRAMS = pytest.mark.parametrize(
    ("make", "headers"), [(Socket.udp, UDP_HEADERS), (raw_socket, IP_HEADER)], ids=["udp", "raw"]
)


def begin_with_another(ns: Namespace, mode: int) -> None:
    """Let sockets begin with a mode that does not do as this one does."""
    ns.sysctl["net.ipv4.ip_no_pmtu_disc"] = int(WITH_FLAG[mode])


def another_than(mode: int) -> int:
    """A mode that does not do as this one does."""
    return DONT if WITH_FLAG[mode] else DO


MODE_BEFORE = {
    "no-op: setsockopt(*IP_MTU_DISCOVER, ?0?*": "it is only what the socket has before",
    "no-op: setsockopt(*IP_MTU_DISCOVER, ?2?*": "it is only what the socket has before",
}


def narrow(hosts: Routed, mtu: int = 1300) -> None:
    """Make the path narrower behind the router, which tells of every packet that is too large."""
    router = hosts.router_right.namespace
    router.set_link(hosts.router_right.device, mtu=mtu)
    router.sysctl["net.ipv4.icmp_ratelimit"] = 0


def shape(header: IpHeader) -> list[object]:
    """Length and don't-fragment flag."""
    return [header.length, header.whole]


def another_address(hosts: Routed) -> str:
    """A second address of the right host."""
    hosts.right.namespace.add_address(hosts.right.device, "10.0.2.9/24")
    return "10.0.2.9"


@claim(
    "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/datagrams-with-the-flag",
    sentence=(
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/do-flag",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/always",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/never",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/want",
        "in.h/IP_MTU_DISCOVER/dont",
        "in.h/IP_MTU_DISCOVER/do",
    ),
    section="DESCRIPTION",
    says="Datagrams of a UDP or raw socket that are no larger than the MTU, from the smallest to that size, "
    "have the don't-fragment flag with IP_PMTUDISC_DO, IP_PMTUDISC_WANT and IP_PMTUDISC_PROBE, and not with "
    "IP_PMTUDISC_DONT.",
    since="2.6.22",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("make", "size"),
    [
        (Socket.udp, 1),
        (Socket.udp, MTU - UDP_HEADERS),
        (raw_socket, 1),
        (raw_socket, MTU - IP_HEADER),
    ],
    ids=["udp-smallest", "udp-largest", "raw-smallest", "raw-largest"],
)
@MODES
def test_datagrams_have_the_flag(ns, observe, make, size, mode):
    ns.set_link("lo", mtu=MTU)
    begin_with_another(ns, mode)
    with packets() as seen, make() as sock:
        seen.rcvtimeo = SOON
        sock.ip_mtu_discover = mode
        sock.sendto(bytes(size), ("127.0.0.1", 9))

        assert observe("flag", next_header(seen).whole) is WITH_FLAG[mode]


@claim(
    "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/larger-are-fragmented",
    sentence=(
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/want",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/never",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/do-emsgsize",
    ),
    section="DESCRIPTION",
    says="A datagram of a UDP or raw socket that is one byte larger than the MTU goes in fragments without "
    "the don't-fragment flag, with IP_PMTUDISC_WANT and with IP_PMTUDISC_DONT; with IP_PMTUDISC_DO it is "
    "refused with EMSGSIZE.",
    since="2.2",
    needs=[Capability.NET_RAW],
)
@DATAGRAMS
@pytest.mark.parametrize("mode", [DONT, WANT], ids=["dont", "want"])
def test_larger_datagrams_are_fragmented(ns, observe, make, headers, mode):
    ns.set_link("lo", mtu=MTU)
    with packets() as seen, make() as sock:
        seen.rcvtimeo = SOON
        sock.ip_mtu_discover = DO
        with refused(errno.EMSGSIZE):
            sock.sendto(bytes(MTU - headers + 1), ("127.0.0.1", 9))
        sock.ip_mtu_discover = mode
        sock.sendto(bytes(MTU - headers + 1), ("127.0.0.1", 9))

        assert observe("lengths_and_flags", [shape(next_header(seen)), shape(next_header(seen))]) == [
            [MTU, False],
            [IP_HEADER + 1, False],
        ]


@claim(
    "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/as-the-route-says",
    sentence=("IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/route", "in.h/IP_MTU_DISCOVER/want"),
    section="DESCRIPTION",
    says="With IP_PMTUDISC_WANT a UDP datagram is as large as the MTU of its route allows, with the "
    "don't-fragment flag, and one byte more goes in fragments, though the interface takes more.",
    since="2.2",
    needs=[VETH, Capability.NET_RAW, ROUTE_MTU],
)
def test_the_route_says_how_large(peers, observe):
    left, right = peers.left, peers.right
    left.namespace.add_route(f"{right.address}/32", dev=left.device, mtu=1300)
    begin_with_another(left.namespace, WANT)
    with right.entered():
        seen = packets()
    with seen, udp_across(peers) as (sender, receiver):
        seen.rcvtimeo = SOON
        sender.ip_mtu_discover = WANT
        sender.sendto(bytes(1300 - UDP_HEADERS), (right.address, receiver.getsockname()[1]))
        sender.sendto(bytes(1300 - UDP_HEADERS + 1), (right.address, receiver.getsockname()[1]))

        assert observe("lengths_and_flags", [shape(next_header(seen)) for _ in "123"]) == [
            [1300, True],
            [1300, False],
            [IP_HEADER + 1, False],
        ]


@claim(
    "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/streams",
    sentence=(
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/streams",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/always",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/never",
    ),
    section="DESCRIPTION",
    says="A TCP connection discovers with IP_PMTUDISC_WANT and IP_PMTUDISC_DO that its path is narrower "
    "behind a router, and what it sent arrives. With IP_PMTUDISC_DONT it arrives too, and the path MTU stays "
    "that of the interface.",
    since="2.2",
    needs=[VETH],
    survives=MODE_BEFORE,
)
@pytest.mark.parametrize(("mode", "mtu"), [(DONT, MTU), (WANT, 1300), (DO, 1300)], ids=["dont", "want", "do"])
def test_a_stream_discovers_its_path(routed, observe, mode, mtu):
    narrow(routed)
    with routed.left.entered():
        client = Socket.tcp()
    with routed.right.entered(), listening(routed.right.address) as listener, client:
        client.ip_mtu_discover = another_than(mode)
        client.ip_mtu_discover = mode
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            server.rcvtimeo = SOON
            first = client.ip_mtu
            client.send(bytes(5000))
            received = len(server.recv(5000, MSG_WAITALL))

            assert [observe("received", received), observe("path_mtu", [first, client.ip_mtu])] == [
                5000,
                [MTU, mtu],
            ]


def flags_of_stream(mode: int) -> list[bool]:
    """Those of the first packet of a TCP connection, and of the one that carries its data."""
    with packets() as seen, listening() as listener, Socket.tcp() as client:
        seen.rcvtimeo = SOON
        client.ip_mtu_discover = mode
        client.connect(listener.getsockname())
        request = next_header(seen)
        client.send(bytes(100))
        later = next(one for one in iter(lambda: next_header(seen), None) if one.length > 100)
        return [request.whole, later.whole]


@claim(
    "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/streams-with-the-flag",
    sentence=(
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/streams",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/always",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/never",
    ),
    section="DESCRIPTION",
    says="The first packet of a TCP connection, and the one that carries its data, have the don't-fragment "
    "flag with IP_PMTUDISC_DO and IP_PMTUDISC_WANT, and not with IP_PMTUDISC_DONT.",
    since="2.2",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("mode", [DONT, WANT, DO], ids=["dont", "want", "do"])
def test_segments_have_the_flag(ns, observe, mode):
    begin_with_another(ns, mode)

    assert observe("flags", flags_of_stream(mode)) == [WITH_FLAG[mode], WITH_FLAG[mode]]


@claim(
    "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/streams-that-probe",
    sentence="IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/ignore",
    section="DESCRIPTION",
    says="The first packet of a TCP connection with IP_PMTUDISC_PROBE, and the one that carries its data, "
    "have the don't-fragment flag.",
    since="2.6.22",
    needs=[Capability.NET_RAW],
    expect=differs(
        "on TCP it is as IP_PMTUDISC_DONT: no packet has the flag",
        since="2.6.22",
        commit="628a5c561890",
        observed={"flags": [False, False]},
    ),
)
def test_segments_that_probe_have_the_flag(ns, observe):
    assert observe("flags", flags_of_stream(PROBE)) == [True, True]


@claim(
    "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/per-destination",
    sentence=(
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/per-destination",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/estimate",
    ),
    section="DESCRIPTION",
    says="The path MTU that one UDP socket has discovered is that of another which is then connected to the "
    "same host; one connected to another host behind the router reads the MTU of the interface.",
    since="2.2",
    needs=[VETH],
)
def test_it_is_known_for_a_destination(routed, observe):
    narrow(routed)
    elsewhere = another_address(routed)
    with routed.left.entered(), Socket.udp() as sock, Socket.udp() as same, Socket.udp() as other:
        sock.ip_recverr = True
        sock.sendto(bytes(1301), (routed.right.address, 9))
        first = told(next_error(sock))
        same.connect((routed.right.address, 9))
        other.connect((elsewhere, 9))

        assert [observe("told", first), observe("path_mtu", [same.ip_mtu, other.ip_mtu])] == [
            ["EMSGSIZE", "ICMP", 1300],
            [1300, MTU],
        ]


@claim(
    "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/each-update",
    sentence=(
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/error-queue",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/each-update",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/changes",
    ),
    section="DESCRIPTION",
    says="A UDP socket that is not connected finds in its error queue (IP_RECVERR) the path MTU towards each "
    "destination that a router told of, and another one for the same destination when the path gets narrower "
    "still.",
    since="2.2",
    needs=[VETH],
)
def test_each_update_is_queued(routed, observe):
    narrow(routed)
    elsewhere = another_address(routed)
    with routed.left.entered(), Socket.udp() as sock:
        sock.ip_recverr = True
        sock.sendto(bytes(1400), (routed.right.address, 9))
        updates = [next_error(sock)]
        sock.sendto(bytes(1400), (elsewhere, 9))
        updates.append(next_error(sock))
        narrow(routed, 1200)
        sock.sendto(bytes(1250), (routed.right.address, 9))
        updates.append(next_error(sock))

        assert observe("updates", [[destination(one), *told(one)] for one in updates]) == [
            [routed.right.address, "EMSGSIZE", "ICMP", 1300],
            [elsewhere, "EMSGSIZE", "ICMP", 1300],
            [routed.right.address, "EMSGSIZE", "ICMP", 1200],
        ]


@claim(
    "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/first-dropped",
    sentence="IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/first-dropped",
    section="DESCRIPTION",
    says="With IP_PMTUDISC_WANT a UDP datagram that is larger than a path MTU not known yet does not arrive; "
    "the next one of that size does.",
    since="2.2",
    needs=[VETH],
    survives=MODE_BEFORE,
)
def test_the_first_datagram_is_dropped(routed, observe):
    narrow(routed)
    with udp_across(routed) as (sender, receiver):
        sender.ip_recverr = True
        sender.ip_mtu_discover = another_than(WANT)
        sender.ip_mtu_discover = WANT
        sender.sendto(b"first".ljust(1301), (routed.right.address, receiver.getsockname()[1]))
        first = told(next_error(sender))
        sender.sendto(b"second".ljust(1301), (routed.right.address, receiver.getsockname()[1]))

        assert [observe("told", first), observe("received", receiver.recv(2000).decode().rstrip())] == [
            ["EMSGSIZE", "ICMP", 1300],
            "second",
        ]


@claim(
    "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/shrink",
    sentence=(
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/shrink",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/error-queue",
    ),
    section="DESCRIPTION",
    says="A UDP socket with IP_PMTUDISC_DO and IP_RECVERR that is not connected is told, when it begins with "
    "the largest datagram there is, the MTU of the interface, and with one of that size the path MTU; one of "
    "that size arrives.",
    since="2.2",
    needs=[VETH],
)
def test_a_large_datagram_shrinks(routed, observe):
    narrow(routed)
    with udp_across(routed) as (sender, receiver):
        sender.ip_recverr = True
        sender.ip_mtu_discover = DO
        address = routed.right.address, receiver.getsockname()[1]
        with refused(errno.EMSGSIZE):
            sender.sendto(bytes(65_535 - UDP_HEADERS), address)
        sizes = [told(next_error(sender))]
        sender.sendto(bytes(MTU - UDP_HEADERS), address)
        sizes.append(told(next_error(sender)))
        sender.sendto(bytes(1300 - UDP_HEADERS), address)

        assert [observe("told", sizes), observe("received", len(receiver.recv(2000)))] == [
            [["EMSGSIZE", "LOCAL", MTU], ["EMSGSIZE", "ICMP", 1300]],
            1300 - UDP_HEADERS,
        ]


@claim(
    "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/probe",
    sentence=(
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/ignore",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/probe-datagrams",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/probe-larger",
        "in.h/IP_MTU_DISCOVER/probe",
    ),
    section="DESCRIPTION",
    says="With IP_PMTUDISC_PROBE a datagram of a UDP or raw socket that is larger than the path MTU leaves "
    "whole, with the don't-fragment flag, also once the path MTU is known; with IP_PMTUDISC_DO it is then "
    "refused.",
    since="2.6.22",
    needs=[VETH, Capability.NET_RAW],
    survives=MODE_BEFORE,
)
@DATAGRAMS
def test_a_probe_is_larger_than_the_path_takes(routed, observe, make, headers):
    narrow(routed)
    with routed.router.entered():
        seen = packets()
    with routed.left.entered(), seen, make() as sock:
        seen.rcvtimeo = SOON
        sock.ip_recverr = True
        sock.ip_mtu_discover = another_than(PROBE)
        sock.ip_mtu_discover = PROBE
        sock.sendto(bytes(MTU - headers), (routed.right.address, 9))
        first = told(next_error(sock))
        sock.ip_mtu_discover = DO
        with refused(errno.EMSGSIZE):
            sock.sendto(bytes(MTU - headers), (routed.right.address, 9))
        sock.recv_error()
        sock.ip_mtu_discover = PROBE
        sock.sendto(bytes(MTU - headers), (routed.right.address, 9))
        arrived = [shape(next_header(seen)), shape(next_header(seen))]

        assert [observe("told", first), observe("lengths_and_flags", arrived)] == [
            ["EMSGSIZE", "ICMP", 1300],
            [[MTU, True], [MTU, True]],
        ]
