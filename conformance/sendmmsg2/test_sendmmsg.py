"""sendmmsg(2): several messages by one call."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.mmsg import UNTOUCHED, recvmmsg, sendmmsg
from conformance.plugin.setups.pairs import udp_pair, unix_datagram_pair
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import SOON, timed
from libsocket import Socket

DATAGRAMS = pytest.mark.parametrize("pair", [udp_pair, unix_datagram_pair], ids=["udp", "unix"])
STREAMS = pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair], ids=["tcp", "unix"])
TOO_LONG = bytes(70_000)


@claim(
    "sendmmsg.2/sendmmsg/several-messages",
    sentence=(
        "sendmmsg.2/sendmmsg/several",
        "sendmmsg.2/sendmmsg/updated",
        "sendmmsg.2/sendmmsg/count",
        "sendmmsg.2/sendmmsg/returns",
        "sendmmsg.2/msg_len/bytes",
    ),
    section="DESCRIPTION",
    says="One sendmmsg on a connected UDP or UNIX datagram socket sends each of its messages as a "
    "datagram, one of two pieces too, sets each msg_len to its bytes, and returns their number.",
    since="3.0",
)
@DATAGRAMS
def test_several_messages_are_sent(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sent = sendmmsg(sender, [[b"one", b"two"], [b"three"], [b""]])
        got = recvmmsg(receiver, 3)

        assert observe("sent_and_received", [sent.number, sent.lengths, got.data, got.lengths]) == [
            3,
            [6, 5, 0],
            ["onetwo", "three", ""],
            [6, 5, 0],
        ]


@claim(
    "sendmmsg.2/msg_hdr/addresses",
    sentence="sendmmsg.2/msg_hdr/msghdr",
    section="DESCRIPTION",
    says="Each message of a sendmmsg on a UDP socket goes to its own address: of three two to one "
    "receiver and one to another.",
    since="3.0",
)
def test_each_message_has_its_address(ns, observe):
    with Socket.udp() as sender, Socket.udp() as one, Socket.udp() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        one.rcvtimeo = other.rcvtimeo = SOON
        ports = [receiver.getsockname()[1] for receiver in (one, other, one)]
        sent = sendmmsg(sender, [[b"a"], [b"b"], [b"c"]], ports=ports)
        got = [recvmmsg(one, 2).data, recvmmsg(other, 1).data]

        assert observe("sent_and_received", [sent.number, got]) == [3, [["a", "c"], ["b"]]]


@claim(
    "sendmmsg.2/sendmmsg/blocks-until-n",
    sentence="sendmmsg.2/sendmmsg/blocks",
    section="DESCRIPTION",
    says="sendmmsg on a blocking TCP or UNIX stream socket waits until all of its messages are sent, also "
    "when the first of two fills the send buffer.",
    since="3.0",
)
@STREAMS
def test_it_waits_until_all_are_sent(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.sndtimeo = receiver.rcvtimeo = SOON
        with timed() as took, delayed(lambda: receiver.read_exact(16_000_005)):
            sent = sendmmsg(sender, [[bytes(16_000_000)], [b"three"]])

        assert observe("waited_and_lengths", [took.lasted(0.1), sent.lengths]) == [True, [16_000_000, 5]]


@claim(
    "sendmmsg.2/sendmmsg/nonblocking",
    sentence=(
        "sendmmsg.2/sendmmsg/nonblocking",
        "sendmmsg.2/sendmmsg/returns",
        "sendmmsg.2/flags/same",
        "sendmmsg.2/errors/sendmsg",
    ),
    section="DESCRIPTION",
    says="sendmmsg with MSG_DONTWAIT on a UNIX datagram socket that is connected to one whose queue has "
    "room for three (net.unix.max_dgram_qlen 2) sends three of five messages and returns 3; another sends "
    "none and fails with EAGAIN, and the rest can be sent when the first are read.",
    since="3.0",
)
def test_a_nonblocking_call_sends_what_it_can(ns, observe):
    ns.sysctl["net.unix.max_dgram_qlen"] = "2"
    with Socket.unix(socket.SOCK_DGRAM) as receiver, Socket.unix(socket.SOCK_DGRAM) as sender:
        receiver.rcvtimeo = SOON
        receiver.bind("")
        sender.connect(receiver.getsockname())
        messages = [[b"a"], [b"b"], [b"c"], [b"d"], [b"e"]]
        first = sendmmsg(sender, messages, flags=socket.MSG_DONTWAIT)
        with refused(errno.EAGAIN):
            sendmmsg(sender, messages[3:], flags=socket.MSG_DONTWAIT)
        read = recvmmsg(receiver, 3).data
        rest = sendmmsg(sender, messages[3:], flags=socket.MSG_DONTWAIT)

        assert observe("first_and_rest", [first.lengths, read, rest.lengths, recvmmsg(receiver, 2).data]) == [
            [1, 1, 1, UNTOUCHED, UNTOUCHED],
            ["a", "b", "c"],
            [1, 1],
            ["d", "e"],
        ]


@claim(
    "sendmmsg.2/errors/none-sent",
    sentence=("sendmmsg.2/errors/none-sent", "sendmmsg.2/errors/sendmsg", "sendmmsg.2/sendmmsg/failure"),
    section="ERRORS",
    says="sendmmsg on a UDP socket whose first message is too long fails with EMSGSIZE and does not send "
    "the second.",
    since="3.0",
)
def test_an_error_of_the_first_message_is_returned(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        with refused(errno.EMSGSIZE):
            sendmmsg(sender, [[TOO_LONG], [b"second"]])
        sender.send(b"later")

        assert observe("received", receiver.recv(9).decode()) == "later"


@claim(
    "sendmmsg.2/errors/after-some-sent",
    sentence=("sendmmsg.2/errors/after-some", "sendmmsg.2/sendmmsg/returns", "sendmmsg.2/errors/none-sent"),
    section="BUGS",
    says="sendmmsg on a UDP socket whose second message of three is too long sends the first, returns 1, "
    "and does not send the third.",
    since="3.0",
)
def test_an_error_of_the_second_message_is_not(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sent = sendmmsg(sender, [[b"first"], [TOO_LONG], [b"third"]])
        sender.send(b"later")
        received = [receiver.recv(9).decode(), receiver.recv(9).decode()]

        assert observe("sent_and_received", [sent.number, sent.lengths, received]) == [
            1,
            [5, UNTOUCHED, UNTOUCHED],
            ["first", "later"],
        ]


@claim(
    "sendmmsg.2/errors/lost",
    sentence=("sendmmsg.2/errors/lost", "sendmmsg.2/errors/retry"),
    section="BUGS",
    says="The error of a UDP message after the first of a sendmmsg is lost: SO_ERROR is 0 and the next "
    "send succeeds; sendmmsg from the message that failed on meets it, EMSGSIZE, again.",
    since="3.0",
)
def test_the_error_is_lost(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sent = sendmmsg(sender, [[b"first"], [TOO_LONG]])
        error = sender.error
        sender.send(b"later")
        with refused(errno.EMSGSIZE):
            sendmmsg(sender, [[TOO_LONG]])
        received = recvmmsg(receiver, 2).data

        assert observe("sent_error_received", [sent.number, error, received]) == [1, 0, ["first", "later"]]


@claim(
    "sendmmsg.2/n/capped",
    sentence="sendmmsg.2/n/capped",
    section="NOTES",
    says="Of 1025 messages on a UDP socket sendmmsg sends UIO_MAXIOV, 1024, as it does of 1024, and "
    "leaves the last; of 1023 it sends all.",
    since="3.1",
)
@pytest.mark.parametrize(("count", "sent"), [(1023, 1023), (1024, 1024), (1025, 1024)])
def test_at_most_1024_are_sent(ns, observe, count, sent):
    sender, receiver = udp_pair()
    with sender, receiver:
        found = sendmmsg(sender, [[b"x"]] * count)

        assert observe("count_and_untouched", [found.number, found.lengths.count(UNTOUCHED)]) == [
            sent,
            count - sent,
        ]


@claim(
    "defacto/sendmmsg/partial-message",
    says="A message that a non-blocking TCP or UNIX stream socket takes a part of only is the last that "
    "sendmmsg sends: it counts as sent, its msg_len is the part, and the next element is left as it was.",
    since="4.9",
    commit="3023898b7d4a",
)
@STREAMS
def test_a_part_of_a_message_is_the_last(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sent = sendmmsg(sender, [[b"whole"], [bytes(50_000_000)], [b"never"]], flags=socket.MSG_DONTWAIT)
        first, part, rest = sent.lengths

        assert observe("count_first_part_rest", [sent.number, first, 0 < part < 50_000_000, rest]) == [
            2,
            5,
            True,
            UNTOUCHED,
        ]


@claim(
    "defacto/sendmmsg/bad-vector",
    says="Where the vectors of the second message of three are no memory, sendmmsg on a UDP socket "
    "returns 1 and leaves no error; where those of the first are not it fails with EFAULT.",
    since="3.1",
    commit="728ffb86f108",
)
def test_memory_that_is_not_there(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sent = sendmmsg(sender, [[b"first"], [b"second"], [b"third"]], bad=1)
        error = sender.error
        with refused(errno.EFAULT):
            sendmmsg(sender, [[b"first"], [b"second"]], bad=0)
        sender.send(b"later")
        received = [receiver.recv(9).decode(), receiver.recv(9).decode()]

        assert observe("sent_error_received", [sent.number, error, received]) == [1, 0, ["first", "later"]]


@claim(
    "defacto/sendmmsg/no-messages",
    says="sendmmsg of no messages returns 0 on a UDP socket without a peer, on which one of a message "
    "fails with EDESTADDRREQ.",
    since="3.0",
    commit="228e548e6020",
)
def test_no_messages_need_no_address(ns, observe):
    with Socket.udp() as sock, Socket.udp() as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.rcvtimeo = SOON
        none = sendmmsg(sock, [])
        with refused(errno.EDESTADDRREQ):
            sendmmsg(sock, [[b"x"]])
        sock.connect(receiver.getsockname())
        one = sendmmsg(sock, [[b"x"]])

        assert observe("none_one_received", [none.number, one.number, receiver.recv(9).decode()]) == [
            0,
            1,
            "x",
        ]
