"""EFAULT of options whose value cannot be read back, or is read once: each is tried in a way of its own."""

from __future__ import annotations

import errno
import os
import socket
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER, IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import (
    NOWHERE,
    answer,
    option_got,
    option_got_at,
    option_got_to,
    option_set,
)
from conformance.plugin.setups.flow_labels import FLOWLABEL_MGR, label_read, label_request
from conformance.plugin.setups.ipv6 import LOOPBACK, OPTIONS, packet_options
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.netlink import memberships, netlink_socket
from conformance.plugin.setups.places import ending_memory, read_only_memory, room
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.zerocopy import mapped
from conformance.plugin.timing import SOON
from libsocket import (
    IP_MSFILTER as MSFILTER,
)
from libsocket import (
    IPV6_2292PKTOPTIONS,
    IPV6_HOPOPTS,
    IPV6_PKTINFO,
    NETLINK_ADD_MEMBERSHIP,
    NETLINK_LIST_MEMBERSHIPS,
    SO_PEERGROUPS,
    SO_PEERPIDFD,
    TCP_SAVED_SYN,
    TCP_ULP,
    TCP_ZEROCOPY_RECEIVE,
    In6FlowlabelReq,
    IpMsfilter,
    Option,
    Socket,
    TcpZerocopyReceive,
)
from netns import Capability, in_child

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
VALUE_AND_LENGTH = ("getsockopt.2/EFAULT/optval", "getsockopt.2/EFAULT/optlen")
MEMORY = pytest.mark.parametrize(
    "memory", [(False, True), (True, False), (False, False)], ids=["value", "length", "both"]
)
PLACES = pytest.mark.parametrize(
    ("value", "length"),
    [(None, "rw"), ("rw", None), (None, None), ("r", "rw"), ("rw", "r")],
    ids=["value", "length", "both", "value-written", "length-written"],
)
"""Where they are, as :func:`places` has it."""
GROUP, SENDER = socket.inet_aton("239.1.2.3"), socket.inet_aton("127.0.0.1")
IP_MSFILTER, IP_UNBLOCK_SOURCE, IP_BLOCK_SOURCE = 41, 37, 38
IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_SOURCE_MEMBERSHIP = 39, 40
IP_OPTIONS, IP_PKTOPTIONS = 4, 9
IPV6_RTHDR, IPV6_DSTOPTS, HOPOPTS_2292 = 57, 59, 3


def place(option: Option[Any]) -> tuple[int, int]:
    """Its level and number."""
    return option.level, option.number


def word(number: int) -> bytes:
    return number.to_bytes(4, sys.byteorder)


def set_ip(sock: Socket, *options: tuple[int, bytes | int, int]) -> None:
    """Set options of IP: the number, the value or where it is, and its size."""
    for number, value, size in options:
        option_set(sock.fileno(), (socket.IPPROTO_IP, number), value, size)


def places(data: bytes, kind: str | None) -> AbstractContextManager[int]:
    """Where some data is: in memory (``rw``), in some that is not to be written (``r``), or nowhere."""
    if kind is None:
        return nullcontext(NOWHERE)
    return read_only_memory(data) if kind == "r" else room(data)


def beginning(data: bytes, there: int) -> AbstractContextManager[int]:
    """Where the memory ends after so many bytes, or none is."""
    return ending_memory(data[:there]) if there else nullcontext(NOWHERE)


def lowest_free() -> int:
    """The number that the next descriptor of this process will have."""
    free = os.dup(0)
    os.close(free)
    return free


@claim(
    "getsockopt.2/EFAULT/set-tcp-ulp",
    sentence="getsockopt.2/EFAULT/optval",
    section="ERRORS",
    says="Setting TCP_ULP of a TCP connection, over IPv4 and IPv6, from where there is no memory fails with "
    "EFAULT, and from memory that ends within the name too; a name that is there and is unknown with ENOENT.",
    since="4.13",
    needs=[IPV6],
)
@FAMILIES
def test_a_name_needs_memory(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    with left, right, ending_memory(b"no_such") as ends, ending_memory(b"no_such\0") as whole:
        with refused(errno.EFAULT):
            option_set(left.fileno(), place(TCP_ULP), NOWHERE, 8)
        with refused(errno.EFAULT, "errno_ends"):
            option_set(left.fileno(), place(TCP_ULP), ends, 8)
        there = answer(lambda: option_set(left.fileno(), place(TCP_ULP), whole, 8))

        assert observe("there", there) == "ENOENT"


@claim(
    "getsockopt.2/EFAULT/read-so-peerpidfd",
    sentence=VALUE_AND_LENGTH,
    section="ERRORS",
    says="Reading SO_PEERPIDFD of a UNIX stream, datagram or seqpacket socketpair fails with EFAULT where "
    "its value, its length or both are where there is no memory, and leaves no descriptor open; with memory "
    "it gives one.",
    since="6.5",
)
@MEMORY
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
def test_no_descriptor_is_left(ns, observe, kind, memory):
    left, right = Socket.pair(kind)
    with left, right:
        before = lowest_free()
        with refused(errno.EFAULT):
            option_got_to(left.fileno(), place(SO_PEERPIDFD), *memory)
        same = lowest_free() == before
        with left.peerpidfd as found:
            given = found.fileno() == before

        assert observe("same_and_given", [same, given]) == [True, True]


def read_groups(value: bool, length: bool) -> list[str]:
    """What reading SO_PEERGROUPS of a pair that has two groups gives with no memory, and with memory."""
    os.setgroups([7, 9])
    left, right = Socket.pair()
    with left, right:
        lacking = answer(lambda: option_got_to(left.fileno(), place(SO_PEERGROUPS), value, length, room=8))
        return [lacking, answer(lambda: option_got(left.fileno(), place(SO_PEERGROUPS), 8))]


@claim(
    "getsockopt.2/EFAULT/read-so-peergroups",
    sentence=VALUE_AND_LENGTH,
    section="ERRORS",
    says="Reading SO_PEERGROUPS of a UNIX stream socketpair, whose process has two groups, fails with EFAULT "
    "where its value, its length or both are where there is no memory; with memory it gives 8 bytes.",
    since="4.13",
    needs=[ANOTHER_USER],
)
@MEMORY
def test_groups_need_memory(ns, observe, memory):
    found = in_child(lambda: read_groups(*memory))

    assert observe("lacking_and_there", found) == ["EFAULT", "8 bytes"]


@claim(
    "getsockopt.2/EFAULT/read-tcp-saved-syn",
    sentence=VALUE_AND_LENGTH,
    section="ERRORS",
    says="Reading TCP_SAVED_SYN of an accepted TCP connection, over IPv4 and IPv6, fails with EFAULT where "
    "its value, its length or both are where there is no memory, and the SYN can still be read.",
    since="4.2",
    needs=[IPV6],
)
@MEMORY
@pytest.mark.parametrize(("host", "version"), [("127.0.0.1", 4), ("::1", 6)], ids=["ipv4", "ipv6"])
def test_a_syn_that_found_no_memory_stays(ns, observe, host, version, memory):
    with listening(host) as listener:
        listener.tcp_save_syn = 1
        with pending_connection(listener), listener.accept()[0] as accepted:
            with refused(errno.EFAULT):
                option_got_to(accepted.fileno(), place(TCP_SAVED_SYN), memory[0], memory[1], room=200)

            assert observe("version", accepted.tcp_saved_syn[0] >> 4) == version


@claim(
    "getsockopt.2/EFAULT/read-tcp-zerocopy-receive",
    sentence=VALUE_AND_LENGTH,
    section="ERRORS",
    says="Reading TCP_ZEROCOPY_RECEIVE of a TCP connection, over IPv4 and IPv6, at which 5 bytes wait, fails "
    "with EFAULT where its value, its length or both are where there is no memory; with memory it tells of "
    "the 5.",
    since="4.18",
    needs=[IPV6],
)
@MEMORY
@FAMILIES
def test_a_request_needs_memory(ns, observe, family, memory):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver, mapped(receiver) as address:
        receiver.rcvtimeo = SOON
        sender.send(b"12345")
        receiver.recv(1, socket.MSG_PEEK)
        with refused(errno.EFAULT):
            option_got_to(receiver.fileno(), place(TCP_ZEROCOPY_RECEIVE), memory[0], memory[1], room=24)
        told = receiver.get(
            TCP_ZEROCOPY_RECEIVE, request=TcpZerocopyReceive(address=address, length=4096)
        ).recv_skip_hint

        assert observe("told", told) == 5


WHOLE = GROUP + SENDER + SENDER
"""A struct ip_mreq_source, whose first 8 bytes are a struct ip_mreq as well."""
JOIN, JOIN_SENDER, BLOCK = (35, WHOLE, 8), (IP_ADD_SOURCE_MEMBERSHIP, WHOLE, 12), (IP_BLOCK_SOURCE, WHOLE, 12)


@claim(
    "getsockopt.2/EFAULT/set-ip-source-membership",
    sentence="getsockopt.2/EFAULT/optval",
    section="ERRORS",
    says="Setting IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_SOURCE_MEMBERSHIP, IP_BLOCK_SOURCE or IP_UNBLOCK_SOURCE "
    "of a UDP socket over IPv4 from where there is no memory, or where that ends after 11 of 12 bytes, fails "
    "with EFAULT, and does nothing: from memory it can be set then, once.",
)
@pytest.mark.parametrize(
    ("before", "option", "number"),
    [
        ([], IP_ADD_SOURCE_MEMBERSHIP, "EADDRNOTAVAIL"),
        ([JOIN_SENDER], IP_DROP_SOURCE_MEMBERSHIP, "EINVAL"),
        ([JOIN], IP_BLOCK_SOURCE, "EADDRNOTAVAIL"),
        ([JOIN, BLOCK], IP_UNBLOCK_SOURCE, "EADDRNOTAVAIL"),
    ],
    ids=["add", "drop", "block", "unblock"],
)
def test_a_sender_needs_memory(ns, observe, before, option, number):
    with Socket.udp() as sock, ending_memory(WHOLE[:11]) as ends:
        set_ip(sock, *before)
        with refused(errno.EFAULT):
            set_ip(sock, (option, NOWHERE, 12))
        with refused(errno.EFAULT, "errno_ends"):
            set_ip(sock, (option, ends, 12))
        first = answer(lambda: set_ip(sock, (option, WHOLE, 12)))
        again = answer(lambda: set_ip(sock, (option, WHOLE, 12)))

        assert observe("first_and_again", [first, again]) == ["done", number]


FILTER = GROUP + SENDER + word(1) + word(1) + SENDER
"""A struct ip_msfilter: the group, the interface, MCAST_INCLUDE, and one sender."""
REQUEST = IpMsfilter("239.1.2.3", "127.0.0.1")


@claim(
    "getsockopt.2/EFAULT/set-ip-msfilter",
    sentence="getsockopt.2/EFAULT/optval",
    section="ERRORS",
    says="Setting IP_MSFILTER of a UDP socket over IPv4 that joined the group from where there is no memory, "
    "or where that ends after 19 of 20 bytes, fails with EFAULT, and it has no filter then; from memory it "
    "is set.",
)
def test_a_filter_needs_memory(ns, observe):
    with Socket.udp() as sock, ending_memory(FILTER[:19]) as ends:
        set_ip(sock, JOIN)
        with refused(errno.EFAULT):
            set_ip(sock, (IP_MSFILTER, NOWHERE, 20))
        with refused(errno.EFAULT, "errno_ends"):
            set_ip(sock, (IP_MSFILTER, ends, 20))
        before = sock.get(MSFILTER, request=REQUEST)
        set_ip(sock, (IP_MSFILTER, FILTER, 20))
        after = sock.get(MSFILTER, request=REQUEST)

        assert observe("senders", [list(before.sources), list(after.sources)]) == [[], ["127.0.0.1"]]


@claim(
    "getsockopt.2/EFAULT/read-ip-msfilter",
    sentence=VALUE_AND_LENGTH,
    section="ERRORS",
    says="Reading IP_MSFILTER of a UDP socket over IPv4 that joined the group and has a filter fails with "
    "EFAULT where its value, its length or both are where there is no memory, or are not to be written; with "
    "memory the filter is read.",
)
@PLACES
def test_a_filter_is_read_into_memory(ns, observe, value, length):
    with Socket.udp() as sock, places(FILTER, value) as where, places(word(20), length) as size:
        set_ip(sock, JOIN, (IP_MSFILTER, FILTER, 20))
        with refused(errno.EFAULT):
            option_got_at(sock.fileno(), place(MSFILTER), where, size)

        assert observe("senders", list(sock.get(MSFILTER, request=REQUEST).sources)) == ["127.0.0.1"]


LABEL = 0x12345


@claim(
    "getsockopt.2/EFAULT/read-ipv6-flowlabel-mgr",
    sentence=VALUE_AND_LENGTH,
    section="ERRORS",
    says="Reading IPV6_FLOWLABEL_MGR of a TCP socket over IPv6 that was connected with a flow label that it "
    "leased fails with EFAULT where its value, its length or both are where there is no memory, or are not "
    "to be written; with memory the label is read.",
    since="3.14",
    needs=[IPV6],
)
@PLACES
def test_a_label_is_read_into_memory(ns, observe, value, length):
    with (
        listening("::1") as listener,
        Socket.tcp(socket.AF_INET6) as sock,
        places(label_request(), value) as where,
        places(word(32), length) as size,
    ):
        sock.ipv6_flowinfo_send = True
        sock.ipv6_flowlabel_mgr = In6FlowlabelReq("::1", LABEL, share=1, flags=1)
        sock.connect(("::1", listener.getsockname()[1], LABEL))
        with refused(errno.EFAULT):
            option_got_at(sock.fileno(), FLOWLABEL_MGR, where, size)

        assert observe("label", label_read(sock)[0]) == LABEL


STICKY = socket.inet_pton(socket.AF_INET6, "::1") + word(LOOPBACK)
"""A struct in6_pktinfo."""


@claim(
    "getsockopt.2/EFAULT/set-ipv6-pktinfo",
    sentence="getsockopt.2/EFAULT/optval",
    section="ERRORS",
    says="Setting IPV6_PKTINFO of a TCP socket over IPv6 from where there is no memory, or where that ends "
    "after 4 or 19 of 20 bytes, fails with EFAULT, and what IPV6_2292PKTOPTIONS reads of it with "
    "IPV6_RECVPKTINFO stays as it was; from memory it is set.",
    needs=[IPV6],
)
@pytest.mark.parametrize("there", [0, 4, 19])
def test_a_source_address_needs_memory(ns, observe, there):
    with Socket.tcp(socket.AF_INET6) as sock, beginning(STICKY, there) as where:
        sock.ipv6_recvpktinfo = True
        before = sock.get(IPV6_2292PKTOPTIONS)[16:]
        with refused(errno.EFAULT):
            option_set(sock.fileno(), place(IPV6_PKTINFO), where, 20)
        stays = sock.get(IPV6_2292PKTOPTIONS)[16:] == before
        option_set(sock.fileno(), place(IPV6_PKTINFO), STICKY)
        after = sock.get(IPV6_2292PKTOPTIONS)[16:36]

        assert observe("stays_and_set", [stays, after.hex()]) == [True, STICKY.hex()]


@claim(
    "getsockopt.2/EFAULT/set-ipv6-2292pktoptions",
    sentence="getsockopt.2/EFAULT/optval",
    section="ERRORS",
    says="Setting IPV6_2292PKTOPTIONS of a UDP socket to options by hops from where there is no memory, or "
    "where that ends after 4 or 23 of 24 bytes, fails with EFAULT, and IPV6_HOPOPTS reads none; from memory "
    "it has them.",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize("there", [0, 4, 23])
def test_options_need_memory(ns, observe, there):
    message = packet_options(HOPOPTS_2292, OPTIONS)
    with Socket.udp(socket.AF_INET6) as sock, beginning(message, there) as where:
        with refused(errno.EFAULT):
            option_set(sock.fileno(), place(IPV6_2292PKTOPTIONS), where, len(message))
        found = [sock.get(IPV6_HOPOPTS).hex()]
        option_set(sock.fileno(), place(IPV6_2292PKTOPTIONS), message)
        found.append(sock.get(IPV6_HOPOPTS).hex())

        assert observe("before_and_after", found) == ["", OPTIONS.hex()]


@claim(
    "getsockopt.2/return/ip-length-read-only",
    sentence=("getsockopt.2/return/value", "getsockopt.2/EFAULT/optlen"),
    section="RETURN VALUE",
    says="Reading IP_OPTIONS of a UDP socket over IPv4 that has none, or IP_PKTOPTIONS of a TCP socket over "
    "IPv4, returns -1, and EFAULT, where its length is in memory that is not to be written; else it gives no "
    "byte.",
    expect=differs(
        "getsockopt(2) returns 4, the bytes of the length that were not written (728f064cd7eb)",
        since="6.1",
        backports=("5.10.214", "5.15.153"),
        commit="728f064cd7eb",
        observed={"errno": None, "returned": 4},
    ),
)
@pytest.mark.parametrize(
    ("kind", "option"), [("udp", IP_OPTIONS), ("tcp", IP_PKTOPTIONS)], ids=["options", "pktoptions"]
)
def test_no_byte_of_ip_is_told(ns, observe, kind, option):
    with SOCKETS[kind]() as sock, room(bytes(64)) as value, read_only_memory(word(64)) as length:
        there = len(option_got(sock.fileno(), (socket.IPPROTO_IP, option), 64))
        with refused(errno.EFAULT):
            observe("returned", option_got_at(sock.fileno(), (socket.IPPROTO_IP, option), value, length))

        assert observe("there", there) == 0


@claim(
    "getsockopt.2/return/ipv6-length-read-only",
    sentence=("getsockopt.2/return/value", "getsockopt.2/EFAULT/optlen"),
    section="RETURN VALUE",
    says="Reading IPV6_HOPOPTS, IPV6_RTHDR or IPV6_DSTOPTS of a UDP socket, or IPV6_2292PKTOPTIONS of a TCP "
    "socket, over IPv6, which has none, returns -1, and EFAULT, where its length is in memory that is not to "
    "be written; else it gives no byte.",
    needs=[IPV6],
    expect=differs(
        "getsockopt(2) returns 4, the bytes of the length that were not written (6dadbe4bac68)",
        since="6.1",
        commit="6dadbe4bac68",
        observed={"errno": None, "returned": 4},
    ),
)
@pytest.mark.parametrize(
    ("kind", "option"),
    [
        ("udp6", IPV6_HOPOPTS.number),
        ("udp6", IPV6_RTHDR),
        ("udp6", IPV6_DSTOPTS),
        ("tcp6", IPV6_2292PKTOPTIONS.number),
    ],
    ids=["hopopts", "rthdr", "dstopts", "pktoptions"],
)
def test_no_byte_of_ipv6_is_told(ns, observe, kind, option):
    with SOCKETS[kind]() as sock, room(bytes(64)) as value, read_only_memory(word(64)) as length:
        there = len(option_got(sock.fileno(), (socket.IPPROTO_IPV6, option), 64))
        with refused(errno.EFAULT):
            observe("returned", option_got_at(sock.fileno(), (socket.IPPROTO_IPV6, option), value, length))

        assert observe("there", there) == 0


@claim(
    "getsockopt.2/EFAULT/read-netlink-list-memberships",
    sentence=VALUE_AND_LENGTH,
    section="ERRORS",
    says="Reading NETLINK_LIST_MEMBERSHIPS of a netlink socket of NETLINK_ROUTE that has joined a group "
    "fails with EFAULT where its value, its length or both are where there is no memory, or are not to be "
    "written; with memory it gives the group.",
    since="4.2",
)
@PLACES
def test_memberships_are_read_into_memory(ns, observe, value, length):
    with netlink_socket() as sock, places(word(0), value) as where, places(word(4), length) as size:
        sock.set(NETLINK_ADD_MEMBERSHIP, 2)
        with refused(errno.EFAULT):
            option_got_at(sock.fileno(), place(NETLINK_LIST_MEMBERSHIPS), where, size)

        assert observe("words", memberships(sock)[0]) == 2
