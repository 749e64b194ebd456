"""Messages: what a peek shows, which room is too little, what an empty send meets, and what is gathered."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, ROUTE_TIMERS, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups import message_calls as calls
from conformance.plugin.setups.message_calls import badly, flag_names
from conformance.plugin.setups.pairs import UNACKED_ENDS, unacked_sender
from conformance.plugin.setups.raw_control import receive_control
from conformance.plugin.setups.readiness import await_readable, readable_by_poll
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import connected
from conformance.plugin.setups.threads import delayed
from conformance.plugin.setups.vectors import read_at, write_at
from conformance.plugin.timing import SOON, timed
from libsocket import Socket
from netns import Capability, initial_sysctl

MORE, PEEK, DONTWAIT = socket.MSG_MORE, socket.MSG_PEEK, socket.MSG_DONTWAIT
CTRUNC = socket.MSG_CTRUNC
KINDS = ["tcp", "tcp6", "udp", "udp6", "unix", "unix-datagram", "unix-seqpacket"]
ONE_END = {"no-op: connect(*": "of the two ends one alone needs a peer here"}


@claim(
    "defacto/MSG_PEEK/waits",
    says="A blocking receive with MSG_PEEK on a TCP or UDP socket, over IPv4 and IPv6, or a UNIX stream, "
    "datagram or seqpacket socket waits until something comes, which the next receive gives again.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives=ONE_END,
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_peek_waits(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        with timed() as took, delayed(lambda: peer.send(b"hello"), 0.02):
            peeked = sock.recv(9, PEEK).decode()

        found = [took.lasted(0.02), peeked, sock.recv(9).decode()]
        assert observe("waited_peeked_received", found) == [True, "hello", "hello"]


@claim(
    "defacto/MSG_PEEK/vectors",
    says="With MSG_PEEK recvmsg(2) of a TCP or UDP socket, over IPv4 and IPv6, or a UNIX stream, datagram "
    "or seqpacket socket fills several vectors in order, and again so; without it what came is received "
    "once.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives=ONE_END,
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_peek_fills_vectors(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.send(b"hello world")
        await_readable(sock)
        found = [calls.recvmsg(sock, 2, 1, 20, flags=flags).data.decode() for flags in (PEEK, PEEK, 0)]

        assert observe("peeked_and_left", [found, readable_by_poll(sock)]) == [["hello world"] * 3, False]


@claim(
    "defacto/MSG_PEEK/too-little-room",
    says="With MSG_PEEK and room for 2 of its 5 bytes a receive on a UDP socket, over IPv4 and IPv6, gives "
    "2, sets MSG_TRUNC in msg_flags, does not wait, and leaves the datagram whole.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives=ONE_END,
)
@pytest.mark.parametrize("kind", ["udp", "udp6"])
def test_a_peek_with_too_little_room(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.send(b"hello")
        await_readable(sock)
        cut = calls.recvmsg(sock, 2, flags=PEEK)
        whole = calls.recvmsg(sock, 20)

        seen = [[got.data.decode(), flag_names(got.flags)] for got in (cut, whole)]
        assert observe("data_and_flags", seen) == [["he", ["TRUNC"]], ["hello", []]]


@claim(
    "defacto/src_addr/tcp-nowhere",
    says="recvfrom(2) of a TCP socket, over IPv4 and IPv6, or a UNIX stream socket without a name succeeds "
    "where there is no memory for the source address, since none is given, and gives the data.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix"])
def test_an_address_that_is_not_given(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.send(b"helloworld")
        await_readable(sock)
        badly("recvfrom", sock, "address")

        assert observe("rest", sock.recv(9, DONTWAIT).decode()) == "world"


@claim(
    "defacto/recvmsg/control-beyond-optmem",
    says="Room for a byte of control messages more than net.core.optmem_max is no error at a receive on a "
    "UDP socket, over IPv4 and IPv6, or a UNIX datagram socket, as more messages are at a send: ENOBUFS.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives=ONE_END,
)
@pytest.mark.parametrize("kind", ["udp", "udp6", "unix-datagram"])
def test_much_room_for_control_messages(ns, observe, kind):
    most = int(initial_sysctl("net.core.optmem_max"))
    with connected(kind) as (sock, peer):
        with refused(errno.ENOBUFS):
            peer.sendmsg([b"refused"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, bytes(most))])
        peer.send(b"hello")
        await_readable(sock)

        assert observe("received", calls.recvmsg(sock, 9, control=most + 1).data.decode()) == "hello"


@claim(
    "defacto/MSG_CTRUNC/ip",
    says="A receive on a UDP socket with IP_PKTINFO, or over IPv6 with IPV6_RECVPKTINFO, sets MSG_CTRUNC "
    "where there is room for less than the header of the control message, or for that and not all of it; "
    "msg_controllen is what was written, nothing or all the room. With room for all, 28 bytes and 36, it "
    "is not set.",
    since="2.6.14",
    commit="333fad5364d6",
    needs=[IPV6],
    survives=ONE_END,
)
@pytest.mark.parametrize(
    ("kind", "room", "cut"),
    [
        ("udp", 1, CTRUNC),
        ("udp", 16, CTRUNC),
        ("udp", 27, CTRUNC),
        ("udp", 28, 0),
        ("udp6", 1, CTRUNC),
        ("udp6", 16, CTRUNC),
        ("udp6", 35, CTRUNC),
        ("udp6", 36, 0),
    ],
)
def test_a_message_of_ip_is_cut(ns, observe, kind, room, cut):
    with connected(kind) as (sock, peer):
        ask_for_addresses(sock)
        peer.send(b"hello")
        await_readable(sock)
        got = receive_control(sock, room)

        found = [got.data.decode(), len(got.control), got.flags & CTRUNC]
        assert observe("data_length_cut", found) == ["hello", room if room >= 16 else 0, cut]


def ask_for_addresses(sock: Socket) -> None:
    """Have a control message say with each datagram where it went."""
    if sock.family == socket.AF_INET:
        sock.ip_pktinfo = True
    else:
        sock.ipv6_recvpktinfo = True


@claim(
    "defacto/send/nothing-unconnected",
    says="A send of no bytes on a socket without a peer fails as one of some bytes does: with EPIPE on a "
    "TCP socket, EDESTADDRREQ on a UDP or raw socket, over IPv4 and IPv6, and ENOTCONN on a UNIX stream, "
    "datagram or seqpacket socket.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
    survives=ONE_END,
)
@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("tcp", errno.EPIPE),
        ("tcp6", errno.EPIPE),
        ("udp", errno.EDESTADDRREQ),
        ("udp6", errno.EDESTADDRREQ),
        ("raw", errno.EDESTADDRREQ),
        ("raw6", errno.EDESTADDRREQ),
        ("unix", errno.ENOTCONN),
        ("unix-datagram", errno.ENOTCONN),
        ("unix-seqpacket", errno.ENOTCONN),
    ],
)
def test_nothing_is_sent_to_nobody(ns, observe, kind, number):
    with SOCKETS[kind]() as alone, connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        with refused(number):
            calls.send(alone, b"", socket.MSG_NOSIGNAL)
        with refused(number, "errno_of_some"):
            calls.send(alone, b"x", socket.MSG_NOSIGNAL)
        calls.send(peer, b"hello", socket.MSG_NOSIGNAL)

        assert observe("received_with_peer", sock.recv(100)[-5:].decode()) == "hello"


@claim(
    "defacto/MSG_MORE/too-much",
    says="What MSG_MORE, or UDP_CORK, gathers on a UDP socket may have as many bytes as a datagram, 65507, "
    "and 65527 over IPv6: a send that would gather one more fails with EMSGSIZE, and nothing is sent.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives=ONE_END,
)
@pytest.mark.parametrize(("kind", "most"), [("udp", 65_507), ("udp6", 65_527)])
@pytest.mark.parametrize("cork", [False, True], ids=["MSG_MORE", "UDP_CORK"])
def test_too_much_is_gathered(ns, observe, kind, most, cork):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        gather(peer, bytes(40_000), cork)
        gather(peer, bytes(most - 40_000), cork)
        with refused(errno.EMSGSIZE):
            gather(peer, b"x", cork)
        send_all(peer, b"hello", cork)

        assert observe("received", sock.recv(9).decode()) == "hello"


def gather(sock: Socket, data: bytes, cork: bool) -> None:
    """Hold data back, with UDP_CORK or MSG_MORE."""
    if cork and not sock.udp_cork:
        sock.udp_cork = True
    sock.send(data, 0 if cork else MORE)


def send_all(sock: Socket, data: bytes, cork: bool) -> None:
    """Send data, and what was held back if anything was."""
    if cork:
        sock.udp_cork = False
    sock.send(data)


@claim(
    "defacto/MSG_MORE/as-much-as-fits",
    says="What MSG_MORE gathers on a UDP socket, 65507 bytes, and 65527 over IPv6, is one datagram.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives=ONE_END,
)
@pytest.mark.parametrize(("kind", "most"), [("udp", 65_507), ("udp6", 65_527)])
def test_as_much_is_gathered_as_fits(ns, observe, kind, most):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        peer.send(bytes(40_000), MORE)
        peer.send(bytes(most - 40_000))

        assert observe("received", len(sock.recv(70_000))) == most


@claim(
    "defacto/TCP_NODELAY/sends-what-more-holds",
    says="Setting TCP_NODELAY sends what MSG_MORE holds on a TCP socket, over IPv4 and IPv6.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH, ROUTE_TIMERS, IPV6],
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize("version", [4, 6], ids=["ipv4", "ipv6"])
def test_no_delay_sends_what_is_held(peers, observe, version):
    with unacked_sender(peers, version) as sender:
        sender.send(b"held", MORE)
        held = sender.tcp_info.notsent_bytes
        sender.tcp_nodelay = True

        assert observe("unsent", [held, sender.tcp_info.notsent_bytes]) == [4, 0]


@claim(
    "defacto/readv/nowhere",
    says="readv(2) and writev(2) of a TCP or UNIX stream socket fail with EFAULT where there is no memory "
    "for their vectors, or where these point; what waits stays, and nothing is sent.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", ["tcp", "unix"])
@pytest.mark.parametrize("where", ["vectors", "buffers"])
def test_vectors_where_there_is_no_memory(ns, observe, kind, where):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = peer.rcvtimeo = SOON
        peer.send(b"hello")
        await_readable(sock)
        with refused(errno.EFAULT):
            read_at(sock, where)
        with refused(errno.EFAULT, "errno_writev"):
            write_at(sock, where)
        sock.send(b"then")

        assert observe("received", [sock.recv(9).decode(), peer.recv(9).decode()]) == ["hello", "then"]
