"""poll(2), ppoll(2) and epoll_pwait(2): what they refuse, what they leave, and the signal mask."""

from __future__ import annotations

import errno
import select

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.polls import (
    epoll_pwait,
    epoll_pwait2,
    masked,
    poll,
    polled_events,
    ppoll,
    within_limit,
)
from conformance.plugin.setups.readiness import await_readable, polled
from conformance.plugin.setups.states import connected, in_state, names
from conformance.plugin.timing import timed
from netns import in_child

CALLS = pytest.mark.parametrize("call", [poll, ppoll], ids=["poll", "ppoll"])
ASKED = select.POLLIN | select.POLLOUT
ONE_END = {"no-op: connect*": "one of the two ends needs no peer here"}


@claim(
    "poll.2/EINVAL/count-minus-1",
    sentence="poll.2/EINVAL/nfds",
    section="ERRORS",
    says="poll(2) and ppoll(2) of -1 descriptors, which is the largest number, fail with EINVAL; of one, a "
    "UDP socket with data, it is reported.",
    survives=ONE_END,
)
@CALLS
def test_there_are_not_so_many(ns, observe, call):
    with in_state("udp", "data") as full:
        with refused(errno.EINVAL):
            call([full], count=2**64 - 1)

        assert observe("number", call([full])) == 1


@claim(
    "poll.2/EINVAL/nfds-limit",
    sentence="poll.2/EINVAL/nfds",
    section="ERRORS",
    says="poll(2) of as many entries as RLIMIT_NOFILE, all of one UDP socket with data, reports each; one "
    "more fails with EINVAL.",
    survives=ONE_END,
)
def test_there_are_more_than_the_limit(ns, observe):
    with in_state("udp", "data") as full:
        with refused(errno.EINVAL):
            in_child(lambda: within_limit(full, 256, 257))

        assert observe("number", in_child(lambda: within_limit(full, 256, 256))) == 256


@claim(
    "defacto/poll/part-read",
    says="poll(2) goes on reporting POLLIN of a UNIX stream or TCP socket of whose data a part was read, "
    "and stops once all is.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_part_is_left(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.send(b"hello")
        await_readable(sock)
        found = [names(polled(sock, select.POLLIN))]
        sock.recv(2)
        found.append(names(polled(sock, select.POLLIN)))
        sock.recv(9)

        assert observe("whole_part_none", [*found, names(polled(sock, select.POLLIN))]) == [
            ["IN"],
            ["IN"],
            [],
        ]


@claim(
    "defacto/poll/events-unchanged",
    says="poll(2) leaves events as it was where it reports POLLERR and POLLHUP, of a TCP socket that was "
    "reset, or POLLHUP, of a UNIX stream whose peer is closed.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    ("kind", "state", "expected"),
    [("tcp", "reset", ["IN", "OUT", "ERR", "HUP"]), ("unix", "peer-closed", ["IN", "OUT", "HUP"])],
    ids=["tcp", "unix"],
)
def test_what_was_asked_for_stays(ns, observe, kind, state, expected):
    with in_state(kind, state) as sock:
        events, revents = polled_events(sock, ASKED)

        assert observe("events_and_revents", [names(events), names(revents)]) == [["IN", "OUT"], expected]


@claim(
    "epoll_wait.2/epoll_pwait/signal-mask",
    sentence="epoll_wait.2/epoll_pwait/signal-mask",
    section="DESCRIPTION",
    says="A signal that is pending does not end an epoll_pwait(2) for a UDP socket whose mask blocks it; "
    "one whose mask does not it ends with EINTR, and is blocked again after it.",
    survives={**ONE_END, "no-op: epoll_ctl(*": "what it waits for does not come"},
)
def test_the_mask_of_epoll_pwait(ns, observe):
    with in_state("udp", "data") as full, in_state("udp", "connected") as empty:
        found = in_child(lambda: masked(lambda sock, mask: epoll_pwait([sock], 1000, mask=mask), full, empty))

        assert observe("blocked_let_through_after", found) == [1, "EINTR", True]


@claim(
    "epoll_wait.2/epoll_pwait2/nanoseconds",
    sentence="epoll_wait.2/epoll_pwait2/timespec",
    section="DESCRIPTION",
    says="epoll_pwait2(2) for a UDP socket to which nothing comes waits for its timeout of 3,000,001 "
    "nanoseconds, and reports nothing; where data wait it reports them.",
    since="5.11",
    survives={**ONE_END, "no-op: epoll_ctl(*": "what it waits for does not come"},
)
def test_it_waits_for_nanoseconds(ns, observe):
    with in_state("udp", "data") as full, in_state("udp", "connected") as empty:
        with timed() as took:
            number = epoll_pwait2([empty], (0, 3_000_001))

        found = [number, took.seconds >= 0.003, epoll_pwait2([full], (0, 3_000_001))]
        assert observe("number_waited_full", found) == [0, True, 1]
