"""SO_BUSY_POLL_BUDGET: how many packets one round of busy polling takes. It is set and never read."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import BUSY_POLL, USER_NAMESPACE, initially
from conformance.plugin.refusal import refused
from libsocket import SO_BUSY_POLL_BUDGET, SO_MARK, Socket
from netns import Capability, in_user_namespace, without


@claim(
    "defacto/SO_BUSY_POLL_BUDGET/raising-needs-capability",
    says="Raising SO_BUSY_POLL_BUDGET of a UDP socket, from 0 at first, takes CAP_NET_ADMIN, EPERM without "
    "it, where setting it to what it is, or to less, is free.",
    since="5.11",
    commit="7c951cafc0cb",
    needs=[BUSY_POLL, initially(Capability.NET_ADMIN)],
    survives={
        "no-op: setsockopt(*SO_BUSY_POLL_BUDGET*": "what it was set to is set again without the capability"
    },
)
def test_more_takes_the_capability(ns, observe):
    with Socket.udp() as sock:
        with without(Capability.NET_ADMIN), refused(errno.EPERM, "errno_at_first"):
            sock.busy_poll_budget = 1
        sock.busy_poll_budget = 8
        with without(Capability.NET_ADMIN):
            sock.busy_poll_budget = 8
            with refused(errno.EPERM):
                sock.busy_poll_budget = 9
            sock.busy_poll_budget = 0
            with refused(errno.EPERM, "errno_after_less"):
                sock.busy_poll_budget = 8

        assert observe("still_open", sock.fileno() >= 0)


@claim(
    "defacto/SO_BUSY_POLL_BUDGET/first-user-namespace",
    says="Root of another user namespace than the first cannot raise SO_BUSY_POLL_BUDGET of a UDP socket: "
    "EPERM, though it can set SO_MARK.",
    since="5.11",
    commit="7c951cafc0cb",
    needs=[BUSY_POLL, initially(Capability.NET_ADMIN), USER_NAMESPACE],
    survives={"no-op: setsockopt(*SO_BUSY_POLL_BUDGET*": "that root here may is all that it shows"},
)
def test_root_of_another_user_namespace_may_not(ns, observe):
    def marked() -> int:
        with Socket.udp() as sock:
            sock.set(SO_MARK, 7)
            return sock.mark

    def raised() -> None:
        with Socket.udp() as sock:
            sock.set(SO_BUSY_POLL_BUDGET, 1)

    raised()
    mark = in_user_namespace(marked)
    with refused(errno.EPERM):
        in_user_namespace(raised)

    assert observe("mark", mark) == 7


@claim(
    "defacto/SO_BUSY_POLL_BUDGET/bounds",
    says="A SO_BUSY_POLL_BUDGET of a UDP socket of -1 or of 65536 is refused with EINVAL; 0 and 65535 are "
    "taken.",
    since="5.11",
    commit="7c951cafc0cb",
    needs=[BUSY_POLL, initially(Capability.NET_ADMIN)],
    survives={"no-op: setsockopt(*SO_BUSY_POLL_BUDGET*": "0 is what it is at first, and 65535 is set twice"},
)
@pytest.mark.parametrize(("budget", "outside"), [(0, -1), (65535, 65536)])
def test_what_is_outside_is_refused(ns, observe, budget, outside):
    with Socket.udp() as sock:
        sock.busy_poll_budget = budget
        with refused(errno.EINVAL):
            sock.busy_poll_budget = outside
        with without(Capability.NET_ADMIN):
            sock.busy_poll_budget = budget

        assert observe("still_open", sock.fileno() >= 0)


@claim(
    "defacto/SO_BUSY_POLL_BUDGET/not-read",
    says="SO_BUSY_POLL_BUDGET of a UDP socket can be set and not read: ENOPROTOOPT.",
    since="5.11",
    commit="7c951cafc0cb",
    needs=[BUSY_POLL, initially(Capability.NET_ADMIN)],
    survives={"no-op: setsockopt(*SO_BUSY_POLL_BUDGET*": "nothing reads what was set"},
)
def test_it_cannot_be_read(ns, observe):
    with Socket.udp() as sock:
        sock.busy_poll_budget = 8
        with refused(errno.ENOPROTOOPT):
            sock.get(SO_BUSY_POLL_BUDGET)

        assert observe("still_open", sock.fileno() >= 0)
