"""Sockets of IPv6 that meet IPv4 too, and groups and addresses of IPv6."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH, proc_net
from conformance.plugin.refusal import refused
from conformance.plugin.setups.interfaces import ipv6_addresses
from conformance.plugin.setups.ipv6 import LOOPBACK, address6, index_of
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.served import heard, on, say, serve
from conformance.plugin.setups.udp import udp_receiver
from conformance.plugin.setups.wires import remove_address
from libsocket import (
    GroupReq,
    In6Pktinfo,
    InPktinfo,
    Ipv6Mreq,
    Other,
    Socket,
    Tos,
    TrafficClass,
)
from netns import Host

MAPPED, GROUP = "::ffff:127.0.0.1", "ff05::1234"
FOUR, SIX = InPktinfo(LOOPBACK, "127.0.0.1", "127.0.0.1"), In6Pktinfo("::1", LOOPBACK)


@claim(
    "IPV6_RECVPKTINFO.2const/IPV6_RECVPKTINFO/beside-ipv4",
    sentence="IPV6_RECVPKTINFO.2const/IPV6_RECVPKTINFO/control-message",
    section="DESCRIPTION",
    says="A UDP socket over IPv6 with IP_PKTINFO and IPV6_RECVPKTINFO receives both messages with what comes "
    "by IPv4, in IPV6_PKTINFO its mapped address, and IPV6_PKTINFO alone with what comes by IPv6; with one "
    "of the options the message of that one.",
    needs=[IPV6],
    survives={"no-op: setsockopt(*PKTINFO, ?0?, 4) = 0": "it is off at first"},
)
@pytest.mark.parametrize(
    ("four", "six", "by_four", "by_six"),
    [
        (True, True, {FOUR, In6Pktinfo(MAPPED, LOOPBACK)}, {SIX}),
        (True, False, {FOUR}, set()),
        (False, True, {In6Pktinfo(MAPPED, LOOPBACK)}, {SIX}),
    ],
    ids=["both", "IP_PKTINFO", "IPV6_RECVPKTINFO"],
)
def test_each_option_has_its_message(ns, observe, *, four, six, by_four, by_six):
    with udp_receiver("::") as sock, Socket.udp() as first, Socket.udp(socket.AF_INET6) as second:
        sock.ip_pktinfo = four
        sock.ipv6_recvpktinfo = six
        port = sock.getsockname()[1]
        first.sendto(b"four", ("127.0.0.1", port))
        second.sendto(b"six", ("::1", port))
        came = [set(sock.recv_message(9).control) for _ in range(2)]

        counts = [len(one) for one in came]
        assert [came, observe("counts", counts)] == [[by_four, by_six], [len(by_four), len(by_six)]]


@claim(
    "defacto/IP_TOS/control-message-on-ipv6",
    says="Of the control messages IP_TOS and IPV6_TCLASS with which a UDP socket over IPv6 sends, to a "
    "mapped IPv4 address the first counts, and to one of IPv6 the second.",
    since="3.13",
    commit="aa6615814533",
    needs=[IPV6],
)
def test_each_message_is_of_its_version(ns, observe):
    with udp_receiver("127.0.0.1") as four, udp_receiver("::1") as six, Socket.udp(socket.AF_INET6) as sock:
        four.ip_recvtos = True
        six.ipv6_recvtclass = True
        for address in ((MAPPED, four.getsockname()[1]), ("::1", six.getsockname()[1])):
            sock.send_message(b"hello", Tos(0x10), TrafficClass(0x20), address=address)

        found = [four.recv_message(9).control, six.recv_message(9).control]
        assert observe("messages", [list(map(repr, one)) for one in found]) == [
            [repr(Tos(0x10))],
            [repr(TrafficClass(0x20))],
        ]


@claim(
    "defacto/IPV6_LEAVE_GROUP/other-option",
    says="A group of IPv6 that a UDP socket joined with IPV6_ADD_MEMBERSHIP it leaves with "
    "MCAST_LEAVE_GROUP, and with IPV6_DROP_MEMBERSHIP one that it joined with MCAST_JOIN_GROUP; on another "
    "interface than that where it joined both fail with EADDRNOTAVAIL.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH, IPV6, proc_net("igmp6")],
)
@pytest.mark.parametrize("joined_with_older", [True, False])
def test_a_group_is_left_with_the_other_option(peers, observe, joined_with_older):
    index = index_of(peers.left)
    with on(peers.left, "udp6") as sock:
        if joined_with_older:
            sock.ipv6_join_group = Ipv6Mreq(GROUP, index)
        else:
            sock.ipv6_mcast_join_group = GroupReq(GROUP, index)
        with refused(errno.EADDRNOTAVAIL):
            leave(sock, LOOPBACK, joined_with_older)
        before = members(peers.left)
        leave(sock, index, joined_with_older)

        assert observe("before_and_after", [before, members(peers.left)]) == [1, 0]


def leave(sock: Socket, index: int, newer: bool) -> None:
    if newer:
        sock.ipv6_mcast_leave_group = GroupReq(GROUP, index)
    else:
        sock.ipv6_leave_group = Ipv6Mreq(GROUP, index)


def members(host: Host) -> int:
    """How often the group is in the list of those of a host's interface."""
    with host.entered(), open("/proc/thread-self/net/igmp6", encoding="ascii") as lines:
        return sum(line.split()[1:3] == [host.device, GROUP_IN_HEX] for line in lines)


GROUP_IN_HEX = socket.inet_pton(socket.AF_INET6, GROUP).hex()


@claim(
    "defacto/IPV6_ADDRFORM/listens-again",
    says="A TCP connection that was accepted over IPv6 and that IPV6_ADDRFORM made one of IPv4 can be "
    "dissolved with AF_UNSPEC, bound to an IPv4 address, and listens there: it accepts over IPv4.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_a_turned_socket_listens(ns, observe):
    with listening("::") as listener, Socket.tcp() as client, Socket.tcp() as later:
        client.connect(("127.0.0.1", listener.getsockname()[1]))
        await_readable(listener)
        server = listener.accept()[0]
        server.ipv6_addrform = socket.AF_INET
        with Socket.from_fd(server.detach()) as turned:
            turned.connect(Other(socket.AF_UNSPEC, bytes(14)))
            turned.bind(("127.0.0.2", 0))
            turned.listen()
            later.connect(turned.getsockname())
            await_readable(turned)
            with turned.accept()[0] as accepted:
                found = [accepted.family == socket.AF_INET, accepted.getpeername() == later.getsockname()]

                assert observe("family_and_peer", found) == [True, True]


@claim(
    "defacto/IPV6/without-link-local",
    says="Two hosts whose interfaces have no link-local address any more, and that do not know each other, "
    "reach each other by their other IPv6 addresses, with UDP and TCP.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH, IPV6],
)
@pytest.mark.parametrize("kind", ["udp6", "tcp6"])
def test_no_link_local_address_is_needed(peers, observe, kind):
    removed = [remove_link_local(host) for host in (peers.left, peers.right)]
    with serve(peers.right, kind, address6(peers.right)) as server, on(peers.left, kind) as client:
        say(client, "hello", server.getsockname()[:2])

        assert observe("removed_and_heard", [removed, heard(server)]) == [[1, 1], "hello"]


def remove_link_local(host: Host) -> int:
    """Take the link-local addresses from a host's wire; how many there were."""
    own = [one for one in ipv6_addresses(host.namespace, index_of(host)) if one.startswith("fe80")]
    for address in own:
        remove_address(host, f"{address}/64")
    return len(own)
