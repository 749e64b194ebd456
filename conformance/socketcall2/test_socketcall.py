"""socketcall: the one entry point of a 32-bit x86 program for all calls of sockets."""

from __future__ import annotations

import errno
import socket
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import I386
from conformance.plugin.refusal import refused
from conformance.plugin.setups.callers import END, Caller, caller
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.timing import SOON
from libsocket import Shutdown, Socket

ENTRY = (
    "socketcall.2/DESCRIPTION/entry-point",
    "socketcall.2/DESCRIPTION/call",
    "socketcall.2/DESCRIPTION/args",
)
SYS_SOCKET, SYS_BIND, SYS_CONNECT, SYS_LISTEN, SYS_ACCEPT = range(1, 6)
SYS_GETSOCKNAME, SYS_GETPEERNAME, SYS_SOCKETPAIR, SYS_SEND, SYS_RECV = range(6, 11)
SYS_SENDTO, SYS_RECVFROM, SYS_SHUTDOWN, SYS_SETSOCKOPT, SYS_GETSOCKOPT = range(11, 16)
SYS_SENDMSG, SYS_RECVMSG, SYS_ACCEPT4, SYS_RECVMMSG, SYS_SENDMMSG = range(16, 21)
SOL_SOCKET, SO_TYPE, SO_KEEPALIVE = 1, 3, 9
ADDRESS = 16
"""The size of struct sockaddr_in."""


def word(number: int) -> bytes:
    """An int in memory."""
    return number.to_bytes(4, sys.byteorder)


def address(host: str, port: int) -> bytes:
    """struct sockaddr_in"""
    family = socket.AF_INET.to_bytes(2, sys.byteorder)
    return family + port.to_bytes(2, "big") + socket.inet_aton(host) + bytes(8)


def address_of(sock: Socket) -> bytes:
    """The address of a socket over IPv4, as struct sockaddr_in."""
    return address(*sock.getsockname())


def type_of(program: Caller, fd: int) -> int:
    """SO_TYPE of a socket that the program has made."""
    value, length = program.room(4), program.store(word(4))
    program.call("getsockopt", fd, SOL_SOCKET, SO_TYPE, value, length)
    return program.number(value)


@claim(
    "socketcall.2/SYS_SOCKET/makes",
    sentence=ENTRY,
    section="DESCRIPTION",
    says="socketcall of a 32-bit x86 program makes a socket with SYS_SOCKET, 1, and its domain, type and "
    "protocol: a UDP socket over IPv4.",
    needs=[I386],
    survives={"*": "the program makes and asks the socket"},
)
def test_socket(ns, observe):
    with caller() as program:
        fd = program.socketcall(SYS_SOCKET, socket.AF_INET, socket.SOCK_DGRAM, 0)

        assert observe("type", type_of(program, fd)) == socket.SOCK_DGRAM


@claim(
    "socketcall.2/SYS_SOCKETPAIR/makes",
    sentence=ENTRY,
    section="DESCRIPTION",
    says="socketcall of a 32-bit x86 program makes a pair of UNIX datagram sockets with SYS_SOCKETPAIR, 8, "
    "which are connected.",
    needs=[I386],
    survives={"*": "the program makes the sockets, and sends by them"},
)
def test_socketpair(ns, observe):
    with caller() as program:
        pair = program.room(8)
        program.socketcall(SYS_SOCKETPAIR, socket.AF_UNIX, socket.SOCK_DGRAM, 0, pair)
        first, second = program.number(pair), program.number(pair + 4)
        room = program.room(9)
        number = [
            program.socketcall(SYS_SEND, first, b"abc", 3, 0),
            program.socketcall(SYS_RECV, second, room, 9, 0),
        ]

        assert observe("number_and_data", [number, program.load(room, 3).decode()]) == [[3, 3], "abc"]


@claim(
    "socketcall.2/SYS_BIND/binds",
    sentence=ENTRY,
    section="DESCRIPTION",
    says="socketcall of a 32-bit x86 program binds a UDP socket over IPv4 with SYS_BIND, 2, and has its "
    "address with SYS_GETSOCKNAME, 6.",
    needs=[I386],
)
def test_bind_and_getsockname(ns, observe):
    with Socket.udp() as sock, caller(sock) as program:
        program.socketcall(SYS_BIND, sock, address("127.0.0.9", 4321), ADDRESS)
        room, length = program.room(64), program.store(word(64))
        program.socketcall(SYS_GETSOCKNAME, sock, room, length)
        told = [program.number(length), program.load(room, ADDRESS) == address_of(sock)]

        assert observe("address_and_told", [list(sock.getsockname()), told]) == [
            ["127.0.0.9", 4321],
            [ADDRESS, True],
        ]


@claim(
    "socketcall.2/SYS_LISTEN/connection",
    sentence=ENTRY,
    section="DESCRIPTION",
    says="socketcall of a 32-bit x86 program makes a TCP connection over IPv4: a socket listens with "
    "SYS_LISTEN, 4, another connects with SYS_CONNECT, 3, and is accepted with SYS_ACCEPT, 5, or "
    "SYS_ACCEPT4, 18, each of which gives the peer's address, as SYS_GETPEERNAME, 7, does of the accepted "
    "one.",
    needs=[I386],
)
@pytest.mark.parametrize(
    ("accept", "flags"), [(SYS_ACCEPT, []), (SYS_ACCEPT4, [0])], ids=["accept", "accept4"]
)
def test_connection(ns, observe, accept, flags):
    with Socket.tcp() as listener, Socket.tcp() as client, caller(listener, client) as program:
        listener.rcvtimeo = SOON
        listener.bind(("127.0.0.1", 0))
        program.socketcall(SYS_LISTEN, listener, 1)
        program.socketcall(SYS_CONNECT, client, address_of(listener), ADDRESS)
        rooms, lengths = [program.room(64) for _ in range(2)], [program.store(word(64)) for _ in range(2)]
        accepted = program.socketcall(accept, listener, rooms[0], lengths[0], *flags)
        program.socketcall(SYS_GETPEERNAME, accepted, rooms[1], lengths[1])
        told = [program.load(room, ADDRESS) == address_of(client) for room in rooms]

        assert observe("sizes_and_told", [[program.number(one) for one in lengths], told]) == [
            [ADDRESS, ADDRESS],
            [True, True],
        ]


@claim(
    "socketcall.2/SYS_SENDTO/datagrams",
    sentence=ENTRY,
    section="DESCRIPTION",
    says="socketcall of a 32-bit x86 program sends a datagram over IPv4 with SYS_SENDTO, 11, and receives "
    "it with its sender's address with SYS_RECVFROM, 12.",
    needs=[I386],
)
def test_sendto_and_recvfrom(ns, observe):
    with Socket.udp() as sender, Socket.udp() as right, caller(sender, right) as program:
        right.rcvtimeo = SOON
        right.bind(("127.0.0.1", 0))
        sender.bind(("127.0.0.1", 0))
        sent = program.socketcall(SYS_SENDTO, sender, b"abc", 3, 0, address_of(right), ADDRESS)
        room, source, length = program.room(9), program.room(64), program.store(word(64))
        received = program.socketcall(SYS_RECVFROM, right, room, 9, 0, source, length)
        told = [program.number(length), program.load(source, ADDRESS) == address_of(sender)]

        assert observe("numbers_data_source", [sent, received, program.load(room, 3).decode(), told]) == [
            3,
            3,
            "abc",
            [ADDRESS, True],
        ]


@claim(
    "socketcall.2/SYS_SHUTDOWN/shuts-down",
    sentence=ENTRY,
    section="DESCRIPTION",
    says="socketcall of a 32-bit x86 program shuts a UNIX stream socket down with SYS_SHUTDOWN, 13: with 1 "
    "its peer reads the end.",
    needs=[I386],
)
def test_shutdown(ns, observe):
    left, right = Socket.pair()
    with left, right, caller(left) as program:
        right.rcvtimeo = SOON
        left.send(b"x")
        program.socketcall(SYS_SHUTDOWN, left, Shutdown.WRITE.value)

        assert observe("received", [right.recv(9).decode(), right.recv(9).decode()]) == ["x", ""]


@claim(
    "socketcall.2/SYS_SETSOCKOPT/option",
    sentence=ENTRY,
    section="DESCRIPTION",
    says="socketcall of a 32-bit x86 program sets SO_KEEPALIVE of a TCP socket with SYS_SETSOCKOPT, 14, and "
    "reads it with SYS_GETSOCKOPT, 15.",
    needs=[I386],
)
def test_options(ns, observe):
    with Socket.tcp() as sock, caller(sock) as program:
        before = sock.keepalive
        program.socketcall(SYS_SETSOCKOPT, sock, SOL_SOCKET, SO_KEEPALIVE, word(1), 4)
        value, length = program.room(4), program.store(word(4))
        program.socketcall(SYS_GETSOCKOPT, sock, SOL_SOCKET, SO_KEEPALIVE, value, length)
        told = [program.number(value), program.number(length)]

        assert observe("before_after_told", [before, sock.keepalive, told]) == [False, True, [1, 4]]


@claim(
    "socketcall.2/SYS_SENDMSG/message",
    sentence=ENTRY,
    section="DESCRIPTION",
    says="socketcall of a 32-bit x86 program sends a message over a UNIX stream, datagram or seqpacket "
    "socket with SYS_SENDMSG, 16, and receives it with SYS_RECVMSG, 17.",
    needs=[I386],
)
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
def test_messages(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, caller(left, right) as program:
        right.rcvtimeo = SOON
        room = program.room(9)
        sent = program.socketcall(SYS_SENDMSG, left, program.message(program.store(b"abc"), 3), 0)
        received = program.socketcall(SYS_RECVMSG, right, program.message(room, 9), 0)

        assert observe("numbers_and_data", [sent, received, program.load(room, 3).decode()]) == [3, 3, "abc"]


@claim(
    "socketcall.2/SYS_SENDMMSG/messages",
    sentence=ENTRY,
    section="DESCRIPTION",
    says="socketcall of a 32-bit x86 program sends two datagrams over IPv4 with SYS_SENDMMSG, 20, and "
    "receives them with SYS_RECVMMSG, 19.",
    needs=[I386],
)
def test_several_messages(ns, observe):
    left, right = udp_pair()
    with left, right, caller(left, right) as program:
        right.rcvtimeo = SOON
        sent, room = program.messages(b"a", b"bcd"), program.messages(bytes(9), bytes(9))
        number = [program.socketcall(SYS_SENDMMSG, left, sent, 2, 0)]
        number.append(program.socketcall(SYS_RECVMMSG, right, room, 2, 0, 0))

        assert observe("number_and_lengths", [number, program.lengths(room, 2)]) == [[2, 2], [1, 3]]


@claim(
    "defacto/socketcall/no-such-call",
    says="socketcall with a number that is no call, 0, 21 or -1, fails with EINVAL in a 32-bit x86 program, "
    "also where there is no memory for arguments; with SYS_SENDMMSG, 20, it does not.",
    sentence="socketcall.2/DESCRIPTION/call",
    since="3.0",
    commit="228e548e6020",
    needs=[I386],
)
@pytest.mark.parametrize("number", [0, 21, -1])
@pytest.mark.parametrize("block", [None, END], ids=["block", "nowhere"])
def test_no_such_call(ns, observe, number, block):
    left, right = udp_pair()
    with left, right, caller(left) as program:
        right.rcvtimeo = SOON
        with refused(errno.EINVAL):
            program.call("socketcall", number, program.room(24) if block is None else block)
        program.socketcall(SYS_SENDMMSG, left, program.messages(b"abc"), 1, 0)

        assert observe("received", right.recv(9).decode()) == "abc"


@claim(
    "defacto/socketcall/arguments-nowhere",
    says="socketcall fails with EFAULT in a 32-bit x86 program where a word of the arguments that a call "
    "takes is no memory: SYS_LISTEN takes two, SYS_SEND four and SYS_RECVFROM six.",
    sentence="socketcall.2/DESCRIPTION/args",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[I386],
    survives={"*": "no call is made of a socket that there is"},
)
@pytest.mark.parametrize(
    ("number", "words"),
    [(SYS_LISTEN, 2), (SYS_SEND, 4), (SYS_RECVFROM, 6)],
    ids=["listen", "send", "recvfrom"],
)
def test_arguments_nowhere(ns, observe, number, words):
    with caller() as program:
        short = program.store_at_end(word(-1 % 2**32) * (words - 1))
        with refused(errno.EFAULT):
            program.call("socketcall", number, short)
        whole = program.store_at_end(word(-1 % 2**32) * words)
        with refused(errno.EBADF, "errno_of_the_call"):
            program.call("socketcall", number, whole)

        assert observe("lives", program.call("getpid") == program.pid) is True


@claim(
    "socketcall.2/STANDARDS/both",
    sentence="socketcall.2/STANDARDS/x86-32",
    section="STANDARDS",
    says="A 32-bit x86 program makes the same call by socketcall and by itself: SO_KEEPALIVE of a TCP "
    "socket that one sets the other reads.",
    since="4.3",
    needs=[I386],
)
def test_both_ways(ns, observe):
    with Socket.tcp() as sock, caller(sock) as program:
        program.socketcall(SYS_SETSOCKOPT, sock, SOL_SOCKET, SO_KEEPALIVE, word(1), 4)
        direct = program.get_option(sock, (SOL_SOCKET, SO_KEEPALIVE))
        program.set_option(sock, (SOL_SOCKET, SO_KEEPALIVE), word(0))
        value, length = program.room(4), program.store(word(4))
        program.socketcall(SYS_GETSOCKOPT, sock, SOL_SOCKET, SO_KEEPALIVE, value, length)

        assert observe(
            "direct_and_socketcall", [int.from_bytes(direct, sys.byteorder), program.number(value)]
        ) == [1, 0]
