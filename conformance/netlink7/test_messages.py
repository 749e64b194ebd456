"""Messages: struct nlmsghdr, the standard types, flags, acknowledgements and errors."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER, NOBODY
from conformance.plugin.setups.netlink import (
    ACK,
    APPEND,
    ATOMIC,
    CREATE,
    DUMP,
    ECHO,
    EXCL,
    GETLINK,
    HEADER,
    LOOPBACK,
    MATCH,
    MULTI,
    NEWLINK,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSG_NOOP,
    REPLACE,
    REQUEST,
    ROOT,
    RTNLGRP_IPV4_IFADDR,
    about,
    acknowledged,
    addresses_in,
    asked,
    bound,
    drained,
    dumped,
    framed,
    get_addresses,
    get_link,
    mtu_of,
    netlink_socket,
    new_address,
    new_route,
    parsed,
    port_of,
    routes,
    set_mtu,
    types,
)
from libsocket import Netlink, Socket
from netns import as_user

MANY = 4 * 250
"""Addresses whose dump takes several datagrams."""
NO_DEVICE = 4000
"""The number of an interface that is not there."""


@claim(
    "netlink.7/messages/several-in-one",
    sentence="netlink.7/messages/headers",
    section="DESCRIPTION",
    says="Several messages with their headers in one datagram to NETLINK_ROUTE are carried out one after the "
    "other, and each is acknowledged.",
)
def test_several_messages_in_a_datagram_are_carried_out(ns, observe):
    with netlink_socket() as sock:
        sock.send(set_mtu(1400, REQUEST | ACK, sequence=1) + set_mtu(1500, REQUEST | ACK, sequence=2))
        acknowledgements = [one.sequence for one in drained(sock)]

        assert observe("acknowledged_and_mtu", [acknowledgements, mtu_of(sock)]) == [[1, 2], 1500]


@claim(
    "netlink.7/NLM_F_MULTI/set",
    sentence=("netlink.7/multipart/flag", "netlink.7/NLM_F_MULTI/part"),
    section="DESCRIPTION",
    says="All messages of a dump of three interfaces by NETLINK_ROUTE, up to NLMSG_DONE, have NLM_F_MULTI; "
    "an interface that is asked for alone has not.",
)
def test_the_parts_have_the_flag(ns, observe):
    ns.add_veth("left", "right")
    with netlink_socket() as sock:
        *parts, _ = about(dumped(sock, get_link(REQUEST | DUMP)), "lo", "left", "right")
        (alone,) = asked(sock, get_link())

        flags = [one.flags & MULTI for one in (*parts, alone)]
        assert observe("multi_of_parts_and_one_alone", flags) == [MULTI, MULTI, MULTI, 0]


@claim(
    "netlink.7/NLMSG_DONE/without-multi",
    sentence="netlink.7/multipart/flag",
    section="DESCRIPTION",
    says="The last header of a dump of interfaces by NETLINK_ROUTE, which has the type NLMSG_DONE, is the "
    "only one without NLM_F_MULTI.",
    expect=differs(
        "it has the flag as well",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"type_and_multi": [NLMSG_DONE, MULTI]},
    ),
)
def test_the_last_part_lacks_the_flag(ns, observe):
    with netlink_socket() as sock:
        last = dumped(sock, get_link(REQUEST | DUMP))[-1]

        assert observe("type_and_multi", [last.type, last.flags & MULTI]) == [NLMSG_DONE, 0]


@claim(
    "netlink.7/NLMSG_DONE/ends",
    sentence=("netlink.7/multipart/flag", "netlink.7/nlmsghdr/done", "netlink.h/NLM_F_MULTI/done"),
    section="DESCRIPTION",
    says="A dump of three interfaces by NETLINK_ROUTE ends with one message NLMSG_DONE, and nothing follows "
    "it.",
)
def test_done_ends_a_dump(ns, observe):
    ns.add_veth("left", "right")
    with netlink_socket() as sock:
        listed = types(about(dumped(sock, get_link(REQUEST | DUMP)), "lo", "left", "right"))

        assert observe("types_and_after", [listed, len(drained(sock))]) == [[NEWLINK] * 3 + [NLMSG_DONE], 0]


@claim(
    "netlink.7/nlmsghdr/length",
    sentence="netlink.7/nlmsghdr/length",
    section="DESCRIPTION",
    says="nlmsg_len counts the header: an acknowledgement says 36 bytes, and is a datagram of so many.",
)
def test_the_length_counts_the_header(ns, observe):
    with netlink_socket() as sock:
        sock.send(framed(NLMSG_NOOP, REQUEST | ACK))
        (told,) = drained(sock)
        sock.send(framed(NLMSG_NOOP, REQUEST | ACK))

        assert observe("length_and_bytes", [HEADER + len(told.body), len(sock.recv(4096))]) == [36, 36]


@claim(
    "netlink.7/nlmsghdr/sequence",
    sentence=("netlink.7/nlmsghdr/track", "netlink.7/nlmsghdr/opaque"),
    section="DESCRIPTION",
    says="The answer of NETLINK_ROUTE to a request for an interface has the nlmsg_seq of the request, "
    "whatever that is.",
)
@pytest.mark.parametrize("sequence", [0, 1, 0xFFFF_FFFF])
def test_an_answer_has_the_sequence_number_of_its_request(ns, observe, sequence):
    with netlink_socket() as sock:
        (answer,) = asked(sock, get_link(sequence=sequence))

        assert observe("sequence", answer.sequence) == sequence


@claim(
    "netlink.7/nlmsghdr/origin",
    sentence=("netlink.7/nlmsghdr/origin", "netlink.7/nlmsghdr/track"),
    section="DESCRIPTION",
    says="nlmsg_pid shows the origin of a message: that an IPv4 address was added is told with the port id "
    "of the socket of NETLINK_ROUTE that asked for it.",
)
def test_an_event_has_the_port_of_who_caused_it(ns, observe):
    with (
        bound(socket.NETLINK_ROUTE, groups=1 << RTNLGRP_IPV4_IFADDR - 1) as listener,
        bound(socket.NETLINK_ROUTE, port=77) as changer,
    ):
        changer.send(new_address("10.8.0.1"))

        assert observe("ports", [one.port for one in drained(listener)]) == [77]


@claim(
    "netlink.7/nlmsghdr/not-the-process",
    sentence="netlink.7/nlmsghdr/not-process",
    section="DESCRIPTION",
    says="nlmsg_pid does not stand for a process: that two sockets of one have each added an IPv4 address is "
    "told with two port ids, of which only one is the process id.",
)
def test_two_sockets_of_a_process_have_two_ports(ns, observe):
    with (
        bound(socket.NETLINK_ROUTE, groups=1 << RTNLGRP_IPV4_IFADDR - 1, port=77) as listener,
        bound(socket.NETLINK_ROUTE) as first,
        bound(socket.NETLINK_ROUTE) as second,
    ):
        first.send(new_address("10.8.0.1"))
        second.send(new_address("10.8.0.2"))
        ports = [one.port for one in drained(listener)]

        told = [len(set(ports)), ports.count(os.getpid()), ports == [port_of(first), port_of(second)]]
        assert observe("ports_of_process_of_sockets", told) == [2, 1, True]


@claim(
    "netlink.7/nlmsghdr/sender",
    sentence=("netlink.7/nlmsghdr/sender", "netlink.h/nlmsghdr/port"),
    section="DESCRIPTION",
    says="nlmsg_pid of an answer of the kernel, to a request for an interface or as an acknowledgement, is "
    "the port id of its sender, 0.",
    expect=differs(
        "it is the port id of the socket that asked",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"port": 77},
    ),
)
@pytest.mark.parametrize("request_", [get_link(), framed(NLMSG_NOOP, REQUEST | ACK)], ids=["answer", "ack"])
def test_an_answer_has_the_port_of_the_kernel(ns, observe, request_):
    with bound(socket.NETLINK_ROUTE, port=77) as sock:
        (answer,) = asked(sock, request_)

        assert observe("port", answer.port) == 0


@claim(
    "netlink.7/nlmsghdr/opaque",
    sentence="netlink.7/nlmsghdr/opaque",
    section="DESCRIPTION",
    says="nlmsg_seq and nlmsg_pid of a request to NETLINK_ROUTE may be anything: it is carried out, and an "
    "error repeats both.",
)
def test_any_sequence_and_port_will_do(ns, observe):
    with netlink_socket() as sock:
        (answer,) = asked(sock, get_link(sequence=5, port=99))
        error = acknowledged(sock, get_link(index=NO_DEVICE, sequence=6, port=99))

        assert observe("answer_and_repeated", [answer.type, error.sequence, error.port]) == [NEWLINK, 6, 99]


@claim(
    "netlink.7/NLMSG_NOOP/ignored",
    sentence=("netlink.7/nlmsghdr/noop", "netlink.h/NLMSG_NOOP/nothing"),
    section="DESCRIPTION",
    says="A message NLMSG_NOOP is ignored by NETLINK_ROUTE, and a request after it in the same datagram is "
    "answered.",
)
def test_noop_is_ignored(ns, observe):
    with netlink_socket() as sock:
        sock.send(framed(NLMSG_NOOP, REQUEST, sequence=1) + get_link(sequence=2))

        assert observe("answers", [[one.type, one.sequence] for one in drained(sock)]) == [[NEWLINK, 2]]


@claim(
    "netlink.7/NLMSG_ERROR/error",
    sentence=("netlink.7/nlmsghdr/error", "netlink.7/nlmsgerr/errno", "netlink.h/NLMSG_NOOP/nothing"),
    section="DESCRIPTION",
    says="To a request for an interface that is not there NETLINK_ROUTE answers with NLMSG_ERROR, whose "
    "error is the errno as a negative number: -ENODEV.",
)
def test_an_error_has_a_negative_errno(ns, observe):
    with netlink_socket() as sock:
        (answer,) = asked(sock, get_link(index=NO_DEVICE))

        error = parsed(answer).error
        assert observe("type_and_error", [answer.type, error]) == [NLMSG_ERROR, -errno.ENODEV]


@claim(
    "netlink.7/NLMSG_ERROR/request-appended",
    sentence=("netlink.7/errors/request", "netlink.7/nlmsgerr/contents", "netlink.h/nlmsgerr/request"),
    section="DESCRIPTION",
    says="An error of NETLINK_ROUTE has the whole request that caused it: its header, and the 16 bytes after "
    "it.",
)
def test_an_error_repeats_the_request(ns, observe):
    request = get_link(index=NO_DEVICE, sequence=3)
    with netlink_socket() as sock:
        error = acknowledged(sock, request)

        repeated = [error.length, error.type, error.flags, error.sequence, error.request.hex()]
        expected = [len(request), GETLINK, REQUEST, 3, request[HEADER:].hex()]
        assert observe("repeated", repeated) == expected


@claim(
    "netlink.7/NLMSG_ERROR/header-alone",
    sentence=("netlink.7/nlmsgerr/contents", "netlink.7/acknowledgement/zero", "netlink.h/nlmsgerr/request"),
    section="DESCRIPTION",
    says="An acknowledgement of NETLINK_ROUTE is NLMSG_ERROR with the error 0, and has of the request the "
    "header alone: 20 bytes in all.",
)
def test_an_acknowledgement_repeats_the_header(ns, observe):
    with netlink_socket() as sock:
        (answer,) = asked(sock, set_mtu(1400, REQUEST | ACK, sequence=3))

        told = parsed(answer)
        seen = [answer.type, told.error, told.type, told.sequence, len(answer.body)]
        assert observe("type_error_request_bytes", seen) == [NLMSG_ERROR, 0, NEWLINK, 3, 20]


@claim(
    "netlink.7/NLM_F_REQUEST/needed",
    sentence="netlink.7/NLM_F_REQUEST/must",
    section="DESCRIPTION",
    says="Without NLM_F_REQUEST a request to NETLINK_ROUTE is not carried out: an interface is not told of, "
    "and its MTU stays.",
)
def test_without_request_nothing_is_done(ns, observe):
    with netlink_socket() as sock:
        sock.send(get_link(REQUEST) + get_link(0) + set_mtu(1400, REQUEST) + set_mtu(1500, 0))

        assert observe("answers_and_mtu", [types(drained(sock)), mtu_of(sock)]) == [[NEWLINK], 1400]


@claim(
    "netlink.7/NLM_F_ACK/on-success",
    sentence=(
        "netlink.7/NLM_F_ACK/success",
        "netlink.7/acknowledgement/requested",
        "netlink.h/NLM_F_ACK/reply",
    ),
    section="DESCRIPTION",
    says="A request to NETLINK_ROUTE that succeeds is acknowledged where it has NLM_F_ACK, and not where it "
    "has not.",
)
def test_success_is_acknowledged_if_asked(ns, observe):
    with netlink_socket() as sock:
        sock.send(set_mtu(1400, REQUEST, sequence=1) + set_mtu(1500, REQUEST | ACK, sequence=2))

        acknowledged_ = [one.sequence for one in drained(sock)]
        assert observe("acknowledged_and_mtu", [acknowledged_, mtu_of(sock)]) == [[2], 1500]


@claim(
    "netlink.7/NLMSG_ERROR/every-failure",
    sentence=("netlink.7/acknowledgement/failed", "netlink.h/NLM_F_ACK/reply"),
    section="DESCRIPTION",
    says="The kernel sends NLMSG_ERROR for every request of a datagram to NETLINK_ROUTE that fails, with "
    "NLM_F_ACK and without.",
)
def test_every_failure_is_told(ns, observe):
    with netlink_socket() as sock:
        sock.send(
            get_link(REQUEST, index=NO_DEVICE, sequence=1)
            + get_link(REQUEST, sequence=2)
            + get_link(REQUEST | ACK, index=NO_DEVICE, sequence=3)
        )

        told = [[one.type, one.sequence] for one in drained(sock)]
        assert observe("answers", told) == [[NLMSG_ERROR, 1], [NEWLINK, 2], [NLMSG_ERROR, 3]]


@claim(
    "netlink.7/acknowledgement/by-application",
    sentence="netlink.7/acknowledgement/application",
    section="DESCRIPTION",
    says="What a process sends another in NETLINK_USERSOCK with NLM_F_ACK the kernel does not acknowledge; "
    "the receiver must.",
)
def test_the_receiver_must_acknowledge(ns, observe):
    with bound() as sender, bound() as receiver:
        sender.sendto(framed(99, REQUEST | ACK), Netlink(port_of(receiver)))
        by_kernel = types(drained(sender))
        (received,) = drained(receiver)
        receiver.sendto(framed(NLMSG_ERROR, 0, bytes(20)), Netlink(port_of(sender)))

        seen = [received.type, by_kernel, types(drained(sender))]
        assert observe("received_by_kernel_by_receiver", seen) == [99, [], [NLMSG_ERROR]]


@claim(
    "netlink.7/NLM_F_ECHO/echo",
    sentence=("netlink.7/NLM_F_ECHO/echo", "netlink.h/NLM_F_ECHO/notifications"),
    section="DESCRIPTION",
    says="With NLM_F_ECHO a socket that adds an IPv4 address has the message of NETLINK_ROUTE that it was "
    "added, though it listens to no group; without the flag it has not.",
)
def test_echo_tells_what_was_done(ns, observe):
    with netlink_socket() as sock:
        sock.send(
            new_address("10.8.0.1", REQUEST | CREATE) + new_address("10.8.0.2", REQUEST | CREATE | ECHO)
        )
        echoed = drained(sock)

        listed = addresses_in(dumped(sock, get_addresses()))
        assert observe("echoed_and_listed", [addresses_in(echoed), listed]) == [
            ["10.8.0.2"],
            ["127.0.0.1", "10.8.0.1", "10.8.0.2"],
        ]


@claim(
    "netlink.7/NLM_F_ROOT/complete-table",
    sentence=("netlink.7/NLM_F_ROOT/complete", "netlink.h/NLM_F_ROOT/get"),
    section="DESCRIPTION",
    says="With NLM_F_ROOT a request to NETLINK_ROUTE for one interface has all interfaces listed instead.",
)
def test_root_lists_the_whole_table(ns, observe):
    ns.add_veth("left", "right")
    with netlink_socket() as sock:
        one = len(asked(sock, get_link(REQUEST)))
        every = types(about(dumped(sock, get_link(REQUEST | ROOT)), "lo", "left", "right")).count(NEWLINK)

        assert observe("without_and_with", [one, every]) == [1, 3]


@claim(
    "netlink.7/NLM_F_MATCH/not-implemented",
    sentence="netlink.7/NLM_F_MATCH/not-implemented",
    section="DESCRIPTION",
    says="NLM_F_MATCH is not implemented: with it, alone or beside NLM_F_ROOT, a request to NETLINK_ROUTE "
    "for the IPv4 addresses of one interface lists those of all.",
)
@pytest.mark.parametrize("flags", [MATCH, ROOT | MATCH], ids=["alone", "with_root"])
def test_match_does_not_match(ns, observe, flags):
    ns.add_veth("left", "right")
    ns.add_address("left", "10.7.0.1/24")
    with netlink_socket() as sock:
        listed = addresses_in(dumped(sock, get_addresses(REQUEST | flags, index=LOOPBACK)))

        assert observe("listed", sorted(listed)) == ["10.7.0.1", "127.0.0.1"]


@claim(
    "netlink.7/NLM_F_ATOMIC/privilege",
    sentence="netlink.7/NLM_F_ATOMIC/privilege",
    section="DESCRIPTION",
    says="A dump of the interfaces by NETLINK_ROUTE with NLM_F_ATOMIC takes CAP_NET_ADMIN or the effective "
    "user id 0; user 65534 has an error instead.",
    needs=[ANOTHER_USER],
    expect=differs(
        "the flag is not looked at, and all are listed",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"types": [NEWLINK, NLMSG_DONE]},
    ),
)
def test_atomic_takes_a_privilege(ns, observe):
    def listed():
        with netlink_socket() as sock:
            return types(about(dumped(sock, get_link(REQUEST | DUMP | ATOMIC)), "lo"))

    allowed = listed()
    of_another_user = as_user(NOBODY, listed)

    assert [observe("allowed", allowed), observe("types", of_another_user)] == [
        [NEWLINK, NLMSG_DONE],
        [NLMSG_ERROR],
    ]


@claim(
    "netlink.7/NLM_F_CREATE/creates",
    sentence=("netlink.7/NLM_F_CREATE/missing", "netlink.h/NLM_F_CREATE/new"),
    section="DESCRIPTION",
    says="With NLM_F_CREATE an IPv4 route that is not there is made by RTM_NEWROUTE, and without it is not: "
    "ENOENT.",
)
def test_create_makes_what_is_missing(ns, observe):
    with netlink_socket() as sock:
        without = [acknowledged(sock, new_route(ACK)).error, routes(sock)]
        with_ = [acknowledged(sock, new_route(CREATE | ACK)).error, routes(sock)]

        assert observe("without_and_with", [without, with_]) == [[-errno.ENOENT, []], [0, [[4, 7]]]]


@claim(
    "netlink.7/NLM_F_EXCL/leaves",
    sentence=("netlink.7/NLM_F_EXCL/exists", "netlink.h/NLM_F_CREATE/new"),
    section="DESCRIPTION",
    says="With NLM_F_EXCL beside NLM_F_CREATE and NLM_F_REPLACE an IPv4 route that is there is not replaced "
    "by RTM_NEWROUTE: EEXIST; without it is.",
)
def test_excl_does_not_replace(ns, observe):
    with netlink_socket() as sock:
        sock.send(new_route(CREATE, protocol=4))
        excluded = [
            acknowledged(sock, new_route(CREATE | REPLACE | EXCL | ACK, protocol=5)).error,
            routes(sock),
        ]
        replaced = [acknowledged(sock, new_route(CREATE | REPLACE | ACK, protocol=5)).error, routes(sock)]

        assert observe("with_and_without", [excluded, replaced]) == [
            [-errno.EEXIST, [[4, 7]]],
            [0, [[5, 7]]],
        ]


@claim(
    "netlink.7/NLM_F_REPLACE/replaces",
    sentence=("netlink.7/NLM_F_REPLACE/existing", "netlink.h/NLM_F_CREATE/new"),
    section="DESCRIPTION",
    says="With NLM_F_REPLACE an IPv4 route that is there is replaced by RTM_NEWROUTE, and one of another "
    "metric stays.",
)
def test_replace_replaces_what_matches(ns, observe):
    with netlink_socket() as sock:
        sock.send(new_route(CREATE, metric=7) + new_route(CREATE, metric=8))
        before = routes(sock)
        error = acknowledged(sock, new_route(REPLACE | ACK, metric=8, protocol=5)).error

        assert observe("before_error_after", [before, error, routes(sock)]) == [
            [[4, 7], [4, 8]],
            0,
            [[4, 7], [5, 8]],
        ]


@claim(
    "netlink.7/NLM_F_APPEND/at-end",
    sentence=("netlink.7/NLM_F_APPEND/end", "netlink.h/NLM_F_CREATE/new"),
    section="DESCRIPTION",
    says="With NLM_F_APPEND beside NLM_F_CREATE an IPv4 route is added behind those to the same network with "
    "the same metric, and without it in front of them.",
)
def test_append_adds_at_the_end(ns, observe):
    with netlink_socket() as sock:
        sock.send(new_route(CREATE, protocol=4))
        sock.send(new_route(CREATE, protocol=5))
        sock.send(new_route(CREATE | APPEND, protocol=6))

        assert observe("protocols", [protocol for protocol, _ in routes(sock)]) == [5, 4, 6]


@claim(
    "netlink.7/addresses/kernel",
    sentence="netlink.7/nl_pid/kernel",
    section="Address formats",
    says="nl_pid is 0 where the kernel is the destination: what is sent there is answered, and the answer "
    "comes from 0.",
)
def test_port_0_is_the_kernel(ns, observe):
    with netlink_socket() as sock:
        sock.sendto(get_link(), Netlink(0))
        address = sock.recvfrom(65536)[1]

        assert observe("from", list(address)) == [0, 0]


def add_many(changer: Socket) -> None:
    """Add so many IPv4 addresses that a dump of them takes several datagrams."""
    for number in range(MANY):
        changer.send(new_address(f"10.8.{number // 250}.{number % 250 + 1}"))


@claim(
    "netlink.7/NLM_F_ATOMIC/snapshot",
    sentence="netlink.7/NLM_F_ATOMIC/snapshot",
    section="DESCRIPTION",
    says="A dump of the IPv4 addresses by NETLINK_ROUTE with NLM_F_ATOMIC is a snapshot: an address that is "
    "added when the first of several datagrams has been received is not in it.",
    expect=differs(
        "the flag is not looked at, and the address is in it",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"first_error_and_more": [True, 0, 1]},
    ),
)
def test_an_atomic_dump_is_a_snapshot(ns, observe):
    with netlink_socket() as sock, netlink_socket() as changer:
        add_many(changer)
        first = asked(sock, get_addresses(REQUEST | DUMP | ATOMIC))
        error = acknowledged(changer, new_address("10.9.0.1", REQUEST | ACK | CREATE)).error
        listed = addresses_in([*first, *drained(sock)])

    seen = [0 < len(addresses_in(first)) < MANY, error, len(listed) - MANY - 1]
    assert observe("first_error_and_more", seen) == [True, 0, 0]
