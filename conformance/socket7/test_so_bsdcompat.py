"""SO_BSDCOMPAT: bugs that once were compatible."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import KERNEL_LOG
from conformance.plugin.refusal import refused
from conformance.plugin.setups.kernel_log import kernel_log, logged_since
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability

BROADCAST = "127.255.255.255"
AN_EXPERIMENT = 253
"""A protocol number for experiments (RFC 3692)."""
IP_HEADER = 20
"""Bytes, without options, with which a raw socket receives."""

IGNORED = {"no-op: setsockopt(*SO_BSDCOMPAT*": "Linux takes the option and does nothing with it"}


@contextmanager
def towards_a_closed_port() -> Iterator[Socket]:
    """A UDP socket connected to a port at which nobody is."""
    with Socket.udp() as sock:
        with Socket.udp() as gone:
            gone.bind(("127.0.0.1", 0))
            sock.connect(gone.getsockname())
        yield sock


@claim(
    "socket.7/SO_BSDCOMPAT/hides-icmp-errors",
    sentence=(
        "libsocket/bsdcompat/enables",
        "libsocket/bsdcompat/udp",
        "libsocket/bsdcompat/icmp",
        "socket.7/SO_BSDCOMPAT/hides",
    ),
    section="Socket options",
    says="With SO_BSDCOMPAT a program does not learn of the ICMP errors that its UDP socket receives.",
    since="2.0",
    until="2.4",
    survives=IGNORED,
)
def test_icmp_errors_are_hidden(ns, observe):
    with towards_a_closed_port() as sock:
        sock.bsdcompat = True
        sock.rcvtimeo = SOON
        sock.send(b"to nobody")

        with refused(errno.EAGAIN):
            sock.recv(1)


@claim(
    "socket.7/SO_BSDCOMPAT/phased-out",
    sentence=(
        *("libsocket/bsdcompat/phased-out", "socket.7/SO_BSDCOMPAT/phased-out"),
        "udp.7/errors/econnrefused",
    ),
    section="Socket options",
    says="With SO_BSDCOMPAT too the ICMP error for a datagram reaches the program of a connected UDP "
    "socket: ECONNREFUSED.",
    since="2.4",
    survives=IGNORED,
)
def test_icmp_errors_are_not_hidden(ns, observe):
    with towards_a_closed_port() as sock:
        sock.bsdcompat = True
        sock.rcvtimeo = SOON
        sock.send(b"to nobody")

        with refused(errno.ECONNREFUSED):
            sock.recv(1)


@claim(
    "socket.7/SO_BSDCOMPAT/ignored-silently",
    sentence=("libsocket/bsdcompat/phased-out", "socket.7/SO_BSDCOMPAT/phased-out"),
    section="Socket options",
    says="The kernel's log says nothing of a program that sets SO_BSDCOMPAT on a UDP socket.",
    since="2.4",
    until="2.6",
    needs=[KERNEL_LOG],
    survives=IGNORED,
)
def test_setting_it_is_not_logged(ns, observe):
    with kernel_log() as log, Socket.udp() as sock:
        sock.bsdcompat = True

        assert observe("logged", "SO_BSDCOMPAT" in logged_since(log)) is False


@claim(
    "socket.7/SO_BSDCOMPAT/warning",
    sentence=("libsocket/bsdcompat/phased-out", "socket.7/SO_BSDCOMPAT/phased-out"),
    section="Socket options",
    says="The kernel's log warns of a program that sets SO_BSDCOMPAT on a UDP socket.",
    since="2.6",
    needs=[KERNEL_LOG],
    expect=differs(
        "the warning was removed",
        since="5.10",
        commit="f4ecc748533d",
        observed={"logged": False},
    ),
    survives=IGNORED,
)
def test_setting_it_is_logged(ns, observe):
    with kernel_log() as log, Socket.udp() as sock:
        sock.bsdcompat = True

        assert observe("logged", "SO_BSDCOMPAT" in logged_since(log)) is True


@claim(
    "socket.7/SO_BSDCOMPAT/raw-broadcast",
    sentence=("libsocket/bsdcompat/raw", "socket.7/SO_BSDCOMPAT/raw"),
    section="Socket options",
    says="With SO_BSDCOMPAT a raw IPv4 socket sends to a broadcast address without SO_BROADCAST.",
    since="2.0",
    until="2.2",
    needs=[Capability.NET_RAW],
    survives=IGNORED,
)
def test_a_raw_socket_skips_the_broadcast_flag(ns, observe):
    with Socket.raw(AN_EXPERIMENT) as sock:
        sock.bsdcompat = True

        assert observe("sent", sock.sendto(b"to all", (BROADCAST, 0))) == len(b"to all")


@claim(
    "socket.7/SO_BSDCOMPAT/raw-broadcast-removed",
    sentence=("libsocket/bsdcompat/raw", "socket.7/SO_BSDCOMPAT/raw", "raw.7/errors/eacces-broadcast"),
    section="Socket options",
    says="With SO_BSDCOMPAT too a raw IPv4 socket cannot send to a broadcast address without SO_BROADCAST: "
    "EACCES.",
    since="2.2",
    needs=[Capability.NET_RAW],
    survives=IGNORED,
)
def test_a_raw_socket_needs_the_broadcast_flag(ns, observe):
    with Socket.raw(AN_EXPERIMENT) as sock:
        sock.bsdcompat = True
        with refused(errno.EACCES):
            sock.sendto(b"to all", (BROADCAST, 0))
        sock.broadcast = True
        sock.rcvtimeo = SOON
        sock.sendto(b"to all", (BROADCAST, 0))

        assert observe("received", sock.recv(99)[IP_HEADER:].decode()) == "to all"
