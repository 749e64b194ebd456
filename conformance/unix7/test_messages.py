"""What the types of UNIX sockets promise of messages, and which flags and buffer sizes count."""

from __future__ import annotations

import errno
from functools import partial
from socket import (
    MSG_DONTWAIT,
    MSG_MORE,
    MSG_OOB,
    MSG_TRUNC,
    SOCK_DGRAM,
    SOCK_RDM,
    SOCK_SEQPACKET,
    SOCK_STREAM,
)

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening_unix
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.unix_messages import impatient, numbers_received, send_until_full
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import in_child

TYPES = pytest.mark.parametrize(
    "type_", [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET], ids=["stream", "datagram", "seqpacket"]
)
PACKETS = pytest.mark.parametrize("type_", [SOCK_DGRAM, SOCK_SEQPACKET], ids=["datagram", "seqpacket"])


def answer(sock: Socket) -> str:
    """What is received; it is answered."""
    sock.rcvtimeo = SOON
    received = sock.recv(20).decode()
    sock.send(b"answer")
    return received


@claim(
    "unix.7/DESCRIPTION/between-processes",
    sentence="unix.7/DESCRIPTION/same-machine",
    section="DESCRIPTION",
    says="What a process sends on one end of a UNIX stream, datagram or seqpacket socket pair is received "
    "by another process on the other end, and its answer comes back.",
)
@TYPES
def test_processes_talk_to_each_other(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        impatient(left)
        left.send(b"question")
        question = in_child(partial(answer, right))

        assert observe("received", [question, left.recv(20).decode()]) == ["question", "answer"]


@claim(
    "unix.7/DESCRIPTION/types",
    sentence="unix.7/DESCRIPTION/types",
    section="DESCRIPTION",
    says="A UNIX socket can be made as SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET, and is then of that type, "
    "whose messages arrive; SOCK_RDM is refused.",
)
@TYPES
def test_there_are_three_types(ns, observe, type_):
    with refused():
        Socket.pair(SOCK_RDM)
    left, right = Socket.pair(type_)
    with left, right:
        impatient(right)
        left.send(b"hello")

        assert observe("type_and_received", [left.so_type, right.recv(9).decode()]) == [type_, "hello"]


@claim(
    "unix.7/SOCK_STREAM/no-boundaries",
    sentence="unix.7/DESCRIPTION/stream",
    section="DESCRIPTION",
    says="What is sent in two pieces on a UNIX stream socket is received as one stream of bytes: a receive "
    "takes of the second piece what it has room for, and the next one the rest.",
)
def test_a_stream_has_no_boundaries(ns, observe):
    left, right = Socket.pair()
    with left, right:
        impatient(right)
        left.send(b"one")
        left.send(b"two")

        assert observe("received", [right.recv(4).decode(), right.recv(9).decode()]) == ["onet", "wo"]


@claim(
    "unix.7/DESCRIPTION/boundaries",
    sentence=("unix.7/DESCRIPTION/datagram", "unix.7/DESCRIPTION/seqpacket-boundaries"),
    section="DESCRIPTION",
    says="What is sent in two messages on a UNIX datagram or seqpacket socket is received as two, however "
    "much room there is.",
)
@PACKETS
def test_messages_stay_apart(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        impatient(right)
        left.send(b"one")
        left.send(b"two")

        assert observe("received", [right.recv(99).decode(), right.recv(99).decode()]) == ["one", "two"]


@claim(
    "unix.7/DESCRIPTION/reliable",
    sentence=("unix.7/DESCRIPTION/reliable", "unix.7/DESCRIPTION/not-reordered"),
    section="DESCRIPTION",
    says="All datagrams that a UNIX datagram socket has sent before the next one would wait, with an "
    "address to a receiver that reads none, arrive, in the order in which they were sent.",
)
def test_no_datagram_is_lost(ns, observe):
    with Socket.unix(SOCK_DGRAM) as receiver, Socket.unix(SOCK_DGRAM) as sender:
        receiver.bind(b"\0name")
        sent = send_until_full(sender, address=b"\0name")
        received = numbers_received(receiver)
        more = send_until_full(sender, address=b"\0name")

        assert [len(more), observe("received", received)] == [len(sent), sent]


@claim(
    "unix.7/DESCRIPTION/reliable-pair",
    sentence=(
        "unix.7/DESCRIPTION/reliable",
        "unix.7/DESCRIPTION/not-reordered",
        "unix.7/DESCRIPTION/seqpacket-order",
    ),
    section="DESCRIPTION",
    says="All messages of 1000 bytes that one end of a UNIX datagram or seqpacket socket pair has sent "
    "before the next one would wait arrive at the other, in the order in which they were sent.",
)
@PACKETS
def test_no_message_of_a_pair_is_lost(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        left.sndbuf = 40_000
        sent = send_until_full(left, 1000)
        received = numbers_received(right)
        more = send_until_full(left, 1000)

        assert [len(more), observe("received", received)] == [len(sent), sent]


@claim(
    "unix.7/SOCK_SEQPACKET/connection-oriented",
    sentence="unix.7/DESCRIPTION/seqpacket-connection",
    section="DESCRIPTION",
    says="A UNIX seqpacket socket sends nothing before it is connected, with an address neither (ENOTCONN); "
    "once it is connected and accepted both ends send.",
)
def test_a_seqpacket_socket_needs_a_connection(ns, observe):
    with listening_unix(SOCK_SEQPACKET) as listener, Socket.unix(SOCK_SEQPACKET) as client:
        impatient(listener, client)
        with refused(errno.ENOTCONN):
            client.sendto(b"before", listener.getsockname())
        with refused(errno.ENOTCONN, "errno_without_address"):
            client.send(b"before")
        client.connect(listener.getsockname())
        client.send(b"question")
        with listener.accept()[0] as server:
            impatient(server)
            server.send(b"answer")

            received = [server.recv(20).decode(), client.recv(20).decode()]
            assert observe("received", received) == ["question", "answer"]


@claim(
    "unix.7/MSG_OOB/send",
    sentence=("unix.7/MSG_OOB/unsupported", "unix.7/EOPNOTSUPP/oob"),
    section="Sockets API",
    says="Sending with MSG_OOB on a UNIX datagram or seqpacket socket fails with EOPNOTSUPP, and nothing is "
    "sent.",
)
@PACKETS
def test_a_message_cannot_be_sent_out_of_band(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        impatient(right)
        with refused(errno.EOPNOTSUPP):
            left.send(b"urgent", MSG_OOB)
        left.send(b"ordinary")

        assert observe("received", right.recv(9).decode()) == "ordinary"


@claim(
    "unix.7/MSG_OOB/recv",
    sentence=("unix.7/MSG_OOB/unsupported", "unix.7/EOPNOTSUPP/oob"),
    section="Sockets API",
    says="Receiving with MSG_OOB on a UNIX datagram or seqpacket socket fails with EOPNOTSUPP, and what has "
    "come stays to be received.",
)
@PACKETS
def test_a_message_cannot_be_received_out_of_band(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        impatient(right)
        left.send(b"ordinary")
        with refused(errno.EOPNOTSUPP):
            right.recv(9, MSG_OOB)

        assert observe("received", right.recv(9).decode()) == "ordinary"


@claim(
    "unix.7/MSG_OOB/send-stream",
    sentence=("unix.7/MSG_OOB/unsupported", "unix.7/NOTES/oob", "unix.7/EOPNOTSUPP/oob"),
    section="Sockets API",
    says="Sending with MSG_OOB on a UNIX stream socket fails with EOPNOTSUPP.",
    expect=differs(
        "it sends, and the last byte is out-of-band data, where the kernel is built with CONFIG_AF_UNIX_OOB",
        since="5.15",
        commit="314001f0bf92",
        observed={"errno": None, "received": "r"},
    ),
)
def test_a_stream_cannot_send_out_of_band(ns, observe):
    left, right = Socket.pair()
    with left, right, refused(errno.EOPNOTSUPP):
        left.send(b"r", MSG_OOB)
        observe("received", right.recv(9, MSG_OOB).decode())


@claim(
    "unix.7/MSG_OOB/recv-stream",
    sentence=("unix.7/MSG_OOB/unsupported", "unix.7/NOTES/oob", "unix.7/EOPNOTSUPP/oob"),
    section="Sockets API",
    says="Receiving with MSG_OOB on a UNIX stream socket where ordinary data alone has come fails with "
    "EOPNOTSUPP.",
    expect=differs(
        "it fails with EINVAL, as on a TCP socket, since there is such data and none has come",
        since="5.15",
        commit="314001f0bf92",
        observed={"errno": "EINVAL", "first_byte": "o"},
    ),
)
def test_a_stream_cannot_receive_out_of_band(ns, observe):
    left, right = Socket.pair()
    with left, right:
        impatient(right)
        left.send(b"ordinary")
        first = observe("first_byte", right.recv(1).decode())
        with refused(errno.EOPNOTSUPP):
            right.recv(9, MSG_OOB)

        assert first == "o"


@claim(
    "unix.7/MSG_MORE/stream",
    sentence="unix.7/MSG_MORE/unsupported",
    section="Sockets API",
    says="What is sent with MSG_MORE on a UNIX stream socket can be received at once, though nothing more "
    "is sent, where a UDP socket does not send it before more comes.",
)
def test_a_stream_does_not_wait_for_more(ns, observe):
    left, right = Socket.pair()
    sender, receiver = udp_pair()
    with left, right, sender, receiver:
        impatient(receiver)
        left.send(b"one", MSG_MORE)
        received = [right.recv(9, MSG_DONTWAIT).decode()]
        sender.send(b"one", MSG_MORE)
        with refused(errno.EAGAIN, "errno_of_udp"):
            receiver.recv(9, MSG_DONTWAIT)
        sender.send(b"two")
        received += [receiver.recv(9).decode()]

        assert observe("received", received) == ["one", "onetwo"]


@claim(
    "unix.7/MSG_MORE/messages",
    sentence="unix.7/MSG_MORE/unsupported",
    section="Sockets API",
    says="What is sent with MSG_MORE on a UNIX datagram or seqpacket socket is a message of its own, where "
    "it is the beginning of the next datagram on a UDP socket.",
)
@PACKETS
def test_a_message_does_not_wait_for_more(ns, observe, type_):
    left, right = Socket.pair(type_)
    sender, receiver = udp_pair()
    with left, right, sender, receiver:
        impatient(right, receiver)
        left.send(b"one", MSG_MORE)
        left.send(b"two")
        sender.send(b"one", MSG_MORE)
        sender.send(b"two")

        received = [right.recv(9).decode(), right.recv(9).decode(), receiver.recv(9).decode()]
        assert observe("received", received) == ["one", "two", "onetwo"]


@claim(
    "unix.7/MSG_TRUNC/length",
    sentence=("unix.7/MSG_TRUNC/supported", "recv.2/MSG_TRUNC/real-size"),
    section="Sockets API",
    says="Receiving 2 of 6 bytes of a message on a UNIX datagram or seqpacket socket gives 6 as the length "
    "with MSG_TRUNC, and 2 without; the rest is lost.",
    since="3.4",
)
@PACKETS
def test_the_length_of_the_message_is_returned(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        impatient(right)
        left.send(b"abcdef")
        left.send(b"ghijkl")
        left.send(b"last")
        first, second = bytearray(2), bytearray(2)
        lengths = [right.recv_into(first, 2, MSG_TRUNC), right.recv_into(second, 2)]

        received = [first.decode(), second.decode(), right.recv(9).decode()]
        assert observe("lengths_and_received", [lengths, received]) == [[6, 2], ["ab", "gh", "last"]]


@claim(
    "unix.7/MSG_TRUNC/stream",
    sentence="unix.7/MSG_TRUNC/supported",
    section="Sockets API",
    says="Receiving with MSG_TRUNC on a UNIX stream socket discards as many bytes as were asked for, as it "
    "does on a TCP socket, and copies none.",
    since="3.4",
    expect=differs(
        "the flag has no effect there: the bytes are copied; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"unix": [2, "ab"], "tcp": [2, ".."]},
    ),
)
def test_a_stream_discards(ns, observe):
    left, right = Socket.pair()
    sender, receiver = Socket.tcp_pair()
    with left, right, sender, receiver:
        impatient(right, receiver)
        left.send(b"abcd")
        sender.send(b"abcd")
        room, tcp_room = bytearray(b".."), bytearray(b"..")
        count, tcp_count = right.recv_into(room, 2, MSG_TRUNC), receiver.recv_into(tcp_room, 2, MSG_TRUNC)
        observe("tcp", [tcp_count, tcp_room.decode()])

        assert observe("unix", [count, room.decode()]) == [2, ".."]


@claim(
    "unix.7/SO_SNDBUF/effect",
    sentence="unix.7/SO_SNDBUF/effect",
    section="Sockets API",
    says="With a larger SO_SNDBUF more messages of 1000 bytes can be sent on a UNIX stream, datagram or "
    "seqpacket socket before one would wait for the peer to read.",
)
@TYPES
def test_more_fits_into_a_larger_send_buffer(ns, observe, type_):
    left, right = Socket.pair(type_)
    other_left, other_right = Socket.pair(type_)
    with left, right, other_left, other_right:
        left.sndbuf = 10_000
        other_left.sndbuf = 40_000
        small, large = observe(
            "sent", [len(send_until_full(left, 1000)), len(send_until_full(other_left, 1000))]
        )

        assert 0 < 2 * small < large


@claim(
    "unix.7/SO_RCVBUF/no-effect",
    sentence="unix.7/SO_RCVBUF/no-effect",
    section="Sockets API",
    says="With a smaller SO_RCVBUF as many messages of 1000 bytes can be sent to a UNIX stream, datagram or "
    "seqpacket socket, before one would wait for it to read, as with a larger one: more bytes than it has.",
)
@TYPES
def test_as_much_fits_with_a_small_receive_buffer(ns, observe, type_):
    left, right = Socket.pair(type_)
    other_left, other_right = Socket.pair(type_)
    with left, right, other_left, other_right:
        left.sndbuf = other_left.sndbuf = 40_000
        right.rcvbuf = 3_000
        other_right.rcvbuf = 60_000
        sent = [len(send_until_full(left, 1000)), len(send_until_full(other_left, 1000))]
        rcvbufs = [right.rcvbuf, other_right.rcvbuf]

        seen = [*rcvbufs, 1000 * sent[0] > 6_000, sent[1] - sent[0]]
        assert observe("rcvbufs_beyond_the_small_one_and_more", seen) == [6_000, 120_000, True, 0]


@claim(
    "unix.7/SO_SNDBUF/datagram-limit",
    sentence=("unix.7/SO_SNDBUF/limits-datagrams", "unix.7/SO_SNDBUF/datagram-limit"),
    section="Sockets API",
    says="The longest datagram of a UNIX datagram socket has as many bytes as SO_SNDBUF was set to, "
    "doubled, less 32; one more is refused.",
)
@pytest.mark.parametrize("size", [5_000, 20_000])
def test_a_datagram_has_no_more_than_the_send_buffer(ns, observe, size):
    left, right = Socket.pair(SOCK_DGRAM)
    with left, right:
        impatient(right)
        left.sndbuf = size
        with refused():
            left.send(bytes(2 * size - 31))
        left.send(bytes(2 * size - 32))

        assert observe("bytes_received", len(right.recv(1 << 17))) == 2 * size - 32
