"""IP_ROUTER_ALERT: packets that a router passes to its own sockets."""

from __future__ import annotations

from socket import IPPROTO_UDP

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.packets import next_header, packets
from conformance.plugin.setups.pairs import received_until, udp_across
from conformance.plugin.setups.sockets import raw_socket
from conformance.plugin.timing import SOON
from libsocket import IP_ROUTER_ALERT, Socket
from netns import Capability

ROUTER_ALERT = bytes([148, 4, 0, 0])


def text(packet: bytes) -> str:
    """What a UDP packet carries."""
    return packet[4 * (packet[0] & 0x0F) + 8 :].decode()


@claim(
    "IP_ROUTER_ALERT.2const/IP_ROUTER_ALERT/passed",
    sentence=(
        "IP_ROUTER_ALERT.2const/IP_ROUTER_ALERT/passed",
        "IP_ROUTER_ALERT.2const/IP_ROUTER_ALERT/not-forwarded",
        "IP_ROUTER_ALERT.2const/IP_ROUTER_ALERT/binding",
    ),
    section="DESCRIPTION",
    says="A raw socket of a router with IP_ROUTER_ALERT receives, instead of the host that it is for, a "
    "packet of its protocol that would be forwarded and has the IP option Router Alert, also where it is "
    "bound to another address. Packets without that IP option, and all once the socket has the option no "
    "longer, are forwarded.",
    since="2.2",
    needs=[VETH, Capability.NET_RAW],
)
def test_packets_are_passed_instead_of_forwarded(routed, observe):
    with routed.router.entered():
        alert = Socket.raw(IPPROTO_UDP)
    with udp_across(routed) as (sender, receiver), alert:
        alert.rcvtimeo = SOON
        alert.bind(("127.0.0.1", 0))
        address = routed.right.address, receiver.getsockname()[1]
        alert.set(IP_ROUTER_ALERT, True)
        sender.sendto(b"no alert", address)
        received = [receiver.recv(20).decode()]
        sender.ip_options = ROUTER_ALERT
        sender.sendto(b"alert", address)
        passed = text(alert.recv(100))
        alert.set(IP_ROUTER_ALERT, False)
        sender.sendto(b"after", address)
        received.append(receiver.recv(20).decode())

        assert [observe("passed", passed), observe("received", received)] == [
            "alert",
            ["no alert", "after"],
        ]


@claim(
    "IP_ROUTER_ALERT.2const/IP_ROUTER_ALERT/bound-to-device",
    sentence="IP_ROUTER_ALERT.2const/IP_ROUTER_ALERT/binding",
    section="CAVEATS",
    says="A raw socket of a router with IP_ROUTER_ALERT that is bound to one device (SO_BINDTODEVICE) "
    "receives packets of its protocol with Router Alert that came by another.",
    since="2.2",
    needs=[VETH, Capability.NET_RAW],
    expect=differs(
        "it receives only those by its device; others are forwarded (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"received": ["by another", "end"], "passed": "by its own"},
    ),
)
def test_a_device_does_not_matter(routed, observe):
    with routed.router.entered():
        alert = Socket.raw(IPPROTO_UDP)
    with routed.left.entered():
        plain = Socket.udp()
    with udp_across(routed) as (sender, receiver), alert, plain:
        alert.rcvtimeo = SOON
        address = routed.right.address, receiver.getsockname()[1]
        sender.ip_options = ROUTER_ALERT
        alert.set(IP_ROUTER_ALERT, True)
        alert.bindtodevice = routed.router_right.device
        sender.sendto(b"by another", address)
        plain.sendto(b"end", address)
        received = received_until("end", receiver)
        alert.bindtodevice = routed.router.device
        sender.sendto(b"by its own", address)

        assert [observe("received", received), observe("passed", text(alert.recv(100)))] == [
            ["end"],
            "by another",
        ]


@claim(
    "IP_ROUTER_ALERT.2const/IP_ROUTER_ALERT/by-protocol",
    sentence="IP_ROUTER_ALERT.2const/IP_ROUTER_ALERT/binding",
    section="CAVEATS",
    says="A raw socket of a router with IP_ROUTER_ALERT and of another protocol receives packets of that, "
    "and does not keep a UDP packet with Router Alert from the host that it is for.",
    since="2.2",
    needs=[VETH, Capability.NET_RAW],
)
def test_the_protocol_counts(routed, observe):
    with routed.router.entered():
        alert, seen = raw_socket(), packets()
    with routed.left.entered():
        raw = raw_socket()
    with udp_across(routed) as (sender, receiver), alert, seen, raw:
        seen.rcvtimeo = alert.rcvtimeo = SOON
        alert.set(IP_ROUTER_ALERT, True)
        sender.ip_options = raw.ip_options = ROUTER_ALERT
        sender.sendto(b"alert", (routed.right.address, receiver.getsockname()[1]))
        options = next_header(seen).options.hex()
        received = [receiver.recv(20).decode()]
        raw.sendto(b"of the protocol", (routed.right.address, 0))
        received.append(alert.recv(100)[24:].decode())

        assert [observe("sent", options), observe("received", received)] == [
            ROUTER_ALERT.hex(),
            ["alert", "of the protocol"],
        ]


@claim(
    "IP_ROUTER_ALERT.2const/IP_ROUTER_ALERT/raw-only",
    sentence="IP_ROUTER_ALERT.2const/IP_ROUTER_ALERT/raw-only",
    section="DESCRIPTION",
    says="Setting IP_ROUTER_ALERT of a TCP or UDP socket is refused, that of a raw socket is not.",
    since="2.2",
    needs=[Capability.NET_RAW],
    survives={"no-op: setsockopt(*IP_ROUTER_ALERT, ?0?*": "it would be refused if the option were not on"},
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
def test_it_is_of_raw_sockets(ns, observe, make):
    with make() as sock, raw_socket() as raw:
        with refused():
            sock.set(IP_ROUTER_ALERT, True)
        raw.set(IP_ROUTER_ALERT, True)
        raw.set(IP_ROUTER_ALERT, False)  # which is refused where it is not on
