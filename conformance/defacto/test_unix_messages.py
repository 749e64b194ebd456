"""UNIX sockets that are full, closed or connected anew, and out-of-band data: what no page says."""

from __future__ import annotations

import errno
import os
from socket import MSG_DONTWAIT, MSG_OOB, MSG_PEEK, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM
from termios import TIOCOUTQ

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import sysctl
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.ioctls import asked
from conformance.plugin.setups.listeners import listening_unix
from conformance.plugin.setups.threads import delayed
from conformance.plugin.setups.unix_messages import impatient, numbers_received, send_until_full
from conformance.plugin.setups.urgent import at_mark
from conformance.plugin.timing import SOON
from libsocket import Socket

CONNECTED = pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_SEQPACKET], ids=["stream", "seqpacket"])
PACKETS = pytest.mark.parametrize("type_", [SOCK_DGRAM, SOCK_SEQPACKET], ids=["datagram", "seqpacket"])
QLEN = "net.unix.max_dgram_qlen"
NAME = b"\0name"


@claim(
    "defacto/AF_UNIX/queue-default",
    says="By default net.unix.max_dgram_qlen is 10, and a UNIX datagram socket that reads nothing takes 11 "
    "datagrams from one that it is not connected to; the next send with MSG_DONTWAIT fails with EAGAIN.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[sysctl(QLEN)],
)
def test_eleven_datagrams_wait_by_default(ns, observe):
    with Socket.unix(SOCK_DGRAM) as receiver, Socket.unix(SOCK_DGRAM) as sender:
        receiver.bind(NAME)
        sent = send_until_full(sender, address=NAME)
        with refused(errno.EAGAIN):
            sender.sendto(b"more", MSG_DONTWAIT, NAME)

        seen = [ns.sysctl[QLEN], len(sent), len(numbers_received(receiver))]
        assert observe("sysctl_sent_and_received", seen) == ["10", 11, 11]


@claim(
    "defacto/AF_UNIX/queue-length",
    says="A UNIX datagram socket takes one datagram more than net.unix.max_dgram_qlen, 1, 4 or 30, from one "
    "that is connected to it, and that it is not connected to.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("qlen", [1, 4, 30])
def test_one_more_than_the_sysctl_wait(ns, observe, qlen):
    ns.sysctl[QLEN] = qlen
    with Socket.unix(SOCK_DGRAM) as receiver, Socket.unix(SOCK_DGRAM) as sender:
        receiver.bind(NAME)
        sender.connect(NAME)
        sent = send_until_full(sender)

        seen = [len(sent), len(numbers_received(receiver))]
        assert observe("sent_and_received", seen) == [qlen + 1, qlen + 1]


@claim(
    "defacto/AF_UNIX/queue-length-when-made",
    says="What net.unix.max_dgram_qlen was when a UNIX datagram socket was made counts for it: with 4 "
    "before and 1 after it takes 5 datagrams, and one that is made then 2.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_the_sysctl_counts_when_a_socket_is_made(ns, observe):
    ns.sysctl[QLEN] = 4
    with Socket.unix(SOCK_DGRAM) as receiver, Socket.unix(SOCK_DGRAM) as sender:
        ns.sysctl[QLEN] = 1
        with Socket.unix(SOCK_DGRAM) as later:
            receiver.bind(NAME)
            later.bind(b"\0later")
            sent = [send_until_full(sender, address=one) for one in (NAME, b"\0later")]

            assert observe("sent", [len(one) for one in sent]) == [5, 2]


@claim(
    "defacto/AF_UNIX/queue-length-pair",
    says="net.unix.max_dgram_qlen does not limit the messages between two UNIX datagram or seqpacket "
    "sockets that are connected to each other: with 1 more than 2 are sent and received.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@PACKETS
def test_the_sysctl_does_not_count_between_peers(ns, observe, type_):
    ns.sysctl[QLEN] = 1
    left, right = Socket.pair(type_)
    with left, right, Socket.unix(SOCK_DGRAM) as receiver, Socket.unix(SOCK_DGRAM) as sender:
        receiver.bind(NAME)
        limited = send_until_full(sender, address=NAME)
        sent = send_until_full(left)
        received = numbers_received(right)

        assert [observe("limited", len(limited)), received == sent, observe("more", len(sent) > 20)] == [
            2,
            True,
            True,
        ]


@claim(
    "defacto/AF_UNIX/full-queue-waits",
    says="A send on a blocking UNIX datagram socket to one whose queue is full waits until that one "
    "receives, and is then delivered.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_send_waits_for_the_receiver(ns, observe):
    ns.sysctl[QLEN] = 1
    with Socket.unix(SOCK_DGRAM) as receiver, Socket.unix(SOCK_DGRAM) as sender:
        receiver.bind(NAME)
        sender.sndtimeo = SOON
        sent = send_until_full(sender, address=NAME)
        with delayed(lambda: receiver.recv(9)) as begun:
            sender.sendto(b"0002", NAME)
            waited = begun.is_set()
        received = numbers_received(receiver)

        assert observe("sent_waited_and_received", [sent, waited, received]) == [[0, 1], True, [1, 2]]


@claim(
    "defacto/AF_UNIX/datagram-peer-closed",
    says="On a connected UNIX datagram socket whose peer was closed the first send fails with ECONNREFUSED, "
    "and the next with ENOTCONN: it has no peer any more, and can be connected again.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_peer_that_was_closed_is_forgotten(ns, observe):
    left, right = Socket.pair(SOCK_DGRAM)
    with left, right, Socket.unix(SOCK_DGRAM) as another:
        another.bind(NAME)
        impatient(another)
        right.close()
        with refused(errno.ECONNREFUSED):
            left.send(b"first")
        with refused(errno.ENOTCONN, "errno_of_next"):
            left.send(b"second")
        left.connect(NAME)
        left.send(b"third")

        assert observe("received", another.recv(9).decode()) == "third"


@claim(
    "defacto/AF_UNIX/datagram-reconnect-drops",
    says="When a UNIX datagram socket with a datagram that it has not received is connected to another "
    "peer, the datagram is lost, and its former peer, which is connected to it, has the error ECONNRESET.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_what_the_former_peer_sent_is_lost(ns, observe):
    left, right = Socket.pair(SOCK_DGRAM)
    with left, right, Socket.unix(SOCK_DGRAM) as another:
        impatient(right)
        another.bind(NAME)
        right.bind(b"\0right")
        left.send(b"received")
        received = [right.recv(9).decode()]
        left.send(b"lost")
        right.connect(NAME)
        another.sendto(b"new", b"\0right")
        received += [right.recv(9).decode()]

        assert observe("received_and_error", [*received, errno_name(left.error)]) == [
            "received",
            "new",
            "ECONNRESET",
        ]


@claim(
    "defacto/AF_UNIX/reset-once",
    says="After the ECONNRESET of a peer that was closed with unread data the next receive on a UNIX stream "
    "or seqpacket socket gives the end, and a send fails with EPIPE.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@CONNECTED
def test_the_reset_is_told_once(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        impatient(left)
        left.send(b"unread")
        right.close()
        with refused(errno.ECONNRESET):
            left.recv(9)
        end = observe("then", left.recv(9).decode())
        with refused(errno.EPIPE, "errno_of_send"):
            left.send(b"late")

        assert end == ""


@claim(
    "defacto/AF_UNIX/reset-keeps-data",
    says="SO_ERROR of a UNIX stream or seqpacket socket whose peer was closed with unread data gives "
    "ECONNRESET, and what the peer had sent before is received nevertheless.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@CONNECTED
def test_what_was_sent_before_the_reset_is_received(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        impatient(left)
        right.send(b"before")
        left.send(b"unread")
        right.close()
        error = errno_name(left.error)

        assert observe("error_and_received", [error, left.recv(9).decode()]) == ["ECONNRESET", "before"]


@claim(
    "defacto/AF_UNIX/reset-after-data",
    says="On a UNIX stream socket whose peer was closed with unread data what the peer had sent before is "
    "received first, and then a receive fails with ECONNRESET.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_stream_is_reset_after_its_data(ns, observe):
    left, right = Socket.pair()
    with left, right:
        impatient(left)
        right.send(b"before")
        left.send(b"unread")
        right.close()
        received = observe("received", left.recv(9).decode())
        with refused(errno.ECONNRESET):
            left.recv(9)

        assert received == "before"


@claim(
    "defacto/AF_UNIX/reset-before-data",
    says="On a UNIX seqpacket socket whose peer was closed with unread data the first receive fails with "
    "ECONNRESET, and the next one gives what the peer had sent before.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_seqpacket_socket_is_reset_before_its_data(ns, observe):
    left, right = Socket.pair(SOCK_SEQPACKET)
    with left, right:
        impatient(left)
        right.send(b"before")
        left.send(b"unread")
        right.close()
        with refused(errno.ECONNRESET):
            left.recv(9)

        assert observe("received", left.recv(9).decode()) == "before"


@claim(
    "defacto/AF_UNIX/listener-closed",
    says="When a UNIX stream or seqpacket listener is closed, a client that it has not accepted, and that "
    "has sent nothing, receives ECONNRESET.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@CONNECTED
def test_who_was_not_accepted_is_reset(ns, observe, type_):
    with listening_unix(type_) as listener, Socket.unix(type_) as accepted, Socket.unix(type_) as client:
        impatient(listener, accepted, client)
        accepted.connect(listener.getsockname())
        with listener.accept()[0] as server:
            client.connect(listener.getsockname())
            listener.close()
            with refused(errno.ECONNRESET):
                client.recv(9)
            server.send(b"hello")

            assert observe("received_by_accepted", accepted.recv(9).decode()) == "hello"


@claim(
    "defacto/AF_UNIX/siocoutq",
    says="SIOCOUTQ of a UNIX stream, datagram or seqpacket socket gives how much memory is taken by what "
    "the peer has not read, more than its bytes: by two messages of a size twice as much as by one, and 0 "
    "once they are read.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    "type_", [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET], ids=["stream", "datagram", "seqpacket"]
)
def test_memory_that_is_not_read_counts(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        impatient(right)
        none = asked(left, TIOCOUTQ)
        left.send(b"hello")
        one = asked(left, TIOCOUTQ)
        left.send(b"again")
        two = asked(left, TIOCOUTQ)
        received = right.recv(5) + right.recv(5)
        counts = [none, one > 5, two - 2 * one, asked(left, TIOCOUTQ)]

        assert observe("received_and_counts", [received.decode(), counts]) == ["helloagain", [0, True, 0, 0]]


@claim(
    "defacto/AF_UNIX/oob-last-byte",
    says="Of what is sent with MSG_OOB on a UNIX stream socket the last byte is received with MSG_OOB, and "
    "the bytes before it without.",
    since="5.15",
    commit="314001f0bf92",
)
def test_the_last_byte_is_out_of_band(ns, observe):
    left, right = Socket.pair()
    with left, right:
        impatient(right)
        left.send(b"abc", MSG_OOB)
        urgent = right.recv(9, MSG_OOB).decode()

        assert observe("urgent_and_ordinary", [urgent, right.recv(9).decode()]) == ["c", "ab"]


@claim(
    "defacto/AF_UNIX/oob-stops-receive",
    says="A receive on a UNIX stream socket without SO_OOBINLINE stops before the byte that was sent with "
    "MSG_OOB, where SIOCATMARK gives 1, and the next one skips that byte.",
    since="5.15",
    commit="314001f0bf92",
)
def test_a_receive_stops_at_the_mark(ns, observe):
    left, right = Socket.pair()
    with left, right:
        impatient(right)
        left.send(b"ab")
        left.send(b"X", MSG_OOB)
        left.send(b"cd")
        marks = [at_mark(right)]
        received = [right.recv(9).decode()]
        marks += [at_mark(right)]
        received += [right.recv(9).decode()]

        assert observe("marks_and_received", [marks, received]) == [[False, True], ["ab", "cd"]]


def peeked_at(sock):
    """What a MSG_PEEK gives, or the errno with which it fails."""
    try:
        return sock.recv(9, MSG_PEEK | MSG_DONTWAIT).decode()
    except OSError as error:
        return errno_name(error.errno)


@claim(
    "defacto/AF_UNIX/oob-peeked",
    says="A MSG_PEEK without MSG_OOB at a UNIX stream socket whose next byte is urgent, and whose peer can "
    "send more, gives without SO_OOBINLINE what comes after that byte, or fails with EAGAIN where "
    "nothing does and it may not wait; with SO_OOBINLINE it gives the byte and what comes after it. "
    "The byte is still received then: without SO_OOBINLINE by MSG_OOB, with it in its place.",
    since="6.10",
    backports=("5.15.162", "6.1.95", "6.6.35", "6.9.6"),
    commit="a6736a0addd6",
)
@pytest.mark.parametrize(
    ("inline", "after", "peeked", "received"),
    [
        (False, b"", "EAGAIN", "X"),
        (False, b"ab", "ab", "X"),
        (True, b"", "X", "X"),
        (True, b"ab", "Xab", "X"),
    ],
)
def test_a_peek_passes_over_an_urgent_byte(ns, observe, *, inline, after, peeked, received):
    left, right = Socket.pair()
    with left, right:
        if inline:
            right.oobinline = True
        left.send(b"X", MSG_OOB)
        if after:
            left.send(after)
        seen = [peeked_at(right) for _ in range(2)]
        taken = right.recv(1, MSG_DONTWAIT if inline else MSG_OOB).decode()

        assert observe("inline_peeked_received", [right.oobinline, seen, taken]) == [
            inline,
            [peeked, peeked],
            received,
        ]


@claim(
    "defacto/SIOCATMARK/unix-urgent-received",
    says="SIOCATMARK of a UNIX stream socket still gives 1 once its urgent byte was received with "
    "MSG_OOB, whether nothing, an ordinary or another urgent byte follows, and 0 once a byte after it "
    "was received.",
    since="5.15",
    commit="314001f0bf92",
    expect=differs(
        "it gives 0 once the byte was received (e400cfa38bb0 mended it)",
        since="5.15",
        until="6.9.8",
        commit="314001f0bf92",
    ),
)
@pytest.mark.parametrize("flags", [0, MSG_OOB], ids=["ordinary", "urgent"])
def test_the_mark_stays_where_the_urgent_byte_was(ns, observe, flags):
    left, right = Socket.pair()
    with left, right:
        impatient(right)
        left.send(b"X", MSG_OOB)
        received = right.recv(1, MSG_OOB).decode()
        marks = [at_mark(right)]
        left.send(b"Y", flags)
        marks.append(at_mark(right))
        received += right.recv(1, flags).decode()
        left.send(b"Z")
        received += right.recv(1).decode()

        assert observe("received_and_marks", [received, [*marks, at_mark(right)]]) == [
            "XYZ",
            [True, True, False],
        ]


@claim(
    "defacto/AF_UNIX/oob-consumed-in-turn",
    says="Of several bytes that are sent with MSG_OOB on a UNIX stream socket, each received with MSG_OOB "
    "before the next, none is left: MSG_OOB receives none (EINVAL), a receive waits (EAGAIN) and gives what "
    "is sent then.",
    since="5.15",
    commit="314001f0bf92",
)
@pytest.mark.parametrize("bytes_sent", ["ab", "abcd"])
def test_each_byte_is_consumed(ns, observe, bytes_sent):
    left, right = Socket.pair()
    with left, right:
        impatient(right)
        urgent = "".join(urgent_in_turn(left, right, bytes_sent))
        with refused(errno.EINVAL):
            right.recv(9, MSG_OOB)
        with refused(errno.EAGAIN, "errno_of_ordinary"):
            right.recv(9, MSG_DONTWAIT)
        left.send(b"x")

        assert observe("urgent_and_ordinary", [urgent, right.recv(9).decode()]) == [bytes_sent, "x"]


def urgent_in_turn(left: Socket, right: Socket, text: str) -> list[str]:
    """Send each byte of a text with MSG_OOB, and receive it with that, before the next."""
    received = []
    for one in text:
        left.send(one.encode(), MSG_OOB)
        received.append(right.recv(9, MSG_OOB).decode())
    return received


@claim(
    "defacto/AF_UNIX/oob-received-no-reset",
    says="A UNIX stream socket that is closed once it has received the byte that was sent with MSG_OOB, and "
    "nothing else waited, ends its peer's stream: a receive gives no byte. Where the byte was not received "
    "it fails with ECONNRESET.",
    since="6.16",
    backports=("6.12.36", "6.15.5"),
    commit="2a5a4841846b",
)
def test_a_byte_that_was_received_resets_nothing(ns, observe):
    left, right = Socket.pair()
    other, closed = Socket.pair()
    with left, right, other, closed:
        for sender, receiver in ((left, right), (other, closed)):
            impatient(sender)
            sender.send(b"a", MSG_OOB)
            if receiver is right:
                receiver.recv(9, MSG_OOB)
            receiver.close()
        with refused(errno.ECONNRESET):
            other.recv(9)

        assert observe("received", left.recv(9).decode()) == ""


@claim(
    "defacto/AF_UNIX/oob-newer",
    says="A receive on a UNIX stream socket stops where a byte was that MSG_OOB has received, and not if a "
    "newer byte that was sent with MSG_OOB waits: then it goes on to that one.",
    since="6.10",
    backports=("6.9.8",),
    commit="36893ef0b661",
)
def test_a_newer_mark_is_what_counts(ns, observe):
    left, right = Socket.pair()
    other_left, other_right = Socket.pair()
    with left, right, other_left, other_right:
        impatient(right, other_right)
        left.send(b"ab")
        other_left.send(b"ab")
        left.send(b"X", MSG_OOB)
        other_left.send(b"X", MSG_OOB)
        left.send(b"cd")
        other_left.send(b"cd")
        urgent = [other_right.recv(9, MSG_OOB).decode(), right.recv(9, MSG_OOB).decode()]
        left.send(b"Y", MSG_OOB)
        stopped = [other_right.recv(9).decode(), other_right.recv(9).decode()]
        received = [right.recv(9).decode(), right.recv(9, MSG_OOB).decode()]

        assert [observe("urgent_and_stopped", [urgent, stopped]), observe("received", received)] == [
            [["X", "X"], ["ab", "cd"]],
            ["abcd", "Y"],
        ]


@claim(
    "defacto/AF_UNIX/splice",
    says="splice(2) moves bytes from a UNIX stream socket to a pipe, and from the pipe to another socket.",
    since="4.2",
    commit="2b514574f7e8",
)
def test_bytes_are_spliced(ns, observe):
    left, right = Socket.pair()
    other_left, other_right = Socket.pair()
    out, into = os.pipe()
    with left, right, other_left, other_right, os.fdopen(out), os.fdopen(into, "wb"):
        impatient(right, other_right)
        left.send(b"hello")
        moved = [os.splice(right.fileno(), into, 4), os.splice(out, other_left.fileno(), 4)]

        received = [other_right.recv(9).decode(), right.recv(9).decode()]
        assert observe("moved_and_received", [moved, received]) == [[4, 4], ["hell", "o"]]


@claim(
    "defacto/AF_UNIX/empty-message",
    says="A message of no bytes is received on a UNIX datagram or seqpacket socket as one, between those "
    "before and after it.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@PACKETS
def test_a_message_may_be_empty(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        impatient(right)
        left.send(b"before")
        left.send(b"")
        left.send(b"after")
        received = [right.recv(9), right.recv(9), right.recv(9)]

        assert observe("received", [one.decode() for one in received]) == ["before", "", "after"]


@claim(
    "defacto/AF_UNIX/seqpacket-limit",
    says="The longest message of a UNIX seqpacket socket has as many bytes as SO_SNDBUF was set to, "
    "doubled, less 32; one more is refused with EMSGSIZE.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_message_has_no_more_than_the_send_buffer(ns, observe):
    left, right = Socket.pair(SOCK_SEQPACKET)
    with left, right:
        impatient(right)
        left.sndbuf = 10_000
        with refused(errno.EMSGSIZE):
            left.send(bytes(19_969))
        left.send(bytes(19_968))

        assert observe("bytes_received", len(right.recv(1 << 17))) == 19_968
