"""Calls that wait for a connection, or for room, and what is done to their socket meanwhile."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.setups.blocked import await_asleep, drain, ended, fill
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.interruptions import recv_once
from conformance.plugin.setups.ioctls import FIONBIO, word
from conformance.plugin.setups.listeners import pending_connection
from conformance.plugin.setups.made_peer import (
    ADDRESS,
    MADE,
    OFFERED,
    MadePeer,
    accepted_from,
    connecting,
    fill_window,
    made_peer,
)
from conformance.plugin.setups.message_calls import send
from conformance.plugin.setups.proc_net import counted, counters
from conformance.plugin.setups.readiness import polled, writable
from conformance.plugin.setups.reuse import group
from conformance.plugin.setups.segments import ACK, RST, SYN
from conformance.plugin.setups.served import on
from conformance.plugin.setups.signals import announce, announced
from conformance.plugin.setups.states import LISTENING, connected
from conformance.plugin.setups.waiting import wait_until
from conformance.plugin.setups.wires import came, coming, remove_address
from conformance.plugin.timing import LONG, SOON
from libsocket import Shutdown, Socket
from netns import Child, Peers

STREAMS = pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix"])


def make_connection(peer: MadePeer) -> None:
    """Answer the SYN of a socket that is connecting, so that it is connected."""
    peer.send(SYN | ACK, options=OFFERED)
    peer.sequence += 1


@claim(
    "defacto/send/goes-on-once-connected",
    says="A send on a blocking TCP socket over IPv4 that is connecting still, as its connect did not block, "
    "waits for the connection, and is sent then.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
)
def test_a_send_waits_for_the_connection(peers, observe):
    with connecting(peers) as (sock, peer):
        sock.setblocking(True)
        sock.sndtimeo = float(LONG)
        with Child(partial(sock.send, b"hello")) as child:
            asleep = await_asleep(child.pid)
            make_connection(peer)
            sent = child.value()
        data = next(one.data for one in iter(peer.next, None) if one.data)

        found = [asleep, sent, data.decode()]
        assert observe("asleep_sent_arrived", found) == [True, 5, "hello"]


@claim(
    "defacto/recv/waits-for-connection",
    says="A receive on a blocking TCP socket over IPv4 that is connecting still, as its connect did not "
    "block, waits for the connection, and for data then.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
)
def test_a_receive_waits_for_the_connection(peers, observe):
    with connecting(peers) as (sock, peer):
        sock.setblocking(True)
        sock.rcvtimeo = float(LONG)
        with Child(lambda: sock.recv(9).decode()) as child:
            asleep = [await_asleep(child.pid)]
            make_connection(peer)
            peer.replies()
            asleep.append(await_asleep(child.pid))
            peer.tell(b"hello")

            assert observe("asleep_and_received", [asleep, child.value()]) == [[True, True], "hello"]


@contextmanager
def blocking_connect(hosts: Peers) -> Iterator[tuple[Socket, MadePeer, Child[str]]]:
    """A socket of the right host by which another process connects to a made peer, which has its SYN."""
    with made_peer(hosts) as peer, hosts.right.entered(), Socket.tcp() as sock:
        sock.sndtimeo = float(LONG)

        def act() -> str:
            return answer(lambda: sock.connect((ADDRESS, peer.port)))

        with Child(act) as child:
            assert await_asleep(child.pid), "the call did not wait"
            peer.take(peer.next())
            yield sock, peer, child
        peer.send(RST | ACK)


@claim(
    "defacto/connect/shut-down-meanwhile",
    says="A connect that waits on a TCP socket over IPv4 fails with ECONNRESET when another process that has "
    "the socket shuts it down, in any direction.",
    since="2.6.12",
    commit="1da177e4c3f4",
    expect=differs(
        "the shutdown fails with EBUSY, and the connect goes on waiting",
        since="6.4",
        until="6.6",
        commit="4faeee0cf8a5",
        backports=("5.10.183",),
        observed={"errno": "EBUSY"},
    ),
    needs=MADE,
)
@pytest.mark.parametrize("how", list(Shutdown), ids=[how.name for how in Shutdown])
def test_a_waiting_connect_ends(peers, observe, how):
    with blocking_connect(peers) as (sock, _, child):
        sock.shutdown(how)

        assert observe("ended", child.value()) == "ECONNRESET"


@claim(
    "defacto/O_NONBLOCK/set-while-a-connect-waits",
    says="A connect that waits on a TCP socket over IPv4 goes on waiting when another process that has the "
    "socket sets O_NONBLOCK by FIONBIO, and ends once the connection is made.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
)
def test_a_waiting_connect_goes_on(peers, observe):
    with blocking_connect(peers) as (sock, peer, child):
        fcntl.ioctl(sock, FIONBIO, word(1))
        asleep = await_asleep(child.pid)
        make_connection(peer)

        flag = fcntl.fcntl(sock, fcntl.F_GETFL) & os.O_NONBLOCK
        found = [asleep, child.value(), flag]
        assert observe("asleep_ended_flag", found) == [True, "done", os.O_NONBLOCK]


@claim(
    "defacto/O_NONBLOCK/set-while-an-accept-waits",
    says="An accept that waits on a TCP, over IPv4 and IPv6, or UNIX stream listener goes on waiting when "
    "another process that has it sets O_NONBLOCK by FIONBIO, and gives the connection that comes then.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives={"no-op: close() = 0": "what was connected and accepted may stay open"},
)
@STREAMS
def test_a_waiting_accept_goes_on(ns, observe, kind):
    with LISTENING[kind]() as listener:
        listener.rcvtimeo = float(LONG)
        with Child(lambda: answer(partial(accept_one, listener))) as child:
            asleep = [await_asleep(child.pid)]
            fcntl.ioctl(listener, FIONBIO, word(1))
            asleep.append(await_asleep(child.pid))
            client = Socket(listener.family, listener.type)
            with client:
                client.connect(listener.getsockname())
                ended = child.value()
        flag = fcntl.fcntl(listener, fcntl.F_GETFL) & os.O_NONBLOCK

        found = [asleep, ended, flag]
        assert observe("asleep_ended_flag", found) == [[True, True], "done", os.O_NONBLOCK]


def accept_one(listener: Socket) -> None:
    listener.accept()[0].close()


@claim(
    "defacto/O_NONBLOCK/set-while-a-send-waits",
    says="A send that waits for room on a TCP, over IPv4 and IPv6, or UNIX stream socket goes on waiting "
    "when another process that has it sets O_NONBLOCK by FIONBIO, and ends once there is room.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@STREAMS
def test_a_waiting_send_goes_on(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.rcvtimeo = SOON
        filled = fill(sock)
        sock.sndtimeo = float(LONG)
        with Child(partial(send, sock, b"x")) as child:
            asleep = [await_asleep(child.pid)]
            fcntl.ioctl(sock, FIONBIO, word(1))
            asleep.append(await_asleep(child.pid))
            drain(peer, filled)
            flag = fcntl.fcntl(sock, fcntl.F_GETFL) & os.O_NONBLOCK

            found = [asleep, child.value(), flag]
            assert observe("asleep_sent_flag", found) == [[True, True], 1, os.O_NONBLOCK]


@claim(
    "defacto/F_SETSIG/connect",
    says="With F_SETSIG and O_ASYNC the signal of a TCP socket over IPv4 whose non-blocking connect ends has "
    "the si_code POLL_OUT where the connection is made, and POLL_ERR where it is refused.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
)
@pytest.mark.parametrize(
    ("flags", "code", "error"), [(SYN | ACK, "POLL_OUT", "none"), (RST | ACK, "POLL_ERR", "ECONNREFUSED")]
)
def test_a_connect_is_announced(peers, observe, *, flags, code, error):
    with announced() as told, connecting(peers) as (sock, peer):
        announce(sock)
        peer.send(flags, options=OFFERED)
        peer.sequence += 1
        first = told()

        found = [first[:1], errno.errorcode.get(sock.error, "none")]
        assert observe("code_and_error", found) == [[code], error]


NOBODY = "10.0.1.99"
"""An address on the wire that nobody has."""


@contextmanager
def held_sender(hosts: Peers) -> Iterator[Socket]:
    """A UDP sender on the left with little room, whose packets wait for a neighbour that does not answer."""
    left = hosts.left
    left.namespace.sysctl[f"net.ipv4.neigh.{left.device}.retrans_time_ms"] = 60_000
    with on(left, "udp") as sender:
        sender.connect((NOBODY, 9))
        sender.sndbuf = 1
        yield sender


def give_up(hosts: Peers) -> None:
    """Drop all that waits for the neighbour."""
    left = hosts.left
    with left.namespace.iproute() as netlink:
        [index] = netlink.link_lookup(ifname=left.device)
        netlink.neigh("delete", family=socket.AF_INET, dst=NOBODY, ifindex=index)


def send_until_full(sender: Socket) -> str:
    """Send without waiting as often as it can be; how the last try ended."""
    ended = "sent 1000"
    while ended == "sent 1000":
        ended = answer(lambda: sender.send(bytes(1000), socket.MSG_DONTWAIT))
    return ended


@claim(
    "defacto/poll/udp-writable-again",
    says="A UDP socket over IPv4 whose send fails with EAGAIN, as what it has sent waits for a neighbour, "
    "is not writable, and is writable again once that was given up: a send succeeds.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
def test_a_full_socket_becomes_writable(peers, observe):
    with held_sender(peers) as sender:
        ended = send_until_full(sender)
        before = writable(sender)
        give_up(peers)
        after = bool(polled(sender, select.POLLOUT, SOON))
        sent = sender.send(b"x", socket.MSG_DONTWAIT)

        assert observe("ended_before_after_sent", [ended, before, after, sent]) == ["EAGAIN", False, True, 1]


@claim(
    "defacto/SA_RESTART/udp-send",
    says="A send on a UDP socket over IPv4 that waits for room, as what it has sent waits for a neighbour, "
    "goes on after a handler that has SA_RESTART, and fails with EINTR after one that has not.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
    survives={
        "no-op: setsockopt(*SO_SNDTIMEO*": "a handler without SA_RESTART ends a wait with a timeout, too"
    },
)
@pytest.mark.parametrize(("by", "outcome"), [("restarting-handler", "1"), ("handler", "EINTR")])
def test_a_waiting_datagram_is_interrupted(peers, observe, by, outcome):
    with held_sender(peers) as sender:
        full = send_until_full(sender)
        sender.sndtimeo = 0
        found = ended(partial(send, sender, b"x"), lambda: give_up(peers), by)

        assert observe("full_and_ended", [full, found]) == ["EAGAIN", outcome]


@claim(
    "defacto/close/by-handler",
    says="A receive that waits on a TCP or UNIX stream socket fails with EINTR when a handler without "
    "SA_RESTART closes the socket, and the next with EBADF; the peer receives the end.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@STREAMS
def test_a_handler_closes(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.rcvtimeo = SOON
        sock.rcvtimeo = float(LONG)
        with Child(partial(received_while_closed, sock, peer)) as child:
            sock.close()
            asleep = await_asleep(child.pid)
            os.kill(child.pid, signal.SIGUSR1)
            received = child.value()

        assert observe("asleep_received_end", [asleep, received, peer.recv(9).decode()]) == [
            True,
            ["EINTR", "EBADF"],
            "",
        ]


def received_while_closed(sock: Socket, peer: Socket) -> list[str]:
    """How receives end on a socket that the handler of SIGUSR1 closes."""
    number = sock.fileno()
    peer.close()
    signal.signal(signal.SIGUSR1, lambda *_: os.close(number))
    signal.siginterrupt(signal.SIGUSR1, True)
    return [answer(lambda: recv_once(sock)) for _ in range(2)]


@claim(
    "defacto/SO_RCVBUF/smaller-while-full",
    says="A smaller SO_RCVBUF of a TCP connection over IPv4 whose window is full loses nothing of what has "
    "come; once that is read there is a window again, and what is sent then is received.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
)
def test_a_full_buffer_becomes_smaller(peers, observe):
    with accepted_from(peers) as (sock, peer):
        size, before = fill_window(peer), sock.rcvbuf
        sock.rcvbuf = 1
        lost = size - len(sock.read_exact(size))
        window = next(one.window for one in iter(peer.next, None) if one.window)
        peer.tell(b"more")

        found = [sock.rcvbuf < before, lost, window > 0, sock.read_exact(4).decode()]
        assert observe("smaller_lost_window_more", found) == [True, 0, True, "more"]


def server_gone(shares: bool) -> tuple[tuple[str, int], bool]:
    """The address of a server that closed its connection first, and is gone; whether it had SO_REUSEPORT."""
    with Socket.tcp() as listener:
        listener.reuseport = shares
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pending_connection(listener), listener.accept()[0]:
            address: tuple[str, int] = listener.getsockname()
            return address, listener.reuseport


@claim(
    "defacto/SO_REUSEPORT/time-wait",
    says="An IPv4 address that a TCP server has just left, closing a connection first, can be bound again "
    "with SO_REUSEPORT where the server that left had it too, and without SO_REUSEADDR: EADDRINUSE if one "
    "of them has not.",
    since="3.9",
    commit="da5e36308d9f",
    survives={"no-op: setsockopt(*SO_REUSEPORT, ?0?, 4) = 0": "it is off at first"},
)
@pytest.mark.parametrize(
    ("left", "returns", "bound"),
    [(True, True, "done"), (True, False, "EADDRINUSE"), (False, True, "EADDRINUSE")],
)
def test_a_sharing_server_returns(ns, observe, *, left, returns, bound):
    address, shared = server_gone(left)
    with Socket.tcp() as server:
        server.reuseport = returns
        done = answer(lambda: server.bind(address))

        found = [shared, server.reuseport, done, server.getsockname() == address]
        assert observe("shared_shares_bound", found) == [left, returns, bound, bound == "done"]


@claim(
    "defacto/SO_REUSEPORT/address-removed",
    says="Of the UDP sockets over IPv4 that share an address by SO_REUSEPORT none receives what comes after "
    "their host lost the address, and one does once it is back.",
    since="3.9",
    commit="ba418fa357a7",
    needs=MADE,
)
def test_a_shared_address_is_removed(peers, observe):
    right = peers.right
    right.namespace.add_address(right.device, "10.0.1.77/24")
    with (
        right.entered(),
        group(3, host="10.0.1.77") as members,
        on(peers.left, "udp") as sender,
        coming(right) as seen,
    ):
        sender.connect(members[0].getsockname())
        counts = [sent_and_received(sender, seen, members, b"before")]
        remove_address(right, "10.0.1.77/24")
        counts.append(sent_and_received(sender, seen, members, b"meanwhile"))
        right.namespace.add_address(right.device, "10.0.1.77/24")
        counts.append(sent_and_received(sender, seen, members, b"after"))

        addresses = {one.getsockname() for one in members}
        assert observe("received_and_addresses", [counts, len(addresses)]) == [[1, 0, 1], 1]


def sent_and_received(sender: Socket, seen: Socket, members: list[Socket], data: bytes) -> int:
    """Send a datagram; how many of some sockets have it, once it was delivered or found no address."""
    before = counters()
    sender.send(data)
    came(seen, data)
    assert wait_until(lambda: any(counted(before, "Ip: InDelivers", "Ip: InAddrErrors"))), "it went nowhere"
    return sum(answer(partial(one.recv, 20, socket.MSG_DONTWAIT)) != "EAGAIN" for one in members)
