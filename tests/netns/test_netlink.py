from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable, Iterator

import pytest
from pyroute2.netlink.diag import SOCK_DIAG_BY_FAMILY, inet_diag_msg, inet_diag_req
from pyroute2.netlink.rtnl import (
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTMGRP_IPV4_IFADDR,
    RTMGRP_LINK,
)
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from netns import Namespace, in_child
from netns.netlink import (
    NETLINK_EXT_ACK,
    NLM_F_CREATE,
    NLM_F_DUMP,
    SOL_NETLINK,
    ExtendedAck,
    NetlinkError,
    attribute,
    batch,
    message,
    receive,
    request,
)

NETLINK_CAP_ACK = 10
NETLINK_GET_STRICT_CHK = 12
NETLINK_SOCK_DIAG = 4

NLMSG_HDRLEN = 16
IFINFOMSG = struct.Struct("=BxHiII")
IFADDRMSG = struct.Struct("=BBBBI")
IFLA_MTU, IFLA_IFNAME, IFLA_LINKINFO, IFLA_INFO_KIND = 4, 3, 18, 1
IFA_LOCAL = 2
LO = 1
MANY = 500
TCP_LISTEN = 10


def netlink(protocol: int = socket.NETLINK_ROUTE) -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)


@pytest.fixture
def route() -> Iterator[socket.socket]:
    """A socket of NETLINK_ROUTE in a namespace of its own, where the test is too."""
    with Namespace(), netlink() as sock:
        sock.settimeout(60)
        yield sock


def mtu(octets: bytes) -> bytes:
    """A request that sets the MTU of loopback."""
    return message(RTM_NEWLINK, 0, IFINFOMSG.pack(0, 0, LO, 0, 0) + attribute(IFLA_MTU, octets))


def loopback_mtu(sock: socket.socket) -> int:
    (link,) = request(sock, message(RTM_GETLINK, 0, IFINFOMSG.pack(0, 0, LO, 0, 0))).decoded(ifinfmsg)
    return int(link.get("mtu"))


def new_address(number: int) -> bytes:
    header = IFADDRMSG.pack(socket.AF_INET, 32, 0, 0, LO)
    return message(RTM_NEWADDR, NLM_F_CREATE, header + attribute(IFA_LOCAL, struct.pack("!I", number)))


def add_many_addresses(sock: socket.socket) -> None:
    """So many that their dump takes several datagrams; one by one, so that the answers find room."""
    for number in range(MANY):
        request(sock, new_address(0x7F01_0000 + number))


def addresses_of(index: int, *, prefix: int = 0) -> bytes:
    return message(RTM_GETADDR, NLM_F_DUMP, IFADDRMSG.pack(socket.AF_INET, prefix, 0, 0, index))


def test_a_request_of_pyroute2_is_sent_and_its_dump_read(route: socket.socket) -> None:
    wanted = ifinfmsg()
    wanted["header"].update(type=RTM_GETLINK, flags=NLM_F_DUMP)

    listed = [request(route, wanted).decoded(ifinfmsg) for _ in range(2)]

    assert [[link.get("ifname") for link in links] for links in listed] == [["lo"], ["lo"]]


def test_a_dump_of_several_datagrams_is_read_to_its_end(route: socket.socket) -> None:
    add_many_addresses(route)

    reply = request(route, addresses_of(0))

    assert len(reply.messages) == 1 + MANY
    assert not reply.interrupted


def test_a_dump_during_which_something_changes_is_interrupted(route: socket.socket) -> None:
    class Late(socket.socket):
        """Receives only after another socket has added an address."""

        def recvmsg(self, *arguments: int) -> tuple[bytes, list[tuple[int, int, bytes]], int, object]:
            request(route, new_address(next(numbers)))
            return super().recvmsg(*arguments)

    numbers = iter(range(0x7F02_0000, 0x7F03_0000))
    add_many_addresses(route)
    with Late(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        reply = request(sock, addresses_of(0))

    assert reply.interrupted


def test_a_change_is_acknowledged(route: socket.socket) -> None:
    reply = request(route, mtu(struct.pack("=I", 1400)))

    assert (reply.messages, reply.ack, loopback_mtu(route)) == ([], ExtendedAck(), 1400)


def test_a_refusal_has_the_errno_alone_unless_the_socket_asks(route: socket.socket) -> None:
    with pytest.raises(NetlinkError) as refusal:
        request(route, mtu(b"\x05"))

    assert (refusal.value.errno, refusal.value.ack) == (errno.ERANGE, ExtendedAck())


@pytest.mark.parametrize("capped", [0, 1])
def test_an_extended_ack_says_why_and_where(route: socket.socket, capped: int) -> None:
    route.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
    route.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, capped)

    with pytest.raises(NetlinkError, match="policy") as refusal:
        request(route, mtu(b"\x05"))

    assert refusal.value.ack.text
    assert refusal.value.ack.text in str(refusal.value)
    assert refusal.value.ack.offset == NLMSG_HDRLEN + IFINFOMSG.size


def test_a_refusal_comes_out_of_a_child_whole() -> None:
    def refused() -> None:
        with Namespace(), netlink() as sock:
            sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
            request(sock, mtu(b"\x05"))

    with pytest.raises(NetlinkError) as refusal:
        in_child(refused)

    assert refusal.value.ack.offset == NLMSG_HDRLEN + IFINFOMSG.size


def test_a_refusal_in_a_batch_stops_none_after_it(route: socket.socket) -> None:
    with pytest.raises(NetlinkError) as refusal:
        batch(route, [mtu(b"\x05"), mtu(struct.pack("=I", 1400))])

    assert (refusal.value.errno, loopback_mtu(route)) == (errno.ERANGE, 1400)


def test_each_request_of_a_batch_has_its_own_replies(route: socket.socket) -> None:
    get = message(RTM_GETLINK, 0, IFINFOMSG.pack(0, 0, LO, 0, 0))

    replies = batch(route, [get, mtu(struct.pack("=I", 1400)), addresses_of(0), get])

    assert [len(reply.messages) for reply in replies] == [1, 0, 1, 1]
    assert [replies[at].decoded(ifinfmsg)[0].get("mtu") for at in (0, 3)] == [65536, 1400]


def test_events_are_no_replies(route: socket.socket) -> None:
    route.bind((0, RTMGRP_LINK))

    replies = batch(route, [mtu(struct.pack("=I", 1400)), addresses_of(0)])

    assert [len(reply.messages) for reply in replies] == [0, 1]


def test_event_that_another_caused_with_the_same_number_is_no_reply(route: socket.socket) -> None:
    route.bind((0, RTMGRP_IPV4_IFADDR))
    lo = message(RTM_GETLINK, 0, IFINFOMSG.pack(0, 0, LO, 0, 0))
    (before,) = request(route, lo).messages
    address = bytearray(message(RTM_NEWADDR, NLM_F_CREATE, IFADDRMSG.pack(2, 32, 0, 0, LO)))
    address += attribute(IFA_LOCAL, bytes([10, 0, 0, 1]))
    struct.pack_into("=IHHI", address, 0, len(address), RTM_NEWADDR, 0x405, before.sequence + 1)
    with netlink() as other:
        other.send(address)
        other.recv(100)

    assert [each.type for each in request(route, lo).messages] == [RTM_NEWLINK]


def test_events_are_received(route: socket.socket) -> None:
    route.bind((0, RTMGRP_LINK))
    with netlink() as other:
        request(other, mtu(struct.pack("=I", 1400)))

    (event,) = receive(route)

    assert (event.type, event.decoded(ifinfmsg).get("mtu")) == (RTM_NEWLINK, 1400)


@pytest.mark.parametrize(("strict", "found"), [(0, ["10.0.0.1", "127.0.0.1"]), (1, ["10.0.0.1"])])
def test_a_dump_is_filtered_where_checking_is_strict(strict: int, found: list[str]) -> None:
    with Namespace() as ns, netlink() as sock:
        ns.add_veth("eth0", "eth1")
        ns.add_address("eth0", "10.0.0.1/24")
        sock.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, strict)

        listed = request(sock, addresses_of(socket.if_nametoindex("eth0"))).decoded(ifaddrmsg)

    assert sorted(row.get("address") for row in listed) == found


def test_a_dump_that_is_refused_says_why(route: socket.socket) -> None:
    route.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
    route.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)

    with pytest.raises(NetlinkError, match="header") as refusal:
        request(route, addresses_of(0, prefix=8))

    assert refusal.value.errno == errno.EINVAL


def test_sock_diag_lists_a_listening_socket() -> None:
    wanted = inet_diag_req()
    wanted["header"].update(type=SOCK_DIAG_BY_FAMILY, flags=NLM_F_DUMP)
    wanted["sdiag_family"], wanted["sdiag_protocol"] = int(socket.AF_INET), socket.IPPROTO_TCP
    wanted["idiag_states"] = 1 << TCP_LISTEN
    with (
        Namespace(),
        socket.create_server(("127.0.0.1", 0)) as server,
        netlink(NETLINK_SOCK_DIAG) as diag,
    ):
        (row,) = request(diag, wanted).decoded(inet_diag_msg)

        assert (row["idiag_state"], row["idiag_sport"]) == (TCP_LISTEN, server.getsockname()[1])


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (bytes(20), errno.EBADMSG),
        (struct.pack("=IHHII", 99, 2, 0, 0, 0), errno.EBADMSG),
        (bytes(65537), errno.EMSGSIZE),
    ],
)
def test_what_is_no_netlink_message_is_an_error(octets: bytes, code: int) -> None:
    left, right = socket.socketpair(type=socket.SOCK_DGRAM)
    with left, right:
        left.send(octets)

        with pytest.raises(OSError, match=r"netlink") as refusal:
            receive(right)

    assert refusal.value.errno == code


@pytest.mark.parametrize(
    "make",
    [
        lambda: _request(b"short"),
        lambda: message(1 << 16, 0, b""),
        lambda: attribute(-1, b""),
        lambda: attribute(1, bytes(1 << 16)),
    ],
    ids=["request", "message", "type", "value"],
)
def test_what_is_no_message_is_a_value_error(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"bytes|format|range"):
        make()


def _request(data: bytes) -> object:
    with netlink() as sock:
        return request(sock, data)


def test_no_request_is_no_reply() -> None:
    with netlink() as sock:
        assert batch(sock, []) == []
