"""poll(2): the events that it reports of sockets, each by itself."""

from __future__ import annotations

import errno
import os
import select
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import LINK_DOWN
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.readiness import polled
from conformance.plugin.setups.states import ALL, EVERY, connected, in_state, names
from conformance.plugin.setups.threads import delayed
from conformance.plugin.setups.urgent import await_urgent
from conformance.plugin.timing import SOON, timed
from libsocket import Shutdown, Socket
from netns import Capability

KINDS = pytest.mark.parametrize(
    "kind", ["tcp", "unix", "unix-seqpacket", "unix-datagram", "udp", "raw", "packet", "netlink"]
)
UNIX = pytest.mark.parametrize("kind", ["unix", "unix-seqpacket"])
STREAMS = pytest.mark.parametrize("kind", ["tcp", "unix", "unix-seqpacket"])
ONE_END = {
    "no-op: connect*": "one of the two ends needs no peer here",
    "no-op: bind({sa_family=AF_PACKET*": "an end that neither sends nor receives needs no interface",
}


def told(sock: Socket, asked: int) -> list[str]:
    """The events that poll(2) reports now."""
    return names(polled(sock, asked))


@claim(
    "poll.2/POLLIN/data",
    sentence=("poll.2/POLLIN/data", "poll.2/revents/bits", "epoll_ctl.2/EPOLLIN/read", "recv.2/recv/poll"),
    section="DESCRIPTION",
    says="POLLIN of a connected TCP, UDP, UNIX, raw, packet or netlink socket says that there is data to "
    "read: it is reported, by poll and by epoll, once data have come, not before, nor when they were read.",
    needs=[Capability.NET_RAW],
    survives=ONE_END,
)
@KINDS
def test_data_to_read(ns, observe, kind):
    with in_state(kind, "data") as full, connected(kind) as (sock, _), select.epoll() as epoll:
        epoll.register(full, select.EPOLLIN)
        empty = told(sock, select.POLLIN)
        before = [told(full, select.POLLIN), [names(bits) for _, bits in epoll.poll(0)]]
        full.recv(100)
        after = [told(full, select.POLLIN), [names(bits) for _, bits in epoll.poll(0)]]

        assert observe("empty_full_read", [empty, before, after]) == [[], [["IN"], [["IN"]]], [[], []]]


@claim(
    "poll.2/events/zero",
    sentence=("poll.2/events/zero", "poll.2/revents/always"),
    section="DESCRIPTION",
    says="Asked for no events poll reports nothing of a TCP socket for which data wait, and POLLHUP and "
    "POLLERR of one that is reset.",
)
def test_asked_for_nothing(ns, observe):
    with in_state("tcp", "data") as full, in_state("tcp", "reset") as broken:
        seen = [told(full, 0), told(full, select.POLLIN), told(broken, 0)]

        assert observe("data_asked_reset", seen) == [[], ["IN"], ["ERR", "HUP"]]


@claim(
    "poll.2/events/meaningless",
    sentence=("poll.2/revents/always", "poll.2/revents/bits"),
    section="DESCRIPTION",
    says="To ask for POLLERR, POLLHUP and POLLNVAL changes nothing: of a TCP socket that is reset poll "
    "reports the first two, asked for all three or for POLLOUT alone, and of a connected one none of them.",
)
def test_three_events_are_not_asked_for(ns, observe):
    three = select.POLLERR | select.POLLHUP | select.POLLNVAL
    with in_state("tcp", "connected") as sound, in_state("tcp", "reset") as broken:
        seen = [told(sound, three), told(broken, three), told(broken, select.POLLOUT)]

        assert observe("connected_and_reset", seen) == [[], ["ERR", "HUP"], ["OUT", "ERR", "HUP"]]


@claim(
    "poll.2/POLLNVAL/closed",
    sentence="poll.2/POLLNVAL/closed",
    section="DESCRIPTION",
    says="poll reports POLLNVAL, and nothing else, of the descriptor of a TCP socket that was closed.",
)
def test_a_closed_descriptor(ns, observe):
    with Socket.tcp() as sock:
        double = os.dup(sock.fileno())
        poll = select.poll()
        poll.register(double, ALL)
        before = [names(bits) for _, bits in poll.poll(0)]
        os.close(double)

        assert observe("before_and_after", [before, [names(bits) for _, bits in poll.poll(0)]]) == [
            [["OUT", "HUP"]],
            [["NVAL"]],
        ]


@claim(
    "poll.2/poll/returns",
    sentence="poll.2/poll/returns",
    section="RETURN VALUE",
    says="poll returns the number of descriptors of which it reports something: of a UDP socket for which "
    "a datagram waits, one that is empty and a TCP socket that is reset, asked for POLLIN, two; of the "
    "empty one alone 0.",
    survives=ONE_END,
)
def test_the_ready_ones_are_counted(ns, observe):
    with in_state("udp", "data") as full, Socket.udp() as empty, in_state("tcp", "reset") as broken:
        poll, alone = select.poll(), select.poll()
        poll.register(full, select.POLLIN)
        poll.register(empty, select.POLLIN)
        poll.register(broken, 0)
        alone.register(empty, select.POLLIN)

        assert observe("count", [len(poll.poll(0)), len(alone.poll(0))]) == [2, 0]


@claim(
    "poll.2/POLLPRI/out-of-band",
    sentence=("poll.2/POLLPRI/out-of-band", "poll.2/POLLPRI/exceptional", "epoll_ctl.2/EPOLLPRI/exceptional"),
    section="DESCRIPTION",
    says="POLLPRI of a TCP socket, over IPv4 and IPv6, is reported once out-of-band data have come, not "
    "of other data, and no more when they were received with MSG_OOB.",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_out_of_band_data(ns, observe, kind):
    with in_state(kind, "data") as full, in_state(kind, "urgent") as urgent:
        before = [told(full, select.POLLPRI | select.POLLIN), told(urgent, select.POLLPRI | select.POLLIN)]
        byte = urgent.recv(1, socket.MSG_OOB).decode()

        assert observe("data_urgent_read", [*before, byte, told(urgent, select.POLLPRI)]) == [
            ["IN"],
            ["PRI"],
            "!",
            [],
        ]


@claim(
    "poll.2/POLLOUT/large-write",
    sentence=("poll.2/POLLOUT/large-write", "poll.2/POLLOUT/possible", "epoll_ctl.2/EPOLLOUT/write"),
    section="DESCRIPTION",
    says="Of a TCP or UNIX stream socket with POLLOUT a write of 50 MB blocks all the same, until "
    "SO_SNDTIMEO ends it with a part sent; then POLLOUT is not reported.",
)
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_large_write_blocks(ns, observe, kind):
    with connected(kind) as (sock, _):
        sock.sndtimeo = 0.2
        before = told(sock, select.POLLOUT)
        with timed() as took:
            sent = sock.send(bytes(50_000_000))

        assert observe(
            "before_waited_part_after",
            [before, took.lasted(0.2), 0 < sent < 50_000_000, told(sock, select.POLLOUT)],
        ) == [["OUT"], True, True, []]


@claim(
    "poll.2/POLLRDHUP/peer",
    sentence="poll.2/POLLRDHUP/peer",
    section="DESCRIPTION",
    says="POLLRDHUP of a TCP, UNIX stream or UNIX seqpacket socket says that its peer was closed or has "
    "shut down writing; of one for which data wait it is not reported.",
    since="2.6.17",
)
@STREAMS
@pytest.mark.parametrize("state", ["peer-closed", "peer-shut-wr"])
def test_the_peer_has_ended(ns, observe, kind, state):
    with in_state(kind, "data") as full, in_state(kind, state) as ended:
        seen = [told(full, select.POLLRDHUP | select.POLLIN), "RDHUP" in told(ended, select.POLLRDHUP)]

        assert observe("data_and_ended", seen) == [["IN"], True]


@claim(
    "defacto/POLLRDHUP/own-shutdown",
    says="POLLRDHUP is reported of a TCP, UNIX stream or UNIX seqpacket socket that was itself shut down "
    "for receiving, though its peer goes on sending.",
    since="2.6.17",
    commit="f348d70a324e",
)
@STREAMS
def test_ones_own_shutdown_is_an_end_of_the_peer(ns, observe, kind):
    with connected(kind) as (sock, peer):
        before = told(sock, select.POLLRDHUP)
        sock.shutdown(socket.SHUT_RD)

        assert observe("before_after_peer", [before, told(sock, select.POLLRDHUP), told(peer, ALL)]) == [
            [],
            ["RDHUP"],
            ["OUT"],
        ]


@claim(
    "poll.2/POLLHUP/unix-peer-closed",
    sentence=(
        "poll.2/POLLHUP/peer-closed",
        "epoll_ctl.2/EPOLLHUP/after-data",
        "epoll_ctl.2/EPOLLHUP/hang-up",
    ),
    section="DESCRIPTION",
    says="POLLHUP of a UNIX stream or UNIX seqpacket socket says that the peer has closed its end: poll "
    "and epoll report it then, and not before.",
)
@UNIX
def test_a_unix_peer_that_closed(ns, observe, kind):
    with connected(kind) as (sock, peer), select.epoll() as epoll:
        epoll.register(sock, 0)
        before = [told(sock, 0), len(epoll.poll(0))]
        peer.close()
        after = [told(sock, 0), [names(bits) for _, bits in epoll.poll(0)]]

        assert observe("before_and_after", [before, after]) == [[[], 0], [["HUP"], [["HUP"]]]]


@claim(
    "poll.2/POLLHUP/tcp-peer-closed",
    sentence=("poll.2/POLLHUP/peer-closed", "epoll_ctl.2/EPOLLHUP/after-data"),
    section="DESCRIPTION",
    says="POLLHUP is reported of a TCP socket, over IPv4 and IPv6, once its peer has closed its end.",
    expect=differs(
        "POLLIN and POLLRDHUP say so; POLLHUP comes when this end is shut down for sending, too; older than "
        "the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"closed": [], "shut": ["HUP"]},
    ),
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_a_tcp_peer_that_closed(ns, observe, kind):
    with in_state(kind, "peer-closed") as sock:
        closed = told(sock, 0)
        sock.shutdown(socket.SHUT_WR)
        observe("shut", told(sock, 0))

        assert observe("closed", closed) == ["HUP"]


@claim(
    "poll.2/POLLHUP/after-data",
    sentence=("poll.2/POLLHUP/after-data", "epoll_ctl.2/EPOLLHUP/after-data"),
    section="DESCRIPTION",
    says="Reads from a UNIX stream or UNIX seqpacket socket with POLLHUP return 0 only after what its "
    "peer had sent before it closed.",
)
@UNIX
def test_data_come_before_the_end(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        peer.send(b"last")
        peer.close()
        events = told(sock, 0)

        assert observe("events_and_reads", [events, sock.recv(9).decode(), sock.recv(9).decode()]) == [
            ["HUP"],
            "last",
            "",
        ]


@claim(
    "poll.2/POLLRDNORM/equivalent",
    sentence=("poll.2/POLLRDNORM/equivalent", "poll.2/POLLRDBAND/unused", "poll.2/POLLMSG/unused"),
    section="DESCRIPTION",
    says="POLLRDNORM of a TCP, UDP, UNIX, raw, packet or netlink socket for which data wait is reported "
    "as POLLIN is, and neither is when they were read; POLLRDBAND and POLLMSG are not reported.",
    needs=[Capability.NET_RAW],
    survives=ONE_END,
)
@KINDS
def test_rdnorm_is_in(ns, observe, kind):
    asked = EVERY & ~(select.POLLOUT | select.POLLWRNORM | select.POLLWRBAND)
    with in_state(kind, "data") as sock:
        before = told(sock, asked)
        sock.recv(100)

        assert observe("data_and_read", [before, told(sock, asked)]) == [["IN", "RDNORM"], []]


@claim(
    "defacto/POLLRDBAND/not-of-urgent-data",
    says="POLLRDBAND is not reported of a TCP socket for which urgent data wait, with SO_OOBINLINE or "
    "without, where POLLPRI is.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_urgent_data_are_no_band(ns, observe):
    with in_state("tcp", "urgent") as sock, in_state("tcp", "urgent-inline") as inline:
        asked = select.POLLRDBAND | select.POLLPRI | select.POLLIN

        assert observe("apart_and_inline", [told(sock, asked), told(inline, asked)]) == [
            ["PRI"],
            ["IN", "PRI"],
        ]


@claim(
    "poll.2/POLLWRNORM/equivalent",
    sentence="poll.2/POLLWRNORM/equivalent",
    section="DESCRIPTION",
    says="POLLWRNORM of a TCP, UNIX stream, UNIX seqpacket or UNIX datagram socket is reported as POLLOUT "
    "is: of one with an empty send buffer, and not of one whose buffer is full.",
    survives={"no-op: setsockopt(*SO_SNDBUF*": "it is for machines with larger buffers"},
)
@pytest.mark.parametrize("kind", ["tcp", "unix", "unix-seqpacket", "unix-datagram"])
def test_wrnorm_is_out(ns, observe, kind):
    asked = select.POLLOUT | select.POLLWRNORM
    with in_state(kind, "connected") as empty, in_state(kind, "full") as full:
        assert observe("empty_and_full", [told(empty, asked), told(full, asked)]) == [["OUT", "WRNORM"], []]


@claim(
    "poll.2/POLLWRBAND/priority",
    sentence="poll.2/POLLWRBAND/priority",
    section="DESCRIPTION",
    says="POLLWRBAND says that priority data may be written: poll reports it of a connected TCP socket, "
    "which can send urgent data.",
    expect=differs(
        "it is never reported of a TCP socket; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"received": "!", "reported": ["OUT"]},
    ),
)
def test_priority_data_may_be_written(ns, observe):
    with connected("tcp") as (sock, peer):
        reported = told(sock, select.POLLWRBAND | select.POLLOUT)
        sock.send(b"!", socket.MSG_OOB)
        await_urgent(peer)
        observe("received", peer.recv(1, socket.MSG_OOB).decode())

        assert observe("reported", reported) == ["OUT", "WRBAND"]


@claim(
    "defacto/POLLWRBAND/with-pollout",
    says="POLLWRBAND is reported of a UDP, UNIX, raw, packet or netlink socket with POLLOUT, and not of a "
    "TCP socket.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
    survives=ONE_END,
)
@pytest.mark.parametrize(
    "kind", ["udp", "unix", "unix-seqpacket", "unix-datagram", "raw", "packet", "netlink"]
)
def test_wrband_comes_with_out(ns, observe, kind):
    with connected(kind) as (sock, _), connected("tcp") as (tcp, _):
        asked = select.POLLOUT | select.POLLWRBAND

        assert observe("it_and_tcp", [told(sock, asked), told(tcp, asked)]) == [["OUT", "WRBAND"], ["OUT"]]


@claim(
    "poll.2/O_NONBLOCK/no-difference",
    sentence=("poll.2/NOTES/O_NONBLOCK", "poll.2/poll/blocks", "poll.2/timeout/until"),
    section="NOTES",
    says="poll waits for data on a TCP, UDP or UNIX socket that does not block, where a receive fails "
    "with EAGAIN, until they come.",
    survives=ONE_END,
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "unix-datagram"])
def test_it_waits_for_data(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        sock.nonblocking = True
        with refused(errno.EAGAIN):
            sock.recv(9)
        with timed() as took, delayed(lambda: peer.send(b"data")):
            found = names(polled(sock, select.POLLIN, SOON))

        assert observe("nonblocking_waited_events", [sock.nonblocking, took.lasted(0.1), found]) == [
            True,
            True,
            ["IN"],
        ]


@claim(
    "poll.2/timeout/milliseconds",
    sentence=("poll.2/timeout/milliseconds", "poll.2/poll/returns", "poll.2/timeout/until"),
    section="DESCRIPTION",
    says="poll waits 100 ms for data that do not come to a TCP, UDP or UNIX socket and reports nothing; "
    "of one for which data wait it reports them.",
    survives=ONE_END,
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "unix-datagram"])
def test_the_timeout_passes(ns, observe, kind):
    with connected(kind) as (sock, _), in_state(kind, "data") as full:
        with timed() as took:
            found = names(polled(sock, select.POLLIN, 0.1))

        assert observe("waited_nothing_data", [took.lasted(0.1), found, told(full, select.POLLIN)]) == [
            True,
            [],
            ["IN"],
        ]


@claim(
    "defacto/POLLERR/device-down",
    says="When the interface that a packet socket is bound to goes down, poll reports POLLERR until "
    "SO_ERROR, ENETDOWN, is read.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW, LINK_DOWN],
)
def test_an_interface_that_goes_down(ns, observe):
    with in_state("packet", "bound") as sock:
        before = told(sock, ALL)
        ns.set_link("lo", up=False)
        seen = [told(sock, ALL), errno_name(sock.error), told(sock, ALL)]

        assert observe("up_down_error_read", [before, *seen]) == [
            ["OUT"],
            ["OUT", "ERR"],
            "ENETDOWN",
            ["OUT"],
        ]


@claim(
    "defacto/poll/packet-shut-in-vain",
    says="The shutdown of a packet socket in both directions fails with EOPNOTSUPP, and poll reports POLLOUT "
    "of it before and after, where POLLIN, POLLOUT, POLLHUP and POLLRDHUP of a connected UDP socket are "
    "reported after it.",
    since="2.6.17",
    commit="f348d70a324e",
    needs=[Capability.NET_RAW],
    survives=ONE_END,
)
def test_a_packet_socket_is_not_shut(ns, observe):
    with in_state("packet", "new") as sock, in_state("udp", "connected") as udp:
        before = told(sock, ALL)
        with refused(errno.EOPNOTSUPP):
            sock.shutdown(Shutdown.BOTH)
        udp.shutdown(Shutdown.BOTH)

        assert observe("before_after_udp", [before, told(sock, ALL), told(udp, ALL)]) == [
            ["OUT"],
            ["OUT"],
            ["IN", "OUT", "HUP", "RDHUP"],
        ]
