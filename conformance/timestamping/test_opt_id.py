"""OPT_ID of SO_TIMESTAMPING: which send a transmit timestamp is of."""

from __future__ import annotations

import errno
import socket
from functools import partial

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.error_queue import IDENTIFIED, STAMPED, ids, next_timestamp
from conformance.plugin.setups.ipv6 import LOOPBACK, raw6
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import MADE, made_peer
from conformance.plugin.setups.pairs import (
    TCP_PAIRS,
    UDP_PAIRS,
    UNACKED_ENDS,
    udp_pair,
    unacked_and_unsent,
    unacked_sender,
)
from conformance.plugin.setups.sockets import raw_socket
from libsocket import Packet, Socket, TimestampId, Timestamping, TimestampingFlag
from netns import Capability

OPT_ID_TCP = TimestampingFlag.OPT_ID_TCP
LARGEST = 2**32 - 1
EXPERIMENTAL = 0x88B5

UDP = pytest.mark.parametrize("pair", UDP_PAIRS.values(), ids=UDP_PAIRS)
TCP = pytest.mark.parametrize("pair", TCP_PAIRS.values(), ids=TCP_PAIRS)
RAW_AND_PACKET = pytest.mark.parametrize(
    ("make", "address"),
    [
        (raw_socket, ("127.0.0.1", 0)),
        (raw6, ("::1", 0)),
        (partial(Socket.packet, socket.SOCK_DGRAM), Packet(LOOPBACK, EXPERIMENTAL, address=bytes(6))),
    ],
    ids=["raw", "raw6", "packet"],
)


@claim(
    "timestamping/OPT_ID/counts-stamped-datagrams",
    sentence=(
        "timestamping/OPT_ID/identifier",
        "timestamping/OPT_ID/returned",
        "timestamping/OPT_ID/zero",
        "timestamping/OPT_ID/ee-data",
    ),
    section="1.3.3 Timestamp Options",
    says="The datagrams that a UDP socket over IPv4 or IPv6 sends with OPT_ID and TX_SOFTWARE are counted "
    "from 0, whatever their length and whatever was sent before; without OPT_ID each has 0.",
    since="3.17",
    needs=[IPV6],
)
@UDP
def test_datagrams_are_counted_from_0(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED)
        sender.send(b"a")
        sender.send(b"b")
        without = ids(sender)
        sender.timestamping = Timestamping(IDENTIFIED)
        sender.send(b"a")
        sender.send(b"longer")
        sender.send(b"")

        assert observe("without_and_with", [without, ids(sender)]) == [[0, 0], [0, 1, 2]]


@claim(
    "timestamping/OPT_ID/counts-datagrams",
    sentence="timestamping/OPT_ID/datagrams",
    section="1.3.3 Timestamp Options",
    says="Each datagram that a UDP socket over IPv4 or IPv6 sends with OPT_ID is counted, also one for "
    "which no timestamp is asked.",
    since="3.17",
    needs=[IPV6],
    expect=differs(
        "only those with a transmit timestamp are counted",
        since="3.17",
        commit="09c2d251b707",
        observed={"ids": [0, 1]},
    ),
)
@UDP
def test_each_datagram_is_counted(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(IDENTIFIED)
        sender.send(b"first")
        sender.timestamping = Timestamping(TimestampingFlag.SOFTWARE | TimestampingFlag.OPT_ID)
        sender.send(b"plain")
        sender.timestamping = Timestamping(IDENTIFIED)
        sender.send(b"last")
        arrived = [receiver.recv(10).decode() for _ in range(3)]

        assert [observe("ids", ids(sender)), arrived] == [[0, 2], ["first", "plain", "last"]]


@claim(
    "timestamping/OPT_ID/counts-packets",
    sentence=("timestamping/OPT_ID/datagrams", "timestamping/OPT_ID/zero"),
    section="1.3.3 Timestamp Options",
    says="What a raw socket over IPv4 or IPv6, or a packet socket (SOCK_DGRAM), sends with OPT_ID and "
    "TX_SOFTWARE is counted from 0.",
    since="5.0",
    needs=[Capability.NET_RAW, IPV6],
)
@RAW_AND_PACKET
def test_packets_are_counted(ns, observe, make, address):
    with make() as sock:
        sock.timestamping = Timestamping(IDENTIFIED)
        sock.send_message(b"first", address=address)
        sock.send_message(b"second", address=address)

        assert observe("ids", ids(sock)) == [0, 1]


@claim(
    "timestamping/OPT_ID/counts-bytes",
    sentence=("timestamping/OPT_ID/bytes", "timestamping/OPT_ID/zero", "timestamping/OPT_ID_TCP/often-n-1"),
    section="1.3.3 Timestamp Options",
    says="What a TCP socket sends, on which OPT_ID was set before its first byte, has the offset of its "
    "last byte in the stream as its identifier, from 0.",
    since="3.17",
    needs=[IPV6],
)
@TCP
def test_bytes_of_a_stream_are_counted(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(IDENTIFIED)
        sender.send(b"1")
        receiver.read_exact(1)
        sender.send(bytes(3000))
        receiver.read_exact(3000)

        assert observe("ids", ids(sender)) == [0, 3000]


@claim(
    "timestamping/OPT_ID/reset",
    sentence=("timestamping/OPT_ID/initialized", "timestamping/OPT_ID/reset"),
    section="1.3.3 Timestamp Options",
    says="The counter of a UDP socket goes on when OPT_ID is set again, and begins at 0 when it had been off "
    "between; reports that are queued keep their identifiers.",
    since="3.17",
    needs=[IPV6],
)
@UDP
def test_the_counter_begins_again_after_it_was_off(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(IDENTIFIED)
        sender.send(b"first")
        sender.timestamping = Timestamping(IDENTIFIED | TimestampingFlag.TX_SCHED)
        sender.send(b"set again, stamped twice")
        sender.timestamping = Timestamping(STAMPED)
        sender.timestamping = Timestamping(IDENTIFIED)
        sender.send(b"after it was off")
        sender.send(b"after it was off")

        assert observe("ids", ids(sender)) == [0, 1, 1, 0, 1]


@claim(
    "timestamping/OPT_ID/reset-of-a-stream",
    sentence=("timestamping/OPT_ID/reset", "timestamping/OPT_ID_TCP/n-1"),
    section="1.3.3 Timestamp Options",
    says="The counter of a TCP socket with OPT_ID_TCP goes on when OPT_ID is set again, and begins at 0 when "
    "it had been off between.",
    since="6.2",
    needs=[IPV6],
)
@TCP
def test_the_counter_of_bytes_begins_again_after_it_was_off(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(IDENTIFIED | OPT_ID_TCP)
        sender.send(b"123")
        receiver.read_exact(3)
        sender.timestamping = Timestamping(IDENTIFIED | OPT_ID_TCP | TimestampingFlag.TX_SCHED)
        sender.send(b"45")
        receiver.read_exact(2)
        seen = ids(sender)
        sender.timestamping = Timestamping(STAMPED)
        sender.timestamping = Timestamping(IDENTIFIED | OPT_ID_TCP)
        sender.send(b"12")
        receiver.read_exact(2)

        assert observe("ids", [*seen, *ids(sender)]) == [2, 4, 4, 1]


@claim(
    "timestamping/OPT_ID/existing-datagrams",
    sentence="timestamping/OPT_ID/existing",
    section="1.3.3 Timestamp Options",
    says="A reset of the counter of a UDP socket leaves a datagram its identifier that was written before "
    "and is sent later (UDP_CORK).",
    since="3.17",
    needs=[IPV6],
)
@UDP
def test_a_reset_leaves_datagrams(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(IDENTIFIED)
        sender.send(b"0")
        before = ids(sender)
        sender.udp_cork = True
        sender.send(b"1")
        held = ids(sender)
        sender.timestamping = Timestamping(STAMPED)
        sender.timestamping = Timestamping(IDENTIFIED)
        sender.udp_cork = False
        sender.send(b"0")

        assert observe("before_held_and_sent", [before, held, ids(sender)]) == [[0], [], [1, 0]]


@claim(
    "timestamping/OPT_ID/existing-segments",
    sentence="timestamping/OPT_ID/existing",
    section="1.3.3 Timestamp Options",
    says="A reset of the counter of a TCP socket leaves what was sent before its identifier, with which its "
    "timestamp of TX_ACK comes later.",
    since="3.17",
    needs=MADE,
    expect=differs(
        "it is counted from the new beginning too: the identifier is made when the timestamp is",
        since="3.17",
        commit="4ed2d765dfac",
        observed={"ids": [2, 4]},
    ),
)
def test_a_reset_leaves_segments(peers, observe):
    acknowledged = TimestampingFlag.SOFTWARE | TimestampingFlag.TX_ACK
    with made_peer(peers) as peer, peers.right.entered(), Socket.tcp() as sock:
        peer.answer(sock)
        sock.timestamping = Timestamping(acknowledged | TimestampingFlag.OPT_ID)
        sock.send(b"123")
        begin = peer.take(peer.next()).sequence
        peer.send(acknowledged=begin + 3)
        seen = [next_timestamp(sock).id]
        sock.send(b"12345")
        sock.timestamping = Timestamping(acknowledged)
        sock.timestamping = Timestamping(acknowledged | TimestampingFlag.OPT_ID)
        peer.send(acknowledged=begin + 8)
        seen.append(next_timestamp(sock).id)

        assert observe("ids", seen) == [2, 7]


@claim(
    "timestamping/SCM_TS_OPT_ID/overrides",
    sentence="timestamping/SCM_TS_OPT_ID/overrides",
    section="1.3.3 Timestamp Options",
    says="The control message SCM_TS_OPT_ID gives one datagram of a UDP socket with OPT_ID, over IPv4 or "
    "IPv6, its identifier.",
    since="6.13",
    needs=[IPV6],
)
@pytest.mark.parametrize("chosen", [0, 77, LARGEST])
@UDP
def test_a_datagram_brings_its_identifier(ns, observe, pair, chosen):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(IDENTIFIED)
        sender.send(b"counted")
        sender.send_message(b"chosen", TimestampId(chosen))

        assert observe("ids", ids(sender)) == [0, chosen]


@claim(
    "defacto/SCM_TS_OPT_ID/not-counted",
    says="A datagram of a UDP socket that brings its identifier is not counted: the next has the number that "
    "it would have had.",
    since="6.13",
    commit="4aecca4c7680",
)
def test_a_datagram_with_an_identifier_is_not_counted(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        sender.timestamping = Timestamping(IDENTIFIED)
        sender.send(b"counted")
        sender.send_message(b"chosen", TimestampId(77))
        sender.send(b"counted")

        assert observe("ids", ids(sender)) == [0, 77, 1]


@claim(
    "timestamping/SCM_TS_OPT_ID/raw-and-packet",
    sentence="timestamping/SCM_TS_OPT_ID/overrides",
    section="1.3.3 Timestamp Options",
    says="The control message SCM_TS_OPT_ID gives what a raw socket over IPv4 or IPv6, or a packet socket "
    "(SOCK_DGRAM), sends with OPT_ID its identifier.",
    since="6.13",
    needs=[Capability.NET_RAW, IPV6],
)
@RAW_AND_PACKET
def test_a_packet_brings_its_identifier(ns, observe, make, address):
    with make() as sock:
        sock.timestamping = Timestamping(IDENTIFIED)
        sock.send_message(b"counted", address=address)
        sock.send_message(b"chosen", TimestampId(77), address=address)

        assert observe("ids", ids(sock)) == [0, 77]


@claim(
    "timestamping/SCM_TS_OPT_ID/not-on-tcp",
    sentence="timestamping/SCM_TS_OPT_ID/not-tcp",
    section="1.3.3 Timestamp Options",
    says="A send on a TCP socket with OPT_ID is refused with SCM_TS_OPT_ID, and passes without.",
    since="6.13",
    needs=[IPV6],
)
@TCP
def test_bytes_bring_no_identifier(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(IDENTIFIED)
        with refused():
            sender.send_message(b"refused", TimestampId(77))
        sender.send(b"taken")

        assert [observe("received", receiver.recv(20).decode()), ids(sender)] == ["taken", [4]]


@claim(
    "timestamping/OPT_ID_TCP/from-the-call",
    sentence=("timestamping/OPT_ID_TCP/n-1", "timestamping/OPT_ID_TCP/write-seq"),
    section="1.3.3 Timestamp Options",
    says="With OPT_ID_TCP beside OPT_ID the next send of N bytes on a TCP socket has the identifier N-1, "
    "though of what was written before some was not acknowledged, and some not sent, when it was set.",
    since="6.2",
    needs=[VETH],
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize("size", [1, 10, 1000])
def test_bytes_are_counted_from_what_was_written(peers, observe, size):
    with unacked_sender(peers) as sender:
        sender.send(b"12345")
        sender.send(b"678")
        before = unacked_and_unsent(sender)
        sender.timestamping = Timestamping(IDENTIFIED | OPT_ID_TCP)
        sender.tcp_nodelay = True
        sender.send(bytes(size))

        assert [observe("unacked_and_unsent", before), observe("id", next_timestamp(sender).id)] == [
            [1, 3],
            size - 1,
        ]


@claim(
    "timestamping/OPT_ID_TCP/without-it-from-what-is-acknowledged",
    sentence=("timestamping/OPT_ID_TCP/off-by-the-queue", "timestamping/OPT_ID_TCP/snd-una"),
    section="1.3.3 Timestamp Options",
    says="Without OPT_ID_TCP the identifier on a TCP socket is counted from the first byte that was not "
    "acknowledged when OPT_ID was set: it is greater by the bytes that then were in the output queue, sent "
    "or not.",
    since="3.17",
    needs=[VETH],
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize("size", [1, 10, 1000])
def test_bytes_are_counted_from_what_is_acknowledged(peers, observe, size):
    with unacked_sender(peers) as sender:
        sender.send(b"12345")
        sender.send(b"678")
        before = unacked_and_unsent(sender)
        sender.timestamping = Timestamping(IDENTIFIED)
        sender.tcp_nodelay = True
        sender.send(bytes(size))

        assert [observe("unacked_and_unsent", before), observe("id", next_timestamp(sender).id)] == [
            [1, 3],
            8 + size - 1,
        ]


@claim(
    "timestamping/OPT_ID_TCP/no-effect-on-datagrams",
    sentence="timestamping/OPT_ID_TCP/datagrams",
    section="1.3.3 Timestamp Options",
    says="OPT_ID_TCP beside OPT_ID changes nothing on a UDP socket: its datagrams are counted from 0.",
    since="6.2",
    needs=[IPV6],
)
@UDP
def test_datagrams_are_counted_as_without_it(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(IDENTIFIED | OPT_ID_TCP)
        sender.send(b"longer")
        sender.send(b"longer")
        stored = OPT_ID_TCP in sender.timestamping.flags

        assert [observe("stored", stored), observe("ids", ids(sender))] == [True, [0, 1]]


@claim(
    "defacto/SOF_TIMESTAMPING_OPT_ID/needs-connection",
    says="Setting SOF_TIMESTAMPING_OPT_ID on a TCP socket that is new, or listens, fails with EINVAL.",
    since="3.17",
    commit="4ed2d765dfac",
)
@pytest.mark.parametrize("listens", [False, True], ids=["new", "listening"])
def test_a_stream_must_be_connected(ns, observe, listens):
    with listening() as listener, Socket.tcp() as client:
        sock = listener if listens else client
        with refused(errno.EINVAL):
            sock.timestamping = Timestamping(IDENTIFIED)
        client.connect(listener.getsockname())
        client.timestamping = Timestamping(IDENTIFIED)

        assert observe("flags", client.timestamping.flags) == IDENTIFIED


@claim(
    "defacto/SOF_TIMESTAMPING_OPT_ID_TCP/needs-opt-id",
    says="Setting SOF_TIMESTAMPING_OPT_ID_TCP without SOF_TIMESTAMPING_OPT_ID on a UDP socket or a "
    "connected TCP socket fails with EINVAL.",
    since="6.2",
    commit="b534dc46c8ae",
    survives={"no-op: connect*": "a UDP socket need not be connected"},
)
@pytest.mark.parametrize("pair", [udp_pair, Socket.tcp_pair], ids=["udp", "tcp"])
def test_it_takes_the_identifier(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        with refused(errno.EINVAL):
            sender.timestamping = Timestamping(STAMPED | OPT_ID_TCP)
        sender.timestamping = Timestamping(IDENTIFIED | OPT_ID_TCP)

        assert observe("flags", sender.timestamping.flags) == IDENTIFIED | OPT_ID_TCP


@claim(
    "defacto/SCM_TS_OPT_ID/needs-opt-id",
    says="Sending on a UDP socket with SCM_TS_OPT_ID without SOF_TIMESTAMPING_OPT_ID fails with EINVAL.",
    since="6.13",
    commit="4aecca4c7680",
)
@UDP
def test_an_identifier_takes_the_option(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED)
        with refused(errno.EINVAL):
            sender.send_message(b"refused", TimestampId(77))
        sender.send(b"plain")
        without = ids(sender)
        sender.timestamping = Timestamping(IDENTIFIED)
        sender.send_message(b"chosen", TimestampId(77))

        assert [observe("without_and_with", [without, ids(sender)]), receiver.recv(20)] == [
            [[0], [77]],
            b"plain",
        ]
