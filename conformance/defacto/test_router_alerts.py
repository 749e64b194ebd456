"""IP_ROUTER_ALERT and IPV6_ROUTER_ALERT that are set twice, or ended where they are not set."""

from __future__ import annotations

import errno
from socket import AF_INET6, IPPROTO_RAW

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.sockets import raw_socket
from libsocket import IP_ROUTER_ALERT, IPV6_ROUTER_ALERT, Socket
from netns import Capability

ISOLATED = {"no-op: setsockopt(*IPV6_ROUTER_ALERT_ISOLATE*": "it matters while other tests run beside it"}


@claim(
    "defacto/IP_ROUTER_ALERT/twice",
    says="Setting IP_ROUTER_ALERT of a raw socket over IPv4, of another protocol than IPPROTO_RAW, to 1 "
    "fails with EADDRINUSE where it has it, though another one can have it too, and to 0 with ENOBUFS "
    "where it has it not, as at first.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
def test_an_alert_is_asked_for_once(ns):
    with raw_socket() as sock, raw_socket() as other:
        other.set(IP_ROUTER_ALERT, True)
        with refused(errno.ENOBUFS, "errno_off_at_first"):
            sock.set(IP_ROUTER_ALERT, False)
        sock.set(IP_ROUTER_ALERT, True)
        with refused(errno.EADDRINUSE, "errno_on_twice"):
            sock.set(IP_ROUTER_ALERT, True)
        for one, name in ((sock, "errno_off_twice"), (other, "errno_of_other_off_twice")):
            one.set(IP_ROUTER_ALERT, False)
            with refused(errno.ENOBUFS, name):
                one.set(IP_ROUTER_ALERT, False)


@claim(
    "defacto/IP_ROUTER_ALERT/raw-protocol",
    says="Setting IP_ROUTER_ALERT of a raw socket over IPv4 of IPPROTO_RAW, to 1 or 0, fails with EINVAL; "
    "a raw socket of another protocol can have it.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("value", [True, False])
def test_a_socket_of_no_protocol_has_no_alert(ns, value):
    with Socket.raw(IPPROTO_RAW) as sock, raw_socket() as other:
        with refused(errno.EINVAL):
            sock.set(IP_ROUTER_ALERT, value)
        other.set(IP_ROUTER_ALERT, True)
        with refused(errno.EADDRINUSE, "errno_of_other_twice"):
            other.set(IP_ROUTER_ALERT, True)


@claim(
    "defacto/IPV6_ROUTER_ALERT/twice",
    says="Setting IPV6_ROUTER_ALERT of a raw socket of IPPROTO_RAW over IPv6 to 0 or a positive number "
    "fails with EADDRINUSE where it is set, to whichever, though another socket can have the same, "
    "and to a negative number with ENOBUFS where it is not set, as at first.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
    survives=ISOLATED,
)
@pytest.mark.parametrize(
    ("value", "again", "end"), [(7, 7, -1), (7, 8, -7), (7, 0, -1), (0, 7, -1), (0, 0, -7)]
)
def test_an_ipv6_alert_is_asked_for_once(ns, value, again, end):
    with Socket.raw(IPPROTO_RAW, AF_INET6) as sock, Socket.raw(IPPROTO_RAW, AF_INET6) as other:
        sock.ipv6_router_alert_isolate = other.ipv6_router_alert_isolate = True
        other.set(IPV6_ROUTER_ALERT, value)
        with refused(errno.ENOBUFS, "errno_ended_at_first"):
            sock.set(IPV6_ROUTER_ALERT, end)
        sock.set(IPV6_ROUTER_ALERT, value)
        with refused(errno.EADDRINUSE, "errno_set_twice"):
            sock.set(IPV6_ROUTER_ALERT, again)
        for one, name in ((sock, "errno_ended_twice"), (other, "errno_of_other_ended_twice")):
            one.set(IPV6_ROUTER_ALERT, end)
            with refused(errno.ENOBUFS, name):
                one.set(IPV6_ROUTER_ALERT, end)


@claim(
    "defacto/IPV6_ROUTER_ALERT/read",
    says="IPV6_ROUTER_ALERT of a raw socket of IPPROTO_RAW over IPv6 reads as 0 at first and where it was "
    "set to 0 last, which takes packets with an alert of the value 0, and as 1 where it was set to "
    "another number last: also to a negative one, with which it takes none any more. A setting that "
    "is refused changes nothing.",
    since="6.9",
    commit="eeb78df4063c",
    needs=[IPV6, Capability.NET_RAW],
    survives=ISOLATED,
)
def test_what_it_reads_as_says_little(ns, observe):
    with Socket.raw(IPPROTO_RAW, AF_INET6) as sock:
        sock.ipv6_router_alert_isolate = True
        seen = [sock.get(IPV6_ROUTER_ALERT)]
        with refused(errno.ENOBUFS, "errno_ended"):
            sock.set(IPV6_ROUTER_ALERT, -1)
        seen.append(sock.get(IPV6_ROUTER_ALERT))
        for value in (7, -1, 0, -1, 7):
            sock.set(IPV6_ROUTER_ALERT, value)
            seen.append(sock.get(IPV6_ROUTER_ALERT))
        with refused(errno.EADDRINUSE, "errno_again"):
            sock.set(IPV6_ROUTER_ALERT, 0)

        assert [
            observe("at_first_and_refused", seen[:2]),
            observe("7_ended_0_ended_7", seen[2:]),
            observe("refused", sock.get(IPV6_ROUTER_ALERT)),
        ] == [[0, 0], [1, 1, 0, 1, 1], 1]
