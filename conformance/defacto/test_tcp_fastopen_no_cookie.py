"""TCP_FASTOPEN_NO_COOKIE: data in the request for a connection, from whom no cookie is asked."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH, Need
from conformance.plugin.refusal import refused
from conformance.plugin.setups.fast_open import fast_client, fast_listener
from conformance.plugin.setups.segments import FAST_OPEN, next_segment, segments
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability

ACROSS: tuple[Need | Capability, ...] = (Capability.NET_RAW, VETH, IPV6)
AT_FIRST = {"no-op: setsockopt(*TCP_FASTOPEN_NO_COOKIE, ?0?*": "it is 0 at first"}


@claim(
    "defacto/TCP_FASTOPEN_NO_COOKIE/client",
    sentence=("tcp.h/TCP_FASTOPEN_NO_COOKIE/without"),
    says="A TCP client, over IPv4 and IPv6, that has TCP_FASTOPEN_NO_COOKIE and TCP_FASTOPEN_CONNECT sends "
    "its first data with the SYN, and no Fast Open option, to a host of which it has no cookie, where "
    "net.ipv4.tcp_fastopen lets clients use Fast Open (1); without the former its SYN has the option and no "
    "data.",
    since="4.15",
    commit="71c02379c762",
    needs=ACROSS,
    survives=AT_FIRST
    | {
        "no-op: sendto(*": "a SYN that asks for a cookie is sent by connect(2)",
        "no-op: setsockopt(*TCP_FASTOPEN, *": "what the listener answers is not looked at",
    },
)
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("no_cookie", "syn"), [(False, ["", True]), (True, ["data", False])])
def test_a_client_sends_data_without_a_cookie(peers, observe, version, no_cookie, syn):
    with (
        fast_listener(peers, version=version) as listener,
        fast_client(peers, listener) as client,
        peers.right.entered(),
        segments(version) as arriving,
    ):
        arriving.rcvtimeo = SOON
        client.tcp_fastopen_no_cookie = no_cookie
        client.connect(listener.getsockname())
        client.send(b"data")
        asked = next_segment(arriving)

        seen = [asked.data.decode(), FAST_OPEN in asked.options]
        assert [observe("data_and_option", seen), client.tcp_fastopen_no_cookie] == [syn, no_cookie]


@claim(
    "defacto/TCP_FASTOPEN_NO_COOKIE/listener",
    sentence=("tcp.h/TCP_FASTOPEN_NO_COOKIE/without"),
    says="The SYN-ACK of a TCP listener, over IPv4 and IPv6, with TCP_FASTOPEN and TCP_FASTOPEN_NO_COOKIE "
    "acknowledges the data of a SYN that has no cookie, where net.ipv4.tcp_fastopen lets listeners use Fast "
    "Open (2); without the latter option it acknowledges the SYN alone.",
    since="4.15",
    commit="71c02379c762",
    needs=ACROSS,
    survives=AT_FIRST | {"no-op: setsockopt(*TCP_FASTOPEN, *": "a listener without it takes no data either"},
)
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("no_cookie", "acknowledged"), [(False, 1), (True, 5)])
def test_a_listener_takes_data_without_a_cookie(peers, observe, version, no_cookie, acknowledged):
    with (
        fast_listener(peers, version=version) as listener,
        fast_client(peers, listener) as client,
        peers.right.entered(),
        segments(version) as asking,
        peers.left.entered(),
        segments(version) as arriving,
    ):
        asking.rcvtimeo = arriving.rcvtimeo = SOON
        listener.tcp_fastopen_no_cookie = no_cookie
        client.tcp_fastopen_no_cookie = True
        client.connect(listener.getsockname())
        client.send(b"data")
        asked, answer = next_segment(asking), next_segment(arriving)

        numbers = answer.acknowledged - asked.sequence & 0xFFFFFFFF
        assert [observe("data", asked.data.decode()), observe("acknowledged", numbers)] == [
            "data",
            acknowledged,
        ]


@claim(
    "defacto/TCP_FASTOPEN_NO_COOKIE/states",
    says="Setting TCP_FASTOPEN_NO_COOKIE of a TCP connection, over IPv4 and IPv6, is refused with EINVAL, "
    "and a listener takes it.",
    since="4.15",
    commit="71c02379c762",
)
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_connection_does_not_take_it(ns, observe, family, host):
    connected, peer = Socket.tcp_pair(family)
    with connected, peer, Socket.tcp(family) as listener:
        listener.bind((host, 0))
        listener.listen()
        listener.tcp_fastopen_no_cookie = True
        with refused(errno.EINVAL):
            connected.tcp_fastopen_no_cookie = True

        values = [listener.acceptconn, listener.tcp_fastopen_no_cookie, connected.tcp_fastopen_no_cookie]
        assert observe("listens_listener_and_connected", values) == [True, True, False]
