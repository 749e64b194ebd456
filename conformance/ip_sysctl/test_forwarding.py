"""Sysctls that say what is forwarded, and by which way packets leave: routers, redirects, routes."""

from __future__ import annotations

import socket
import time
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, OWN_KERNEL, VETH
from conformance.plugin.setups.ipv6 import address6, ipv6_packets, packet_ending, udp6
from conformance.plugin.setups.packets import packets, payload
from conformance.plugin.setups.pairs import received_until, udp_across
from conformance.plugin.setups.segments import internet_checksum
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Host, Namespace, Peers

NEEDS: Final = (VETH, Capability.NET_RAW)
CLOSED: Final = {"no-op: close(*": "what was received does not change later"}
CONF = "net.ipv4.conf.{}.{}"
TTL, PROTOCOL, TYPE = 8, 9, 20
"""Bytes of an IPv4 header, and that of ICMP after it."""
FAR, FURTHER, GATEWAY = "192.0.2.1", "192.0.2.0/24", "10.0.1.9"
DEAD = "192.0.2.9"
IN_NETWORK, ELSEWHERE = "10.0.1.1", "10.0.7.1"
"""Addresses of the left."""
SENT_IF = "send_redirects", "shared_media"
"""Where both are on a router sends redirects."""
HARDWARE = "02:00:00:00:00:09"
BROADCAST = "10.0.2.255"
REDIRECT, OF_HOST = 5, 1
LINKDOWN = 0x10
"""RTNH_F_LINKDOWN"""
NOTHING = bytes([0, 0, 0xFF, 0xFF, *bytes(4)])
"""An ICMP reply that nobody asked for."""


def lead_through_right(hosts: Peers) -> None:
    """Have the left send to a network through the right, which has a route to it back to the left."""
    hosts.left.namespace.add_route(FURTHER, via=hosts.right.address)
    hosts.right.namespace.add_route(FURTHER, via=hosts.left.address)


@claim(
    "ip-sysctl/ip_forward/default",
    sentence="ip-sysctl/ip_forward/default",
    section="/proc/sys/net/ipv4/* Variables",
    says="A host of a kernel that nobody has set up does not forward a datagram over IPv4, and does once "
    "ip_forward is on: then it leaves with a time to live of one less.",
    needs=[*NEEDS, OWN_KERNEL],
)
def test_nothing_is_forwarded_at_first(peers, observe):
    lead_through_right(peers)
    with peers.right.entered():
        seen = packets()
    with peers.left.entered():
        back, sender = packets(), Socket.udp()
    with seen, back, sender:
        seen.rcvtimeo = back.rcvtimeo = SOON
        sender.sendto(b"at first", (FAR, 9))
        came = [payload(seen.recv(200))]
        peers.right.namespace.sysctl["net.ipv4.ip_forward"] = 1
        sender.sendto(b"on", (FAR, 9))
        came.append(payload(seen.recv(200)))
        packet = next(one for one in iter(lambda: back.recv(200), b"") if one[PROTOCOL] == socket.IPPROTO_UDP)

        assert [observe("came", came), observe("back", [payload(packet), packet[TTL]])] == [
            ["at first", "on"],
            ["on", 63],
        ]


@claim(
    "ip-sysctl/ipv6-forwarding/all",
    sentence="ip-sysctl/ipv6-forwarding/all",
    section="/proc/sys/net/ipv6/* Variables",
    says="With net.ipv6's conf/all/forwarding 1 a router forwards datagrams over IPv6 from either of its "
    "interfaces to the other, whose own was 0 before, and with 0 from neither.",
    needs=[*NEEDS, IPV6],
)
def test_ipv6_is_forwarded_between_all_interfaces(routed, observe):
    router = routed.router.namespace
    hosts = {routed.left.device: routed.left, routed.right.device: routed.right}
    with routed.router.entered():
        seen = ipv6_packets()
    with routed.left.entered():
        left = udp6()
    with routed.right.entered():
        right = udp6()
    with seen, left, right:
        left.bind((address6(routed.left), 0))
        right.bind((address6(routed.right), 0))
        left.rcvtimeo = right.rcvtimeo = SOON
        router.sysctl.update({f"net.ipv6.conf.{name}.forwarding": 0 for name in ("all", *hosts)})
        left.sendto(b"left, off", right.getsockname())
        right.sendto(b"right, off", left.getsockname())
        hops = [packet_ending(seen, end).hop_limit for end in (b"left, off", b"right, off")]
        router.sysctl["net.ipv6.conf.all.forwarding"] = 1
        left.sendto(b"left, on", right.getsockname())
        right.sendto(b"right, on", left.getsockname())
        received = [right.recv(20).decode(), left.recv(20).decode()]

        assert [observe("at_router", hops), observe("received", received)] == [
            [64, 64],
            ["left, on", "right, on"],
        ]


@claim(
    "ip-sysctl/bc_forwarding/forwards",
    sentence=("ip-sysctl/bc_forwarding/forwards", "ip-sysctl/bc_forwarding/both"),
    section="/proc/sys/net/ipv4/* Variables",
    says="A router forwards a datagram to the broadcast address of another network of its own, which a UDP "
    "socket there receives, where bc_forwarding is 1 for conf/all and for the interface by which it comes, "
    "even if it is 0 for that by which it leaves; where one of the two is 0 it does not, even if it is 1 for "
    "that.",
    since="4.19",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("values", "received"),
    [
        ((1, 1, 1), ["directed", "last"]),
        ((1, 1, 0), ["directed", "last"]),
        ((1, 0, 1), ["last"]),
        ((0, 1, 1), ["last"]),
        ((0, 0, 1), ["last"]),
    ],
)
def test_directed_broadcasts_are_forwarded(routed, observe, values, received):
    router = routed.router.namespace
    names = "all", routed.router.device, routed.router_right.device
    router.sysctl.update(
        {CONF.format(name, "bc_forwarding"): value for name, value in zip(names, values, strict=True)}
    )
    with routed.router.entered():
        seen = packets()
    with seen, udp_across(routed) as (sender, receiver):
        seen.rcvtimeo = SOON
        port = receiver.getsockname()[1]
        sender.sendto(b"directed", (BROADCAST, port))
        sender.sendto(b"last", (routed.right.address, port))
        came = [payload(seen.recv(200)) for _ in range(2)]

        assert [
            observe("at_router", came),
            observe("received", received_until("last", receiver)),
        ] == [["directed", "last"], received]


@claim(
    "ip-sysctl/bc_forwarding/default",
    sentence="ip-sysctl/bc_forwarding/default",
    section="/proc/sys/net/ipv4/* Variables",
    says="A router of a kernel that nobody has set up does not forward a datagram to the broadcast address "
    "of another network of its own.",
    since="4.19",
    needs=[*NEEDS, OWN_KERNEL],
)
def test_directed_broadcasts_are_not_forwarded_at_first(routed, observe):
    with routed.router.entered():
        seen = packets()
    with seen, udp_across(routed) as (sender, receiver):
        seen.rcvtimeo = SOON
        port = receiver.getsockname()[1]
        sender.sendto(b"directed", (BROADCAST, port))
        sender.sendto(b"last", (routed.right.address, port))
        came = [payload(seen.recv(200)) for _ in range(2)]

        assert [
            observe("at_router", came),
            observe("received", received_until("last", receiver)),
        ] == [["directed", "last"], ["last"]]


def another_gateway(hosts: Peers) -> None:
    """Have the left send to a network through the right; there is another host on the wire, which is mute."""
    hosts.left.namespace.add_route(FURTHER, via=hosts.right.address)
    hosts.right.namespace.add_address("lo", f"{FAR}/32")
    add_mute_gateway(hosts.left)


def add_mute_gateway(host: Host) -> None:
    """Have a host know another one on its wire, which nothing ever comes from."""
    with host.namespace.iproute() as netlink:
        [index] = netlink.link_lookup(ifname=host.device)
        netlink.neigh("add", dst=GATEWAY, lladdr=HARDWARE, ifindex=index, state="permanent")


def redirected(hosts: Peers) -> list[list[str]]:
    """What comes of two datagrams of a socket on the left, and what the right receives of them.

    Between them the right says by ICMP that the other gateway is the better one.
    """
    another_gateway(hosts)
    with hosts.right.entered():
        seen, raw = packets(), Socket.raw(socket.IPPROTO_ICMP)
    with seen, raw, udp_across(hosts) as (sender, receiver):
        seen.rcvtimeo = SOON
        port = receiver.getsockname()[1]
        sender.connect((FAR, port))
        sender.send(b"before")
        about = seen.recv(200)
        message = bytes([REDIRECT, OF_HOST, 0, 0]) + socket.inet_aton(GATEWAY) + about[:28]
        checksum = internet_checksum(message).to_bytes(2, "big")
        with hosts.left.entered(), Socket.raw(socket.IPPROTO_ICMP) as told:
            told.rcvtimeo = SOON
            raw.sendto(message[:2] + checksum + message[4:], (hosts.left.address, 0))
            raw.sendto(NOTHING, (hosts.left.address, 0))  # when that comes the redirect was taken
            told.recv(200)
            told.recv(200)
        sender.send(b"after")
        sender.sendto(b"last", (hosts.right.address, port))
        came = [payload(about), *(payload(seen.recv(200)) for _ in range(2))]
        return [came, received_until("last", receiver)]


STAYS, GOES = ["before", "after", "last"], ["before", "last"]


def set_redirects(host: Host, *, forwarding: int, everywhere: int, here: int) -> None:
    """Whether a host's interface forwards, and accept_redirects of conf/all and of the interface."""
    of_device = {"forwarding": forwarding, "accept_redirects": here}
    values = {CONF.format(host.device, name): value for name, value in of_device.items()}
    host.namespace.sysctl.update(values | {CONF.format("all", "accept_redirects"): everywhere})


@claim(
    "ip-sysctl/accept_redirects/host",
    sentence=("ip-sysctl/accept_redirects/accepts", "ip-sysctl/accept_redirects/host"),
    section="/proc/sys/net/ipv4/conf/*",
    says="Where an interface does not forward, what a connected UDP socket over IPv4 sends goes by the "
    "gateway that an ICMP redirect names, if accept_redirects is on for the interface or for conf/all, and "
    "by the former one if for neither.",
    needs=NEEDS,
    survives=CLOSED,
)
@pytest.mark.parametrize(
    ("everywhere", "here", "received"), [(0, 0, STAYS), (0, 1, GOES), (1, 0, GOES), (1, 1, GOES)]
)
def test_a_host_accepts_redirects(peers, observe, everywhere, here, received):
    set_redirects(peers.left, forwarding=0, everywhere=everywhere, here=here)
    came, taken = redirected(peers)

    assert [observe("came", came), observe("received", taken)] == [STAYS, received]


@claim(
    "ip-sysctl/accept_redirects/router",
    sentence=("ip-sysctl/accept_redirects/accepts", "ip-sysctl/accept_redirects/router"),
    section="/proc/sys/net/ipv4/conf/*",
    says="Where an interface forwards, what a connected UDP socket over IPv4 sends goes by the gateway that "
    "an ICMP redirect names, if accept_redirects is on for the interface and for conf/all, and by the former "
    "one if it is off for one of them.",
    needs=NEEDS,
    survives=CLOSED,
)
@pytest.mark.parametrize(
    ("everywhere", "here", "received"), [(0, 0, STAYS), (0, 1, STAYS), (1, 0, STAYS), (1, 1, GOES)]
)
def test_a_router_accepts_redirects(peers, observe, everywhere, here, received):
    set_redirects(peers.left, forwarding=1, everywhere=everywhere, here=here)
    came, taken = redirected(peers)

    assert [observe("came", came), observe("received", taken)] == [STAYS, received]


@claim(
    "ip-sysctl/accept_redirects/default",
    sentence="ip-sysctl/accept_redirects/default",
    section="/proc/sys/net/ipv4/conf/*",
    says="On a host of a kernel that nobody has set up what a connected UDP socket over IPv4 sends goes by "
    "the gateway that an ICMP redirect names, and with ip_forward by the former one.",
    needs=[*NEEDS, OWN_KERNEL],
    survives=CLOSED,
)
@pytest.mark.parametrize(("forward", "received"), [(0, GOES), (1, STAYS)])
def test_redirects_at_first(peers, observe, forward, received):
    peers.left.namespace.sysctl["net.ipv4.ip_forward"] = forward
    came, taken = redirected(peers)

    assert [observe("came", came), observe("received", taken)] == [STAYS, received]


@claim(
    "ip-sysctl/secure_redirects/listed",
    sentence="ip-sysctl/shared_media/redirects",
    section="/proc/sys/net/ipv4/conf/*",
    says="Where an interface does not forward and shared_media is off, what a connected UDP socket over IPv4 "
    "sends goes by the gateway that an ICMP redirect names if secure_redirects is off, or a route has that "
    "gateway, and by the former one if neither is so; with shared_media secure_redirects does not count.",
    needs=NEEDS,
    survives=CLOSED,
)
@pytest.mark.parametrize(
    ("switches", "listed", "received"),
    [((0, 1), False, STAYS), ((0, 1), True, GOES), ((0, 0), False, GOES), ((1, 1), False, GOES)],
    ids=["secure", "secure-and-listed", "not-secure", "shared"],
)
def test_a_host_accepts_known_gateways(peers, observe, switches, listed, received):
    set_redirects(peers.left, forwarding=0, everywhere=1, here=1)
    set_everywhere(peers.left, dict(zip(("shared_media", "secure_redirects"), switches, strict=True)))
    peers.left.namespace.add_route(f"{DEAD}/32", via=GATEWAY if listed else peers.right.address)
    came, taken = redirected(peers)

    assert [observe("came", came), observe("received", taken)] == [STAYS, received]


def set_everywhere(host: Host, values: dict[str, int]) -> None:
    """Sysctls of conf/all and of a host's interface, one of which is enough to switch them on."""
    for name, value in values.items():
        host.namespace.sysctl.update({CONF.format(of, name): value for of in ("all", host.device)})


def sent_with(hosts: Peers, source: str) -> list[int]:
    """The types of the ICMP messages that come to the left before what the right forwards from there.

    The right has to send it by the interface that it came by, to another gateway, which is mute;
    the left sees that too.
    """
    hosts.right.namespace.sysctl["net.ipv4.ip_forward"] = 1
    hosts.left.namespace.add_address("lo", f"{ELSEWHERE}/32")
    hosts.left.namespace.add_route(FURTHER, via=hosts.right.address)
    hosts.right.namespace.add_route(f"{ELSEWHERE}/32", dev=hosts.right.device)
    hosts.right.namespace.add_route(FURTHER, via=GATEWAY)
    add_mute_gateway(hosts.right)
    with hosts.left.entered(), packets() as seen, Socket.udp() as sender:
        seen.rcvtimeo = SOON
        sender.bind((source, 0))
        sender.sendto(b"forwarded", (FAR, 9))
        types = []
        while (packet := seen.recv(200))[PROTOCOL] != socket.IPPROTO_UDP:
            types.append(packet[TYPE])
        return types


@claim(
    "ip-sysctl/send_redirects/sends",
    sentence="ip-sysctl/shared_media/redirects",
    section="/proc/sys/net/ipv4/conf/*",
    says="A host with ip_forward sends an ICMP redirect before it forwards a datagram over IPv4 to a gateway "
    "by the interface that it came by, if send_redirects is on, and shared_media is or the source's address "
    "is in the network of that interface; else it only forwards.",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("switches", "source", "types"),
    [
        ((1, 1), ELSEWHERE, [REDIRECT]),
        ((1, 0), ELSEWHERE, []),
        ((1, 0), IN_NETWORK, [REDIRECT]),
        ((0, 1), IN_NETWORK, []),
    ],
)
def test_a_router_sends_redirects(peers, observe, switches, source, types):
    set_everywhere(peers.right, dict(zip(SENT_IF, switches, strict=True)))

    assert observe("icmp_types", sent_with(peers, source)) == types


@claim(
    "ip-sysctl/send_redirects/either",
    sentence="ip-sysctl/shared_media/either",
    section="/proc/sys/net/ipv4/conf/*",
    says="A host with ip_forward sends an ICMP redirect before it forwards a datagram over IPv4 from another "
    "network by the interface that it came by where both send_redirects and shared_media are on for conf/all "
    "or for the interface, and none where one of them is off for both.",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("everywhere", "here", "types"),
    [((1, 0), (0, 1), [REDIRECT]), ((0, 1), (1, 0), [REDIRECT]), ((0, 1), (0, 1), []), ((1, 0), (1, 0), [])],
)
def test_redirects_are_sent_where_either_is_on(peers, observe, everywhere, here, types):
    names = [CONF.format(of, name) for of in ("all", peers.right.device) for name in SENT_IF]
    peers.right.namespace.sysctl.update(dict(zip(names, (*everywhere, *here), strict=True)))

    assert observe("icmp_types", sent_with(peers, ELSEWHERE)) == types


@claim(
    "ip-sysctl/send_redirects/default",
    sentence="ip-sysctl/shared_media/default",
    section="/proc/sys/net/ipv4/conf/*",
    says="A host of a kernel that nobody has set up, with ip_forward, sends an ICMP redirect before it "
    "forwards a datagram over IPv4 from another network by the interface that it came by, for which both "
    "send_redirects and shared_media have to be on.",
    needs=[*NEEDS, OWN_KERNEL],
)
def test_redirects_are_sent_at_first(peers, observe):
    assert observe("icmp_types", sent_with(peers, ELSEWHERE)) == [REDIRECT]


def await_linkdown(namespace: Namespace) -> None:
    """Wait, not for ever, until a route is known to have no link: older kernels find out later."""
    end = time.monotonic() + SOON
    with namespace.iproute() as netlink:
        while time.monotonic() < end:
            if any(route["flags"] & LINKDOWN for route in netlink.get_routes(family=socket.AF_INET)):
                return


def lead_nowhere(hosts: Peers) -> None:
    """Give the left a network at an interface without a link, a host of which it reaches by the right too."""
    left = hosts.left.namespace
    left.add_veth("dead", "end")
    left.set_link("dead", up=True)
    left.add_address("dead", f"{DEAD}/24")
    await_linkdown(left)
    left.add_route("0.0.0.0/0", via=hosts.right.address)
    hosts.right.namespace.add_address("lo", f"{FAR}/32")


@claim(
    "ip-sysctl/ignore_routes_with_linkdown/ignores",
    sentence="ip-sysctl/ignore_routes_with_linkdown/ignores",
    section="/proc/sys/net/ipv4/conf/*",
    says="With ignore_routes_with_linkdown of an interface that has no link a UDP socket over IPv4 is "
    "connected by a wider route, by which what it sends arrives; without it by that interface, whose address "
    "is its own then.",
    since="4.2",
    needs=[VETH],
)
def test_routes_without_a_link_are_ignored(peers, observe):
    lead_nowhere(peers)
    left, name = peers.left.namespace, "ignore_routes_with_linkdown"
    left.sysctl.update({CONF.format(one, name): 0 for one in ("all", "dead")})
    with udp_across(peers) as (before, receiver), peers.left.entered(), Socket.udp() as sender:
        address = FAR, receiver.getsockname()[1]
        before.connect(address)
        left.sysctl[CONF.format("dead", name)] = 1
        sender.connect(address)
        sender.send(b"last")
        sources = [one.getsockname()[0] for one in (before, sender)]

        assert [observe("sources", sources), observe("received", receiver.recv(20).decode())] == [
            [DEAD, peers.left.address],
            "last",
        ]


@claim(
    "ip-sysctl/ignore_routes_with_linkdown/default",
    sentence="ip-sysctl/ignore_routes_with_linkdown/default",
    section="/proc/sys/net/ipv4/conf/*",
    says="In a new network namespace of a kernel that nobody has set up a UDP socket over IPv4 is connected "
    "by a route whose interface has no link, though there is a wider one: it has the address of that.",
    since="4.2",
    needs=[VETH, OWN_KERNEL],
)
def test_routes_without_a_link_are_used_at_first(peers, observe):
    lead_nowhere(peers)
    with peers.left.entered(), Socket.udp() as sender:
        sender.connect((FAR, 9))

        assert observe("source", sender.getsockname()[0]) == DEAD
