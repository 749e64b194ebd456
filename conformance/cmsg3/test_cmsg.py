"""Control messages as structures: headers, sizes, padding, and how many bytes they are."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ANOTHER_USER
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages, optmem_max
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.raw_control import header, receive_control, send_control, words
from conformance.plugin.timing import SOON
from libsocket import Rights, Socket, Ttl, Ucred
from netns import Capability

KINDS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
SOL_SOCKET, SCM_RIGHTS, SCM_CREDENTIALS = 1, 1, 2
HEADER, UCRED, INT = 16, 12, 4
OTHER = 61031
"""A user that nothing here has."""
NO_LEVEL = 12345


def credentials(*, uid: int | None = None) -> bytes:
    """A struct ucred of this process, its user perhaps another."""
    numbers = os.getpid(), os.getuid() if uid is None else uid, os.getgid()
    return b"".join(number.to_bytes(4, sys.byteorder) for number in numbers)


@claim(
    "cmsg.3/DESCRIPTION/not-payload",
    sentence=("cmsg.3/DESCRIPTION/not-payload", "cmsg.3/DESCRIPTION/calls"),
    section="DESCRIPTION",
    says="Control messages are no part of the data: four bytes that are sent over a UNIX stream, datagram "
    "or seqpacket socket with descriptors count as four, and four are received.",
)
@KINDS
def test_control_messages_are_not_in_the_data(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        sent = left.send_message(b"data", Rights(0, 0, 0))
        with right.recv_message(100) as message:
            lengths = [len(one) for one in message.control if isinstance(one, Rights)]

            assert observe("sent_received_descriptors", [sent, message.data.decode(), lengths]) == [
                4,
                "data",
                [3],
            ]


@claim(
    "cmsg.3/DESCRIPTION/header-fields",
    sentence=("cmsg.3/DESCRIPTION/header-fields", "cmsg.3/EXAMPLES/ttl"),
    section="DESCRIPTION",
    says="A control message IP_TTL that is sent with a UDP datagram over IPv4 is the TTL of its header, and "
    "is received with IP_RECVTTL as a control message of level IPPROTO_IP and type IP_TTL.",
)
@pytest.mark.parametrize("ttl", [1, 77, 255])
def test_a_control_message_sets_a_header_field(ns, observe, ttl):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.ip_recvttl = True
        sender.send_message(b"x", Ttl(ttl))
        ((level, kind, data),) = receiver.recvmsg(9, 100)[1]

        assert observe("level_type_and_value", [level, kind, *words(data)]) == [
            socket.IPPROTO_IP,
            socket.IP_TTL,
            ttl,
        ]


@claim(
    "cmsg.3/cmsghdr/fields",
    sentence=("cmsg.3/cmsghdr/struct", "cmsg.3/cmsghdr/cmsg-len", "cmsg.3/CMSG_LEN/value"),
    section="DESCRIPTION",
    says="What is received from a UNIX stream socket as SCM_CREDENTIALS begins with a size_t, the bytes of "
    "header and data, 28, without padding, and the ints SOL_SOCKET and SCM_CREDENTIALS, and the data "
    "follows.",
)
def test_a_header_is_a_length_a_level_and_a_type(ns, observe):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        left.send(b"x")
        control = receive_control(right, 100).control
        data = control[HEADER : HEADER + UCRED]
        seen = [words(control[:8], 8), words(control[8:HEADER]), data == credentials()]

        assert observe("length_numbers_and_is_data", seen) == [
            [HEADER + UCRED],
            [SOL_SOCKET, SCM_CREDENTIALS],
            True,
        ]


@claim(
    "cmsg.3/DESCRIPTION/sequence",
    sentence=(
        "cmsg.3/DESCRIPTION/sequence",
        "cmsg.3/CMSG_SPACE/occupies",
        "cmsg.3/CMSG_NXTHDR/next",
        "cmsg.3/CMSG_ALIGN/alignment",
        "recv.2/msg_control/buffer",
        "recv.2/msg_controllen/value-result",
    ),
    section="DESCRIPTION",
    says="Control messages that are received from a UNIX stream, datagram or seqpacket socket follow each "
    "other: SCM_CREDENTIALS occupies 32 bytes, CMSG_SPACE of its 12, SCM_RIGHTS begins there, and "
    "msg_controllen is the sum, with CMSG_SPACE of one int 24.",
)
@KINDS
def test_the_next_begins_where_the_last_ends(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        left.send_message(b"x", Rights(0))
        control = receive_control(right, 100).control
        os.close(words(control[48:52])[0])
        headers = [[*words(control[at : at + 8], 8), *words(control[at + 8 : at + 16])] for at in (0, 32)]

        assert observe("headers_and_bytes", [headers, len(control)]) == [
            [[28, SOL_SOCKET, SCM_CREDENTIALS], [20, SOL_SOCKET, SCM_RIGHTS]],
            32 + 24,
        ]


@claim(
    "cmsg.3/DESCRIPTION/created",
    sentence=("cmsg.3/DESCRIPTION/create", "cmsg.3/DESCRIPTION/sum", "cmsg.3/CMSG_LEN/value"),
    section="DESCRIPTION",
    says="Two control messages of cmsg_len CMSG_LEN, the second CMSG_SPACE of the first behind it, in a "
    "msg_controllen of the sum of CMSG_SPACE, are both sent over a UNIX stream, datagram or seqpacket "
    "socket.",
)
@KINDS
@pytest.mark.parametrize("rights_first", [True, False])
def test_a_sequence_can_be_sent(ns, observe, kind, rights_first):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        rights = header(HEADER + INT, SOL_SOCKET, SCM_RIGHTS) + bytes(INT + 4)
        ucred = header(HEADER + UCRED, SOL_SOCKET, SCM_CREDENTIALS) + credentials() + bytes(4)
        sent = send_control(left, b"x", rights + ucred if rights_first else ucred + rights)
        right.passcred = True
        with right.recv_message(9) as message:
            seen = [type(one).__name__ for one in message.control]
            users = [list(one[1:]) for one in message.control if isinstance(one, Ucred)]

            assert observe("sent_received_and_ids", [sent, seen, users]) == [
                1,
                ["Ucred", "Rights"],
                [[os.getuid(), os.getgid()]],
            ]


@claim(
    "cmsg.3/CMSG_LEN/not-space",
    sentence="cmsg.3/CMSG_LEN/value",
    section="DESCRIPTION",
    says="The value of cmsg_len is CMSG_LEN and not CMSG_SPACE: SCM_CREDENTIALS with 28 is sent over a UNIX "
    "stream, datagram or seqpacket socket, and is refused with 32.",
    needs=[ANOTHER_USER, Capability.SETUID],
)
@KINDS
def test_the_length_has_no_padding(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        data = credentials(uid=OTHER) + bytes(4)
        with refused():
            send_control(left, b"x", header(HEADER + 16, SOL_SOCKET, SCM_CREDENTIALS) + data)
        send_control(left, b"y", header(HEADER + 12, SOL_SOCKET, SCM_CREDENTIALS) + data)

        assert observe("user", [one.uid for one in control_messages(right, Ucred)]) == [OTHER]


def no_level(size: int) -> bytes:
    """A control message of so many bytes with its header, of a level that there is not."""
    return header(size, NO_LEVEL, 1) + bytes(size - HEADER)


@claim(
    "cmsg.3/optmem_max/maximum",
    sentence="cmsg.3/DESCRIPTION/optmem-max",
    section="DESCRIPTION",
    says="Control messages longer than net.core.optmem_max cannot be sent over a UNIX stream, datagram or "
    "seqpacket socket; shorter ones can.",
)
@KINDS
def test_there_is_a_maximum(ns, observe, kind):
    largest = optmem_max(ns)
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        with refused():
            send_control(left, b"refused", no_level(largest + 1))
        send_control(left, b"taken", no_level(largest - 1))

        assert observe("received", right.recv(9).decode()) == "taken"
