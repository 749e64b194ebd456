"""Sysctls of ICMP errors: from which address they come, and what they say of the interface."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_RAW
from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, VETH, sysctl
from conformance.plugin.setups.datagrams import ipv4_packet
from conformance.plugin.setups.icmp import ExtendedMessage, extended_message
from conformance.plugin.setups.ipv6 import address6, index_of, raw6
from conformance.plugin.setups.packets import ip_header, packets
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Host, Routed

INBOUND = "net.ipv4.icmp_errors_use_inbound_ifaddr"
EXTENSIONS, EXTENSIONS6 = "net.ipv4.icmp_errors_extension_mask", "net.ipv6.icmp.errors_extension_mask"
NEEDS: Final = (VETH, Capability.NET_RAW)
NEEDS4: Final = (*NEEDS, sysctl(EXTENSIONS))
NEEDS6: Final = (*NEEDS, IPV6, sysctl(EXTENSIONS6))
CLOSED_LATE: Final = {"no-op: close*": "what was sent before arrives"}
BEHIND = "10.0.3.3"
"""An address of the left host that the router does not reach by the wire to it."""
OF_LOOPBACK = "10.0.9.9"
NOBODYS_PORT, NOBODYS_PROTOCOL = 9, 253
UNREACHABLE, EXCEEDED, PROBLEM = 3, 11, 12
UNREACHABLE6, EXCEEDED6, PROBLEM6 = 1, 3, 4
ERRORS: Final = {UNREACHABLE, EXCEEDED, PROBLEM}
ERRORS6: Final = {UNREACHABLE6, EXCEEDED6, PROBLEM6}
MTU = 1400
TRUNCATED_OPTION = bytes([7, 39, 4, 0])
"""A record of the route that has no room for what its length says."""


def accept_all_sources(host: Host) -> None:
    host.namespace.sysctl.update({f"net.ipv4.conf.{name}.rp_filter": 0 for name in ("all", host.device)})


def return_by_the_other_wire(hosts: Routed) -> None:
    """Let what the router answers to an address of the left host leave towards the right one."""
    hosts.left.namespace.add_address("lo", f"{BEHIND}/32")
    hosts.router.namespace.add_route(f"{BEHIND}/32", via=hosts.right.address)
    accept_all_sources(hosts.router)
    for wire in (hosts.router, hosts.router_right):  # second addresses of their networks
        wire.namespace.add_address(wire.device, f"{wire.address}00/24")


def join_by_a_bare_wire(hosts: Routed) -> None:
    """A second wire from left to router, whose interface there has no address, for what they exchange."""
    left, router = hosts.left.namespace, hosts.router.namespace
    left.add_veth("bare", "bare", router)
    left.set_link("bare", up=True)
    router.set_link("bare", up=True)
    left.wait_for_carrier("bare")
    left.add_address("lo", f"{BEHIND}/32")
    left.add_route(f"{hosts.right.address}/32", dev="bare")
    router.add_route(f"{BEHIND}/32", dev="bare")
    accept_all_sources(hosts.router)
    router.sysctl.update(
        {
            "net.ipv4.conf.bare.rp_filter": 0,
            "net.ipv4.conf.bare.proxy_arp": 1,
            "net.ipv4.neigh.bare.proxy_delay": 0,
        }
    )


def source_of_error(hosts: Routed, destination: str, *, seen_by: Host) -> str:
    """The address from which the router answers a packet of the left host that goes no further than there."""
    with seen_by.entered(), packets() as seen, hosts.left.entered(), Socket.udp() as sender:
        seen.rcvtimeo = SOON
        sender.bind((BEHIND, 0))
        sender.ip_ttl = 1
        sender.sendto(b"no further", (destination, NOBODYS_PORT))
        while True:
            packet = seen.recv(1000)
            if ip_header(packet).protocol == IPPROTO_ICMP:
                return str(ip_address(packet[12:16]))


@claim(
    "ip-sysctl/icmp_errors_use_inbound_ifaddr/source",
    sentence=(
        "ip-sysctl/icmp_errors_use_inbound_ifaddr/outgoing",
        "ip-sysctl/icmp_errors_use_inbound_ifaddr/inbound",
        "ip-sysctl/icmp_errors_use_inbound_ifaddr/default",
    ),
    section="IP Variables",
    says="A router over IPv4 answers a packet that has no hops left, and whose source it reaches by another "
    "wire than it came by, from the first address of the interface by which the answer leaves in a new "
    "network namespace, and of that by which the packet came with icmp_errors_use_inbound_ifaddr 1.",
    needs=NEEDS,
    survives=CLOSED_LATE,
)
def test_the_interface_of_the_address_is_chosen(routed, observe):
    return_by_the_other_wire(routed)
    sources = [source_of_error(routed, routed.right.address, seen_by=routed.right)]
    routed.router.namespace.sysctl[INBOUND] = 1
    sources.append(source_of_error(routed, routed.right.address, seen_by=routed.right))

    assert observe("sources", sources) == [routed.router_right.address, routed.router.address]


@claim(
    "ip-sysctl/icmp_errors_use_inbound_ifaddr/to-itself",
    sentence=(
        "ip-sysctl/icmp_errors_use_inbound_ifaddr/outgoing",
        "ip-sysctl/icmp_errors_use_inbound_ifaddr/inbound",
    ),
    section="IP Variables",
    says="A router over IPv4 answers a datagram to a second address of its own, at a port that nobody has, "
    "from the first address of the interface by which the answer leaves with "
    "icmp_errors_use_inbound_ifaddr 0, and of that by which the datagram came with 1.",
    needs=NEEDS,
    survives={**CLOSED_LATE, "no-op: setsockopt(*IP_TTL*": "what is to the router goes no further anyway"},
    expect=differs(
        "it answers from the address to which the datagram was, with either",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"sources": ["10.0.1.200", "10.0.1.200"]},
    ),
)
def test_what_comes_to_a_router_is_answered_alike(routed, observe):
    return_by_the_other_wire(routed)
    second = f"{routed.router.address}00"
    sources = [source_of_error(routed, second, seen_by=routed.right)]
    routed.router.namespace.sysctl[INBOUND] = 1
    sources.append(source_of_error(routed, second, seen_by=routed.right))

    assert observe("sources", sources) == [routed.router_right.address, routed.router.address]


@claim(
    "ip-sysctl/icmp_errors_use_inbound_ifaddr/no-address",
    sentence="ip-sysctl/icmp_errors_use_inbound_ifaddr/no-address",
    section="IP Variables",
    says="A router over IPv4 answers a packet that has no hops left, and that came by an interface without "
    "an address, by which the answer leaves too, from the address of its first other interface, with an "
    "icmp_errors_use_inbound_ifaddr of 0 and of 1.",
    needs=NEEDS,
    survives=CLOSED_LATE,
)
@pytest.mark.parametrize("value", [0, 1])
def test_another_interface_has_an_address(routed, observe, value):
    join_by_a_bare_wire(routed)
    routed.router.namespace.sysctl[INBOUND] = value
    source = source_of_error(routed, routed.right.address, seen_by=routed.left)

    assert observe("source", source) == routed.router.address


@claim(
    "ip-sysctl/icmp_errors_use_inbound_ifaddr/no-address-but-of-loopback",
    sentence="ip-sysctl/icmp_errors_use_inbound_ifaddr/no-address",
    section="IP Variables",
    says="A router over IPv4 whose loopback interface has a global address answers a packet that has no hops "
    "left, and that came by an interface without an address, by which the answer leaves too, from the "
    "address of its first other interface, with an icmp_errors_use_inbound_ifaddr of 0 and of 1.",
    needs=NEEDS,
    survives=CLOSED_LATE,
    expect=differs(
        "it answers from that of loopback, which comes before all others",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"source": OF_LOOPBACK},
    ),
)
@pytest.mark.parametrize("value", [0, 1])
def test_the_address_of_loopback_does_not_count(routed, observe, value):
    routed.router.namespace.add_address("lo", f"{OF_LOOPBACK}/32")
    join_by_a_bare_wire(routed)
    routed.router.namespace.sysctl[INBOUND] = value
    source = source_of_error(routed, routed.right.address, seen_by=routed.left)

    assert observe("source", source) == routed.router.address


def send(hosts: Routed, error: int, data: bytes) -> None:
    """Send from here what the router answers with an ICMP error of this type."""
    with Socket.udp() as sender, Socket.raw(IPPROTO_RAW) as raw:
        if error == UNREACHABLE:
            sender.sendto(data, (hosts.router.address, NOBODYS_PORT))
        elif error == EXCEEDED:
            sender.ip_ttl = 1
            sender.sendto(data, (hosts.right.address, NOBODYS_PORT))
        else:
            raw.sendto(
                ipv4_packet(
                    data,
                    destination=hosts.router.address,
                    protocol=NOBODYS_PROTOCOL,
                    options=TRUNCATED_OPTION,
                ),
                (hosts.router.address, 0),
            )


def send6(hosts: Routed, error: int, data: bytes) -> None:
    """The same over IPv6."""
    with Socket.udp(AF_INET6) as sender, raw6(NOBODYS_PROTOCOL) as raw:
        if error == UNREACHABLE6:
            sender.sendto(data, (address6(hosts.router), NOBODYS_PORT))
        elif error == EXCEEDED6:
            sender.ipv6_unicast_hops = 1
            sender.sendto(data, (address6(hosts.right), NOBODYS_PORT))
        else:
            raw.sendto(data, (address6(hosts.router), 0))


@contextmanager
def errors(hosts: Routed, version: int = 4) -> Iterator[Socket]:
    """A raw socket on the left host that receives ICMP errors, while this thread is there."""
    family, protocol = (AF_INET, IPPROTO_ICMP) if version == 4 else (AF_INET6, IPPROTO_ICMPV6)
    with hosts.left.entered(), Socket.raw(protocol, family) as sock:
        sock.rcvtimeo = SOON
        yield sock


def next_error(sock: Socket) -> bytes:
    """The next error that a raw socket receives, from its ICMP header on."""
    while True:
        packet = sock.recv(2000)
        message = packet[4 * (packet[0] & 0x0F) :] if sock.family == AF_INET else packet
        if message[0] in (ERRORS if sock.family == AF_INET else ERRORS6):
            return message


def of_interface(message: ExtendedMessage, host: Host) -> list[object]:
    """Whether an error has the index of a host's interface; the address, name and MTU that it has."""
    return [message.index == index_of(host), message.address, message.name, message.mtu]


@claim(
    "ip-sysctl/icmp_errors_extension_mask/interface",
    sentence=(
        "ip-sysctl/icmp_errors_extension_mask/appends",
        "ip-sysctl/icmp_errors_extension_mask/interface",
    ),
    section="IP Variables",
    says="With icmp_errors_extension_mask 1 an ICMP error over IPv4, that a destination is unreachable, that "
    "the time is exceeded or that there is a problem with a parameter, ends with index, address, name and "
    "MTU of the interface by which the packet came (RFC 5837).",
    since="6.19",
    needs=NEEDS4,
    survives=CLOSED_LATE,
)
@pytest.mark.parametrize(
    "error", [UNREACHABLE, EXCEEDED, PROBLEM], ids=["unreachable", "time-exceeded", "parameter-problem"]
)
def test_an_error_says_by_which_interface(routed, observe, error):
    router = routed.router.namespace
    router.sysctl[EXTENSIONS] = 1
    router.set_link(routed.router.device, mtu=MTU)
    with errors(routed) as sock:
        send(routed, error, b"data")
        message = next_error(sock)

    interface = of_interface(extended_message(message), routed.router)
    assert [observe("type", message[0]), observe("interface", interface)] == [
        error,
        [True, routed.router.address, routed.router.device, MTU],
    ]


@claim(
    "ip-sysctl/icmp_errors_extension_mask/original",
    sentence="ip-sysctl/icmp_errors_extension_mask/128-bytes",
    section="IP Variables",
    says="With icmp_errors_extension_mask 1 an ICMP error over IPv4 about a UDP datagram of 1, 100, 101 or "
    "500 bytes has 128 bytes of its packet: zeros follow what is shorter, and what is longer is cut.",
    since="6.19",
    needs=NEEDS4,
    survives=CLOSED_LATE,
)
@pytest.mark.parametrize("size", [1, 100, 101, 500])
def test_an_error_has_128_bytes_of_the_packet(routed, observe, size):
    routed.router.namespace.sysctl[EXTENSIONS] = 1
    data = bytes(number % 255 + 1 for number in range(size))
    with errors(routed) as sock:
        send(routed, UNREACHABLE, data)
        original = extended_message(next_error(sock)).original

    assert observe("original", original[28:].hex()) == data[:100].ljust(100, b"\0").hex()


@claim(
    "ip-sysctl/icmp_errors_extension_mask/default",
    sentence="ip-sysctl/icmp_errors_extension_mask/default",
    section="IP Variables",
    says="In a new network namespace icmp_errors_extension_mask is 0, and an ICMP error over IPv4 about a "
    "UDP datagram ends with that.",
    since="6.19",
    needs=NEEDS4,
    survives=CLOSED_LATE,
)
def test_an_error_has_no_extension_at_first(routed, observe):
    mask = observe("mask", int(routed.router.namespace.sysctl[EXTENSIONS], 16))
    with errors(routed) as sock:
        send(routed, UNREACHABLE, b"data")
        message = next_error(sock)

    assert [mask, observe("length_and_end", [message[5], message[36:].decode()])] == [0, [0, "data"]]


@claim(
    "ip-sysctl/errors_extension_mask/interface",
    sentence=("ip-sysctl/errors_extension_mask/appends", "ip-sysctl/errors_extension_mask/interface"),
    section="icmp/*",
    says="With net.ipv6.icmp.errors_extension_mask 1 an ICMPv6 error that a destination is unreachable or "
    "that the time is exceeded ends with index, address, name and MTU of the interface by which the packet "
    "came (RFC 5837).",
    since="6.19",
    needs=NEEDS6,
    survives=CLOSED_LATE,
)
@pytest.mark.parametrize("error", [UNREACHABLE6, EXCEEDED6], ids=["unreachable", "time-exceeded"])
def test_an_error_over_ipv6_says_by_which_interface(routed, observe, error):
    router = routed.router.namespace
    router.sysctl[EXTENSIONS6] = 1
    router.set_link(routed.router.device, mtu=MTU)
    with errors(routed, 6) as sock:
        send6(routed, error, b"data")
        message = next_error(sock)

    interface = of_interface(extended_message(message, 6), routed.router)
    assert [observe("type", message[0]), observe("interface", interface)] == [
        error,
        [True, address6(routed.router), routed.router.device, MTU],
    ]


@claim(
    "ip-sysctl/errors_extension_mask/others",
    sentence="ip-sysctl/errors_extension_mask/appends",
    section="icmp/*",
    says="With net.ipv6.icmp.errors_extension_mask 1 an ICMPv6 error that there is a problem with a "
    "parameter ends with the packet, of a protocol that nobody has.",
    since="6.19",
    needs=NEEDS6,
    survives=CLOSED_LATE,
)
def test_another_error_over_ipv6_has_no_extension(routed, observe):
    routed.router.namespace.sysctl[EXTENSIONS6] = 1
    with errors(routed, 6) as sock:
        send6(routed, PROBLEM6, b"data")
        message = next_error(sock)

    assert observe("type_and_end", [message[0], message[48:].decode()]) == [PROBLEM6, "data"]


@claim(
    "ip-sysctl/errors_extension_mask/original",
    sentence="ip-sysctl/errors_extension_mask/128-bytes",
    section="icmp/*",
    says="With net.ipv6.icmp.errors_extension_mask 1 an ICMPv6 error about a UDP datagram of 1, 80, 81 or "
    "500 bytes has 128 bytes of its packet: zeros follow what is shorter, and what is longer is cut.",
    since="6.19",
    needs=NEEDS6,
    survives=CLOSED_LATE,
)
@pytest.mark.parametrize("size", [1, 80, 81, 500])
def test_an_error_over_ipv6_has_128_bytes_of_the_packet(routed, observe, size):
    routed.router.namespace.sysctl[EXTENSIONS6] = 1
    data = bytes(number % 255 + 1 for number in range(size))
    with errors(routed, 6) as sock:
        send6(routed, UNREACHABLE6, data)
        original = extended_message(next_error(sock), 6).original

    assert observe("original", original[48:].hex()) == data[:80].ljust(80, b"\0").hex()


@claim(
    "ip-sysctl/errors_extension_mask/default",
    sentence="ip-sysctl/errors_extension_mask/default",
    section="icmp/*",
    says="In a new network namespace net.ipv6.icmp.errors_extension_mask is 0, and an ICMPv6 error about a "
    "UDP datagram ends with that.",
    since="6.19",
    needs=NEEDS6,
    survives=CLOSED_LATE,
)
def test_an_error_over_ipv6_has_no_extension_at_first(routed, observe):
    mask = observe("mask", int(routed.router.namespace.sysctl[EXTENSIONS6], 16))
    with errors(routed, 6) as sock:
        send6(routed, UNREACHABLE6, b"data")
        message = next_error(sock)

    assert [mask, observe("length_and_end", [message[4], message[56:].decode()])] == [0, [0, "data"]]
