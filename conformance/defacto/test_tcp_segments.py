"""TCP, segment by segment: what is taken, in which order, and what is answered to what is not."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.made_peer import (
    ACKNOWLEDGED_LATER,
    MADE,
    MADE_ENDS,
    SEGMENT,
    MadePeer,
    accepted_from,
    acknowledgement,
    fill_window,
    reach,
)
from conformance.plugin.setups.readiness import await_end, await_hangup, await_readable, polled
from conformance.plugin.setups.segments import (
    ACK,
    FIN,
    PSH,
    Segment,
    segments,
    waiting_segments,
)
from libsocket import Shutdown, Socket
from netns import Peers

CLOCK = 1_000_000
BEGIN = 1001
"""The number of the first byte that a made peer sends."""
SHORT = 0.005
"""Seconds after which something is sent again, at least."""
FAR = 1_000_000
"""Bytes by which a number is out of every window here."""
LISTEN, CLOSE = 10, 7
FULL_SEGMENTS = {"no-op: setsockopt(*TCP_NODELAY*": "only what does not fill a segment would wait without it"}


def in_order_of_sending(peer: MadePeer, pieces: list[tuple[int, str]], end: str = "") -> None:
    """Send pieces of a stream, each from its place in it, and then the end of the stream."""
    begin = peer.sequence
    for place, text in pieces:
        peer.send(ACK | PSH, text.encode(), sequence=begin + place)
    peer.sequence = begin + max(place + len(text) for place, text in pieces)
    peer.tell(end.encode())


def shut(sock: Socket, peer: MadePeer, state: str) -> None:
    """End the own direction of a connection, if its state says so, and have that acknowledged, or not."""
    sock.setblocking(False)
    if state != "established":
        sock.shutdown(Shutdown.WRITE)
        fin = peer.next()
        if state == "fin-wait-2":
            peer.take(fin)
            peer.send()


def next_with_data(peer: MadePeer) -> Segment:
    """The next segment that comes with data."""
    return next(one for one in iter(peer.next, None) if one.data)


def next_new(peer: MadePeer) -> list[int]:
    """Place and size of the next data that the peer has not acknowledged."""
    places = ([one.sequence - peer.expected, len(one.data)] for one in iter(peer.next, None) if one.data)
    return next(one for one in places if one[0] >= 0)


def extent_of(segments: list[Segment], peer: MadePeer) -> int:
    """How far data goes beyond what the peer has acknowledged, however often it was sent."""
    return max(one.sequence + len(one.data) for one in segments if one.data) - peer.expected


def size_of(segments: list[Segment]) -> int:
    """How much data segments have, of which one may be several that were not cut apart yet."""
    return sum(len(one.data) for one in segments)


def has_ended(sock: Socket) -> bool:
    """Whether poll(2) reports now that the peer has sent its last."""
    return bool(polled(sock, select.POLLRDHUP))


def flags_of(peer: MadePeer) -> list[int]:
    """The flags of what came back for all that was sent."""
    return [one.flags for one in peer.replies()]


def acknowledged(peer: MadePeer) -> list[int]:
    """How many bytes after the SYN each of those that came back acknowledges."""
    return [one.acknowledged - BEGIN for one in peer.replies()]


@claim(
    "defacto/TCP/in-order",
    says="A TCP connection over IPv4 gives what comes in segments that overlap, come twice or in another "
    "order as one stream, each byte once.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
@pytest.mark.parametrize(
    "pieces",
    [
        [(0, "abcde"), (5, "fghij")],
        [(5, "fghij"), (0, "abcde")],
        [(8, "ij"), (4, "efgh"), (0, "abcd")],
        [(0, "abcde"), (0, "abcde"), (5, "fghij")],
        [(0, "abcdef"), (3, "defghij")],
        [(4, "efgh"), (2, "cdefghij"), (0, "abcdef")],
    ],
    ids=["in-order", "reversed", "three-reversed", "twice", "overlapping", "overlapping-reversed"],
)
def test_a_stream_is_in_order(peers, observe, pieces):
    with accepted_from(peers) as (sock, peer), segments() as arriving:
        in_order_of_sending(peer, pieces, "last")
        received = sock.read_exact(14).decode()
        arrived = [one.data.decode() for one in waiting_segments(arriving) if one.data]

        assert observe("arrived_and_received", [arrived, received]) == [
            [*(text for _, text in pieces), "last"],
            "abcdefghijlast",
        ]


@claim(
    "defacto/TCP/fragments-of-ip",
    says="A TCP connection over IPv4 takes a segment of 43 bytes that comes in four fragments of IP, in "
    "order or not.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]])
def test_a_segment_in_fragments_is_taken(peers, observe, order):
    with accepted_from(peers) as (sock, peer):
        peer.send_in_fragments(bytes(range(43)), order)

        assert observe("received", list(sock.read_exact(43))) == list(range(43))


@claim(
    "defacto/TCP/end-with-data",
    says="A TCP connection over IPv4 gives the data of a segment with FIN, and then the end; it "
    "acknowledges both, also where the own direction is shut down, with the FIN of that acknowledged or not.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives={**MADE_ENDS, **ACKNOWLEDGED_LATER},
)
@pytest.mark.parametrize("state", ["established", "fin-wait-1", "fin-wait-2"])
def test_an_end_has_data(peers, observe, state):
    with accepted_from(peers) as (sock, peer):
        shut(sock, peer, state)
        peer.end(b"hello")
        await_end(sock)
        received = [sock.recv(9).decode(), sock.recv(9).decode()]

        assert observe("acknowledged_and_received", [peer.next().acknowledged - BEGIN, received]) == [
            6,
            ["hello", ""],
        ]


@claim(
    "defacto/TCP/end-before-data",
    says="A FIN that comes to a TCP connection over IPv4 before data that precedes it ends nothing: a "
    "receive fails with EAGAIN, until the data came, which is given before the end; in FIN-WAIT-1 and "
    "FIN-WAIT-2 too.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives={**MADE_ENDS, **ACKNOWLEDGED_LATER},
)
@pytest.mark.parametrize("state", ["established", "fin-wait-1", "fin-wait-2"])
def test_an_early_end_waits(peers, observe, state):
    with accepted_from(peers) as (sock, peer):
        shut(sock, peer, state)
        begin = peer.sequence
        peer.send(FIN | ACK, b"de", sequence=begin + 3)
        early = acknowledged(peer)[-1]
        before = answer(lambda: sock.recv(9))
        peer.send(data=b"abc", sequence=begin)
        peer.sequence = begin + 6
        await_end(sock)
        received = [sock.read_exact(5).decode(), sock.recv(9).decode()]

        assert [
            observe("acknowledged", [early, acknowledged(peer)[-1]]),
            observe("before_and_received", [before, received]),
        ] == [[0, 6], ["EAGAIN", ["abcde", ""]]]


@claim(
    "defacto/TCP/end-beyond-window",
    says="A FIN with a byte of data that comes to a TCP connection over IPv4 whose window is full is not "
    "taken, and is once it comes again after all was read: the last byte is given, and the end.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
def test_an_end_beyond_the_window_waits(peers, observe):
    with accepted_from(peers) as (sock, peer):
        size = fill_window(peer)
        peer.send(FIN | ACK, b"z")
        early = [peer.replies()[-1].acknowledged - BEGIN - size, has_ended(sock)]
        sock.read_exact(size)
        peer.replies()
        peer.end(b"z")
        await_end(sock)
        received = [sock.recv(9).decode(), sock.recv(9).decode()]
        late = acknowledgement(peer).acknowledged - BEGIN - size

        assert observe("early_received_late", [early, received, late]) == [[0, False], ["z", ""], 2]


@claim(
    "defacto/TCP/acknowledgement-in-old-segment",
    says="An acknowledgement counts that comes to a TCP connection over IPv4 in a segment whose data came "
    "before, wholly or in part: TCP_INFO.unacked becomes 0 from 1.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
@pytest.mark.parametrize(("again", "received"), [("hello", "hello"), ("lo, world", "hello, world")])
def test_an_old_segment_acknowledges(peers, observe, again, received):
    with accepted_from(peers) as (sock, peer):
        peer.tell(b"hello")
        await_readable(sock)
        sock.send(b"answer")
        before = sock.tcp_info.unacked
        peer.take(next_with_data(peer))
        peer.send(ACK | PSH, again.encode(), sequence=BEGIN + received.index(again))
        peer.sequence = BEGIN + len(received)
        peer.replies()

        seen = [before, sock.tcp_info.unacked, sock.read_exact(len(received)).decode()]
        assert observe("unacked_before_after_received", seen) == [1, 0, received]


@claim(
    "defacto/TCP/acknowledgement-of-unsent",
    says="A TCP connection over IPv4 does not take the data of a segment that acknowledges a byte more than "
    "was sent, and takes that of one that acknowledges all.",
    since="2.6.30",
    commit="96e0bf4b5193",
    needs=MADE,
    survives=MADE_ENDS,
)
@pytest.mark.parametrize(("more", "taken"), [(0, "first"), (1, "later")])
def test_what_acknowledges_too_much_is_dropped(peers, observe, more, taken):
    with accepted_from(peers) as (sock, peer), segments() as arriving:
        sock.send(b"hello")
        peer.take(peer.next())
        peer.send(ACK | PSH, b"first", acknowledged=peer.expected + more)
        peer.send(ACK | PSH, b"later")
        peer.sequence += 5
        received = sock.read_exact(5).decode()
        arrived = [one.data.decode() for one in waiting_segments(arriving) if one.data]

        assert observe("arrived_and_received", [arrived, received]) == [["first", "later"], taken]


@claim(
    "defacto/TCP/acknowledgement-of-unsent-answered",
    says="A TCP connection over IPv4 answers a segment that acknowledges a byte more than was sent with an "
    "acknowledgement of what it has (RFC 5961, 5.2), and one that acknowledges all not.",
    since="7.1",
    commit="42726ec644cb",
    needs=MADE,
    survives=MADE_ENDS,
)
@pytest.mark.parametrize(("more", "answers"), [(0, []), (1, [ACK])])
def test_what_acknowledges_too_much_is_answered(peers, observe, more, answers):
    with accepted_from(peers) as (_, peer), segments() as arriving:
        peer.send(acknowledged=peer.expected + more)
        found = flags_of(peer)

        assert observe("arrived_and_answers", [len(waiting_segments(arriving)) - 1, found]) == [1, answers]


@claim(
    "defacto/TCP/acknowledgement-of-unsent-closing",
    says="A TCP connection over IPv4 in FIN-WAIT-1, FIN-WAIT-2, CLOSING or LAST-ACK answers a segment that "
    "acknowledges a byte more than was sent with an acknowledgement, and stays in its state.",
    since="4.13",
    commit="d0e1a1b5a833",
    needs=MADE,
    survives=MADE_ENDS,
)
@pytest.mark.parametrize(
    ("state", "number"), [("fin-wait-1", 4), ("fin-wait-2", 5), ("closing", 11), ("last-ack", 9)]
)
def test_what_acknowledges_too_much_is_answered_at_the_end(peers, observe, state, number):
    with accepted_from(peers) as (sock, peer):
        reach(sock, peer, state)
        peer.replies()
        peer.send(acknowledged=peer.expected + 1 + (state != "fin-wait-2"))
        answers = flags_of(peer)

        assert observe("answers_and_state", [answers, sock.tcp_info.state]) == [[ACK], number]


@claim(
    "defacto/TCP/window-opens",
    says="What a TCP connection over IPv4 has to send beyond its peer's window is sent as soon as the peer "
    "says that the window is larger, and not before.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=FULL_SEGMENTS,
)
def test_a_window_that_opens_lets_out_what_waits(peers, observe):
    with accepted_from(peers, window=SEGMENT) as (sock, peer):
        sock.tcp_nodelay = True
        sock.send(bytes(3 * SEGMENT))
        sizes = [size_of(peer.replies())]
        peer.expected += SEGMENT
        peer.window = 0
        peer.send()
        sizes.append(size_of(peer.replies()))
        unacked = sock.tcp_info.unacked
        peer.window = 2 * SEGMENT
        peer.send()
        sizes.append(size_of(peer.replies()))

        assert observe("sizes_and_unacked", [sizes, unacked]) == [[SEGMENT, 0, 2 * SEGMENT], 0]


@claim(
    "defacto/TCP/window-shrinks",
    says="A TCP connection over IPv4 that has sent three segments, of which its peer acknowledges the first "
    "and then has no window, sends the second again, twice before any other, and once that is acknowledged "
    "and there is a window, the third.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
def test_what_is_beyond_a_window_is_sent_again(peers, observe):
    with accepted_from(peers, rto_min=SHORT) as (sock, peer):
        sock.send(bytes(3 * SEGMENT))
        first = extent_of(peer.replies(), peer)
        peer.expected += SEGMENT
        peer.window = 0
        peer.send()
        peer.replies()
        again = [next_new(peer), next_new(peer)]
        peer.window = 65_535
        peer.expected += SEGMENT
        peer.send()
        last = next_new(peer)

        assert observe("first_again_last", [first, again, last]) == [
            3 * SEGMENT,
            [[0, SEGMENT], [0, SEGMENT]],
            [0, SEGMENT],
        ]


@claim(
    "defacto/TCP/window-filled-after-it-shrank",
    says="A TCP connection over IPv4 whose peer acknowledges the three segments that filled its window, and "
    "has a window of two from then on, sends two more, though it has six.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=FULL_SEGMENTS,
)
def test_a_window_that_shrank_is_filled(peers, observe):
    with accepted_from(peers, window=3 * SEGMENT) as (sock, peer):
        sock.tcp_nodelay = True
        sock.send(bytes(9 * SEGMENT))
        sizes = [size_of(peer.replies())]
        peer.expected += 3 * SEGMENT
        peer.window = 2 * SEGMENT
        peer.send()
        sizes.append(size_of(peer.replies()))

        assert observe("sizes", sizes) == [3 * SEGMENT, 2 * SEGMENT]


@claim(
    "defacto/TCP/window-of-zero-probed",
    says="A TCP connection over IPv4 that has data to send and whose peer has no window probes for one, with "
    "the number before the next and no data, and is not given up while the probes are answered, three "
    "though net.ipv4.tcp_retries2 is 2; once there is a window the data is sent.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
def test_a_window_of_zero_is_probed(peers, observe):
    peers.right.namespace.sysctl["net.ipv4.tcp_retries2"] = 2
    with accepted_from(peers, window=0, rto_min=SHORT) as (sock, peer):
        sock.send(b"hello")
        probes = [answered_probe(peer) for _ in range(3)]
        peer.window = SEGMENT
        peer.send()
        data = next_with_data(peer).data.decode()

        assert observe("probes_and_data", [probes, data]) == [[[-1, 0]] * 3, "hello"]


@claim(
    "defacto/TCP/window-of-zero-unanswered",
    says="A TCP connection over IPv4 that has data to send, whose peer has no window and does not answer the "
    "probes is given up with ETIMEDOUT, where net.ipv4.tcp_retries2 is 1.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
def test_an_unanswered_probe_is_the_end(peers, observe):
    peers.right.namespace.sysctl["net.ipv4.tcp_retries2"] = 1
    with accepted_from(peers, window=0, rto_min=SHORT) as (sock, peer):
        sock.send(b"hello")
        with refused(errno.ETIMEDOUT):
            sock.recv(9)
        probes = {(one.sequence - peer.expected, len(one.data)) for one in peer.replies()}

        assert observe("probes", sorted(probes)) == [(-1, 0)]


@claim(
    "defacto/close/window-of-zero",
    says="Closing a TCP socket over IPv4 whose peer has no window returns; what was not sent is sent once "
    "there is a window, and the end.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
def test_a_socket_without_window_is_closed(peers, observe):
    with accepted_from(peers, window=0) as (sock, peer):
        sock.send(b"hello")
        sock.close()
        before = flags_of(peer)
        peer.window = SEGMENT
        peer.send()
        sent = [[one.data.decode(), one.flags] for one in peer.replies()]

        assert observe("before_and_sent", [before, sent]) == [[], [["hello", FIN | PSH | ACK]]]


def answered_probe(peer: MadePeer) -> list[int]:
    """The next probe for a window, its place and size, which is answered: there is none."""
    probe = peer.next()
    peer.send()
    return [probe.sequence - peer.expected, len(probe.data)]


@claim(
    "defacto/recv/given-up",
    says="A TCP socket over IPv4 whose connection was given up, as its data was not acknowledged, gives "
    "what had come before; then a receive fails with ETIMEDOUT once, and returns 0 after that.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
def test_what_came_is_received(peers, observe):
    with given_up(peers) as sock:
        received = [answer(lambda: sock.recv(9)) for _ in range(3)]

        assert observe("received", received) == ["5 bytes", "ETIMEDOUT", "0 bytes"]


@claim(
    "defacto/send/given-up",
    says="A send on a TCP socket over IPv4 whose connection was given up, as its data was not acknowledged, "
    "fails with ETIMEDOUT once, and with EPIPE after that.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
def test_nothing_is_sent(peers, observe):
    with given_up(peers) as sock:
        sent = [answer(lambda: sock.send(b"x", socket.MSG_NOSIGNAL)) for _ in range(3)]

        assert observe("sent", sent) == ["ETIMEDOUT", "EPIPE", "EPIPE"]


@contextmanager
def given_up(hosts: Peers) -> Iterator[Socket]:
    """A socket to which 5 bytes came, and whose own were not acknowledged for too long."""
    with accepted_from(hosts, rto_min=SHORT) as (sock, peer):
        sock.tcp_user_timeout = 1
        peer.tell(b"hello")
        await_readable(sock)
        sock.send(b"lost")
        await_hangup(sock)
        yield sock
