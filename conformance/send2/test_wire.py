"""send(2) across a wire: what is held back, routed, confirmed and dropped."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, ROUTE_TIMERS, VETH, qdisc
from conformance.plugin.refusal import refused
from conformance.plugin.setups import message_calls as calls
from conformance.plugin.setups.conversations import address_of
from conformance.plugin.setups.fast_open import COOKIE_KEPT, fast_listener, get_cookie
from conformance.plugin.setups.ipv6 import address6
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.neighbours import DELAY, unconfirmed_neighbour
from conformance.plugin.setups.pairs import UNACKED_ENDS, unacked_sender
from conformance.plugin.setups.readiness import readable_by_select
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import SOON
from libsocket import MessageFlag, Socket
from netns import Capability, Host, Peers

MSG_CONFIRM = 0x800
SYN_DATA = 32
"""TCPI_OPT_SYN_DATA in the options of TCP_INFO."""
RESTING = [VETH, ROUTE_TIMERS, IPV6]
VERSIONS = pytest.mark.parametrize("version", [4, 6], ids=["ipv4", "ipv6"])


@claim(
    "send.2/MSG_MORE/tcp-holds",
    sentence="send.2/MSG_MORE/tcp",
    section="DESCRIPTION",
    says="What is sent with MSG_MORE on a TCP socket, over IPv4 and IPv6, and does not fill a segment is not "
    "sent at once, though nothing is unacknowledged, as with TCP_CORK; a send without the flag sends it with "
    "its own data.",
    since="2.4.4",
    needs=RESTING,
    survives=UNACKED_ENDS,
)
@VERSIONS
def test_a_partial_segment_is_held(peers, observe, version):
    with unacked_sender(peers, version) as sender:
        sender.send(b"head", socket.MSG_MORE)
        held = sender.tcp_info.notsent_bytes
        sender.send(b"tail")

        assert observe("unsent", [held, sender.tcp_info.notsent_bytes]) == [4, 0]


@claim(
    "send.2/MSG_MORE/tcp-full",
    sentence="send.2/MSG_MORE/tcp",
    section="DESCRIPTION",
    says="What is sent with MSG_MORE on a TCP socket, over IPv4 and IPv6, is sent once it fills a segment, "
    "and not when a byte is missing.",
    since="2.4.4",
    needs=RESTING,
    survives=UNACKED_ENDS,
)
@VERSIONS
def test_a_full_segment_is_sent(peers, observe, version):
    with unacked_sender(peers, version) as sender:
        segment = sender.tcp_info.snd_mss
        sender.send(bytes(segment - 1), socket.MSG_MORE)
        held = sender.tcp_info.notsent_bytes
        sender.send(b"x", socket.MSG_MORE)

        assert observe("unsent", [held - segment, sender.tcp_info.notsent_bytes]) == [-1, 0]


@claim(
    "send.2/MSG_DONTROUTE/tcp",
    sentence="send.2/MSG_DONTROUTE/attached",
    section="DESCRIPTION",
    says="With MSG_DONTROUTE a send on a TCP connection over IPv4 that a router forwards does not reach "
    "the peer.",
    needs=[VETH],
    expect=differs(
        "TCP does not look at the flag, only at SO_DONTROUTE, and the data are routed; older than the "
        "history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"arrived": True},
    ),
)
def test_a_stream_is_not_routed(routed, observe):
    with routed.right.entered(), listening(routed.right.address) as listener:
        with routed.left.entered():
            sender = Socket.tcp()
        with sender:
            sender.connect(listener.getsockname())
            with listener.accept()[0] as accepted:
                sender.send(b"hello", socket.MSG_DONTROUTE)

                assert observe("arrived", readable_by_select(accepted, SOON)) is False


@claim(
    "send.2/MSG_DONTROUTE/over-ipv6",
    sentence="send.2/MSG_DONTROUTE/attached",
    section="DESCRIPTION",
    says="With MSG_DONTROUTE a UDP or raw socket over IPv6 does not send to a host that only a router "
    "reaches.",
    needs=[VETH, IPV6, Capability.NET_RAW],
    expect=differs(
        "the flag is looked at over IPv4 alone, and the packet is routed; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"arrived": True},
    ),
)
@pytest.mark.parametrize("kind", ["udp6", "raw6"])
def test_a_datagram_over_ipv6_is_not_routed(routed, observe, kind):
    with routed.left.entered():
        sender = SOCKETS[kind]()
    with routed.right.entered():
        receiver = SOCKETS[kind]()
    with sender, receiver:
        receiver.bind((address6(routed.right), 0))
        sender.sendto(b"hello", socket.MSG_DONTROUTE, receiver.getsockname())

        assert observe("arrived", readable_by_select(receiver, SOON)) is False


@claim(
    "send.2/MSG_CONFIRM/neighbour",
    sentence=("send.2/MSG_CONFIRM/progress", "send.2/MSG_CONFIRM/reprobes", "send.2/MSG_CONFIRM/types"),
    section="DESCRIPTION",
    says="A neighbour to which a UDP or raw socket, over IPv4 and IPv6, sends, and of which nothing was "
    "heard for a while, is asked by a unicast ARP request, or a Neighbour Solicitation over IPv6, after a "
    "delay; if what is sent has MSG_CONFIRM it is not.",
    since="2.3.15",
    needs=[VETH, Capability.NET_RAW, IPV6],
    survives={
        "no-op: close() = 0": "who looked up an interface may stay",
        "no-op: ioctl(SIOCGIFINDEX*": "who looks at every interface sees this one",
    },
)
@pytest.mark.parametrize("kind", ["udp", "udp6", "raw", "raw6"])
@pytest.mark.parametrize(("flags", "asked"), [(0, True), (MSG_CONFIRM, False)], ids=["plain", "MSG_CONFIRM"])
def test_a_neighbour_is_confirmed(peers, observe, kind, flags, asked):
    with unconfirmed_neighbour(peers, kind) as (sender, neighbour):
        sender.send(b"hello", flags)
        before = neighbour.state
        neighbour.become("stale")
        neighbour.become(DELAY)

        assert observe("state_and_asked", [before, neighbour.asked()]) == [DELAY, asked]


def drop_large(host: Host) -> None:
    """Let the queue of the host's wire have no room for a packet of more than 100 bytes; others pass."""
    host.namespace.add_qdisc(host.device, "tbf", handle="1:", rate="1mbit", burst=10_000, limit=100)


def across(hosts: Peers, version: int) -> tuple[Socket, Socket]:
    """A UDP sender on the left, which is connected, and its receiver."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with hosts.left.entered():
        sender = Socket.udp(family)
    with hosts.right.entered():
        receiver = Socket.udp(family)
    receiver.bind((hosts.right.address if version == 4 else address6(hosts.right), 0))
    receiver.rcvtimeo = SOON
    sender.connect(receiver.getsockname())
    sender.send(b"finds the neighbour")
    receiver.recv(100)
    return sender, receiver


DROPPING = [VETH, qdisc("tbf")]


@claim(
    "send.2/ENOBUFS/dropped",
    sentence=("send.2/ENOBUFS/dropped", "send.2/send/no-indication"),
    section="ERRORS",
    says="A UDP datagram, over IPv4 and IPv6, for which the queue of the interface has no room is sent "
    "without an error by a socket without IP_RECVERR or IPV6_RECVERR, and does not arrive.",
    needs=[*DROPPING, IPV6],
    survives={'no-op: sendto("lost*': "send.2/ENOBUFS/recverr sees that it is dropped"},
)
@VERSIONS
def test_a_full_queue_drops(peers, observe, version):
    sender, receiver = across(peers, version)
    with sender, receiver:
        drop_large(peers.left)
        sent = sender.send(b"lost".ljust(200))
        sender.send(b"after")

        assert observe("sent_and_received", [sent, receiver.recv(9).decode()]) == [200, "after"]


@claim(
    "send.2/ENOBUFS/recverr",
    sentence="send.2/ENOBUFS/queue",
    section="ERRORS",
    says="A send of a UDP datagram, over IPv4 and IPv6, for which the queue of the interface has no room "
    "fails with ENOBUFS on a socket with IP_RECVERR, or IPV6_RECVERR over IPv6.",
    needs=[*DROPPING, IPV6],
)
@pytest.mark.parametrize(
    ("version", "option"), [(4, Socket.ip_recverr), (6, Socket.ipv6_recverr)], ids=["ipv4", "ipv6"]
)
def test_a_full_queue_is_told(peers, observe, version, option):
    sender, receiver = across(peers, version)
    with sender, receiver:
        sender.set(option, True)
        drop_large(peers.left)
        with refused(errno.ENOBUFS):
            sender.send(b"lost".ljust(200))
        sender.send(b"after")

        assert observe("received", receiver.recv(9).decode()) == "after"


@claim(
    "send.2/MSG_FASTOPEN/with-cookie",
    sentence=("send.2/MSG_FASTOPEN/nonblocking", "send.2/MSG_FASTOPEN/syn"),
    section="DESCRIPTION",
    says="A non-blocking sendto(2) with MSG_FASTOPEN on a TCP socket over IPv4 that has a cookie for the "
    "listener returns the number of bytes; they are received from a connection whose SYN had them.",
    since="3.7",
    needs=[VETH],
    survives={
        **COOKIE_KEPT,
        "no-op: ioctl(FIONBIO*": "a blocking call returns as much, later",
    },
)
def test_fast_open_with_a_cookie(peers, observe):
    with fast_listener(peers) as listener:
        get_cookie(peers, listener)
        with peers.left.entered():
            client = Socket.tcp()
        with client:
            client.nonblocking = True
            sent = calls.sendto(client, b"hello", address_of(listener), flags=MessageFlag.FASTOPEN)
            with listener.accept()[0] as accepted:
                accepted.rcvtimeo = SOON
                in_syn = bool(accepted.tcp_info.options & SYN_DATA)

                assert observe("sent_received_in_syn", [sent, accepted.recv(9).decode(), in_syn]) == [
                    5,
                    "hello",
                    True,
                ]
