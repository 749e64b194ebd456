"""SO_RXQ_OVFL: how many packets a socket has dropped."""

from __future__ import annotations

import socket
from contextlib import suppress

from conformance.plugin.claim import claim
from conformance.plugin.setups.control_messages import control_headers, control_messages
from conformance.plugin.setups.pairs import await_those_before, udp_pair
from conformance.plugin.timing import SOON
from libsocket import Overflow, Socket

BEFORE = {"no-op: close()*": "what is closed has told that those before had arrived"}


def small_pair() -> tuple[Socket, Socket]:
    """A UDP sender and a receiver with the smallest buffer there is."""
    sender, receiver = udp_pair()
    receiver.rcvbuf = 0
    receiver.rcvtimeo = SOON
    return sender, receiver


def overrun(sender: Socket, receiver: Socket) -> int:
    """How many of 50 datagrams find no room; those that do are received."""
    for _ in range(50):
        sender.send(bytes(500))
    await_those_before(udp_pair)
    received = 0
    with suppress(BlockingIOError):
        while receiver.recv(1, socket.MSG_DONTWAIT):
            received += 1
    return 50 - received


@claim(
    "socket.7/SO_RXQ_OVFL/dropped",
    sentence="socket.7/SO_RXQ_OVFL/dropped",
    section="Socket options",
    says="With SO_RXQ_OVFL a datagram that reaches a UDP socket comes with the number of those that were "
    "dropped since the socket was made, also before the option was set, as an unsigned 32-bit number.",
    since="2.6.33",
    survives=BEFORE,
)
def test_what_was_dropped_is_told(ns, observe):
    sender, receiver = small_pair()
    with sender, receiver:
        dropped = [overrun(sender, receiver)]
        receiver.rxq_ovfl = True
        dropped.append(dropped[0] + overrun(sender, receiver))
        sender.send(b"later")
        sender.send(b"later")
        told = control_messages(receiver, Overflow)
        sizes = [size for _, _, size in control_headers(receiver)]

        assert observe("told_and_sizes", [min(dropped) > 0, list(map(int, told)) == dropped[1:], sizes]) == [
            True,
            True,
            [4],
        ]


@claim(
    "socket.7/SO_RXQ_OVFL/off",
    sentence="socket.7/SO_RXQ_OVFL/dropped",
    section="Socket options",
    says="Without SO_RXQ_OVFL no number comes with a datagram that reaches a UDP socket, though some were "
    "dropped.",
    since="2.6.33",
    survives=BEFORE,
)
def test_without_the_option_nothing_is_told(ns, observe):
    sender, receiver = small_pair()
    with sender, receiver:
        dropped = overrun(sender, receiver)
        sender.send(b"later")
        told = control_messages(receiver, Overflow)
        receiver.rxq_ovfl = True
        sender.send(b"later still")

        told_then = list(map(int, control_messages(receiver, Overflow)))

        assert observe("told", [dropped > 0, told, told_then == [dropped]]) == [True, [], True]


@claim(
    "defacto/SO_RXQ_OVFL/none-dropped",
    says="No number comes with a datagram to a UDP socket with SO_RXQ_OVFL that has dropped none.",
    since="2.6.33",
    commit="3b885787ea41",
    survives=BEFORE,
)
def test_where_none_was_dropped_nothing_is_told(ns, observe):
    sender, receiver = small_pair()
    with sender, receiver:
        receiver.rxq_ovfl = True
        sender.send(b"first")
        first = control_messages(receiver, Overflow)
        dropped = overrun(sender, receiver)
        sender.send(b"later")
        later = control_messages(receiver, Overflow)

        assert observe("told", [first, dropped > 0, list(map(int, later)) == [dropped]]) == [[], True, True]
