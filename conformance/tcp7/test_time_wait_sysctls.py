"""The sysctls of connections in TIME-WAIT."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import KERNEL_LOG, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.kernel_log import kernel_log, logged_since
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import ACKNOWLEDGED_LATER, MADE, MadePeer, made_peer, made_peers
from conformance.plugin.setups.readiness import await_end, await_readable, readable_by_select
from conformance.plugin.setups.segments import ACK, FIN, RST
from libsocket import Socket
from netns import Namespace

BUCKETS, RFC1337, REUSE = (f"net.ipv4.tcp_{name}" for name in ("max_tw_buckets", "rfc1337", "tw_reuse"))
PORT = 20_000
"""The only one to connect from."""
LATER = 2.1
"""Seconds after which a clock of whole seconds has surely moved on by one, and by more than one."""


def wait_for(peer: MadePeer, listener: Socket) -> None:
    """Make a connection, let the listener's side end it, and then this one: the former has to wait."""
    peer.connect(listener)
    await_readable(listener)
    listener.accept()[0].close()
    peer.take(peer.next())
    peer.send(FIN | ACK)
    peer.sequence += 1
    peer.replies()


def wait_and_answer(listener: Socket, peer: MadePeer) -> list[int]:
    """How the end of a connection is answered when it comes again, once its other side has to wait."""
    wait_for(peer, listener)
    return answers(peer)


def answers(peer: MadePeer) -> list[int]:
    """The flags that answer the end of a connection that is sent once more."""
    peer.send(FIN | ACK, sequence=peer.sequence - 1)
    return [one.flags & (ACK | RST) & ~(ACK if one.reset else 0) for one in peer.replies()]


@contextmanager
def port_in_time_wait(near: Namespace, far: Namespace, address: str) -> Iterator[tuple[Socket, Socket]]:
    """A listener, and a socket that connects to it from the port of a connection that has waited a while."""
    with far.entered(), listening(address) as listener, near.entered():
        near.sysctl["net.ipv4.ip_local_port_range"] = f"{PORT} {PORT}"
        with Socket.tcp() as first:
            first.connect(listener.getsockname())
            with listener.accept()[0] as server:
                first.close()
                await_end(server)
        readable_by_select(listener, LATER)
        with Socket.tcp() as again:
            yield listener, again


@claim(
    "tcp.7/tcp_max_tw_buckets/most",
    sentence=(
        "tcp.7/tcp_max_tw_buckets/most",
        "tcp.7/tcp_max_tw_buckets/closed",
        "ip-sysctl/tcp_max_tw_buckets/most",
    ),
    section="/proc interfaces",
    says="With a tcp_max_tw_buckets of 1 or 2 so many TCP connections over IPv4 wait in TIME-WAIT, where "
    "they acknowledge what their peer repeats, and one more is closed, and answers with a reset.",
    since="2.4",
    needs=MADE,
    survives=ACKNOWLEDGED_LATER,
)
@pytest.mark.parametrize("most", [1, 2])
def test_no_more_wait(peers, observe, most):
    peers.right.namespace.sysctl[BUCKETS] = most
    with (
        made_peers(peers, most + 1) as ends,
        peers.right.entered(),
        listening(peers.right.address) as listener,
    ):
        flags = [*map(partial(wait_and_answer, listener), ends)]

        assert observe("answers", flags) == [*[[ACK]] * most, [RST]]


@claim(
    "tcp.7/tcp_max_tw_buckets/warning",
    sentence=("tcp.7/tcp_max_tw_buckets/warning", "ip-sysctl/tcp_max_tw_buckets/warning"),
    section="/proc interfaces",
    says="The kernel logs a warning where a TCP connection over IPv4 is closed since tcp_max_tw_buckets "
    "others wait.",
    since="2.4",
    needs=[*MADE, KERNEL_LOG],
    survives=ACKNOWLEDGED_LATER,
    expect=differs(
        "it is counted, and not logged any more",
        since="2.6.37",
        commit="67631510a318",
        observed={"answers": [[ACK], [RST]], "logged": False},
    ),
)
def test_too_many_are_logged(peers, observe):
    peers.right.namespace.sysctl[BUCKETS] = 1
    with (
        made_peers(peers, 2) as ends,
        peers.right.entered(),
        listening(peers.right.address) as listener,
        kernel_log() as log,
    ):
        flags = observe("answers", [*map(partial(wait_and_answer, listener), ends)])
        logged = observe("logged", "time wait bucket table overflow" in logged_since(log))

        assert [flags, logged] == [[[ACK], [RST]], True]


@claim(
    "tcp.7/tcp_rfc1337/reset",
    sentence=("tcp.7/tcp_rfc1337/conformant", "tcp.7/tcp_rfc1337/closed", "ip-sysctl/tcp_rfc1337/conforms"),
    section="/proc interfaces",
    says="A reset ends a TCP connection over IPv4 in TIME-WAIT at once where tcp_rfc1337 is 0; where it is "
    "1 the connection goes on to wait, and acknowledges what its peer repeats.",
    since="2.2",
    needs=MADE,
    survives={
        **ACKNOWLEDGED_LATER,
        r"no-op: sendto(*\3\352*, 40, 0*": "where tcp_rfc1337 is 1 a reset changes nothing",
    },
)
@pytest.mark.parametrize(("value", "answer"), [(0, RST), (1, ACK)])
def test_a_reset_in_time_wait(peers, observe, value, answer):
    peers.right.namespace.sysctl[RFC1337] = value
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as listener:
        wait_for(peer, listener)
        before = answers(peer)
        peer.send(RST)

        assert observe("before_and_after", [*before, *answers(peer)]) == [ACK, answer]


@claim(
    "tcp.7/tcp_rfc1337/default",
    sentence=("tcp.7/tcp_rfc1337/default", "ip-sysctl/tcp_rfc1337/default"),
    section="/proc interfaces",
    says="In a new network namespace a reset ends a TCP connection over IPv4 in TIME-WAIT at once.",
    since="2.2",
    needs=MADE,
    survives=ACKNOWLEDGED_LATER,
)
def test_a_reset_at_first(peers, observe):
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as listener:
        wait_for(peer, listener)
        before = answers(peer)
        peer.send(RST)

        assert observe("before_and_after", [*before, *answers(peer)]) == [ACK, RST]


@claim(
    "tcp.7/tcp_tw_reuse/reuses",
    sentence=("tcp.7/tcp_tw_reuse/allows", "ip-sysctl/tcp_tw_reuse/values"),
    section="/proc interfaces",
    says="Where tcp_tw_reuse is 1 a TCP socket over IPv4 connects with addresses and ports with which a "
    "connection waits in TIME-WAIT, since 2 seconds and with timestamps.",
    since="2.6.12",
    needs=[VETH],
)
def test_a_waiting_connection_is_reused(peers, observe):
    peers.left.namespace.sysctl[REUSE] = 1
    left, right = peers.left.namespace, peers.right.namespace
    with port_in_time_wait(left, right, peers.right.address) as (listener, again):
        again.connect(listener.getsockname())

        assert observe("port", again.getsockname()[1]) == PORT


@claim(
    "tcp.7/tcp_tw_reuse/default",
    sentence="tcp.7/tcp_tw_reuse/default",
    section="/proc interfaces",
    says="In a new network namespace a TCP socket over IPv4 does not connect to another host with addresses "
    "and ports with which a connection waits in TIME-WAIT.",
    since="2.6.12",
    needs=[VETH],
)
def test_a_waiting_connection_is_not_reused(peers, observe):
    left, right = peers.left.namespace, peers.right.namespace
    with port_in_time_wait(left, right, peers.right.address) as (listener, again):
        with refused():
            again.connect(listener.getsockname())
        left.sysctl[REUSE] = 1
        again.connect(listener.getsockname())

        assert observe("port", again.getsockname()[1]) == PORT


@claim(
    "tcp.7/tcp_tw_reuse/default-on-loopback",
    sentence="tcp.7/tcp_tw_reuse/default",
    section="/proc interfaces",
    says="In a new network namespace a TCP socket over IPv4 does not connect over loopback with addresses "
    "and ports with which a connection waits in TIME-WAIT.",
    since="2.6.12",
    survives={"no-op: connect(*": "where the first attempt connects, the second need not be one"},
    expect=differs(
        "tcp_tw_reuse is 2 at first, by which they are used again on loopback",
        since="4.19",
        commit="79e9fed46038",
        observed={"errno": None},
    ),
)
def test_a_waiting_connection_is_not_reused_on_loopback(ns, observe):
    with port_in_time_wait(ns, ns, "127.0.0.1") as (listener, again):
        with refused():
            again.connect(listener.getsockname())
        ns.sysctl[REUSE] = 1
        again.connect(listener.getsockname())

        assert observe("port", again.getsockname()[1]) == PORT
