"""EPOLLONESHOT beside another instance, and beside EPOLLET."""

from __future__ import annotations

import select
from select import EPOLLET, EPOLLIN, EPOLLONESHOT

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.readiness import arrival, await_readable
from conformance.plugin.setups.states import connected, names

KINDS = pytest.mark.parametrize("kind", ["unix", "tcp", "udp"])
ONE_END = {"no-op: connect*": "an end that only receives needs no peer"}


def events(epoll: select.epoll) -> list[str]:
    return names(sum(bits for _, bits in epoll.poll(0)))


@claim(
    "defacto/EPOLLONESHOT/two-instances",
    says="Of two epoll instances that watch a UNIX stream, TCP or UDP socket with EPOLLONESHOT each reports "
    "one event, and again once EPOLL_CTL_MOD has rearmed it in that instance, not in the other.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END,
)
@KINDS
def test_each_is_rearmed_by_itself(ns, observe, kind):
    with connected(kind) as (sock, peer), select.epoll() as one, select.epoll() as other:
        one.register(sock, EPOLLIN | EPOLLONESHOT)
        other.register(sock, EPOLLIN | EPOLLONESHOT)
        peer.send(b"hello")
        await_readable(sock)
        found = [[events(one), events(other)], [events(one), events(other)]]
        one.modify(sock, EPOLLIN | EPOLLONESHOT)
        found.append([events(one), events(other)])
        other.modify(sock, EPOLLIN | EPOLLONESHOT)
        found.append([events(one), events(other)])

        assert observe("first_again_one_other", found) == [
            [["IN"], ["IN"]],
            [[], []],
            [["IN"], []],
            [[], ["IN"]],
        ]


@claim(
    "defacto/EPOLLONESHOT/edge-triggered",
    says="With EPOLLET and EPOLLONESHOT together epoll reports nothing of a UNIX stream, TCP or UDP socket "
    "after its first event, when new data come either, where with EPOLLET alone it does; EPOLL_CTL_MOD "
    "rearms it.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END,
)
@KINDS
def test_no_edge_is_reported(ns, observe, kind):
    with connected(kind) as (sock, peer), select.epoll() as both, select.epoll() as edge:
        both.register(sock, EPOLLIN | EPOLLET | EPOLLONESHOT)
        edge.register(sock, EPOLLIN | EPOLLET)
        peer.send(b"one")
        await_readable(sock)
        found = [[events(both), events(edge)]]
        with arrival(sock):
            peer.send(b"two")
        found.append([events(both), events(edge)])
        both.modify(sock, EPOLLIN | EPOLLET | EPOLLONESHOT)
        found.append([events(both), events(edge)])

        assert observe("first_second_rearmed", found) == [[["IN"], ["IN"]], [[], ["IN"]], [["IN"], []]]
