"""SO_MARK where documents are silent: the control message, reading the mark of what arrives."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.marks import cutting_all_but
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.timing import SOON
from libsocket import Mark, Socket
from netns import Capability, only, without


def marks(receiver: Socket) -> list[int]:
    """The marks that come with the next message."""
    return [int(mark) for mark in control_messages(receiver, Mark)]


@claim(
    "defacto/SO_RCVMARK/delivers-mark",
    says="With SO_RCVMARK a UDP datagram over IPv4 loopback is received with the mark that its sender set.",
    since="5.19",
    commit="6fd1d51cfa25",
    needs=[Capability.NET_ADMIN],
)
def test_the_mark_is_received(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvmark = True
        sender.mark = 7
        sender.send(b"marked")

        assert observe("marks", marks(receiver)) == [7]


@claim(
    "defacto/SO_MARK/cmsg-marks-one-message",
    says="A control message SO_MARK marks the UDP datagram over IPv4 that it goes with, and no later one.",
    since="5.5",
    commit="c6af0c227a22",
    needs=[Capability.NET_ADMIN],
)
def test_a_control_message_marks_one_message(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.attach_filter = cutting_all_but(mark=8)
        sender.mark = 7
        sender.send(b"before")
        sender.send_message(b"by control message", Mark(8))
        sender.send(b"after")

        received = [receiver.recv(20).decode() for _ in range(3)]
        assert observe("received_and_mark", [received, sender.mark]) == [["b", "by control message", "a"], 7]


@claim(
    "defacto/SO_MARK/cmsg-needs-capability",
    says="Sending a control message SO_MARK by UDP over IPv4 with neither CAP_NET_ADMIN nor CAP_NET_RAW is "
    "refused with EPERM.",
    since="4.7",
    commit="24025c465f77",
    needs=[Capability.NET_ADMIN],
)
def test_the_control_message_is_refused_without_capability(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        with without(Capability.NET_ADMIN, Capability.NET_RAW), refused(errno.EPERM):
            sender.send_message(b"forbidden", Mark(7))
        sender.send_message(b"allowed", Mark(7))

        assert observe("received", receiver.recv(20).decode()) == "allowed"


@claim(
    "defacto/SO_MARK/cmsg-net-raw-suffices",
    says="CAP_NET_RAW alone is enough to send a control message SO_MARK by UDP over IPv4.",
    since="5.18",
    commit="91f0d8a4813a",
    needs=[Capability.NET_RAW],
)
def test_net_raw_suffices_for_the_control_message(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        with only(Capability.NET_RAW):
            with refused(errno.EPERM):
                sender.rcvbufforce = 10_000  # which takes CAP_NET_ADMIN
            sender.send_message(b"allowed", Mark(7))

        assert observe("received", receiver.recv(20).decode()) == "allowed"
