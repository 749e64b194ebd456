"""Netlink sockets where documents are silent: what the kernel tells, refuses, drops, and lets others see."""

from __future__ import annotations

import errno
import socket
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import MPTCP, MPTCP_EVENTS, MQUEUE, NLMON, RED, VETH, initially, qdisc
from conformance.plugin.refusal import refused
from conformance.plugin.setups.message_queues import (
    REMOVED,
    WOKEN_UP,
    message_queue,
    put,
    tell,
    tell_nobody,
    told,
)
from conformance.plugin.setups.netlink import (
    ACK,
    ACK_TLVS,
    CREATE,
    DUMP,
    ECHO,
    EXCL,
    LOOPBACK,
    NETLINK_GENERIC,
    NETLINK_KOBJECT_UEVENT,
    NETLINK_USERSOCK,
    NEWLINK,
    NEWQDISC,
    NLMSG_DONE,
    NLMSG_ERROR,
    REQUEST,
    about,
    acknowledged,
    addresses_in,
    asked,
    bound,
    drained,
    dumped,
    fifo,
    framed,
    generic,
    generic_family,
    get_addresses,
    get_link,
    groups_of,
    netlink_socket,
    new_address,
    port_of,
    types,
    waiting,
    word,
)
from conformance.plugin.setups.netlink_policies import (
    BITFIELD32,
    FLAG,
    INDEX,
    LAST,
    LONGEST,
    MASK,
    NESTED,
    NUL_STRING,
    TYPE,
    U16,
    broken,
    end_of,
    group_of,
    policies,
    policy_request,
)
from conformance.plugin.setups.netlink_taps import ARPHRD_NETLINK, add_tap, tapping
from libsocket import (
    NETLINK_ADD_MEMBERSHIP,
    NETLINK_BROADCAST_ERROR,
    NETLINK_DROP_MEMBERSHIP,
    NETLINK_EXT_ACK,
    NETLINK_GET_STRICT_CHK,
    NETLINK_NO_ENOBUFS,
    NETLINK_PKTINFO,
    Filter,
    IpMreqn,
    Netlink,
    NetlinkGroup,
    Other,
    Socket,
)
from netns import Capability, Namespace, only
from netns.netlink import attributes, receive

OLD = "1da177e4c3f4"
RTNLGRP_TC, RTNLGRP_IPV4_MCADDR, RTM_NEWMULTICAST = 4, 37, 56
PORT = 4321
LARGE = 100_000
MANY = 1000
"""Addresses whose dump takes several datagrams."""
EVENTS = 20
"""Events for which the smallest receive buffer has no room."""
TCP_METRICS_DEL = 2
NONE = Filter.accept(0)
"""A program that takes nothing."""


def add_addresses(changer: Socket, count: int) -> None:
    """Give loopback so many addresses."""
    for one in range(count):
        changer.send(new_address(f"10.8.{one // 250}.{one % 250 + 1}", REQUEST | CREATE | EXCL))


def send_times(sock: Socket, data: bytes, count: int) -> None:
    """Send the same several times."""
    for _ in range(count):
        sock.send(data)


def add_links(ns: Namespace, pairs: int) -> list[str]:
    """Add pairs of interfaces; their names."""
    for one in range(pairs):
        ns.add_veth(f"left{one}", f"right{one}")
    return [f"{side}{one}" for side in ("left", "right") for one in range(pairs)]


@claim(
    "defacto/nl_groups/beyond-32",
    says="A message of NETLINK_ROUTE to a group above 32, RTNLGRP_IPV4_MCADDR, 37, comes from an address "
    "with no group in nl_groups; NETLINK_PKTINFO tells its number.",
    since="6.14",
    commit="2c2b61d2138f",
)
def test_no_bit_stands_for_a_group_above_32(ns, observe):
    with bound(0) as sock, Socket.udp() as member:
        sock.set(NETLINK_ADD_MEMBERSHIP, RTNLGRP_IPV4_MCADDR)
        sock.set(NETLINK_PKTINFO, True)
        member.ip_add_membership = IpMreqn("239.1.1.1", "127.0.0.1")
        message = sock.recv_message(1000)

        found = [
            int.from_bytes(message.data[4:6], sys.byteorder),
            message.address.groups,
            [int(one) for one in message.control if isinstance(one, NetlinkGroup)],
        ]
        assert observe("type_groups_number", found) == [RTM_NEWMULTICAST, 0, [RTNLGRP_IPV4_MCADDR]]


@claim(
    "defacto/NETLINK_GENERIC/group-left",
    says="A socket of NETLINK_GENERIC joins and leaves the group of nlctrl by number, 16, and its "
    "memberships tell so.",
    since="2.6.15",
    commit="482a8524f85a",
)
def test_a_generic_group_is_left(ns, observe):
    with bound(NETLINK_GENERIC) as sock:
        group = group_of(sock, "nlctrl", "notify")
        found = [groups_of(sock)]
        sock.set(NETLINK_ADD_MEMBERSHIP, group)
        found.append(groups_of(sock))
        sock.set(NETLINK_DROP_MEMBERSHIP, group)

        assert observe("before_joined_left", [*found, groups_of(sock)]) == [0, word(16), 0]


@claim(
    "defacto/NETLINK_GENERIC/group-privileged",
    says="The group of the events of mptcp_pm takes CAP_NET_ADMIN: joined by NETLINK_ADD_MEMBERSHIP, or by "
    "bind(2) beside all below it, it is refused with EPERM, and a socket of NETLINK_GENERIC has no group "
    "then.",
    since="5.12",
    commit="4d54cc32112d",
    needs=[MPTCP, MPTCP_EVENTS, Capability.NET_ADMIN],
)
def test_a_generic_group_takes_a_capability(ns, observe):
    with netlink_socket(NETLINK_GENERIC) as sock:
        group = group_of(sock, "mptcp_pm", "mptcp_pm_events")
        port, below = port_of(sock), 2 * word(group) - 1
        with only(), refused(errno.EPERM):
            sock.set(NETLINK_ADD_MEMBERSHIP, group)
        with only(), refused(errno.EPERM, "errno_of_bind"):
            sock.bind(Netlink(port, below))
        found = [groups_of(sock)]
        sock.bind(Netlink(port, below))

        assert observe("refused_and_bound", [*found, groups_of(sock) == below]) == [0, True]


@claim(
    "defacto/connect/netlink-privilege",
    says="connect(2) of a socket of NETLINK_ROUTE to the port id of another, or to a group, takes "
    "CAP_NET_ADMIN: without it it fails with EPERM; to the kernel it does not.",
    since="2.6.12",
    commit=OLD,
    needs=[Capability.NET_ADMIN],
)
@pytest.mark.parametrize("address", [Netlink(PORT, 0), Netlink(0, 1)], ids=["port", "group"])
def test_connecting_takes_a_capability(ns, observe, address):
    with netlink_socket() as sock:
        with only(), refused(errno.EPERM):
            sock.connect(address)
        with only():
            sock.connect(Netlink(0, 0))
        before = [port_of(sock) > 0, *sock.getpeername()]
        sock.connect(address)

        found = [before, list(sock.getpeername())]
        assert observe("before_and_after", found) == [[True, 0, 0], list(address)]


@claim(
    "defacto/sendto/netlink-address",
    says="sendto(2) by a socket of NETLINK_ROUTE to an address of eleven bytes, one fewer than a struct "
    "sockaddr_nl has, or of the family AF_INET, fails with EINVAL; to the kernel's a request is answered.",
    since="2.6.12",
    commit=OLD,
)
@pytest.mark.parametrize(
    "address",
    [Other(socket.AF_NETLINK, bytes(9)), Other(socket.AF_INET, bytes(10))],
    ids=["short", "family"],
)
def test_a_wrong_address_is_refused(ns, observe, address):
    with netlink_socket() as sock:
        with refused(errno.EINVAL):
            sock.sendto(get_link(), address)
        sock.sendto(get_link(), Netlink(0, 0))

        assert observe("answer", types(receive(sock))) == [NEWLINK]


@claim(
    "defacto/SO_ATTACH_FILTER/netlink-unicast",
    says="What the filter of a socket of NETLINK_USERSOCK does not take is dropped: sendto(2) to its port id "
    "returns as if it were sent, and neither has an error; without the filter it is received.",
    since="2.6.12",
    commit=OLD,
    survives={"no-op: sendto(*x64*x72*x6f*": "that it is dropped is what it says"},
)
def test_what_a_filter_drops_is_sent(ns, observe):
    with bound(port=PORT) as sock, bound() as sender:
        sock.attach_filter = NONE
        sent = sender.sendto(b"dropped", Netlink(PORT, 0))
        errors = [sender.error, sock.error]
        sock.detach_filter = 0
        sender.sendto(b"taken", Netlink(PORT, 0))

        assert observe("sent_errors_received", [sent, errors, waiting(sock)]) == [7, [0, 0], ["taken"]]


@claim(
    "defacto/SO_ATTACH_FILTER/netlink-dump",
    says="A dump of addresses by NETLINK_ROUTE whose first datagram a filter drops goes on for ever: the "
    "next, without the filter, fails with EBUSY. One that ends with its first datagram, as it is refused, is "
    "over: the next is received.",
    since="4.20",
    commit="4a19edb60d02",
    survives={
        "no-op: setsockopt(*GET_STRICT_CHK*": "the dump that goes on is not refused without it either",
        "no-op: sendto(*nlmsg_type=0x12*": "that it is over is what it says",
    },
)
@pytest.mark.parametrize(
    ("request_", "error"),
    [(get_addresses(), -errno.EBUSY), (get_link(REQUEST | DUMP), 0)],
    ids=["goes-on", "refused"],
)
def test_a_dump_is_dropped(ns, observe, request_, error):
    with netlink_socket() as sock:
        sock.set(NETLINK_GET_STRICT_CHK, True)
        sock.attach_filter = NONE
        sock.send(request_)
        dropped = len(drained(sock))
        sock.detach_filter = 0
        last = dumped(sock, get_addresses())[-1]

        told_ = int.from_bytes(last.body[:4], sys.byteorder, signed=True)
        assert observe("dropped_and_next", [dropped, told_]) == [0, error]


@claim(
    "defacto/NETLINK_ROUTE/answers-dropped",
    says="Answers to a socket of NETLINK_ROUTE for which its receive buffer has no room, the last of twenty, "
    "are dropped, and the next receive fails with ENOBUFS.",
    since="2.6.12",
    commit=OLD,
    survives={"no-op: sendto(*nlmsg_type=0x12*": "an answer fewer leaves as little room"},
)
def test_answers_find_no_room(ns, observe):
    with netlink_socket() as sock:
        sock.rcvbuf = 0
        send_times(sock, get_link(), EVENTS)
        with refused(errno.ENOBUFS):
            sock.recv(4096)
        received = len(drained(sock))

        assert observe("some_but_not_all", [received > 0, received < EVENTS]) == [True, True]


@claim(
    "defacto/NETLINK_ROUTE/dump-waits",
    says="A dump of addresses by NETLINK_ROUTE that is asked for while the receive buffer is full begins "
    "once what waits there is received.",
    since="2.6.12",
    commit=OLD,
    survives={"no-op: sendto(*nlmsg_type=0x12*": "an answer fewer leaves as little room"},
)
def test_a_dump_waits_for_room(ns, observe):
    with netlink_socket() as sock, netlink_socket() as changer:
        add_addresses(changer, 1)
        sock.set(NETLINK_NO_ENOBUFS, True)
        sock.rcvbuf = 0
        send_times(sock, get_link(), EVENTS)
        sock.send(get_addresses())
        found = drained(sock)

        full = types(found).count(NEWLINK) < EVENTS
        seen = [full, found[0].type, addresses_in(found), found[-1].type]
        assert observe("full_first_addresses_last", seen) == [
            True,
            NEWLINK,
            ["127.0.0.1", "10.8.0.1"],
            NLMSG_DONE,
        ]


@claim(
    "defacto/NETLINK_ROUTE/links-in-datagrams",
    says="A dump of ten interfaces by NETLINK_ROUTE takes several datagrams, has one message of each, and "
    "ends with NLMSG_DONE and no error.",
    since="2.6.12",
    commit=OLD,
    needs=[VETH],
)
def test_links_are_dumped_in_datagrams(ns, observe):
    known = add_links(ns, 5)
    with netlink_socket() as sock:
        first = asked(sock, get_link(REQUEST | DUMP, index=0))
        rest = drained(sock)

    listed = about([one for one in first + rest if one.type == NEWLINK], *known)
    found = [NLMSG_DONE in types(first), len(listed), rest[-1].type, rest[-1].body[:4].hex()]
    assert observe("ended_at_once_links_end", found) == [False, 10, NLMSG_DONE, "00000000"]


@claim(
    "defacto/NETLINK_EXT_ACK/dump",
    says="With NETLINK_EXT_ACK and NETLINK_GET_STRICT_CHK a dump of interfaces by NETLINK_ROUTE that names "
    "one ends with NLMSG_DONE, EINVAL, and in words why, which NLM_F_ACK_TLVS says; without NETLINK_EXT_ACK "
    "in none.",
    since="4.20",
    commit="4a19edb60d02",
    survives={"no-op: setsockopt(*NETLINK_EXT_ACK, ?0?*": "it is off at first"},
)
@pytest.mark.parametrize("told_", [False, True])
def test_a_dump_is_refused_in_words(ns, observe, told_):
    with netlink_socket() as sock:
        sock.set(NETLINK_GET_STRICT_CHK, True)
        sock.set(NETLINK_EXT_ACK, told_)
        last = dumped(sock, get_link(REQUEST | DUMP))[-1]

    error = int.from_bytes(last.body[:4], sys.byteorder, signed=True)
    words = [kind for kind, value in attributes(last.body[4:]) if len(value) > 10]
    found = [last.type, error, bool(last.flags & ACK_TLVS), words]
    assert observe("end", found) == [NLMSG_DONE, -errno.EINVAL, told_, [1] * told_]


@claim(
    "defacto/NETLINK_BROADCAST_ERROR/process",
    says="What a process sends to a group of NETLINK_USERSOCK of which a member with NETLINK_BROADCAST_ERROR "
    "has no room is sent all the same: sendto(2) has no error, the member has ENOBUFS.",
    since="2.6.30",
    commit="be0c22a46cfb",
    survives={
        "no-op: sendto(*": "a message fewer leaves as little room",
        "no-op: setsockopt(*BROADCAST_ERROR*": "that it changes nothing is what it says",
    },
)
def test_a_process_is_not_told(ns, observe):
    with bound(groups=4) as member, bound(groups=4) as sender:
        member.set(NETLINK_BROADCAST_ERROR, True)
        member.rcvbuf = 0
        sent = {sender.sendto(bytes(1000), Netlink(port_of(sender), 4)) for _ in range(EVENTS)}
        with refused(errno.ENOBUFS):
            member.recv(1)
        received = len(member.recv(2000))

        assert observe("sent_and_received", [[*sent], received]) == [[1000], 1000]


@claim(
    "defacto/NLM_F_ECHO/queueing-discipline",
    says="With NLM_F_ECHO a queueing discipline that a socket of NETLINK_ROUTE adds is told to it and to a "
    "member of RTNLGRP_TC; without it to the member alone.",
    since="2.6.12",
    commit=OLD,
    needs=[Capability.NET_ADMIN, qdisc("pfifo")],
)
@pytest.mark.parametrize(("echo", "own"), [(0, []), (ECHO, [NEWQDISC])], ids=["without", "with"])
def test_a_discipline_is_told(ns, observe, echo, own):
    wanted = fifo(LOOPBACK)
    request = framed(NEWQDISC, REQUEST | ACK | CREATE | EXCL | echo, wanted.head + wanted.attributes)
    with bound(0, groups=word(RTNLGRP_TC)) as member, netlink_socket() as sock:
        sock.send(request)
        answers = [one for one in types(drained(sock)) if one in {NEWQDISC, NLMSG_ERROR}]
        heard = types(drained(member)).count(NEWQDISC)

        assert observe("own_and_member", [sorted(answers), heard]) == [[NLMSG_ERROR, *own], 1]


@claim(
    "defacto/NETLINK_USERSOCK/five-megabytes",
    says="A socket of NETLINK_USERSOCK sends five megabytes in one datagram where SO_SNDBUF is large enough, "
    "and another whose receive buffer is empty receives them whole, however small that is.",
    since="3.11",
    commit="c05cdb1b864f",
    needs=[initially(Capability.NET_ADMIN)],
    survives={"no-op: setsockopt(*SO_RCVBUF*": "the default is too small as well"},
)
def test_a_large_message_is_whole(ns, observe):
    data = bytes(range(256)) * (5 * 2**20 // 256)
    with bound(port=PORT) as sock, bound() as sender:
        sender.sndbufforce = 2**23
        sock.rcvbuf = 0
        sent = sender.sendto(data, Netlink(PORT, 0))
        received = sock.recv(len(data) + 1)

        assert observe("sent_and_same", [sent, received == data]) == [5 * 2**20, True]


@claim(
    "defacto/NETLINK_GENERIC/admin-permission",
    says="A command of generic netlink that is the administrator's, TCP_METRICS_CMD_DEL, takes CAP_NET_ADMIN "
    "in the initial user namespace: without it the answer is EPERM, and with it none.",
    since="3.15",
    commit="90f62cf30a78",
    needs=[initially(Capability.NET_ADMIN)],
)
def test_a_command_takes_a_capability(ns, observe):
    with only(), netlink_socket(NETLINK_GENERIC) as sock:
        request = generic(generic_family(sock, "tcp_metrics"), TCP_METRICS_DEL, flags=REQUEST | ACK)
        without = acknowledged(sock, request).error
    with netlink_socket(NETLINK_GENERIC) as sock:
        assert observe("without_and_with", [without, acknowledged(sock, request).error]) == [-errno.EPERM, 0]


@claim(
    "defacto/nlmon/seen",
    says="On an interface of the kind nlmon a packet socket sees a request to NETLINK_ROUTE and the answer, "
    "with the family, 0, as sll_protocol and ARPHRD_NETLINK as sll_hatype.",
    since="3.11",
    commit="bcbde0d449ed",
    needs=[NLMON, Capability.NET_RAW, Capability.NET_ADMIN],
)
def test_netlink_messages_are_seen(ns, observe):
    index = add_tap("tap")
    ns.set_link("tap", up=True)
    request = get_link(sequence=77)
    with netlink_socket() as sock, tapping(index) as tap:
        (answer,) = asked(sock, request)
        seen = [tap.recv_message(70_000) for _ in range(2)]

    found = [
        seen[0].data == request,
        int.from_bytes(seen[1].data[4:6], sys.byteorder) == answer.type,
        [[one.address.protocol, one.address.hatype] for one in seen],
    ]
    assert observe("request_answer_addresses", found) == [True, True, [[0, ARPHRD_NETLINK]] * 2]


@claim(
    "defacto/nlmon/families",
    says="On an interface of the kind nlmon messages of NETLINK_USERSOCK are seen, and none of a family that "
    "is not for all to see, NETLINK_KOBJECT_UEVENT.",
    since="3.12",
    commit="5ffd5cddd4d3",
    needs=[NLMON, Capability.NET_RAW, Capability.NET_ADMIN],
)
def test_some_families_are_seen(ns, observe):
    index = add_tap("tap")
    ns.set_link("tap", up=True)
    with bound(port=PORT) as user, bound(NETLINK_KOBJECT_UEVENT, port=PORT) as uevents, tapping(index) as tap:
        with netlink_socket(NETLINK_KOBJECT_UEVENT) as hidden, bound() as sender:
            hidden.sendto(b"hidden", Netlink(PORT, 0))
            sender.sendto(b"seen", Netlink(PORT, 0))
        received = [uevents.recv(100).decode(), user.recv(100).decode()]
        seen = tap.recv_message(100)

        found = [received, seen.data.decode(), seen.address.protocol]
        assert observe("received_seen_family", found) == [["hidden", "seen"], "seen", NETLINK_USERSOCK]


@claim(
    "defacto/nlmon/large",
    says="On an interface of the kind nlmon a message of NETLINK_USERSOCK of 100,000 bytes is seen as it was "
    "sent, and not a byte more.",
    since="6.8",
    backports=("4.19.309", "5.4.271", "5.10.212", "5.15.151", "6.1.81", "6.6.21", "6.7.9"),
    commit="661779e1fcaf",
    needs=[NLMON, Capability.NET_RAW, Capability.NET_ADMIN],
)
def test_a_large_message_is_seen(ns, observe):
    index = add_tap("tap")
    ns.set_link("tap", up=True)
    data = bytes(range(250)) * (LARGE // 250)
    with bound(port=PORT) as user, bound() as sender, tapping(index) as tap:
        sender.sndbuf = LARGE
        sender.sendto(data, Netlink(PORT, 0))
        found = [sock.recv(2 * LARGE) for sock in (user, tap)]

        assert observe("size_and_same", [len(data), [one == data for one in found]]) == [LARGE, [True, True]]


@claim(
    "defacto/nlmon/down",
    says="When an interface of the kind nlmon is set down a packet socket that is bound to it has ENETDOWN "
    "and sees nothing more; set up again it sees the next message.",
    since="3.11",
    commit="e4fc408e0e99",
    needs=[NLMON, Capability.NET_RAW, Capability.NET_ADMIN],
)
def test_a_tap_is_set_down(ns, observe):
    index = add_tap("tap")
    ns.set_link("tap", up=True)
    with bound(port=PORT) as user, bound() as sender, tapping(index) as tap:
        ns.set_link("tap", up=False)
        error = tap.error
        sender.sendto(b"unseen", Netlink(PORT, 0))
        user.recv(100)
        ns.set_link("tap", up=True)
        sender.sendto(b"seen", Netlink(PORT, 0))
        seen = [one for one in iter(lambda: tap.recv(70_000), b"seen") if one == b"unseen"]

        assert observe("error_and_unseen", [error, len(seen)]) == [errno.ENETDOWN, 0]


@claim(
    "defacto/CTRL_CMD_GETPOLICY/attributes",
    sentence="netlink.h/NL_POLICY_TYPE_ATTR/dump",
    says="A dump of CTRL_CMD_GETPOLICY for nlctrl tells what its attributes are: CTRL_ATTR_FAMILY_ID of 16 "
    "bits, and CTRL_ATTR_FAMILY_NAME a string of at most 15 bytes and a zero byte.",
    since="5.7",
    commit="d07dcf9aadd6",
)
def test_a_policy_is_told(ns, observe):
    with netlink_socket(NETLINK_GENERIC) as sock:
        found = {one.attribute: one.says for one in policies(sock, policy_request("nlctrl"))}

    told_ = [found[1][TYPE], found[2][TYPE], found[2][LONGEST]]
    assert observe("number_string_longest", told_) == [U16, NUL_STRING, 15]


@claim(
    "defacto/CTRL_CMD_GETPOLICY/refused",
    sentence="netlink.h/NL_POLICY_TYPE_ATTR/dump",
    says="CTRL_CMD_GETPOLICY is a dump: for a family that there is not it fails with ENOENT, and so for an "
    "operation that the family does not have, 250; without NLM_F_DUMP with EOPNOTSUPP.",
    since="5.10",
    commit="50a896cf2d6f",
)
@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (policy_request("nowhere"), errno.ENOENT),
        (policy_request("nlctrl", operation=250), errno.ENOENT),
        (policy_request("nlctrl", flags=REQUEST | ACK), errno.EOPNOTSUPP),
    ],
    ids=["family", "operation", "no-dump"],
)
def test_a_policy_is_refused(ns, observe, request_, error):
    with netlink_socket(NETLINK_GENERIC) as sock:
        found = [end_of(sock, request_), end_of(sock, policy_request("nlctrl"))]

    assert observe("wrong_and_right", found) == [[NLMSG_ERROR, -error], [NLMSG_DONE, 0]]


@claim(
    "defacto/CTRL_CMD_GETPOLICY/nested",
    says="A dump of CTRL_CMD_GETPOLICY for ethtool names, for an attribute that has others in it, another of "
    "its policies, which it tells too, with the attributes up to the last that it names.",
    since="5.10",
    commit="50a896cf2d6f",
)
def test_policies_are_nested(ns, observe):
    with netlink_socket(NETLINK_GENERIC) as sock:
        found = policies(sock, policy_request("ethtool"))

    nested = [one for one in found if one.says[TYPE] == NESTED and INDEX in one.says]
    named = {one.says[INDEX]: one.says[LAST] for one in nested}
    told_ = {index: [one.attribute for one in found if one.policy == index] for index in named}
    beyond = [index for index, last in named.items() if not told_[index] or max(told_[index]) > last]
    assert observe("some_and_untold", [len(nested) > 1, beyond]) == [True, []]


@claim(
    "defacto/CTRL_CMD_GETPOLICY/given-up",
    says="A socket of NETLINK_GENERIC can be closed while a dump of CTRL_CMD_GETPOLICY for ethtool, of "
    "several datagrams, is not received to its end; another has it whole.",
    since="5.10",
    commit="a95bc734e604",
)
def test_a_dump_of_policies_is_given_up(ns, observe):
    request = policy_request("ethtool")
    with netlink_socket(NETLINK_GENERIC) as first:
        begun = types(asked(first, request))
    with netlink_socket(NETLINK_GENERIC) as second:
        whole = types(dumped(second, request))

    found = [NLMSG_DONE in begun, len(whole) > len(begun), whole[-1]]
    assert observe("ended_more_end", found) == [False, True, NLMSG_DONE]


@claim(
    "defacto/NLMSGERR_ATTR_POLICY/flag",
    says="NLMSGERR_ATTR_POLICY says of NHA_BLACKHOLE, to which a request to NETLINK_ROUTE gives a byte, that "
    "it is a flag: ERANGE.",
    since="5.10",
    commit="44f3625bc616",
)
def test_a_flag_has_no_bytes(ns, observe):
    answer = broken("flag")

    assert observe("error_and_policy", [answer.error, answer.policy.get(TYPE)]) == [-errno.ERANGE, FLAG]


@claim(
    "defacto/NLMSGERR_ATTR_POLICY/bitfield",
    says="NLMSGERR_ATTR_POLICY says of TCA_ROOT_FLAGS, of which a request to NETLINK_ROUTE sets all bits, "
    "that it is a bitfield, and which bits there are: EINVAL.",
    since="5.10",
    commit="44f3625bc616",
    needs=[Capability.NET_ADMIN, RED],
)
def test_a_bitfield_has_bits(ns, observe):
    answer = broken("bitfield")

    found = [answer.error, answer.policy.get(TYPE), MASK in answer.policy]
    assert observe("error_type_mask", found) == [-errno.EINVAL, BITFIELD32, True]


@claim(
    "defacto/NLMSGERR_ATTR_POLICY/length-only",
    says="There is no NLMSGERR_ATTR_POLICY where a policy says only how long an attribute is: IFA_CACHEINFO "
    "of a byte is refused by NETLINK_ROUTE with ERANGE, in words and with its offset.",
    since="5.10",
    commit="44f3625bc616",
    needs=[Capability.NET_ADMIN],
)
def test_a_length_is_no_policy(ns, observe):
    answer = broken("length")

    found = [answer.error, bool(answer.text), answer.number("offset"), "policy" in answer.attributes]
    assert observe("error_words_offset_policy", found) == [-errno.ERANGE, True, 32, False]


@claim(
    "defacto/mq_notify/netlink",
    says="mq_notify(2) with SIGEV_THREAD tells a netlink socket whose descriptor is in sigev_signo that a "
    "message came to the empty queue: with the 32 bytes that were given, of which the last is 1.",
    since="2.6.12",
    commit=OLD,
    needs=[MQUEUE],
)
def test_a_message_is_told(ns, observe):
    with message_queue() as queue, netlink_socket() as sock:
        tell(queue, sock.fileno())
        before = len(waiting(sock))
        put(queue)

        assert observe("before_and_told", [before, told(sock)]) == [0, [True, 32, WOKEN_UP]]


@claim(
    "defacto/mq_notify/netlink-removed",
    says="A netlink socket that mq_notify(2) with SIGEV_THREAD was to tell is told with 2 in the last byte "
    "that the wish was taken back, and of no message then.",
    since="2.6.12",
    commit=OLD,
    needs=[MQUEUE],
)
def test_a_wish_is_taken_back(ns, observe):
    with message_queue() as queue, netlink_socket() as sock:
        tell(queue, sock.fileno())
        tell_nobody(queue)
        found = told(sock)
        put(queue)

        assert observe("told_and_later", [found, waiting(sock)]) == [[True, 32, REMOVED], []]


@claim(
    "defacto/mq_notify/netlink-refused",
    says="mq_notify(2) with SIGEV_THREAD fails with EBADF for a descriptor that is not open, with ENOTSOCK "
    "for one of a file and with EINVAL for a UDP socket; for a netlink socket it succeeds, a second time "
    "with EBUSY, and of what is no queue with EBADF.",
    since="2.6.12",
    commit=OLD,
    needs=[MQUEUE],
)
def test_who_is_told_is_a_netlink_socket(ns, observe):
    with message_queue() as queue, netlink_socket() as sock, Socket.udp() as other:
        with refused(errno.EBADF, "errno_closed"):
            tell(queue, 1_000_000)
        with refused(errno.ENOTSOCK, "errno_file"):
            tell(queue, queue)
        with refused(errno.EINVAL, "errno_udp"):
            tell(queue, other.fileno())
        with refused(errno.EBADF, "errno_no_queue"):
            tell(other.fileno(), sock.fileno())
        tell(queue, sock.fileno())
        with refused(errno.EBUSY, "errno_second"):
            tell(queue, sock.fileno())
        put(queue)

        assert observe("told", told(sock)) == [True, 32, WOKEN_UP]
