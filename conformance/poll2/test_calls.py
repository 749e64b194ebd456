"""poll(2), ppoll(2), pselect(2) and select(2): what they pass by and refuse, and how long they wait."""

from __future__ import annotations

import errno
import select
from select import POLLIN, POLLOUT

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.event_calls import NOWHERE, masked, poll, ppoll, watching
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.polls import polled_while_closed
from conformance.plugin.setups.readiness import polled, readable_by_select
from conformance.plugin.setups.selects import Sets, select_nowhere
from conformance.plugin.setups.states import in_state, names
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import SOON, timed
from libsocket import Shutdown, Socket
from netns import in_child

WAITED = pytest.mark.parametrize("pair", [udp_pair, Socket.pair], ids=["udp", "unix"])
INTERNET = pytest.mark.parametrize("kind", ["tcp", "tcp6", "udp", "udp6"])
ONE_END = {"no-op: connect(*": "of the two ends one alone needs a peer here"}
SECONDS = int(SOON)


@claim(
    "poll.2/fd/negative",
    sentence="poll.2/fd/negative",
    section="DESCRIPTION",
    says="poll(2) passes by negative descriptors: revents of -1 and -5 is zero, and a TCP, UDP or UNIX "
    "stream socket beside them is told of.",
    survives=ONE_END,
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_negative_descriptors(ns, observe, kind):
    with in_state(kind, "connected") as sock:
        found = poll([(-1, POLLOUT), (sock.fileno(), POLLOUT), (-5, POLLOUT)])

        assert observe("revents", found) == [0, POLLOUT, 0]


@claim(
    "defacto/poll/nfds",
    says="poll(2) looks at no more descriptors than nfds says: of three of a TCP, UDP or UNIX stream "
    "socket that can be written it sets revents of the first two for 2, and leaves the third as it was; "
    "for 3 of all.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END,
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_no_more_than_nfds(ns, observe, kind):
    with in_state(kind, "connected") as sock:
        asked = [(sock.fileno(), POLLOUT)] * 3

        assert observe("revents", [poll(asked, nfds=2), poll(asked, nfds=3)]) == [
            [POLLOUT, POLLOUT, None],
            [POLLOUT] * 3,
        ]


@claim(
    "defacto/poll/unknown-events",
    says="A bit of events that is no event, 0x0800 or 0x4000, is not in the revents of poll(2) of a "
    "connected TCP or a UDP socket, which has POLLOUT.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END,
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize("bit", [0x0800, 0x4000], ids=hex)
def test_bits_that_are_no_event(ns, observe, kind, bit):
    with in_state(kind, "connected") as sock:
        assert observe("revents", poll([(sock.fileno(), POLLOUT | bit)])) == [POLLOUT]


@claim(
    "poll.2/EFAULT/nowhere",
    sentence="poll.2/EFAULT/address",
    section="ERRORS",
    says="poll(2) and ppoll(2) of a UDP socket fail with EFAULT where there is no memory for its struct "
    "pollfd.",
)
def test_descriptors_where_there_is_no_memory(ns, observe):
    with Socket.udp() as sock:
        asked = [(sock.fileno(), POLLOUT)]
        with refused(errno.EFAULT):
            poll(asked, at=NOWHERE)
        with refused(errno.EFAULT, "errno_ppoll"):
            ppoll(asked, at=NOWHERE)

        assert observe("with_memory", [poll(asked), ppoll(asked)]) == [[POLLOUT], 1]


@claim(
    "poll.2/EINVAL/ppoll-timeout",
    sentence=("poll.2/EINVAL/ppoll-timeout", "poll.2/ppoll/negative"),
    section="ERRORS",
    says="ppoll(2) of a UDP socket that can be written fails with EINVAL where the seconds of its timeout "
    "are negative, or the nanoseconds are.",
)
@pytest.mark.parametrize("timeout", [(-1, 0), (0, -1)], ids=str)
def test_a_negative_timeout(ns, observe, timeout):
    with Socket.udp() as sock:
        asked = [(sock.fileno(), POLLOUT)]
        with refused(errno.EINVAL):
            ppoll(asked, timeout)

        assert observe("of_zero", ppoll(asked, (0, 0))) == 1


@claim(
    "defacto/ppoll/nanoseconds",
    says="ppoll(2) of a UDP socket that can be written fails with EINVAL where the nanoseconds of its "
    "timeout are 1,000,000,000; with 999,999,999 it succeeds.",
    since="2.6.16",
    commit="9f72949f679d",
)
def test_too_many_nanoseconds(ns, observe):
    with Socket.udp() as sock:
        asked = [(sock.fileno(), POLLOUT)]
        with refused(errno.EINVAL):
            ppoll(asked, (0, 1_000_000_000))

        assert observe("of_less", ppoll(asked, (0, 999_999_999))) == 1


@claim(
    "poll.2/ppoll/timeout",
    sentence=("poll.2/ppoll/limit", "poll.2/ppoll/null-mask"),
    section="DESCRIPTION",
    says="ppoll(2) waits 50,000,000 nanoseconds for data that do not come to a UDP or UNIX stream socket, "
    "and reports nothing, and so at once with a timeout of 0; once they have come it reports them.",
)
@WAITED
def test_the_timeout_of_ppoll_passes(ns, observe, pair):
    writer, reader = pair()
    with writer, reader, watching("ppoll", reader) as wait:
        with timed() as took:
            nothing = [wait((0, 0)), wait((0, 50_000_000))]
        writer.send(b"data")

        assert observe("waited_nothing_data", [took.lasted(0.05), nothing, wait((SECONDS, 0))]) == [
            True,
            [0, 0],
            1,
        ]


@claim(
    "poll.2/ppoll/mask",
    sentence="poll.2/ppoll/signal-mask",
    section="DESCRIPTION",
    says="ppoll(2), with a mask that blocks a signal that is pending, finds what a UDP socket or UNIX "
    "stream socket has, and waits out its timeout where that has nothing; with a mask without it, it lets "
    "the handler run and fails with EINTR, and the signal is blocked as before then.",
)
@WAITED
def test_the_mask_of_ppoll(ns, observe, pair):
    writer, reader = pair()
    with writer, reader:
        found = in_child(lambda: masked("ppoll", reader, lambda: writer.send(b"data")))

        assert observe("nothing_unblocked_data_after", found) == [0, "EINTR", 1, True]


@claim(
    "select.2/pselect/nanoseconds",
    sentence=("select.2/pselect/precision", "select.2/timeout/until"),
    section="DESCRIPTION",
    says="pselect(2) waits 50,000,000 nanoseconds for data that do not come to a UDP or UNIX stream "
    "socket, and reports nothing, and so at once with a timeout of 0; once they have come it reports them.",
)
@WAITED
def test_the_timeout_of_pselect_passes(ns, observe, pair):
    writer, reader = pair()
    with writer, reader:
        with timed() as took:
            nothing = [Sets([reader]).pselect((0, time)).number for time in (0, 50_000_000)]
        writer.send(b"data")
        found = [took.lasted(0.05), nothing, Sets([reader]).pselect((SECONDS, 0)).number]

        assert observe("waited_nothing_data", found) == [True, [0, 0], 1]


@claim(
    "defacto/select/nowhere",
    says="select(2) of a UDP socket fails with EFAULT where there is no memory at its readfds, writefds, "
    "exceptfds or timeout.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("argument", ["readfds", "writefds", "exceptfds", "timeout"])
def test_select_where_there_is_no_memory(ns, observe, argument):
    writer, reader = udp_pair()
    with writer, reader:
        writer.send(b"data")
        with refused(errno.EFAULT):
            select_nowhere(reader, argument)

        assert observe("with_memory", readable_by_select(reader, SOON)) is True


@claim(
    "defacto/poll/shut-down-meanwhile",
    says="A poll(2) or select(2) that waits for POLLIN of a connected TCP or UDP socket, over IPv4 and "
    "IPv6, ends when another thread shuts it down for receiving.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END,
)
@INTERNET
@pytest.mark.parametrize(
    "wait",
    [lambda sock: polled(sock, POLLIN, SOON), lambda sock: len(select.select([sock], [], [], SOON)[0])],
    ids=["poll", "select"],
)
def test_a_socket_is_shut_down_meanwhile(ns, observe, kind, wait):
    with in_state(kind, "connected") as sock:
        with timed() as took, delayed(lambda: sock.shutdown(Shutdown.READ), 0.03):
            found = wait(sock)

        assert observe("waited_and_found", [took.lasted(0.03), found]) == [True, 1]


@claim(
    "defacto/poll/closed-meanwhile",
    says="A poll(2) that waits for POLLIN of a UDP, UNIX stream or UNIX datagram socket goes on when "
    "another thread closes its only descriptor, and ends with POLLNVAL when something is sent to it after "
    "that.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END,
)
@pytest.mark.parametrize("kind", ["udp", "unix", "unix-datagram"])
def test_a_socket_is_closed_meanwhile(ns, observe, kind):
    waited, found = polled_while_closed(kind)

    assert observe("waited_and_found", [waited, names(found)]) == [True, ["NVAL"]]
