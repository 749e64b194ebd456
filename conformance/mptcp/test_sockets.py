"""Multipath TCP: its sockets, and what becomes of a connection whose other end has none."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from itertools import islice

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, MPTCP, VETH, Need
from conformance.plugin.refusal import refused
from conformance.plugin.setups.mptcp import (
    IPPROTO_MPTCP,
    OPTION,
    SECOND,
    allow_second_subflow,
    mptcp_across,
    mptcp_connection,
    mptcp_socket,
    socket_for,
)
from conformance.plugin.setups.packets import ip_header, packets
from conformance.plugin.setups.segments import ACK, SYN, Segment, next_segment, segment, segments
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability


def arrivals(arriving: Socket) -> Iterator[bytes]:
    """All that arrives, packet by packet; an error where nothing comes before long."""
    return iter(lambda: arriving.recv(2000), b"")


def syns(arriving: Socket) -> Iterator[tuple[bytes, Segment]]:
    """What asks for a connection or to join one: the packet, and the TCP segment in it."""
    return ((one, found) for one in arrivals(arriving) if (found := segment(one)).flags & (SYN | ACK) == SYN)


FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
ON_THE_WIRE: tuple[Need | Capability, ...] = (MPTCP, Capability.NET_RAW, VETH)
MP_CAPABLE, MP_JOIN = 0, 1
"""Subtypes of MPTCP's option: what asks for it, and what adds a subflow."""


@claim(
    "mptcp/Creating-MPTCP-sockets/protocol",
    sentence=("mptcp/Creating-MPTCP-sockets/protocol", "mptcp/Creating-MPTCP-sockets/number"),
    section="Creating MPTCP sockets",
    says="A socket of SOCK_STREAM and IPPROTO_MPTCP (262) can be made with AF_INET and AF_INET6, and its "
    "SO_PROTOCOL says so.",
    since="5.6",
    needs=[MPTCP, IPV6],
)
@FAMILIES
def test_the_protocol_selects_it(ns, observe, family):
    with mptcp_socket(family) as sock:
        assert observe("domain_type_protocol", [sock.domain, sock.so_type, sock.protocol]) == [
            family,
            socket.SOCK_STREAM,
            IPPROTO_MPTCP,
        ]


@claim(
    "mptcp/Creating-MPTCP-sockets/disabled",
    sentence=("mptcp/Creating-MPTCP-sockets/ENOPROTOOPT", "mptcp-sysctl/enabled/creates"),
    section="Creating MPTCP sockets",
    says="Where net.mptcp.enabled of the network namespace is 0, making an MPTCP socket of AF_INET or "
    "AF_INET6 fails with ENOPROTOOPT; where it is 1 it does not.",
    since="5.6",
    needs=[MPTCP, IPV6],
)
@FAMILIES
def test_it_can_be_disabled(ns, observe, family):
    ns.sysctl["net.mptcp.enabled"] = 0
    with refused(errno.ENOPROTOOPT):
        mptcp_socket(family)
    ns.sysctl["net.mptcp.enabled"] = 1
    with mptcp_socket(family) as sock:
        assert observe("protocol", sock.protocol) == IPPROTO_MPTCP


@claim(
    "mptcp/Concepts/mp-capable",
    sentence=("mptcp/Concepts/mp-capable", "mptcp/Creating-MPTCP-sockets/opt-in"),
    section="Concepts",
    says="The SYN of an MPTCP socket over IPv4 has an MP_CAPABLE option, as the SYN-ACK of a listener of "
    "MPTCP has, while one that a TCP socket sends to that has none and is answered by none.",
    since="5.6",
    needs=ON_THE_WIRE,
)
@pytest.mark.parametrize(("mptcp", "subtypes"), [(True, [MP_CAPABLE] * 2), (False, [None] * 2)])
def test_the_other_host_is_told(peers, observe, mptcp, subtypes):
    host = peers.right.address
    with peers.right.entered(), segments() as asking, socket_for(host, mptcp=True) as listener:
        listener.bind((host, 0))
        listener.listen()
        with peers.left.entered(), segments() as arriving, socket_for(host, mptcp=mptcp) as client:
            asking.rcvtimeo = arriving.rcvtimeo = SOON
            client.connect(listener.getsockname())
            asked, answer = next_segment(asking), next_segment(arriving)

        seen = [one.options[OPTION][0] >> 4 if OPTION in one.options else None for one in (asked, answer)]
        assert [observe("flags", [asked.flags & 0x12, answer.flags & 0x12]), observe("subtypes", seen)] == [
            [SYN, SYN | ACK],
            subtypes,
        ]


@claim(
    "mptcp/Concepts/more-subflows",
    sentence=(
        "mptcp/Concepts/more-subflows",
        "mptcp/Path-Manager/creates",
        "mptcp/Path-Manager/endpoints",
        "mptcp-sysctl/path_manager/kernel",
    ),
    section="Concepts",
    says="Where the path manager in the kernel of a client knows of another address of its host (an endpoint "
    "for subflows), an MPTCP connection over IPv4 gets a second subflow from that address: its SYN has an "
    "MP_JOIN option where that of the first had MP_CAPABLE, and MPTCP_SUBFLOW_ADDRS of the client has both.",
    since="5.16",
    needs=ON_THE_WIRE,
)
def test_another_address_has_a_subflow(peers, observe):
    allow_second_subflow(peers)
    with mptcp_across(peers) as (client, listener), packets() as arriving:
        arriving.rcvtimeo = SOON
        client.connect(listener.getsockname())
        with listener.accept()[0] as accepted:
            accepted.send(b"data")
            client.read_exact(4)
            subtypes = [asked.options[OPTION][0] >> 4 for _, asked in islice(syns(arriving), 2)]

            hosts = [one.local[0] for one in client.mptcp_subflow_addrs]
            assert [observe("subtypes", subtypes), observe("hosts", hosts)] == [
                [MP_CAPABLE, MP_JOIN],
                [peers.left.address, SECOND],
            ]


@claim(
    "mptcp/Concepts/downgraded",
    sentence="mptcp/Concepts/downgraded",
    section="Concepts",
    says="An MPTCP socket, over IPv4 and IPv6, that connects to a TCP listener has a connection by which "
    "data goes both ways, and its TCP_IS_MPTCP is 0; where it connects to a listener of MPTCP it is 1.",
    since="6.10",
    needs=[MPTCP, IPV6],
)
@HOSTS
@pytest.mark.parametrize(("listener", "used"), [(False, False), (True, True)])
def test_it_falls_back_to_tcp(ns, observe, host, listener, used):
    with mptcp_connection(host, listener=listener) as (client, accepted):
        client.send(b"there")
        there = accepted.read_exact(5).decode()
        accepted.send(b"back")
        back = client.read_exact(4).decode()

        assert [observe("data", [there, back]), observe("used", client.tcp_is_mptcp)] == [
            ["there", "back"],
            used,
        ]


@claim(
    "mptcp/Design-choices/plain-accepted",
    sentence=("mptcp/Design-choices/plain-accepted", "mptcp/Creating-MPTCP-sockets/opt-in"),
    section="Design choices",
    says="What a listener of MPTCP, over IPv4 and IPv6, accepts from a TCP socket is a TCP socket, and from "
    "an MPTCP one an MPTCP socket: SO_PROTOCOL says so.",
    since="5.6",
    needs=[MPTCP, IPV6],
)
@HOSTS
@pytest.mark.parametrize(("client", "protocol"), [(False, socket.IPPROTO_TCP), (True, IPPROTO_MPTCP)])
def test_who_did_not_ask_gets_plain_tcp(ns, observe, host, client, protocol):
    with mptcp_connection(host, client=client) as (connected, accepted):
        assert observe("protocols", [connected.protocol, accepted.protocol]) == [protocol, protocol]


@claim(
    "mptcp/Creating-MPTCP-sockets/transparent",
    sentence="mptcp/Creating-MPTCP-sockets/transparent",
    section="Creating MPTCP sockets",
    says="A connection between two MPTCP sockets, over IPv4 and IPv6, carries data both ways, one end has "
    "the address of the other, and after shutdown(2) of one for writing the other reads the end and can "
    "still send.",
    since="5.6",
    needs=[MPTCP, IPV6],
)
@HOSTS
def test_a_connection_is_as_one_of_tcp(ns, observe, host):
    with mptcp_connection(host) as (client, accepted):
        client.send(b"there")
        client.shutdown(socket.SHUT_WR)
        there = [accepted.read_exact(5).decode(), accepted.recv(1).decode()]
        accepted.send(b"back")
        back = client.read_exact(4).decode()

        names = [
            client.getsockname() == accepted.getpeername(),
            client.getpeername() == accepted.getsockname(),
        ]
        assert [observe("data", [*there, back]), observe("names", names)] == [
            ["there", "", "back"],
            [True, True],
        ]


@claim(
    "mptcp/TCP_IS_MPTCP/used",
    sentence=("mptcp/Socket-options/TCP_IS_MPTCP", "tcp.h/TCP_IS_MPTCP/used"),
    section="Socket options",
    says="TCP_IS_MPTCP is 1 at both ends of a connection between two MPTCP sockets, over IPv4 and IPv6, and "
    "0 at both ends of one between two TCP sockets.",
    since="6.10",
    needs=[MPTCP, IPV6],
)
@HOSTS
@pytest.mark.parametrize("mptcp", [False, True])
def test_whether_it_is_used(ns, observe, host, mptcp):
    with mptcp_connection(host, client=mptcp, listener=mptcp) as (client, accepted):
        assert observe("used", [client.tcp_is_mptcp, accepted.tcp_is_mptcp]) == [mptcp, mptcp]


@claim(
    "mptcp/Socket-options/propagated",
    sentence=("mptcp/Socket-options/propagated", "mptcp/Concepts/subflow"),
    section="Socket options",
    says="What an MPTCP connection over IPv4 sends comes in TCP segments, and after IP_TOS was set it has "
    "that in its IP header.",
    since="5.17",
    needs=ON_THE_WIRE,
)
def test_a_value_is_propagated_to_the_subflow(peers, observe):
    with mptcp_across(peers) as (client, listener), packets() as arriving:
        arriving.rcvtimeo = SOON
        client.connect(listener.getsockname())
        client.ip_tos = 0x10
        client.send(b"data")
        packet = next(one for one in arrivals(arriving) if one.endswith(b"data"))

        header = ip_header(packet)
        assert observe("protocol_and_tos", [header.protocol, header.tos]) == [socket.IPPROTO_TCP, 0x10]


@claim(
    "mptcp/Socket-options/propagated-later",
    sentence=("mptcp/Socket-options/propagated", "mptcp/Concepts/more-subflows"),
    section="Socket options",
    says="IP_TOS that was set on an MPTCP socket over IPv4 before connect(2) is in the IP header of the SYNs "
    "of its first subflow and of a second, which comes later.",
    since="5.17",
    needs=ON_THE_WIRE,
)
def test_a_value_is_propagated_to_later_subflows(peers, observe):
    allow_second_subflow(peers)
    with mptcp_across(peers) as (client, listener), packets() as arriving:
        arriving.rcvtimeo = SOON
        client.ip_tos = 0x10
        client.connect(listener.getsockname())
        with listener.accept()[0] as accepted:
            accepted.send(b"data")
            client.read_exact(4)
            requests = [packet for packet, _ in islice(syns(arriving), 2)]

            tos = [ip_header(packet).tos for packet in requests]
            assert observe("tos", tos) == [0x10, 0x10]
