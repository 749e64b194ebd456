"""SO_ATTACH_FILTER: what no document says of the privilege it takes."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.sockets import unix_datagram
from libsocket import Filter, Socket
from netns import Capability, only


@claim(
    "defacto/SO_ATTACH_FILTER/free-on-datagrams",
    says="Attaching a classic program to a UDP, UNIX datagram or netlink socket takes no capability.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("make", [Socket.udp, unix_datagram, Socket.netlink], ids=["udp", "unix", "netlink"])
def test_datagram_sockets_take_no_capability(ns, observe, make):
    with make() as sock, only():
        with refused(errno.EPERM):
            sock.mark = 7  # which does take one
        sock.attach_filter = Filter.accept(7)

        assert observe("attached", sock.filter() == Filter.accept(7)) is True


@claim(
    "defacto/SO_ATTACH_FILTER/free-on-tcp",
    says="Attaching a classic program to a TCP socket takes no capability.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_ADMIN],
    expect=differs(
        "CAP_NET_ADMIN is asked for in the network namespace",
        since="7.1",
        backports=("6.1.176", "6.6.143", "6.12.94", "6.18.36", "7.0.13"),
        commit="5d39580f68e6",
        observed={"errno": "EPERM", "with_net_admin": True},
    ),
)
def test_tcp_sockets_take_no_capability(ns, observe):
    with Socket.tcp() as allowed, Socket.tcp() as sock:
        with only(Capability.NET_ADMIN):
            allowed.attach_filter = Filter.accept(7)
        observe("with_net_admin", allowed.filter() == Filter.accept(7))
        with only():
            sock.attach_filter = Filter.accept(7)

        assert observe("attached", sock.filter() == Filter.accept(7)) is True
