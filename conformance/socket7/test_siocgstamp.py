"""SIOCGSTAMP: when the last packet came."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ioctls import time_of_last_packet
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.timestamps import now, stamping
from conformance.plugin.timing import SOON
from libsocket import Socket


def passed_on(sender: Socket, receiver: Socket) -> int:
    """Send a packet and receive it; the time that SIOCGSTAMP gives then."""
    sender.send(b"x")
    receiver.recv(1)
    return time_of_last_packet(receiver)


@claim(
    "socket.7/SIOCGSTAMP/enoent",
    sentence="socket.7/SIOCGSTAMP/enoent",
    section="Ioctls",
    says="SIOCGSTAMP of a UDP socket that has passed no packet to its user fails with ENOENT, though one "
    "waits; of one that has it does not.",
)
def test_without_a_packet_there_is_no_time(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        with refused(errno.ENOENT):
            time_of_last_packet(receiver)
        sender.send(b"x")
        await_readable(receiver)
        with refused(errno.ENOENT, "errno_while_it_waits"):
            time_of_last_packet(receiver)
        receiver.recv(1)

        assert observe("there_is", time_of_last_packet(receiver) > 0) is True


@claim(
    "socket.7/SIOCGSTAMP/time",
    sentence="socket.7/SIOCGSTAMP/time",
    section="Ioctls",
    says="SIOCGSTAMP of a UDP socket gives when the packet arrived that was passed on last, once the socket "
    "was asked before.",
)
def test_it_is_the_time_of_arrival(ns, observe):
    sender, receiver = udp_pair()
    with stamping(), sender, receiver:
        with refused(errno.ENOENT):
            time_of_last_packet(receiver)
        before = now()
        sender.send(b"x")
        await_readable(receiver)
        arrived = now()
        receiver.recv(1)

        assert observe("between", before <= time_of_last_packet(receiver) <= arrived) is True


@claim(
    "socket.7/SIOCGSTAMP/first-asked",
    sentence="socket.7/SIOCGSTAMP/time",
    section="Ioctls",
    says="SIOCGSTAMP of a UDP socket gives when the packet arrived that was passed on last, when the socket "
    "is asked for the first time, too.",
    expect=differs(
        "it gives the time at which it is asked, the first time; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"not_after_arrival": False, "not_before_it_is_asked": True},
    ),
)
def test_it_is_the_time_of_arrival_at_first(ns, observe):
    sender, receiver = udp_pair()
    with stamping(), sender, receiver:
        sender.send(b"x")
        await_readable(receiver)
        arrived = now()
        receiver.recv(1)
        asked = now()
        told = time_of_last_packet(receiver)
        observe("not_before_it_is_asked", told >= asked)

        assert observe("not_after_arrival", told < arrived) is True


@claim(
    "socket.7/SIOCGSTAMP/while-unset",
    sentence="socket.7/SIOCGSTAMP/while-unset",
    section="Ioctls",
    says="Of a packet that a UDP socket receives while SO_TIMESTAMP or SO_TIMESTAMPNS is set SIOCGSTAMP does "
    "not give the time: it stays that of the last one before.",
)
@pytest.mark.parametrize("option", ["timestamp", "timestampns"])
def test_it_stays_while_the_option_is_set(ns, observe, option):
    sender, receiver = udp_pair()
    with stamping(), sender, receiver:
        receiver.rcvtimeo = SOON
        with refused(errno.ENOENT):
            time_of_last_packet(receiver)
        times = [passed_on(sender, receiver)]
        setattr(receiver, option, True)
        times.append(passed_on(sender, receiver))
        setattr(receiver, option, False)
        times.append(passed_on(sender, receiver))

        assert observe("same_and_later", [times[1] == times[0], times[2] > times[0]]) == [True, True]


@claim(
    "socket.7/SIOCGSTAMP/tcp",
    sentence="socket.7/SIOCGSTAMP/time",
    section="Ioctls",
    says="SIOCGSTAMP of a TCP socket gives when the last packet arrived whose data were passed to the user.",
    expect=differs(
        "ENOENT, however much was received; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "ENOENT", "received": "x"},
    ),
)
def test_it_is_the_time_of_a_segment(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with stamping(), sender, receiver:
        receiver.rcvtimeo = SOON
        before = now()
        sender.send(b"x")
        observe("received", receiver.recv(1).decode())

        assert observe("later", time_of_last_packet(receiver) >= before) is True
