"""IPV6_DONTFRAG and IPV6_RECVPATHMTU."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.ipv6 import address6, udp6_across, udp6_pair
from libsocket import DontFragment, Ip6Mtuinfo

HEADERS = 48
"""The sizes of an IPv6 header and one of UDP."""


@claim(
    "defacto/IPV6_DONTFRAG/not-sent",
    says="With IPV6_DONTFRAG a UDP socket does not send what is a byte larger than the MTU of the interface "
    "(EMSGSIZE). Without it, as at first, it does.",
    since="2.6.35",
    commit="4b340ae20d0e",
    needs=[IPV6, VETH],
)
def test_what_is_larger_is_not_sent(peers, observe):
    with udp6_across(peers) as (sender, receiver):
        sender.send(bytes(1501 - HEADERS))
        sender.ipv6_dontfrag = True
        with refused(errno.EMSGSIZE):
            sender.send(bytes(1501 - HEADERS))
        sender.send(bytes(1500 - HEADERS))
        sizes = [len(receiver.recv(2000)), len(receiver.recv(2000))]

        assert observe("received", sizes) == [1501 - HEADERS, 1500 - HEADERS]


@claim(
    "defacto/IPV6_DONTFRAG/control-message",
    says="A control message IPV6_DONTFRAG of 1 does for the datagram of a UDP socket that it is sent with "
    "what the option does for all.",
    since="2.6.35",
    commit="4b340ae20d0e",
    needs=[IPV6, VETH],
)
def test_one_message_is_not_fragmented(peers, observe):
    with udp6_across(peers) as (sender, receiver):
        with refused(errno.EMSGSIZE):
            sender.send_message(bytes(1501 - HEADERS), DontFragment(1))
        sender.send(bytes(1501 - HEADERS))

        assert observe("received", len(receiver.recv(2000))) == 1501 - HEADERS


@claim(
    "defacto/IPV6_DONTFRAG/control-message-outside",
    says="A UDP socket over IPv6 cannot send with a control message IPV6_DONTFRAG of less than 0 or more "
    "than 1 (EINVAL), and sends with one of 0 or 1.",
    since="2.6.35",
    commit="4b340ae20d0e",
    needs=[IPV6],
)
@pytest.mark.parametrize(("outside", "inside"), [(-1, 0), (2, 1)])
def test_a_control_message_has_bounds(ns, observe, outside, inside):
    sender, receiver = udp6_pair()
    with sender, receiver:
        with refused(errno.EINVAL):
            sender.send_message(b"outside", DontFragment(outside))
        sender.send_message(b"inside", DontFragment(inside))

        assert observe("received", receiver.recv(9).decode()) == "inside"


@claim(
    "defacto/IPV6_RECVPATHMTU/local",
    says="With IPV6_RECVPATHMTU a UDP socket with IPV6_DONTFRAG to which it was refused to send a byte more "
    "than the MTU of the interface receives a control message IPV6_PATHMTU: the destination and the MTU.",
    since="2.6.35",
    commit="4b340ae20d0e",
    needs=[IPV6, VETH],
)
@pytest.mark.parametrize("mtu", [1280, 1500])
def test_the_mtu_is_received(peers, observe, mtu):
    peers.left.namespace.set_link(peers.left.device, mtu=mtu)
    with udp6_across(peers) as (sender, _):
        sender.ipv6_dontfrag = True
        sender.ipv6_recvpathmtu = True
        with refused(errno.EMSGSIZE):
            sender.send(bytes(mtu + 1 - HEADERS))
        [info] = control_messages(sender, Ip6Mtuinfo)

        assert observe("told", [info.addr, info.mtu]) == [address6(peers.right), mtu]
