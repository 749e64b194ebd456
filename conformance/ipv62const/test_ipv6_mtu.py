"""IPV6_MTU and IPV6_MTU_DISCOVER: how large packets to a peer may be."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import (
    ipv6_packets,
    packet_ending,
    packet_sizes,
    tcp6,
    udp6,
    udp6_across,
)
from conformance.plugin.setups.listeners import UDP_NEEDS_NO_LISTENER, listening
from conformance.plugin.setups.readiness import await_error
from conformance.plugin.timing import SOON
from libsocket import IPV6_MTU
from netns import Capability

DONT, WANT, DO, PROBE = range(4)
HEADERS = 48
"""The sizes of an IPv6 header and one of UDP."""


@claim(
    "IPV6_MTU.2const/IPV6_MTU/path",
    sentence=("IPV6_MTU.2const/IPV6_MTU/path", "IPPROTO_IPV6.2const/IPPROTO_IPV6/supported"),
    section="DESCRIPTION",
    says="IPV6_MTU of a connected UDP socket is the path MTU that is known: that of the interface at first, "
    "and a smaller one once a router has told of it.",
    needs=[VETH, IPV6],
)
def test_a_router_tells_of_a_narrower_path(routed, observe):
    routed.left.namespace.set_link(routed.left.device, mtu=1400)
    routed.router_right.namespace.set_link(routed.router_right.device, mtu=1300)
    with udp6_across(routed) as (sender, _):
        known = [sender.ipv6_mtu]
        sender.send(bytes(1301 - HEADERS))
        await_error(sender)
        known.append(sender.ipv6_mtu)

        assert observe("before_and_after", known) == [1400, 1300]


@claim(
    "IPV6_MTU.2const/IPV6_MTU/connected-only",
    sentence="IPV6_MTU.2const/IPV6_MTU/connected-only",
    section="DESCRIPTION",
    says="IPV6_MTU of a TCP or UDP socket that is not connected cannot be read.",
    needs=[IPV6],
    survives=UDP_NEEDS_NO_LISTENER,
)
@pytest.mark.parametrize("make", [tcp6, udp6], ids=["tcp", "udp"])
def test_it_is_of_a_connected_socket(ns, observe, make):
    ns.set_link("lo", mtu=1600)
    with listening("::1") as listener, make() as sock:
        with refused():
            sock.get(IPV6_MTU)
        sock.connect(listener.getsockname())

        assert observe("connected", sock.get(IPV6_MTU)) == 1600


@claim(
    "IPV6_MTU.2const/IPV6_MTU/set",
    sentence="IPV6_MTU.2const/IPV6_MTU/set",
    section="DESCRIPTION",
    says="What a UDP socket sends and is larger than the MTU of the interface goes in fragments of at most "
    "the size that IPV6_MTU is set to, whose data is a multiple of 8 bytes.",
    needs=[VETH, IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(("mtu", "largest"), [(1280, 1280), (1296, 1296), (1303, 1296), (1304, 1304)])
def test_fragments_are_of_that_size(peers, observe, mtu, largest):
    with udp6_across(peers) as (sender, _), peers.right.entered(), ipv6_packets() as seen:
        sender.ipv6_mtu = mtu
        sender.send(bytes(1501 - HEADERS))

        assert observe("largest_packet", max(packet_sizes(seen))) == largest


@claim(
    "IPV6_MTU.2const/IPV6_MTU/set-small",
    sentence="IPV6_MTU.2const/IPV6_MTU/set",
    section="DESCRIPTION",
    says="What a UDP socket sends and is larger than the size that IPV6_MTU is set to, but not larger than "
    "the MTU of the interface, goes in fragments.",
    needs=[VETH, IPV6, Capability.NET_RAW],
    expect=differs(
        "it goes whole: only what is larger than the MTU of the path is fragmented (older than the history "
        "in git, when the option had no effect at all: that came with 2.6.16)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"small_and_large": [1500, 1280]},
    ),
)
def test_packets_are_of_that_size(peers, observe):
    with udp6_across(peers) as (sender, _), peers.right.entered(), ipv6_packets() as seen:
        sender.ipv6_mtu = 1280
        sender.send(bytes(1500 - HEADERS))
        sender.send(bytes(1501 - HEADERS))

        assert observe("small_and_large", [max(packet_sizes(seen)), max(packet_sizes(seen))]) == [1280, 1280]


@claim(
    "IPV6_MTU.2const/IPV6_MTU/set-tcp",
    sentence="IPV6_MTU.2const/IPV6_MTU/set",
    section="DESCRIPTION",
    says="What a TCP socket sends goes in packets of at most the size that IPV6_MTU is set to before it "
    "connects.",
    needs=[IPV6],
    expect=differs(
        "TCP does not look at it: its segments fit the MTU of the path (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"mss": 1428},
    ),
    survives={"no-op: setsockopt(*IPV6_MTU*": "that TCP does not look at it is the difference"},
)
def test_segments_are_of_that_size(ns, observe):
    ns.set_link("lo", mtu=1500)
    with listening("::1") as listener, tcp6() as sock:
        sock.ipv6_mtu = 1280
        sock.connect(listener.getsockname())

        assert observe("mss", sock.tcp_maxseg) == 1428 - 1500 + 1280


@claim(
    "IPV6_MTU.2const/IPV6_MTU/limited-by-the-device",
    sentence="IPV6_MTU.2const/IPV6_MTU/limited",
    section="DESCRIPTION",
    says="An MTU that is larger than the device's does not make the packets of a UDP socket larger than it.",
    needs=[VETH, IPV6, Capability.NET_RAW],
    survives={"no-op: setsockopt(*IPV6_MTU, ?9000?*": "it is as if none were set"},
)
def test_the_device_limits_it(peers, observe):
    peers.left.namespace.set_link(peers.left.device, mtu=1400)
    with udp6_across(peers) as (sender, _), peers.right.entered(), ipv6_packets() as seen:
        sender.ipv6_mtu = 9000
        sender.send(bytes(1500))
        wide = packet_sizes(seen)
        sender.ipv6_mtu = 1280
        sender.send(bytes(1500))

        assert observe("largest_packets", [max(wide), max(packet_sizes(seen))]) == [1400, 1280]


@claim(
    "IPV6_MTU.2const/IPV6_MTU/limited-by-the-path",
    sentence="IPV6_MTU.2const/IPV6_MTU/limited",
    section="DESCRIPTION",
    says="With path MTU discovery the packets of a UDP socket are no larger than the MTU that a router told "
    "of, though IPV6_MTU is set to more.",
    needs=[VETH, IPV6, Capability.NET_RAW],
    survives={"no-op: setsockopt(*IPV6_MTU, ?1400?*": "it is as if none were set"},
)
def test_the_path_limits_it(routed, observe):
    routed.router_right.namespace.set_link(routed.router_right.device, mtu=1304)
    with udp6_across(routed) as (sender, _), routed.router.entered(), ipv6_packets() as seen:
        sender.ipv6_mtu = 1400
        sender.send(bytes(1305 - HEADERS))
        await_error(sender)
        with refused(errno.EMSGSIZE):
            sender.send(b"")
        packet_sizes(seen)
        sender.send(bytes(1305 - HEADERS))

        assert observe("largest_packet", max(packet_sizes(seen))) == 1304


@claim(
    "IPV6_MTU_DISCOVER.2const/IPV6_MTU_DISCOVER/do",
    sentence="IPV6_MTU_DISCOVER.2const/IPV6_MTU_DISCOVER/setting",
    section="DESCRIPTION",
    says="Set to IPV6_PMTUDISC_DO or PROBE, a UDP socket does not send what is a byte larger than the MTU of "
    "the interface. Set to WANT, as it is at first, or DONT, it sends that in fragments.",
    needs=[VETH, IPV6],
)
@pytest.mark.parametrize("setting", [DO, PROBE])
@pytest.mark.parametrize("fragmenting", [WANT, DONT])
def test_what_is_larger_is_not_sent(peers, observe, setting, fragmenting):
    with udp6_across(peers) as (sender, receiver):
        before = sender.ipv6_mtu_discover
        sender.ipv6_mtu_discover = setting
        with refused(errno.EMSGSIZE):
            sender.send(bytes(1501 - HEADERS))
        sender.send(bytes(1500 - HEADERS))
        sender.ipv6_mtu_discover = fragmenting
        sender.send(bytes(1501 - HEADERS))
        sizes = [len(receiver.recv(2000)), len(receiver.recv(2000))]

        assert observe("before_and_received", [before, *sizes]) == [WANT, 1500 - HEADERS, 1501 - HEADERS]


@claim(
    "IPV6_MTU_DISCOVER.2const/IPV6_MTU_DISCOVER/path",
    sentence="IPV6_MTU_DISCOVER.2const/IPV6_MTU_DISCOVER/setting",
    section="DESCRIPTION",
    says="Once a router has told of a smaller MTU, a UDP socket with IPV6_PMTUDISC_DO does not send what is "
    "larger. One with PROBE does.",
    needs=[VETH, IPV6, Capability.NET_RAW],
)
def test_what_is_larger_than_the_path_is_probed_only(routed, observe):
    routed.router_right.namespace.set_link(routed.router_right.device, mtu=1300)
    with udp6_across(routed) as (sender, _), routed.router.entered(), ipv6_packets() as seen:
        sender.ipv6_mtu_discover = DO
        sender.send(bytes(1301 - HEADERS))
        await_error(sender)
        with refused(errno.EMSGSIZE, "errno_told"):
            sender.send(b"")
        with refused(errno.EMSGSIZE):
            sender.send(bytes(1301 - HEADERS))
        sender.ipv6_mtu_discover = PROBE
        sender.send(b"probe".rjust(1301 - HEADERS))
        seen.rcvtimeo = SOON

        assert observe("probe", packet_ending(seen, b"probe").next_header) == 17
