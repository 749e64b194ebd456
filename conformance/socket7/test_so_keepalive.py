"""SO_KEEPALIVE: whether an idle connection is probed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from conformance.plugin.claim import claim
from conformance.plugin.needs import BLACKHOLE, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.packets import packets, source_port
from conformance.plugin.setups.pairs import UNACKED_ENDS, impatient_pair, make_impatient
from conformance.plugin.setups.threads import given_up
from conformance.plugin.timing import SOON
from libsocket import Linger, Shutdown, Socket
from netns import Capability, Peers


def port_of(sock: Socket) -> int:
    """The local port of a socket."""
    return int(sock.getsockname()[1])


@contextmanager
def two_connections(hosts: Peers) -> Iterator[tuple[Socket, Socket]]:
    """Two TCP connections with the shortest times from the left to the right, where their peers are."""
    with hosts.left.entered():
        first, second = Socket.tcp(), Socket.tcp()
    with hosts.right.entered(), listening(hosts.right.address) as listener, first, second:
        first.linger = second.linger = Linger(True, 0)  # no answer to their end may come
        make_impatient(first)
        make_impatient(second)
        first.connect(listener.getsockname())
        second.connect(listener.getsockname())
        with listener.accept()[0], listener.accept()[0]:
            yield first, second


@claim(
    "socket.7/SO_KEEPALIVE/messages-sent",
    sentence=(
        "libsocket/keepalive/sends",
        "socket.7/SO_KEEPALIVE/sends",
        "tcp.7/tcp_keepalive_time/only-with-option",
    ),
    section="Socket options",
    says="An idle TCP connection sends keep-alive messages with keepalive on, and none with keepalive off.",
    needs=[Capability.NET_RAW],
    survives={"no-op: setsockopt(*TCP_KEEPCNT*": "probes that are answered are not counted"},
)
def test_an_idle_connection_is_probed(ns, observe):
    idle, idle_peer = impatient_pair()
    probing, peer = impatient_pair()
    with idle, idle_peer, probing, peer, packets() as arriving:
        arriving.rcvtimeo = SOON
        probing.keepalive = True
        sent_by = [source_port(arriving.recv(100)) for _ in range(4)]
        times = [idle.tcp_keepidle, idle.tcp_keepintvl, idle.tcp_keepcnt]

        assert [
            observe("probed_and_answered_twice", sent_by == [port_of(probing), port_of(peer)] * 2),
            observe("times_without_keepalive", times),
        ] == [True, [1, 1, 1]]


@claim(
    "socket.7/SO_KEEPALIVE/vanished-peer",
    sentence=(
        "libsocket/keepalive/sends",
        "socket.7/SO_KEEPALIVE/sends",
        "tcp.7/TCP_KEEPCNT/drops",
        "socket.2/stream/keepalive",
    ),
    section="Socket options",
    says="With keepalive on, an idle TCP connection lives while its probes are answered and ends once they "
    "are in vain (TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT); with keepalive off it does not end.",
    needs=[Capability.NET_RAW, VETH, BLACKHOLE],
    survives=UNACKED_ENDS,
)
def test_a_vanished_peer_is_noticed(peers, observe):
    with two_connections(peers) as (idle, probing), packets() as arriving:
        arriving.rcvtimeo = SOON
        probing.keepalive = True
        probes = [arriving.recv(100) for _ in range(3)]  # a second longer than it lives without an answer
        answered = probing.error
        peers.right.namespace.add_route(f"{peers.left.address}/32", type="blackhole")
        with given_up(lambda: probing.shutdown(Shutdown.BOTH)), refused():
            probing.recv(1)
        probes.append(arriving.recv(100))
        times = [idle.tcp_keepidle, idle.tcp_keepintvl, idle.tcp_keepcnt]

        assert [
            observe("probed", [source_port(probe) == port_of(probing) for probe in probes]),
            observe("error_while_answered", answered),
            observe("times_and_error_without_keepalive", [*times, idle.error]),
        ] == [[True] * 4, 0, [1, 1, 1, 0]]
