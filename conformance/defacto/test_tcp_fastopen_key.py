"""TCP_FASTOPEN_KEY: the key of one listener's Fast Open cookies."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import MADE, MadePeer, asking_for_cookie, made_peers
from conformance.plugin.setups.segments import FAST_OPEN
from libsocket import TCP_FASTOPEN_KEY, Socket, raw

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
KEY, OTHER = bytes(range(16)), bytes(range(1, 17))


@claim(
    "defacto/TCP_FASTOPEN_KEY/sizes",
    says="A TCP socket, over IPv4 and IPv6, takes a TCP_FASTOPEN_KEY of 16 bytes, and refuses one of 0, 15, "
    "17, 31 or 33 with EINVAL, by which the one that it has stays.",
    since="4.15",
    commit="1fba70e5b6be",
)
@FAMILIES
@pytest.mark.parametrize("size", [0, 15, 17, 31, 33])
def test_a_key_has_a_size(ns, observe, family, size):
    with Socket.tcp(family) as sock:
        sock.tcp_fastopen_key = KEY
        with refused(errno.EINVAL):
            sock.set(TCP_FASTOPEN_KEY.through(raw(size)), bytes(size))

        assert observe("kept", sock.tcp_fastopen_key.hex()) == KEY.hex()


@claim(
    "defacto/TCP_FASTOPEN_KEY/cookies",
    sentence=("ip-sysctl/tcp_fastopen_key/TCP_FASTOPEN_KEY", "tcp.h/TCP_FASTOPEN_KEY/key"),
    says="TCP listeners over IPv4 on one address give the same client the same Fast Open cookie where their "
    "TCP_FASTOPEN_KEY is the same, and another where it is not.",
    since="4.15",
    commit="1fba70e5b6be",
    needs=MADE,
    survives={
        'no-op: setsockopt(*TCP_FASTOPEN_KEY, "?1?2*': "the namespace has another key than the first, too"
    },
)
def test_a_listener_has_its_own_key(peers, observe):
    peers.right.namespace.sysctl["net.ipv4.tcp_fastopen"] = 2
    address = peers.right.address
    with (
        made_peers(peers, 3) as ends,
        peers.right.entered(),
        listening(address) as one,
        listening(address) as same,
        listening(address) as other,
    ):
        one.tcp_fastopen = same.tcp_fastopen = other.tcp_fastopen = 5
        one.tcp_fastopen_key = same.tcp_fastopen_key = KEY
        other.tcp_fastopen_key = OTHER
        answers = map(MadePeer.ask, ends, (one, same, other), [asking_for_cookie()] * 3)
        first, second, third = (answer.options[FAST_OPEN] for answer in answers)

        cookies = [len(first) > 0, first == second, first == third]
        assert observe("cookies", cookies) == [True, True, False]
