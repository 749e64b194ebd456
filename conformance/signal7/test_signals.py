"""What signals of sockets do by default, and what a call returns that had begun when one interrupted it."""

from __future__ import annotations

import errno
import os
import signal
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.blocked import CALLS, Scene, drain, ended, fill
from conformance.plugin.setups.files import memory_file
from conformance.plugin.setups.owners import fate, own_while, set_async
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.signals import signalled
from conformance.plugin.setups.states import connected
from conformance.plugin.setups.urgent import await_urgent
from conformance.plugin.timing import SOON
from libsocket import Shutdown, Socket

INTERRUPTION = "Interruption of system calls and library functions by signal handlers"
MUCH = 10_000_000
BY = pytest.mark.parametrize("by", ["handler", "restarting-handler"])
STREAMS = pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix"])


@claim(
    "signal.7/SA_RESTART/send-full-queue",
    sentence=("signal.7/SA_RESTART/restarted-or-eintr", "signal.7/SA_RESTART/sockets"),
    section=INTERRUPTION,
    says="send(2) on a UNIX datagram socket that waits because its peer, which is not connected to it, has "
    "as many datagrams as it may, without a timeout, goes on after a handler that has SA_RESTART, and fails "
    "with EINTR after one that has not.",
)
@pytest.mark.parametrize(("by", "outcome"), [("handler", "EINTR"), ("restarting-handler", "0")])
def test_a_send_waits_for_the_queue_of_the_receiver(ns, observe, by, outcome):
    _, send = CALLS["send"]
    with Socket.unix(socket.SOCK_DGRAM) as receiver, Socket.unix(socket.SOCK_DGRAM) as sender:
        receiver.rcvtimeo = SOON
        receiver.bind("")
        sender.connect(receiver.getsockname())
        queued = fill(sender)
        scene = Scene(sender, lambda: drain(receiver, queued))

        assert observe("ended", ended(lambda: send(scene), scene.release, by)) == outcome


@claim(
    "signal.7/SIGPIPE/terminates",
    sentence="signal.7/SIGPIPE/terminates",
    section="Standard signals",
    says="A write to a TCP or UNIX stream socket that is shut down for sending ends the process by SIGPIPE "
    "where that has its default action, and fails with EPIPE where it is ignored; one to a socket that is "
    "not shut down does neither.",
)
@STREAMS
def test_sigpipe_ends_the_process(ns, observe, kind):
    with connected(kind) as (sock, _):
        fates = [fate(lambda: os.write(sock.fileno(), b"x"))]
        sock.shutdown(Shutdown.WRITE)
        fates.append(fate(lambda: os.write(sock.fileno(), b"x")))
        with refused(errno.EPIPE):
            os.write(sock.fileno(), b"x")

        assert observe("fates", fates) == ["lives", "SIGPIPE"]


@claim(
    "signal.7/SIGIO/terminates",
    sentence="signal.7/SIGIO/terminates",
    section="Standard signals",
    says="Data that come to a UDP, UNIX stream, seqpacket or datagram socket with O_ASYNC end the process "
    "that owns it by SIGIO where that has its default action; without O_ASYNC they do not.",
    survives={"no-op: connect*": "an end that only receives needs no peer"},
)
@pytest.mark.parametrize("kind", ["udp", "unix", "unix-seqpacket", "unix-datagram"])
def test_sigio_ends_the_process(ns, observe, kind):
    with connected(kind) as (sock, peer):
        fates = [fate(lambda: own_while(sock, lambda: peer.send(b"x"), await_readable))]
        sock.recv(1)
        set_async(sock)
        fates.append(fate(lambda: own_while(sock, lambda: peer.send(b"x"), await_readable)))

        assert observe("fates", fates) == ["lives", "SIGIO"]


@claim(
    "signal.7/SIGURG/ignored",
    sentence="signal.7/SIGURG/ignored",
    section="Standard signals",
    says="An urgent byte that comes to a TCP socket, over IPv4 and IPv6, does not end the process that "
    "owns it: SIGURG, which a handler would get, is ignored by default.",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_sigurg_is_ignored(ns, observe, kind):
    with signalled(signal.SIGURG) as came, connected(kind) as (sock, peer):
        found = fate(lambda: own_while(sock, lambda: peer.send(b"!", socket.MSG_OOB), await_urgent))
        sock.recv(1, socket.MSG_OOB)
        own_while(sock, lambda: peer.send(b"!", socket.MSG_OOB), await_urgent)

        assert observe("fate_and_handled", [found, came]) == ["lives", ["SIGURG"]]


@claim(
    "signal.7/SA_RESTART/partial-write",
    sentence=("signal.7/SA_RESTART/partial", "write.2/NOTES/interrupted", "write.2/write/interrupted"),
    section=INTERRUPTION,
    says="A write(2) of ten megabytes to a TCP or UNIX stream socket that a handler, with SA_RESTART or "
    "without, interrupts when it waits for room returns how much it has written, which the peer "
    "receives.",
)
@STREAMS
@BY
def test_a_write_that_had_begun(ns, observe, kind, by):
    with connected(kind) as (sock, peer):
        peer.rcvtimeo = SOON
        written = int(ended(lambda: os.write(sock.fileno(), bytes(MUCH)), int, by))
        sock.close()

        assert observe("a_part_came", [0 < written < MUCH, len(peer.read_to_end()) - written]) == [True, 0]


@claim(
    "signal.7/SA_RESTART/partial-sendfile",
    sentence="signal.7/SA_RESTART/partial",
    section=INTERRUPTION,
    says="A sendfile(2) of ten megabytes to a TCP or UNIX stream socket that a handler, with SA_RESTART or "
    "without, interrupts when it waits for room returns how much it has sent, which the peer "
    "receives.",
)
@STREAMS
@BY
def test_a_sendfile_that_had_begun(ns, observe, kind, by):
    with connected(kind) as (sock, peer), memory_file(bytes(MUCH)) as file:
        peer.rcvtimeo = SOON
        sent = int(ended(lambda: os.sendfile(sock.fileno(), file.fileno(), 0, MUCH), int, by))
        sock.close()

        assert observe("a_part_came", [0 < sent < MUCH, len(peer.read_to_end()) - sent]) == [True, 0]


@claim(
    "signal.7/SA_RESTART/partial-receive",
    sentence="signal.7/SA_RESTART/partial",
    section=INTERRUPTION,
    says="A receive with MSG_WAITALL of ten bytes from a TCP or UNIX stream socket, of which five have "
    "come when a handler, with SA_RESTART or without, interrupts it, returns those five.",
)
@STREAMS
@BY
def test_a_receive_that_had_begun(ns, observe, kind, by):
    with connected(kind) as (sock, peer):
        peer.send(b"hello")
        await_readable(sock)
        received = ended(lambda: len(sock.recv(10, socket.MSG_WAITALL)), int, by)

        assert observe("received", received) == "5"
