"""Errors of connect(2) beyond those that an address alone makes."""

from __future__ import annotations

import errno
import os
import select
from functools import partial
from socket import SOCK_SEQPACKET

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.descriptors import pipes
from conformance.plugin.setups.interruptions import interrupting
from conformance.plugin.setups.listeners import full_backlog, listening, listening_unix
from conformance.plugin.setups.socket_addresses import (
    HOME,
    at_home,
    bind_to,
    call_with,
    connect_to,
    octets_of,
    own,
    peer,
    returned,
)
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.unix_names import from_nowhere
from conformance.plugin.timing import SOON, timed
from libsocket import Socket
from netns import Capability

TCP = pytest.mark.parametrize("listening", [listening, partial(listening, "::1")], ids=["tcp", "tcp6"])
UNIX = pytest.mark.parametrize(
    "listening", [listening_unix, partial(listening_unix, SOCK_SEQPACKET)], ids=["stream", "seqpacket"]
)
RANGE = "net.ipv4.ip_local_port_range"
ANY = {"tcp": "0.0.0.0:40000", "udp": "0.0.0.0:40000", "tcp6": "[::]:40000", "udp6": "[::]:40000"}


@claim(
    "connect.2/return/both",
    sentence=("connect.2/return/zero", "connect.2/return/minus-one"),
    section="RETURN VALUE",
    says="connect returns 0 for a TCP or UNIX stream socket that gets a connection, and for the second time "
    "-1, with errno set.",
)
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_it_returns_zero_or_minus_one(ns, observe, kind):
    with at_home(kind), SOCKETS[kind]() as sock:
        answers = [*returned("connect", sock, HOME[kind]), *returned("connect", sock, HOME[kind])]

        assert observe("returned_and_errno", [*answers, peer(sock)]) == [0, 0, -1, errno.EISCONN, HOME[kind]]


@claim(
    "connect.2/EBADF/not-open",
    survives={"no-op: close*": "with -1 nothing has to be closed"},
    sentence="connect.2/EBADF/descriptor",
    section="ERRORS",
    says="Connecting what is no open descriptor, -1 or one that was closed, fails with EBADF.",
)
@pytest.mark.parametrize("which", ["negative", "closed"])
def test_no_descriptor_is_connected(ns, observe, which):
    with Socket.udp() as sock:
        closed = os.dup(sock.fileno())
        os.close(closed)
        with refused(errno.EBADF):
            call_with("connect", {"negative": -1, "closed": closed}[which], HOME["udp"])
        call_with("connect", sock.fileno(), HOME["udp"])

        assert observe("peer", peer(sock)) == HOME["udp"]


@claim(
    "connect.2/ENOTSOCK/pipe",
    sentence="connect.2/ENOTSOCK/descriptor",
    section="ERRORS",
    says="Connecting a descriptor that is not that of a socket, but of a pipe, fails with ENOTSOCK.",
)
def test_a_pipe_is_not_connected(ns, observe):
    with Socket.udp() as sock, pipes(1) as (pipe,):
        with refused(errno.ENOTSOCK):
            call_with("connect", pipe.reader.fileno(), HOME["udp"])
        call_with("connect", sock.fileno(), HOME["udp"])

        assert observe("peer", peer(sock)) == HOME["udp"]


@claim(
    "connect.2/EFAULT/nowhere",
    sentence="connect.2/EFAULT/address",
    section="ERRORS",
    says="Connecting a TCP or UDP socket over IPv4 or IPv6, a UNIX stream, seqpacket or datagram socket, or "
    "a raw or netlink socket to an address where there is no memory fails with EFAULT.",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(
    "kind",
    ["tcp", "tcp6", "udp", "udp6", "unix", "unix-seqpacket", "unix-datagram", "raw", "netlink"],
)
def test_an_address_is_read_from_memory(ns, observe, kind):
    with at_home(kind), SOCKETS[kind]() as sock:
        with refused(errno.EFAULT):
            from_nowhere("connect", sock)
        call_with("connect", sock.fileno(), HOME[kind])

        assert observe("peer", peer(sock)) == HOME[kind]


@claim(
    "connect.2/EADDRNOTAVAIL/exhausted-tcp",
    sentence="connect.2/EADDRNOTAVAIL/exhausted",
    section="ERRORS",
    says="Connecting a TCP socket over IPv4 or IPv6 that is not bound fails with EADDRNOTAVAIL when the "
    "only port that may be chosen is bound by another.",
    needs=[IPV6],
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_a_connection_takes_a_port(ns, observe, kind):
    with at_home(kind), SOCKETS[kind]() as holder, SOCKETS[kind]() as sock:
        ns.sysctl[RANGE] = "40000 40000"
        bind_to(holder, octets_of(ANY[kind]))
        with refused(errno.EADDRNOTAVAIL):
            connect_to(sock, octets_of(HOME[kind]))
        holder.close()
        connect_to(sock, octets_of(HOME[kind]))

        assert observe("port_and_peer", [sock.getsockname()[1], peer(sock)]) == [40_000, HOME[kind]]


@claim(
    "connect.2/EADDRNOTAVAIL/exhausted-udp",
    sentence="connect.2/EADDRNOTAVAIL/exhausted",
    section="ERRORS",
    says="Connecting a UDP socket over IPv4 or IPv6 that is not bound fails with EADDRNOTAVAIL when the "
    "only port that may be chosen is bound by another.",
    needs=[IPV6],
    expect=differs(
        "it fails with EAGAIN (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EAGAIN"},
    ),
)
@pytest.mark.parametrize("kind", ["udp", "udp6"])
def test_an_association_takes_a_port(ns, observe, kind):
    with SOCKETS[kind]() as holder, SOCKETS[kind]() as sock:
        ns.sysctl[RANGE] = "40000 40000"
        bind_to(holder, octets_of(ANY[kind]))
        with refused(errno.EADDRNOTAVAIL):
            connect_to(sock, octets_of(HOME[kind]))
        holder.close()
        connect_to(sock, octets_of(HOME[kind]))

        assert observe("port_and_peer", [sock.getsockname()[1], peer(sock)]) == [40_000, HOME[kind]]


@claim(
    "connect.2/EADDRINUSE/same-addresses-tcp",
    survives={"no-op: listen*": "the second is for the control, which is not tried where it differs"},
    sentence="connect.2/EADDRINUSE/local",
    section="ERRORS",
    says="Connecting a TCP socket over IPv4 or IPv6 from the address and port from which another, which "
    "shares them by SO_REUSEADDR, is connected to the same peer fails with EADDRINUSE.",
    needs=[IPV6],
    expect=differs(
        "it fails with EADDRNOTAVAIL (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EADDRNOTAVAIL"},
    ),
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"], ids=["tcp", "tcp6"])
def test_two_connections_do_not_have_the_same_ends(ns, observe, host):
    make = SOCKETS["tcp6" if ":" in host else "tcp"]
    with listening(host) as one, listening(host) as two, make() as first, make() as second:
        first.reuseaddr = second.reuseaddr = True
        first.bind((host, 4321))
        second.bind((host, 4321))
        first.connect(one.getsockname())
        with refused(errno.EADDRINUSE):
            second.connect(one.getsockname())
        second.connect(two.getsockname())

        assert observe("connected", second.getpeername() == two.getsockname()) is True


@claim(
    "connect.2/EADDRINUSE/same-addresses-udp",
    sentence="connect.2/EADDRINUSE/local",
    section="ERRORS",
    says="Connecting a UDP socket over IPv4 from the address and port from which another, which shares them "
    "by SO_REUSEADDR, is connected to the same peer fails with EADDRINUSE.",
    expect=differs(
        "it succeeds (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={
            "errno": None,
            "peers": [HOME["udp"], HOME["udp"]],
            "own": ["127.0.0.1:4322", "127.0.0.1:4322"],
        },
    ),
)
def test_two_associations_do_not_have_the_same_ends(ns, observe):
    with Socket.udp() as first, Socket.udp() as second:
        first.reuseaddr = second.reuseaddr = True
        first.bind(("127.0.0.1", 4322))
        second.bind(("127.0.0.1", 4322))
        connect_to(first, octets_of(HOME["udp"]))
        with refused(errno.EADDRINUSE):
            connect_to(second, octets_of(HOME["udp"]))
            observe("peers", [peer(first), peer(second)])
            observe("own", [own(first), own(second)])


@claim(
    "connect.2/EINPROGRESS/in-the-end",
    sentence="connect.2/EINPROGRESS/nonblocking",
    section="ERRORS",
    says="Connecting a non-blocking TCP socket over IPv4 or IPv6 to a listener fails with EINPROGRESS, and "
    "it is connected then; a blocking one's connect succeeds.",
    needs=[IPV6],
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_a_connection_is_in_progress(ns, observe, kind):
    with at_home(kind), SOCKETS[kind]() as sock, SOCKETS[kind]() as blocking:
        connect_to(blocking, octets_of(HOME[kind]))
        sock.nonblocking = True
        with refused(errno.EINPROGRESS):
            connect_to(sock, octets_of(HOME[kind]))
        select.select([], [sock], [], SOON)

        assert observe("peers", [peer(blocking), peer(sock)]) == [HOME[kind], HOME[kind]]


@claim(
    "connect.2/EALREADY/again",
    survives={"no-op: close*": "what was accepted may stay open"},
    sentence="connect.2/EALREADY/connecting",
    section="ERRORS",
    says="Connecting a non-blocking TCP socket over IPv4 or IPv6 to the same listener again fails with "
    "EALREADY while the connection is being made; once it is made, that succeeds once, and fails with "
    "EISCONN then.",
    needs=[IPV6],
)
@TCP
def test_the_end_of_an_attempt_is_told_once(ns, observe, listening):
    with listening(backlog=0) as listener, full_backlog(listener) as client:
        client.nonblocking = True
        with refused(errno.EINPROGRESS, "errno_first"):
            client.connect(listener.getsockname())
        with refused(errno.EALREADY, "errno_again"):
            client.connect(listener.getsockname())
        listener.accept()[0].close()
        select.select([], [client], [], SOON)
        client.connect(listener.getsockname())
        with refused(errno.EISCONN):
            client.connect(listener.getsockname())

        assert observe("connected", client.getpeername() == listener.getsockname()) is True


@claim(
    "connect.2/EAGAIN/not-in-progress",
    survives={"no-op: close*": "what was accepted may stay open"},
    sentence=("connect.2/EAGAIN/unix", "connect.2/EINPROGRESS/unix"),
    section="ERRORS",
    says="Connecting a non-blocking UNIX stream or seqpacket socket to a listener whose queue is full fails "
    "with EAGAIN, not EINPROGRESS, and again so: nothing is in progress.",
)
@UNIX
def test_nothing_is_in_progress_on_unix(ns, observe, listening):
    with listening(backlog=0) as listener, full_backlog(listener) as client:
        client.nonblocking = True
        with refused(errno.EAGAIN):
            client.connect(listener.local_address())
        with refused(errno.EAGAIN, "errno_again"):
            client.connect(listener.local_address())
        before = peer(client)
        listener.accept()[0].close()
        client.connect(listener.local_address())

        assert observe("peer_before_and_after", [before, peer(client)]) == ["-", own(listener)]


@claim(
    "connect.2/EINTR/tcp",
    survives={"no-op: close*": "what was accepted may stay open"},
    sentence="connect.2/EINTR/signal",
    section="ERRORS",
    says="A blocking connect of a TCP socket over IPv4 or IPv6 that waits for a listener with a full "
    "backlog fails with EINTR when a signal is caught whose handler has no SA_RESTART; the connection goes "
    "on being made (EALREADY on a socket that is non-blocking then), and is there in the end.",
    needs=[IPV6],
)
@TCP
def test_an_interrupted_connection_is_made_all_the_same(ns, observe, listening):
    with listening(backlog=0) as listener, full_backlog(listener) as client:
        address = listener.local_address().raw
        with interrupting(restart=False), refused(errno.EINTR):
            connect_to(client, address)
        client.nonblocking = True
        with refused(errno.EALREADY, "errno_again"):
            connect_to(client, address)
        listener.accept()[0].close()
        select.select([], [client], [], SOON)

        assert observe("connected", client.getpeername() == listener.getsockname()) is True


@claim(
    "connect.2/EINTR/unix",
    survives={"no-op: close*": "what was accepted may stay open"},
    sentence="connect.2/EINTR/signal",
    section="ERRORS",
    says="A blocking connect of a UNIX stream or seqpacket socket that waits for a listener with a full "
    "queue fails with EINTR when a signal is caught whose handler has no SA_RESTART; no connection is being "
    "made then, and the next connect succeeds once there is room.",
)
@UNIX
def test_an_interrupted_connect_of_unix_is_over(ns, observe, listening):
    with listening(backlog=0) as listener, full_backlog(listener) as client:
        address = listener.local_address().raw
        with interrupting(restart=False), refused(errno.EINTR):
            connect_to(client, address)
        before = peer(client)
        listener.accept()[0].close()
        connect_to(client, address)

        assert observe("peer_before_and_after", [before, peer(client)]) == ["-", own(listener)]


@claim(
    "connect.2/ETIMEDOUT/busy-listener",
    survives={"no-op: close*": "what was accepted may stay open"},
    sentence=("connect.2/ETIMEDOUT/attempt", "connect.2/ETIMEDOUT/busy"),
    section="ERRORS",
    says="A blocking connect of a TCP socket over IPv4 or IPv6 to a listener whose backlog is full, and "
    "stays so, fails with ETIMEDOUT: with TCP_USER_TIMEOUT as 1 ms after the first SYN was sent again, a "
    "second later.",
    needs=[IPV6],
)
@TCP
def test_an_attempt_times_out(ns, observe, listening):
    with listening(backlog=0) as listener, full_backlog(listener) as client:
        client.tcp_user_timeout = 1
        with timed() as took, refused(errno.ETIMEDOUT):
            connect_to(client, listener.local_address().raw)
        listener.accept()[0].close()
        connect_to(client, listener.local_address().raw)

        connected = client.getpeername() == listener.getsockname()
        assert observe("lasted_and_connected", [took.lasted(1), connected]) == [True, True]
