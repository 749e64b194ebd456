"""Options of who routes multicast over IPv6: which socket has them."""

from __future__ import annotations

import errno
import socket
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import MULTICAST_ROUTING_IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import answer, option_got, option_set
from conformance.plugin.setups.ipv6 import raw6
from conformance.plugin.setups.sockets import SOCKETS
from netns import Capability

INIT, DONE, VERSION, ASSERT, NO_OPTION = (
    (socket.IPPROTO_IPV6, number) for number in (200, 201, 206, 207, 209)
)
ONE = (1).to_bytes(4, sys.byteorder)
NEEDS = (MULTICAST_ROUTING_IPV6, Capability.NET_RAW, Capability.NET_ADMIN)


@claim(
    "defacto/MRT6_INIT/icmpv6-alone",
    says="MRT6_INIT and MRT6_VERSION of a TCP or UDP socket over IPv6, or a raw one of another protocol than "
    "ICMPv6, can neither be set nor read: EOPNOTSUPP; a raw ICMPv6 socket can set the former, and "
    "MRT6_DONE then, once, and reads 0x305.",
    since="2.6.26",
    commit="7bc570c8b4f7",
    needs=NEEDS,
)
@pytest.mark.parametrize("kind", ["tcp6", "udp6", "raw6"])
def test_a_router_of_multicast_speaks_icmpv6(ns, observe, kind):
    with SOCKETS[kind]() as other, raw6(socket.IPPROTO_ICMPV6) as sock:
        with refused(errno.EOPNOTSUPP):
            option_set(other.fileno(), INIT, ONE)
        with refused(errno.EOPNOTSUPP, "errno_of_read"):
            option_got(other.fileno(), VERSION)
        option_set(sock.fileno(), INIT, ONE)
        option_set(sock.fileno(), DONE, ONE)
        with refused(errno.EACCES, "errno_done"):
            option_set(sock.fileno(), DONE, ONE)

        assert observe("version", option_got(sock.fileno(), VERSION).hex()) == "05030000"


@claim(
    "defacto/MRT6_INIT/one-router",
    says="While a raw ICMPv6 socket has MRT6_INIT another is refused it, EADDRINUSE; once the first has set "
    "MRT6_DONE, or is closed, the other can. MRT6_DONE is refused with EACCES to who is none.",
    since="2.6.26",
    commit="7bc570c8b4f7",
    needs=NEEDS,
)
@pytest.mark.parametrize("done", [True, False], ids=["done", "closed"])
def test_there_is_one_router(ns, observe, done):
    with raw6(socket.IPPROTO_ICMPV6) as first, raw6(socket.IPPROTO_ICMPV6) as second:
        option_set(first.fileno(), INIT, ONE)
        with refused(errno.EADDRINUSE):
            option_set(second.fileno(), INIT, ONE)
        with refused(errno.EACCES, "errno_done"):
            option_set(second.fileno(), DONE, ONE)
        ENDS[done](first)
        option_set(second.fileno(), INIT, ONE)

        done_twice = [answer(lambda: option_set(second.fileno(), DONE, ONE)) for _ in range(2)]
        assert observe("done_twice", done_twice) == ["done", "EACCES"]


ENDS = {True: lambda sock: option_set(sock.fileno(), DONE, ONE), False: lambda sock: sock.close()}
"""How a router ends."""
