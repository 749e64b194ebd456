"""socket(2): what a new socket is."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, VSOCK
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.calls import CALLS, answer, flags_of_new
from conformance.plugin.setups.listeners import listening, listening_unix
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.readiness import await_end, await_error, await_readable
from conformance.plugin.setups.signals import ended_by, signalled
from conformance.plugin.setups.states import in_state
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, in_child

BROKEN = [("tcp", "reset-error-read"), ("unix", "peer-closed")]
"""Streams on which a send raises SIGPIPE, and their states."""


def has_its_address(sock: Socket) -> bool:
    return bool(sock.getsockname()[0] == "127.0.0.1")


def is_kept_alive(sock: Socket) -> bool:
    sock.keepalive = True
    return sock.keepalive


@claim(
    "socket.2/socket/domain-type-protocol",
    sentence=(
        *("socket.2/socket/creates", "socket.2/socket/returns"),
        *("socket.2/socket/type", "socket.2/socket/protocol", "libsocket/create/options"),
    ),
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
    sentence=("socket.2/socket/error-flag", "socket.2/socket/pending-error"),
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


@claim(
    "socket.2/flags/set",
    sentence=(
        "socket.2/type/flags",
        "socket.2/SOCK_NONBLOCK/sets",
        "socket.2/SOCK_CLOEXEC/sets",
        "socket.2/socket/returns",
    ),
    section="DESCRIPTION",
    says="SOCK_NONBLOCK and SOCK_CLOEXEC in the type set O_NONBLOCK and FD_CLOEXEC of a new TCP, UDP, UNIX "
    "or netlink socket, each alone and both together; without them neither is set.",
    since="2.6.27",
)
@pytest.mark.parametrize(
    "flags",
    [0, socket.SOCK_NONBLOCK, socket.SOCK_CLOEXEC, socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC],
    ids=["none", "nonblock", "cloexec", "both"],
)
@pytest.mark.parametrize(
    ("domain", "type_"),
    [
        (socket.AF_INET, socket.SOCK_STREAM),
        (socket.AF_INET, socket.SOCK_DGRAM),
        (socket.AF_UNIX, socket.SOCK_STREAM),
        (socket.AF_NETLINK, socket.SOCK_RAW),
    ],
    ids=["tcp", "udp", "unix", "netlink"],
)
def test_the_flags_are_set(ns, observe, domain, type_, flags):
    expected = [bool(flags & socket.SOCK_NONBLOCK), bool(flags & socket.SOCK_CLOEXEC)]

    assert observe("nonblocking_and_close_on_exec", flags_of_new(domain, type_ | flags)) == expected


@claim(
    "socket.2/stream/connected-first",
    sentence=(
        "socket.2/stream/connected-first",
        "socket.2/stream/connect",
        "socket.2/stream/transfer",
        "socket.2/type/SOCK_STREAM",
    ),
    section="DESCRIPTION",
    says="A TCP or UNIX stream socket can neither send nor receive until it is connected, and can then, by "
    "write and read.",
)
@pytest.mark.parametrize("listening_", [listening, listening_unix], ids=["tcp", "unix"])
def test_a_stream_must_be_connected(ns, observe, listening_):
    with listening_() as listener, Socket(listener.family, listener.type) as client:
        client.rcvtimeo = SOON
        with refused():
            client.send(b"early", socket.MSG_NOSIGNAL)
        with refused(name="errno_of_receive"):
            client.recv(9)
        client.connect(listener.getsockname())
        with listener.accept()[0] as accepted:
            accepted.rcvtimeo = SOON
            os.write(client.fileno(), b"hello")
            os.write(accepted.fileno(), b"back")

            received = [os.read(accepted.fileno(), 9).decode(), os.read(client.fileno(), 9).decode()]
            assert observe("received", received) == ["hello", "back"]


@claim(
    "socket.2/SIGPIPE/receive",
    sentence="socket.2/stream/SIGPIPE",
    section="DESCRIPTION",
    says="A receive on a TCP connection that its peer has reset, and one on a UNIX stream socket that was "
    "shut down, raises SIGPIPE, as a send does.",
    expect=differs(
        "only the send does (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"received_and_sent": [[], ["SIGPIPE"]]},
    ),
)
@pytest.mark.parametrize(
    ("kind", "state"), [("tcp", "reset-error-read"), ("unix", "shut-both")], ids=["tcp", "unix"]
)
def test_a_receive_raises_a_signal(ns, observe, kind, state):
    with signalled(signal.SIGPIPE) as came, in_state(kind, state) as sock:
        sock.rcvtimeo = SOON
        sock.recv(9)
        received = list(came)
        with refused(errno.EPIPE):
            sock.send(b"x")

        seen = [received, list(came)[len(received) :]]
        assert observe("received_and_sent", seen) == [["SIGPIPE"], ["SIGPIPE"]]


@claim(
    "socket.2/SOCK_SEQPACKET/rest-discarded",
    sentence=(
        "socket.2/seqpacket/discarded",
        "socket.2/seqpacket/boundaries",
        "socket.2/seqpacket/calls",
        "socket.2/type/SOCK_SEQPACKET",
    ),
    section="DESCRIPTION",
    says="A read of three bytes of a UNIX seqpacket socket takes them from a packet of five, whose rest the "
    "next read does not return, but the next packet.",
)
def test_the_rest_of_a_packet_is_discarded(ns, observe):
    left, right = Socket.pair(socket.SOCK_SEQPACKET)
    with left, right:
        right.rcvtimeo = SOON
        os.write(left.fileno(), b"12345")
        os.write(left.fileno(), b"next")

        received = [os.read(right.fileno(), 3).decode(), os.read(right.fileno(), 9).decode()]
        assert observe("received", received) == ["123", "next"]


@claim(
    "socket.2/SOCK_STREAM/no-boundaries",
    sentence=("socket.2/stream/no-records", "socket.2/stream/not-lost", "socket.2/stream/full-duplex"),
    section="DESCRIPTION",
    says="A TCP or UNIX stream socket keeps no boundaries: of abc and de, sent each way by two sends, "
    "receives of two bytes give ab, cd and e, and then nothing at the end.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair], ids=["tcp", "unix"])
def test_a_stream_has_no_boundaries(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.rcvtimeo = right.rcvtimeo = SOON
        left.send(b"abc")
        left.send(b"de")
        left.shutdown(socket.SHUT_WR)
        right.send(b"abc")
        right.send(b"de")
        right.shutdown(socket.SHUT_WR)
        await_end(left)
        await_end(right)

        received = [[sock.recv(2).decode() for _ in range(4)] for sock in (left, right)]
        assert observe("received", received) == [["ab", "cd", "e", ""], ["ab", "cd", "e", ""]]


@claim(
    "socket.2/type/vsock",
    sentence="socket.2/domain/AF_VSOCK",
    section="DESCRIPTION",
    says="socket(AF_VSOCK) makes a stream socket.",
    since="3.9",
    needs=[VSOCK],
)
def test_there_are_sockets_of_hypervisors(ns, observe):
    assert observe("made", CALLS["socket"](socket.AF_VSOCK, socket.SOCK_STREAM, 0)) == [40, 1, 0]


@claim(
    "socket.2/EACCES/ping",
    sentence="socket.2/EACCES/denied",
    section="ERRORS",
    says="socket of SOCK_DGRAM fails with EACCES, of AF_INET and IPPROTO_ICMP, and of AF_INET6 and "
    "IPPROTO_ICMPV6, for a group that ping_group_range does not have, and makes a socket for one that it "
    "has.",
    since="3.11",
    needs=[IPV6],
)
@pytest.mark.parametrize(
    ("domain", "protocol"),
    [(socket.AF_INET, socket.IPPROTO_ICMP), (socket.AF_INET6, socket.IPPROTO_ICMPV6)],
    ids=["inet", "inet6"],
)
def test_the_group_may_not_ping(ns, observe, domain, protocol):
    ns.sysctl["net.ipv4.ping_group_range"] = "0 0"
    made = CALLS["socket"](domain, socket.SOCK_DGRAM, protocol)
    ns.sysctl["net.ipv4.ping_group_range"] = "1 1"
    with refused(errno.EACCES):
        CALLS["socket"](domain, socket.SOCK_DGRAM, protocol)

    assert observe("made", made) == [domain, socket.SOCK_DGRAM, protocol]


@claim(
    "socket.2/SIGPIPE/ends-the-process",
    sentence="socket.2/stream/SIGPIPE-exit",
    section="DESCRIPTION",
    says="A process that leaves SIGPIPE its default action ends by it when it sends on a UNIX stream socket "
    "or a TCP connection whose peer is gone, and does not with MSG_NOSIGNAL.",
)
@pytest.mark.parametrize(("kind", "state"), BROKEN, ids=["tcp", "unix"])
def test_the_signal_ends_the_process(ns, observe, kind, state):
    with in_state(kind, state) as sock:
        quiet = ended_by(lambda: answer(lambda: sock.send(b"x", socket.MSG_NOSIGNAL)), signal.SIGPIPE)
        ended = ended_by(lambda: sock.send(b"x"), signal.SIGPIPE)

        assert observe("ended_by", [quiet, ended]) == ["none", "SIGPIPE"]


@claim(
    "socket.2/F_SETOWN/sigio",
    sentence=("socket.2/F_SETOWN/SIGIO", "socket.2/datagram/recvfrom"),
    section="DESCRIPTION",
    says="The process that F_SETOWN has named gets SIGIO when a datagram comes to a UDP socket with O_ASYNC; "
    "without an owner it does not.",
)
def test_the_owner_gets_sigio(ns, observe):
    sender, receiver = udp_pair()
    with signalled(signal.SIGIO) as came, sender, receiver:
        receiver.rcvtimeo = SOON
        fcntl.fcntl(receiver, fcntl.F_SETFL, os.O_ASYNC)
        sender.send(b"unowned")
        received = [receiver.recv(9).decode()]
        unowned = list(came)
        fcntl.fcntl(receiver, fcntl.F_SETOWN, os.getpid())
        sender.send(b"owned")
        await_readable(receiver)
        received.append(receiver.recvfrom(9)[0].decode())

        assert [observe("received", received), observe("signals", [unowned, list(came)])] == [
            ["unowned", "owned"],
            [[], ["SIGIO"]],
        ]


@claim(
    "socket.2/F_SETOWN/sigpipe",
    sentence="socket.2/F_SETOWN/SIGPIPE",
    section="DESCRIPTION",
    says="The process that F_SETOWN has named gets SIGPIPE when another sends on a UNIX stream socket or a "
    "TCP connection whose peer is gone.",
    expect=differs(
        "the process that sends gets it, whoever the owner is (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"owned_and_signals_of_owner_and_sender": [True, [], ["SIGPIPE"]]},
    ),
)
@pytest.mark.parametrize(("kind", "state"), BROKEN, ids=["tcp", "unix"])
def test_the_owner_gets_the_signal(ns, observe, kind, state):
    owner = os.getpid()
    with signalled(signal.SIGPIPE) as came, in_state(kind, state) as sock:
        fcntl.fcntl(sock, fcntl.F_SETOWN, owner)
        sent = in_child(lambda: signals_of_a_send(sock, came))
        owned = fcntl.fcntl(sock, fcntl.F_GETOWN) == owner

        seen = [owned, list(came), sent]
        assert observe("owned_and_signals_of_owner_and_sender", seen) == [True, ["SIGPIPE"], []]


def signals_of_a_send(sock: Socket, came: list[str]) -> list[str]:
    answer(lambda: sock.send(b"x"))
    return list(came)
