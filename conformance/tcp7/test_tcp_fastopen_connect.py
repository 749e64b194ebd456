"""TCP_FASTOPEN_CONNECT: a connect that waits for data where there is a cookie."""

from __future__ import annotations

import errno
import os

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.fast_open import COOKIE_KEPT, fast_client, fast_listener, get_cookie
from conformance.plugin.setups.segments import FAST_OPEN, SYN, next_segment, segments, waiting_segments
from conformance.plugin.timing import SOON, timed
from libsocket import Socket
from netns import Capability

ON_THE_WIRE = (Capability.NET_RAW, VETH, IPV6)
VERSIONS = pytest.mark.parametrize("version", [4, 6])
ESTABLISHED, SYN_SENT = 1, 2


def write(sock: Socket, data: bytes) -> int:
    """write(2)"""
    return os.write(sock.fileno(), data)


def sendmsg(sock: Socket, data: bytes) -> int:
    """sendmsg(2)"""
    return sock.sendmsg([data])


@claim(
    "tcp.7/TCP_FASTOPEN_CONNECT/without-cookie",
    sentence=(
        "tcp.7/TCP_FASTOPEN_CONNECT/enables",
        "tcp.7/TCP_FASTOPEN_CONNECT/depends",
        "tcp.7/TCP_FASTOPEN_CONNECT/without-cookie",
    ),
    section="Socket options",
    says="A TCP socket with TCP_FASTOPEN_CONNECT, over IPv4 and IPv6, that has no cookie for its peer "
    "connects as usual, and its SYN has an empty Fast Open option.",
    since="4.11",
    needs=ON_THE_WIRE,
    survives={
        "no-op: setsockopt(*TCP_FASTOPEN, ?5?*": "a client asks without knowing what is granted",
        "no-op: close(*": "what is closed at the end is not used again",
    },
)
@VERSIONS
def test_a_first_connect_asks_for_a_cookie(peers, observe, version):
    with fast_listener(peers, version=version) as listener, fast_client(peers, listener) as client:
        with peers.right.entered(), segments(version) as asking:
            asking.rcvtimeo = SOON
            client.connect(listener.getsockname())
            syn = next_segment(asking)

        seen = [syn.options[FAST_OPEN].hex(), syn.data.decode(), client.tcp_info.state]
        assert observe("option_data_and_state", seen) == ["", "", ESTABLISHED]


@claim(
    "tcp.7/TCP_FASTOPEN_CONNECT/with-cookie",
    sentence=(
        "tcp.7/TCP_FASTOPEN_CONNECT/depends",
        "tcp.7/TCP_FASTOPEN_CONNECT/with-cookie",
        "tcp.7/TCP_FASTOPEN_CONNECT/write",
        "tcp.7/TCP_FASTOPEN_CONNECT/deferred",
        "tcp.7/TCP_FASTOPEN_CONNECT/write-first",
        "tcp.h/TCP_FASTOPEN_CONNECT/attempts",
    ),
    section="Socket options",
    says="A TCP socket with TCP_FASTOPEN_CONNECT, over IPv4 and IPv6, that has a cookie for its peer sends "
    "no SYN when it connects, and sends one with cookie and data at its first write(2) or sendmsg(2).",
    since="4.11",
    needs=ON_THE_WIRE,
    survives=COOKIE_KEPT,
)
@VERSIONS
@pytest.mark.parametrize("send", [write, sendmsg])
def test_a_write_sends_the_syn(peers, observe, version, send):
    with fast_listener(peers, version=version) as listener:
        get_cookie(peers, listener)
        with fast_client(peers, listener) as client, peers.right.entered(), segments(version) as asking:
            asking.rcvtimeo = SOON
            client.connect(listener.getsockname())
            before = [len(waiting_segments(asking)), client.tcp_info.state]
            send(client, b"data")
            syn = next_segment(asking)

            assert [
                observe("segments_and_state_before", before),
                observe("flags", syn.flags),
                observe("cookie_size_and_data", [len(syn.options[FAST_OPEN]), syn.data.decode()]),
            ] == [[0, SYN_SENT], SYN, [8, "data"]]


@claim(
    "tcp.7/TCP_FASTOPEN_CONNECT/flow",
    sentence="tcp.7/TCP_FASTOPEN_CONNECT/flow",
    section="Socket options",
    says="A TCP socket over IPv4 that has a cookie for its peer is made with socket, TCP_FASTOPEN_CONNECT, "
    "connect and write, in this order, and then reads and writes.",
    since="4.11",
    needs=[VETH],
    survives=COOKIE_KEPT,
)
def test_a_connection_is_made_by_a_write(peers, observe):
    with fast_listener(peers) as listener:
        get_cookie(peers, listener)
        with fast_client(peers, listener) as client:
            client.connect(listener.getsockname())
            state = client.tcp_info.state
            client.send(b"first")
            with listener.accept()[0] as accepted:
                client.rcvtimeo = accepted.rcvtimeo = SOON
                received = [accepted.recv(9).decode()]
                accepted.send(b"answer")
                received.append(client.recv(9).decode())
                client.send(b"second")
                received.append(accepted.recv(9).decode())

                seen = [state, *received]
                assert observe("state_and_received", seen) == [SYN_SENT, "first", "answer", "second"]


@claim(
    "tcp.7/TCP_FASTOPEN_CONNECT/read-waits",
    sentence="tcp.7/TCP_FASTOPEN_CONNECT/read-blocks",
    section="Socket options",
    says="A receive right after the connect of a TCP socket over IPv4 with TCP_FASTOPEN_CONNECT and a cookie "
    "waits, here until SO_RCVTIMEO ends it, and no SYN is sent meanwhile.",
    since="4.11",
    needs=[Capability.NET_RAW, VETH],
    survives=COOKIE_KEPT,
)
def test_a_read_waits_in_vain(peers, observe):
    with fast_listener(peers) as listener:
        get_cookie(peers, listener)
        with fast_client(peers, listener) as client, peers.right.entered(), segments() as asking:
            client.rcvtimeo = 1
            client.connect(listener.getsockname())
            with timed() as took, refused(errno.EAGAIN):
                client.recv(1)

            sent = len(waiting_segments(asking))
            assert observe("lasted_and_segments", [took.lasted(1), sent]) == [True, 0]


@claim(
    "defacto/TCP_FASTOPEN_CONNECT/twice",
    says="A second connect of a non-blocking TCP socket over IPv4 with TCP_FASTOPEN_CONNECT and a cookie, "
    "whose first one succeeded and has sent nothing, fails with EISCONN, and a write makes the "
    "connection then.",
    since="4.11",
    commit="3979ad7e82df",
    needs=[VETH],
    survives=COOKIE_KEPT,
)
def test_a_second_connect_finds_it_connected(peers, observe):
    with fast_listener(peers) as listener:
        get_cookie(peers, listener)
        with fast_client(peers, listener) as client:
            client.nonblocking = True
            client.connect(listener.getsockname())
            with refused(errno.EISCONN):
                client.connect(listener.getsockname())
            state = client.tcp_info.state
            client.send(b"data")
            with listener.accept()[0] as accepted:
                accepted.rcvtimeo = SOON

                assert observe("state_and_received", [state, accepted.recv(9).decode()]) == [SYN_SENT, "data"]
