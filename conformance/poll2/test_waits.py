"""poll(2) and ppoll(2): of several descriptors, how long they wait, and what it is to be ready."""

from __future__ import annotations

import select
import socket
from select import POLLIN, POLLOUT

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.blocked import fill
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.event_calls import poll, ppoll, ppoll_left
from conformance.plugin.setups.files import memory_file
from conformance.plugin.setups.pairs import limit_buffer, udp_pair
from conformance.plugin.setups.readiness import await_readable, polled
from conformance.plugin.setups.states import connected, in_state
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import SOON, timed
from libsocket import Socket

KINDS = pytest.mark.parametrize(
    "kind", ["tcp", "tcp6", "udp", "udp6", "unix", "unix-seqpacket", "unix-datagram"]
)
PAIRS = pytest.mark.parametrize("pair", [udp_pair, Socket.pair], ids=["udp", "unix"])
ONE_END_READS = {"no-op: connect*": "an end that only receives needs no peer"}
MILLISECONDS = int(SOON * 1000)
PATIENT = 30
"""Seconds."""


@claim(
    "poll.2/poll/one-of-several",
    sentence=("poll.2/poll/waits", "poll.2/poll/blocks"),
    section="DESCRIPTION",
    says="poll(2) for POLLIN of three TCP, UDP or UNIX sockets waits until data come for one of them, "
    "whichever it is, and reports POLLIN of that and nothing of the others.",
    survives=ONE_END_READS,
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
@pytest.mark.parametrize(
    ("which", "revents"), [(0, [POLLIN, 0, 0]), (1, [0, POLLIN, 0]), (2, [0, 0, POLLIN])], ids=str
)
def test_one_of_several_becomes_ready(ns, observe, kind, which, revents):
    with connected(kind) as (one, a), connected(kind) as (two, b), connected(kind) as (three, c):
        asked = [(sock.fileno(), POLLIN) for sock in (one, two, three)]
        with timed() as took, delayed(lambda: [a, b, c][which].send(b"data"), 0.02):
            found = poll(asked, timeout=MILLISECONDS)

        assert observe("waited_and_revents", [took.lasted(0.02), found]) == [True, revents]


@claim(
    "poll.2/timeout/negative",
    sentence=("poll.2/timeout/negative", "poll.2/timeout/until"),
    section="DESCRIPTION",
    says="With a timeout of -1, -2 or the smallest int poll(2) waits for data of a UDP or UNIX stream socket "
    "that come after a while, however late.",
)
@PAIRS
@pytest.mark.parametrize("timeout", [-1, -2, -(2**31)])
def test_a_negative_timeout(ns, observe, pair, timeout):
    writer, reader = pair()
    with writer, reader:
        with timed() as took, delayed(lambda: writer.send(b"data"), 0.02):
            found = poll([(reader.fileno(), POLLIN)], timeout=timeout)

        assert observe("waited_and_revents", [took.lasted(0.02), found]) == [True, [POLLIN]]


@claim(
    "poll.2/timeout/zero",
    sentence="poll.2/timeout/zero",
    section="DESCRIPTION",
    says="With a timeout of 0 poll(2) returns though nothing has come to a UDP or UNIX stream socket, and "
    "does not wait for what another thread sends; what has come it reports.",
)
@PAIRS
def test_a_timeout_of_zero(ns, observe, pair):
    writer, reader = pair()
    with writer, reader:
        with delayed(lambda: writer.send(b"late"), SOON) as begun:
            at_once = [poll([(reader.fileno(), POLLIN)]), begun.is_set()]
        writer.send(b"data")
        await_readable(reader)

        assert observe("at_once_and_data", [at_once, poll([(reader.fileno(), POLLIN)])]) == [
            [[0], False],
            [POLLIN],
        ]


@claim(
    "poll.2/ready/receive",
    sentence="poll.2/poll/ready",
    section="DESCRIPTION",
    says="poll(2) reports POLLIN of a connected TCP, UDP or UNIX socket where a receive would not block, "
    "and not where with MSG_DONTWAIT it fails with EAGAIN: before data have come, and when they were "
    "received.",
    survives=ONE_END_READS,
)
@KINDS
def test_ready_is_not_to_block_a_receive(ns, observe, kind):
    with connected(kind) as (sock, peer):
        found = [polled(sock, POLLIN), answer(lambda: sock.recv(9, socket.MSG_DONTWAIT))]
        peer.send(b"data")
        await_readable(sock)
        found += [polled(sock, POLLIN), answer(lambda: sock.recv(9, socket.MSG_DONTWAIT))]
        found += [polled(sock, POLLIN), answer(lambda: sock.recv(9, socket.MSG_DONTWAIT))]

        assert observe("before_data_received", found) == [0, "EAGAIN", POLLIN, "4 bytes", 0, "EAGAIN"]


@claim(
    "poll.2/ready/send",
    sentence="poll.2/poll/ready",
    section="DESCRIPTION",
    says="poll(2) reports POLLOUT of a connected TCP or UNIX socket where a send of a byte would not block, "
    "and not where with MSG_DONTWAIT it fails with EAGAIN, since the buffer is full.",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "unix-seqpacket", "unix-datagram"])
def test_ready_is_not_to_block_a_send(ns, observe, kind):
    with connected(kind) as (sock, peer):
        limit_buffer(sock)
        found = [polled(sock, POLLOUT), answer(lambda: sock.send(b"x", socket.MSG_DONTWAIT))]
        fill(sock)
        found += [polled(sock, POLLOUT), answer(lambda: sock.send(b"x", socket.MSG_DONTWAIT))]

        assert observe("room_and_full", [*found, len(peer.recv(1))]) == [POLLOUT, "sent 1", 0, "EAGAIN", 1]


@claim(
    "poll.2/ready/regular-file",
    sentence="poll.2/poll/ready",
    section="DESCRIPTION",
    says="poll(2) reports POLLIN and POLLOUT of a regular file, at its beginning and at its end, where of a "
    "UDP socket for which nothing has come it reports POLLOUT alone.",
)
def test_a_regular_file_is_always_ready(ns, observe):
    with Socket.udp() as sock, memory_file() as file, memory_file(b"") as empty:
        asked = [(one.fileno(), POLLIN | POLLOUT) for one in (sock, file, empty)]

        assert observe("revents", poll(asked)) == [POLLOUT, POLLIN | POLLOUT, POLLIN | POLLOUT]


@claim(
    "poll.2/ppoll/without-timeout",
    sentence="poll.2/ppoll/null-timeout",
    section="ppoll()",
    says="ppoll(2) without a timeout (NULL) waits for data of a UDP or UNIX stream socket that come after a "
    "while, however late.",
)
@PAIRS
def test_ppoll_without_a_timeout(ns, observe, pair):
    writer, reader = pair()
    with writer, reader:
        with timed() as took, delayed(lambda: writer.send(b"data"), 0.02):
            found = ppoll([(reader.fileno(), POLLIN)], None)

        assert observe("waited_and_found", [took.lasted(0.02), found]) == [True, 1]


@claim(
    "poll.2/ppoll/timeout-kept",
    sentence="poll.2/ppoll/modified",
    section="VERSIONS",
    says="ppoll(2), as the C library has it, leaves its timeout, 30 seconds, as it is where a UNIX stream "
    "socket has data; the system call ppoll takes from it what has passed.",
)
def test_ppoll_keeps_its_timeout(ns, observe):
    with in_state("unix", "data") as full:
        kept = ppoll_left([(full.fileno(), select.POLLIN)], PATIENT, library=True)
        found, left = ppoll_left([(full.fileno(), select.POLLIN)], PATIENT, library=False)

        assert observe("kept", kept) == (1, PATIENT)
        assert observe("changed", [found, 0 < left < PATIENT]) == [1, True]
