"""TCP_SYNCNT and tcp_syn_retries: how often a connection request is sent again."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import UNANSWERED
from conformance.plugin.refusal import refused
from conformance.plugin.setups.segments import segments, waiting_segments
from libsocket import Socket
from netns import Peers

LINEAR = differs(
    "one more is sent, since the first four come a second apart (tcp_syn_linear_timeouts) and the time after "
    "which it gives up is still that of waits that double",
    since="6.5",
    commit="ccce324dabfe",
    observed={"requests": 3},
)


def takes(family: int, count: int) -> bool:
    """Whether a TCP socket takes it, and reads it back."""
    with Socket.tcp(family) as sock:
        try:
            sock.tcp_syncnt = count
        except OSError:
            return False
        return sock.tcp_syncnt == count


def silence(hosts: Peers) -> None:
    """Let nothing come back to the left."""
    hosts.right.namespace.add_route(f"{hosts.left.address}/32", type="blackhole")


@claim(
    "tcp.7/TCP_SYNCNT/sent-again",
    sentence=("tcp.7/TCP_SYNCNT/retransmits", "tcp.h/TCP_SYNCNT/retransmits"),
    section="Socket options",
    says="A connect of a TCP socket over IPv4 with a TCP_SYNCNT of 1, to which nobody answers, fails with "
    "ETIMEDOUT after its SYN has been sent again once.",
    since="2.4",
    needs=UNANSWERED,
    expect=LINEAR,
)
def test_a_request_is_sent_again_so_often(peers, observe):
    silence(peers)
    with peers.left.entered(), Socket.tcp() as sock, peers.right.entered(), segments() as arriving:
        sock.tcp_syncnt = 1
        with refused(errno.ETIMEDOUT):
            sock.connect((peers.right.address, 9))

        assert observe("requests", len(waiting_segments(arriving))) == 2


@claim(
    "tcp.7/tcp_syn_retries/sent-again",
    sentence=("tcp.7/tcp_syn_retries/retransmits", "ip-sysctl/tcp_syn_retries/times"),
    section="/proc interfaces",
    says="A connect of a TCP socket over IPv4 where tcp_syn_retries is 1, to which nobody answers, fails "
    "with ETIMEDOUT after its SYN has been sent again once.",
    since="2.2",
    needs=UNANSWERED,
    expect=LINEAR,
)
def test_the_sysctl_says_how_often(peers, observe):
    silence(peers)
    peers.left.namespace.sysctl["net.ipv4.tcp_syn_retries"] = 1
    with peers.left.entered(), Socket.tcp() as sock, peers.right.entered(), segments() as arriving:
        with refused(errno.ETIMEDOUT):
            sock.connect((peers.right.address, 9))

        assert observe("requests", len(waiting_segments(arriving))) == 2


@claim(
    "tcp.7/TCP_SYNCNT/at-most-255",
    sentence="tcp.7/TCP_SYNCNT/most",
    section="Socket options",
    says="A TCP socket, over IPv4 and IPv6, takes a TCP_SYNCNT of 127, 128 and 255, and not one of 256.",
    since="2.4",
    expect=differs(
        "127 is the most (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"taken": [127]},
    ),
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_255_is_the_most(ns, observe, family):
    taken = [count for count in (127, 128, 255, 256) if takes(family, count)]

    assert observe("taken", taken) == [127, 128, 255]
