"""MSG_OOB on UNIX sockets: what is refused, and what becomes of the byte."""

from __future__ import annotations

import errno
from socket import MSG_DONTWAIT, MSG_OOB, SOCK_DGRAM, SOCK_SEQPACKET

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ioctls import REQUESTS, asked
from conformance.plugin.setups.pairs import fill_buffer
from conformance.plugin.setups.unix_messages import data_nowhere, impatient
from libsocket import Rights, Socket


@claim(
    "defacto/AF_UNIX/oob-nothing",
    says="Sending no byte with MSG_OOB on a UNIX stream socket fails with EOPNOTSUPP; without the flag it "
    "succeeds, and with it one byte is sent.",
    since="5.15",
    commit="314001f0bf92",
    survives={'no-op: sendto("", 0, 0, 0) = 0': "nothing is what it does"},
)
def test_no_byte_cannot_be_urgent(ns, observe):
    left, right = Socket.pair()
    with left, right:
        impatient(right)
        with refused(errno.EOPNOTSUPP):
            left.send(b"", MSG_OOB)
        sent = [left.send(b""), left.send(b"X", MSG_OOB)]

        assert observe("sent_and_received", [sent, right.recv(9, MSG_OOB).decode()]) == [[0, 1], "X"]


@claim(
    "defacto/AF_UNIX/oob-full",
    says="Sending a byte with MSG_OOB and MSG_DONTWAIT on a UNIX stream socket that has no room fails with "
    "EAGAIN, and nothing is urgent; with room it is sent.",
    since="5.15",
    commit="314001f0bf92",
)
def test_an_urgent_byte_needs_room(ns, observe):
    left, right = Socket.pair()
    with left, right:
        impatient(right)
        left.send(b"X", MSG_OOB)
        urgent = [right.recv(9, MSG_OOB).decode()]
        queued = fill_buffer(left)
        with refused(errno.EAGAIN):
            left.send(b"Y", MSG_OOB | MSG_DONTWAIT)
        with refused(errno.EINVAL, "errno_received"):
            right.recv(9, MSG_OOB)
        received = len(right.recv(queued + 1))
        left.send(b"Z", MSG_OOB | MSG_DONTWAIT)

        found = [[*urgent, right.recv(9, MSG_OOB).decode()], received > 0]
        assert observe("urgent_and_received", found) == [["X", "Z"], True]


@claim(
    "defacto/SO_PASSRIGHTS/off-urgent",
    says="While SO_PASSRIGHTS of a UNIX stream socket is off, sending it descriptors with a byte that is "
    "urgent, by MSG_OOB, is refused with EPERM; the byte alone can be sent.",
    since="6.16",
    commit="77cbe1a6d873",
)
def test_descriptors_can_be_refused_with_an_urgent_byte(ns, observe):
    left, right = Socket.pair()
    with left, right:
        impatient(right)
        right.passrights = False
        with refused(errno.EPERM):
            left.send_message(b"X", Rights(0), flags=MSG_OOB)
        left.send(b"Y", MSG_OOB)

        assert observe("urgent", right.recv(9, MSG_OOB).decode()) == "Y"


@claim(
    "defacto/AF_UNIX/oob-nowhere",
    says="Receiving with MSG_OOB from a UNIX stream socket to where there is no memory fails with EFAULT, "
    "and the byte is lost: the next such receive fails with EINVAL, until another byte is sent with MSG_OOB.",
    since="5.15",
    commit="314001f0bf92",
)
def test_an_urgent_byte_needs_memory(ns, observe):
    left, right = Socket.pair()
    with left, right:
        impatient(right)
        left.send(b"X", MSG_OOB)
        with refused(errno.EFAULT):
            data_nowhere("recv", right, MSG_OOB)
        with refused(errno.EINVAL, "errno_again"):
            right.recv(9, MSG_OOB)
        left.send(b"Y", MSG_OOB)

        assert observe("urgent", right.recv(9, MSG_OOB).decode()) == "Y"


@claim(
    "defacto/SIOCATMARK/unix-streams-only",
    says="SIOCATMARK of a UNIX datagram or seqpacket socket, with data or without, is refused with "
    "EOPNOTSUPP; of a stream socket it gives 0.",
    since="7.1",
    backports=("5.15.211", "6.1.177", "6.6.144", "6.12.88", "6.18.30", "7.0.7"),
    commit="d119775f2bad",
)
@pytest.mark.parametrize("kind", [SOCK_DGRAM, SOCK_SEQPACKET], ids=["dgram", "seqpacket"])
def test_only_a_stream_has_a_mark(ns, observe, kind):
    left, right = Socket.pair(kind)
    stream, peer = Socket.pair()
    with left, right, stream, peer:
        with refused(errno.EOPNOTSUPP, "errno_empty"):
            asked(right, REQUESTS["SIOCATMARK"])
        left.send(b"data")
        with refused(errno.EOPNOTSUPP, "errno_with_data"):
            asked(right, REQUESTS["SIOCATMARK"])

        found = [right.recv(9).decode(), asked(stream, REQUESTS["SIOCATMARK"])]
        assert observe("data_and_mark_of_stream", found) == ["data", 0]
