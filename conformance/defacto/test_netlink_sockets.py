"""Netlink sockets where documents are silent: whose they are, what they are told, and what they send."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.calls import option_got
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.files import pipe
from conformance.plugin.setups.netlink import (
    ACK,
    NETLINK_USERSOCK,
    NEWLINK,
    REQUEST,
    RTNLGRP_LINK,
    UNKNOWN,
    acknowledged,
    bound,
    framed,
    get_link,
    mtu_of,
    multicast,
    netlink_socket,
    port_of,
    set_mtu,
    types,
    waiting,
    word,
)
from conformance.plugin.setups.splices import splice
from libsocket import NETLINK_ADD_MEMBERSHIP, NETLINK_LIST_MEMBERSHIPS, Filter, Netlink, Ucred
from netns import Capability, Namespace
from netns.netlink import receive

SOL_NETLINK = 270
MTU = 65_536
"""Of loopback, at first."""


@claim(
    "defacto/connect/netlink-keeps-own-port",
    says="connect(2) gives a netlink socket without a name a port id, and connecting it again, to another, "
    "keeps that.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_its_own_port_stays(ns, observe):
    with netlink_socket(NETLINK_USERSOCK) as sock:
        before = port_of(sock)
        sock.connect(Netlink(0, 0))
        first = port_of(sock)
        sock.connect(Netlink(4321, 0))

        found = [before, first != 0, port_of(sock) == first, sock.getpeername()[0]]
        assert observe("before_has_kept_peer", found) == [0, True, True, 4321]


@claim(
    "defacto/NETLINK_LIST_MEMBERSHIPS/no-room",
    says="NETLINK_LIST_MEMBERSHIPS of a NETLINK_USERSOCK socket, read with no room and without memory, "
    "gives the 4 bytes that it takes as optlen.",
    since="4.2",
    commit="b42be38b2778",
)
@pytest.mark.parametrize("address", [-1, None], ids=["memory", "null"])
def test_the_size_is_told_without_room(ns, observe, address):
    with netlink_socket(NETLINK_USERSOCK) as sock:
        sock.set(NETLINK_ADD_MEMBERSHIP, 3)
        option = (SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS.number)
        told = len(option_got(sock.fileno(), option, 0, address))

        assert observe("told_and_groups", [told, *option_got(sock.fileno(), option)]) == [4, 4, 0, 0, 0]


@claim(
    "defacto/NETLINK_ROUTE/unknown-type",
    says="To a request of a type that NETLINK_ROUTE does not have, 4000, it answers with NLMSG_ERROR and "
    "-EOPNOTSUPP.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_an_unknown_type_is_an_error(ns, observe):
    with netlink_socket() as sock:
        errors = [
            acknowledged(sock, framed(UNKNOWN)).error,
            acknowledged(sock, get_link(REQUEST | ACK, index=99)).error,
        ]

        assert observe("unknown_and_no_device", errors) == [-errno.EOPNOTSUPP, -errno.ENODEV]


@claim(
    "defacto/splice/to-netlink",
    says="splice(2) of a request from a pipe to a NETLINK_ROUTE socket sends it, and it is answered.",
    since="2.6.17",
    commit="5274f052e7b3",
)
def test_a_spliced_request_is_answered(ns, observe):
    request = get_link()
    with netlink_socket() as sock, pipe(request) as (reader, _):
        moved = splice(reader, sock, len(request)) - len(request)

        assert observe("moved_all_and_answer", [moved, types(receive(sock))]) == [0, [NEWLINK]]


@claim(
    "defacto/AF_NETLINK/network-namespace",
    says="A NETLINK_ROUTE socket tells of the network namespace in which it was made, and changes that, "
    "wherever its process is then.",
    since="2.6.24",
    commit="b4b510290b05",
)
def test_it_stays_in_its_namespace(ns, observe):
    with netlink_socket() as sock, Namespace() as other, other.entered(), netlink_socket() as there:
        sock.send(set_mtu(1400, REQUEST | ACK))
        receive(sock)

        assert observe("mtu_of_its_own_and_there", [mtu_of(sock), mtu_of(there)]) == [1400, MTU]


@claim(
    "defacto/nl_groups/links-from-a-process",
    says="What a process with CAP_NET_ADMIN sends to RTNLGRP_LINK a member receives from the sender's port "
    "id, and with SO_PASSCRED with its process, user and group; the sender, a member too, does not receive "
    "it.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_ADMIN],
)
def test_a_process_sends_to_links(ns, observe):
    with bound(0, groups=word(RTNLGRP_LINK)) as member, bound(0, groups=word(RTNLGRP_LINK)) as sender:
        member.passcred = True
        multicast(sender, b"to links", word(RTNLGRP_LINK))
        own = waiting(sender)
        message = member.recv_message(100)
        ours = message.find(Ucred) == Ucred(os.getpid(), os.getuid(), os.getgid())

        found = [
            own,
            message.data.decode(),
            message.address == Netlink(port_of(sender), word(RTNLGRP_LINK)),
            ours,
        ]
        assert observe("own_data_source_ours", found) == [[], "to links", True, True]


@claim(
    "defacto/SCM_CREDENTIALS/netlink-not-asked-for",
    says="Without SO_PASSCRED no credentials come with an answer of NETLINK_ROUTE, and with it they do.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_credentials_are_asked_for(ns, observe):
    with netlink_socket() as sock:
        sock.send(get_link())
        without = len(control_messages(sock, Ucred))
        sock.passcred = True
        sock.send(get_link())

        assert observe("without_and_with", [without, len(control_messages(sock, Ucred))]) == [0, 1]


@claim(
    "defacto/SO_ATTACH_FILTER/uevent",
    says="A filter that was attached to a socket of NETLINK_USERSOCK or NETLINK_KOBJECT_UEVENT is detached "
    "by SO_DETACH_FILTER.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_filter_is_detached(ns, observe):
    with netlink_socket(socket.NETLINK_USERSOCK) as sock, netlink_socket(15) as uevents:
        for_both = Filter.accept(7)
        sock.attach_filter = uevents.attach_filter = for_both
        attached = [sock.filter() == for_both, uevents.filter() == for_both]
        sock.detach_filter = uevents.detach_filter = 0

        assert observe("attached_and_detached", [attached, sock.filter(), uevents.filter()]) == [
            [True, True],
            None,
            None,
        ]
