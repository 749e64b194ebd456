"""SO_PEEK_OFF: where in the queue MSG_PEEK looks."""

from __future__ import annotations

import errno
import socket
from functools import partial

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import udp_pair, unix_datagram_pair
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import SOON
from libsocket import Socket

SEQPACKETS = partial(Socket.pair, socket.SOCK_SEQPACKET)
QUEUED = b"aabbccddeeff"

UNIX = pytest.mark.parametrize("pair", [Socket.pair, unix_datagram_pair, SEQPACKETS])


def peek(sock: Socket, size: int) -> list[object]:
    """What the next peek returns, and the offset after it."""
    return [sock.recv(size, socket.MSG_PEEK).decode(), sock.peek_off]


def take(sock: Socket, size: int) -> list[object]:
    """What a receive removes, and the offset after it."""
    return [sock.recv(size).decode(), sock.peek_off]


@claim(
    "socket.7/SO_PEEK_OFF/example",
    sentence=(
        "socket.7/SO_PEEK_OFF/example",
        "socket.7/SO_PEEK_OFF/offset",
        "socket.7/SO_PEEK_OFF/advances",
        "socket.7/SO_PEEK_OFF/recedes",
        "socket.7/SO_PEEK_OFF/position",
    ),
    section="Socket options",
    says="On a UNIX stream socket with aabbccddeeff in its queue and an offset of 4, two peeks of two bytes "
    "return cc and dd, a receive aa, and a peek ee; the offset is 6, 8, 6 and 8 after them.",
    since="3.4",
)
def test_the_example_of_the_page(ns, observe):
    sender, receiver = Socket.pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(QUEUED)
        receiver.peek_off = 4
        seen = [peek(receiver, 2), peek(receiver, 2), take(receiver, 2), peek(receiver, 2)]

        assert observe("data_and_offsets", seen) == [["cc", 6], ["dd", 8], ["aa", 6], ["ee", 8]]


@claim(
    "socket.7/SO_PEEK_OFF/advances-in-a-datagram",
    sentence="socket.7/SO_PEEK_OFF/advances",
    section="Socket options",
    says="Peeks at a message of 12 bytes on a UNIX datagram or seqpacket socket with an offset of 4 move the "
    "offset by what they return: one with room for 2 bytes to 6, and the next, with room for 20, to 12.",
    since="3.4",
)
@pytest.mark.parametrize("pair", [unix_datagram_pair, SEQPACKETS], ids=["unix", "seqpacket"])
def test_the_offset_moves_in_a_datagram(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(QUEUED)
        receiver.peek_off = 4

        seen = [peek(receiver, 2), peek(receiver, 20)]
        assert observe("data_and_offsets", seen) == [["cc", 6], ["ddeeff", 12]]


@claim(
    "socket.7/SO_PEEK_OFF/does-not-go-below-zero",
    sentence="socket.7/SO_PEEK_OFF/recedes",
    section="Socket options",
    says="A receive from a UNIX stream socket that removes more than the offset makes it 0.",
    since="3.4",
)
@pytest.mark.parametrize(("size", "left"), [(3, 1), (4, 0), (5, 0)])
def test_the_offset_ends_at_zero(ns, observe, size, left):
    sender, receiver = Socket.pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(QUEUED)
        receiver.peek_off = 4

        assert observe("taken_and_offset", take(receiver, size)) == [QUEUED[:size].decode(), left]


@claim(
    "socket.7/SO_PEEK_OFF/negative",
    sentence="socket.7/SO_PEEK_OFF/negative",
    section="Socket options",
    says="With a negative offset, as -1 is that of a new UNIX socket, each peek is at the front of the queue "
    "and leaves the offset as it is.",
    since="3.4",
)
@UNIX
@pytest.mark.parametrize("value", [-1, -7, -(2**31)])
def test_a_negative_offset_looks_at_the_front(ns, observe, pair, value):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(QUEUED)
        new = [receiver.peek_off, peek(receiver, 2)]
        receiver.peek_off = 4
        at_four = receiver.recv(2, socket.MSG_PEEK).decode()
        receiver.peek_off = value

        assert observe("new_at_four_and_negative", [*new, at_four, peek(receiver, 2), peek(receiver, 2)]) == [
            -1,
            ["aa", -1],
            "cc",
            ["aa", value],
            ["aa", value],
        ]


@claim(
    "socket.7/SO_PEEK_OFF/trunc",
    sentence="socket.7/SO_PEEK_OFF/trunc",
    section="Socket options",
    says="A peek into the middle of a datagram that returns all of the rest is marked with MSG_TRUNC, on "
    "UNIX datagram and seqpacket sockets.",
    since="3.4",
    expect=differs(
        "only what is left out behind it sets MSG_TRUNC, as without an offset",
        since="3.4",
        commit="ef64a54f6e55",
        observed={"rest": ["ccddeeff", 0], "cut": ["cc", int(socket.MSG_TRUNC)]},
    ),
)
@pytest.mark.parametrize("pair", [unix_datagram_pair, SEQPACKETS])
def test_the_middle_of_a_datagram_is_marked(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(QUEUED)
        receiver.peek_off = 4
        cut, _, cut_flags, _ = receiver.recvmsg(2, 0, socket.MSG_PEEK)
        observe("cut", [cut.decode(), cut_flags & socket.MSG_TRUNC])
        receiver.peek_off = 4
        rest, _, flags, _ = receiver.recvmsg(20, 0, socket.MSG_PEEK)

        assert observe("rest", [rest.decode(), flags & socket.MSG_TRUNC]) == ["ccddeeff", socket.MSG_TRUNC]


@claim(
    "socket.7/SO_PEEK_OFF/udp",
    sentence="socket.7/SO_PEEK_OFF/unix-only",
    section="Socket options",
    says="A UDP socket over IPv4 or IPv6 refuses SO_PEEK_OFF.",
    expect=differs(
        "it has it, and peeks at the offset",
        since="4.7",
        commit="627d2d6b5500",
        observed={"errno": None, "peeked": ["cc", 6]},
    ),
)
@pytest.mark.parametrize("pair", [udp_pair, partial(udp_pair, "::1")], ids=["udp", "udp6"])
def test_udp_refuses_it(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(QUEUED)
        with refused():
            receiver.peek_off = 4
            observe("peeked", peek(receiver, 2))

        assert observe("peeked", receiver.recv(2, socket.MSG_PEEK).decode()) == "aa"


@claim(
    "socket.7/SO_PEEK_OFF/tcp",
    sentence="socket.7/SO_PEEK_OFF/unix-only",
    section="Socket options",
    says="A TCP socket over IPv4 refuses SO_PEEK_OFF.",
    expect=differs(
        "it has it, and peeks at the offset",
        since="6.10",
        commit="05ea491641d3",
        observed={"errno": None, "peeked": ["cc", 6]},
    ),
)
def test_tcp_refuses_it(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(QUEUED)
        with refused():
            receiver.peek_off = 4
            observe("peeked", peek(receiver, 2))

        assert observe("peeked", receiver.recv(2, socket.MSG_PEEK).decode()) == "aa"


@claim(
    "socket.7/SO_PEEK_OFF/tcp6",
    sentence="socket.7/SO_PEEK_OFF/unix-only",
    section="Socket options",
    says="A TCP socket over IPv6 refuses SO_PEEK_OFF.",
    expect=differs(
        "it has it, and peeks at the offset",
        since="6.12",
        commit="be9a4fb831b8",
        observed={"errno": None, "peeked": ["cc", 6]},
    ),
)
def test_tcp_over_ipv6_refuses_it(ns, observe):
    sender, receiver = Socket.tcp_pair(socket.AF_INET6)
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(QUEUED)
        with refused():
            receiver.peek_off = 4
            observe("peeked", peek(receiver, 2))

        assert observe("peeked", receiver.recv(2, socket.MSG_PEEK).decode()) == "aa"


@claim(
    "socket.7/SO_PEEK_OFF/others",
    sentence="socket.7/SO_PEEK_OFF/unix-only",
    section="Socket options",
    says="A netlink socket refuses SO_PEEK_OFF, as a UNIX datagram socket does not.",
    since="3.4",
)
def test_netlink_refuses_it(ns, observe):
    with SOCKETS["netlink"]() as sock, SOCKETS["unix-datagram"]() as other:
        other.peek_off = 4
        with refused():
            sock.peek_off = 4

        assert observe("of_unix", other.peek_off) == 4


@claim(
    "socket.7/SO_PEEK_OFF/short-read-of-a-datagram",
    sentence="socket.7/SO_PEEK_OFF/recedes",
    section="Socket options",
    says="A receive that takes 3 of the 12 bytes of a UNIX datagram or seqpacket message removes all 12: an "
    "offset of 14 becomes 2, one of 5 becomes 0.",
    since="3.4",
)
@pytest.mark.parametrize("pair", [unix_datagram_pair, SEQPACKETS], ids=["unix", "seqpacket"])
@pytest.mark.parametrize(("offset", "left"), [(5, 0), (12, 0), (13, 1), (14, 2)])
def test_a_short_read_of_a_datagram(ns, observe, pair, offset, left):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(QUEUED)
        receiver.peek_off = offset

        assert observe("taken_and_offset", take(receiver, 3)) == ["aab", left]


@claim(
    "defacto/SO_PEEK_OFF/short-read-of-a-datagram",
    says="A receive that takes 3 of the 12 bytes of a UDP datagram, which removes all of it, lowers the "
    "offset by 3 only.",
    since="4.7",
    commit="627d2d6b5500",
)
@pytest.mark.parametrize(("offset", "left"), [(2, 0), (5, 2), (14, 11)])
def test_a_short_read_of_a_udp_datagram(ns, observe, offset, left):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(QUEUED)
        receiver.peek_off = offset

        assert observe("taken_and_offset", take(receiver, 3)) == ["aab", left]


@claim(
    "defacto/SO_PEEK_OFF/next-datagram",
    says="A peek at an offset at or beyond the end of the first datagram of a UNIX datagram or UDP socket "
    "returns what is that far into the bytes of all that are queued.",
    since="4.7",
    commit="627d2d6b5500",
)
@pytest.mark.parametrize("pair", [unix_datagram_pair, udp_pair], ids=["unix", "udp"])
@pytest.mark.parametrize(("offset", "seen"), [(4, "efgh"), (5, "fgh")])
def test_the_offset_counts_all_datagrams(ns, observe, pair, offset, seen):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"abcd")
        sender.send(b"efgh")
        receiver.peek_off = offset

        assert observe("peeked", receiver.recv(20, socket.MSG_PEEK).decode()) == seen


@claim(
    "defacto/SO_PEEK_OFF/beyond-the-queue",
    says="A non-blocking peek at an offset beyond all that is queued at a UNIX stream socket fails with "
    "EAGAIN, at one within it does not.",
    since="3.4",
    commit="ef64a54f6e55",
)
@pytest.mark.parametrize("offset", [12, 13])
def test_an_offset_beyond_the_queue(ns, observe, offset):
    sender, receiver = Socket.pair()
    with sender, receiver:
        receiver.nonblocking = True
        sender.send(QUEUED)
        receiver.peek_off = offset
        with refused(errno.EAGAIN):
            receiver.recv(1, socket.MSG_PEEK)
        receiver.peek_off = 11

        assert observe("last", peek(receiver, 20)) == ["f", 12]
