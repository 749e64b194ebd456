"""Whatever is done in whatever order: sockets beside executable specifications (conformance/models)."""

from __future__ import annotations

import pytest

from conformance.models import binding, buffers, connecting, readable, tcp_states, timeouts
from conformance.models.binding import PLACES
from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, initially
from conformance.plugin.properties import integers, sequences
from conformance.plugin.setups.clock import ticks_in_a_second
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import Socket
from netns import Capability

INT_MAX = 2**31 - 1
INT = (-(2**31), INT_MAX)
SIZE = (0, 600_000)
PLACED = (0, len(PLACES) ** 2 - 1)
SHARED = (0, 4**3 - 1)
AT_RANDOM = {"no-op: *": "in what is drawn at random a step may change nothing; that others do is seen"}


@claim(
    "defacto/SO_RCVBUF/any-sequence",
    says="However often SO_RCVBUF, SO_RCVBUFFORCE, SO_SNDBUF and SO_SNDBUFFORCE of a UDP or UNIX stream "
    "socket are set, to whatever integers, each buffer is twice what the last of its settings asked: no "
    "more than net.core.rmem_max or wmem_max, which is what a negative number asks, or with FORCE no more "
    "than half of the largest int, where a negative number asks zero; but no smaller than the smallest "
    "buffer.",
    since="5.1",
    commit="4057765f2dee",
    needs=[initially(Capability.NET_ADMIN)],
    survives=AT_RANDOM,
)
@pytest.mark.parametrize("kind", ["udp", "unix"])
@sequences(
    30, longest=8, rcvbuf=(SIZE, INT), rcvbufforce=(SIZE, INT), sndbuf=(SIZE, INT), sndbufforce=(SIZE, INT)
)
def test_buffers_are_as_large_as_last_asked(ns, kind, steps):
    with SOCKETS[kind]() as sock:
        smallest = buffers.least(sock)

        assert buffers.seen(sock, steps) == list(buffers.expected(smallest, steps))


@claim(
    "defacto/SO_RCVLOWAT/any-sequence",
    says="However often SO_RCVBUF and SO_RCVLOWAT of a TCP socket are set, SO_RCVBUF first, to whatever "
    "integers, the mark is what the last setting of SO_RCVLOWAT asked, zero being one and a negative number "
    "the largest, at most half of what the receive buffer was then.",
    since="5.0",
    commit="867f816badc0",
    survives=AT_RANDOM,
)
@sequences(30, longest=8, rcvbuf=(SIZE, INT), rcvlowat=(SIZE, INT))
def test_the_mark_is_cut_to_half_of_the_buffer_of_that_moment(ns, steps):
    with Socket.tcp() as sock:
        smallest = buffers.least(sock)

        assert buffers.seen(sock, steps) == list(buffers.expected(smallest, steps, tcp=True))


@claim(
    "defacto/SO_RCVTIMEO/any-sequence",
    says="However often SO_RCVTIMEO, SO_SNDTIMEO and their successors for 64-bit times are set on a UDP "
    "socket, each of the two timeouts reads back by either option as the last setting that was not refused, "
    "rounded up to ticks; a negative one, and one of more ticks than there are, as zero.",
    since="5.1",
    commit="a9beb86ae6e5",
    survives=AT_RANDOM,
)
@sequences(
    30,
    longest=8,
    rcvtimeo=(-3_000_000, 5_000_000),
    sndtimeo=(-3_000_000, 5_000_000),
    rcvtimeo_new=(-3_000_000, 5_000_000),
    sndtimeo_new=(-3_000_000, 5_000_000),
    rcvtimeo__sec=((-(2**63), 2**63 - 1), (0, 2**31)),
    sndtimeo_new__sec=((-(2**63), 2**63 - 1), (0, 2**31)),
    rcvtimeo_new__usec=(-(2**63), 2**63 - 1),
    sndtimeo__usec=(-1_000_000, 2_000_000),
)
def test_timeouts_are_those_last_set(ns, steps):
    with Socket.udp() as sock:
        assert timeouts.seen(sock, steps) == list(timeouts.expected(ticks_in_a_second(), steps))


@claim(
    "defacto/SO_RCVLOWAT/readable-any-sequence",
    says="Whatever is sent to a TCP socket, received from it and set as its SO_RCVLOWAT, select, poll and "
    "epoll call it readable if and only if as many bytes wait as the mark says, or it was shut down for "
    "receiving.",
    since="2.6.28",
    commit="c7004482e8dc",
    survives=AT_RANDOM,
)
@sequences(20, longest=8, write=(1, 300), read=(1, 300), rcvlowat=(0, 400), shut_rd=(0, 0))
def test_it_is_readable_from_the_mark_on(ns, steps):
    writer, reader = Socket.tcp_pair()
    with writer, reader:
        assert list(readable.seen(writer, reader, steps)) == list(readable.expected(steps))


@claim(
    "defacto/poll/tcp-any-sequence",
    says="Whatever the two ends of a TCP connection do of send, receive, shut down either way or both, read "
    "SO_ERROR and reset, what the calls return, the states in TCP_INFO and what poll reports follow from "
    "who has sent FIN or a reset, what waits, and which error was read.",
    since="2.6.36",
    commit="d84ba638e4ba",
    survives=AT_RANDOM,
)
@sequences(
    30,
    longest=8,
    send=(1, 300),
    recv=(1, 300),
    shut_rd=(0, 1),
    shut_wr=(0, 1),
    shut_both=(0, 1),
    so_error=(0, 1),
    reset=(0, 1),
)
def test_both_ends_of_a_connection_are_as_modelled(ns, steps):
    ends = Socket.tcp_pair()
    with ends[0], ends[1]:
        assert list(tcp_states.seen(ends, steps)) == list(tcp_states.expected(steps))


SHARING = (
    "A second {kind} socket of the same user can be bound to the port of another, over IPv4 or IPv6, neither "
    "bound to a device, if and only if their addresses do not overlap, {shared} both have SO_REUSEPORT; the "
    "holder may have been given either after it was bound, and has lost none since."
)


@claim(
    "defacto/bind/udp-conflicts",
    says=SHARING.format(kind="UDP", shared="both have SO_REUSEADDR or"),
    since="3.9",
    commit="ba418fa357a7",
    survives=AT_RANDOM,
)
@integers(200, places=PLACED, shared=SHARED)
def test_who_can_share_a_port_of_udp(ns, places, shared):
    tried = binding.Trial.of(places, shared)

    assert binding.seen(tried, Socket.udp) == binding.expected(tried)


@claim(
    "defacto/bind/tcp-conflicts",
    says=SHARING.format(kind="TCP", shared="both have SO_REUSEADDR and the holder does not listen, or"),
    since="3.9",
    commit="c617f398edd4",
    survives=AT_RANDOM,
)
@integers(200, places=PLACED, shared=SHARED, listens=(0, 1))
def test_who_can_share_a_port_of_tcp(ns, places, shared, listens):
    tried = binding.Trial.of(places, shared, listens=bool(listens))

    assert binding.seen(tried, Socket.tcp) == binding.expected(tried)


WALKED = {
    "connect": connecting.TARGETS,
    "bind": (0, 2),
    "listen": (0, 0),
    "shutdown": (0, 2),
    "unspec": (0, 0),
}


@claim(
    "defacto/connect/tcp-any-sequence",
    says="Whatever is done to a TCP socket, over IPv4 or IPv6, of bind, listen, connect (to who listens, to "
    "a full backlog without blocking, to nobody, beyond all routes), shutdown, AF_UNSPEC and a reset by its "
    "peer, what the calls return and what getsockname and "
    "getpeername say follow from its state and from what was bound.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives=AT_RANDOM,
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
@sequences(40, longest=10, peer_reset=(0, 0), **WALKED | {"connect": connecting.FIT})
def test_a_connection_is_made_as_modelled(kind, steps):
    assert list(connecting.seen(kind, steps)) == list(connecting.expected(kind, steps))


@claim(
    "defacto/connect/udp-any-sequence",
    says="Whatever is done to a UDP socket, over IPv4 or IPv6, of bind, listen, connect (to any port, "
    "beyond all routes, with another family or too few bytes), shutdown and AF_UNSPEC, what the calls "
    "return and what getsockname and getpeername say follow from whether it is connected, and from what was "
    "bound.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives=AT_RANDOM,
)
@pytest.mark.parametrize("kind", ["udp", "udp6"])
@sequences(40, longest=10, **WALKED)
def test_an_association_is_made_as_modelled(kind, steps):
    assert list(connecting.seen(kind, steps)) == list(connecting.expected(kind, steps))
