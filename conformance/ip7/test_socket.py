"""Which IP sockets there are, and what each is for."""

from __future__ import annotations

import errno
import socket
from socket import (
    AF_INET,
    AF_PACKET,
    IPPROTO_SCTP,
    IPPROTO_TCP,
    IPPROTO_UDP,
    SOCK_DGRAM,
    SOCK_RAW,
    SOCK_STREAM,
)

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, SCTP
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.packets import ETH_P_IP, packets
from conformance.plugin.setups.unix_messages import data_nowhere
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability

IPPROTO_UDPLITE = 136
FOR_EXPERIMENTS, ANOTHER = 253, 254
"""Protocols that nobody has, RFC 3692."""
HERE = "127.0.0.1", 0
SOCK_PACKET = 10
ETH_HLEN = 14
LOOPBACK = 1
"""The index of lo in every network namespace."""


def old_packet_socket() -> Socket:
    """One that receives every IPv4 packet that arrives, in the syntax of Linux 2.0."""
    sock = Socket(AF_INET, SOCK_PACKET, socket.htons(ETH_P_IP))
    sock.rcvtimeo = SOON
    return sock


def version_and_protocol(packet: bytes) -> list[int]:
    """What an IPv4 header says."""
    return [packet[0] >> 4, packet[9]]


@claim(
    "ip.7/socket/types",
    sentence=("ip.7/socket/created", "ip.7/socket/types", "ip.7/socket/tcp", "ip.7/socket/udp"),
    section="DESCRIPTION",
    says="socket(AF_INET, type, protocol) makes TCP of SOCK_STREAM with 0 or IPPROTO_TCP, and UDP of "
    "SOCK_DGRAM with 0 or IPPROTO_UDP.",
)
@pytest.mark.parametrize(
    ("type_", "asked", "made"),
    [
        (SOCK_STREAM, 0, IPPROTO_TCP),
        (SOCK_STREAM, IPPROTO_TCP, IPPROTO_TCP),
        (SOCK_DGRAM, 0, IPPROTO_UDP),
        (SOCK_DGRAM, IPPROTO_UDP, IPPROTO_UDP),
    ],
)
def test_a_type_and_a_protocol_make_a_socket(ns, observe, type_, asked, made):
    with Socket(AF_INET, type_, asked) as sock:
        assert observe("made", [sock.domain, sock.so_type, sock.protocol]) == [AF_INET, type_, made]


@claim(
    "ip.7/socket/protocol-of-another-type",
    sentence=("ip.7/socket/tcp", "ip.7/socket/udp"),
    section="DESCRIPTION",
    says="TCP is no protocol for SOCK_DGRAM, nor UDP one for SOCK_STREAM: the call fails.",
)
@pytest.mark.parametrize(
    ("type_", "protocol", "other"),
    [(SOCK_DGRAM, IPPROTO_TCP, IPPROTO_UDP), (SOCK_STREAM, IPPROTO_UDP, IPPROTO_TCP)],
    ids=["datagrams", "stream"],
)
def test_a_protocol_is_of_one_type(ns, observe, type_, protocol, other):
    with refused():
        Socket(AF_INET, type_, protocol)
    with Socket(AF_INET, type_, other) as sock:
        assert observe("made", [sock.so_type, sock.protocol]) == [type_, other]


@claim(
    "ip.7/socket/sctp",
    sentence="ip.7/socket/sctp",
    section="DESCRIPTION",
    says="SOCK_STREAM with IPPROTO_SCTP is a stream over SCTP: a client's bytes come to the server that "
    "accepted it.",
    needs=[SCTP],
)
def test_a_stream_over_sctp(ns, observe):
    with (
        Socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP) as listener,
        Socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP) as client,
    ):
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            server.rcvtimeo = SOON
            client.send(b"hello")

            assert observe("protocol_and_received", [server.protocol, server.recv(9).decode()]) == [
                IPPROTO_SCTP,
                "hello",
            ]


@claim(
    "defacto/socket/sctp-addresses",
    says="A stream over SCTP that listens at ::1, at :: or at 0.0.0.0 accepts a client of that version by "
    "loopback, whose bytes come to the server.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[SCTP, IPV6],
)
@pytest.mark.parametrize(("host", "to"), [("::1", "::1"), ("::", "::1"), ("0.0.0.0", "127.0.0.1")])
def test_a_stream_over_sctp_at_an_address(ns, observe, host, to):
    with (
        listening(host, protocol=IPPROTO_SCTP) as listener,
        Socket(listener.family, SOCK_STREAM, IPPROTO_SCTP) as client,
    ):
        client.connect((to, listener.getsockname()[1]))
        with listener.accept()[0] as server:
            server.rcvtimeo = SOON
            client.send(b"hello")

            found = [server.getpeername()[0], server.recv(9).decode()]
            assert observe("peer_and_received", found) == [to, "hello"]


@claim(
    "defacto/send/sctp-efault",
    says="A send on a stream over SCTP, IPv4, of bytes where no process has memory fails with EFAULT, and "
    "what is sent after it arrives.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[SCTP],
)
def test_a_send_over_sctp_from_nowhere(ns, observe):
    with (
        listening(protocol=IPPROTO_SCTP) as listener,
        Socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP) as client,
    ):
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            server.rcvtimeo = SOON
            with refused(errno.EFAULT):
                data_nowhere("send", client)
            client.send(b"hello")

            assert observe("received", server.recv(9).decode()) == "hello"


@claim(
    "ip.7/socket/udplite",
    sentence="ip.7/socket/udplite",
    section="DESCRIPTION",
    says="SOCK_DGRAM with IPPROTO_UDPLITE makes a socket for datagrams of UDP-Lite.",
    expect=differs(
        "UDP-Lite was removed: EPROTONOSUPPORT",
        since="7.1",
        commit="56520b398e5e",
        observed={"errno": "EPROTONOSUPPORT"},
    ),
)
def test_datagrams_of_udp_lite(ns, observe):
    with (
        Socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE) as sender,
        Socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE) as receiver,
    ):
        receiver.rcvtimeo = SOON
        receiver.bind(("127.0.0.1", 0))
        sender.sendto(b"hello", receiver.getsockname())

        assert observe("protocol_and_received", [sender.protocol, receiver.recv(9).decode()]) == [
            IPPROTO_UDPLITE,
            "hello",
        ]


@claim(
    "ip.7/socket/raw-protocols",
    sentence=("ip.7/socket/types", "ip.7/socket/raw-protocols"),
    section="DESCRIPTION",
    says="SOCK_RAW takes the number of any IP protocol, 1 to 255.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("protocol", [1, 6, 17, 136, 253, 255])
def test_a_raw_socket_has_any_protocol(ns, observe, protocol):
    with Socket(AF_INET, SOCK_RAW, protocol) as sock:
        assert observe("made", [sock.so_type, sock.protocol]) == [SOCK_RAW, protocol]


@claim(
    "ip.7/socket/raw-protocol-sent-and-received",
    sentence=("ip.7/socket/types", "ip.7/socket/protocol-in-header"),
    section="DESCRIPTION",
    says="What a raw socket receives begins with the IP header, and the protocol there is the one that the "
    "socket was made with, as in what it sends: packets of another protocol do not come to it.",
    needs=[Capability.NET_RAW],
)
def test_a_raw_socket_sends_and_receives_its_protocol(ns, observe):
    with (
        Socket.raw(FOR_EXPERIMENTS) as sender,
        Socket.raw(FOR_EXPERIMENTS) as receiver,
        Socket.raw(ANOTHER) as another,
    ):
        receiver.rcvtimeo = another.rcvtimeo = SOON
        another.sendto(b"another", HERE)
        sender.sendto(b"hello", HERE)
        received = [another.recv(100), receiver.recv(100)]

        assert [
            observe("versions_and_protocols", [version_and_protocol(packet) for packet in received]),
            observe("data", [packet[20:].decode() for packet in received]),
        ] == [[[4, ANOTHER], [4, FOR_EXPERIMENTS]], ["another", "hello"]]


@claim(
    "ip.7/socket/packet-socket",
    sentence="ip.7/compatibility/sock-packet",
    section="Compatibility",
    says="socket(AF_INET, SOCK_PACKET, protocol) still makes a packet socket, which receives whole frames.",
    needs=[Capability.NET_RAW],
)
def test_an_old_name_makes_a_packet_socket(ns, observe):
    with old_packet_socket() as sock, Socket.udp() as sender:
        sender.sendto(b"hello", ("127.0.0.1", 9))
        frame = sock.recv(100)
        seen = [sock.domain, sock.so_type, *version_and_protocol(frame[ETH_HLEN:])]

        assert observe("domain_type_version_and_protocol", seen) == [AF_PACKET, SOCK_PACKET, 4, IPPROTO_UDP]


@claim(
    "ip.7/socket/packet-socket-address",
    sentence="ip.7/compatibility/addresses",
    section="Compatibility",
    says="Where a frame came in is a struct sockaddr_pkt on a socket of SOCK_PACKET, which names the "
    "interface; on one of AF_PACKET it is a struct sockaddr_ll, which numbers it.",
    needs=[Capability.NET_RAW],
)
def test_the_old_packet_socket_has_addresses_of_its_own(ns, observe):
    with old_packet_socket() as old, packets() as new, Socket.udp() as sender:
        new.rcvtimeo = SOON
        sender.sendto(b"hello", ("127.0.0.1", 9))
        name = old.recvfrom(100)[1][1].rstrip(b"\0").decode()
        address = new.recv_message(100).address

        assert observe("name_and_number", [name, address.ifindex]) == ["lo", LOOPBACK]
