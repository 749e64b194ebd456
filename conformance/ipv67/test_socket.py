"""Sockets of IPv6."""

from __future__ import annotations

from socket import AF_INET6, IPPROTO_TCP, IPPROTO_UDP, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.setups.ipv6 import ipv6_packets, packet_ending, tcp6, udp6
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.pairs import received_until
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability


@claim(
    "ipv6.7/socket/tcp",
    sentence="ipv6.7/synopsis/tcp",
    section="SYNOPSIS",
    says="socket(AF_INET6, SOCK_STREAM, 0) makes a TCP socket: it connects to one that listens, and a stream "
    "of bytes goes from one to the other.",
    needs=[IPV6],
)
def test_a_stream_is_tcp(ns, observe):
    with listening("::1") as listener, Socket(AF_INET6, SOCK_STREAM, 0) as client:
        client.connect(listener.getsockname())
        await_readable(listener)
        with listener.accept()[0] as server:
            server.rcvtimeo = SOON
            client.send(b"hel")
            client.send(b"lo")
            client.close()

            assert [observe("protocol", server.protocol), observe("received", server.read_to_string())] == [
                IPPROTO_TCP,
                "hello",
            ]


@claim(
    "ipv6.7/socket/udp",
    sentence="ipv6.7/synopsis/udp",
    section="SYNOPSIS",
    says="socket(AF_INET6, SOCK_DGRAM, protocol) makes a UDP socket with the protocol 0 or IPPROTO_UDP: what "
    "one sends to another arrives in UDP packets of IPv6, one for each send.",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize("protocol", [0, IPPROTO_UDP])
def test_datagrams_are_udp(ns, observe, protocol):
    with ipv6_packets() as seen, Socket(AF_INET6, SOCK_DGRAM, protocol) as sender, udp6() as receiver:
        receiver.rcvtimeo = SOON
        receiver.bind(("::1", 0))
        sender.sendto(b"hel", receiver.getsockname())
        sender.sendto(b"lo", receiver.getsockname())
        received = [receiver.recv(9).decode(), receiver.recv(9).decode()]

        assert [
            observe("protocol", packet_ending(seen, b"lo").next_header),
            observe("received", received),
        ] == [IPPROTO_UDP, ["hel", "lo"]]


@claim(
    "ipv6.7/socket/raw",
    sentence="ipv6.7/synopsis/raw",
    section="SYNOPSIS",
    says="socket(AF_INET6, SOCK_RAW, protocol) makes a raw socket: what it sends has this protocol in the "
    "IPv6 header, and it receives packets that have, without that header, and no others.",
    needs=[IPV6, Capability.NET_RAW],
)
def test_a_raw_socket_is_of_a_protocol(ns, observe):
    with (
        ipv6_packets() as seen,
        Socket(AF_INET6, SOCK_RAW, 253) as one,
        Socket(AF_INET6, SOCK_RAW, 254) as other,
    ):
        one.rcvtimeo = other.rcvtimeo = SOON
        one.sendto(b"one", ("::1", 0))
        other.sendto(b"other", ("::1", 0))
        one.sendto(b"end", ("::1", 0))
        other.sendto(b"end", ("::1", 0))
        received = [received_until("end", one), received_until("end", other)]
        protocols = [packet_ending(seen, b"one").next_header, packet_ending(seen, b"other").next_header]

        assert [observe("protocols", protocols), observe("received", received)] == [
            [253, 254],
            [["one", "end"], ["other", "end"]],
        ]


@claim(
    "ipv6.7/description/any",
    sentence="ipv6.7/description/any",
    section="DESCRIPTION",
    says="A UDP socket bound to in6addr_any (::) receives what is sent to any address of the host.",
    needs=[IPV6],
)
def test_any_address_is_all_of_them(ns, observe):
    ns.add_address("lo", "fd00::1/128")
    with udp6() as receiver, udp6() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind(("::", 0))
        port = receiver.getsockname()[1]
        sender.sendto(b"to one", ("::1", port))
        sender.sendto(b"to another", ("fd00::1", port))

        assert observe("received", [receiver.recv(20).decode(), receiver.recv(20).decode()]) == [
            "to one",
            "to another",
        ]


@claim(
    "ipv6.7/description/any-tcp",
    sentence="ipv6.7/description/any",
    section="DESCRIPTION",
    says="A TCP socket that listens at in6addr_any (::) is connected to at any address of the host.",
    needs=[IPV6],
)
@pytest.mark.parametrize("address", ["::1", "fd00::1"])
def test_it_listens_at_any_address(ns, observe, address):
    ns.add_address("lo", "fd00::1/128")
    with listening("::") as listener, tcp6() as client:
        client.connect((address, listener.getsockname()[1]))
        await_readable(listener)
        with listener.accept()[0] as server:
            assert observe("address", server.getsockname()[0]) == address
