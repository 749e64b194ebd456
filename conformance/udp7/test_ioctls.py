"""FIONREAD and TIOCOUTQ: what waits to be received, and to be sent."""

from __future__ import annotations

from termios import FIONREAD, TIOCOUTQ

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.setups.ioctls import asked
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.setups.readiness import (
    await_readable,
    readable_by_epoll,
    readable_by_poll,
    readable_by_select,
)
from conformance.plugin.setups.udp import received, udp_flow

NOBODY_THERE = "10.0.1.99"
HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])


@claim(
    "udp.7/FIONREAD/next",
    sentence=("udp.7/FIONREAD/next", "udp.7/Ioctls/value"),
    section="Ioctls",
    says="FIONREAD of a UDP socket, over IPv4 and IPv6, is the size of the datagram that is received next, "
    "whatever waits behind it, and 0 if none waits.",
)
@HOSTS
def test_the_next_datagram_is_measured(ns, observe, host):
    with udp_flow(host) as (sender, receiver):
        sizes = [asked(receiver, FIONREAD)]
        sender.send(b"123")
        sender.send(b"45678")
        await_readable(receiver)
        sizes.append(asked(receiver, FIONREAD))
        received(receiver, 1)
        sizes.append(asked(receiver, FIONREAD))
        received(receiver, 1)
        sizes.append(asked(receiver, FIONREAD))

        assert observe("sizes", sizes) == [0, 3, 5, 0]


@claim(
    "udp.7/FIONREAD/empty",
    sentence=("udp.7/FIONREAD/empty", "udp.7/FIONREAD/poll"),
    section="Ioctls",
    says="FIONREAD of a UDP socket, over IPv4 and IPv6, is 0 for an empty datagram as for none, which "
    "select(2), poll(2) and epoll(7) tell from each other.",
    survives={"no-op: epoll_ctl(*": "while there is none, nothing is reported in any case"},
)
@HOSTS
@pytest.mark.parametrize("readable", [readable_by_select, readable_by_poll, readable_by_epoll])
def test_an_empty_datagram_is_told_from_none(ns, observe, host, readable):
    with udp_flow(host) as (sender, receiver):
        seen = [asked(receiver, FIONREAD), readable(receiver)]
        sender.send(b"")
        await_readable(receiver)
        seen += [asked(receiver, FIONREAD), readable(receiver), *received(receiver, 1)]

        assert observe("size_and_readable", seen) == [0, False, 0, True, ""]


@claim(
    "udp.7/TIOCOUTQ/queued",
    sentence=("udp.7/TIOCOUTQ/queued", "udp.7/Ioctls/value"),
    section="Ioctls",
    says="TIOCOUTQ of a UDP socket over IPv4 is how many data bytes wait to be sent: five of a datagram of "
    "five bytes that waits for the link-layer address of its destination.",
    needs=[VETH],
    expect=differs(
        "it counts the memory that they take, with that of the packet that holds them (older than the "
        "history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"before_and_more_than_five": [0, True]},
    ),
)
def test_what_is_queued_is_counted(peers, observe):
    with udp_across(peers) as (sender, _):
        before = asked(sender, TIOCOUTQ)
        sender.sendto(b"12345", (NOBODY_THERE, 9))
        queued = asked(sender, TIOCOUTQ)
        observe("before_and_more_than_five", [before, queued > 5])

        assert [before, queued] == [0, 5]
