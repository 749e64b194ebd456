"""EPIPE: a read on a TCP socket that was shut down."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.timing import SOON
from libsocket import Shutdown, Socket


@claim(
    "tcp.7/EPIPE/read-shut-down",
    sentence="tcp.7/EPIPE/read-shut-down",
    section="ERRORS",
    says="Receiving on a TCP socket, over IPv4 and IPv6, after SHUT_RD or SHUT_RDWR fails with EPIPE.",
    expect=differs(
        "it gives 0 bytes, which is the end of the stream (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "received": ""},
    ),
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("how", [Shutdown.READ, Shutdown.BOTH], ids=["read", "both"])
def test_a_socket_shut_for_reading_does_not_receive(ns, observe, family, how):
    left, right = Socket.tcp_pair(family)
    with left, right:
        left.rcvtimeo = SOON
        right.send(b"before")
        before = left.recv(9)
        left.shutdown(how)
        with refused(errno.EPIPE):
            observe("received", left.recv(9).decode())

        assert observe("received_before", before.decode()) == "before"
