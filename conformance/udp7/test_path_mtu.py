"""The path MTU: by default it is discovered."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from socket import MSG_DONTROUTE

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.packets import packets
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.setups.readiness import await_error
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Peers, Routed

IP_PMTUDISC_DONT, IP_PMTUDISC_WANT, IP_PMTUDISC_DO = 0, 1, 2
HEADERS = 20 + 8
MTU = 1500
NO_PMTU_DISC = "net.ipv4.ip_no_pmtu_disc"
DONT_FRAGMENT, MORE_FRAGMENTS = 0x40, 0x20


@contextmanager
def watched(hosts: Peers) -> Iterator[tuple[Socket, Socket]]:
    """A connected UDP sender on the left, and the packets that arrive on the right."""
    with udp_across(hosts) as (sender, receiver), hosts.right.entered(), packets() as arriving:
        arriving.rcvtimeo = SOON
        sender.connect((hosts.right.address, receiver.getsockname()[1]))
        yield sender, arriving


@contextmanager
def narrowed(hosts: Routed) -> Iterator[tuple[Socket, Socket]]:
    """A UDP sender on the left that was told of a path MTU of 1300 bytes, and a receiver on the right."""
    hosts.router_right.namespace.set_link(hosts.router_right.device, mtu=1300)
    with udp_across(hosts) as (sender, receiver):
        sender.connect((hosts.right.address, receiver.getsockname()[1]))
        sender.send(bytes(1301))
        await_error(sender)
        assert sender.error == errno.EMSGSIZE  # it is not told again to what is sent next
        yield sender, receiver


def flags(packet: bytes) -> int:
    """The bits of an IPv4 header that say whether it may be fragmented, and is."""
    return packet[6] & (DONT_FRAGMENT | MORE_FRAGMENTS)


@claim(
    "udp.7/path-MTU/discovered",
    sentence="udp.7/path-MTU/default",
    section="DESCRIPTION",
    says="By default a datagram over IPv4 that fits into the interface's MTU must not be fragmented by "
    "routers, which is how the path MTU is found; the option IP_MTU_DISCOVER is IP_PMTUDISC_WANT.",
    needs=[VETH, Capability.NET_RAW],
)
def test_routers_must_not_fragment(peers, observe):
    with watched(peers) as (sender, arriving):
        sender.send(bytes(MTU - HEADERS))

        assert [observe("option", sender.ip_mtu_discover), observe("flags", flags(arriving.recv(2000)))] == [
            IP_PMTUDISC_WANT,
            DONT_FRAGMENT,
        ]


@claim(
    "udp.7/path-MTU/tracked",
    sentence="udp.7/path-MTU/tracked",
    section="DESCRIPTION",
    says="The path MTU that a router told of is kept for the destination: a new UDP socket that is connected "
    "there has it (IP_MTU) too.",
    needs=[VETH],
)
def test_the_path_mtu_is_kept(routed, observe):
    with narrowed(routed) as (first, _), routed.left.entered(), Socket.udp() as sock:
        sock.connect(first.getpeername())

        assert observe("mtu", [first.ip_mtu, sock.ip_mtu]) == [1300, 1300]


@claim(
    "udp.7/path-MTU/exceeded",
    sentence="udp.7/path-MTU/tracked",
    section="DESCRIPTION",
    says="By default a datagram over IPv4 that exceeds with its headers the path MTU which a router told of "
    "fails with EMSGSIZE.",
    needs=[VETH],
    expect=differs(
        "it is fragmented and arrives; only with IP_PMTUDISC_DO it fails (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "received": 1300 - HEADERS + 1},
    ),
)
def test_what_exceeds_the_path_mtu_is_refused(routed, observe):
    with narrowed(routed) as (sender, receiver), refused(errno.EMSGSIZE):
        sender.send(bytes(1300 - HEADERS + 1))
        observe("received", len(receiver.recv(2000)))


@claim(
    "udp.7/path-MTU/exceeded-interface",
    sentence="udp.7/path-MTU/tracked",
    section="DESCRIPTION",
    says="By default a datagram over IPv4 that exceeds with its headers the interface's MTU fails with "
    "EMSGSIZE.",
    needs=[VETH],
    expect=differs(
        "it is fragmented and arrives; only with IP_PMTUDISC_DO it fails (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "received": MTU - HEADERS + 1},
    ),
)
def test_what_exceeds_the_interface_mtu_is_refused(peers, observe):
    with udp_across(peers) as (sender, receiver), refused(errno.EMSGSIZE):
        sender.sendto(bytes(MTU - HEADERS + 1), (peers.right.address, receiver.getsockname()[1]))
        observe("received", len(receiver.recv(2000)))


@claim(
    "udp.7/path-MTU/turned-off",
    sentence=("udp.7/path-MTU/turned-off", "udp.7/path-MTU/fragments"),
    section="DESCRIPTION",
    says="With IP_MTU_DISCOVER IP_PMTUDISC_DONT routers may fragment what a UDP socket sends over IPv4, and "
    "what exceeds with its headers the interface's MTU by a byte leaves as two fragments.",
    needs=[VETH, Capability.NET_RAW],
)
def test_the_option_turns_it_off(peers, observe):
    with watched(peers) as (sender, arriving):
        sender.ip_mtu_discover = IP_PMTUDISC_DONT
        sender.send(bytes(MTU - HEADERS))
        sender.send(bytes(MTU - HEADERS + 1))
        seen = [flags(arriving.recv(2000)) for _ in range(3)]

        assert observe("flags", seen) == [0, MORE_FRAGMENTS, 0]


@claim(
    "udp.7/path-MTU/turned-off-by-sysctl",
    sentence=("udp.7/path-MTU/turned-off", "udp.7/path-MTU/fragments", "ip-sysctl/ip_no_pmtu_disc/disabled"),
    section="DESCRIPTION",
    says="With net.ipv4.ip_no_pmtu_disc 1 a new UDP socket has IP_PMTUDISC_DONT: routers may fragment what "
    "it sends over IPv4, and what exceeds the interface's MTU by a byte leaves as two fragments.",
    needs=[VETH, Capability.NET_RAW],
)
def test_the_sysctl_turns_it_off(peers, observe):
    peers.left.namespace.sysctl[NO_PMTU_DISC] = 1
    with watched(peers) as (sender, arriving):
        sender.send(bytes(MTU - HEADERS))
        sender.send(bytes(MTU - HEADERS + 1))
        seen = [flags(arriving.recv(2000)) for _ in range(3)]

        assert [observe("option", sender.ip_mtu_discover), observe("flags", seen)] == [
            IP_PMTUDISC_DONT,
            [0, MORE_FRAGMENTS, 0],
        ]


@claim(
    "udp.7/MSG_DONTROUTE/local-address",
    sentence="udp.7/MSG_DONTROUTE/local-interface",
    section="DESCRIPTION",
    says="With MSG_DONTROUTE a UDP socket over IPv4 sends to an address of a local interface only: what goes "
    "to a host on an attached link fails.",
    needs=[VETH],
    expect=differs(
        "hosts on attached links are reached too (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "received": "to the other"},
    ),
)
def test_only_local_addresses_are_reached(peers, observe):
    with udp_across(peers) as (sender, receiver), peers.left.entered(), Socket.udp() as local:
        local.bind((peers.left.address, 0))
        local.rcvtimeo = SOON
        sender.sendto(b"to itself", MSG_DONTROUTE, local.getsockname())
        own = local.recv(20).decode()
        with refused():
            sender.sendto(b"to the other", MSG_DONTROUTE, (peers.right.address, receiver.getsockname()[1]))
            observe("received", receiver.recv(20).decode())

        assert observe("received_here", own) == "to itself"


@claim(
    "udp.7/MSG_DONTROUTE/attached-only",
    sentence=("udp.7/MSG_DONTROUTE/local-interface", "send.2/MSG_DONTROUTE/attached"),
    section="DESCRIPTION",
    says="With MSG_DONTROUTE a UDP socket over IPv4 sends to a host on an attached link, and not to one that "
    "only a router reaches.",
    needs=[VETH],
)
def test_only_attached_hosts_are_reached(routed, observe):
    with routed.router.entered(), Socket.udp() as attached, udp_across(routed) as (sender, receiver):
        attached.bind(("0.0.0.0", 0))
        attached.rcvtimeo = SOON
        far = routed.right.address, receiver.getsockname()[1]
        sender.sendto(b"by the router", far)
        with refused():
            sender.sendto(b"far", MSG_DONTROUTE, far)
        sender.sendto(b"near", MSG_DONTROUTE, (routed.router.address, attached.getsockname()[1]))
        both = [receiver.recv(20).decode(), attached.recv(20).decode()]

        assert observe("received", both) == ["by the router", "near"]
