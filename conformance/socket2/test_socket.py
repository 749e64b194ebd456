"""socket(2): what a new socket is."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability


@claim(
    "socket.2/socket/domain-type-protocol",
    sentence=("socket.2/socket/type", "libsocket/create/options"),
    section="DESCRIPTION",
    says="A new TCP, UDP, UNIX or netlink socket has the domain, the type and the protocol it was asked for.",
)
@pytest.mark.parametrize(
    "asked",
    [
        (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP),
        (socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP),
        (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP),
        (socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_UDP),
        (socket.AF_UNIX, socket.SOCK_STREAM, 0),
        (socket.AF_UNIX, socket.SOCK_DGRAM, 0),
        (socket.AF_UNIX, socket.SOCK_SEQPACKET, 0),
        (socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE),
    ],
    ids=["tcp", "udp", "tcp6", "udp6", "unix-stream", "unix-datagram", "unix-packet", "netlink"],
)
def test_is_what_was_asked_for(ns, observe, asked):
    with Socket(*asked) as sock:
        assert observe("made", [sock.domain, sock.so_type, sock.protocol]) == [*asked]


@claim(
    "socket.2/socket/protocol-zero",
    sentence=("socket.2/socket/protocol-zero", "libsocket/create/options"),
    section="DESCRIPTION",
    says="Asking for protocol 0 gives TCP for a stream socket and UDP for a datagram socket, in IPv4 and in "
    "IPv6.",
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize(
    ("type_", "protocol"),
    [(socket.SOCK_STREAM, socket.IPPROTO_TCP), (socket.SOCK_DGRAM, socket.IPPROTO_UDP)],
    ids=["stream", "datagram"],
)
def test_zero_stands_for_the_usual_protocol(ns, observe, family, type_, protocol):
    with Socket(family, type_, 0) as sock:
        assert observe("protocol", sock.protocol) == protocol


@claim(
    "socket.2/socket/raw-protocol-zero",
    sentence="socket.2/socket/protocol-particular",
    section="DESCRIPTION",
    says="A raw IPv4 socket, for which there are many protocols, cannot be made with protocol 0: "
    "EPROTONOSUPPORT.",
    needs=[Capability.NET_RAW],
)
def test_zero_stands_for_no_raw_protocol(ns, observe):
    with refused(errno.EPROTONOSUPPORT):
        Socket(socket.AF_INET, socket.SOCK_RAW, 0).close()
    with Socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
        assert observe("protocol", sock.protocol) == socket.IPPROTO_ICMP


@claim(
    "socket.2/socket/pending-error",
    sentence="socket.2/socket/pending-error",
    section="DESCRIPTION",
    says="After an ICMP message that nobody holds the port, the next send or receive on a connected UDP "
    "socket fails with ECONNREFUSED, and the send after it does not.",
)
@pytest.mark.parametrize(
    "operation", [lambda sock: sock.send(b"next"), lambda sock: sock.recv(9)], ids=["send", "recv"]
)
def test_the_next_operation_gives_the_error(ns, observe, operation):
    sender, gone = udp_pair()
    with sender, gone:
        address = gone.getsockname()
        gone.close()
        sender.rcvtimeo = SOON
        sender.send(b"lost")
        with refused(errno.ECONNREFUSED):
            operation(sender)
        with Socket.udp() as receiver:
            receiver.bind(address)
            sender.send(b"hello")

            assert observe("received", receiver.recv(9).decode()) == "hello"
