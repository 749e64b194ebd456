"""Sysctls of IPv6: sockets for both versions, interfaces and their addresses, hop limit and MTU."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import (
    address6,
    index_of,
    ipv6_packets,
    packet_ending,
    packet_sizes,
    udp6,
    udp6_across,
    udp6_pair,
)
from conformance.plugin.setups.packets import packets, payload
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, NetnsError, Peers

CONF = "net.ipv6.conf.{}.{}"
NEEDS: Final = (VETH, IPV6)
OF_INTERFACE = "/proc/sys/net/ipv6/conf/*"
ANOTHER = "fd00:9::1"
HEADERS = 48
"""The sizes of an IPv6 header and one of UDP."""


@claim(
    "ip-sysctl/bindv6only/mapped",
    sentence="ip-sysctl/bindv6only/mapped",
    section="/proc/sys/net/ipv6/* Variables",
    says="With bindv6only 0 a new UDP socket of IPv6 that is bound to :: receives what is sent over IPv4, "
    "from a mapped address, and over IPv6; with 1 only over IPv6.",
    needs=[IPV6],
)
@pytest.mark.parametrize(
    ("value", "sources"), [(0, [("four", "::ffff:127.0.0.1"), ("last", "::1")]), (1, [("last", "::1")])]
)
def test_both_versions_are_received(ns, observe, value, sources):
    ns.sysctl["net.ipv6.bindv6only"] = value
    with packets() as seen, udp6() as sock, Socket.udp() as by_four, udp6() as by_six:
        sock.rcvtimeo = seen.rcvtimeo = SOON
        sock.bind(("::", 0))
        by_four.sendto(b"four", ("127.0.0.1", sock.getsockname()[1]))
        by_six.sendto(b"last", ("::1", sock.getsockname()[1]))
        came = payload(seen.recv(200))
        received = [(data.decode(), source[0]) for data, source in (sock.recvfrom(9) for _ in sources)]

        assert [observe("came", came), observe("received", received)] == ["four", sources]


@claim(
    "ip-sysctl/hop_limit/default",
    sentence="ip-sysctl/hop_limit/default",
    section=OF_INTERFACE,
    says="In a new network namespace the packets of a UDP socket over IPv6 have the hop limit 64.",
    needs=[IPV6, Capability.NET_RAW],
)
def test_the_hop_limit_at_first(ns, observe):
    sender, receiver = udp6_pair()
    with ipv6_packets() as seen, sender, receiver:
        sender.send(b"hello")

        assert observe("hop_limit", packet_ending(seen, b"hello").hop_limit) == 64


@claim(
    "ip-sysctl/mtu/default",
    sentence="ip-sysctl/mtu/default",
    section=OF_INTERFACE,
    says="In a new network namespace IPV6_MTU of a UDP socket that is connected by an Ethernet interface is "
    "1280.",
    needs=NEEDS,
    expect=differs(
        "it is that of the interface: only conf/default/mtu is 1280, which no interface begins with (older "
        "than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"path_mtu": 1500},
    ),
)
def test_the_mtu_at_first(peers, observe):
    with udp6_across(peers) as (sender, _):
        assert observe("path_mtu", sender.ipv6_mtu) == 1280


@claim(
    "ip-sysctl/mtu/interface",
    sentence="ip-sysctl/mtu/default",
    section=OF_INTERFACE,
    says="A UDP socket over IPv6 sends a datagram in fragments that is a byte larger than mtu of the "
    "interface, and one as large as that whole.",
    needs=[*NEEDS, Capability.NET_RAW],
)
@pytest.mark.parametrize("mtu", [1280, 1400, 1500])
def test_packets_are_as_large_as_the_mtu(peers, observe, mtu):
    peers.left.namespace.sysctl[CONF.format(peers.left.device, "mtu")] = mtu
    with peers.right.entered():
        seen = ipv6_packets()
    with seen, udp6_across(peers) as (sender, _):
        sender.send(bytes(mtu - HEADERS))
        whole = packet_sizes(seen)
        sender.send(bytes(mtu - HEADERS + 1))

        assert observe("packets", [whole, len(packet_sizes(seen))]) == [[mtu], 2]


@claim(
    "ip-sysctl/use_oif_addrs_only/source",
    sentence=("ip-sysctl/use_oif_addrs_only/source", "ip-sysctl/use_oif_addrs_only/default"),
    section=OF_INTERFACE,
    says="A datagram of a UDP socket over IPv6, to an address that is not link-local, has an address of "
    "another interface as its source where that which it leaves by has only a link-local one, and with "
    "use_oif_addrs_only of the latter this one.",
    since="4.3",
    needs=NEEDS,
    survives={"no-op: connect(*": "the sender that is connected does not send"},
)
def test_a_source_is_of_the_interface(peers, observe):
    left, device = peers.left.namespace, peers.left.device
    with udp6_across(peers) as (_, receiver):
        leave_link_local(peers)
        with left.entered(), udp6() as sender:
            sender.sendto(b"at first", receiver.getsockname())
            first = receiver.recvfrom(9)[1][0]
            left.sysctl[CONF.format(device, "use_oif_addrs_only")] = 1
            sender.sendto(b"then", receiver.getsockname())
            then = receiver.recvfrom(9)[1][0]

            assert observe("sources", [first, ip_address(then).is_link_local]) == [ANOTHER, True]


def leave_link_local(hosts: Peers) -> None:
    """Give the left another address at loopback instead of that at its wire, and a route by that."""
    left, device = hosts.left.namespace, hosts.left.device
    left.add_address("lo", f"{ANOTHER}/128")
    left.add_address(device, "fe80::1/64")
    with left.iproute() as netlink:
        netlink.addr("delete", index=index_of(hosts.left), address=address6(hosts.left), prefixlen=64)
    left.add_route(f"{address6(hosts.right)}/128", dev=device)


@claim(
    "ip-sysctl/disable_ipv6/all",
    sentence="ip-sysctl/disable_ipv6/all",
    section="/proc/sys/net/ipv6/* Variables",
    says="With disable_ipv6 of conf/all no interface has an IPv6 address, neither loopback, nor one that had "
    "some, nor one that is made later, and a UDP socket that was connected by one cannot send; when it is "
    "switched off each has an address again.",
    needs=NEEDS,
)
def test_no_interface_has_ipv6(peers, observe):
    left, device = peers.left.namespace, peers.left.device
    interfaces = ["lo", device, "later"]
    with udp6_across(peers) as (sender, receiver):
        sender.send(b"before")
        received = receiver.recv(9).decode()
        have = [[bool(six(left.addresses(one))) for one in interfaces[:2]]]
        left.sysctl[CONF.format("all", "disable_ipv6")] = 1
        with refused():
            sender.send(b"after")
        left.add_veth("later", "end")
        left.set_link("later", up=True)
        left.set_link("end", up=True)
        left.wait_for_carrier("later")
        have.append([bool(six(left.addresses(one))) for one in interfaces])
        left.sysctl[CONF.format("all", "disable_ipv6")] = 0
        have.append([bool(six(left.addresses(one))) for one in interfaces])

        assert [observe("received", received), observe("have", have)] == [
            "before",
            [[True] * 2, [False] * 3, [True] * 3],
        ]


@claim(
    "ip-sysctl/ipv6-disable_ipv6/interface",
    sentence="ip-sysctl/ipv6-disable_ipv6/interface",
    section=OF_INTERFACE,
    says="With disable_ipv6 an interface has no IPv6 address, none that it had can be added again, nor "
    "can a route by it that there was, and a UDP socket that was connected by it cannot send.",
    needs=NEEDS,
)
def test_an_interface_has_no_ipv6(peers, observe):
    left, device = peers.left.namespace, peers.left.device
    with udp6_across(peers) as (sender, receiver):
        sender.send(b"before")
        left.add_address(device, f"{ANOTHER}/128")
        left.add_route("fd00:8::/64", dev=device)
        addresses = [{address6(peers.left), ANOTHER} <= {*six(left.addresses(device))}]
        left.sysctl[CONF.format(device, "disable_ipv6")] = 1
        with refused():
            sender.send(b"after")
        with pytest.raises(NetnsError):
            left.add_address(device, f"{ANOTHER}/128")
        with pytest.raises(NetnsError):
            left.add_route("fd00:8::/64", dev=device)

        assert [
            observe("received", receiver.recv(9).decode()),
            observe("addresses", [*addresses, six(left.addresses(device))]),
        ] == ["before", [True, []]]


@claim(
    "ip-sysctl/ipv6-disable_ipv6/again",
    sentence="ip-sysctl/ipv6-disable_ipv6/again",
    section=OF_INTERFACE,
    says="When disable_ipv6 of an interface is switched off again it has a link-local address, from which a "
    "UDP socket reaches another host, and no other: one that it had before cannot be bound to.",
    needs=NEEDS,
)
def test_an_interface_has_ipv6_again(peers, observe):
    left, device = peers.left.namespace, peers.left.device
    name = CONF.format(device, "disable_ipv6")
    set_hardware(peers)
    left.sysctl.update({name: 1})
    left.sysctl.update({name: 0})
    own = link_local(peers)
    with peers.right.entered(), udp6() as receiver, left.entered(), udp6() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind((address6(peers.right), 0))
        with refused():
            sender.bind((address6(peers.left), 0))
        left.add_route(f"{address6(peers.right)}/128", dev=device)
        sender.bind((own, 0, 0, index_of(peers.left)))
        sender.sendto(b"again", receiver.getsockname())

        assert observe("received_of_it", receiver.recvfrom(9)[1][0].startswith(own)) is True


def set_hardware(hosts: Peers) -> None:
    """Give the left the same hardware address on every run: its link-local one is made of it."""
    with hosts.left.namespace.iproute() as netlink:
        netlink.link("set", index=index_of(hosts.left), address="02:00:00:00:00:01")


def link_local(hosts: Peers) -> str:
    """The address that the left host gave its interface itself, once it is usable."""
    with hosts.left.namespace.rtnetlink() as netlink:
        [own] = six(hosts.left.namespace.addresses(hosts.left.device))
        netlink.wait_for_address(IPv6Address(own), index_of(hosts.left))
        return own


def six(addresses: list[str]) -> list[str]:
    """Those of IPv6, without their prefix."""
    return [one.partition("/")[0] for one in addresses if ":" in one]
