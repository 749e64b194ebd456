"""socket(2): what a new socket is."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.readiness import await_error
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability


def has_its_address(sock: Socket) -> bool:
    return bool(sock.getsockname()[0] == "127.0.0.1")


def is_kept_alive(sock: Socket) -> bool:
    sock.keepalive = True
    return sock.keepalive


@claim(
    "socket.2/socket/domain-type-protocol",
    sentence=("socket.2/socket/type", "socket.2/socket/protocol", "libsocket/create/options"),
    section="DESCRIPTION",
    says="A new TCP, UDP or netlink socket, or a new UNIX socket with protocol 0, has the domain, the type "
    "and the protocol it was asked for.",
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
    "socket.2/socket/protocol-unix",
    sentence="socket.2/socket/protocol",
    section="DESCRIPTION",
    says="A new UNIX socket that was asked for with protocol 1, which is PF_UNIX, has that protocol.",
    expect=differs(
        "its protocol is 0: the number is accepted and not kept (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"protocol": 0},
    ),
)
@pytest.mark.parametrize("type_", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
def test_a_unix_socket_has_the_protocol_asked_for(ns, observe, type_):
    with Socket(socket.AF_UNIX, type_, socket.AF_UNIX) as sock:
        assert observe("protocol", sock.protocol) == socket.AF_UNIX


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
    sentence=("socket.2/socket/protocol-particular", "socket.2/EPROTONOSUPPORT/protocol"),
    section="ERRORS",
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
        await_error(sender)
        with refused(errno.ECONNREFUSED):
            operation(sender)
        with Socket.udp() as receiver:
            receiver.bind(address)
            sender.send(b"hello")

            assert observe("received", receiver.recv(9).decode()) == "hello"


@claim(
    "socket.2/socket/pending-error-any-operation",
    sentence="socket.2/socket/pending-error",
    section="DESCRIPTION",
    says="After an ICMP message that nobody holds the port, the next operation on a connected UDP socket "
    "fails with ECONNREFUSED, also where it is getsockname or setsockopt.",
    expect=differs(
        "these succeed, and leave the error to the next send or receive (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"done": True, "errno": None, "error_left": "ECONNREFUSED"},
    ),
)
@pytest.mark.parametrize("operation", [has_its_address, is_kept_alive], ids=["getsockname", "setsockopt"])
def test_any_operation_gives_the_error(ns, observe, operation):
    sender, gone = udp_pair()
    with sender, gone:
        gone.close()
        sender.send(b"lost")
        await_error(sender)
        with refused(errno.ECONNREFUSED):
            observe("done", operation(sender))
            observe("error_left", errno_name(sender.error))
