"""Netlink sockets, of which the page says less than there is: ports, groups, sending and receiving."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ANOTHER_USER, NOBODY, initially
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.netlink import (
    ACK,
    CREATE,
    DUMP,
    ECHO,
    GROUPS,
    MAX_LINKS,
    NETLINK_GENERIC,
    NETLINK_USERSOCK,
    NEWLINK,
    NEWROUTE,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSG_NOOP,
    REQUEST,
    RTNLGRP_IPV4_IFADDR,
    RTNLGRP_IPV4_ROUTE,
    RTNLGRP_LINK,
    about,
    acknowledged,
    addresses_in,
    bound,
    drained,
    framed,
    get_link,
    groups_of,
    memberships,
    mtu_of,
    multicast,
    netlink_socket,
    new_address,
    new_route,
    parsed,
    port_of,
    set_mtu,
    types,
    waiting,
    word,
)
from libsocket import (
    NETLINK_ADD_MEMBERSHIP,
    NETLINK_DROP_MEMBERSHIP,
    SOL_NETLINK,
    UNSPEC,
    MessageFlag,
    Netlink,
    Other,
    Socket,
    Ucred,
)
from netns import Capability, Namespace, as_user, in_child, only

OLD = "1da177e4c3f4"
RTNLGRP_NOTIFY = 2
ADD = REQUEST | ACK | CREATE


@claim(
    "defacto/AF_NETLINK/other-types",
    says="A netlink socket of the type SOCK_STREAM, SOCK_SEQPACKET or SOCK_RDM cannot be made, one of "
    "SOCK_RAW can: ESOCKTNOSUPPORT.",
    since="2.6.12",
    commit=OLD,
)
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_RDM])
def test_other_types_are_refused(ns, observe, kind):
    with refused(errno.ESOCKTNOSUPPORT):
        netlink_socket(type=kind)

    with netlink_socket() as sock:
        assert observe("type", sock.so_type) == socket.SOCK_RAW


@claim(
    "defacto/AF_NETLINK/families",
    says="A netlink socket of a family below 0 or beyond 31 cannot be made, one of NETLINK_ROUTE can: "
    "EPROTONOSUPPORT.",
    since="2.6.12",
    commit=OLD,
)
@pytest.mark.parametrize("family", [MAX_LINKS, MAX_LINKS + 1, -2])
def test_there_is_no_family_beyond_the_last(ns, observe, family):
    with refused(errno.EPROTONOSUPPORT):
        netlink_socket(family)

    with netlink_socket() as sock:
        assert observe("family", sock.protocol) == socket.NETLINK_ROUTE


@claim(
    "defacto/AF_NETLINK/no-streams",
    says="listen(2) and accept(2) on a bound netlink socket fail, on which sendto(2) does not: EOPNOTSUPP.",
    since="2.6.12",
    commit=OLD,
)
def test_netlink_sockets_do_not_listen(ns, observe):
    with bound() as sock:
        with refused(errno.EOPNOTSUPP):
            sock.listen()
        with refused(errno.EOPNOTSUPP, "errno_of_accept"):
            sock.accept()

        sock.sendto(b"data", Netlink(port_of(sock)))

        assert observe("received", waiting(sock)) == ["data"]


@claim(
    "defacto/AF_NETLINK/no-shutdown",
    says="shutdown(2) of a bound netlink socket fails with EOPNOTSUPP, and it goes on receiving.",
    since="2.6.12",
    commit=OLD,
)
@pytest.mark.parametrize("how", [socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR])
def test_netlink_sockets_are_not_shut_down(ns, observe, how):
    with bound() as sock:
        with refused(errno.EOPNOTSUPP):
            sock.shutdown(how)
        sock.sendto(b"data", Netlink(port_of(sock)))

        assert observe("received", waiting(sock)) == ["data"]


@claim(
    "defacto/AF_NETLINK/no-out-of-band",
    says="Sending with MSG_OOB by a netlink socket and receiving with it fail with EOPNOTSUPP; without it "
    "both go.",
    since="2.6.12",
    commit=OLD,
)
def test_there_is_no_out_of_band_data(ns, observe):
    with bound() as sock:
        address = Netlink(port_of(sock))
        with refused(errno.EOPNOTSUPP):
            sock.sendto(b"data", MessageFlag.OOB, address)
        sock.sendto(b"more", address)
        with refused(errno.EOPNOTSUPP, "errno_of_receiving"):
            sock.recv(99, MessageFlag.OOB)

        assert observe("received", waiting(sock)) == ["more"]


@claim(
    "defacto/nl_pid/autobind",
    says="A socket of NETLINK_ROUTE has the port id 0 at first, and one of its own, the process id where no "
    "other has it, once it sends or connects without having been bound.",
    since="2.6.12",
    commit=OLD,
)
@pytest.mark.parametrize("way", ["send", "connect"])
def test_a_port_is_given_by_sending_or_connecting(ns, observe, way):
    with netlink_socket() as sock:
        before = port_of(sock)
        {"send": lambda: sock.send(get_link()), "connect": lambda: sock.connect(Netlink(0))}[way]()

        assert observe("before_and_apart", [before, port_of(sock) - os.getpid()]) == [0, 0]


@claim(
    "defacto/nl_pid/beyond-processes",
    says="The port id that the kernel gives a netlink socket where the process id is taken is negative as an "
    "int: at least 2 to the 31st.",
    since="2.6.12",
    commit=OLD,
)
def test_a_later_port_is_beyond_process_ids(ns, observe):
    with bound() as first, bound() as second:
        seen = [port_of(first) - os.getpid(), port_of(second) >> 31]

        assert observe("first_apart_and_highest_bit", seen) == [0, 1]


@claim(
    "defacto/nl_pid/process-id-again",
    says="When the netlink socket that has the process id as its port id is closed, the next one that is "
    "bound to 0 has it.",
    since="2.6.12",
    commit=OLD,
)
def test_the_process_id_is_given_again(ns, observe):
    with bound() as first, bound() as second:
        first.close()
        with bound() as third:
            apart = [port_of(second) == os.getpid(), port_of(third) == os.getpid()]

            assert observe("have_process_id", apart) == [False, True]


@claim(
    "defacto/nl_pid/families-apart",
    says="Sockets of two netlink families can have the same port id, and what is sent to it is received in "
    "the sender's family alone.",
    since="2.6.12",
    commit=OLD,
)
def test_each_family_has_ports_of_its_own(ns, observe):
    with (
        bound(NETLINK_USERSOCK, port=77) as receiver,
        bound(NETLINK_GENERIC, port=77) as another,
        netlink_socket(NETLINK_USERSOCK) as sender,
    ):
        sender.sendto(b"data", Netlink(77))

        seen = [port_of(receiver), port_of(another), waiting(receiver), waiting(another)]
        assert observe("ports_and_received", seen) == [77, 77, ["data"], []]


@claim(
    "defacto/bind/again-to-another-port",
    says="A netlink socket that is bound cannot be bound to another port id, nor to 0: EINVAL; to its own it "
    "can, with other groups, which take the place of the former ones.",
    since="2.6.12",
    commit=OLD,
)
@pytest.mark.parametrize("port", [78, 0])
def test_a_socket_keeps_its_port_and_changes_its_groups(ns, observe, port):
    with bound(port=77, groups=0b11) as sock:
        with refused(errno.EINVAL):
            sock.bind(Netlink(port))
        before = [port_of(sock), groups_of(sock)]
        sock.bind(Netlink(77, 0b100))

        assert observe("before_and_after", [before, groups_of(sock)]) == [[77, 0b11], 0b100]


@claim(
    "defacto/bind/padding",
    says="bind(2) of a netlink socket does not look at nl_pad.",
    since="2.6.12",
    commit=OLD,
)
def test_the_padding_does_not_matter(ns, observe):
    with netlink_socket() as sock:
        sock.bind(Other(socket.AF_NETLINK, b"\7\7" + b"\4\4\4\4" + bytes(4)))

        assert observe("port", port_of(sock)) == 0x0404_0404


@claim(
    "defacto/bind/all-groups",
    says="A socket of NETLINK_USERSOCK can be bound to all 32 groups of the mask at once.",
    since="2.6.12",
    commit=OLD,
)
def test_all_bits_of_the_mask_are_taken(ns, observe):
    with bound(groups=0xFFFF_FFFF) as sock:
        assert observe("groups", groups_of(sock)) == 0xFFFF_FFFF


@claim(
    "defacto/connect/peer",
    says="getpeername(2) of a netlink socket gives the port id and the lowest group that it is connected to; "
    "before that, and after connect(2) to AF_UNSPEC, both are 0.",
    since="2.6.14",
    commit="d629b836d151",
)
def test_the_peer_is_told(ns, observe):
    with bound() as sock:
        seen = [list(sock.getpeername())]
        sock.connect(Netlink(77, 0b1100))
        seen.append(list(sock.getpeername()))
        sock.connect(UNSPEC)
        seen.append(list(sock.getpeername()))

        assert observe("peers", seen) == [[0, 0], [77, 0b100], [0, 0]]


@claim(
    "defacto/connect/from-another",
    says="To a socket of NETLINK_USERSOCK that is connected to one port id no other can send: ECONNREFUSED.",
    since="2.6.12",
    commit=OLD,
)
def test_a_connected_socket_receives_from_its_peer_alone(ns, observe):
    with bound() as receiver, bound() as peer, bound() as stranger:
        receiver.connect(Netlink(port_of(peer)))
        peer.sendto(b"from the peer", Netlink(port_of(receiver)))
        with refused(errno.ECONNREFUSED):
            stranger.sendto(b"from a stranger", Netlink(port_of(receiver)))

        assert observe("received", waiting(receiver)) == ["from the peer"]


@claim(
    "defacto/connect/groups-from-all",
    says="A socket of NETLINK_USERSOCK that is connected to one port id receives what another sends to a "
    "group that it is a member of, though what that one sends to its port id is refused: ECONNREFUSED.",
    since="2.6.12",
    commit=OLD,
)
def test_a_connected_socket_receives_of_its_groups_from_all(ns, observe):
    with bound(groups=1) as receiver, bound() as peer, bound() as stranger:
        receiver.connect(Netlink(port_of(peer)))
        with refused(errno.ECONNREFUSED):
            stranger.sendto(b"to its port", Netlink(port_of(receiver)))
        multicast(stranger, b"to its group", 1)

        assert observe("received", waiting(receiver)) == ["to its group"]


@claim(
    "defacto/sendto/nobody",
    says="To a port id of NETLINK_USERSOCK that no socket has, or that one had which is closed, nothing can "
    "be sent: ECONNREFUSED.",
    since="2.6.12",
    commit=OLD,
)
def test_sending_to_nobody_is_refused(ns, observe):
    with bound() as sender, bound(port=77) as receiver:
        sender.sendto(b"there", Netlink(77))
        received = waiting(receiver)
        with refused(errno.ECONNREFUSED, "errno_of_another"):
            sender.sendto(b"nowhere", Netlink(78))
        receiver.close()
        with refused(errno.ECONNREFUSED):
            sender.sendto(b"gone", Netlink(77))

        assert observe("received", received) == ["there"]


@claim(
    "defacto/sendto/group-refused-and-received",
    says="What is sent to a group of NETLINK_USERSOCK with an nl_pid of 0 is received there, though "
    "sendto(2) fails with ECONNREFUSED: it is sent to the kernel as well, which is not there.",
    since="2.6.12",
    commit=OLD,
)
def test_a_group_receives_what_is_refused(ns, observe):
    with bound() as sender, bound(groups=1) as member:
        with refused(errno.ECONNREFUSED):
            sender.sendto(b"data", Netlink(0, 1))

        assert observe("received", waiting(member)) == ["data"]


@claim(
    "defacto/sendto/group-and-kernel",
    says="A request that is sent to a group of NETLINK_ROUTE with an nl_pid of 0 is received there and "
    "carried out by the kernel.",
    since="2.6.12",
    commit=OLD,
)
def test_a_group_and_the_kernel_have_a_request(ns, observe):
    with netlink_socket() as sender, bound(0, groups=word(31)) as member:
        sender.sendto(set_mtu(1400), Netlink(0, word(31)))

        assert observe("received_and_mtu", [types(drained(member)), mtu_of(sender)]) == [[NEWLINK], 1400]


@claim(
    "defacto/nl_groups/not-to-the-sender",
    says="A socket of NETLINK_USERSOCK does not receive what it sends to a group that it is a member of.",
    since="2.6.12",
    commit=OLD,
)
def test_a_sender_does_not_hear_itself(ns, observe):
    with bound(groups=1) as sender, bound(groups=1) as member, bound() as other:
        sender.sendto(b"data", Netlink(port_of(other), 1))

        received = [groups_of(sender), *(waiting(one) for one in (sender, member, other))]
        assert observe("groups_sender_member_other", received) == [1, [], ["data"], ["data"]]


@claim(
    "defacto/nl_groups/once",
    says="A socket of NETLINK_USERSOCK to which sendto(2) sends by its port id and by a group that it is a "
    "member of has it once, and another member too.",
    since="2.6.12",
    commit=OLD,
)
def test_who_is_named_twice_has_it_once(ns, observe):
    with bound() as sender, bound(groups=1) as member, bound(groups=1) as other:
        sender.sendto(b"data", Netlink(port_of(member), 1))

        assert observe("named_and_other", [waiting(member), waiting(other)]) == [["data"], ["data"]]


@claim(
    "defacto/nl_groups/lowest",
    says="Of the groups in nl_groups that sendto(2) by a socket of NETLINK_USERSOCK names the lowest has the "
    "message, and no other.",
    since="2.6.14",
    commit="d629b836d151",
)
@pytest.mark.parametrize("other", [2, 31, 32])
def test_the_lowest_group_has_it(ns, observe, other):
    with bound() as sender, bound(groups=word(1)) as lowest, bound(groups=word(other)) as higher:
        multicast(sender, b"both", word(1) | word(other))
        multicast(sender, b"higher", word(other))

        assert observe("lowest_and_higher", [waiting(lowest), waiting(higher)]) == [["both"], ["higher"]]


@claim(
    "defacto/nl_groups/of-the-namespace",
    says="Groups of NETLINK_USERSOCK are each network namespace's own: what is sent in one is not received "
    "in another.",
    since="2.6.24",
    commit="b4b510290b05",
)
def test_each_namespace_has_groups_of_its_own(ns, observe):
    with (
        bound() as sender,
        bound(groups=1) as here,
        Namespace(),
        bound() as another,
        bound(groups=1) as there,
    ):
        multicast(sender, b"sent here", 1)
        multicast(another, b"sent there", 1)

        assert observe("here_and_there", [waiting(here), waiting(there)]) == [["sent here"], ["sent there"]]


@claim(
    "defacto/NETLINK_ADD_MEMBERSHIP/unbound",
    says="A socket of NETLINK_ROUTE that has joined RTNLGRP_LINK and is not bound is not told that an MTU "
    "changes: its port id, 0, is the kernel's own; once it is bound to any it is.",
    since="2.6.14",
    commit="9a4595bc7e67",
)
def test_an_unbound_member_hears_nothing_of_the_kernel(ns, observe):
    with netlink_socket() as member, netlink_socket() as changer:
        member.set(NETLINK_ADD_MEMBERSHIP, RTNLGRP_LINK)
        error = acknowledged(changer, set_mtu(1400, REQUEST | ACK)).error
        unbound = [error, groups_of(member), len(drained(member))]
        member.bind(Netlink(0, 1))
        changer.send(set_mtu(1500))

        heard = types(drained(member))[:1]
        assert observe("error_groups_unbound_bound", [*unbound, heard]) == [0, 1, 0, [NEWLINK]]


@claim(
    "defacto/NETLINK_ADD_MEMBERSHIP/unbound-echo",
    says="A socket of NETLINK_ROUTE that has joined RTNLGRP_LINK and RTNLGRP_IPV4_ROUTE and is not bound is "
    "told of a route that another adds with NLM_F_ECHO, though not of an MTU that changes.",
    since="2.6.14",
    commit="9a4595bc7e67",
)
def test_an_unbound_member_hears_what_is_echoed(ns, observe):
    with netlink_socket() as member, netlink_socket() as changer:
        member.set(NETLINK_ADD_MEMBERSHIP, RTNLGRP_LINK)
        member.set(NETLINK_ADD_MEMBERSHIP, RTNLGRP_IPV4_ROUTE)
        changer.send(set_mtu(1400) + new_route(CREATE | ECHO))

        heard = [port_of(member), groups_of(member), types(drained(member))]
        assert observe("port_groups_heard_mtu", [*heard, mtu_of(member)]) == [
            0,
            word(RTNLGRP_LINK) | word(RTNLGRP_IPV4_ROUTE),
            [NEWROUTE],
            1400,
        ]


@claim(
    "defacto/NETLINK_ADD_MEMBERSHIP/again",
    says="To join a group twice, or to leave one that was not joined, is no error: a socket of "
    "NETLINK_USERSOCK that joined twice and left once is no member.",
    since="2.6.14",
    commit="9a4595bc7e67",
    survives={
        "no-op: setsockopt(*NETLINK_ADD_MEMBERSHIP*": "of two joins one is enough",
        "no-op: setsockopt(*NETLINK_DROP_MEMBERSHIP*": "who has not joined has nothing to leave",
    },
)
def test_joining_twice_is_joining_once(ns, observe):
    with bound() as sock:
        sock.set(NETLINK_DROP_MEMBERSHIP, 3)
        sock.set(NETLINK_ADD_MEMBERSHIP, 3)
        sock.set(NETLINK_ADD_MEMBERSHIP, 3)
        joined = groups_of(sock)
        sock.set(NETLINK_DROP_MEMBERSHIP, 3)

        assert observe("joined_and_left", [joined, groups_of(sock)]) == [0b100, 0]


@claim(
    "defacto/NETLINK_ADD_MEMBERSHIP/bounds",
    says="Group 0 and those beyond the last of the family can neither be joined nor left, in "
    "NETLINK_USERSOCK 33 and more: EINVAL; the last, 32, can.",
    since="2.6.14",
    commit="9a4595bc7e67",
)
@pytest.mark.parametrize("group", [0, GROUPS + 1, 0x7FFF_FFFF, -1])
def test_groups_have_bounds(ns, observe, group):
    with bound() as sock:
        with refused(errno.EINVAL):
            sock.set(NETLINK_ADD_MEMBERSHIP, group)
        with refused(errno.EINVAL, "errno_of_leaving"):
            sock.set(NETLINK_DROP_MEMBERSHIP, group)
        sock.set(NETLINK_ADD_MEMBERSHIP, GROUPS)

        assert observe("groups", groups_of(sock)) == 0x8000_0000


@claim(
    "defacto/NETLINK_ADD_MEMBERSHIP/privilege",
    says="To join a group of NETLINK_USERSOCK takes CAP_NET_ADMIN, and so does leaving: EPERM; to join "
    "RTNLGRP_NOTIFY of NETLINK_ROUTE takes none.",
    since="2.6.14",
    commit="9a4595bc7e67",
    needs=[Capability.NET_ADMIN],
)
def test_joining_takes_a_capability(ns, observe):
    with bound(groups=0b1) as sock, bound(0) as route:
        with only():
            with refused(errno.EPERM):
                sock.set(NETLINK_ADD_MEMBERSHIP, 2)
            with refused(errno.EPERM, "errno_of_leaving"):
                sock.set(NETLINK_DROP_MEMBERSHIP, 1)
            route.set(NETLINK_ADD_MEMBERSHIP, RTNLGRP_NOTIFY)
        kept = groups_of(sock)
        sock.set(NETLINK_ADD_MEMBERSHIP, 2)

        assert observe("kept_joined_route", [kept, groups_of(sock), groups_of(route)]) == [0b1, 0b11, 0b10]


@claim(
    "defacto/NETLINK_LIST_MEMBERSHIPS/none",
    says="NETLINK_LIST_MEMBERSHIPS of a socket of NETLINK_USERSOCK that never joined a group gives nothing, "
    "and of one that left its only one a word of 0.",
    since="4.2",
    commit="b42be38b2778",
)
def test_without_groups_nothing_is_listed(ns, observe):
    with bound() as sock:
        before = memberships(sock)
        sock.set(NETLINK_ADD_MEMBERSHIP, 1)
        joined = memberships(sock)
        sock.set(NETLINK_DROP_MEMBERSHIP, 1)

        listed = [before, joined, memberships(sock)]
        assert observe("before_joined_left", listed) == [[], [1], [0]]


@claim(
    "defacto/SOL_NETLINK/unknown",
    says="An option that SOL_NETLINK does not have can neither be set nor read on a netlink socket: "
    "ENOPROTOOPT; nor can memberships be read by NETLINK_ADD_MEMBERSHIP, which sets them.",
    since="2.6.14",
    commit="9a4595bc7e67",
)
def test_unknown_options_are_refused(ns, observe):
    with bound() as sock:
        with refused(errno.ENOPROTOOPT):
            sock.setsockopt(SOL_NETLINK, 99, 1)
        with refused(errno.ENOPROTOOPT, "errno_of_reading"):
            sock.getsockopt(SOL_NETLINK, 99)
        sock.set(NETLINK_ADD_MEMBERSHIP, 1)
        with refused(errno.ENOPROTOOPT, "errno_of_memberships"):
            sock.getsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP.number)

        assert observe("groups", groups_of(sock)) == 1


@claim(
    "defacto/MSG_PEEK/netlink",
    says="With MSG_PEEK a netlink socket receives what stays in its queue, also with too little room for it.",
    since="2.6.12",
    commit=OLD,
)
def test_a_datagram_is_peeked_at(ns, observe):
    with bound() as sock:
        sock.sendto(b"long datagram", Netlink(port_of(sock)))
        peeked = [sock.recv(room, MessageFlag.PEEK).decode() for room in (99, 4)]

        assert observe("peeked_and_received", [peeked, waiting(sock)]) == [
            ["long datagram", "long"],
            ["long datagram"],
        ]


@claim(
    "defacto/sendto/other-process-privilege",
    says="Without CAP_NET_ADMIN nothing can be sent to another socket of NETLINK_ROUTE: EPERM; to the kernel "
    "it can.",
    since="3.6",
    backports=("3.2.30", "3.5.5"),
    commit="20e1db19db5d",
    needs=[Capability.NET_ADMIN],
)
def test_sending_to_another_socket_takes_a_capability(ns, observe):
    with bound(0) as receiver, bound(0) as sender:
        sender.sendto(framed(99), Netlink(port_of(receiver)))
        with only():
            with refused(errno.EPERM):
                sender.sendto(framed(98), Netlink(port_of(receiver)))
            sender.sendto(get_link(), Netlink(0))

        assert observe("receiver_and_sender", [types(drained(receiver)), types(drained(sender))]) == [
            [99],
            [NEWLINK],
        ]


@claim(
    "defacto/sendto/usersock-is-free",
    says="User 65534 can send to a group of NETLINK_USERSOCK and to another socket, and is received.",
    since="3.6",
    backports=("3.2.30", "3.5.5"),
    commit="20e1db19db5d",
    needs=[ANOTHER_USER],
)
def test_any_user_sends_in_usersock(ns, observe):
    with bound(groups=1) as member, bound() as sender:
        group, one = Netlink(port_of(sender), 1), Netlink(port_of(member))
        as_user(NOBODY, lambda: sender.sendto(b"to the group", group))
        as_user(NOBODY, lambda: sender.sendto(b"to one", one))

        assert observe("received", waiting(member)) == ["to the group", "to one"]


@claim(
    "defacto/NETLINK_ROUTE/change-privilege",
    sentence="capabilities.7/CAP_NET_ADMIN/interfaces",
    says="Without CAP_NET_ADMIN a request of NETLINK_ROUTE to change an interface is answered with EPERM, "
    "while one to read it is answered.",
    since="2.6.12",
    commit=OLD,
    needs=[Capability.NET_ADMIN],
)
def test_changes_take_a_capability(ns, observe):
    with netlink_socket() as sock:
        sock.send(set_mtu(1400))
        with only():
            error = acknowledged(sock, set_mtu(1500)).error
            read = mtu_of(sock)

        assert observe("error_and_mtu", [error, read]) == [-errno.EPERM, 1400]


@claim(
    "defacto/NETLINK_ROUTE/change-privilege-of-opener",
    says="A socket of NETLINK_ROUTE that was opened without CAP_NET_ADMIN cannot change an interface by "
    "send(2), though who sends has the capability: EPERM; by sendto(2) to nl_pid 0 it can.",
    since="3.15",
    backports=("3.12.23", "3.14.9"),
    commit="90f62cf30a78",
    needs=[Capability.NET_ADMIN],
)
def test_the_opener_needs_the_capability(ns, observe):
    with only():
        sock = netlink_socket()
    with sock:
        error = acknowledged(sock, set_mtu(1400)).error
        sock.sendto(set_mtu(1500, REQUEST | ACK), Netlink(0))
        named = [parsed(one).error for one in drained(sock)]

        assert observe("errors_and_mtu", [error, named, mtu_of(sock)]) == [-errno.EPERM, [0], 1500]


@claim(
    "defacto/SCM_CREDENTIALS/of-the-kernel",
    says="With SO_PASSCRED a netlink socket has with an answer of the kernel SCM_CREDENTIALS with the "
    "process, user and group 0.",
    since="2.6.12",
    commit=OLD,
    needs=[initially(Capability.NET_ADMIN)],  # elsewhere the kernel's user has no number, or another
)
def test_the_kernel_has_credentials_of_zeros(ns, observe):
    with netlink_socket() as sock:
        sock.passcred = True
        sock.send(get_link())
        sock.passcred, with_ = False, control_messages(sock, Ucred)
        sock.send(get_link())

        seen = [[list(one) for one in with_], control_messages(sock, Ucred)]
        assert observe("with_and_without", seen) == [[[0, 0, 0]], []]


@claim(
    "defacto/SCM_CREDENTIALS/of-a-process",
    says="With SO_PASSCRED a socket of NETLINK_USERSOCK has with what a process sends the process id, the "
    "user and the group of it.",
    since="2.6.12",
    commit=OLD,
)
def test_a_sender_has_its_credentials(ns, observe):
    with bound() as receiver, netlink_socket(NETLINK_USERSOCK) as sender:
        receiver.passcred = True
        process = in_child(lambda: (sender.sendto(b"data", Netlink(port_of(receiver))), os.getpid())[1])

        expected = Ucred(process, os.getuid(), os.getgid())
        assert observe("as_the_sender", control_messages(receiver, Ucred).count(expected)) == 1


@claim(
    "defacto/sendto/largest",
    says="A netlink socket of NETLINK_USERSOCK sends at most 32 bytes fewer than SO_SNDBUF: EMSGSIZE for one "
    "more.",
    since="2.6.12",
    commit=OLD,
)
def test_the_send_buffer_bounds_a_message(ns, observe):
    with bound() as receiver, netlink_socket(NETLINK_USERSOCK) as sender:
        sender.sndbuf = 8192
        largest = sender.sndbuf - 32
        address = Netlink(port_of(receiver))
        with refused(errno.EMSGSIZE):
            sender.sendto(bytes(largest + 1), address)
        sender.sendto(bytes(largest), address)

        assert observe("lost", largest - len(receiver.recv(65536))) == 0


@claim(
    "defacto/sendto/empty",
    says="No empty datagram can be sent by a socket of NETLINK_USERSOCK: ENODATA; one of a byte can.",
    since="5.16",
    backports=("4.4.296", "4.9.294", "4.14.259", "4.19.222", "5.4.167", "5.10.87", "5.15.10"),
    commit="f123cffdd8fe",
)
def test_an_empty_datagram_is_refused(ns, observe):
    with bound() as receiver, netlink_socket(NETLINK_USERSOCK) as sender:
        address = Netlink(port_of(receiver))
        with refused(errno.ENODATA):
            sender.sendto(b"", address)
        sender.sendto(b"1", address)

        assert observe("received", waiting(receiver)) == ["1"]


@claim(
    "defacto/sendto/full-unicast",
    says="A unicast by NETLINK_USERSOCK to a socket whose receive buffer is full fails with EAGAIN where "
    "MSG_DONTWAIT is set, and no ENOBUFS is told: what was sent before is received, and then it can be sent.",
    since="2.6.12",
    commit=OLD,
)
def test_a_full_receiver_refuses_a_unicast(ns, observe):
    with bound() as receiver, netlink_socket(NETLINK_USERSOCK) as sender:
        receiver.rcvbuf = 0
        address = Netlink(port_of(receiver))
        sender.sendto(bytes(4096), MessageFlag.DONTWAIT, address)
        with refused(errno.EAGAIN):
            sender.sendto(b"refused", MessageFlag.DONTWAIT, address)
        first = len(receiver.recv(65536))
        sender.sendto(b"then", MessageFlag.DONTWAIT, address)

        assert observe("first_and_rest", [first, waiting(receiver)]) == [4096, ["then"]]


@claim(
    "defacto/ENOBUFS/once-and-first",
    says="ENOBUFS of a socket of NETLINK_ROUTE is told once, by the first receive, though what found room "
    "waits to be received, and is by the next.",
    since="2.6.12",
    commit=OLD,
)
def test_enobufs_is_told_once(ns, observe):
    with bound(0, groups=word(RTNLGRP_IPV4_IFADDR)) as listener, netlink_socket() as changer:
        listener.rcvbuf = 0
        errors = overrun(changer)
        with refused(errno.ENOBUFS):
            listener.recvmsg(4096)

        assert observe("errors_and_next", [errors, addresses_in(drained(listener))[0]]) == [0, "10.8.0.1"]


@claim(
    "defacto/ENOBUFS/by-so-error",
    says="SO_ERROR of a socket of NETLINK_ROUTE whose receive buffer had no room is ENOBUFS, and is 0 after "
    "that; what found room is received without an error.",
    since="2.6.12",
    commit=OLD,
)
def test_so_error_tells_of_enobufs(ns, observe):
    with bound(0, groups=word(RTNLGRP_IPV4_IFADDR)) as listener, netlink_socket() as changer:
        listener.rcvbuf = 0
        errors = overrun(changer)
        told = [int(listener.error), int(listener.error)]

        heard = addresses_in(drained(listener))[0]
        assert observe("errors_told_next", [errors, told, heard]) == [0, [errno.ENOBUFS, 0], "10.8.0.1"]


def overrun(changer: Socket) -> int:
    """Add so many addresses that their events find no room in the smallest buffer; the sum of the errors."""
    return sum(acknowledged(changer, new_address(f"10.8.0.{last}", ADD)).error for last in range(1, 21))


@claim(
    "defacto/dump/one-at-a-time",
    says="While a netlink socket of NETLINK_ROUTE has a dump that is not received to its end another fails "
    "with EBUSY; on another socket it does not.",
    since="2.6.12",
    commit=OLD,
)
def test_a_second_dump_is_busy(ns, observe):
    with netlink_socket() as sock, netlink_socket() as other:
        sock.send(get_link(REQUEST | DUMP, sequence=1))
        sock.send(get_link(REQUEST | DUMP, sequence=2))
        other.send(get_link(REQUEST | DUMP, sequence=3))
        seen = [[one.type, one.sequence] for one in about(drained(sock), "lo")]

        assert observe("answers", [seen, types(about(drained(other), "lo"))]) == [
            [[NEWLINK, 1], [NLMSG_ERROR, 2], [NLMSG_DONE, 1]],
            [NEWLINK, NLMSG_DONE],
        ]


@claim(
    "defacto/dump/not-acknowledged",
    says="A dump of interfaces by NETLINK_ROUTE that has NLM_F_ACK is not acknowledged: NLMSG_DONE is its "
    "end.",
    since="2.6.12",
    commit=OLD,
)
def test_a_dump_is_not_acknowledged(ns, observe):
    with netlink_socket() as sock:
        sock.send(get_link(REQUEST | DUMP | ACK))

        assert observe("answers", types(about(drained(sock), "lo"))) == [NEWLINK, NLMSG_DONE]


@claim(
    "defacto/NLM_F_REQUEST/acknowledged-though-not-done",
    says="A message of NETLINK_ROUTE that has NLM_F_ACK and not NLM_F_REQUEST is acknowledged without an "
    "error, and nothing is done.",
    since="2.6.12",
    commit=OLD,
)
def test_what_is_not_done_is_acknowledged(ns, observe):
    with netlink_socket() as sock:
        sock.send(set_mtu(1400))
        error = acknowledged(sock, set_mtu(1500, ACK)).error

        assert observe("error_and_mtu", [error, mtu_of(sock)]) == [0, 1400]


@claim(
    "defacto/nlmsg_len/wrong",
    says="A message to NETLINK_ROUTE whose nlmsg_len is less than a header, or more than is left of what was "
    "sent, is ignored without an answer, and so is what follows it in the datagram.",
    since="2.6.12",
    commit=OLD,
)
@pytest.mark.parametrize(
    ("length", "answered"), [(0, [1]), (15, [1]), (16, [1, 2, 3]), (48, [1, 2]), (49, [1]), (1000, [1])]
)
def test_a_wrong_length_is_ignored(ns, observe, length, answered):
    with netlink_socket() as sock:
        noop = framed(NLMSG_NOOP, REQUEST | ACK, sequence=2, length=length)
        sent = sock.send(get_link(sequence=1) + noop + get_link(sequence=3))

        sequences = [one.sequence for one in drained(sock)]
        assert observe("sent_and_answered", [sent, sequences]) == [80, answered]
