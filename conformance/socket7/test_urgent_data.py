"""POLLPRI and SIGURG: how urgent data makes itself known."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket

from conformance.plugin.claim import claim
from conformance.plugin.setups.signals import signalled
from conformance.plugin.setups.urgent import await_urgent
from conformance.plugin.timing import SOON
from libsocket import Socket


def exceptional(sock: Socket) -> bool:
    """Whether what arrives first is urgent, as poll(2) tells it."""
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLPRI)
    return any(events & select.POLLPRI for _, events in poll.poll(SOON * 1000))


@claim(
    "socket.7/POLLPRI/urgent-data",
    sentence=("socket.7/poll/urgent", "tcp.7/urgent-data/readiness"),
    section="Socket-layer functions",
    says="On a TCP socket urgent data raises POLLPRI, other data does not.",
)
def test_urgent_data_raises_pollpri(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        sender.send(b"ordinary")
        ordinary = exceptional(receiver)
        receiver.recv(9)
        sender.send(b"u", socket.MSG_OOB)

        assert observe("pollpri", [ordinary, exceptional(receiver)]) == [False, True]


@claim(
    "socket.7/SIGURG/sent-to-owner",
    sentence=(
        "socket.7/poll/urgent",
        "socket.7/SIOCSPGRP/owner",
        "tcp.7/urgent-data/sigurg",
        "tcp.7/urgent-data/supported",
        "socket.2/F_SETOWN/SIGURG",
        "socket.2/type/out-of-band",
        "socket.2/stream/out-of-band",
        "F_GETSIG.2const/F_SETOWN/SIGURG",
    ),
    section="Socket-layer functions",
    says="When urgent data arrives at a TCP socket, SIGURG is sent to the process that owns the socket; "
    "without an owner not to this process.",
)
def test_the_owner_gets_sigurg(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with signalled(signal.SIGURG) as came, sender, receiver:
        sender.send(b"u", socket.MSG_OOB)
        await_urgent(receiver)
        receiver.recv(1, socket.MSG_OOB)
        unowned = list(came)
        fcntl.fcntl(receiver, fcntl.F_SETOWN, os.getpid())
        sender.send(b"v", socket.MSG_OOB)
        await_urgent(receiver)

        assert observe("signals", [unowned, came]) == [[], ["SIGURG"]]
