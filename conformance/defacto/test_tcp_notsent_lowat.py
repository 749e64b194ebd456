"""TCP_NOTSENT_LOWAT: a socket is writable while little is not sent yet."""

from __future__ import annotations

import select

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import MADE, SEGMENT, made_peer
from conformance.plugin.setups.pairs import UNACKED_ENDS
from conformance.plugin.setups.readiness import await_readable
from libsocket import Linger

UNSENT = 2 * SEGMENT
"""Bytes for which the peer's window has no room."""


@claim(
    "defacto/TCP_NOTSENT_LOWAT/writable",
    sentence="tcp.h/TCP_NOTSENT_LOWAT/limit",
    says="A TCP connection over IPv4 is writable, to select(2), as long as twice the number of bytes that "
    "are not sent yet is less than TCP_NOTSENT_LOWAT.",
    since="5.10",
    commit="8ba3c9d1c6d7",
    needs=MADE,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("lowat", "writable"), [(2 * UNSENT, False), (2 * UNSENT + 1, True)])
def test_it_is_writable_below(peers, observe, lowat, writable):
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as listener:
        peer.window = SEGMENT
        peer.connect(listener)
        await_readable(listener)
        with listener.accept()[0] as sock:
            sock.linger = Linger(True, 0)
            sock.send(bytes(SEGMENT + UNSENT))
            before = bool(select.select([], [sock], [], 0)[1])
            sock.tcp_notsent_lowat = lowat
            unsent = sock.tcp_info.notsent_bytes
            after = bool(select.select([], [sock], [], 0)[1])

            seen = [unsent, sock.tcp_notsent_lowat, before, after]
            assert observe("unsent_lowat_and_writable", seen) == [UNSENT, lowat, True, writable]


@claim(
    "defacto/TCP_NOTSENT_LOWAT/wakes",
    says="A TCP connection over IPv4 that TCP_NOTSENT_LOWAT keeps from being writable is reported by "
    "epoll(7) as writable when it is set to more than twice the number of bytes that are not sent yet, "
    "and not when it is set to twice that number.",
    since="5.10",
    commit="8ba3c9d1c6d7",
    needs=MADE,
    survives=UNACKED_ENDS,
)
def test_a_writer_is_woken_by_more(peers, observe):
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as listener:
        peer.window = SEGMENT
        peer.connect(listener)
        await_readable(listener)
        with listener.accept()[0] as sock, select.epoll() as epoll:
            sock.linger = Linger(True, 0)
            sock.send(bytes(SEGMENT + UNSENT))
            sock.tcp_notsent_lowat = 1
            epoll.register(sock, select.EPOLLOUT)
            seen = [epoll.poll(0)]
            sock.tcp_notsent_lowat = 2 * UNSENT
            lowat = sock.tcp_notsent_lowat
            seen.append(epoll.poll(0))
            sock.tcp_notsent_lowat = 2 * UNSENT + 1
            events = [[event for _, event in one] for one in (*seen, epoll.poll(0))]

            assert observe("unsent_lowat_and_events", [sock.tcp_info.notsent_bytes, lowat, events]) == [
                UNSENT,
                2 * UNSENT,
                [[], [], [select.EPOLLOUT]],
            ]
