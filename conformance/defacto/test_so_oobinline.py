"""SO_OOBINLINE where documents are silent."""

from __future__ import annotations

import errno
import socket

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.urgent import await_urgent, send_with_urgent_byte
from conformance.plugin.timing import SOON
from libsocket import Socket


@claim(
    "defacto/SO_OOBINLINE/msg-oob-refused",
    sentence=("recv.2/MSG_OOB/expedited",),
    says="With SO_OOBINLINE on a TCP socket receiving with MSG_OOB is refused with EINVAL, though urgent "
    "data has come that MSG_OOB would receive without the option.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_nothing_is_beside_the_stream(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"X", socket.MSG_OOB)
        await_urgent(receiver)
        without = receiver.recv(1, socket.MSG_OOB | socket.MSG_PEEK).decode()
        receiver.oobinline = True
        with refused(errno.EINVAL):
            receiver.recv(1, socket.MSG_OOB)

        assert observe("without_and_in_stream", [without, receiver.recv(9).decode()]) == ["X", "X"]


@claim(
    "defacto/SO_OOBINLINE/late-keeps-urgent-in-place",
    says="SO_OOBINLINE set on a TCP socket after urgent data arrived puts it at its place in the stream all"
    " the same.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_it_may_be_set_late(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        send_with_urgent_byte(sender)
        await_urgent(receiver)
        receiver.oobinline = True

        assert observe("stream", receiver.read_to_string()) == "abXcd"
