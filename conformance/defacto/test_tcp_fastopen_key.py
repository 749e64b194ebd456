"""TCP_FASTOPEN_KEY: the key of one listener's Fast Open cookies."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import FIRST, MADE, OFFERED, MadePeer, asking_for_cookie, made_peers
from conformance.plugin.setups.segments import FAST_OPEN, SYN
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


@claim(
    "defacto/TCP_FASTOPEN_KEY/backup",
    says="A TCP socket, over IPv4 and IPv6, takes a TCP_FASTOPEN_KEY of 32 bytes, two keys, and reads them "
    "back, with room for 31 without the last; set to 16 after that it has one.",
    since="5.3",
    commit="9092a76d3cf8",
)
@FAMILIES
def test_a_listener_has_two_keys(ns, observe, family):
    with Socket.tcp(family) as sock:
        sock.tcp_fastopen_key = KEY + OTHER
        two = [sock.get(TCP_FASTOPEN_KEY.through(raw(room))).hex() for room in (31, 32, 33)]
        sock.tcp_fastopen_key = OTHER
        one = sock.get(TCP_FASTOPEN_KEY.through(raw(32))).hex()

        both = (KEY + OTHER).hex()
        assert observe("two_and_one", [*two, one]) == [both[:-2], both, both, OTHER.hex()]


def cookie_for(end: MadePeer, listener: Socket) -> bytes:
    """The cookie that a listener gives."""
    return end.ask(listener, asking_for_cookie()).options[FAST_OPEN]


def taken(end: MadePeer, listener: Socket, cookie: bytes) -> int:
    """How many of the four bytes in a SYN with a cookie are acknowledged."""
    end.send(SYN, b"data", to=listener.getsockname()[1], options={**OFFERED, FAST_OPEN: cookie})
    return end.next().acknowledged - FIRST - 1


@claim(
    "defacto/TCP_FASTOPEN_KEY/backup-cookies",
    says="A TCP listener over IPv4 takes data with a Fast Open cookie of the second key in its "
    "TCP_FASTOPEN_KEY, as with one of the first, by which it makes those that it gives; once it has the "
    "first alone it takes no more with one of the other.",
    since="5.3",
    commit="9092a76d3cf8",
    needs=MADE,
)
def test_a_cookie_of_the_backup_is_taken(peers, observe):
    peers.right.namespace.sysctl["net.ipv4.tcp_fastopen"] = 2
    with made_peers(peers, 6) as ends, peers.right.entered(), listening(peers.right.address) as listener:
        listener.tcp_fastopen = 5
        listener.tcp_fastopen_key = OTHER
        others = cookie_for(ends[0], listener)
        listener.tcp_fastopen_key = KEY + OTHER
        own = cookie_for(ends[1], listener)
        both = [taken(ends[2], listener, own), taken(ends[3], listener, others)]
        listener.tcp_fastopen_key = KEY
        alone = [taken(ends[4], listener, own), taken(ends[5], listener, others)]

        assert observe("same_cookie_both_and_alone", [own == others, both, alone]) == [False, [4, 4], [4, 0]]
