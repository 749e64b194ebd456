"""recvmmsg(2): several messages by one call."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.files import pipe
from conformance.plugin.setups.mmsg import NOWHERE, UNTOUCHED, called_at, recvmmsg
from conformance.plugin.setups.pairs import (
    await_those_before,
    connected_udp_pair,
    udp_pair,
    unix_datagram_pair,
)
from conformance.plugin.setups.readiness import arrival, await_end, await_error, await_readable
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import SOON, timed
from libsocket import Batch, Linger, MessageFlag, Shutdown, Socket

DATAGRAMS = pytest.mark.parametrize("pair", [udp_pair, unix_datagram_pair], ids=["udp", "unix"])
DONTWAIT = socket.MSG_DONTWAIT
CLOSED = {"no-op: close*": "the two sockets that show that all has come may stay open"}


@claim(
    "recvmmsg.2/recvmmsg/several-messages",
    sentence=("recvmmsg.2/recvmmsg/several", "recvmmsg.2/recvmmsg/returns", "recvmmsg.2/recvmmsg/updated"),
    section="DESCRIPTION",
    says="One recvmmsg on a UDP or UNIX datagram socket receives the three datagrams that wait, each in "
    "its own element, and returns 3.",
    since="2.6.33",
)
@DATAGRAMS
def test_several_messages_are_received(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sent = [sender.send(data) for data in (b"one", b"three", b"")]
        got = recvmmsg(receiver, 3)

        assert observe("sent_and_received", [sent, got.number, got.lengths, got.data]) == [
            [3, 5, 0],
            3,
            [3, 5, 0],
            ["one", "three", ""],
        ]


@claim(
    "recvmmsg.2/recvmmsg/nonblocking",
    sentence=(
        "recvmmsg.2/recvmmsg/nonblocking",
        "recvmmsg.2/recvmmsg/count",
        "recvmmsg.2/flags/same",
        "recvmmsg.2/errors/recvmsg",
    ),
    section="DESCRIPTION",
    says="recvmmsg with MSG_DONTWAIT on a UDP or UNIX datagram socket takes the two datagrams that wait, "
    "though there are elements for three, leaves the third element as it was, and fails with EAGAIN when "
    "none wait.",
    since="2.6.33",
    survives=CLOSED,
)
@DATAGRAMS
def test_a_nonblocking_call_takes_what_is_there(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.send(b"one")
        sender.send(b"three")
        await_those_before(pair)
        got = recvmmsg(receiver, 3, flags=DONTWAIT)
        with refused(errno.EAGAIN):
            recvmmsg(receiver, 3, flags=DONTWAIT)

        assert observe("count_and_lengths", [got.number, got.lengths]) == [2, [3, 5, UNTOUCHED]]


@claim(
    "recvmmsg.2/recvmmsg/up-to-n",
    sentence="recvmmsg.2/recvmmsg/nonblocking",
    section="DESCRIPTION",
    says="recvmmsg with MSG_DONTWAIT on a UDP or UNIX datagram socket takes no more datagrams than it has "
    "elements for: one or two of the three that wait, and the rest by the next call.",
    since="2.6.33",
    survives=CLOSED,
)
@DATAGRAMS
@pytest.mark.parametrize(("first", "rest"), [(["a"], ["b", "c"]), (["a", "b"], ["c"])])
def test_no_more_are_taken_than_asked_for(ns, observe, pair, first, rest):
    sender, receiver = pair()
    with sender, receiver:
        sent = [sender.send(data) for data in (b"a", b"b", b"c")]
        await_those_before(pair)
        got = recvmmsg(receiver, len(first), flags=DONTWAIT)
        then = recvmmsg(receiver, 3, flags=DONTWAIT)

        assert observe("sent_first_rest", [len(sent), got.data, then.data[: then.number]]) == [3, first, rest]


@claim(
    "recvmmsg.2/msg_len/as-recvmsg-returns",
    sentence=("recvmmsg.2/msg_len/bytes", "recvmmsg.2/msg_len/same-as-recvmsg", "recvmmsg.2/flags/same"),
    section="DESCRIPTION",
    says="Of UDP datagrams that are longer than the buffers msg_len is, as what recv returns, the bytes "
    "that fit, and with MSG_TRUNC the bytes that were sent.",
    since="2.6.33",
)
@pytest.mark.parametrize(("flags", "length"), [(0, 4), (socket.MSG_TRUNC, 9)], ids=["plain", "MSG_TRUNC"])
def test_the_length_is_what_recv_returns(ns, observe, flags, length):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sent = [sender.send(b"ninebytes") for _ in range(3)]
        got = recvmmsg(receiver, 2, size=4, flags=flags)
        room = bytearray(4)

        assert observe("lengths", [sent, got.lengths, receiver.recv_into(room, 0, flags)]) == [
            [9, 9, 9],
            [length, length],
            length,
        ]


@claim(
    "recvmmsg.2/msg_hdr/updated",
    sentence="recvmmsg.2/recvmmsg/subfields",
    section="DESCRIPTION",
    says="recvmmsg on a UDP socket tells of each datagram by itself who sent it, and in msg_flags whether "
    "it was cut: of two from two senders the second, which is longer than the buffer, has MSG_TRUNC.",
    since="2.6.33",
)
def test_each_header_is_updated(ns, observe):
    with Socket.udp() as one, Socket.udp() as other, Socket.udp() as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.rcvtimeo = SOON
        one.connect(receiver.getsockname())
        other.connect(receiver.getsockname())
        one.send(b"four")
        other.send(b"ninebytes")
        got = receiver.recv_messages(Batch(2, 4), flags=0)
        senders = [
            message.address == sender.getsockname() for message, sender in zip(got, (one, other), strict=True)
        ]

        assert observe("data_flags_senders", [[(one.data.decode(), one.flags) for one in got], senders]) == [
            [("four", 0), ("nine", MessageFlag.TRUNC)],
            [True, True],
        ]


@claim(
    "recvmmsg.2/MSG_WAITFORONE/first-only",
    sentence="recvmmsg.2/MSG_WAITFORONE/dontwait",
    section="DESCRIPTION",
    says="With MSG_WAITFORONE recvmmsg on a blocking UDP or UNIX datagram socket waits for the first "
    "datagram, and returns with it though there are elements for two.",
    since="2.6.34",
)
@DATAGRAMS
def test_it_waits_for_the_first_only(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        with timed() as took, delayed(lambda: sender.send(b"one")):
            got = recvmmsg(receiver, 2, flags=MessageFlag.WAITFORONE)

        assert observe("waited_and_lengths", [took.lasted(0.1), got.lengths]) == [True, [3, UNTOUCHED]]


@claim(
    "recvmmsg.2/recvmmsg/blocks-until-n",
    sentence=("recvmmsg.2/recvmmsg/blocks", "recvmmsg.2/timeout/null"),
    section="DESCRIPTION",
    says="Without a timeout recvmmsg on a blocking UDP or UNIX datagram socket waits until it has as many "
    "datagrams as there are elements, also when one of two is there.",
    since="2.6.33",
)
@DATAGRAMS
def test_it_waits_for_all(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"one")
        with timed() as took, delayed(lambda: sender.send(b"three")):
            got = recvmmsg(receiver, 2)

        assert observe("waited_and_lengths", [took.lasted(0.1), got.lengths]) == [True, [3, 5]]


@claim(
    "recvmmsg.2/timeout/ends-the-wait",
    sentence=(
        "recvmmsg.2/timeout/limit",
        "recvmmsg.2/recvmmsg/blocks",
        "recvmmsg.2/recvmmsg/timeout-extension",
    ),
    section="DESCRIPTION",
    says="recvmmsg on a blocking UDP or UNIX datagram socket with a timeout of 50 ms returns the one "
    "datagram that is there, of two that there are elements for, when the timeout has passed.",
    since="2.6.33",
    expect=differs(
        "it waits for another datagram and receives that too: the timeout is only looked at after one",
        since="2.6.33",
        commit="a2e2725541fa",
        observed={"waited": True, "lengths": [3, 5]},
    ),
)
@DATAGRAMS
def test_the_timeout_ends_the_wait(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"one")
        with timed() as took, delayed(lambda: sender.send(b"three"), 0.3):
            got = recvmmsg(receiver, 2, timeout=(0, 50_000_000))
        observe("waited", took.lasted(0.3))

        assert observe("lengths", got.lengths) == [3, UNTOUCHED]


@claim(
    "recvmmsg.2/timeout/blocks-on",
    sentence=("recvmmsg.2/timeout/blocks-for-ever", "recvmmsg.2/timeout/checked-after-each"),
    section="BUGS",
    says="recvmmsg on a blocking UDP or UNIX datagram socket with a timeout of 50 ms and elements for "
    "three waits on when one datagram is there and the timeout has passed; it returns with the next one.",
    since="2.6.33",
)
@DATAGRAMS
def test_the_timeout_is_seen_after_a_datagram(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"one")
        with timed() as took, delayed(lambda: sender.send(b"three"), 0.3):
            got = recvmmsg(receiver, 3, timeout=(0, 50_000_000))

        assert observe("waited_and_lengths", [took.lasted(0.3), got.lengths]) == [True, [3, 5, UNTOUCHED]]


@claim(
    "recvmmsg.2/EINVAL/invalid-timeout",
    sentence="recvmmsg.2/EINVAL/timeout",
    section="ERRORS",
    says="recvmmsg on a UDP socket with a timeout of less than 0 seconds, less than 0 nanoseconds or "
    "1,000,000,000 nanoseconds fails with EINVAL; 999,999,999 nanoseconds are valid.",
    since="2.6.33",
)
@pytest.mark.parametrize("timeout", [(-1, 0), (0, -1), (0, 1_000_000_000)])
def test_the_timeout_must_be_valid(ns, observe, timeout):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"one")
        with refused(errno.EINVAL):
            recvmmsg(receiver, 1, timeout=timeout)

        assert observe("with_valid", recvmmsg(receiver, 1, timeout=(0, 999_999_999)).data) == ["one"]


@claim(
    "recvmmsg.2/errors/after-some-received",
    sentence=("recvmmsg.2/errors/after-some", "recvmmsg.2/errors/next-call"),
    section="BUGS",
    says="Where the buffer of the second element is no memory, recvmmsg on a UDP socket for which three "
    "datagrams wait returns 1, and the next recvmmsg fails with EFAULT, though its buffers are good.",
    since="2.6.33",
)
def test_an_error_after_the_first_comes_next(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sent = [sender.send(data) for data in (b"a", b"b", b"c")]
        first = recvmmsg(receiver, 3, bad=1)
        with refused(errno.EFAULT):
            recvmmsg(receiver, 3)
        last = recvmmsg(receiver, 1)

        assert observe("sent_first_last", [len(sent), first.number, first.data, last.data]) == [
            3,
            1,
            ["a", "", ""],
            ["c"],
        ]


@claim(
    "recvmmsg.2/errors/overwritten",
    sentence="recvmmsg.2/errors/overwritten",
    section="BUGS",
    says="The error that recvmmsg left for the next call on a TCP socket, EFAULT, is overwritten when the "
    "peer resets the connection: the next recvmmsg fails with ECONNRESET.",
    since="2.6.33",
)
def test_an_error_is_overwritten(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"abc")
        await_readable(receiver)
        first = recvmmsg(receiver, 2, size=1, bad=1)
        with arrival(receiver):  # the first error is there to be waited for already
            reset(sender)
        with refused(errno.ECONNRESET):
            recvmmsg(receiver, 1)

        assert observe("first", [first.number, first.lengths]) == [1, [1, UNTOUCHED]]


@claim(
    "defacto/recvmmsg/error-is-so-error",
    says="An error that ends recvmmsg on a UDP socket after a message was received is in SO_ERROR: EFAULT, "
    "which poll reports as POLLERR.",
    since="2.6.33",
    commit="a2e2725541fa",
)
def test_the_error_is_in_so_error(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sent = [sender.send(data) for data in (b"a", b"b")]
        first = recvmmsg(receiver, 2, bad=1)
        await_error(receiver)

        assert observe("sent_first_errors", [len(sent), first.filled, receiver.error, receiver.error]) == [
            2,
            [1],
            errno.EFAULT,
            0,
        ]


@claim(
    "defacto/recvmmsg/error-hits-a-send",
    says="An error that ends recvmmsg on a connected UDP socket after a message was received, EFAULT, is "
    "that of the next send, which sends nothing.",
    since="2.6.33",
    commit="a2e2725541fa",
)
def test_the_error_hits_a_send(ns, observe):
    sender, receiver = connected_udp_pair()
    with sender, receiver:
        sender.rcvtimeo = receiver.rcvtimeo = SOON
        sent = [sender.send(data) for data in (b"a", b"b")]
        first = recvmmsg(receiver, 2, bad=1)
        with refused(errno.EFAULT):
            receiver.send(b"lost")
        receiver.send(b"sent")

        assert observe("sent_first_answer", [len(sent), first.filled, sender.recv(9).decode()]) == [
            2,
            [1],
            "sent",
        ]


@claim(
    "defacto/recvmmsg/datagram-lost",
    says="The UDP datagram whose element has no memory is lost: the next receive gives the one after it.",
    since="2.6.33",
    commit="a2e2725541fa",
)
def test_a_datagram_without_memory_is_lost(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sent = [sender.send(data) for data in (b"a", b"b", b"c")]
        first = recvmmsg(receiver, 2, bad=1)
        error = receiver.error

        assert observe("sent_first_next", [len(sent), first.filled, error, recvmmsg(receiver, 1).data]) == [
            3,
            [1],
            errno.EFAULT,
            ["c"],
        ]


@claim(
    "defacto/recvmmsg/zero-timeout",
    says="With a timeout of 0 recvmmsg on a blocking UDP or UNIX datagram socket returns one datagram of "
    "the three that wait.",
    since="2.6.33",
    commit="a2e2725541fa",
)
@DATAGRAMS
def test_a_timeout_of_zero_gives_one(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sent = [sender.send(data) for data in (b"a", b"b", b"c")]
        first = recvmmsg(receiver, 3, timeout=(0, 0))
        rest = recvmmsg(receiver, 2)

        assert observe("sent_first_rest", [len(sent), first.filled, rest.data]) == [3, [1], ["b", "c"]]


@claim(
    "defacto/recvmmsg/zero-timeout-waits",
    says="With a timeout of 0 recvmmsg on a blocking UDP or UNIX datagram socket waits for the first "
    "datagram all the same.",
    since="2.6.33",
    commit="a2e2725541fa",
)
@DATAGRAMS
def test_a_timeout_of_zero_waits(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        with timed() as took, delayed(lambda: sender.send(b"one")):
            got = recvmmsg(receiver, 2, timeout=(0, 0))

        assert observe("waited_and_lengths", [took.lasted(0.1), got.filled]) == [True, [3]]


@claim(
    "defacto/recvmmsg/timeout-updated",
    says="When recvmmsg on a UDP socket has received, the timeout in memory is what is left of it: of 1000 "
    "seconds less than that, and more than 900.",
    since="2.6.33",
    commit="a2e2725541fa",
)
def test_the_timeout_is_updated(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"one")
        left = recvmmsg(receiver, 1, timeout=(1000, 0)).left

        assert observe("less_and_not_much_less", [left < (1000, 0), left > (900, 0)]) == [True, True]


@claim(
    "defacto/recvmmsg/peek",
    says="With MSG_PEEK every element of recvmmsg on a UDP or UNIX datagram socket is given the first "
    "datagram.",
    since="2.6.33",
    commit="a2e2725541fa",
)
@DATAGRAMS
def test_a_peek_gives_the_first_again_and_again(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sent = [sender.send(data) for data in (b"a", b"b")]
        peeked = recvmmsg(receiver, 3, flags=socket.MSG_PEEK)
        taken = recvmmsg(receiver, 2)

        assert observe("sent_peeked_taken", [len(sent), peeked.data, taken.data]) == [
            2,
            ["a", "a", "a"],
            ["a", "b"],
        ]


@claim(
    "defacto/recvmmsg/no-cap",
    says="recvmmsg takes more than UIO_MAXIOV (1024) messages, which sendmmsg does not: 1025 elements of "
    "one byte each are filled from a TCP or UNIX stream socket.",
    since="2.6.33",
    commit="a2e2725541fa",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair], ids=["tcp", "unix"])
@pytest.mark.parametrize("count", [1024, 1025])
def test_it_takes_more_than_1024_messages(ns, observe, pair, count):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.sendall(bytes(1100))
        got = recvmmsg(receiver, count, size=1)

        assert observe("count_and_bytes", [got.number, sum(got.lengths)]) == [count, count]


@claim(
    "defacto/recvmmsg/no-elements",
    says="recvmmsg with no elements on a blocking UDP socket returns 0 at once, and leaves the datagram "
    "that waits.",
    since="2.6.33",
    commit="a2e2725541fa",
)
def test_no_elements_receive_nothing(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"one")
        none = recvmmsg(receiver, 0)

        assert observe("none_and_one", [none.number, recvmmsg(receiver, 1).data]) == [0, ["one"]]


@claim(
    "defacto/recvmmsg/end-of-stream",
    says="At the end of a TCP or UNIX stream recvmmsg fills all elements that are left with 0 bytes: of "
    "three the first is given the data, and 3 is returned.",
    since="2.6.33",
    commit="a2e2725541fa",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair], ids=["tcp", "unix"])
def test_the_end_of_a_stream_fills_the_rest(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"last")
        sender.shutdown(Shutdown.WRITE)
        await_end(receiver)
        got = recvmmsg(receiver, 3)

        assert observe("count_and_lengths", [got.number, got.lengths]) == [3, [4, 0, 0]]


@claim(
    "defacto/recvmmsg/error-before-data",
    says="recvmmsg on a TCP socket that its peer has reset fails with ECONNRESET first, and then gives the "
    "data that wait, where recv gives the data first.",
    since="2.6.33",
    commit="a2e2725541fa",
)
def test_a_pending_error_comes_before_data(ns, observe):
    ends = [Socket.tcp_pair() for _ in range(2)]
    with ends[0][0], ends[0][1] as one, ends[1][0], ends[1][1] as other:
        sent = [sender.send(b"data") for sender, _ in ends]
        await_readable(one)
        await_readable(other)
        reset(ends[0][0])
        reset(ends[1][0])
        await_error(one)
        await_error(other)
        by_recv = one.recv(9).decode()
        with refused(errno.ECONNRESET):
            recvmmsg(other, 1)

        assert observe("received", [sent, by_recv, recvmmsg(other, 1).data]) == [[4, 4], "data", ["data"]]


def reset(sock: Socket) -> None:
    """Close a connection by a reset."""
    sock.linger = Linger(True, 0)
    sock.close()


@claim(
    "recvmmsg.2/EBADF/not-open",
    sentence="recvmmsg.2/errors/recvmsg",
    section="ERRORS",
    says="recvmmsg of a descriptor that is not open, or negative, fails with EBADF, also for no message at "
    "all.",
    since="2.6.33",
)
@pytest.mark.parametrize("number", [-1, 1000])
@pytest.mark.parametrize("count", [0, 1])
def test_what_is_not_open(ns, observe, number, count):
    writer, reader = unix_datagram_pair()
    with writer, reader:
        writer.send(b"x")
        with refused(errno.EBADF):
            called_at("recvmmsg", number, count=count)

        assert observe("of_a_socket", called_at("recvmmsg", reader.fileno())) == 1


@claim(
    "recvmmsg.2/ENOTSOCK/pipe",
    sentence="recvmmsg.2/errors/recvmsg",
    section="ERRORS",
    says="recvmmsg of either end of a pipe fails with ENOTSOCK.",
    since="2.6.33",
)
@pytest.mark.parametrize("end", [0, 1])
def test_what_is_no_socket(ns, observe, end):
    writer, reader = unix_datagram_pair()
    with writer, reader, pipe(b"x") as ends:
        writer.send(b"x")
        with refused(errno.ENOTSOCK):
            called_at("recvmmsg", ends[end].fileno())

        assert observe("of_a_socket", called_at("recvmmsg", reader.fileno())) == 1


@claim(
    "recvmmsg.2/EFAULT/messages-nowhere",
    sentence="recvmmsg.2/errors/recvmsg",
    section="ERRORS",
    says="recvmmsg on a UDP or UNIX datagram socket fails with EFAULT where there is no memory for its "
    "messages, and what waits stays; of no messages there it returns 0.",
    since="2.6.33",
)
@DATAGRAMS
def test_messages_where_there_is_no_memory(ns, observe, pair):
    writer, reader = pair()
    with writer, reader:
        reader.rcvtimeo = SOON
        writer.send(b"first")
        await_readable(reader)
        with refused(errno.EFAULT):
            called_at("recvmmsg", reader.fileno(), at=NOWHERE)
        none = called_at("recvmmsg", reader.fileno(), count=0, at=NOWHERE)

        assert observe("of_none_and_then", [none, reader.recv(9).decode()]) == [0, "first"]


@claim(
    "defacto/recvmmsg/timeout-nowhere",
    says="recvmmsg(2) of a UDP or UNIX datagram socket fails with EFAULT where there is no memory at its "
    "timeout, and what waits stays.",
    since="2.6.33",
    commit="a2e2725541fa",
)
@DATAGRAMS
def test_a_timeout_where_there_is_no_memory(ns, observe, pair):
    writer, reader = pair()
    with writer, reader:
        reader.rcvtimeo = SOON
        writer.send(b"first")
        await_readable(reader)
        with refused(errno.EFAULT):
            called_at("recvmmsg", reader.fileno(), timeout_at=NOWHERE)

        assert observe("then", reader.recv(9).decode()) == "first"


@claim(
    "defacto/recvmmsg/rcvtimeo-ends-first",
    says="recvmmsg(2) of a UDP or UNIX datagram socket with elements for two, one of which waits, returns "
    "that one once SO_RCVTIMEO, 50 ms, has passed, also where its own timeout is 30 seconds.",
    since="2.6.33",
    commit="a2e2725541fa",
)
@DATAGRAMS
def test_the_receive_timeout_ends_it_first(ns, observe, pair):
    writer, reader = pair()
    with writer, reader:
        reader.rcvtimeo = 0.05
        writer.send(b"first")
        await_readable(reader)
        with timed() as took:
            got = recvmmsg(reader, 2, timeout=(30, 0))

        assert observe("waited_and_got", [took.lasted(0.05), got.number]) == [True, 1]


@claim(
    "defacto/recvmmsg/icmp-error",
    says="recvmmsg(2) of a connected UDP socket, over IPv4 and IPv6, which was told that its peer's port "
    "is closed fails with ECONNREFUSED, though a datagram waits that came before; the next gives that, and "
    "SO_ERROR is 0.",
    since="2.6.33",
    commit="a2e2725541fa",
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_error_comes_before_messages(ns, observe, host):
    peer, sock = udp_pair(host)
    with sock, peer:
        sock.connect(peer.getsockname())
        peer.send(b"before")
        await_readable(sock)
        peer.close()
        sock.send(b"in vain")
        await_error(sock)
        with refused(errno.ECONNREFUSED):
            recvmmsg(sock, 2, flags=DONTWAIT)
        got = recvmmsg(sock, 2, flags=DONTWAIT)

        assert observe("then_and_so_error", [got.data[: got.number], sock.error]) == [["before"], 0]
