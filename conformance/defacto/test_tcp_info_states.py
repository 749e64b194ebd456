"""TCP_INFO: states, times and sizes of a connection, as segments come and go."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import (
    ACKNOWLEDGED_LATER,
    ADDRESS,
    FIRST,
    MADE,
    MADE_ENDS,
    OFFERED,
    SEGMENT,
    SYN_AGAIN,
    accepted_from,
    made_peer,
    next_with,
    reach,
    with_timestamp,
)
from conformance.plugin.setups.punctual import promptly
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.segments import ACK, RST, SYN
from conformance.plugin.timing import SOON
from libsocket import Socket, TcpInfo
from netns import Capability

WITH_TIMESTAMPS = {**OFFERED, **with_timestamp(1_000_000)}
OF_TIMESTAMP = 12
"""Bytes of each segment that a timestamp takes."""
SYN_RECEIVED = 3
LEAST = 200_000
"""The shortest timeout there is, beside the round trip, in microseconds."""
JIFFY = 10_000
"""The longest tick there is, in microseconds."""


@claim(
    "defacto/TCP_INFO/ending",
    says="TCP_INFO.state of a TCP socket over IPv4 that was shut down is FIN-WAIT-1 (4), FIN-WAIT-2 (5) once "
    "its FIN is acknowledged, CLOSING (11) where the peer's came first, LAST-ACK (9) where the peer had "
    "ended before; in TIME-WAIT, which is not the socket's any more, it is CLOSE (7).",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives={**MADE_ENDS, **ACKNOWLEDGED_LATER},
)
@pytest.mark.parametrize(
    ("state", "number"),
    [("fin-wait-1", 4), ("fin-wait-2", 5), ("closing", 11), ("last-ack", 9), ("time-wait", 7)],
)
def test_the_states_of_the_end(peers, observe, state, number):
    with accepted_from(peers) as (sock, peer):
        before = sock.tcp_info.state
        reach(sock, peer, state)

        assert observe("before_and_after", [before, sock.tcp_info.state]) == [1, number]


@claim(
    "defacto/TCP_INFO/syn-received",
    says="TCP_INFO.state of a TCP socket over IPv4 that is connecting is SYN-RECEIVED (3) after a SYN came "
    "that acknowledges nothing, which it answers with a SYN-ACK, and ESTABLISHED (1) once that is "
    "acknowledged.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
)
def test_both_connect_at_once(peers, observe):
    with made_peer(peers) as peer, peers.right.entered(), Socket.tcp() as sock:
        sock.setblocking(False)
        sock.connect_ex((ADDRESS, peer.port))
        peer.take(peer.next())
        peer.send(SYN, options=OFFERED)
        peer.sequence += 1
        answer = next_with(ACK, peer).flags
        states = [sock.tcp_info.state]
        peer.send()
        peer.replies()
        states.append(sock.tcp_info.state)
        peer.send(RST | ACK)

        assert observe("answer_and_states", [answer, states]) == [SYN | ACK, [SYN_RECEIVED, 1]]


@claim(
    "defacto/TCP_INFO/first-round-trip",
    says="After one round trip was measured TCP_INFO.rttvar of a TCP connection over IPv4 is half of its "
    "rtt, and rto, in whole ticks, the rtt and four times rttvar, or the rtt and 200 milliseconds where "
    "that is more.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
)
@pytest.mark.parametrize("seconds", [0.01, 0.12])
def test_the_timeout_follows_the_round_trip(peers, observe, seconds):
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as listener:

        def answer_later() -> TcpInfo:
            peer.sequence = FIRST
            peer.ask(listener)
            peer.during(seconds)
            peer.send()
            await_readable(listener)
            with listener.accept()[0] as sock:
                info = sock.tcp_info
                peer.reset()
                return info

        info = promptly(SYN_AGAIN, answer_later)

    more = info.rto - (info.rtt + max(4 * info.rttvar, LEAST))
    found = [
        info.rtt >= 1_000_000 * seconds - JIFFY,
        info.rttvar - info.rtt // 2,
        -JIFFY < more < JIFFY,
    ]
    assert observe("measured_half_timeout", found) == [True, 0, True]


@claim(
    "defacto/TCP_INFO/last-times",
    says="TCP_INFO of a TCP connection over IPv4 that sent data, which was acknowledged a tenth of a second "
    "later, has a last_data_sent that is larger by about as many milliseconds than last_ack_recv, which was "
    "as large or larger before that came.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
)
def test_how_long_ago_something_came(peers, observe):
    with accepted_from(peers) as (sock, peer):
        sock.send(b"hello")
        peer.take(peer.next())
        peer.during(0.1)
        before = sock.tcp_info
        peer.send()
        peer.replies()
        after = sock.tcp_info

        found = [
            before.last_data_sent >= 100 - 10,
            before.last_ack_recv >= before.last_data_sent,
            after.last_data_sent - after.last_ack_recv >= 100 - 20,
        ]
        assert observe("sent_unacknowledged_acknowledged", found) == [True, True, True]


@claim(
    "defacto/TCP_INFO/advertised-segment",
    says="TCP_INFO.advmss of an accepted TCP connection over IPv4 is the segment size that its SYN-ACK "
    "announced, that of the MTU, and snd_mss that which the peer's SYN did, each less 12 bytes where there "
    "are timestamps.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
@pytest.mark.parametrize(("options", "less"), [(OFFERED, 0), (WITH_TIMESTAMPS, OF_TIMESTAMP)])
@pytest.mark.parametrize("mtu", [1500, 1400])
def test_the_sizes_of_segments(peers, observe, *, options, less, mtu):
    peers.right.namespace.set_link(peers.right.device, mtu=mtu)
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as listener:
        announced = peer.connect(listener, options).mss
        await_readable(listener)
        with listener.accept()[0] as sock:
            info = sock.tcp_info
            peer.reset()

            found = [announced, info.advmss, info.snd_mss]
            assert observe("announced_advmss_snd_mss", found) == [mtu - 40, mtu - 40 - less, SEGMENT - less]


@claim(
    "defacto/TCP_MAXSEG/path-mtu",
    says="TCP_MAXSEG and TCP_INFO.snd_mss of a TCP connection over IPv4 with timestamps are the MTU of the "
    "path less 52, also once a router told of a smaller one; what was too large arrives.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH, Capability.NET_RAW],
)
def test_the_path_takes_less(routed, observe):
    routed.router_right.namespace.set_link(routed.router_right.device, mtu=1000)
    with (
        routed.right.entered(),
        listening(routed.right.address) as listener,
        routed.left.entered(),
        Socket.tcp() as sender,
    ):
        sender.connect(listener.getsockname())
        with listener.accept()[0] as receiver:
            receiver.rcvtimeo = SOON
            sizes = [[sender.tcp_maxseg, sender.tcp_info.snd_mss]]
            sender.send(bytes(1400))
            received = len(receiver.read_exact(1400))
            sizes.append([sender.tcp_maxseg, sender.tcp_info.snd_mss])

            assert observe("received_and_sizes", [received, sizes]) == [1400, [[1448, 1448], [948, 948]]]
