"""ioctls of socket(7) on IP sockets."""

from __future__ import annotations

import errno
import fcntl
import os
import signal

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ioctls import (
    FIOASYNC,
    SIOCSPGRP,
    owner,
    time_of_last_packet,
    word,
)
from conformance.plugin.setups.pairs import await_those_before, udp_pair
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.signals import signalled
from conformance.plugin.setups.timestamps import now
from libsocket import Socket
from netns import Capability


def raw_socket() -> Socket:
    return Socket.raw(253)


KINDS = pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, raw_socket], ids=["tcp", "udp", "raw"])


@claim(
    "ip.7/ENOENT/siocgstamp",
    sentence=("ip.7/errors/enoent", "ip.7/ioctls/of-socket-7"),
    section="ERRORS",
    says="SIOCGSTAMP on a UDP socket to which no packet has come fails with ENOENT. Once one has been "
    "received it gives the time at which that came.",
)
def test_no_packet_has_no_time(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        with refused(errno.ENOENT):
            time_of_last_packet(receiver)
        before = now()
        sender.send(b"hello")
        receiver.recv(9)
        after = time_of_last_packet(receiver)

        assert observe("between", before <= after <= now()) is True


@claim(
    "ip.7/ioctls/owner",
    sentence="ip.7/ioctls/of-socket-7",
    section="Ioctls",
    says="The process that gets the signals of a TCP, UDP or raw socket is set with SIOCSPGRP, and read with "
    "SIOCGPGRP; 0 is none, as at first.",
    needs=[Capability.NET_RAW],
)
@KINDS
def test_a_socket_has_an_owner(ns, observe, make):
    with make() as sock:
        owners = [owner(sock)]
        fcntl.ioctl(sock, SIOCSPGRP, word(os.getpid()))
        owners.append(owner(sock))

        assert observe("nobody_and_this_process", [owners[0], owners[1] == os.getpid()]) == [0, True]


@claim(
    "ip.7/ioctls/asynchronous",
    sentence="ip.7/ioctls/of-socket-7",
    section="Ioctls",
    says="With FIOASYNC the owner of a UDP socket gets SIGIO when a datagram comes; without it none.",
)
def test_the_owner_is_told_of_a_datagram(ns, observe):
    sender, receiver = udp_pair()
    with signalled(signal.SIGIO) as came, sender, receiver:
        fcntl.ioctl(receiver, SIOCSPGRP, word(os.getpid()))
        sender.send(b"without")
        await_readable(receiver)
        without = list(came)
        fcntl.ioctl(receiver, FIOASYNC, word(1))
        sender.send(b"with")
        await_those_before(udp_pair)

        assert observe("signals_without_and_with", [without, list(came)]) == [[], ["SIGIO"]]
