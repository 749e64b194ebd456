"""Options of netlink sockets: groups, control messages, and what acknowledgements have."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.netlink import (
    ACK,
    ACK_TLVS,
    CAPPED,
    CREATE,
    GETLINK,
    HEADER,
    REQUEST,
    RTNLGRP_IPV4_IFADDR,
    acknowledged,
    addresses_in,
    asked,
    bound,
    drained,
    dumped,
    get_addresses,
    get_link,
    give_id,
    memberships,
    multicast,
    netlink_socket,
    new_address,
    numbers,
    parsed,
    port_of,
    set_mtu,
    waiting,
    word,
)
from libsocket import (
    INT,
    NETLINK_ADD_MEMBERSHIP,
    NETLINK_BROADCAST_ERROR,
    NETLINK_CAP_ACK,
    NETLINK_DROP_MEMBERSHIP,
    NETLINK_EXT_ACK,
    NETLINK_LIST_MEMBERSHIPS,
    NETLINK_LISTEN_ALL_NSID,
    NETLINK_NO_ENOBUFS,
    NETLINK_PKTINFO,
    SOL_NETLINK,
    NamespaceId,
    Netlink,
    NetlinkGroup,
    Socket,
    raw,
)
from netns import Capability, Namespace, without

NO_DEVICE = 4000
ADD = REQUEST | ACK | CREATE
FEW = 20
"""Events that find no room in the smallest receive buffer."""
ROUNDED_DOWN = [("5.6", "5.10.183"), ("5.11", "5.15.116"), ("5.16", "6.1.33"), ("6.2", "6.3.7")]
"""Kernels that round the size of a mask down to a whole word: f4e4534850a9 mended it, in Linux 6.4."""


@claim(
    "netlink.7/options/level",
    sentence="netlink.7/options/level",
    section="Socket options",
    says="NETLINK_PKTINFO of a netlink socket is set and read at the level SOL_NETLINK, and at the level of "
    "raw IP, 255, is not there: ENOPROTOOPT.",
)
def test_options_are_at_their_level(ns, observe):
    with netlink_socket() as sock:
        sock.setsockopt(SOL_NETLINK, NETLINK_PKTINFO.number, 1)
        with refused(errno.ENOPROTOOPT):
            sock.setsockopt(socket.IPPROTO_RAW, NETLINK_PKTINFO.number, 0)

        assert observe("value", sock.getsockopt(SOL_NETLINK, NETLINK_PKTINFO.number)) == 1


@claim(
    "netlink.7/options/int",
    sentence="netlink.7/options/int",
    section="Socket options",
    says="NETLINK_PKTINFO, NETLINK_BROADCAST_ERROR, NETLINK_NO_ENOBUFS, NETLINK_CAP_ACK and NETLINK_EXT_ACK "
    "of a netlink socket are set as an int, and read as one of four bytes, where there is room for more.",
)
@pytest.mark.parametrize(
    "option",
    [NETLINK_PKTINFO, NETLINK_BROADCAST_ERROR, NETLINK_NO_ENOBUFS, NETLINK_CAP_ACK, NETLINK_EXT_ACK],
    ids=lambda one: one.name,
)
def test_options_are_ints(ns, observe, option):
    with netlink_socket() as sock:
        sock.set(option.through(INT), 1)

        assert observe("bytes", sock.get(option.through(raw(8))).hex()) == INT.encode(1).hex()


@claim(
    "netlink.7/NETLINK_PKTINFO/group",
    sentence="netlink.7/NETLINK_PKTINFO/group",
    section="Socket options",
    says="With NETLINK_PKTINFO a socket of NETLINK_USERSOCK has with each message a control message with the "
    "number of the group that it was sent to, which is 0 for a unicast.",
    since="2.6.14",
)
@pytest.mark.parametrize("group", [1, 3, 32])
def test_the_group_comes_as_a_control_message(ns, observe, group):
    with bound() as sender, bound(groups=word(group)) as receiver:
        receiver.set(NETLINK_PKTINFO, True)
        multicast(sender, b"to a group", word(group))
        sender.sendto(b"to one", Netlink(port_of(receiver)))

        groups = [numbers(receiver, NetlinkGroup), numbers(receiver, NetlinkGroup)]
        assert observe("groups", groups) == [[group], [0]]


@claim(
    "netlink.7/NETLINK_PKTINFO/unset",
    sentence="netlink.7/NETLINK_PKTINFO/group",
    section="Socket options",
    says="Without NETLINK_PKTINFO, or when it was switched off again, no such control message comes.",
    since="2.6.14",
)
def test_without_it_no_group_comes(ns, observe):
    with bound() as sender, bound(groups=1) as receiver:
        multicast(sender, b"before", 1)
        seen = [numbers(receiver, NetlinkGroup)]
        receiver.set(NETLINK_PKTINFO, True)
        multicast(sender, b"with", 1)
        seen.append(numbers(receiver, NetlinkGroup))
        receiver.set(NETLINK_PKTINFO, False)
        multicast(sender, b"after", 1)
        seen.append(numbers(receiver, NetlinkGroup))

        assert observe("before_with_after", seen) == [[], [1], []]


@claim(
    "netlink.7/NETLINK_ADD_MEMBERSHIP/joins",
    sentence="netlink.7/NETLINK_ADD_MEMBERSHIP/joins",
    section="Socket options",
    says="NETLINK_ADD_MEMBERSHIP has a bound socket of NETLINK_USERSOCK join the group of a number, also "
    "when it is a member of another, and what is sent there is received.",
    since="2.6.14",
)
@pytest.mark.parametrize("group", [1, 2, 32])
def test_a_group_is_joined(ns, observe, group):
    with bound() as sender, bound(groups=word(5)) as receiver:
        multicast(sender, b"before", word(group))
        receiver.set(NETLINK_ADD_MEMBERSHIP, group)
        multicast(sender, b"after", word(group))
        multicast(sender, b"another", word(5))

        assert observe("received", waiting(receiver)) == ["after", "another"]


@claim(
    "netlink.7/NETLINK_DROP_MEMBERSHIP/leaves",
    sentence="netlink.7/NETLINK_DROP_MEMBERSHIP/leaves",
    section="Socket options",
    says="NETLINK_DROP_MEMBERSHIP has a socket of NETLINK_USERSOCK leave the group of a number, whether it "
    "joined by bind(2) or by NETLINK_ADD_MEMBERSHIP, and no other.",
    since="2.6.14",
)
@pytest.mark.parametrize("group", [2, 5], ids=["joined", "bound"])
def test_a_group_is_left(ns, observe, group):
    with bound() as sender, bound(groups=word(5)) as receiver:
        receiver.set(NETLINK_ADD_MEMBERSHIP, 2)
        multicast(sender, b"before", word(group))
        receiver.set(NETLINK_DROP_MEMBERSHIP, group)
        multicast(sender, b"after", word(group))
        multicast(sender, b"another", word(7 - group))

        assert observe("received", waiting(receiver)) == ["before", "another"]


@claim(
    "netlink.7/NETLINK_LIST_MEMBERSHIPS/all",
    sentence=("netlink.7/NETLINK_LIST_MEMBERSHIPS/all", "netlink.7/NETLINK_LIST_MEMBERSHIPS/array"),
    section="Socket options",
    says="NETLINK_LIST_MEMBERSHIPS gives the groups of a socket of NETLINK_USERSOCK as 32-bit words: those "
    "it was bound to, and those it joined.",
    since="4.2",
)
def test_all_memberships_are_listed(ns, observe):
    with bound(groups=word(1) | word(3)) as sock:
        sock.set(NETLINK_ADD_MEMBERSHIP, 32)
        joined = memberships(sock)
        sock.set(NETLINK_DROP_MEMBERSHIP, 1)

        listed = [joined, memberships(sock)]
        assert observe("before_and_after", listed) == [[0x8000_0005], [0x8000_0004]]


@claim(
    "netlink.7/NETLINK_LIST_MEMBERSHIPS/beyond-32",
    sentence="netlink.7/NETLINK_LIST_MEMBERSHIPS/filled",
    section="Socket options",
    says="NETLINK_LIST_MEMBERSHIPS of a socket of NETLINK_ROUTE that has joined the groups 1 and 33 gives "
    "two words, with a bit in each.",
    since="5.6",
    expect=[
        differs(
            "the optlen is that of one word, and the group 33 is not told of",
            since=since,
            until=until,
            commit="cf5bddb95cbe",
            observed={"words": [1]},
        )
        for since, until in ROUNDED_DOWN
    ],
)
def test_memberships_beyond_32_are_listed(ns, observe):
    with netlink_socket() as sock:
        sock.set(NETLINK_ADD_MEMBERSHIP, 1)
        sock.set(NETLINK_ADD_MEMBERSHIP, 33)

        assert observe("words", memberships(sock)) == [1, 1]


@claim(
    "netlink.7/NETLINK_LIST_MEMBERSHIPS/required-size",
    sentence="netlink.7/NETLINK_LIST_MEMBERSHIPS/filled",
    section="Socket options",
    says="NETLINK_LIST_MEMBERSHIPS of a socket of NETLINK_USERSOCK that has joined a group gives 4 bytes and "
    "says so by the optlen, also where there is room for more.",
    since="4.2",
)
@pytest.mark.parametrize("room", [4, 8])
def test_the_size_that_is_needed_is_told(ns, observe, room):
    with bound(groups=word(3)) as sock:
        listed = sock.getsockopt(SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS.number, room)

        assert observe("size_and_groups", [len(listed), listed.hex()]) == [4, INT.encode(4).hex()]


@claim(
    "netlink.7/NETLINK_LIST_MEMBERSHIPS/too-little-room",
    sentence="netlink.7/NETLINK_LIST_MEMBERSHIPS/filled",
    section="Socket options",
    says="NETLINK_LIST_MEMBERSHIPS of a socket of NETLINK_ROUTE that has joined the group 33 says by the "
    "optlen that it takes 8 bytes, also where there is room for 4.",
    since="5.6",
    expect=[
        differs(
            "the optlen is that of one word",
            since=since,
            until=until,
            commit="cf5bddb95cbe",
            observed={"size": 4},
        )
        for since, until in ROUNDED_DOWN
    ],
)
@pytest.mark.parametrize("room", [4, 8])
def test_more_than_the_room_is_told(ns, observe, room):
    with netlink_socket() as sock:
        sock.set(NETLINK_ADD_MEMBERSHIP, 33)

        size = len(sock.getsockopt(SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS.number, room))
        assert observe("size", size) == 8


@claim(
    "netlink.7/NETLINK_LISTEN_ALL_NSID/receives",
    sentence=("netlink.7/NETLINK_LISTEN_ALL_NSID/receives", "netlink.7/NETLINK_LISTEN_ALL_NSID/nsid"),
    section="Socket options",
    says="With NETLINK_LISTEN_ALL_NSID a socket of NETLINK_ROUTE receives that an IPv4 address was added in "
    "a network namespace that has an id in its own, with the id as a control message; and not from one that "
    "has none.",
    since="4.2",
    needs=[Capability.NET_BROADCAST],
)
def test_namespaces_with_an_id_are_listened_to(ns, observe):
    with (
        bound(0, groups=word(RTNLGRP_IPV4_IFADDR)) as listener,
        Namespace() as known,
        netlink_socket() as in_known,
        Namespace(),
        netlink_socket() as in_unknown,
        ns.entered(),
    ):
        give_id(known, 5)
        listener.set(NETLINK_LISTEN_ALL_NSID, True)
        errors = [acknowledged(one, new_address("10.8.0.1", ADD)).error for one in (in_unknown, in_known)]

        ids = numbers(listener, NamespaceId)
        assert observe("errors_ids_and_more", [errors, ids, len(drained(listener))]) == [[0, 0], [5], 0]


@claim(
    "netlink.7/NETLINK_LISTEN_ALL_NSID/unset",
    sentence="netlink.7/NETLINK_LISTEN_ALL_NSID/receives",
    section="Socket options",
    says="Without NETLINK_LISTEN_ALL_NSID a socket of NETLINK_ROUTE receives that an IPv4 address was added "
    "in its own network namespace, and not that one was in another with an id, as it does once the option is "
    "set.",
    since="4.2",
    needs=[Capability.NET_BROADCAST],
)
def test_without_it_its_own_namespace_is_listened_to(ns, observe):
    with (
        bound(0, groups=word(RTNLGRP_IPV4_IFADDR)) as listener,
        netlink_socket() as here,
        Namespace() as known,
        netlink_socket() as there,
        ns.entered(),
    ):
        give_id(known, 5)
        there.send(new_address("10.8.0.1"))
        here.send(new_address("10.8.0.2"))
        without = addresses_in(drained(listener))
        listener.set(NETLINK_LISTEN_ALL_NSID, True)
        there.send(new_address("10.8.0.3"))
        heard = [without, addresses_in(drained(listener))]

        added = addresses_in(dumped(there, get_addresses()))
        assert observe("without_with_and_added_there", [*heard, added]) == [
            ["10.8.0.2"],
            ["10.8.0.3"],
            ["127.0.0.1", "10.8.0.1", "10.8.0.3"],
        ]


@claim(
    "defacto/NETLINK_LISTEN_ALL_NSID/privilege",
    says="Setting NETLINK_LISTEN_ALL_NSID of a netlink socket takes CAP_NET_BROADCAST: without it "
    "EPERM, and nothing is received from another network namespace that has an id in its own, as it is "
    "once the option is set.",
    since="4.2",
    commit="59324cf35aba",
    needs=[Capability.NET_BROADCAST],
)
def test_to_listen_to_other_namespaces_is_privileged(ns, observe):
    with (
        bound(0, groups=word(RTNLGRP_IPV4_IFADDR)) as listener,
        Namespace() as known,
        netlink_socket() as there,
        ns.entered(),
    ):
        give_id(known, 5)
        with without(Capability.NET_BROADCAST), refused(errno.EPERM):
            listener.set(NETLINK_LISTEN_ALL_NSID, True)
        errors = [acknowledged(there, new_address("10.8.0.1", ADD)).error]
        heard = [addresses_in(drained(listener))]
        listener.set(NETLINK_LISTEN_ALL_NSID, True)
        errors.append(acknowledged(there, new_address("10.8.0.2", ADD)).error)
        heard.append(addresses_in(drained(listener)))

        assert observe("errors_and_heard", [errors, heard]) == [[0, 0], [[], ["10.8.0.2"]]]


@claim(
    "netlink.7/NETLINK_CAP_ACK/trims",
    sentence=(
        "netlink.7/NETLINK_CAP_ACK/trims",
        "netlink.7/NETLINK_CAP_ACK/header",
        "netlink.7/errors/request",
        "netlink.7/nlmsgerr/contents",
        "netlink.7/nlmsgerr/header",
        "netlink.h/nlmsgerr/request",
        "netlink.h/NLM_F_CAPPED/capped",
    ),
    section="Socket options",
    says="With NETLINK_CAP_ACK an error of NETLINK_ROUTE has the header of the request, with its type and "
    "its sequence number, and not what follows it, and has NLM_F_CAPPED; without it has both and no such "
    "flag.",
    since="4.3",
)
def test_an_error_is_capped(ns, observe):
    with netlink_socket() as sock:
        (whole,) = asked(sock, get_link(index=NO_DEVICE, sequence=7))
        sock.set(NETLINK_CAP_ACK, True)
        (capped,) = asked(sock, get_link(index=NO_DEVICE, sequence=8))

        seen = [
            [one.flags & CAPPED, parsed(one).type, parsed(one).sequence, len(one.body)]
            for one in (whole, capped)
        ]
        assert observe("without_and_with", seen) == [
            [0, GETLINK, 7, 4 + HEADER + 16],
            [CAPPED, GETLINK, 8, 4 + HEADER],
        ]


@claim(
    "netlink.7/NETLINK_EXT_ACK/attributes",
    sentence=(
        "netlink.7/errors/extra",
        "netlink.7/nlmsgerr/attributes",
        "netlink.h/nlmsgerr/attributes",
        "netlink.h/NLM_F_ACK_TLVS/included",
    ),
    section="DESCRIPTION",
    says="With NETLINK_EXT_ACK an error of NETLINK_ROUTE over an MTU of two bytes has attributes and "
    "NLM_F_ACK_TLVS; without it has neither.",
    since="4.12",
)
def test_an_error_has_attributes(ns, observe):
    with netlink_socket() as sock:
        (without,) = asked(sock, set_mtu(1400, short=True))
        sock.set(NETLINK_EXT_ACK, True)
        (with_,) = asked(sock, set_mtu(1400, short=True))

        flags = [one.flags & ACK_TLVS for one in (without, with_)]
        attributes = [min(1, len(parsed(one).attributes)) for one in (without, with_)]
        assert observe("flags_and_attributes", [flags, attributes]) == [[0, ACK_TLVS], [0, 1]]


@claim(
    "netlink.7/ENOBUFS/recvmsg",
    sentence=(
        "netlink.7/ENOBUFS/recvmsg",
        "netlink.7/reliability/buffer-full",
        "netlink.7/reliability/drops",
    ),
    section="DESCRIPTION",
    says="Events of NETLINK_ROUTE for which the receive buffer has no room, the last of twenty into the "
    "smallest there is, are dropped, and recvmsg(2) fails with ENOBUFS.",
)
def test_a_full_buffer_is_told_by_enobufs(ns, observe):
    with bound(0, groups=word(RTNLGRP_IPV4_IFADDR)) as listener, netlink_socket() as changer:
        listener.rcvbuf = 0
        add(changer, FEW)
        with refused(errno.ENOBUFS):
            listener.recvmsg(4096)

        heard = addresses_in(drained(listener))
        added = addresses_in(dumped(changer, get_addresses()))[-1]
        assert observe("first_last_added", [heard[:1], heard.count(host(FEW)), added]) == [
            [host(1)],
            0,
            host(FEW),
        ]


@claim(
    "netlink.7/NETLINK_NO_ENOBUFS/avoids",
    sentence="netlink.7/NETLINK_NO_ENOBUFS/avoids",
    section="Socket options",
    says="With NETLINK_NO_ENOBUFS a socket of NETLINK_ROUTE whose receive buffer has no room for the last of "
    "twenty events has no ENOBUFS, and the events that found room.",
    since="2.6.30",
)
def test_no_enobufs_comes(ns, observe):
    with bound(0, groups=word(RTNLGRP_IPV4_IFADDR)) as listener, netlink_socket() as changer:
        listener.rcvbuf = 0
        listener.set(NETLINK_NO_ENOBUFS, True)
        add(changer, FEW)

        heard = addresses_in(drained(listener))
        added = addresses_in(dumped(changer, get_addresses()))[-1]
        assert observe("first_last_added", [heard[:1], heard.count(host(FEW)), added]) == [
            [host(1)],
            0,
            host(FEW),
        ]


def host(last: int) -> str:
    return f"10.8.0.{last}"


def add(changer: Socket, count: int) -> None:
    """Add addresses from the first on."""
    for last in range(1, count + 1):
        changer.send(new_address(host(last)))
