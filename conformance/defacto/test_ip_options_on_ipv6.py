"""IP_OPTIONS of TCP sockets over IPv6, which count where the peer has an address of IPv4."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.setups.ipv6 import tcp6
from conformance.plugin.setups.listeners import listening
from libsocket import Socket

NOTHING = bytes([1] * 4)
"""Four options that mean nothing."""
MAPPED = "::ffff:127.0.0.1"


def room_taken(sock: Socket) -> list[str | int]:
    """What setting 4 bytes of options, and then none, reads as each time, and makes TCP_MAXSEG less by."""
    before = sock.tcp_maxseg
    sock.ip_options = NOTHING
    found: list[str | int] = [sock.ip_options.hex(), before - sock.tcp_maxseg]
    sock.ip_options = b""
    return [*found, sock.ip_options.hex(), before - sock.tcp_maxseg]


@claim(
    "defacto/IP_OPTIONS/mapped",
    says="Setting IP_OPTIONS of 4 bytes on a TCP connection over IPv4, or one that a socket over IPv6 has to "
    "a mapped address, makes its TCP_MAXSEG 4 bytes less where an MTU of 1500 limits it, and setting none "
    "the same as before; it does so for one that was connected to ::1, too, whose packets have no such "
    "options.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize(
    ("make", "here", "to"),
    [(Socket.tcp, "127.0.0.1", "127.0.0.1"), (tcp6, "127.0.0.1", MAPPED), (tcp6, "::1", "::1")],
    ids=["ipv4", "mapped", "ipv6"],
)
def test_options_take_room(ns, observe, make, here, to):
    ns.set_link("lo", mtu=1500)
    with listening(here) as listener, make() as sock:
        sock.connect((to, listener.getsockname()[1]))

        assert observe("options_and_less", room_taken(sock)) == [NOTHING.hex(), 4, "", 0]


@claim(
    "defacto/IP_OPTIONS/mapped-accepted",
    says="Setting IP_OPTIONS of 4 bytes on a connection that a TCP socket over IPv6 accepted from 127.0.0.1 "
    "makes its TCP_MAXSEG 4 bytes less where an MTU of 1500 limits it; that of one from ::1 stays.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize(
    ("make", "to", "less"), [(Socket.tcp, "127.0.0.1", 4), (tcp6, "::1", 0)], ids=["mapped", "ipv6"]
)
def test_options_of_what_is_accepted_take_room(ns, observe, make, to, less):
    ns.set_link("lo", mtu=1500)
    with listening("::") as listener, make() as client:
        client.connect((to, listener.getsockname()[1]))
        with listener.accept()[0] as accepted:
            assert observe("options_and_less", room_taken(accepted)) == [NOTHING.hex(), less, "", 0]


@claim(
    "defacto/IP_OPTIONS/mapped-later",
    says="IP_OPTIONS of 4 bytes that a new TCP socket over IPv6 has makes the TCP_MAXSEG of its connection "
    "to a mapped address 4 bytes less than one has without.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_options_of_a_new_socket_take_room(ns, observe):
    ns.set_link("lo", mtu=1500)
    with listening("127.0.0.1") as listener, tcp6() as sock, tcp6() as without:
        sock.ip_options = NOTHING
        sock.connect((MAPPED, listener.getsockname()[1]))
        without.connect((MAPPED, listener.getsockname()[1]))

        assert observe("less", without.tcp_maxseg - sock.tcp_maxseg) == 4
