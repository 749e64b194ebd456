"""SOF_TIMESTAMPING_OPT_ID: which send a transmit timestamp is of."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.pairs import UNACKED_ENDS, received_until, udp_pair, unacked_sender
from conformance.plugin.setups.transmit_timestamps import IDENTIFIED, SCHEDULED, ask, identifiers
from conformance.plugin.timing import SOON
from libsocket import Packet, Socket, TimestampId, TimestampingFlag
from netns import Capability

LO, EXPERIMENTAL = 1, 0x88B5
LARGEST = 2**32 - 1

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
OPT_ID_TCP, OPT_TSONLY = TimestampingFlag.OPT_ID_TCP, TimestampingFlag.OPT_TSONLY


@claim(
    "timestamping/OPT_ID/identifier",
    sentence=("timestamping/OPT_ID/identifier", "timestamping/OPT_ID/returned"),
    section="1.3.3 Timestamp Options",
    says="With the option each transmit timestamp of a UDP socket has another identifier, and without it "
    "all have 0.",
    since="3.17",
)
@FAMILIES
def test_each_datagram_has_its_identifier(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver:
        ask(sender, SCHEDULED)
        sender.send(b"first")
        sender.send(b"second")
        without = identifiers(sender, 2)
        ask(sender, IDENTIFIED)
        sender.send(b"first")
        sender.send(b"second")

        assert observe("without_and_with", [without, identifiers(sender, 2)]) == [[0, 0], [0, 1]]


@claim(
    "timestamping/OPT_ID/counts-datagrams",
    sentence=("timestamping/OPT_ID/datagrams", "timestamping/OPT_ID/zero"),
    section="1.3.3 Timestamp Options",
    says="The identifiers of the datagrams of a UDP socket, each of which gets a timestamp, are 0, 1, 2 and "
    "so on, whatever their length, and whatever was sent before the option was set.",
    since="3.17",
)
@FAMILIES
def test_datagrams_are_counted(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"before")
        ask(sender, IDENTIFIED)
        sender.send(b"")
        sender.send(b"one")
        sender.send(b"longer")
        received = receiver.recv(9).decode()

        assert [observe("received", received), observe("identifiers", identifiers(sender, 3))] == [
            "before",
            [0, 1, 2],
        ]


@claim(
    "timestamping/OPT_ID/counts-each-packet-sent",
    sentence="timestamping/OPT_ID/datagrams",
    section="1.3.3 Timestamp Options",
    says="The counter of a UDP socket counts each datagram that is sent, those that get no timestamp too.",
    since="3.17",
    expect=differs(
        "only datagrams for which a transmit timestamp was requested are counted",
        since="3.17",
        commit="09c2d251b707",
        observed={"received": ["first", "without", "last"], "identifiers": [0, 1], "no_other": True},
    ),
)
@FAMILIES
def test_datagrams_without_a_timestamp_are_counted_too(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver:
        receiver.rcvtimeo = SOON
        ask(sender, IDENTIFIED)
        sender.send(b"first")
        ask(sender, IDENTIFIED & ~TimestampingFlag.TX_SCHED)
        sender.send(b"without")
        ask(sender, IDENTIFIED)
        sender.send(b"last")
        observe("received", received_until("last", receiver))
        counted = identifiers(sender, 2)
        observe("no_other", sender.recv_error() is None)

        assert observe("identifiers", counted) == [0, 2]


@claim(
    "timestamping/OPT_ID/raw-and-packet",
    sentence=("timestamping/OPT_ID/datagrams", "timestamping/OPT_ID/zero"),
    section="1.3.3 Timestamp Options",
    says="The identifiers of what a raw IPv4 or IPv6 socket and a packet socket (SOCK_DGRAM) send are 0, 1 "
    "and so on.",
    since="3.17",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("make", "address"),
    [
        (lambda: Socket.raw(253), ("127.0.0.1", 0)),
        (lambda: Socket.raw(253, socket.AF_INET6), ("::1", 0)),
        (lambda: Socket.packet(socket.SOCK_DGRAM), Packet(LO, EXPERIMENTAL, address=bytes(6))),
    ],
    ids=["raw", "raw6", "packet"],
)
def test_packets_are_counted(ns, observe, make, address):
    with make() as sock:
        ask(sock, IDENTIFIED)
        sock.send_message(b"first", address=address)
        sock.send_message(b"second", address=address)

        assert observe("identifiers", identifiers(sock, 2)) == [0, 1]


@claim(
    "timestamping/OPT_ID/counts-bytes",
    sentence=(
        "timestamping/OPT_ID/bytes",
        "timestamping/OPT_ID/zero",
        "timestamping/OPT_ID_TCP/often-the-same",
    ),
    section="1.3.3 Timestamp Options",
    says="The identifier of a send on a TCP socket is the offset of its last byte, counted from 0 for the "
    "first byte sent after the option was set while nothing was in transmission.",
    since="3.17",
)
@FAMILIES
def test_bytes_of_a_stream_are_counted(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        ask(sender, IDENTIFIED)
        sender.send(b"1")
        sender.send(bytes(1000))
        sender.send(b"123")

        assert observe("identifiers", identifiers(sender, 3)) == [0, 1000, 1003]


@claim(
    "timestamping/OPT_ID/reset",
    sentence=("timestamping/OPT_ID/reset", "timestamping/OPT_ID/initialized"),
    section="1.3.3 Timestamp Options",
    says="The counter of a UDP socket begins with 0 anew when the option is set again after it was cleared, "
    "and goes on when it is set again without that.",
    since="3.17",
)
@FAMILIES
def test_the_counter_is_reset_by_clearing_the_option(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver:
        ask(sender, IDENTIFIED)
        sender.send(b"0")
        ask(sender, IDENTIFIED | OPT_TSONLY)
        sender.send(b"1")
        set_again = OPT_TSONLY in sender.timestamping.flags
        ask(sender, SCHEDULED)
        ask(sender, IDENTIFIED)
        sender.send(b"0")
        sender.send(b"1")

        assert observe("set_again_and_identifiers", [set_again, identifiers(sender, 4)]) == [
            True,
            [0, 1, 0, 1],
        ]


@claim(
    "timestamping/OPT_ID/reset-of-a-stream",
    sentence=("timestamping/OPT_ID/reset", "timestamping/OPT_ID_TCP/reset"),
    section="1.3.3 Timestamp Options",
    says="The offset on a TCP socket is counted from where the option, with OPT_ID_TCP, was set again after "
    "it was cleared, and goes on when it is set again without that.",
    since="6.2",
)
@FAMILIES
def test_the_offset_is_reset_by_clearing_the_option(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        ask(sender, IDENTIFIED | OPT_ID_TCP)
        sender.send(b"123")
        ask(sender, IDENTIFIED | OPT_ID_TCP | OPT_TSONLY)
        sender.send(b"45")
        set_again = OPT_TSONLY in sender.timestamping.flags
        ask(sender, SCHEDULED)
        ask(sender, IDENTIFIED | OPT_ID_TCP)
        sender.send(b"12")

        assert observe("set_again_and_identifiers", [set_again, identifiers(sender, 3)]) == [True, [2, 4, 1]]


@claim(
    "timestamping/OPT_ID/existing-datagrams",
    sentence="timestamping/OPT_ID/existing",
    section="1.3.3 Timestamp Options",
    says="Resetting the counter of a UDP socket leaves the identifier of a datagram that was written "
    "before, and is sent later (UDP_CORK).",
    since="3.17",
)
@FAMILIES
def test_a_reset_leaves_datagrams(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver:
        ask(sender, IDENTIFIED)
        sender.send(b"0")
        before = identifiers(sender, 1)
        sender.udp_cork = True
        sender.send(b"1")
        unsent = sender.recv_error() is None
        ask(sender, SCHEDULED)
        ask(sender, IDENTIFIED)
        sender.udp_cork = False
        sender.send(b"0")

        assert [observe("unsent", unsent), observe("identifiers", [*before, *identifiers(sender, 2)])] == [
            True,
            [0, 1, 0],
        ]


@claim(
    "timestamping/OPT_ID/existing-segments",
    sentence="timestamping/OPT_ID/existing",
    section="1.3.3 Timestamp Options",
    says="Resetting the counter of a TCP socket leaves the identifier of what was written before, and is "
    "sent later (TCP_CORK).",
    since="3.17",
    expect=differs(
        "they are counted from the new beginning too: the identifier is made when the timestamp is reported",
        since="3.17",
        commit="4ed2d765dfac",
        observed={"identifiers": [2, 2, 4]},
    ),
    survives={"no-op: setsockopt(SOL_TCP, TCP_CORK, ?0?*": "what is corked is sent after 200 ms anyway"},
)
@FAMILIES
def test_a_reset_leaves_segments(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        ask(sender, IDENTIFIED | TimestampingFlag.TX_ACK)
        sender.send(b"123")
        acknowledged = identifiers(sender, 2)
        sender.tcp_cork = True
        sender.send(b"12345")
        ask(sender, SCHEDULED)
        ask(sender, IDENTIFIED)
        sender.tcp_cork = False

        assert observe("identifiers", [*acknowledged, *identifiers(sender, 1)]) == [2, 2, 7]


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
            ask(sock, IDENTIFIED)
        client.connect(listener.getsockname())
        ask(client, IDENTIFIED)

        assert observe("flags", int(client.timestamping.flags)) == int(IDENTIFIED)


@claim(
    "timestamping/SCM_TS_OPT_ID/overrides",
    sentence="timestamping/SCM_TS_OPT_ID/overrides",
    section="1.3.3 Timestamp Options",
    says="A datagram of a UDP socket that is sent with the control message SCM_TS_OPT_ID has the identifier "
    "in it, whatever 32-bit number, and the counter goes on as if it had not been sent.",
    since="6.13",
)
@FAMILIES
@pytest.mark.parametrize("chosen", [0, 7, LARGEST])
def test_a_datagram_brings_its_identifier(ns, observe, family, chosen):
    sender, receiver = udp_pair(family)
    with sender, receiver:
        ask(sender, IDENTIFIED)
        sender.send(b"0")
        sender.send_message(b"chosen", TimestampId(chosen))
        sender.send(b"1")

        assert observe("identifiers", identifiers(sender, 3)) == [0, chosen, 1]


@claim(
    "timestamping/SCM_TS_OPT_ID/raw-and-packet",
    sentence="timestamping/SCM_TS_OPT_ID/overrides",
    section="1.3.3 Timestamp Options",
    says="What a raw IPv4 or IPv6 socket, or a packet socket (SOCK_DGRAM), sends with the control message "
    "SCM_TS_OPT_ID has the identifier in it.",
    since="6.13",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("make", "address"),
    [
        (lambda: Socket.raw(253), ("127.0.0.1", 0)),
        (lambda: Socket.raw(253, socket.AF_INET6), ("::1", 0)),
        (lambda: Socket.packet(socket.SOCK_DGRAM), Packet(LO, EXPERIMENTAL, address=bytes(6))),
    ],
    ids=["raw", "raw6", "packet"],
)
def test_a_packet_brings_its_identifier(ns, observe, make, address):
    with make() as sock:
        ask(sock, IDENTIFIED)
        sock.send_message(b"0", address=address)
        sock.send_message(b"chosen", TimestampId(7), address=address)

        assert observe("identifiers", identifiers(sock, 2)) == [0, 7]


@claim(
    "timestamping/SCM_TS_OPT_ID/not-tcp",
    sentence="timestamping/SCM_TS_OPT_ID/overrides",
    section="1.3.3 Timestamp Options",
    says="A TCP socket does not send with the control message SCM_TS_OPT_ID.",
    since="6.13",
)
@FAMILIES
def test_a_stream_cannot_choose(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        ask(sender, IDENTIFIED)
        with refused():
            sender.send_message(b"chosen", TimestampId(7))
        sender.send(b"12")

        assert observe("identifiers", identifiers(sender, 1)) == [1]


@claim(
    "defacto/SCM_TS_OPT_ID/needs-opt-id",
    says="Sending on a UDP socket with SCM_TS_OPT_ID without SOF_TIMESTAMPING_OPT_ID fails with EINVAL.",
    since="6.13",
    commit="4aecca4c7680",
)
@FAMILIES
def test_an_identifier_takes_the_option(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver:
        ask(sender, SCHEDULED)
        with refused(errno.EINVAL):
            sender.send_message(b"chosen", TimestampId(7))
        sender.send(b"plain")
        without = identifiers(sender, 1)
        ask(sender, IDENTIFIED)
        sender.send_message(b"chosen", TimestampId(7))

        assert observe("identifiers", [*without, *identifiers(sender, 1)]) == [0, 7]


@claim(
    "timestamping/OPT_ID_TCP/from-what-was-written",
    sentence=("timestamping/OPT_ID_TCP/reset", "timestamping/OPT_ID_TCP/write-seq"),
    section="1.3.3 Timestamp Options",
    says="Of N bytes written to a TCP socket right after the option was set with OPT_ID the identifier is "
    "N-1, though what was written before is not acknowledged.",
    since="6.2",
    needs=[VETH],
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize("count", [1, 3, 1000])
def test_bytes_are_counted_from_what_was_written(peers, observe, count):
    with unacked_sender(peers) as sender:
        sender.tcp_nodelay = True
        sender.send(b"12345")
        unacked = sender.tcp_info.unacked
        ask(sender, IDENTIFIED | OPT_ID_TCP)
        sender.send(bytes(count))

        assert [observe("unacked", unacked), observe("identifiers", identifiers(sender, 1))] == [
            1,
            [count - 1],
        ]


@claim(
    "timestamping/OPT_ID_TCP/without-it-from-what-is-acknowledged",
    sentence=("timestamping/OPT_ID_TCP/off-by-the-queue", "timestamping/OPT_ID_TCP/snd-una"),
    section="1.3.3 Timestamp Options",
    says="Without OPT_ID_TCP the identifier on a TCP socket is counted from the first byte that was not "
    "acknowledged when OPT_ID was set: it is greater by the bytes that then were in the output queue.",
    since="3.17",
    needs=[VETH],
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize("queued", [1, 5, 1000])
def test_bytes_are_counted_from_what_is_acknowledged(peers, observe, queued):
    with unacked_sender(peers) as sender:
        sender.tcp_nodelay = True
        sender.send(bytes(queued))
        ask(sender, IDENTIFIED)
        sender.send(b"123")

        assert observe("identifiers", identifiers(sender, 1)) == [queued + 2]


@claim(
    "timestamping/OPT_ID_TCP/no-effect-on-datagrams",
    sentence="timestamping/OPT_ID_TCP/datagrams",
    section="1.3.3 Timestamp Options",
    says="A UDP socket can have the option with OPT_ID, and its datagrams are counted as without it.",
    since="6.2",
)
@FAMILIES
def test_datagrams_are_counted_with_it_too(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver:
        ask(sender, IDENTIFIED | OPT_ID_TCP)
        sender.send(b"first")
        sender.send(b"second")

        assert observe(
            "flag_and_identifiers",
            [
                OPT_ID_TCP in sender.timestamping.flags,
                identifiers(sender, 2),
            ],
        ) == [True, [0, 1]]


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
            ask(sender, SCHEDULED | OPT_ID_TCP)
        ask(sender, IDENTIFIED | OPT_ID_TCP)

        assert observe("flags", int(sender.timestamping.flags)) == int(IDENTIFIED | OPT_ID_TCP)
