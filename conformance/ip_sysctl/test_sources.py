"""Sysctls of IPv4 that say from where packets are accepted, and by which way."""

from __future__ import annotations

from socket import IPPROTO_RAW, IPPROTO_UDP, inet_aton
from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import OWN_KERNEL, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.datagrams import Datagram, datagram, ipv4_packet
from conformance.plugin.setups.packets import packets, payload
from conformance.plugin.setups.pairs import received_until, udp_across
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Host, Peers

NEEDS: Final = (VETH, Capability.NET_RAW)
ELSEWHERE, NOWHERE = "192.0.2.1", "198.51.100.1"
"""Hosts to which the right has a route by another interface, and none."""
LOOPBACK, ANOTHER_LOOPBACK = "127.0.0.1", "127.0.0.5"
TRAVELLED = bytes([131, 7, 8, *inet_aton("10.0.1.1"), 0])
"""A loose source route (RFC 791) that has been followed to its end."""
SECTION = "/proc/sys/net/ipv4/conf/*"


def sent_by_wire(hosts: Peers, *sources: str, to: str | None = None, options: bytes = b"") -> list[list[str]]:
    """Datagrams from the left that have these sources, each of which carries its own.

    Those that came to the right, and those that a UDP socket there received.
    """
    host = hosts.right.address
    with hosts.left.entered():
        raw = Socket.raw(IPPROTO_RAW)
    with hosts.right.entered():
        seen = packets()
    with raw, seen, udp_across(hosts) as (near, receiver):
        seen.rcvtimeo = SOON
        port = receiver.getsockname()[1]
        for source in sources:
            packet = ipv4_packet(
                bytes(Datagram(9, port, source.encode())),
                source=source,
                destination=to or host,
                protocol=IPPROTO_UDP,
                options=options,
            )
            raw.sendto(packet, (host, 0))
        near.sendto(b"last", (host, port))
        came = [datagram(seen.recv(200)).data.decode() for _ in sources]
        return [came, received_until("last", receiver)[:-1]]


def set_both(host: Host, name: str, everywhere: int, here: int) -> None:
    """Set a sysctl of IPv4 for all interfaces, and for that of a host."""
    conf = f"net.ipv4.conf.{{}}.{name}"
    host.namespace.sysctl.update({conf.format("all"): everywhere, conf.format(host.device): here})


def lead_elsewhere(host: Host) -> None:
    """Give a host a route by another interface."""
    host.namespace.add_veth("other", "end")
    host.namespace.set_link("other", up=True)
    host.namespace.set_link("end", up=True)
    host.namespace.add_address("other", "192.0.2.9/24")


@claim(
    "ip-sysctl/rp_filter/modes",
    sentence=("ip-sysctl/rp_filter/none", "ip-sysctl/rp_filter/strict", "ip-sysctl/rp_filter/loose"),
    section=SECTION,
    says="A UDP socket over IPv4 receives datagrams of every source with rp_filter 0; with 1 only those to "
    "whose source the interface leads that they came by; with 2 only those to whose source any interface "
    "does.",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("mode", "sources"),
    [
        (0, [NOWHERE, "10.0.1.1", ELSEWHERE, NOWHERE]),
        (1, ["10.0.1.1"]),
        (2, ["10.0.1.1", ELSEWHERE]),
    ],
)
def test_sources_are_questioned(peers, observe, mode, sources):
    lead_elsewhere(peers.right)
    set_both(peers.right, "rp_filter", 0, mode)
    came, taken = sent_by_wire(peers, NOWHERE, "10.0.1.1", ELSEWHERE, NOWHERE)

    assert [observe("came", came), observe("received", taken)] == [
        [NOWHERE, "10.0.1.1", ELSEWHERE, NOWHERE],
        sources,
    ]


@claim(
    "ip-sysctl/rp_filter/larger",
    sentence="ip-sysctl/rp_filter/most",
    section=SECTION,
    says="The larger rp_filter counts, of conf/all and of the interface by which a datagram for a UDP "
    "socket over IPv4 comes: with 0 and 1 strict, with 1 and 2 loose.",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("everywhere", "here", "sources"),
    [
        (0, 0, ["10.0.1.1", ELSEWHERE, NOWHERE]),
        (0, 1, ["10.0.1.1"]),
        (1, 0, ["10.0.1.1"]),
        (1, 2, ["10.0.1.1", ELSEWHERE]),
        (2, 1, ["10.0.1.1", ELSEWHERE]),
    ],
)
def test_the_larger_mode_counts(peers, observe, everywhere, here, sources):
    lead_elsewhere(peers.right)
    set_both(peers.right, "rp_filter", everywhere, here)
    came, taken = sent_by_wire(peers, "10.0.1.1", ELSEWHERE, NOWHERE)

    assert [observe("came", came), observe("received", taken)] == [
        ["10.0.1.1", ELSEWHERE, NOWHERE],
        sources,
    ]


@claim(
    "ip-sysctl/rp_filter/default",
    sentence="ip-sysctl/rp_filter/default",
    section=SECTION,
    says="In a new network namespace of a kernel that nobody has set up a UDP socket over IPv4 receives a "
    "datagram to whose source no interface leads.",
    needs=[*NEEDS, OWN_KERNEL],
)
def test_no_source_is_questioned_at_first(peers, observe):
    assert observe("came_and_received", sent_by_wire(peers, NOWHERE)) == [[NOWHERE]] * 2


@claim(
    "ip-sysctl/accept_source_route/all",
    sentence="ip-sysctl/accept_source_route/all",
    section=SECTION,
    says="A UDP socket over IPv4 receives a datagram with a loose source route where accept_source_route is "
    "on for conf/all and for the interface by which it comes, and not where it is off for one of them.",
    needs=NEEDS,
)
@pytest.mark.parametrize(("everywhere", "here", "accepted"), [(1, 1, True), (0, 1, False), (1, 0, False)])
def test_source_routes_are_accepted(peers, observe, everywhere, here, accepted):
    set_both(peers.right, "accept_source_route", everywhere, here)
    came, taken = sent_by_wire(peers, "10.0.1.1", options=TRAVELLED)

    assert [observe("came", came), observe("received", taken)] == [["10.0.1.1"], ["10.0.1.1"] * accepted]


@claim(
    "ip-sysctl/accept_source_route/host",
    sentence="ip-sysctl/accept_source_route/default",
    section=SECTION,
    says="In a new network namespace of a kernel that nobody has set up, which does not forward, a UDP "
    "socket over IPv4 does not receive a datagram with a loose source route.",
    needs=[*NEEDS, OWN_KERNEL],
)
def test_a_host_accepts_no_source_routes_at_first(peers, observe):
    came, taken = sent_by_wire(peers, "10.0.1.1", options=TRAVELLED)

    assert [observe("came", came), observe("received", taken)] == [["10.0.1.1"], []]


@claim(
    "ip-sysctl/accept_source_route/router",
    sentence="ip-sysctl/accept_source_route/default",
    section=SECTION,
    says="On a host that forwards, of a kernel that nobody has set up, a UDP socket over IPv4 receives a "
    "datagram with a loose source route.",
    needs=[*NEEDS, OWN_KERNEL],
    expect=differs(
        "it is on for every interface and off for conf/all, whether a host forwards or not (older than the "
        "history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"came": ["10.0.1.1"], "received": []},
    ),
)
def test_a_router_accepts_source_routes_at_first(peers, observe):
    peers.right.namespace.sysctl["net.ipv4.ip_forward"] = 1
    came, taken = sent_by_wire(peers, "10.0.1.1", options=TRAVELLED)

    assert [observe("came", came), observe("received", taken)] == [["10.0.1.1"]] * 2


@claim(
    "ip-sysctl/accept_local/accepts",
    sentence="ip-sysctl/accept_local/accepts",
    section=SECTION,
    says="A UDP socket over IPv4 receives a datagram that comes by a wire and whose source is its own "
    "host's address, with accept_local of the interface or of conf/all, and not without.",
    needs=NEEDS,
)
@pytest.mark.parametrize(("everywhere", "here", "accepted"), [(0, 0, False), (0, 1, True), (1, 0, True)])
def test_a_host_hears_itself(peers, observe, everywhere, here, accepted):
    set_both(peers.right, "rp_filter", 0, 0)
    set_both(peers.right, "accept_local", everywhere, here)
    came, taken = sent_by_wire(peers, "10.0.1.2")

    assert [observe("came", came), observe("received", taken)] == [["10.0.1.2"], ["10.0.1.2"] * accepted]


@claim(
    "ip-sysctl/accept_local/default",
    sentence="ip-sysctl/accept_local/default",
    section=SECTION,
    says="In a new network namespace of a kernel that nobody has set up a UDP socket over IPv4 does not "
    "receive a datagram that comes by a wire and whose source is its own host's address.",
    needs=[*NEEDS, OWN_KERNEL],
)
def test_a_host_does_not_hear_itself_at_first(peers, observe):
    came, taken = sent_by_wire(peers, "10.0.1.2", NOWHERE)

    assert [observe("came", came), observe("received", taken)] == [["10.0.1.2", NOWHERE], [NOWHERE]]


@claim(
    "ip-sysctl/route_localnet/destination",
    sentence="ip-sysctl/route_localnet/loopback",
    section=SECTION,
    says="A UDP socket over IPv4 receives a datagram that comes by a wire to 127.0.0.1, with route_localnet "
    "of the interface or of conf/all, and not without.",
    needs=NEEDS,
)
@pytest.mark.parametrize(("everywhere", "here", "accepted"), [(0, 0, False), (0, 1, True), (1, 0, True)])
def test_loopback_is_reached_by_a_wire(peers, observe, everywhere, here, accepted):
    set_both(peers.right, "route_localnet", everywhere, here)
    came, taken = sent_by_wire(peers, "10.0.1.1", to=LOOPBACK)

    assert [observe("came", came), observe("received", taken)] == [["10.0.1.1"], ["10.0.1.1"] * accepted]


@claim(
    "ip-sysctl/route_localnet/source",
    sentence="ip-sysctl/route_localnet/loopback",
    section=SECTION,
    says="A UDP socket over IPv4 receives a datagram that comes by a wire from 127.0.0.5, with "
    "route_localnet and without rp_filter, and not without route_localnet.",
    needs=NEEDS,
)
@pytest.mark.parametrize(("here", "accepted"), [(0, False), (1, True)])
def test_loopback_comes_by_a_wire(peers, observe, here, accepted):
    set_both(peers.right, "rp_filter", 0, 0)
    set_both(peers.right, "route_localnet", 0, here)
    came, taken = sent_by_wire(peers, ANOTHER_LOOPBACK)

    assert [observe("came", came), observe("received", taken)] == [
        [ANOTHER_LOOPBACK],
        [ANOTHER_LOOPBACK] * accepted,
    ]


@claim(
    "ip-sysctl/route_localnet/sent",
    sentence="ip-sysctl/route_localnet/loopback",
    section=SECTION,
    says="A UDP socket over IPv4 that is bound to 127.0.0.1 can send by a wire with route_localnet, and what "
    "it sends has that source; without it cannot.",
    needs=NEEDS,
)
def test_loopback_is_sent_by_a_wire(peers, observe):
    with peers.right.entered():
        seen = packets()
    with seen, udp_across(peers) as (known, receiver), peers.left.entered(), Socket.udp() as sender:
        seen.rcvtimeo = SOON
        address = peers.right.address, receiver.getsockname()[1]
        known.sendto(b"known", address)  # nobody answers ARP that 127.0.0.1 asks
        receiver.recv(9)
        sender.bind((LOOPBACK, 0))
        set_both(peers.left, "route_localnet", 0, 0)
        with refused():
            sender.sendto(b"without", address)
        set_both(peers.left, "route_localnet", 0, 1)
        sender.sendto(b"with", address)
        came = [seen.recv(200) for _ in range(2)]

        assert observe("came", [[one[12:16].hex(), payload(one)] for one in came]) == [
            ["0a000101", "known"],
            ["7f000001", "with"],
        ]


@claim(
    "ip-sysctl/route_localnet/default",
    sentence="ip-sysctl/route_localnet/default",
    section=SECTION,
    says="In a new network namespace of a kernel that nobody has set up a UDP socket over IPv4 does not "
    "receive a datagram that comes by a wire to 127.0.0.1.",
    needs=[*NEEDS, OWN_KERNEL],
)
def test_loopback_is_not_reached_at_first(peers, observe):
    came, taken = sent_by_wire(peers, "10.0.1.1", to=LOOPBACK)

    assert [observe("came", came), observe("received", taken)] == [["10.0.1.1"], []]
