"""TCP_FASTOPEN: a listener that takes data from the packet that asks for a connection."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH, qdisc
from conformance.plugin.refusal import refused
from conformance.plugin.setups.fast_open import (
    CLIENT,
    COOKIE_KEPT,
    SERVER,
    fast_client,
    fast_listener,
    get_cookie,
)
from conformance.plugin.setups.pairs import await_those_across
from conformance.plugin.setups.readiness import await_readable, readable_by_select
from conformance.plugin.setups.segments import ACK, FAST_OPEN, SYN, next_segment, segments
from conformance.plugin.setups.states import in_state
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Peers

VERSIONS = pytest.mark.parametrize("version", [4, 6])
SYN_RECV = 3


def granted(hosts: Peers, listener: Socket) -> list[bool | int | None]:
    """What the listener has, whether a client asks for a cookie, and the size of the one that it gets."""
    with fast_client(hosts, listener) as client, hosts.left.entered(), segments() as arriving:
        arriving.rcvtimeo = SOON
        client.connect(listener.getsockname())
        listener.accept()[0].close()
        cookie = next_segment(arriving).options.get(FAST_OPEN)
        size = None if cookie is None else len(cookie)
        return [listener.tcp_fastopen, client.tcp_fastopen_connect, size]


def hold_answers(hosts: Peers) -> None:
    """Let what the right host sends from now on wait for a second behind other packets."""
    hosts.right.namespace.add_qdisc(hosts.right.device, "tbf", rate="10kbit", burst=2000, limit=100_000)
    with hosts.right.entered(), Socket.udp() as sock:
        sock.sendto(bytes(1472), (hosts.left.address, 9))
        sock.sendto(bytes(1472), (hosts.left.address, 9))


@claim(
    "tcp.7/TCP_FASTOPEN/cookie",
    sentence=("tcp.7/TCP_FASTOPEN/enables", "tcp.7/TCP_FASTOPEN/cookie", "tcp.h/TCP_FASTOPEN/listeners"),
    section="Socket options",
    says="A TCP listener over IPv4 with TCP_FASTOPEN answers a SYN that asks for a cookie with one; with a "
    "TCP_FASTOPEN of 0 it does not.",
    since="3.7",
    needs=[Capability.NET_RAW, VETH],
    survives=COOKIE_KEPT | {"no-op: setsockopt(*TCP_FASTOPEN, ?0?*": "it is 0 at first"},
)
@pytest.mark.parametrize(("queue", "size"), [(0, None), (1, 8)])
def test_a_cookie_is_granted(peers, observe, queue, size):
    with fast_listener(peers, queue=queue) as listener:
        assert observe("queue_asked_and_size", granted(peers, listener)) == [queue, True, size]


STATES = claim(
    "defacto/TCP_FASTOPEN/states",
    says="TCP_FASTOPEN can be set on a TCP socket, over IPv4 and IPv6, that is new, bound or listens; on one "
    "that connects, is connected, or shut down in either direction, it is refused with EINVAL.",
    since="3.7",
    commit="8336886f786f",
    needs=[IPV6],
    survives={
        "no-op: listen(*": "a socket that is bound takes it as well",
        "no-op: shutdown(*": "a connection refuses it whether it is shut down or not",
    },
)
KINDS = pytest.mark.parametrize("kind", ["tcp", "tcp6"])


@STATES
@KINDS
@pytest.mark.parametrize("state", ["new", "bound", "listening"])
def test_it_is_for_listeners(ns, observe, kind, state):
    with in_state(kind, state) as sock:
        sock.tcp_fastopen = 5

        assert observe("queue", sock.tcp_fastopen) == 5


@STATES
@KINDS
@pytest.mark.parametrize("state", ["not-let-in", "connected", "shut-rd", "shut-wr", "peer-shut-wr"])
def test_it_is_not_for_connections(ns, observe, kind, state):
    with in_state(kind, state) as sock:
        with refused(errno.EINVAL):
            sock.tcp_fastopen = 5

        assert observe("queue", sock.tcp_fastopen) == 0


@claim(
    "tcp.7/TCP_FASTOPEN/sysctl",
    sentence=("tcp.7/TCP_FASTOPEN/sysctl", "tcp.7/tcp_fastopen/bits", "ip-sysctl/tcp_fastopen/server"),
    section="Socket options",
    says="A TCP listener over IPv4 with TCP_FASTOPEN grants cookies only where tcp_fastopen has the bit 2.",
    since="3.7",
    needs=[Capability.NET_RAW, VETH],
    survives=COOKIE_KEPT,
)
@pytest.mark.parametrize(("server", "size"), [(0, None), (CLIENT, None), (SERVER, 8), (CLIENT | SERVER, 8)])
def test_the_sysctl_enables_it(peers, observe, server, size):
    with fast_listener(peers, queue=5, server=server) as listener:
        assert observe("queue_asked_and_size", granted(peers, listener)) == [5, True, size]


@claim(
    "tcp.7/TCP_FASTOPEN/data-in-syn",
    sentence=(
        "tcp.7/TCP_FASTOPEN/data-in-syn",
        "tcp.7/TCP_FASTOPEN/enables",
        "ip-sysctl/tcp_fastopen/enables",
        "tcp.h/TCP_FASTOPEN/listeners",
    ),
    section="Socket options",
    says="A TCP listener with TCP_FASTOPEN, over IPv4 and IPv6, takes the data of a SYN with a valid cookie, "
    "and its SYN-ACK acknowledges that data too.",
    since="3.7",
    needs=[Capability.NET_RAW, VETH, IPV6],
    survives=COOKIE_KEPT,
)
@VERSIONS
def test_data_in_a_syn_is_taken(peers, observe, version):
    with fast_listener(peers, version=version) as listener:
        get_cookie(peers, listener)
        with fast_client(peers, listener) as client, peers.left.entered(), segments(version) as arriving:
            arriving.rcvtimeo = SOON
            with peers.right.entered(), segments(version) as asking:
                asking.rcvtimeo = SOON
                client.connect(listener.getsockname())
                client.send(b"data")
                syn = next_segment(asking)
            answer = next_segment(arriving)
            with listener.accept()[0] as accepted:
                accepted.rcvtimeo = SOON
                received = accepted.recv(9).decode()

                acknowledged = answer.acknowledged - syn.sequence & 0xFFFFFFFF
                assert [
                    observe("sent_and_received", [syn.data.decode(), received]),
                    observe("flags", [syn.flags & (SYN | ACK), answer.flags & (SYN | ACK)]),
                    observe("acknowledged", acknowledged),
                ] == [["data", "data"], [SYN, SYN | ACK], 1 + len(b"data")]


@claim(
    "tcp.7/TCP_FASTOPEN/before-handshake",
    sentence=(
        "tcp.7/TCP_FASTOPEN/before-handshake",
        "tcp.7/TCP_FASTOPEN/exchange",
        "ip-sysctl/tcp_fastopen/server",
    ),
    section="Socket options",
    says="accept(2) on a TCP listener over IPv4 with TCP_FASTOPEN returns a connection to read from and "
    "write to though its handshake is not complete.",
    since="3.7",
    needs=[VETH, qdisc("tbf")],
    survives=COOKIE_KEPT,
)
def test_data_is_exchanged_before_the_handshake(peers, observe):
    with fast_listener(peers) as listener:
        get_cookie(peers, listener)
        with fast_client(peers, listener) as client:
            client.rcvtimeo = SOON
            client.connect(listener.getsockname())
            hold_answers(peers)
            client.send(b"early", socket.MSG_DONTWAIT)
            await_readable(listener)
            with listener.accept()[0] as accepted:
                accepted.rcvtimeo = SOON
                received = [accepted.recv(9).decode()]
                accepted.send(b"reply")
                state = accepted.tcp_info.state
                received.append(client.recv(9).decode())

                seen = [*received, state]
                assert observe("received_and_state", seen) == ["early", "reply", SYN_RECV]


@claim(
    "tcp.7/TCP_FASTOPEN/queue",
    sentence=("tcp.7/TCP_FASTOPEN/queue", "ip-sysctl/tcp_fastopen/listeners"),
    section="Socket options",
    says="A TCP listener over IPv4 takes the data of as many SYNs as TCP_FASTOPEN says while their "
    "handshakes are pending: with 1 a second one waits, with 2 it does not.",
    since="3.7",
    needs=[VETH, Capability.NET_RAW, qdisc("tbf")],
    survives=COOKIE_KEPT,
)
@pytest.mark.parametrize(("queue", "second_waits"), [(1, False), (2, True)])
def test_so_many_syns_may_be_pending(peers, observe, queue, second_waits):
    with fast_listener(peers, queue=queue) as listener:
        get_cookie(peers, listener)
        with fast_client(peers, listener) as first, fast_client(peers, listener) as second:
            first.connect(listener.getsockname())
            second.connect(listener.getsockname())
            hold_answers(peers)
            with peers.right.entered(), segments() as asking:
                asking.rcvtimeo = SOON
                first.send(b"first", socket.MSG_DONTWAIT)
                await_readable(listener)
                second.send(b"second", socket.MSG_DONTWAIT)
                data = [next_segment(asking).data.decode() for _ in range(2)]
            await_those_across(peers)
            with listener.accept()[0] as accepted:
                seen = [accepted.recv(9).decode(), accepted.tcp_info.state, readable_by_select(listener)]

                assert [observe("sent", data), observe("received_state_and_another", seen)] == [
                    ["first", "second"],
                    ["first", SYN_RECV, second_waits],
                ]
