"""TCP_ZEROCOPY_RECEIVE: what is received and cannot be mapped, since it fills no page."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.readiness import await_end, await_readable
from conformance.plugin.setups.zerocopy import mapped, receive, receive_copied
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
