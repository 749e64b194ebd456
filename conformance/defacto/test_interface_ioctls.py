"""Requests to interfaces where netdevice(7) is silent: an index that there is not, and timestamps."""

from __future__ import annotations

import errno
from fcntl import ioctl

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.interfaces import timestamping_of
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import Socket

SIOCGIFNAME, SIOCGIFINDEX = 0x8910, 0x8933
NAME = 16
NO_DEVICE = 99
RX_SOFTWARE, SOFTWARE = 0x8, 0x10


@claim(
    "defacto/SIOCGIFNAME/no-such-index",
    says="SIOCGIFNAME of an index that no interface has fails with ENODEV, for a UDP, UNIX stream or "
    "netlink socket; of that which SIOCGIFINDEX gives of lo it gives lo.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", ["udp", "unix", "netlink"])
def test_an_index_has_a_name(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        with refused(errno.ENODEV):
            ioctl(sock, SIOCGIFNAME, bytes(NAME) + NO_DEVICE.to_bytes(4, "little") + bytes(20))
        index = ioctl(sock, SIOCGIFINDEX, b"lo".ljust(40, b"\0"))[NAME : NAME + 4]
        name = ioctl(sock, SIOCGIFNAME, bytes(NAME) + index + bytes(20))[:NAME]

        assert observe("name", name.rstrip(b"\0").decode()) == "lo"


@claim(
    "defacto/SIOCETHTOOL/timestamps-of-loopback",
    says="SIOCETHTOOL with ETHTOOL_GET_TS_INFO says of lo that what is received is stamped by software, that "
    "such stamps are told, and that there is no clock: an index of -1.",
    since="3.5",
    commit="c8f3a8c31069",
)
def test_loopback_has_no_clock(ns, observe):
    with Socket.udp() as sock:
        flags, clock = timestamping_of(sock, "lo")

        assert observe("software_and_clock", [flags & (RX_SOFTWARE | SOFTWARE), clock]) == [
            RX_SOFTWARE | SOFTWARE,
            -1,
        ]
