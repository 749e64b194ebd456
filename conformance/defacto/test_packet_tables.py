"""Packet sockets as others see them: /proc/net/packet and ptype, and what NETLINK_SOCK_DIAG lists."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from socket import SOCK_DGRAM, SOCK_RAW

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import PACKET_DIAG, VETH
from conformance.plugin.setups.netlink import DUMP, NLMSG_DONE, NLMSG_ERROR, REQUEST
from conformance.plugin.setups.packet_sockets import (
    ANOTHER,
    ETH_P_ALL,
    LOOPBACK,
    TO_GROUP,
    frame,
    packet_socket,
)
from conformance.plugin.setups.proc_net import cells_of, functions_of, headings, lines_of, protocols_of
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.socket_dumps import (
    PACKET_SHOW,
    RUNNING,
    answer_to,
    diag_request,
    inodes,
    memberships_shown,
    numbers_of,
    packet_info,
    packet_row,
    packet_rows,
    ring_shown,
)
from libsocket import (
    PACKET_AUXDATA,
    PACKET_COPY_THRESH,
    PACKET_LOSS,
    PACKET_ORIGDEV,
    PACKET_RESERVE,
    PACKET_TIMESTAMP,
    PACKET_VERSION,
    PACKET_VNET_HDR,
    FanoutArgs,
    FanoutMode,
    Filter,
    Packet,
    PacketMembership,
    PacketMreq,
    Socket,
    TpacketReq,
    TpacketReq3,
)
from netns import Capability, Namespace, as_user, only

OLD, DIAG, INFO, RINGS = "1da177e4c3f4", "96ec6327144e", "8a360be0c5f8", "16f01365fa01"
NEEDS = (Capability.NET_RAW,)
DIAG_NEEDS = (Capability.NET_RAW, PACKET_DIAG)
EXPERIMENTAL, SOCK_PACKET = 0x88B5, 10
ASKER = {"no-op: close(*": "the socket that asked may stay"}
SOCKETS = 400
"""Sockets whose rows take several datagrams."""
NOBODY = 65534


def on_loopback(protocol: int = EXPERIMENTAL) -> Socket:
    """A packet socket that is bound to loopback."""
    sock = packet_socket(protocol=protocol)
    sock.bind(Packet(LOOPBACK, protocol))
    return sock


@claim(
    "defacto/proc-net-packet/headings",
    says="The first line of /proc/net/packet has the headings sk, RefCnt, Type, Proto, Iface, R, Rmem, User "
    "and Inode, and each further line is of one packet socket.",
    since="2.6.12",
    commit=OLD,
    needs=NEEDS,
)
def test_packet_has_headings(ns, observe):
    with packet_socket() as sock:
        found = [headings("packet"), len(lines_of("packet", sock))]

        names = ["sk", "RefCnt", "Type", "Proto", "Iface", "R", "Rmem", "User", "Inode"]
        assert observe("headings_and_lines", found) == [names, 1]


@claim(
    "defacto/proc-net-packet/identity",
    says="In /proc/net/packet Type is the type of a packet socket, 3, 2 or 10, Proto the Ethernet type that "
    "it receives, as a hexadecimal number, and Iface the number of the interface that it is bound to, 0 for "
    "all.",
    since="2.6.12",
    commit=OLD,
    needs=NEEDS,
)
@pytest.mark.parametrize("type_", [SOCK_RAW, SOCK_DGRAM, SOCK_PACKET], ids=["raw", "dgram", "packet"])
def test_packet_shows_type_protocol_and_interface(ns, observe, type_):
    with packet_socket(None, type_, EXPERIMENTAL) as sock, on_loopback(ANOTHER) as another:
        columns = ("Type", "Proto", "Iface")

        found = [cells_of("packet", one, *columns) for one in (sock, another)]
        assert observe("cells", found) == [[str(int(type_)), "88b5", "0"], ["3", "88b6", "1"]]


@claim(
    "defacto/proc-net-packet/running",
    says="In /proc/net/packet R is 1 of a packet socket that receives, and 0 of one with the protocol 0 and "
    "of one whose interface is not up.",
    since="2.6.12",
    commit=OLD,
    needs=[*NEEDS, VETH],
)
def test_packet_shows_whether_it_receives(ns, observe):
    ns.add_veth("left", "right")
    with packet_socket() as sock, packet_socket(protocol=0) as none, packet_socket() as down:
        down.bind(Packet(socket.if_nametoindex("left"), EXPERIMENTAL))

        found = [*(cells_of("packet", one, "R") for one in (sock, none, down))]
        assert observe("receives_none_down", found) == [["1"], ["0"], ["0"]]


@claim(
    "defacto/proc-net-packet/memory",
    says="In /proc/net/packet Rmem is the memory of the frames that wait to be received, as SO_MEMINFO tells "
    "it, 0 before any does.",
    since="2.6.12",
    commit=OLD,
    needs=NEEDS,
)
def test_packet_shows_what_waits(ns, observe):
    with packet_socket() as sock, on_loopback(0) as sender:
        before = cells_of("packet", sock, "Rmem")
        sender.send(frame(b"hello"))
        await_readable(sock)
        waits = int(cells_of("packet", sock, "Rmem")[0])

        assert observe("before_more_same", [before, waits > 0, waits == sock.meminfo.rmem_alloc]) == [
            ["0"],
            True,
            True,
        ]


@claim(
    "defacto/proc-net-packet/user",
    says="In /proc/net/packet User is the user who made a packet socket.",
    since="2.6.12",
    commit=OLD,
    needs=[*NEEDS, Capability.SETUID, Capability.SETGID],
)
@pytest.mark.parametrize("user", [0, NOBODY])
def test_packet_shows_the_user(ns, observe, user):
    def shown() -> list[str]:
        with packet_socket() as sock:
            return cells_of("packet", sock, "User")

    assert observe("user", as_user(user, shown, [Capability.NET_RAW])) == [str(user)]


@claim(
    "defacto/proc-net-packet/namespace",
    says="/proc/net/packet lists the packet sockets of one network namespace, its own.",
    since="2.6.25",
    commit="2aaef4e47fef",
    needs=NEEDS,
)
def test_packet_shows_its_own_namespace(ns, observe):
    with packet_socket() as sock, Namespace(), packet_socket() as there:
        found = [len(lines_of("packet", sock)), len(lines_of("packet", there))]

        assert observe("another_and_own", found) == [0, 1]


@claim(
    "defacto/proc-net-ptype/packet",
    says="/proc/net/ptype lists a packet socket of SOCK_RAW with the protocol ETH_P_ALL by the interface "
    "that it is bound to: as ALL and packet_rcv, with a receive ring as ALL and tpacket_rcv.",
    since="5.17",
    commit="1d10f8a1f40b",
    needs=[*NEEDS, VETH],
)
@pytest.mark.parametrize(
    ("ring", "function"),
    [(TpacketReq(0, 0, 0, 0), "packet_rcv"), (TpacketReq(4096, 1, 1024, 4), "tpacket_rcv")],
    ids=["queue", "ring"],
)
def test_ptype_shows_who_receives_all(ns, observe, ring, function):
    ns.add_veth("left", "right")
    ns.set_link("left", up=True)
    with packet_socket(protocol=0) as sock:
        before = protocols_of("left")
        sock.packet_rx_ring = ring
        sock.bind(Packet(socket.if_nametoindex("left"), ETH_P_ALL))

        assert observe("before_and_bound", [before, protocols_of("left")]) == [[], [["ALL", function]]]


@claim(
    "defacto/proc-net-ptype/packet-one-protocol",
    says="/proc/net/ptype lists a packet socket of SOCK_RAW or SOCK_PACKET that receives one Ethernet type "
    "from every interface, with packet_rcv or packet_rcv_spkt; one of SOCK_RAW that is bound to an interface "
    "it does not list.",
    since="4.0",
    commit="7866a621043f",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("type_", "function"),
    [(SOCK_RAW, "packet_rcv"), (SOCK_PACKET, "packet_rcv_spkt")],
    ids=["raw", "packet"],
)
def test_ptype_shows_who_receives_one_protocol(ns, observe, type_, function):
    with on_loopback():
        bound = functions_of("88b5")
        with packet_socket(None, type_):
            everywhere = functions_of("88b5")

    assert observe("bound_and_everywhere", [bound, everywhere]) == [[], [function]]


@claim(
    "defacto/NETLINK_SOCK_DIAG/packet-row",
    says="A dump of AF_PACKET by NETLINK_SOCK_DIAG has a row with the family, the type, the Ethernet type "
    "and the inode of a packet socket, and nothing else where nothing is to be shown.",
    since="3.7",
    commit=DIAG,
    needs=DIAG_NEEDS,
)
@pytest.mark.parametrize("type_", [SOCK_RAW, SOCK_DGRAM, SOCK_PACKET], ids=["raw", "dgram", "packet"])
def test_a_packet_socket_has_a_row(ns, observe, type_):
    with packet_socket(None, type_) as sock:
        found = [[*one[:3], [*one.shown]] for one in packet_row(sock)]

    assert observe("rows", found) == [[int(socket.AF_PACKET), int(type_), EXPERIMENTAL, []]]


@claim(
    "defacto/NETLINK_SOCK_DIAG/packet-refused",
    says="A request of NETLINK_SOCK_DIAG for AF_PACKET without NLM_F_DUMP fails with EOPNOTSUPP, and one "
    "that lacks the last byte of struct packet_diag_req, or names a protocol, with EINVAL; with NLM_F_DUMP, "
    "whole and with the protocol 0 it ends without an error.",
    since="3.7",
    commit=DIAG,
    needs=DIAG_NEEDS,
)
@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"flags": REQUEST}, errno.EOPNOTSUPP),
        ({"cut": 1}, errno.EINVAL),
        ({"protocol": 3}, errno.EINVAL),
    ],
    ids=["no-dump", "short", "protocol"],
)
def test_a_wrong_request_for_packet_sockets_is_refused(ns, observe, wrong, error):
    right = answer_to(diag_request(socket.AF_PACKET, flags=REQUEST | DUMP))

    found = [right, answer_to(diag_request(socket.AF_PACKET, **wrong))]
    assert observe("right_and_wrong", found) == [[NLMSG_DONE, 0], [NLMSG_ERROR, -error]]


@claim(
    "defacto/NETLINK_SOCK_DIAG/packet-info",
    says="With PACKET_SHOW_INFO a dump of AF_PACKET by NETLINK_SOCK_DIAG shows the interface that a packet "
    "socket of SOCK_RAW is bound to, its PACKET_VERSION, PACKET_RESERVE, PACKET_COPY_THRESH and "
    "PACKET_TIMESTAMP.",
    since="3.7",
    commit=INFO,
    needs=DIAG_NEEDS,
    survives=ASKER,
)
def test_info_is_shown(ns, observe):
    with packet_socket() as sock:
        before = [*packet_info(sock)[:5]]
        sock.bind(Packet(LOOPBACK, EXPERIMENTAL))
        sock.set(PACKET_VERSION, 1)
        sock.set(PACKET_RESERVE, 16)
        sock.set(PACKET_COPY_THRESH, 100)
        sock.set(PACKET_TIMESTAMP, 64)

        found = [before, [*packet_info(sock)[:5]]]
        assert observe("before_and_after", found) == [[0] * 5, [LOOPBACK, 1, 16, 100, 64]]


@claim(
    "defacto/NETLINK_SOCK_DIAG/packet-flags",
    says="With PACKET_SHOW_INFO a dump of AF_PACKET by NETLINK_SOCK_DIAG shows flags of a packet socket of "
    "SOCK_RAW: PDI_RUNNING, and PDI_AUXDATA, PDI_ORIGDEV, PDI_VNETHDR and PDI_LOSS where the options are "
    "set.",
    since="3.7",
    commit=INFO,
    needs=DIAG_NEEDS,
    survives=ASKER,
)
@pytest.mark.parametrize(
    ("option", "flag"),
    [(PACKET_AUXDATA, 2), (PACKET_ORIGDEV, 4), (PACKET_VNET_HDR, 8), (PACKET_LOSS, 16)],
    ids=["PACKET_AUXDATA", "PACKET_ORIGDEV", "PACKET_VNET_HDR", "PACKET_LOSS"],
)
def test_flags_are_shown(ns, observe, option, flag):
    with packet_socket() as sock:
        before = packet_info(sock).flags
        sock.set(option, True)

        assert observe("before_and_after", [before, packet_info(sock).flags]) == [RUNNING, RUNNING | flag]


@claim(
    "defacto/NETLINK_SOCK_DIAG/packet-not-running",
    says="With PACKET_SHOW_INFO a dump of AF_PACKET by NETLINK_SOCK_DIAG shows a packet socket of SOCK_RAW "
    "with the protocol 0 without PDI_RUNNING, and with it once it is bound to another protocol.",
    since="3.7",
    commit=INFO,
    needs=DIAG_NEEDS,
    survives=ASKER,
)
def test_what_does_not_receive_is_shown(ns, observe):
    with packet_socket(protocol=0) as sock:
        before = packet_info(sock).flags
        sock.bind(Packet(0, EXPERIMENTAL))

        assert observe("before_and_bound", [before, packet_info(sock).flags]) == [0, RUNNING]


@claim(
    "defacto/NETLINK_SOCK_DIAG/packet-uid",
    says="With PACKET_SHOW_INFO a dump of AF_PACKET by NETLINK_SOCK_DIAG shows the user who made a packet "
    "socket.",
    since="3.10",
    commit="626419038a3e",
    needs=[*DIAG_NEEDS, Capability.SETUID, Capability.SETGID],
)
@pytest.mark.parametrize("user", [0, NOBODY])
def test_the_user_is_shown(ns, observe, user):
    def shown() -> list[int]:
        with packet_socket() as sock:
            return numbers_of(packet_row(sock, "info")[0].shown["uid"])

    assert observe("user", as_user(user, shown, [Capability.NET_RAW])) == [user]


@claim(
    "defacto/NETLINK_SOCK_DIAG/packet-mclist",
    says="With PACKET_SHOW_MCLIST a dump of AF_PACKET by NETLINK_SOCK_DIAG shows the memberships of a packet "
    "socket of SOCK_RAW, the latest first: the interface, how often it was added, its type and its address.",
    since="3.7",
    commit="eea68e2f1a00",
    needs=[*DIAG_NEEDS, Capability.NET_ADMIN],
    survives=ASKER,
)
def test_memberships_are_shown(ns, observe):
    group = PacketMreq(LOOPBACK, PacketMembership.MULTICAST, TO_GROUP)
    with packet_socket() as sock:
        before = memberships_shown(sock)
        sock.packet_add_membership = group
        sock.packet_add_membership = PacketMreq(LOOPBACK, PacketMembership.PROMISC)
        sock.packet_add_membership = group

        assert observe("before_and_after", [before, memberships_shown(sock)]) == [
            [],
            [[LOOPBACK, 1, PacketMembership.PROMISC, ""], [LOOPBACK, 2, 0, TO_GROUP.hex()]],
        ]


@claim(
    "defacto/NETLINK_SOCK_DIAG/packet-rings",
    says="With PACKET_SHOW_RING_CFG a dump of AF_PACKET by NETLINK_SOCK_DIAG shows of a packet socket of "
    "SOCK_RAW the size and number of the blocks and of the frames of its receive ring, of TPACKET_V1 or "
    "TPACKET_V2, and of its send ring, each where it is there.",
    since="3.7",
    commit=RINGS,
    needs=DIAG_NEEDS,
    survives={**ASKER, "no-op: setsockopt(*PACKET_VERSION, ?0?*": "the first version is the default"},
)
@pytest.mark.parametrize("version", [0, 1])
def test_rings_are_shown(ns, observe, version):
    with packet_socket() as sock:
        sock.packet_version = version
        before = [ring_shown(sock, "rx_ring"), ring_shown(sock, "tx_ring")]
        sock.packet_rx_ring = TpacketReq(4096, 2, 1024, 8)
        one = [ring_shown(sock, "rx_ring"), ring_shown(sock, "tx_ring")]
        sock.packet_tx_ring = TpacketReq(8192, 1, 2048, 4)

        both = [ring_shown(sock, "rx_ring"), ring_shown(sock, "tx_ring")]
        assert observe("version_none_one_both", [packet_info(sock).version, before, one, both]) == [
            version,
            [[], []],
            [[4096, 2, 1024, 8, 0, 0, 0], []],
            [[4096, 2, 1024, 8, 0, 0, 0], [8192, 1, 2048, 4, 0, 0, 0]],
        ]


@claim(
    "defacto/NETLINK_SOCK_DIAG/packet-block-ring",
    says="With PACKET_SHOW_RING_CFG a dump of AF_PACKET by NETLINK_SOCK_DIAG shows of a receive ring of "
    "TPACKET_V3 also after how many milliseconds a block is handed over, the private bytes of a block, and "
    "the features that were asked for.",
    since="3.7",
    commit=RINGS,
    needs=DIAG_NEEDS,
)
def test_a_ring_of_blocks_is_shown(ns, observe):
    with packet_socket() as sock:
        sock.packet_version = 2
        sock.packet_rx_ring = TpacketReq3(4096, 2, 1024, 8, 2000, 64, 1)

        assert observe("ring", ring_shown(sock, "rx_ring")) == [4096, 2, 1024, 8, 2000, 64, 1]


@claim(
    "defacto/NETLINK_SOCK_DIAG/packet-fanout",
    says="With PACKET_SHOW_FANOUT a dump of AF_PACKET by NETLINK_SOCK_DIAG shows the number of the group of "
    "a packet socket of SOCK_RAW, and above 16 bits its mode; nothing of one that is in none.",
    since="3.7",
    commit="fff3321d75b1",
    needs=DIAG_NEEDS,
    survives=ASKER,
)
def test_a_group_is_shown(ns, observe):
    with packet_socket() as sock:
        before = [*packet_row(sock, "fanout")[0].shown]
        sock.packet_fanout = FanoutArgs(7, FanoutMode.CPU)

        found = [before, numbers_of(packet_row(sock, "fanout")[0].shown["fanout"])]
        assert observe("before_and_after", found) == [[], [7 | FanoutMode.CPU << 16]]


@claim(
    "defacto/NETLINK_SOCK_DIAG/packet-meminfo",
    says="With PACKET_SHOW_MEMINFO a dump of AF_PACKET by NETLINK_SOCK_DIAG shows the memory of a packet "
    "socket as SO_MEMINFO gives it.",
    since="3.10",
    commit=DIAG,
    needs=DIAG_NEEDS,
    survives=ASKER,
)
def test_memory_is_shown(ns, observe):
    with packet_socket() as sock, on_loopback(0) as sender:
        sender.send(frame(b"hello"))
        await_readable(sock)
        shown = numbers_of(packet_row(sock, "meminfo")[0].shown["meminfo"])

        assert observe("some_same", [shown[0] > 0, shown[:4] == [*sock.meminfo][:4]]) == [True, True]


@claim(
    "defacto/NETLINK_SOCK_DIAG/packet-filter",
    says="With PACKET_SHOW_FILTER a dump of AF_PACKET by NETLINK_SOCK_DIAG shows the classic program of a "
    "packet socket of SOCK_RAW, to who has CAP_NET_ADMIN; to who has not it shows that without a byte.",
    since="3.10",
    commit="e8d9612c181b",
    needs=[*DIAG_NEEDS, Capability.NET_ADMIN],
    survives=ASKER,
)
def test_a_filter_is_shown(ns, observe):
    with packet_socket() as sock:
        none = [*packet_row(sock, "filter")[0].shown]
        sock.attach_filter = Filter.accept(7)
        shown = packet_row(sock, "filter")[0].shown["filter"].hex()
        with only():
            hidden = packet_row(sock, "filter")[0].shown["filter"].hex()

        found = [none, shown, hidden]
        assert observe("none_shown_hidden", found) == [[], "0600000007000000", ""]


@claim(
    "defacto/NETLINK_SOCK_DIAG/packet-namespace",
    says="A dump of AF_PACKET by NETLINK_SOCK_DIAG lists the packet sockets of the network namespace in "
    "which it is asked for, and none of another.",
    since="3.7",
    commit=DIAG,
    needs=DIAG_NEEDS,
)
def test_packet_sockets_of_another_namespace_have_no_row(ns, observe):
    with packet_socket() as sock:
        own = len(packet_row(sock))
        with Namespace():
            there = len(packet_row(sock))

        assert observe("own_and_another", [own, there]) == [1, 0]


@claim(
    "defacto/NETLINK_SOCK_DIAG/packet-many",
    says="Where a dump of AF_PACKET by NETLINK_SOCK_DIAG takes several datagrams each of four hundred packet "
    "sockets has one row.",
    since="3.7",
    commit=DIAG,
    needs=DIAG_NEEDS,
)
def test_many_packet_sockets_have_a_row_each(ns, observe):
    with ExitStack() as stack:
        sockets = [stack.enter_context(packet_socket(protocol=0)) for _ in range(SOCKETS)]
        listed = sorted(one.inode for one in packet_rows(PACKET_SHOW["meminfo"]))

        assert observe("count_and_all", [len(listed), listed == inodes(sockets)]) == [SOCKETS, True]
