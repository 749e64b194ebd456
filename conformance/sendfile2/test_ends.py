"""sendfile(2) where documents are silent: a peer that is closed meanwhile, and an empty file."""

from __future__ import annotations

import os
import signal
from socket import MSG_DONTWAIT, MSG_NOSIGNAL

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.files import memory_file
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.signals import signalled
from conformance.plugin.setups.states import connected
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import SOON

MANY = 50_000_000
"""More bytes than all buffers take."""


@claim(
    "defacto/sendfile/peer-closes-while-it-waits",
    says="A sendfile(2) of 50 million bytes to a TCP, over IPv4, or UNIX stream socket that waits for room "
    "returns how many it has sent when the peer is closed, or fails with EPIPE or ECONNRESET; a send fails "
    "then.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_closed_peer_ends_it(ns, observe, kind):
    with connected(kind) as (sock, peer), memory_file(b"") as file, signalled(signal.SIGPIPE):
        os.ftruncate(file.fileno(), MANY)
        sock.sndtimeo = SOON
        with delayed(peer.close, 0.02):
            sent = answer(lambda: os.sendfile(sock.fileno(), file.fileno(), 0, MANY))
        after = answer(lambda: sock.send(b"x", MSG_NOSIGNAL))

        part = sent.startswith("sent ") and sent not in {"sent 0", f"sent {MANY}"}
        ended = part or sent in {"EPIPE", "ECONNRESET"}
        assert observe("ended_and_after", [ended, after in {"EPIPE", "ECONNRESET"}]) == [True, True]


@claim(
    "defacto/sendfile/empty-file-to-udp",
    says="sendfile(2) of an empty file to a UDP socket over IPv4, with a count of 1 or of 2**33, returns 0 "
    "and sends no datagram; of a file of 5 bytes it sends one.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("count", [1, 2**33], ids=["one", "many"])
def test_an_empty_file_is_no_datagram(ns, observe, count):
    sender, receiver = udp_pair()
    with sender, receiver, memory_file(b"") as empty, memory_file(b"hello") as file:
        sent = os.sendfile(sender.fileno(), empty.fileno(), 0, count)
        before = answer(lambda: receiver.recv(9, MSG_DONTWAIT))
        os.sendfile(sender.fileno(), file.fileno(), 0, 5)
        await_readable(receiver)

        assert observe("sent_before_and_then", [sent, before, receiver.recv(9).decode()]) == [
            0,
            "EAGAIN",
            "hello",
        ]
