"""Netlink sockets as others see them: /proc/net/netlink, and what NETLINK_SOCK_DIAG lists."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from itertools import chain

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import NETLINK_DIAG
from conformance.plugin.setups.netlink import (
    CREATE,
    DUMP,
    EXCL,
    NETLINK_SOCK_DIAG,
    NETLINK_USERSOCK,
    NLMSG_DONE,
    NLMSG_ERROR,
    REQUEST,
    RTNLGRP_IPV4_IFADDR,
    bound,
    drained,
    get_addresses,
    memberships,
    netlink_socket,
    new_address,
    port_of,
    word,
)
from conformance.plugin.setups.proc_net import cells_of, headings, lines_of
from conformance.plugin.setups.socket_dumps import (
    ALL_PROTOCOLS,
    NDIAG_FLAGS,
    answer_to,
    datagrams_of,
    diag_request,
    inode_of,
    inodes,
    netlink_row,
    netlink_rows,
    numbers_of,
)
from libsocket import (
    NETLINK_ADD_MEMBERSHIP,
    NETLINK_BROADCAST_ERROR,
    NETLINK_CAP_ACK,
    NETLINK_DROP_MEMBERSHIP,
    NETLINK_LISTEN_ALL_NSID,
    NETLINK_NO_ENOBUFS,
    NETLINK_PKTINFO,
    Netlink,
    Socket,
)
from netns import Namespace
from netns.netlink import receive

OLD, DIAG = "1da177e4c3f4", "eaaa31392690"
PORT, PEER = 4321, 4322
FEW, MANY = 20, 1000
"""Addresses of which a small buffer has no room for the last, and whose dump takes several datagrams."""
ASKER = {"no-op: close(*": "the socket that asked may stay"}
ONE_LESS = {"no-op: sendto(*NLM_F_REQUEST|0x600*": "an address less makes no shorter dump"}
SOCKETS = 350
"""Sockets whose rows take several datagrams.

The kernel makes its table larger, in the background, when it has three quarters as many sockets as places,
so at 193 and 385: a dump during that is another one.
"""


def add_addresses(changer: Socket, count: int) -> None:
    """Give loopback so many addresses."""
    for one in range(count):
        changer.send(new_address(f"10.8.{one // 250}.{one % 250 + 1}", REQUEST | CREATE | EXCL))


@claim(
    "defacto/proc-net-netlink/headings",
    says="The first line of /proc/net/netlink has the headings sk, Eth, Pid, Groups, Rmem, Wmem, Dump, "
    "Locks, Drops and Inode, and each further line is of one netlink socket.",
    since="2.6.34",
    commit="cf0aa4e07c32",
)
def test_netlink_has_headings(ns, observe):
    with bound() as sock:
        found = [headings("netlink"), len(lines_of("netlink", sock))]

        names = ["sk", "Eth", "Pid", "Groups", "Rmem", "Wmem", "Dump", "Locks", "Drops", "Inode"]
        assert observe("headings_and_lines", found) == [names, 1]


@claim(
    "defacto/proc-net-netlink/identity",
    says="In /proc/net/netlink Eth is the family, 2 of a socket of NETLINK_USERSOCK, Pid the port id that it "
    "is bound to, and Groups its first 32 groups as a hexadecimal number of eight digits.",
    since="2.6.12",
    commit=OLD,
)
def test_netlink_shows_protocol_port_and_groups(ns, observe):
    with bound(port=PORT, groups=0x80000005) as sock:
        assert observe("cells", cells_of("netlink", sock, "Eth", "Pid", "Groups")) == [
            "2",
            "4321",
            "80000005",
        ]


@claim(
    "defacto/proc-net-netlink/bound-only",
    says="A netlink socket without a port id is not listed in /proc/net/netlink, also where it is a member "
    "of a group; once connect(2) has given it one, it is.",
    since="2.6.12",
    commit=OLD,
)
def test_netlink_shows_what_is_bound(ns, observe):
    with netlink_socket(NETLINK_USERSOCK) as sock:
        sock.set(NETLINK_ADD_MEMBERSHIP, 3)
        before = lines_of("netlink", sock)
        sock.connect(Netlink(0, 0))

        found = [before, cells_of("netlink", sock, "Eth", "Groups")]
        assert observe("before_and_bound", found) == [[], ["2", "00000004"]]


@claim(
    "defacto/proc-net-netlink/namespace",
    says="/proc/net/netlink lists the netlink sockets of one network namespace, its own.",
    since="2.6.24",
    commit="b4b510290b05",
)
def test_netlink_shows_its_own_namespace(ns, observe):
    with bound() as sock, Namespace(), bound() as there:
        found = [len(lines_of("netlink", sock)), len(lines_of("netlink", there))]

        assert observe("another_and_own", found) == [0, 1]


@claim(
    "defacto/proc-net-netlink/memory",
    says="In /proc/net/netlink Rmem is the memory of what waits to be received, as SO_MEMINFO tells it, 0 "
    "before anything does.",
    since="2.6.12",
    commit=OLD,
)
def test_netlink_shows_what_waits(ns, observe):
    with bound(port=PORT) as sock, bound() as sender:
        before = cells_of("netlink", sock, "Rmem")
        sender.sendto(b"hello", Netlink(PORT, 0))
        waits = int(cells_of("netlink", sock, "Rmem")[0])

        assert observe("before_more_same", [before, waits > 0, waits == sock.meminfo.rmem_alloc]) == [
            ["0"],
            True,
            True,
        ]


@claim(
    "defacto/proc-net-netlink/dump",
    says="In /proc/net/netlink Dump is 1 of a socket of NETLINK_ROUTE while a dump of a thousand addresses "
    "is not received to its end, and 0 before and after.",
    since="2.6.12",
    commit=OLD,
    survives=ONE_LESS,
)
def test_netlink_shows_a_dump(ns, observe):
    with bound(0) as sock, netlink_socket() as changer:
        add_addresses(changer, MANY)
        found = cells_of("netlink", sock, "Dump")
        sock.send(get_addresses())
        found += cells_of("netlink", sock, "Dump")
        drained(sock)

        assert observe("before_during_after", found + cells_of("netlink", sock, "Dump")) == ["0", "1", "0"]


@claim(
    "defacto/proc-net-netlink/drops",
    says="In /proc/net/netlink Drops of a member of RTNLGRP_IPV4_IFADDR counts the events for which its "
    "receive buffer had no room: with those that it receives they are the twenty addresses that were added.",
    since="2.6.30",
    commit="38938bfe3489",
)
def test_netlink_shows_what_was_dropped(ns, observe):
    with bound(0, groups=word(RTNLGRP_IPV4_IFADDR)) as sock, netlink_socket() as changer:
        sock.rcvbuf = 0
        sock.set(NETLINK_NO_ENOBUFS, True)
        before = cells_of("netlink", sock, "Drops")
        add_addresses(changer, FEW)
        dropped = int(cells_of("netlink", sock, "Drops")[0])
        received = len(drained(sock))

        found = [before, dropped > 0, dropped + received]
        assert observe("before_some_all", found) == [["0"], True, FEW]


@claim(
    "defacto/NETLINK_SOCK_DIAG/netlink-row",
    says="A dump of AF_NETLINK by NETLINK_SOCK_DIAG has a row with the family, type, protocol, port id and "
    "inode of a socket of NETLINK_USERSOCK, in the state 7, and once it is connected 1, and the port id and "
    "the lowest group that it is connected to.",
    since="3.10",
    commit=DIAG,
    needs=[NETLINK_DIAG],
    survives=ASKER,
)
@pytest.mark.parametrize("type_", [socket.SOCK_RAW, socket.SOCK_DGRAM], ids=["raw", "dgram"])
def test_a_netlink_socket_has_a_row(ns, observe, type_):
    with netlink_socket(NETLINK_USERSOCK, type=type_) as sock:
        sock.bind(Netlink(PORT, 0))
        before = [one[:7] for one in netlink_row(sock)]
        sock.connect(Netlink(PEER, 0b1100))
        after = [one[:7] for one in netlink_row(sock)]

        own = [int(socket.AF_NETLINK), int(type_), NETLINK_USERSOCK]
        assert observe("before_and_connected", [list(one) for one in before + after]) == [
            [*own, 7, PORT, 0, 0],
            [*own, 1, PORT, PEER, 3],
        ]


@claim(
    "defacto/NETLINK_SOCK_DIAG/netlink-protocol",
    says="A dump of AF_NETLINK by NETLINK_SOCK_DIAG lists the sockets of the protocol that it is asked for, "
    "of 255 those of all.",
    since="3.10",
    commit=DIAG,
    needs=[NETLINK_DIAG],
)
def test_netlink_sockets_are_listed_by_protocol(ns, observe):
    with bound() as user, bound(0) as route:
        numbers = [inode_of(user), inode_of(route)]
        found = [
            [one.inode in numbers for one in netlink_rows(protocol) if one.inode in numbers]
            for protocol in (NETLINK_USERSOCK, NETLINK_SOCK_DIAG, ALL_PROTOCOLS)
        ]
        ours = [len(netlink_row(user, protocol=NETLINK_USERSOCK)), len(netlink_row(route, protocol=0))]

        assert observe("user_diag_all_ours", [*map(len, found), ours]) == [1, 0, 2, [1, 1]]


@claim(
    "defacto/NETLINK_SOCK_DIAG/netlink-refused",
    says="A request of NETLINK_SOCK_DIAG for AF_NETLINK without NLM_F_DUMP fails with EOPNOTSUPP, one that "
    "lacks the last byte of struct netlink_diag_req with EINVAL, and a dump of the protocol 32 ends with "
    "NLMSG_DONE and ENOENT; that of 31 without an error.",
    since="3.10",
    commit=DIAG,
    needs=[NETLINK_DIAG],
)
@pytest.mark.parametrize(
    ("wrong", "end", "error"),
    [
        ({"flags": REQUEST}, NLMSG_ERROR, errno.EOPNOTSUPP),
        ({"cut": 1}, NLMSG_ERROR, errno.EINVAL),
        ({"protocol": 32}, NLMSG_DONE, errno.ENOENT),
    ],
    ids=["no-dump", "short", "protocol"],
)
def test_a_wrong_request_for_netlink_sockets_is_refused(ns, observe, wrong, end, error):
    given = {"protocol": 31, "flags": REQUEST | DUMP}
    right = answer_to(diag_request(socket.AF_NETLINK, **given))

    found = [right, answer_to(diag_request(socket.AF_NETLINK, **{**given, **wrong}))]
    assert observe("right_and_wrong", found) == [[NLMSG_DONE, 0], [end, -error]]


@claim(
    "defacto/NETLINK_SOCK_DIAG/netlink-groups",
    says="With NDIAG_SHOW_GROUPS a dump of AF_NETLINK by NETLINK_SOCK_DIAG shows the groups of a socket of "
    "NETLINK_ROUTE as a mask in which 64 are a word of the machine, as NETLINK_LIST_MEMBERSHIPS gives them; "
    "none of a socket that never joined any, and none without it.",
    since="3.10",
    commit=DIAG,
    needs=[NETLINK_DIAG],
    survives=ASKER,
)
def test_groups_are_shown(ns, observe):
    with bound(0) as sock:
        never = [*netlink_row(sock, "groups")[0].shown]
        sock.set(NETLINK_ADD_MEMBERSHIP, 3)
        words = numbers_of(netlink_row(sock, "groups")[0].shown["groups"])
        unasked = [*netlink_row(sock)[0].shown]

        same = words[: len(memberships(sock))] == memberships(sock)
        assert observe("never_word_same_unasked", [never, words[0], same, unasked]) == [[], 4, True, []]


@claim(
    "defacto/NETLINK_SOCK_DIAG/netlink-meminfo",
    says="With NDIAG_SHOW_MEMINFO a dump of AF_NETLINK by NETLINK_SOCK_DIAG shows the memory of a socket as "
    "SO_MEMINFO gives it, and nothing without it.",
    since="3.10",
    commit=DIAG,
    needs=[NETLINK_DIAG],
    survives=ASKER,
)
def test_memory_is_shown(ns, observe):
    with bound(port=PORT) as sock, bound() as sender:
        sender.sendto(b"hello", Netlink(PORT, 0))
        shown = numbers_of(netlink_row(sock, "meminfo")[0].shown["meminfo"])
        meminfo = sock.meminfo

        found = [shown[0] > 0, shown[:4] == [*meminfo][:4], [*netlink_row(sock)[0].shown]]
        assert observe("some_same_unasked", found) == [True, True, []]


@claim(
    "defacto/NETLINK_SOCK_DIAG/netlink-flags",
    says="With NDIAG_SHOW_FLAGS a dump of AF_NETLINK by NETLINK_SOCK_DIAG shows the flag of each of "
    "NETLINK_PKTINFO, NETLINK_BROADCAST_ERROR, NETLINK_NO_ENOBUFS, NETLINK_LISTEN_ALL_NSID and "
    "NETLINK_CAP_ACK that a socket has set, and 0 where it has none.",
    since="4.8",
    commit="457c79e544da",
    needs=[NETLINK_DIAG],
    survives=ASKER,
)
@pytest.mark.parametrize(
    "option",
    [
        NETLINK_PKTINFO,
        NETLINK_BROADCAST_ERROR,
        NETLINK_NO_ENOBUFS,
        NETLINK_LISTEN_ALL_NSID,
        NETLINK_CAP_ACK,
    ],
    ids=lambda one: one.name,
)
def test_flags_are_shown(ns, observe, option):
    with bound() as sock:
        before = numbers_of(netlink_row(sock, "flags")[0].shown["flags"])
        sock.set(option, True)

        found = [before, numbers_of(netlink_row(sock, "flags")[0].shown["flags"])]
        assert observe("before_and_after", found) == [[0], [NDIAG_FLAGS[option.name]]]


@claim(
    "defacto/NETLINK_SOCK_DIAG/netlink-dump-running",
    says="With NDIAG_SHOW_FLAGS a dump of AF_NETLINK by NETLINK_SOCK_DIAG shows NDIAG_FLAG_CB_RUNNING of a "
    "socket of NETLINK_ROUTE with a dump that is not received to its end, and of no other.",
    since="4.8",
    commit="457c79e544da",
    needs=[NETLINK_DIAG],
    survives={**ASKER, **ONE_LESS},
)
def test_a_running_dump_is_shown(ns, observe):
    with bound(0) as sock, bound(0) as another, netlink_socket() as changer:
        add_addresses(changer, MANY)
        sock.send(get_addresses())
        during = [numbers_of(netlink_row(one, "flags")[0].shown["flags"]) for one in (sock, another)]
        drained(sock)

        found = [*during, numbers_of(netlink_row(sock, "flags")[0].shown["flags"])]
        assert observe("during_another_after", found) == [[NDIAG_FLAGS["dump"]], [0], [0]]


@claim(
    "defacto/NETLINK_SOCK_DIAG/netlink-unbound",
    says="A dump of AF_NETLINK by NETLINK_SOCK_DIAG does not list a socket of NETLINK_USERSOCK without a "
    "port id, but where it is a member of a group: then with the port id 0.",
    since="3.10",
    commit=DIAG,
    needs=[NETLINK_DIAG],
    survives=ASKER,
)
def test_a_member_without_a_port_has_a_row(ns, observe):
    with netlink_socket(NETLINK_USERSOCK) as sock:
        before = [one.port for one in netlink_row(sock)]
        sock.set(NETLINK_ADD_MEMBERSHIP, 3)

        assert observe("before_and_member", [before, [one.port for one in netlink_row(sock)]]) == [[], [0]]


@claim(
    "defacto/NETLINK_SOCK_DIAG/netlink-member-twice",
    says="A dump of AF_NETLINK by NETLINK_SOCK_DIAG lists a socket of NETLINK_USERSOCK twice that has a port "
    "id and is a member of a group; one that has left its groups once.",
    since="3.17",
    commit="e341694e3eb5",
    needs=[NETLINK_DIAG],
    survives=ASKER,
)
def test_a_member_with_a_port_has_two_rows(ns, observe):
    with bound(port=PORT, groups=4) as sock:
        member = [one.port for one in netlink_row(sock)]
        sock.set(NETLINK_DROP_MEMBERSHIP, 3)

        found = [member, [one.port for one in netlink_row(sock)]]
        assert observe("member_and_left", found) == [[PORT, PORT], [PORT]]


@claim(
    "defacto/NETLINK_SOCK_DIAG/netlink-namespace",
    says="A dump of AF_NETLINK by NETLINK_SOCK_DIAG lists sockets of the network namespace in which it is "
    "asked for, with a port id or as members of a group without one, and none of another.",
    since="3.10",
    commit=DIAG,
    needs=[NETLINK_DIAG],
)
@pytest.mark.parametrize("port", [True, False], ids=["port", "no-port"])
def test_netlink_sockets_of_another_namespace_have_no_row(ns, observe, port):
    with bound() if port else member() as sock:
        own = len(netlink_row(sock))
        with Namespace():
            there = len(netlink_row(sock))

        assert observe("own_and_another", [own, there]) == [1, 0]


@claim(
    "defacto/NETLINK_SOCK_DIAG/netlink-many-members",
    says="Where a dump of AF_NETLINK by NETLINK_SOCK_DIAG takes several datagrams each of 350 "
    "members of a group of NETLINK_USERSOCK that have no port id has one row.",
    since="3.10",
    commit=DIAG,
    needs=[NETLINK_DIAG],
)
def test_many_members_have_a_row_each(ns, observe):
    with ExitStack() as stack:
        sockets = [stack.enter_context(member()) for _ in range(SOCKETS)]
        datagrams = datagrams_of(diag_request(socket.AF_NETLINK, protocol=NETLINK_USERSOCK))
        listed = sorted(chain(*datagrams))

        found = [len(datagrams) > 1, len(listed), listed == inodes(sockets)]
        assert observe("several_count_all", found) == [True, SOCKETS, True]


@claim(
    "defacto/NETLINK_SOCK_DIAG/netlink-many-lost",
    says="Where a dump of AF_NETLINK by NETLINK_SOCK_DIAG takes several datagrams with rows a socket with a "
    "port id is missing for each of them but the last: the one for which there was no room.",
    since="4.12",
    commit="ad202074320c",
    needs=[NETLINK_DIAG],
)
def test_a_row_is_lost_between_datagrams(ns, observe):
    with ExitStack() as stack:
        sockets = [stack.enter_context(bound()) for _ in range(SOCKETS)]
        datagrams = datagrams_of(diag_request(socket.AF_NETLINK, protocol=NETLINK_USERSOCK))
        missing = set(inodes(sockets)) - set(chain(*datagrams))

        full = len([one for one in datagrams if one]) - 1
        found = [full > 0, len(missing) - full]
        assert observe("several_and_missing_beyond_one_each", found) == [True, 0]


def member() -> Socket:
    """A socket of NETLINK_USERSOCK that is a member of a group, and has no port id."""
    sock = netlink_socket(NETLINK_USERSOCK)
    sock.set(NETLINK_ADD_MEMBERSHIP, 3)
    return sock


@claim(
    "defacto/NETLINK_SOCK_DIAG/netlink-given-up",
    says="A socket of NETLINK_SOCK_DIAG can be closed while a dump of AF_NETLINK that takes several "
    "datagrams is not received to its end, and another with its port id begins a dump anew then.",
    since="3.10",
    commit=DIAG,
    needs=[NETLINK_DIAG],
)
def test_a_dump_is_given_up(ns, observe):
    request = diag_request(socket.AF_NETLINK, protocol=NETLINK_USERSOCK)
    with ExitStack() as stack:
        sockets = [stack.enter_context(bound()) for _ in range(SOCKETS)]
        with bound(NETLINK_SOCK_DIAG) as first:
            port = port_of(first)
            first.send(request)
            begun = len(receive(first))
        with bound(NETLINK_SOCK_DIAG, port=port) as second:
            same = port_of(second) == port
            second.send(request)
            again = drained(second)

        found = [0 < begun < len(sockets), same, len(again) > begun, again[-1].type]
        assert observe("part_same_more_end", found) == [True, True, True, NLMSG_DONE]
