"""Sysctls of TCP that tcp(7) does not have."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager
from socket import SHUT_RD

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ROUTE_TIMERS, VETH, sysctl
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import ACKNOWLEDGED_LATER, MADE, SEGMENT, MadePeer, made_peer
from conformance.plugin.setups.pairs import UNACKED_ENDS
from conformance.plugin.setups.readiness import await_end, await_readable, readable_by_select
from conformance.plugin.setups.reuse import sharing_socket
from conformance.plugin.setups.segments import ACK, FIN, MSS, RST
from conformance.plugin.timing import SOON, timed
from libsocket import Linger, Socket
from netns import Namespace, Peers

MIGRATE, REUSE, DELAY, NOTSENT, RTO_MIN, MIN_MSS = (
    f"net.ipv4.tcp_{name}"
    for name in ("migrate_req", "tw_reuse", "tw_reuse_delay", "notsent_lowat", "rto_min_us", "min_snd_mss")
)
HERE = "127.0.0.1"
PORT = 20_000
LONGER_THAN_A_SECOND, SOME_MILLISECONDS = 1.1, 0.02
"""In seconds."""
UNSENT = 2 * SEGMENT
SECOND = 1_000_000
"""In microseconds."""


@contextmanager
def queued() -> Iterator[tuple[Socket, Socket, Socket]]:
    """A listener with a connection to be accepted, another one of the same port, and the client."""
    with sharing_socket() as first, sharing_socket() as second, Socket.tcp() as client:
        first.bind((HERE, 0))
        second.bind(first.getsockname())
        first.listen()
        client.connect(first.getsockname())
        await_readable(first)
        second.listen()
        client.rcvtimeo = second.rcvtimeo = SOON
        yield first, second, client


@claim(
    "ip-sysctl/tcp_migrate_req/default",
    sentence=("ip-sysctl/tcp_migrate_req/aborted", "ip-sysctl/tcp_migrate_req/default"),
    section="TCP variables",
    says="In a new network namespace a TCP connection over IPv4 that waits to be accepted is ended when its "
    "listener is closed, though another listens on the port by SO_REUSEPORT, which accepts the next one.",
    needs=[sysctl(MIGRATE)],
    survives={"no-op: bind(*": "a listener that is not bound is given a port"},
)
def test_what_waits_is_aborted(ns, observe):
    with queued() as (first, second, client), Socket.tcp() as later:
        address = first.getsockname()
        first.close()
        with refused():
            client.recv(1)
        later.connect(address)
        with second.accept()[0] as server:
            assert observe("accepted", server.getpeername() == later.getsockname()) is True


@claim(
    "ip-sysctl/tcp_migrate_req/migrates",
    sentence=("ip-sysctl/tcp_migrate_req/migrates", "ip-sysctl/tcp_migrate_req/so-reuseport"),
    section="TCP variables",
    says="With tcp_migrate_req a TCP connection over IPv4 that waits to be accepted goes, when its listener "
    "is closed or shut down, to another that listens on the port by SO_REUSEPORT, and is accepted there.",
    since="5.14",
    needs=[sysctl(MIGRATE)],
)
@pytest.mark.parametrize(
    "end", [Socket.close, lambda listener: listener.shutdown(SHUT_RD)], ids=["close", "shutdown"]
)
def test_what_waits_goes_to_another(ns, observe, end):
    ns.sysctl[MIGRATE] = 1
    with queued() as (first, second, client):
        end(first)
        client.send(b"hello")
        with second.accept()[0] as server:
            server.rcvtimeo = SOON

            assert observe("received", server.recv(9).decode()) == "hello"


@contextmanager
def in_time_wait(
    near: Namespace, far: Namespace, address: str, seconds: float
) -> Iterator[tuple[Socket, Socket]]:
    """A listener, and a socket that connects to it from the port of a connection that has waited so long."""
    with far.entered(), listening(address) as listener, near.entered():
        near.sysctl["net.ipv4.ip_local_port_range"] = f"{PORT} {PORT}"
        with Socket.tcp() as first:
            first.connect(listener.getsockname())
            with listener.accept()[0] as server:
                first.close()
                await_end(server)
        readable_by_select(listener, seconds)
        with Socket.tcp() as again:
            yield listener, again


@contextmanager
def reusing(hosts: Peers) -> Iterator[tuple[Socket, Socket]]:
    """The same, over the wire, with tcp_tw_reuse and for longer than a second."""
    hosts.left.namespace.sysctl[REUSE] = 1
    with in_time_wait(
        hosts.left.namespace, hosts.right.namespace, hosts.right.address, LONGER_THAN_A_SECOND
    ) as sockets:
        yield sockets


def reused(near: Namespace, far: Namespace, address: str) -> bool:
    """Whether addresses and ports with which a connection waits since some milliseconds are used again."""
    with in_time_wait(near, far, address, SOME_MILLISECONDS) as (listener, again):
        again.connect_ex(listener.getsockname())
        return bool(again.getsockname()[1] == PORT)


@claim(
    "ip-sysctl/tcp_tw_reuse/values",
    sentence=("ip-sysctl/tcp_tw_reuse/values", "ip-sysctl/tcp_tw_reuse/default"),
    section="TCP variables",
    says="A TCP socket over IPv4 connects with addresses and ports with which a connection waits in "
    "TIME-WAIT for longer than tcp_tw_reuse_delay, over loopback and to another host where tcp_tw_reuse is "
    "1, over loopback alone where it is 2, as it is in a new network namespace, and not where it is 0.",
    since="4.19",
    needs=[VETH, sysctl(DELAY)],
)
@pytest.mark.parametrize(
    ("settings", "loopback", "wire"),
    [({}, True, False), ({REUSE: 0}, False, False), ({REUSE: 1}, True, True), ({REUSE: 2}, True, False)],
    ids=["at-first", "0", "1", "2"],
)
def test_a_connection_is_reused_over_some_links(peers, observe, settings, loopback, wire):
    near, far = peers.left.namespace, peers.right.namespace
    near.sysctl.update({DELAY: 1, **settings})
    seen = [reused(near, near, HERE), reused(near, far, peers.right.address)]

    assert observe("loopback_and_wire", seen) == [loopback, wire]


@claim(
    "ip-sysctl/tcp_tw_reuse_delay/milliseconds",
    sentence="ip-sysctl/tcp_tw_reuse_delay/milliseconds",
    section="TCP variables",
    says="With tcp_tw_reuse 1 and a tcp_tw_reuse_delay of 60000 a TCP socket over IPv4 does not connect with "
    "addresses and ports with which a connection waits in TIME-WAIT since a second, and with 1 it does.",
    needs=[VETH, sysctl(DELAY)],
)
def test_a_connection_waits_before_it_is_reused(peers, observe):
    peers.left.namespace.sysctl[DELAY] = 60_000
    with reusing(peers) as (listener, again):
        with refused():
            again.connect(listener.getsockname())
        peers.left.namespace.sysctl[DELAY] = 1
        again.connect(listener.getsockname())

        assert observe("port", again.getsockname()[1]) == PORT


@claim(
    "ip-sysctl/tcp_tw_reuse_delay/default",
    sentence="ip-sysctl/tcp_tw_reuse_delay/default",
    section="TCP variables",
    says="In a new network namespace tcp_tw_reuse_delay is 1000, and with tcp_tw_reuse 1 a TCP socket over "
    "IPv4 connects with addresses and ports with which a connection waits in TIME-WAIT since 1.1 seconds.",
    needs=[VETH, sysctl(DELAY)],
)
def test_a_connection_is_reused_after_a_second(peers, observe):
    delay = observe("delay", peers.left.namespace.sysctl[DELAY])
    with reusing(peers) as (listener, again):
        again.connect(listener.getsockname())

        assert [delay, observe("port", again.getsockname()[1])] == ["1000", PORT]


@claim(
    "ip-sysctl/tcp_tw_reuse_delay/never-less",
    sentence="ip-sysctl/tcp_tw_reuse_delay/range",
    section="TCP variables",
    says="With tcp_tw_reuse 1 and a tcp_tw_reuse_delay of 300 or 600 a TCP socket over IPv4 connects with "
    "addresses and ports with which a connection waits in TIME-WAIT once it has for so many milliseconds, "
    "and not before.",
    needs=[VETH, sysctl(DELAY)],
)
@pytest.mark.parametrize("milliseconds", [300, 600])
def test_a_connection_is_not_reused_before(peers, observe, milliseconds):
    near, far = peers.left.namespace, peers.right.namespace
    near.sysctl.update({REUSE: 1, DELAY: milliseconds})
    with timed() as took, in_time_wait(near, far, peers.right.address, 0) as (listener, again):
        await_reuse(again, listener)
        took.stop()

        seen = [again.getsockname()[1], took.lasted(milliseconds / 1000)]
        assert observe("port_and_late", seen) == [PORT, True]


def await_reuse(sock: Socket, listener: Socket) -> None:
    """Try to connect until that is done."""
    while sock.connect_ex(listener.getsockname()):
        readable_by_select(listener, SOME_MILLISECONDS)


def writable(sock: Socket) -> bool:
    return bool(select.select([], [sock], [], 0)[1])


@contextmanager
def unsent(hosts: Peers) -> Iterator[Socket]:
    """A connection whose peer's window leaves no room for two segments that were written."""
    with made_peer(hosts) as peer, hosts.right.entered(), listening(hosts.right.address) as listener:
        peer.window = SEGMENT
        peer.connect(listener)
        await_readable(listener)
        with listener.accept()[0] as sock:
            sock.linger = Linger(True, 0)
            sock.send(bytes(SEGMENT + UNSENT))
            yield sock


@claim(
    "ip-sysctl/tcp_notsent_lowat/at-once",
    sentence=(
        "ip-sysctl/tcp_notsent_lowat/all",
        "ip-sysctl/tcp_notsent_lowat/at-once",
        "ip-sysctl/tcp_notsent_lowat/default",
    ),
    section="TCP variables",
    says="A TCP connection over IPv4 with 2000 bytes that are not sent yet is writable in a new network "
    "namespace, and not from when tcp_notsent_lowat is 2000; with a TCP_NOTSENT_LOWAT of 1000000 it is.",
    since="4.6",
    needs=MADE,
    survives=UNACKED_ENDS,
)
def test_the_limit_changes_at_once(peers, observe):
    with unsent(peers) as sock:
        seen = [writable(sock)]
        peers.right.namespace.sysctl[NOTSENT] = UNSENT
        seen.append(writable(sock))
        sock.tcp_notsent_lowat = 1_000_000
        seen.append(writable(sock))

        assert observe("unsent_and_writable", [sock.tcp_info.notsent_bytes, *seen]) == [
            UNSENT,
            True,
            False,
            True,
        ]


@claim(
    "ip-sysctl/tcp_notsent_lowat/below",
    sentence="ip-sysctl/tcp_notsent_lowat/pollout",
    section="TCP variables",
    says="A TCP connection over IPv4 with 2000 bytes that are not sent yet is writable with a "
    "tcp_notsent_lowat of 2001, and not with 2000.",
    since="4.6",
    needs=MADE,
    survives={**UNACKED_ENDS, "no-op: sendto(*": "without unsent bytes it is writable with each"},
    expect=differs(
        "only while twice the number of unsent bytes is less: with 4001, and not with 4000",
        since="5.10",
        backports=("4.19.284", "5.4.270"),
        commit="8ba3c9d1c6d7",
        observed={"writable": [False, False, False, True]},
    ),
)
def test_it_is_writable_below_the_limit(peers, observe):
    with unsent(peers) as sock:
        seen = []
        for limit in (UNSENT, UNSENT + 1, 2 * UNSENT, 2 * UNSENT + 1):
            peers.right.namespace.sysctl[NOTSENT] = limit
            seen.append(writable(sock))

        assert observe("writable", seen) == [False, True, True, True]


def timeout_after_data(hosts: Peers, *, option: int | None = None) -> int:
    """The retransmission timeout of a connection, in microseconds, once the time of a round trip is known."""
    with (
        hosts.right.entered(),
        listening(hosts.right.address) as listener,
        hosts.left.entered(),
        Socket.tcp() as sock,
    ):
        if option is not None:
            sock.tcp_rto_min_us = option
        sock.connect(listener.getsockname())
        with listener.accept()[0] as server:
            sock.rcvtimeo = SOON
            sock.send(b"x")
            server.send(server.recv(1))
            sock.recv(1)
            return sock.tcp_info.rto


@claim(
    "ip-sysctl/tcp_rto_min_us/least",
    sentence="ip-sysctl/tcp_rto_min_us/least",
    section="TCP variables",
    says="The retransmission timeout of a TCP connection over IPv4, which TCP_INFO has, is tcp_rto_min_us at "
    "least, with 2000000 and with 5000000.",
    since="6.11",
    needs=[VETH, sysctl(RTO_MIN)],
)
@pytest.mark.parametrize("least", [2_000_000, 5_000_000])
def test_the_timeout_has_a_least(peers, observe, least):
    peers.left.namespace.sysctl[RTO_MIN] = least

    assert observe("not_less", timeout_after_data(peers) >= least) is True


@claim(
    "ip-sysctl/tcp_rto_min_us/default",
    sentence="ip-sysctl/tcp_rto_min_us/values",
    section="TCP variables",
    says="In a new network namespace tcp_rto_min_us is 200000, and the retransmission timeout of a TCP "
    "connection over IPv4 that at least.",
    since="6.11",
    needs=[VETH, sysctl(RTO_MIN)],
)
def test_the_timeout_has_a_least_at_first(peers, observe):
    least = observe("least", peers.left.namespace.sysctl[RTO_MIN])

    assert [least, observe("not_less", timeout_after_data(peers) >= 200_000)] == ["200000", True]


@claim(
    "ip-sysctl/tcp_rto_min_us/precedence",
    sentence=("ip-sysctl/tcp_rto_min_us/precedence", "rtnetlink.7/RTAX_LOCK/precedence"),
    section="TCP variables",
    says="The least retransmission timeout of a TCP connection over IPv4 is the route's rto_min rather than "
    "tcp_rto_min_us, whichever is 2 seconds and which 5.",
    since="6.11",
    needs=[VETH, ROUTE_TIMERS, sysctl(RTO_MIN)],
)
@pytest.mark.parametrize(("least", "of_route"), [(2, 5), (5, 2)])
def test_the_route_has_precedence(peers, observe, least, of_route):
    left = peers.left
    left.namespace.sysctl[RTO_MIN] = least * SECOND
    left.namespace.add_route(f"{peers.right.address}/32", dev=left.device, rto_min=of_route)
    timeout = timeout_after_data(peers)

    assert observe("2_and_5", [timeout >= 2 * SECOND, timeout >= 5 * SECOND]) == [True, of_route == 5]


@claim(
    "ip-sysctl/tcp_rto_min_us/precedence-of-option",
    sentence=("ip-sysctl/tcp_rto_min_us/precedence", "rtnetlink.7/RTAX_LOCK/precedence"),
    section="TCP variables",
    says="The least retransmission timeout of a TCP connection over IPv4 with a TCP_RTO_MIN_US of 200000 is "
    "that rather than a tcp_rto_min_us of 5 seconds, and the route's rto_min, 2 seconds, rather than both.",
    since="6.15",
    needs=[VETH, ROUTE_TIMERS, sysctl(RTO_MIN)],
    survives={"no-op: setsockopt(*200000*": "the route's counts more anyway, where there is one"},
)
def test_the_option_has_precedence(peers, observe):
    left = peers.left
    left.namespace.sysctl[RTO_MIN] = 5 * SECOND
    without_route = timeout_after_data(peers, option=200_000)
    left.namespace.add_route(f"{peers.right.address}/32", dev=left.device, rto_min=2)
    with_route = timeout_after_data(peers, option=200_000)

    reached = [[timeout >= number * SECOND for number in (2, 5)] for timeout in (without_route, with_route)]
    assert observe("2_and_5", reached) == [[False, False], [True, False]]


@claim(
    "ip-sysctl/tcp_min_snd_mss/least",
    sentence=("ip-sysctl/tcp_min_snd_mss/least", "ip-sysctl/tcp_min_snd_mss/default"),
    section="TCP variables",
    says="A TCP connection over IPv4 whose peer announces a segment size below 48 sends segments of 48 bytes "
    "in a new network namespace, and whose peer announces 48 or 49 those of as many.",
    since="5.2",
    needs=MADE,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("announced", "size"), [(1, 48), (47, 48), (48, 48), (49, 49)])
def test_segments_have_a_least_size_at_first(peers, observe, announced, size):
    assert observe("size_and_segments", segment_sizes(peers, announced, size)) == [size, 5]


@claim(
    "ip-sysctl/tcp_min_snd_mss/changed",
    sentence="ip-sysctl/tcp_min_snd_mss/least",
    section="TCP variables",
    says="With a tcp_min_snd_mss of 100 a TCP connection over IPv4 whose peer announces 99 sends segments "
    "of 100 bytes, and whose peer announces 101 those of 101.",
    since="5.2",
    needs=MADE,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("announced", "size"), [(99, 100), (100, 100), (101, 101)])
def test_segments_have_a_least_size(peers, observe, announced, size):
    peers.right.namespace.sysctl[MIN_MSS] = 100

    assert observe("size_and_segments", segment_sizes(peers, announced, size)) == [size, 5]


def segment_sizes(hosts: Peers, announced: int, expected: int) -> list[int]:
    """The segment size where the peer announces one, and how many of the expected one and a byte are sent."""
    with made_peer(hosts) as peer, hosts.right.entered(), listening(hosts.right.address) as listener:
        peer.connect(listener, {MSS: announced.to_bytes(2, "big")})
        await_readable(listener)
        with listener.accept()[0] as sock:
            sock.linger = Linger(True, 0)
            sock.send(bytes(4 * expected + 1))
            info = sock.tcp_info
            return [info.snd_mss, info.unacked]


@claim(
    "ip-sysctl/tcp_rfc1337/assassination",
    sentence="ip-sysctl/tcp_rfc1337/assassination",
    section="TCP variables",
    says="In a new network namespace, where tcp_rfc1337 is 0, a reset does not end a TCP connection over "
    "IPv4 in TIME-WAIT: it goes on to acknowledge what its peer repeats.",
    needs=MADE,
    survives=ACKNOWLEDGED_LATER,
    expect=differs(
        "it ends it, and what the peer repeats is answered with a reset: 1 is what prevents that",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"before_and_after": [ACK, RST]},
    ),
)
def test_a_reset_does_not_end_what_waits(peers, observe):
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as listener:
        peer.connect(listener)
        await_readable(listener)
        listener.accept()[0].close()
        peer.take(peer.next())
        peer.send(FIN | ACK)
        before = answers_to_repeated_end(peer)
        peer.send(RST, sequence=peer.sequence + 1)

        assert observe("before_and_after", [*before, *answers_to_repeated_end(peer)]) == [ACK, ACK]


def answers_to_repeated_end(peer: MadePeer) -> list[int]:
    """Whether the end of a connection that is sent once more is acknowledged or reset."""
    peer.replies()
    peer.send(FIN | ACK)
    return [RST if one.reset else one.flags for one in peer.replies()]
