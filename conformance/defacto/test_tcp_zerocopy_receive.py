"""TCP_ZEROCOPY_RECEIVE: what is received and cannot be mapped, since it fills no page."""

from __future__ import annotations

import errno
import socket
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.readiness import await_end, await_readable
from conformance.plugin.setups.timestamps import stamping
from conformance.plugin.setups.zerocopy import (
    SIZE,
    mapped,
    receive,
    receive_copied,
    receive_ending,
    receive_in,
    receive_untold,
    receive_unwritten,
    receive_with_control,
)
from conformance.plugin.timing import SOON
from libsocket import Socket

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])


@claim(
    "defacto/TCP_ZEROCOPY_RECEIVE/less-than-a-page",
    sentence="tcp.h/TCP_ZEROCOPY_RECEIVE/length",
    says="TCP_ZEROCOPY_RECEIVE of a TCP connection, over IPv4 and IPv6, at which 5 bytes wait maps nothing "
    "(length 0), and they can still be read.",
    since="4.18",
    commit="05255b823a61",
)
@FAMILIES
def test_less_than_a_page_is_not_mapped(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver, mapped(receiver) as address:
        receiver.rcvtimeo = SOON
        sender.send(b"12345")
        await_readable(receiver)
        length = receive(receiver, address=address).length

        assert [observe("length", length), observe("rest", receiver.read_exact(5).decode())] == [0, "12345"]


@claim(
    "defacto/TCP_ZEROCOPY_RECEIVE/copied",
    sentence=("tcp.h/TCP_ZEROCOPY_RECEIVE/recv_skip_hint", "tcp.h/TCP_ZEROCOPY_RECEIVE/copybuf"),
    says="TCP_ZEROCOPY_RECEIVE of a TCP connection, over IPv4 and IPv6, at which 5 bytes wait copies them to "
    "a buffer that it is given (copybuf) if it has room for all of them, and else leaves them to be read "
    "(recv_skip_hint 5).",
    since="5.11",
    commit="18fb76ed5386",
)
@FAMILIES
@pytest.mark.parametrize(("size", "copied"), [(4, ""), (5, "12345"), (6, "12345")])
def test_what_is_not_mapped_is_copied(ns, observe, family, size, copied):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver, mapped(receiver) as address:
        sender.send(b"12345")
        await_readable(receiver)
        given, data = receive_copied(receiver, address=address, size=size)

        left = 5 - len(copied)
        seen = [given.length, given.recv_skip_hint, given.inq]
        assert [observe("copied", data.decode()), observe("length_hint_and_left", seen)] == [
            copied,
            [0, left, left],
        ]


@claim(
    "defacto/TCP_ZEROCOPY_RECEIVE/end",
    says="TCP_ZEROCOPY_RECEIVE of a TCP connection, over IPv4 and IPv6, whose end has come and of which all "
    "is read fails with EIO; before the end has come it does not.",
    since="4.18",
    commit="05255b823a61",
)
@FAMILIES
def test_the_end_is_an_error(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver, mapped(receiver) as address:
        before = receive(receiver, address=address).length
        sender.shutdown(socket.SHUT_WR)
        await_end(receiver)
        with refused(errno.EIO):
            receive(receiver, address=address)

        assert observe("length_before", before) == 0


@claim(
    "defacto/TCP_ZEROCOPY_RECEIVE/listener",
    says="TCP_ZEROCOPY_RECEIVE of a TCP listener, over IPv4 and IPv6, fails with ENOTCONN, and of what it "
    "accepted it does not.",
    since="4.18",
    commit="05255b823a61",
)
@HOSTS
def test_a_listener_has_nothing_to_map(ns, observe, host):
    with (
        listening(host) as listener,
        mapped(listener) as address,
        pending_connection(listener),
        listener.accept()[0] as accepted,
    ):
        with refused(errno.ENOTCONN):
            receive(listener, address=address)

        assert observe("length_of_accepted", receive(accepted, address=address).length) == 0


@claim(
    "defacto/TCP_ZEROCOPY_RECEIVE/page",
    says="TCP_ZEROCOPY_RECEIVE of a TCP connection, over IPv4 and IPv6, with an address that is not one of a "
    "page fails with EINVAL, and with that of the page it does not.",
    since="4.18",
    commit="05255b823a61",
)
@FAMILIES
def test_the_address_is_of_a_page(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver, mapped(receiver) as address:
        sender.send(b"12345")
        await_readable(receiver)
        with refused(errno.EINVAL):
            receive(receiver, address=address + 1)

        assert observe("length", receive(receiver, address=address).length) == 0


@claim(
    "defacto/TCP_ZEROCOPY_RECEIVE/up-to-a-field",
    sentence="tcp.h/TCP_ZEROCOPY_RECEIVE/inq",
    says="TCP_ZEROCOPY_RECEIVE of a TCP connection, over IPv4 and IPv6, at which 5 bytes wait tells inq to "
    "who gives the structure up to the end of inq, 20 bytes, or of a field behind it, err with 24 bytes, and "
    "leaves it as it was to who gives 21, 22 or 23.",
    since="5.7",
    commit="c8856c051454",
)
@pytest.mark.parametrize(("size", "inq"), [(20, 5), (21, 0), (22, 0), (23, 0), (24, 5)])
@FAMILIES
def test_a_field_is_given_whole(ns, observe, family, size, inq):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver, mapped(receiver) as address:
        sender.send(b"12345")
        await_readable(receiver)
        told, given = receive_in(receiver, size, address=address)

        assert observe("size_hint_and_inq", [told, given.recv_skip_hint, given.inq]) == [size, 5, inq]


@claim(
    "defacto/TCP_ZEROCOPY_RECEIVE/up-to-a-later-field",
    says="TCP_ZEROCOPY_RECEIVE of a TCP connection, over IPv4 and IPv6, at which 5 bytes wait tells inq to "
    "who gives the structure up to the end of a field behind err, 32, 36, 40, 48, 56, 60 or 64 bytes, and "
    "leaves it as it was to who gives 33, 39 or 55.",
    since="5.12",
    commit="7eeba1706eba",
)
@pytest.mark.parametrize(
    ("size", "inq"),
    [(32, 5), (33, 0), (36, 5), (39, 0), (40, 5), (48, 5), (55, 0), (56, 5), (60, 5), (64, 5)],
)
@FAMILIES
def test_a_later_field_is_given_whole(ns, observe, family, size, inq):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver, mapped(receiver) as address:
        sender.send(b"12345")
        await_readable(receiver)
        told, given = receive_in(receiver, size, address=address)

        assert observe("size_hint_and_inq", [told, given.recv_skip_hint, given.inq]) == [size, 5, inq]


@claim(
    "defacto/TCP_ZEROCOPY_RECEIVE/longer",
    says="TCP_ZEROCOPY_RECEIVE of a TCP connection, over IPv4 and IPv6, at which 5 bytes wait is taken with "
    "more than the 64 bytes of its structure where those behind are 0, and tells 64 as the length; it is "
    "refused with EINVAL where one of them is not, and with EFAULT where there is no memory for them.",
    since="5.12",
    commit="3c5a2fd042d0",
)
@pytest.mark.parametrize("more", [1, 8, 100])
@FAMILIES
def test_what_is_behind_is_zero(ns, observe, family, more):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver, mapped(receiver) as address:
        sender.send(b"12345")
        await_readable(receiver)
        with refused(errno.EINVAL):
            receive_in(receiver, SIZE, address=address, behind=bytes(more - 1) + b"\1")
        with refused(errno.EFAULT, "errno_no_memory"):
            receive_ending(receiver, address=address, more=more)
        told, given = receive_in(receiver, SIZE, address=address, behind=bytes(more))

        assert observe("size_hint_and_inq", [told, given.recv_skip_hint, given.inq]) == [64, 5, 5]


@claim(
    "defacto/TCP_ZEROCOPY_RECEIVE/flags",
    says="TCP_ZEROCOPY_RECEIVE of a TCP connection, over IPv4 and IPv6, at which 5 bytes wait is refused "
    "with EINVAL where msg_flags has another bit than TCP_CMSG_TS (2); with that, and without a timestamp, "
    "it tells of the 5 and msg_flags is 0.",
    since="5.12",
    commit="3c5a2fd042d0",
)
@pytest.mark.parametrize("flags", [1, 3, 4, 2**31])
@FAMILIES
def test_unknown_flags_are_refused(ns, observe, family, flags):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver, mapped(receiver) as address:
        sender.send(b"12345")
        await_readable(receiver)
        with refused(errno.EINVAL):
            receive_in(receiver, SIZE, address=address, flags=flags)
        given = receive_in(receiver, SIZE, address=address, flags=2)[1]

        assert observe("inq_and_flags", [given.inq, given.msg_flags]) == [5, 0]


@claim(
    "defacto/TCP_ZEROCOPY_RECEIVE/not-written",
    says="TCP_ZEROCOPY_RECEIVE of a TCP connection, over IPv4 and IPv6, at which 5 bytes wait fails with "
    "EFAULT where the structure is in memory that is not to be written, and they stay to be received; "
    "elsewhere it tells of them.",
    since="4.18",
    commit="05255b823a61",
)
@FAMILIES
def test_the_structure_is_written(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver, mapped(receiver) as address:
        receiver.rcvtimeo = SOON
        sender.send(b"12345")
        await_readable(receiver)
        with refused(errno.EFAULT):
            receive_unwritten(receiver, address=address)
        told = receive(receiver, address=address).recv_skip_hint

        assert [observe("told", told), observe("rest", receiver.read_exact(5).decode())] == [5, "12345"]


@claim(
    "defacto/TCP_ZEROCOPY_RECEIVE/length-read-only",
    says="TCP_ZEROCOPY_RECEIVE of a TCP connection, over IPv4 and IPv6, at which 5 bytes wait fails with "
    "EFAULT where its length is in memory that is not to be written and is more than the structure has; with "
    "as much as that it tells of them, and does not write the length.",
    since="5.12",
    commit="3c5a2fd042d0",
)
@FAMILIES
def test_a_cut_length_is_written(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver, mapped(receiver) as address:
        receiver.rcvtimeo = SOON
        sender.send(b"12345")
        await_readable(receiver)
        with refused(errno.EFAULT):
            receive_untold(receiver, address=address, more=1)
        receive_untold(receiver, address=address, more=0)

        assert observe("rest", receiver.read_exact(5).decode()) == "12345"


SOL_SOCKET, SO_TIMESTAMP, MSG_CTRUNC = 1, 29, 8


@claim(
    "defacto/TCP_ZEROCOPY_RECEIVE/timestamp",
    says="TCP_ZEROCOPY_RECEIVE of a TCP connection, over IPv4 and IPv6, with SO_TIMESTAMP, which is asked to "
    "copy the 5 bytes that wait, and has TCP_CMSG_TS in msg_flags, puts the control message SO_TIMESTAMP to "
    "msg_control, with room for its 32 bytes or for more, and moves that behind it; with room for 15 it has "
    "none, and MSG_CTRUNC in msg_flags.",
    since="5.12",
    commit="7eeba1706eba",
)
@pytest.mark.parametrize(("room", "size", "flags"), [(15, 0, MSG_CTRUNC), (32, 32, 0), (100, 32, 0)])
@FAMILIES
def test_a_time_comes_along(ns, observe, *, family, room, size, flags):
    sender, receiver = Socket.tcp_pair(family)
    with stamping(), sender, receiver, mapped(receiver) as address:
        receiver.timestamp = True
        sender.send(b"12345")
        await_readable(receiver)
        data, control, flags_there = receive_with_control(receiver, address=address, size=5, room_for=room)
        kind = [int.from_bytes(control[at : at + 4], sys.byteorder) for at in (8, 12)] if control else []

        assert [observe("copied", data.decode()), observe("message", [len(control), kind, flags_there])] == [
            "12345",
            [size, [SOL_SOCKET, SO_TIMESTAMP] if size else [], flags],
        ]
