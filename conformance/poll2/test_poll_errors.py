"""poll(2) and ppoll(2): how many descriptors they take, and what they leave."""

from __future__ import annotations

import errno
import select

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.polls import poll, polled_events, ppoll, within_limit
from conformance.plugin.setups.readiness import await_readable, polled
from conformance.plugin.setups.states import connected, in_state, names
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
