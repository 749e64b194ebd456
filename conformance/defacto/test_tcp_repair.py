"""TCP_REPAIR and its fellows: a connection that is moved to another socket."""

from __future__ import annotations

import errno
import socket
from dataclasses import replace

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import answer, option_got, option_set
from conformance.plugin.setups.readiness import await_hangup, await_readable, readable_by_select
from conformance.plugin.setups.repair import RECEIVE, SEND, connection_of, follows, held, resume, sequence
from conformance.plugin.timing import SOON
from libsocket import (
    INT,
    SO_REUSEADDR,
    TCP_QUEUE_SEQ,
    TCP_REPAIR_QUEUE,
    Linger,
    Socket,
    TcpRepairOpt,
    TcpRepairWindow,
)
from netns import Capability, without

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
LARGE = 4_000_000_000
ADMIN = (Capability.NET_ADMIN,)


TCP_AO_REPAIR = socket.IPPROTO_TCP, 42
AO_REPAIR_SIZE = 16
"""Bytes of a struct tcp_ao_repair."""


def set_ao(sock: Socket) -> str:
    """What setting TCP_AO_REPAIR gives."""
    return answer(lambda: option_set(sock.fileno(), TCP_AO_REPAIR, bytes(AO_REPAIR_SIZE)))


def got_ao(sock: Socket) -> str:
    """What reading it gives."""
    return answer(lambda: option_got(sock.fileno(), TCP_AO_REPAIR, AO_REPAIR_SIZE))


@claim(
    "defacto/TCP_REPAIR/moved",
    sentence=("tcp.h/TCP_REPAIR/under-repair"),
    says="A TCP connection, over IPv4 and IPv6, whose socket is closed under repair does not end; a fresh "
    "socket that is given its addresses, sequence numbers, options, clock and windows reads them back, and "
    "goes on with it in both directions.",
    since="4.8",
    commit="b1ed4c4fa9a5",
    needs=ADMIN,
    survives={"no-op: setsockopt(*SO_REUSEADDR*": "a socket under repair reuses addresses anyway"},
)
@FAMILIES
def test_a_connection_is_moved(ns, observe, family):
    sock, peer = Socket.tcp_pair(family)
    with peer, Socket.tcp(family) as moved:
        peer.rcvtimeo = moved.rcvtimeo = SOON
        sock.send(b"before")
        received = [peer.read_exact(6).decode()]
        connection = held(sock)
        sock.close()
        ended = readable_by_select(peer)
        resume(moved, connection)
        again = connection_of(moved)
        same = [replace(again, stamp=connection.stamp) == connection, follows(again.stamp, connection.stamp)]
        moved.tcp_repair = 0
        moved.send(b"after")
        received.append(peer.read_exact(5).decode())
        peer.send(b"back")
        received.append(moved.read_exact(4).decode())

        seen = [observe("ended", ended), observe("same", same), observe("received", received)]
        assert seen == [False, [True, True], ["before", "after", "back"]]


@claim(
    "defacto/TCP_REPAIR/listener",
    says="TCP_REPAIR is refused with EPERM on a TCP socket, over IPv4 and IPv6, that listens, and granted "
    "on a new one.",
    since="3.5",
    commit="ee9952831cfd",
    needs=ADMIN,
)
@FAMILIES
def test_a_listener_is_not_repaired(ns, observe, family):
    with Socket.tcp(family) as new, Socket.tcp(family) as listener:
        listener.listen()
        with refused(errno.EPERM):
            listener.tcp_repair = 1
        new.tcp_repair = 1

        assert observe("repair", [new.tcp_repair, listener.tcp_repair]) == [1, 0]


@claim(
    "defacto/TCP_REPAIR_QUEUE/outside",
    says="TCP_REPAIR_QUEUE is refused with EPERM on a TCP socket, over IPv4 and IPv6, that is not under "
    "repair, and with EINVAL as a number of less than 0 or more than 2.",
    since="4.17",
    commit="bf2acc943a45",
    needs=ADMIN,
)
@FAMILIES
@pytest.mark.parametrize("queue", [-1, 3])
def test_a_queue_is_chosen_under_repair(ns, observe, family, queue):
    with Socket.tcp(family) as sock:
        with refused(errno.EPERM):
            sock.tcp_repair_queue = SEND
        sock.tcp_repair = 1
        sock.tcp_repair_queue = SEND
        with refused(errno.EINVAL, "errno_number"):
            sock.tcp_repair_queue = queue

        assert observe("queue", sock.tcp_repair_queue) == SEND


@claim(
    "defacto/TCP_QUEUE_SEQ/states",
    says="TCP_QUEUE_SEQ of a TCP socket, over IPv4 and IPv6, under repair can be set on a new one for the "
    "queue that is chosen alone, is refused with EINVAL where none is, and with EPERM on a connected one.",
    since="3.5",
    commit="ee9952831cfd",
    needs=ADMIN,
)
@FAMILIES
@pytest.mark.parametrize("queues", [(RECEIVE, SEND), (SEND, RECEIVE)], ids=["receive", "send"])
def test_a_sequence_number_is_set_while_closed(ns, observe, family, queues):
    left, right = Socket.tcp_pair(family)
    with left, right, Socket.tcp(family) as new:
        left.tcp_repair = new.tcp_repair = 1
        with refused(errno.EPERM):
            left.tcp_queue_seq = 7
        with refused(errno.EINVAL, "errno_no_queue"):
            new.tcp_queue_seq = 7
        new.tcp_repair_queue = queues[0]
        new.tcp_queue_seq = LARGE
        new.tcp_repair_queue = queues[1]
        new.tcp_queue_seq = 7
        sequences = [sequence(new, queue) for queue in queues]

        seen = [observe("repair", [left.tcp_repair, new.tcp_repair]), observe("sequences", sequences)]
        assert seen == [[1, 1], [LARGE, 7]]


@claim(
    "defacto/TCP_REPAIR_OPTIONS/states",
    says="TCP_REPAIR_OPTIONS is refused with EINVAL on a TCP connection, over IPv4 and IPv6, that is not "
    "under repair, and with EPERM on a new socket that is; a connection that is, and has sent nothing, takes "
    "the segment size that it says.",
    since="3.5",
    commit="b139ba4e90dc",
    needs=ADMIN,
)
@FAMILIES
def test_options_are_set_on_a_connection(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    with left, right, Socket.tcp(family) as new:
        size = (TcpRepairOpt(2, 777),)
        with refused(errno.EINVAL):
            left.tcp_repair_options = size
        left.tcp_repair = new.tcp_repair = 1
        with refused(errno.EPERM, "errno_new"):
            new.tcp_repair_options = size
        left.tcp_repair_options = size

        assert observe("size", left.tcp_maxseg) == 777


@claim(
    "defacto/TCP_TIMESTAMP/outside",
    says="TCP_TIMESTAMP of a TCP connection, over IPv4 and IPv6, is refused with EPERM where it is not "
    "under repair; under repair its clock is set to it, and goes on from there.",
    since="3.9",
    commit="93be6ce0e91b",
    needs=ADMIN,
)
@FAMILIES
def test_a_clock_is_set_under_repair(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    with left, right:
        with refused(errno.EPERM):
            left.tcp_timestamp = 1_000_000
        wanted = (left.tcp_timestamp + 2**31) & ~1 & 0xFFFF_FFFF
        left.tcp_repair = 1
        left.tcp_timestamp = wanted

        assert observe("on", follows(left.tcp_timestamp, wanted)) is True


@claim(
    "defacto/TCP_REPAIR_WINDOW/outside",
    sentence=("tcp.h/TCP_REPAIR_WINDOW/window"),
    says="TCP_REPAIR_WINDOW of a TCP connection, over IPv4 and IPv6, is refused with EPERM where it is not "
    "under repair, to set and to read; under repair it reads as it was set.",
    since="4.8",
    commit="b1ed4c4fa9a5",
    needs=ADMIN,
)
@FAMILIES
def test_windows_are_set_under_repair(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    with left, right:
        with refused(errno.EPERM, "errno_read"):
            left.tcp_repair_window  # noqa: B018
        left.tcp_repair = 1
        was = left.tcp_repair_window
        wanted = TcpRepairWindow(was.snd_wl1, was.snd_wnd // 2, was.max_window, was.rcv_wnd, was.rcv_wup)
        left.tcp_repair_window = wanted
        seen = [left.tcp_repair_window == wanted]
        left.tcp_repair = -1
        with refused(errno.EPERM):
            left.tcp_repair_window = was

        assert observe("as_set", seen) == [True]


@claim(
    "defacto/TCP_REPAIR_QUEUE/read",
    says="Reading TCP_REPAIR_QUEUE of a TCP socket, over IPv4 and IPv6, is refused with EINVAL where it is "
    "not under repair; under repair it is 0, no queue, until one is chosen.",
    since="3.5",
    commit="ee9952831cfd",
    needs=ADMIN,
)
@FAMILIES
@pytest.mark.parametrize("queue", [RECEIVE, SEND])
def test_a_queue_is_read_under_repair(ns, observe, family, queue):
    with Socket.tcp(family) as sock:
        with refused(errno.EINVAL):
            sock.get(TCP_REPAIR_QUEUE.through(INT))
        sock.tcp_repair = 1
        queues = [sock.tcp_repair_queue]
        sock.tcp_repair_queue = queue
        queues.append(sock.tcp_repair_queue)

        assert observe("first_and_chosen", queues) == [0, queue]


@claim(
    "defacto/TCP_QUEUE_SEQ/read",
    says="Reading TCP_QUEUE_SEQ of a TCP socket, over IPv4 and IPv6, that is under repair and not connected "
    "is refused with EINVAL where no queue is chosen; where one is it reads as it was set.",
    since="3.5",
    commit="ee9952831cfd",
    needs=ADMIN,
)
@FAMILIES
@pytest.mark.parametrize("queue", [RECEIVE, SEND])
def test_a_sequence_number_is_read_of_a_queue(ns, observe, family, queue):
    with Socket.tcp(family) as sock:
        sock.tcp_repair = 1
        with refused(errno.EINVAL):
            sock.get(TCP_QUEUE_SEQ.through(INT))
        sock.tcp_repair_queue = queue
        sock.tcp_queue_seq = LARGE

        assert observe("sequence", sock.tcp_queue_seq) == LARGE


@claim(
    "defacto/TCP_REPAIR_WINDOW/bounds",
    says="TCP_REPAIR_WINDOW of a TCP connection, over IPv4 and IPv6, under repair is refused with EINVAL "
    "where max_window is less than snd_wnd, snd_wl1 later than the end of rcv_wnd, or rcv_wup later than "
    "what was received; the one that it has stays. The last value before that is taken.",
    since="4.8",
    commit="b1ed4c4fa9a5",
    needs=ADMIN,
)
@FAMILIES
@pytest.mark.parametrize("wrong", ["max_window", "snd_wl1", "rcv_wup"])
def test_windows_that_cannot_be_are_refused(ns, observe, family, wrong):
    left, right = Socket.tcp_pair(family)
    with left, right:
        left.tcp_repair = 1
        found = left.tcp_repair_window
        received = sequence(left, RECEIVE)
        left.tcp_repair_window = was = replace(
            found, max_window=found.snd_wnd + 9, rcv_wup=(received - 9) % 2**32
        )
        beyond, last = {
            "max_window": (was.snd_wnd - 1, was.snd_wnd),
            "snd_wl1": ((received + was.rcv_wnd + 1) % 2**32, (received + was.rcv_wnd) % 2**32),
            "rcv_wup": ((received + 1) % 2**32, received),
        }[wrong]
        with refused(errno.EINVAL):
            left.tcp_repair_window = replace(was, **{wrong: beyond})
        kept = left.tcp_repair_window == was
        left.tcp_repair_window = at_limit = replace(was, **{wrong: last})

        assert observe("kept_and_taken", [kept, left.tcp_repair_window == at_limit]) == [True, True]


@claim(
    "defacto/TCP_REPAIR/window-probe",
    says="A TCP connection, over IPv4 and IPv6, that leaves repair with 0 sends a window probe, and one that "
    "leaves it with -1 sends nothing: its peer has got a segment more, or none, when the next data comes.",
    since="4.18",
    commit="31048d7aedf3",
    needs=ADMIN,
)
@FAMILIES
@pytest.mark.parametrize(("off", "probes"), [(0, 1), (-1, 0)], ids=["probe", "no-probe"])
def test_a_peer_is_probed(ns, observe, family, off, probes):
    left, right = Socket.tcp_pair(family)
    with left, right:
        right.rcvtimeo = SOON
        left.send(b"before")
        right.read_exact(6)
        before = right.tcp_info.segs_in
        left.tcp_repair = 1
        under_repair = left.tcp_repair
        left.tcp_repair = off
        left.send(b"after")
        right.read_exact(5)
        segments = right.tcp_info.segs_in - before

        assert observe("repair_and_segments", [under_repair, segments]) == [1, 1 + probes]


@claim(
    "defacto/TCP_QUEUE_SEQ/unread",
    says="TCP_QUEUE_SEQ for the receive queue of a TCP socket, over IPv4 and IPv6, under repair whose "
    "connection was reset is refused with EPERM while data is in the queue, and granted once that was read.",
    since="5.12",
    backports=("4.19.181", "5.4.106", "5.10.24", "5.11.7"),
    commit="8811f4a9836e",
    needs=ADMIN,
)
@FAMILIES
def test_a_sequence_number_is_not_set_under_data(ns, observe, family):
    sock, peer = Socket.tcp_pair(family)
    with sock, peer:
        sock.rcvtimeo = SOON
        peer.send(b"hello")
        await_readable(sock)
        peer.linger = Linger(True, 0)
        peer.close()
        await_hangup(sock)
        sock.tcp_repair = 1
        sock.tcp_repair_queue = RECEIVE
        with refused(errno.EPERM):
            sock.tcp_queue_seq = LARGE
        sock.tcp_repair = 0
        received = sock.recv(9).decode()
        sock.tcp_repair = 1
        sock.tcp_repair_queue = RECEIVE
        sock.tcp_queue_seq = LARGE

        assert observe("received_and_sequence", [received, sock.tcp_queue_seq]) == ["hello", LARGE]


@claim(
    "defacto/TCP_REPAIR/reuse",
    says="SO_REUSEADDR of a TCP socket, over IPv4 and IPv6, that was 1 reads 2 under TCP_REPAIR, and 0 once "
    "that is left with 0 or -1.",
    since="4.18",
    commit="31048d7aedf3",
    needs=ADMIN,
)
@FAMILIES
@pytest.mark.parametrize("off", [0, -1])
def test_reuse_of_addresses_ends_with_repair(ns, observe, family, off):
    with Socket.tcp(family) as sock:
        sock.reuseaddr = True
        values = [sock.get(SO_REUSEADDR.through(INT))]
        sock.tcp_repair = 1
        values.append(sock.get(SO_REUSEADDR.through(INT)))
        sock.tcp_repair = off

        assert observe("before_under_and_after", [*values, sock.get(SO_REUSEADDR.through(INT))]) == [1, 2, 0]


@claim(
    "defacto/TCP_AO_REPAIR/privilege",
    says="Setting and reading TCP_AO_REPAIR of a TCP socket, over IPv4 and IPv6, that is under repair are "
    "refused with EPERM without CAP_NET_ADMIN, and with it where the socket listens; a new one under repair "
    "that has no key is refused otherwise: with ENOENT, and by a kernel without TCP-AO with ENOPROTOOPT.",
    since="6.7",
    commit="faadfaba5e01",
    needs=ADMIN,
    survives={"no-op: setsockopt(*TCP_REPAIR,*": "without TCP-AO it does not matter for a new socket"},
)
@FAMILIES
def test_keys_are_repaired_with_a_capability(ns, observe, family):
    with Socket.tcp(family) as sock, Socket.tcp(family) as listener:
        listener.listen()
        sock.tcp_repair = 1
        with without(Capability.NET_ADMIN):
            lacking = [set_ao(sock), got_ao(sock)]
        found = [lacking, [set_ao(listener), got_ao(listener)], [set_ao(sock), got_ao(sock)]]

        refusals = [set(found[0]), set(found[1]), bool(set(found[2]) - {"ENOENT", "ENOPROTOOPT"})]
        observe("lacking_listening_and_new", found)
        assert refusals == [{"EPERM"}, {"EPERM"}, False]


@claim(
    "defacto/TCP_TIMESTAMP/odd",
    says="TCP_TIMESTAMP of a TCP connection, over IPv4 and IPv6, whose clock was set under repair to an odd "
    "number, by which it counts microseconds, reads as an odd number each time of 20.",
    since="6.7",
    commit="614e8316aa4c",
    needs=ADMIN,
)
@FAMILIES
def test_a_clock_of_microseconds_is_odd(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    with left, right:
        left.tcp_repair = 1
        left.tcp_timestamp = wanted = (left.tcp_timestamp + 2**31) % 2**32 | 1
        read = [left.tcp_timestamp for _ in range(20)]

        seen = [all(one & 1 for one in read), all(follows(one, wanted) for one in read)]
        assert observe("odd_and_on", seen) == [True, True]
