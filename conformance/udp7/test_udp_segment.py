"""UDP_SEGMENT and UDP_GRO: the data of several datagrams in one piece."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from socket import IPPROTO_UDP
from sys import byteorder
from typing import Any

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.udp import received, udp_flow
from libsocket import GroSize, SegmentSize, Socket
from netns import Peers

HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
IP_PMTUDISC_DO = 2
MTU = 1500
UDP_OVER_IP = 20 + 8
UDP_OVER_IPV6 = 40 + 8


@contextmanager
def across(hosts: Peers) -> Iterator[tuple[Socket, Socket]]:
    """A connected UDP sender over IPv4 on the left, and the receiver on the right."""
    with udp_across(hosts) as (sender, receiver):
        sender.connect((hosts.right.address, receiver.getsockname()[1]))
        yield sender, receiver


def send_in_segments(sock: Socket, data: bytes, size: int) -> None:
    """Send with the segment size in a control message."""
    sock.send_message(data, SegmentSize(size))


def with_sizes(sock: Socket) -> list[Any]:
    """The next message, and the sizes that came with it."""
    message = sock.recv_message(70_000)
    return [message.data.decode(), [int(one) for one in message.control if isinstance(one, GroSize)]]


@claim(
    "udp.7/UDP_SEGMENT/datagrams",
    sentence=("udp.7/UDP_SEGMENT/enables", "udp.7/UDP_SEGMENT/split", "udp.7/UDP_SEGMENT/range"),
    section="Socket options",
    says="With UDP_SEGMENT 4 ten bytes that a UDP socket, over IPv4 and IPv6, sends are received as "
    "datagrams of 4, 4 and 2 bytes; four bytes as one.",
    since="4.18",
)
@HOSTS
def test_what_is_sent_is_cut(ns, observe, host):
    with udp_flow(host) as (sender, receiver):
        sender.udp_segment = 4
        sender.send(b"aaaabbbbcc")
        sender.send(b"dddd")

        assert observe("received", received(receiver, 4)) == ["aaaa", "bbbb", "cc", "dddd"]


@claim(
    "udp.7/UDP_SEGMENT/across",
    sentence=(
        *("udp.7/UDP_SEGMENT/one-large-packet", "udp.7/UDP_SEGMENT/checksum"),
        *("segmentation-offloads/USO/datagrams", "segmentation-offloads/GSO/software"),
        "udp.h/UDP_SEGMENT/size",
    ),
    section="Socket options",
    says="With UDP_SEGMENT a UDP socket over IPv4 that must not fragment sends more than the MTU of its "
    "interface by one call, and another host receives it as datagrams that fit.",
    since="4.18",
    needs=[VETH],
)
def test_more_than_the_mtu_is_sent(peers, observe):
    with across(peers) as (sender, receiver):
        sender.ip_mtu_discover = IP_PMTUDISC_DO
        with refused(errno.EMSGSIZE):
            sender.send(bytes(3000))
        sender.udp_segment = 1400
        sender.send(bytes(3000))

        assert observe("received", [len(one) for one in received(receiver, 3)]) == [1400, 1400, 200]


@claim(
    "udp.7/UDP_SEGMENT/64-datagrams",
    sentence="udp.7/UDP_SEGMENT/limits",
    section="Socket options",
    says="With UDP_SEGMENT a call on a UDP socket, over IPv4 and IPv6, sends 64 datagrams.",
    since="4.18",
    expect=[
        differs(
            "the headers of the first count as data, and 64 are too many",
            since=since,
            until=until,
            commit="bec1f6f69736",
            observed={"errno": "EINVAL"},
        )
        for since, until in (
            ("4.18", "4.19.224"),
            ("4.20", "5.4.170"),
            ("5.5", "5.10.90"),
            ("5.11", "5.15.13"),
        )
    ],
)
@HOSTS
def test_a_call_sends_64_datagrams(ns, observe, host):
    with udp_flow(host) as (sender, receiver):
        sender.udp_segment = 10
        sender.send(bytes(640))

        assert observe("received", [len(one) for one in received(receiver, 64)]) == [10] * 64


@claim(
    "udp.7/UDP_SEGMENT/at-most-64",
    sentence="udp.7/UDP_SEGMENT/limits",
    section="Socket options",
    says="With UDP_SEGMENT a call on a UDP socket, over IPv4 and IPv6, that would send more than 64 "
    "datagrams is refused.",
    since="4.18",
    expect=differs(
        "128 can be sent",
        since="6.9",
        backports=("5.15.167", "6.1.109", "6.6.29", "6.8.8"),
        commit="1382e3b6a350",
        observed={"received": [10] * 64 + [1], "errno": None},
    ),
)
@HOSTS
def test_a_call_sends_no_more_than_64_datagrams(ns, observe, host):
    with udp_flow(host) as (sender, receiver):
        sender.udp_segment = 10
        with refused():
            sender.send(bytes(641))
            observe("received", [len(one) for one in received(receiver, 65)])
        sender.send(bytes(20))

        assert observe("received_then", [len(one) for one in received(receiver, 2)]) == [10, 10]


@claim(
    "udp.7/UDP_SEGMENT/mtu",
    sentence="udp.7/UDP_SEGMENT/limits",
    section="Socket options",
    says="With UDP_SEGMENT a send of two segments is refused where a segment is with its headers a byte "
    "larger than the interface's MTU, and succeeds where it just fits, over IPv4 and IPv6.",
    since="4.18",
)
@pytest.mark.parametrize(("host", "fits"), [("127.0.0.1", MTU - UDP_OVER_IP), ("::1", MTU - UDP_OVER_IPV6)])
def test_a_segment_fits_into_the_mtu(ns, observe, host, fits):
    ns.set_link("lo", mtu=MTU)
    with udp_flow(host) as (sender, receiver):
        with refused():
            send_in_segments(sender, bytes(2 * fits + 2), fits + 1)
        send_in_segments(sender, bytes(2 * fits), fits)

        assert observe("received", [len(one) for one in received(receiver, 2)]) == [fits, fits]


@claim(
    "udp.7/UDP_SEGMENT/control-message",
    sentence="udp.7/UDP_SEGMENT/control-message",
    section="Socket options",
    says="A control message UDP_SEGMENT cuts what one sendmsg(2) of a UDP socket, over IPv4 and IPv6, sends, "
    "and is stronger than the option; the next send is cut as the option says.",
    since="4.18",
)
@HOSTS
def test_a_control_message_cuts_one_message(ns, observe, host):
    with udp_flow(host) as (sender, receiver):
        send_in_segments(sender, b"aab", 2)
        sender.send(b"ccdd")
        sender.udp_segment = 3
        send_in_segments(sender, b"eef", 2)
        sender.send(b"ggghhh")

        assert observe("received", received(receiver, 7)) == ["aa", "b", "ccdd", "ee", "f", "ggg", "hhh"]


@claim(
    "udp.7/UDP_SEGMENT/off",
    sentence="udp.7/UDP_SEGMENT/zero",
    section="Socket options",
    says="Zero turns UDP_SEGMENT off on a UDP socket, over IPv4 and IPv6; in a control message for one "
    "sendmsg(2).",
    since="4.18",
)
@HOSTS
def test_zero_turns_it_off(ns, observe, host):
    with udp_flow(host) as (sender, receiver):
        sender.udp_segment = 2
        sender.send(b"aabb")
        send_in_segments(sender, b"ccdd", 0)
        sender.send(b"eeff")
        sender.udp_segment = 0
        sender.send(b"gghh")

        assert observe("received", received(receiver, 6)) == ["aa", "bb", "ccdd", "ee", "ff", "gghh"]


@claim(
    "udp.7/UDP_SEGMENT/needs-checksum",
    sentence="udp.7/UDP_SEGMENT/checksum",
    section="Socket options",
    says="With UDP_SEGMENT a UDP socket over IPv4 that makes no checksums (SO_NO_CHECK) cannot send.",
    since="4.18",
)
def test_segments_have_a_checksum(ns, observe):
    with udp_flow() as (sender, receiver):
        sender.udp_segment = 2
        sender.no_check = True
        with refused():
            sender.send(b"refused")
        sender.no_check = False
        sender.send(b"sent")

        assert observe("received", received(receiver, 2)) == ["se", "nt"]


@claim(
    "defacto/UDP_SEGMENT/at-most-128",
    says="With UDP_SEGMENT a call on a UDP socket, over IPv4 and IPv6, sends 128 datagrams at most: with a "
    "byte more it fails with EINVAL.",
    since="6.9",
    backports=("5.15.167", "6.1.109", "6.6.29", "6.8.8"),
    commit="1382e3b6a350",
)
@HOSTS
def test_a_call_sends_128_datagrams_at_most(ns, observe, host):
    with udp_flow(host) as (sender, receiver):
        sender.udp_segment = 10
        with refused(errno.EINVAL):
            sender.send(bytes(1281))
        sender.send(bytes(1280))

        assert observe("received", [len(one) for one in received(receiver, 128)]) == [10] * 128


@claim(
    "defacto/UDP_SEGMENT/above-mtu-emsgsize",
    says="With UDP_SEGMENT a send of two segments fails with EMSGSIZE where a segment is with its headers a "
    "byte larger than the interface's MTU, over IPv4 and IPv6.",
    since="6.14",
    backports=("5.10.235", "5.15.179", "6.1.129", "6.6.78", "6.12.14", "6.13.3"),
    commit="235174b2bed8",
)
@pytest.mark.parametrize(("host", "fits"), [("127.0.0.1", MTU - UDP_OVER_IP), ("::1", MTU - UDP_OVER_IPV6)])
def test_a_segment_above_the_mtu_is_too_long(ns, observe, host, fits):
    ns.set_link("lo", mtu=MTU)
    with udp_flow(host) as (sender, receiver):
        with refused(errno.EMSGSIZE):
            send_in_segments(sender, bytes(2 * fits + 2), fits + 1)
        send_in_segments(sender, bytes(2 * fits), fits)

        assert observe("received", [len(one) for one in received(receiver, 2)]) == [fits, fits]


@claim(
    "defacto/UDP_SEGMENT/unfilled-segment",
    says="With a UDP_SEGMENT a byte larger than fits with its headers into the interface's MTU a UDP socket, "
    "over IPv4 and IPv6, still sends what fits; a whole segment fails with EMSGSIZE.",
    since="6.14",
    backports=("5.10.235", "5.15.179", "6.1.129", "6.6.78", "6.12.14", "6.13.3"),
    commit="235174b2bed8",
)
@pytest.mark.parametrize(("host", "fits"), [("127.0.0.1", MTU - UDP_OVER_IP), ("::1", MTU - UDP_OVER_IPV6)])
def test_what_is_sent_counts(ns, observe, host, fits):
    ns.set_link("lo", mtu=MTU)
    with udp_flow(host) as (sender, receiver):
        sender.udp_segment = fits + 1
        with refused(errno.EMSGSIZE):
            sender.send(bytes(fits + 1))
        sender.send(bytes(fits))

        assert observe("received", len(receiver.recv(2 * MTU))) == fits


@claim(
    "defacto/UDP_SEGMENT/control-message-size",
    says="A control message UDP_SEGMENT of a UDP socket, over IPv4 and IPv6, has exactly two bytes: with an "
    "int or a byte the send fails with EINVAL.",
    since="4.18",
    commit="2e8de8576343",
)
@HOSTS
@pytest.mark.parametrize("size", [1, 4])
def test_the_control_message_has_two_bytes(ns, observe, host, size):
    with udp_flow(host) as (sender, receiver):
        with refused(errno.EINVAL):
            sender.sendmsg([b"refused"], [(IPPROTO_UDP, 103, (2).to_bytes(size, byteorder))])
        sender.sendmsg([b"sent"], [(IPPROTO_UDP, 103, (2).to_bytes(2, byteorder))])

        assert observe("received", received(receiver, 2)) == ["se", "nt"]


@claim(
    "udp.7/UDP_GRO/one-buffer",
    sentence=(
        *("udp.7/UDP_GRO/enables", "udp.7/UDP_GRO/one-buffer", "udp.7/UDP_GRO/inverse"),
        *("udp.7/UDP_SEGMENT/one-large-packet", "segmentation-offloads/GRO/complement"),
        "udp.h/UDP_GRO/receives",
    ),
    section="Socket options",
    says="With UDP_GRO a UDP socket, over IPv4 and IPv6, receives what a sender on the same host cut with "
    "UDP_SEGMENT as one buffer with the segment size in a control message; without it each datagram.",
    since="5.0",
    expect=differs(
        "loopback cuts it before it is received",
        since="5.0",
        until="5.11",
        commit="8eea1ca82be9",
        observed={"received": [["aa", []], ["b", []], ["cccc", []], ["dddd", []], ["e", []]]},
    ),
)
@HOSTS
def test_segments_are_received_as_one(ns, observe, host):
    with udp_flow(host) as (sender, receiver):
        send_in_segments(sender, b"aab", 2)
        seen = [with_sizes(receiver), with_sizes(receiver)]
        receiver.udp_gro = True
        send_in_segments(sender, b"ccccdddde", 4)
        seen.append(with_sizes(receiver))
        receiver.udp_gro = False
        send_in_segments(sender, b"ffg", 2)
        seen += [with_sizes(receiver), with_sizes(receiver)]

        assert observe("received", seen) == [
            ["aa", []],
            ["b", []],
            ["ccccdddde", [4]],
            ["ff", []],
            ["g", []],
        ]


@claim(
    "udp.7/UDP_GRO/above-mtu",
    sentence=("udp.7/UDP_GRO/receive-path", "udp.7/UDP_SEGMENT/one-large-packet"),
    section="Socket options",
    says="With UDP_GRO a UDP socket, over IPv4 and IPv6, receives as one buffer more than the interface's "
    "MTU, where it was sent with UDP_SEGMENT.",
    since="5.0",
    expect=differs(
        "loopback cuts it before it is received",
        since="5.0",
        until="5.11",
        commit="8eea1ca82be9",
        observed={"received": [1400, []]},
    ),
)
@HOSTS
def test_more_than_the_mtu_is_received(ns, observe, host):
    ns.set_link("lo", mtu=MTU)
    with udp_flow(host) as (sender, receiver):
        receiver.udp_gro = True
        send_in_segments(sender, b"x" * 5000, 1400)
        data, sizes = with_sizes(receiver)

        assert observe("received", [len(data), sizes]) == [5000, [1400]]


@claim(
    "defacto/UDP_GRO/single-datagram",
    says="With UDP_GRO too a datagram that came alone has no control message, on a UDP socket over IPv4 and "
    "IPv6.",
    since="5.11",
    commit="2e4ef10f5850",
)
@HOSTS
def test_a_single_datagram_has_no_size(ns, observe, host):
    with udp_flow(host) as (sender, receiver):
        receiver.udp_gro = True
        sender.send(b"alone")
        send_in_segments(sender, b"aab", 2)

        assert observe("received", [with_sizes(receiver), with_sizes(receiver)]) == [
            ["alone", []],
            ["aab", [2]],
        ]


@claim(
    "defacto/UDP_GRO/too-small-a-buffer",
    says="With UDP_GRO what does not fit into the buffer of a receive is lost, on a UDP socket over IPv4 and "
    "IPv6: datagrams whole, as one is cut without it.",
    since="5.11",
    commit="2e4ef10f5850",
)
@HOSTS
def test_what_does_not_fit_is_lost(ns, observe, host):
    with udp_flow(host) as (sender, receiver):
        receiver.udp_gro = True
        send_in_segments(sender, b"aaaabbbbcc", 4)
        sender.send(b"next")
        await_readable(receiver)
        message = receiver.recv_message(6)

        assert observe("received", [message.data.decode(), *received(receiver, 1)]) == ["aaaabb", "next"]
