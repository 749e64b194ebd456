"""Requests to interfaces where netdevice(7) is silent: an index that there is not, and timestamps."""

from __future__ import annotations

import errno
from fcntl import ioctl
from functools import partial

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import USER_NAMESPACE, initially
from conformance.plugin.refusal import refused
from conformance.plugin.setups.capabilities import outcomes
from conformance.plugin.setups.interfaces import set_of, shown, timestamping_of
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import Socket
from netns import Capability, in_child, in_user_namespace

SIOCGIFNAME, SIOCGIFINDEX = 0x8910, 0x8933
NAME = 16
MTU, QUEUE, USUAL = 1400, 77, 1000
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


def changed() -> list[object]:
    """What comes of setting the MTU and the length of the transmit queue of lo, and both afterwards."""
    with Socket.udp() as sock:
        came = outcomes(
            partial(set_of, sock, "SIOCSIFMTU", MTU), partial(set_of, sock, "SIOCSIFTXQLEN", QUEUE)
        )
        return [*came, shown(sock, "SIOCGIFMTU"), shown(sock, "SIOCGIFTXQLEN")]


@claim(
    "defacto/SIOCSIFTXQLEN/user-namespace",
    says="SIOCSIFTXQLEN with a UDP socket takes CAP_NET_ADMIN in the initial user namespace: root of another "
    "one who has a network namespace of its own sets the MTU of lo there (SIOCSIFMTU), and is refused to set "
    "the length of its transmit queue with EPERM.",
    since="3.8",
    commit="5e1fccc0bfac",
    needs=[USER_NAMESPACE, initially(Capability.NET_ADMIN)],
)
def test_a_queue_belongs_to_the_initial_user_namespace(ns, observe):
    initial = in_child(changed)
    inside = in_user_namespace(changed)

    assert observe("initial_and_inside", [initial, inside]) == [
        ["done", "done", MTU, QUEUE],
        ["done", "EPERM", MTU, USUAL],
    ]


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
