"""ICMP errors: the errno of each type and code, which of several is told, and what is ignored."""

from __future__ import annotations

import errno
import select
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.error_queue import next_error, reports
from conformance.plugin.setups.event_calls import errno_of
from conformance.plugin.setups.icmp import SENT_AND_CLOSED, report
from conformance.plugin.setups.made_peer import ADDRESS, MADE, informed, made_peer
from conformance.plugin.setups.mptcp_peer import RESET_AT_THE_END
from conformance.plugin.setups.pairs import UNACKED_ENDS, udp_pair
from conformance.plugin.setups.readiness import await_error, polled
from libsocket import ExtendedError, Shutdown, Socket
from netns import Capability

RAW = [Capability.NET_RAW]
REFUSED = (3, 3)
"""The type and code of an ICMP message about a port that nobody has."""

FATAL = {
    2: "ENOPROTOOPT",
    3: "ECONNREFUSED",
    6: "ENETUNREACH",
    7: "EHOSTDOWN",
    8: "ENONET",
    9: "ENETUNREACH",
    10: "EHOSTUNREACH",
    13: "EHOSTUNREACH",
    14: "EHOSTUNREACH",
    15: "EHOSTUNREACH",
}
"""The errno of each code of destination unreachable."""
EACH = [
    *((3, code, name) for code, name in FATAL.items()),
    (3, 0, "ENETUNREACH"),
    (3, 1, "EHOSTUNREACH"),
    (3, 5, "EOPNOTSUPP"),
    (3, 11, "ENETUNREACH"),
    (3, 12, "EHOSTUNREACH"),
    (11, 0, "EHOSTUNREACH"),
]
PASSING = {0: "ENETUNREACH", 1: "EHOSTUNREACH", 5: "EOPNOTSUPP", 11: "ENETUNREACH", 12: "EHOSTUNREACH"}
FATAL6 = {1: "EACCES", 4: "ECONNREFUSED"}
PASSING6 = {0: "ENETUNREACH", 2: "EHOSTUNREACH", 3: "EHOSTUNREACH"}


def so_error(sock: Socket) -> str:
    """The name of SO_ERROR, once there is one."""
    await_error(sock)
    return errno_name(sock.error)


def queued(sock: Socket) -> list[list[object]]:
    """The errno, type and code of each error that is queued."""
    found = reports(sock)
    return [[errno_name(one.errno), one.type, one.code] for one in found if isinstance(one, ExtendedError)]


@claim(
    "defacto/ICMP/unreachable-fatal",
    says="ICMP destination unreachable about what a connected UDP socket over IPv4, without IP_RECVERR, "
    "has sent is its SO_ERROR where the code says that it will not pass: ENOPROTOOPT for 2, ECONNREFUSED "
    "for 3, ENETUNREACH for 6 and 9, EHOSTDOWN for 7, ENONET for 8, EHOSTUNREACH for 10, 13, 14 and 15.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=RAW,
    survives=SENT_AND_CLOSED,
)
@pytest.mark.parametrize(("code", "name"), FATAL.items())
def test_what_will_not_pass_is_told(ns, observe, code, name):
    sock, peer = udp_pair()
    with sock, peer:
        report(sock, 3, code)

        assert observe("so_error", so_error(sock)) == name


@claim(
    "defacto/ICMP/unreachable-passing",
    says="ICMP destination unreachable with a code that may pass, 0, 1, 5, 11 or 12, and time exceeded, "
    "about what a connected UDP socket over IPv4, without IP_RECVERR, has sent is ignored; code 3 that "
    "comes after it is its SO_ERROR.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=RAW,
    survives=SENT_AND_CLOSED,
)
@pytest.mark.parametrize(("kind", "code"), [*((3, code) for code in PASSING), (11, 0)])
def test_what_may_pass_is_not_told(ns, observe, kind, code):
    sock, peer = udp_pair()
    with sock, peer:
        before = [report(sock, kind, code), sock.error]
        report(sock, *REFUSED)

        assert observe("before_and_after", [before, so_error(sock)]) == [[[kind, code], 0], "ECONNREFUSED"]


@claim(
    "defacto/ICMP/unreachable-queued",
    says="ICMP destination unreachable about what a UDP socket over IPv4 with IP_RECVERR has sent is "
    "queued, and is its SO_ERROR, by each code: ENETUNREACH for 0, 6, 9 and 11, EHOSTUNREACH for 1, 10, "
    "12, 13, 14 and 15, ENOPROTOOPT for 2, ECONNREFUSED for 3, EOPNOTSUPP for 5, EHOSTDOWN for 7, ENONET "
    "for 8; so is time exceeded of code 0, EHOSTUNREACH.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=RAW,
    survives=SENT_AND_CLOSED,
)
@pytest.mark.parametrize(("kind", "code", "name"), EACH)
def test_each_is_queued(ns, observe, kind, code, name):
    sock, peer = udp_pair()
    with sock, peer:
        sock.ip_recverr = True
        report(sock, kind, code)

        assert observe("so_error_and_queue", [so_error(sock), queued(sock)]) == [name, [[name, kind, code]]]


@claim(
    "defacto/ICMP/parameter-problem",
    says="ICMP parameter problem, of code 0, 1 or 2, about what a connected UDP socket over IPv4 has sent "
    "is EPROTO in SO_ERROR, with IP_RECVERR and without.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=RAW,
    survives=SENT_AND_CLOSED,
)
@pytest.mark.parametrize("code", [0, 1, 2])
@pytest.mark.parametrize("queue", [False, True])
def test_a_parameter_problem(ns, observe, code, queue):
    sock, peer = udp_pair()
    with sock, peer:
        queue_errors(sock, queue)
        report(sock, 12, code)

        expected = [["EPROTO", 12, code]] if queue else []
        assert observe("so_error_and_queue", [so_error(sock), queued(sock)]) == ["EPROTO", expected]


@claim(
    "defacto/ICMP/ignored",
    says="ICMP source quench, fragment reassembly time exceeded, and destination unreachable of a code "
    "that there is not, 16, about what a UDP socket over IPv4 has sent, with IP_RECVERR or without, are "
    "neither queued nor its SO_ERROR.",
    since="4.15",
    commit="258bbb1b0e59",
    needs=RAW,
    survives=SENT_AND_CLOSED,
)
@pytest.mark.parametrize(("kind", "code"), [(4, 0), (11, 1), (3, 16)])
@pytest.mark.parametrize("queue", [False, True])
def test_some_are_ignored(ns, observe, kind, code, queue):
    sock, peer = udp_pair()
    with sock, peer:
        queue_errors(sock, queue)
        before = [report(sock, kind, code), sock.error]
        report(sock, *REFUSED)

        expected = [["ECONNREFUSED", 3, 3]] if queue else []
        assert observe("before_and_after", [before, so_error(sock), queued(sock)]) == [
            [[kind, code], 0],
            "ECONNREFUSED",
            expected,
        ]


@claim(
    "defacto/ICMPv6/unreachable-fatal",
    says="ICMPv6 destination unreachable about what a connected UDP socket over IPv6, without "
    "IPV6_RECVERR, has sent is its SO_ERROR where the code says that it will not pass: EACCES for 1, "
    "ECONNREFUSED for 4.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[*RAW, IPV6],
    survives=SENT_AND_CLOSED,
)
@pytest.mark.parametrize(("code", "name"), FATAL6.items())
def test_what_will_not_pass_over_ipv6_is_told(ns, observe, code, name):
    sock, peer = udp_pair("::1")
    with sock, peer:
        report(sock, 1, code)

        assert observe("so_error", so_error(sock)) == name


@claim(
    "defacto/ICMPv6/unreachable-passing",
    says="ICMPv6 destination unreachable with a code that may pass, 0, 2 or 3, and time exceeded, about "
    "what a connected UDP socket over IPv6, without IPV6_RECVERR, has sent is ignored; code 4 that comes "
    "after it is its SO_ERROR.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[*RAW, IPV6],
    survives=SENT_AND_CLOSED,
)
@pytest.mark.parametrize(("kind", "code"), [(1, 0), (1, 2), (1, 3), (3, 0), (3, 1)])
def test_what_may_pass_over_ipv6_is_not_told(ns, observe, kind, code):
    sock, peer = udp_pair("::1")
    with sock, peer:
        before = [report(sock, kind, code), sock.error]
        report(sock, 1, 4)

        assert observe("before_and_after", [before, so_error(sock)]) == [[[kind, code], 0], "ECONNREFUSED"]


@claim(
    "defacto/ICMPv6/queued",
    says="ICMPv6 errors about what a UDP socket over IPv6 with IPV6_RECVERR has sent are queued, and are "
    "its SO_ERROR: destination unreachable ENETUNREACH for code 0, EACCES for 1, EHOSTUNREACH for 2 and 3, "
    "ECONNREFUSED for 4; time exceeded EHOSTUNREACH for 0 and 1; parameter problem EPROTO for 0, 1 and 2.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[*RAW, IPV6],
    survives=SENT_AND_CLOSED,
)
@pytest.mark.parametrize(
    ("kind", "code", "name"),
    [
        *((1, code, name) for code, name in (FATAL6 | PASSING6).items()),
        (3, 0, "EHOSTUNREACH"),
        (3, 1, "EHOSTUNREACH"),
        (4, 0, "EPROTO"),
        (4, 1, "EPROTO"),
        (4, 2, "EPROTO"),
    ],
)
def test_each_over_ipv6_is_queued(ns, observe, kind, code, name):
    sock, peer = udp_pair("::1")
    with sock, peer:
        sock.ipv6_recverr = True
        report(sock, kind, code)

        assert observe("so_error_and_queue", [so_error(sock), queued(sock)]) == [name, [[name, kind, code]]]


@claim(
    "defacto/ICMP/connecting",
    says="ICMP destination unreachable about the SYN of a non-blocking TCP socket over IPv4 that is "
    "connecting ends the attempt by each code but 4, whether it may pass or not: SO_ERROR is ENETUNREACH "
    "for 0, 6, 9 and 11, EHOSTUNREACH for 1, 10, 12, 13, 14 and 15, ENOPROTOOPT for 2, ECONNREFUSED for 3, "
    "EOPNOTSUPP for 5, EHOSTDOWN for 7, ENONET for 8.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=SENT_AND_CLOSED,
)
@pytest.mark.parametrize(("code", "name"), (FATAL | PASSING).items())
def test_a_connect_fails_by_each_code(peers, observe, code, name):
    with made_peer(peers) as peer, peers.right.entered(), Socket.tcp() as sock:
        sock.nonblocking = True
        with refused(errno.EINPROGRESS):
            sock.connect((ADDRESS, peer.port))
        report(sock, 3, code, sequence=peer.next().sequence, to=(ADDRESS, peer.port))

        assert observe("so_error", so_error(sock)) == name


@claim(
    "defacto/ICMP/outside-what-was-sent",
    says="ICMP destination unreachable about a segment of a TCP connection over IPv4 with IP_RECVERR whose "
    "number is not of what was sent and not acknowledged, nor the next, is ignored; one whose number is the "
    "first of these or the next is its SO_ERROR.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives={**SENT_AND_CLOSED, **RESET_AT_THE_END, **UNACKED_ENDS},
)
@pytest.mark.parametrize(("away", "within"), [(-1, 0), (5, 4), (100_000, 0)])
def test_a_segment_that_was_not_sent(peers, observe, away, within):
    with informed(peers) as (sock, peer):
        sock.ip_recverr = True
        sock.send(b"data")
        sequence = peer.next().sequence
        before = [report(sock, 3, 1, sequence=(sequence + away) % 2**32), sock.error]
        report(sock, 3, 1, sequence=(sequence + within) % 2**32)
        after = so_error(sock)
        peer.reset()

        assert observe("before_and_after", [before, after]) == [[[3, 1], 0], "EHOSTUNREACH"]


@claim(
    "defacto/ICMP/source-quench",
    says="ICMP source quench about a segment of a TCP connection over IPv4 with IP_RECVERR is ignored: there "
    "is no SO_ERROR, and the congestion window stays.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives={**SENT_AND_CLOSED, **RESET_AT_THE_END, **UNACKED_ENDS},
)
def test_source_quench_is_ignored(peers, observe):
    with informed(peers) as (sock, peer):
        sock.ip_recverr = True
        sock.send(b"data")
        sequence = peer.next().sequence
        before = sock.tcp_info.snd_cwnd
        found = [report(sock, 4, 0, sequence=sequence), sock.error, sock.tcp_info.snd_cwnd - before]
        report(sock, 3, 1, sequence=sequence)
        after = so_error(sock)
        peer.reset()

        assert observe("error_window_then", [*found, after]) == [[4, 0], 0, 0, "EHOSTUNREACH"]


@claim(
    "defacto/ICMP/last-of-several",
    says="Of two ICMP errors about what a connected UDP socket over IPv4 has sent SO_ERROR tells the later "
    "one, and only once, without IP_RECVERR, and with it, where both are queued.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=RAW,
    survives=SENT_AND_CLOSED,
)
@pytest.mark.parametrize("queue", [False, True])
@pytest.mark.parametrize("codes", [(2, 3), (3, 2)], ids=str)
def test_the_last_of_several(ns, observe, queue, codes):
    sock, peer = udp_pair()
    with sock, peer:
        queue_errors(sock, queue)
        sent = [report(sock, 3, code)[1] for code in codes]
        told = [so_error(sock), sock.error]

        expected = [[FATAL[code], 3, code] for code in codes] if queue else []
        assert observe("sent_so_error_twice_queued", [sent, *told, queued(sock)]) == [
            list(codes),
            FATAL[codes[1]],
            0,
            expected,
        ]


@claim(
    "defacto/MSG_ERRQUEUE/next-is-so-error",
    says="Receiving one of several ICMP errors that are queued at a UDP socket over IPv4 with IP_RECVERR "
    "sets SO_ERROR to the next, and receiving the last to 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=RAW,
    survives=SENT_AND_CLOSED,
)
def test_the_next_error_is_pending(ns, observe):
    sock, peer = udp_pair()
    with sock, peer:
        sock.ip_recverr = True
        report(sock, 3, 1)
        report(sock, 3, 2)
        report(sock, 3, 3)
        found = [next_error(sock).errno, sock.error]
        found += [next_error(sock).errno, next_error(sock).errno, sock.error]

        names = ["EHOSTUNREACH", "ENOPROTOOPT", "ENOPROTOOPT", "ECONNREFUSED", "no errno"]
        assert observe("queued_and_so_error", [errno_name(one or None) for one in found]) == names


@claim(
    "defacto/MSG_ERRQUEUE/without-recverr",
    says="Without IP_RECVERR a receive with MSG_ERRQUEUE on a connected UDP socket over IPv4 that was told "
    "of an ICMP error fails with EAGAIN, and the error is still pending.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=RAW,
    survives=SENT_AND_CLOSED,
)
def test_nothing_is_queued_unasked(ns, observe):
    sock, peer = udp_pair()
    with sock, peer:
        report(sock, *REFUSED)
        await_error(sock)
        with refused(errno.EAGAIN):
            sock.recv(9, socket.MSG_ERRQUEUE)

        assert observe("so_error", so_error(sock)) == "ECONNREFUSED"


@claim(
    "defacto/IP_RECVERR/clearing-empties-the-queue",
    says="Clearing IP_RECVERR of a UDP socket over IPv4 empties its error queue: MSG_ERRQUEUE fails with "
    "EAGAIN, after the option is set again, too.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=RAW,
    survives=SENT_AND_CLOSED,
)
def test_clearing_empties_the_queue(ns, observe):
    sock, peer = udp_pair()
    with sock, peer:
        sock.ip_recverr = True
        report(sock, 3, 1)
        before = so_error(sock)
        sock.ip_recverr = False
        sock.ip_recverr = True
        cleared = queued(sock)
        report(sock, *REFUSED)
        await_error(sock)

        assert observe("before_cleared_after", [before, cleared, queued(sock)]) == [
            "EHOSTUNREACH",
            [],
            [["ECONNREFUSED", 3, 3]],
        ]


@claim(
    "defacto/MSG_ERRQUEUE/after-shutdown",
    says="An ICMP error that is queued at a connected UDP socket, over IPv4 and IPv6, is received by "
    "MSG_ERRQUEUE after shutdown(2) for receiving, sending or both, and one that comes after it, too.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[*RAW, IPV6],
    survives={
        **SENT_AND_CLOSED,
        'no-op: sendto("", 0*': "where a socket is not shut down for sending, its send shows no more",
    },
)
@pytest.mark.parametrize(("host", "message"), [("127.0.0.1", (3, 3)), ("::1", (1, 4))], ids=["udp", "udp6"])
@pytest.mark.parametrize(
    "how",
    [
        (Shutdown.READ, [True, 0]),
        (Shutdown.WRITE, [False, "EPIPE"]),
        (Shutdown.BOTH, [True, "EPIPE"]),
    ],
    ids=["receiving", "sending", "both"],
)
def test_the_queue_outlasts_shutdown(ns, observe, host, message, how):
    sock, peer = udp_pair(host)
    with sock, peer:
        queue_errors(sock)
        report(sock, *message)
        await_error(sock)
        sock.shutdown(how[0])
        found = [queued(sock)]
        report(sock, *message)
        await_error(sock)
        found.append(queued(sock))
        calls = [bool(polled(sock, select.POLLRDHUP)), errno_of(lambda: sock.send(b""))]

        assert observe("queued_and_calls", [*found, calls]) == [*[[["ECONNREFUSED", *message]]] * 2, how[1]]


def queue_errors(sock: Socket, queue: bool = True) -> None:
    """Set IP_RECVERR, or IPV6_RECVERR, if errors are to be queued."""
    if queue and sock.family == socket.AF_INET:
        sock.ip_recverr = True
    elif queue:
        sock.ipv6_recverr = True
