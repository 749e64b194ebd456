"""IP_LOCAL_PORT_RANGE: the ports that may be chosen for one socket."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import UDP_NEEDS_NO_LISTENER, listening
from libsocket import INT, IP_LOCAL_PORT_RANGE, PortRange, Socket

HERE = "127.0.0.1"
SYSTEM = "net.ipv4.ip_local_port_range"

IN_6_1 = ("6.1.32",)
"""A fix of raw sockets depends on the option, and took it into 6.1."""

TRANSPORTS = pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])


@claim(
    "IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/bind",
    sentence=(
        "IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/narrows",
        "IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/inclusive",
        "IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/no-effect",
    ),
    section="DESCRIPTION",
    says="The port that bind chooses for a TCP or UDP socket is one from the lower to the upper bound of "
    "IP_LOCAL_PORT_RANGE, both among them. A bound that is 0, or not in net.ipv4.ip_local_port_range, has "
    "no effect.",
    since="6.3",
    backports=IN_6_1,
)
@TRANSPORTS
@pytest.mark.parametrize(
    ("bounds", "ports"),
    [
        (PortRange(40_004, 40_005), [40_004, 40_005]),
        (PortRange(0, 40_001), [40_000, 40_001]),
        (PortRange(39_999, 40_001), [40_000, 40_001]),
        (PortRange(40_998, 0), [40_998, 40_999]),
        (PortRange(40_998, 41_000), [40_998, 40_999]),
    ],
    ids=["both", "lower-0", "lower-beyond", "upper-0", "upper-beyond"],
)
def test_bind_chooses_within_the_bounds(ns, observe, make, bounds, ports):
    ns.sysctl[SYSTEM] = "40000 40999"
    with make() as first, make() as second, make() as third, make() as unbounded:
        first.ip_local_port_range = second.ip_local_port_range = third.ip_local_port_range = bounds
        first.bind((HERE, 0))
        second.bind((HERE, 0))
        with refused():
            third.bind((HERE, 0))
        unbounded.bind((HERE, 0))
        chosen = sorted([first.getsockname()[1], second.getsockname()[1]])
        others = unbounded.getsockname()[1] not in (0, *ports)

        assert [observe("chosen", chosen), observe("others_without_the_option", others)] == [ports, True]


@claim(
    "IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/outside",
    sentence="IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/no-effect",
    section="DESCRIPTION",
    says="Bounds that are above net.ipv4.ip_local_port_range, or below it, have no effect: bind chooses any "
    "port there for a TCP or UDP socket.",
    since="6.3",
    backports=IN_6_1,
)
@TRANSPORTS
@pytest.mark.parametrize(
    "bounds",
    [PortRange(39_998, 39_999), PortRange(0, 39_999), PortRange(40_002, 40_003), PortRange(40_002, 0)],
    ids=["both-below", "upper-below", "both-above", "lower-above"],
)
def test_bounds_outside_have_no_effect(ns, observe, make, bounds):
    ns.sysctl[SYSTEM] = "40000 40001"
    with make() as first, make() as second:
        first.ip_local_port_range = second.ip_local_port_range = bounds
        first.bind((HERE, 0))
        second.bind((HERE, 0))
        chosen = sorted([first.getsockname()[1], second.getsockname()[1]])

        assert [first.ip_local_port_range, second.ip_local_port_range, observe("chosen", chosen)] == [
            bounds,
            bounds,
            [40_000, 40_001],
        ]


@claim(
    "IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/connect",
    sentence=(
        "IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/narrows",
        "IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/inclusive",
    ),
    section="DESCRIPTION",
    says="The port that connect chooses for a TCP or UDP socket is one from the lower to the upper bound of "
    "IP_LOCAL_PORT_RANGE, both among them.",
    since="6.3",
    backports=IN_6_1,
    survives=UDP_NEEDS_NO_LISTENER,
)
@TRANSPORTS
def test_connect_chooses_within_the_bounds(ns, observe, make):
    with listening(HERE) as listener, make() as first, make() as second, make() as third:
        ns.sysctl[SYSTEM] = "40000 40999"
        bounds = PortRange(40_004, 40_005)
        first.ip_local_port_range = second.ip_local_port_range = third.ip_local_port_range = bounds
        first.connect(listener.getsockname())
        second.connect(listener.getsockname())
        with refused():
            third.connect(listener.getsockname())

        chosen = sorted([first.getsockname()[1], second.getsockname()[1]])
        assert observe("chosen", chosen) == [40_004, 40_005]


@claim(
    "IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/halves",
    sentence=(
        "IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/halves",
        "IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/get-and-set",
    ),
    section="DESCRIPTION",
    says="IP_LOCAL_PORT_RANGE of a TCP or UDP socket is a 32-bit number in host byte order, whose high half "
    "is the upper bound and whose low half is the lower. It reads as it was set.",
    since="6.3",
    backports=IN_6_1,
)
@TRANSPORTS
def test_the_halves_are_the_bounds(ns, observe, make):
    ns.sysctl[SYSTEM] = "12000 12999"
    number = IP_LOCAL_PORT_RANGE.through(INT)
    with make() as sock:
        values = [sock.get(number)]
        sock.set(number, 0x3039_3038)
        sock.bind((HERE, 0))
        values.append(sock.get(number))
        within = sock.getsockname()[1] in (0x3038, 0x3039)

        assert [observe("values", values), observe("within", within)] == [[0, 0x3039_3038], True]


@claim(
    "IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/lower-above-upper",
    sentence="IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/lower-below-upper",
    section="DESCRIPTION",
    says="Setting a lower bound above the upper one, neither 0, fails with EINVAL.",
    since="6.3",
    backports=IN_6_1,
)
@TRANSPORTS
def test_the_lower_bound_is_not_above_the_upper(ns, observe, make):
    with make() as sock:
        sock.ip_local_port_range = PortRange(40_000, 40_001)
        with refused(errno.EINVAL):
            sock.ip_local_port_range = PortRange(40_001, 40_000)
        kept = sock.ip_local_port_range
        sock.ip_local_port_range = PortRange(40_001, 0)

        bounds = [kept.low, kept.high, sock.ip_local_port_range.low, sock.ip_local_port_range.high]
        assert observe("kept_and_set", bounds) == [40_000, 40_001, 40_001, 0]


@claim(
    "IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/lower-equals-upper",
    sentence="IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/lower-below-upper",
    section="DESCRIPTION",
    says="Setting a lower bound that is the upper one too fails with EINVAL.",
    since="6.3",
    backports=IN_6_1,
    expect=differs(
        "it is accepted, and leaves one port to be chosen",
        since="6.3",
        backports=IN_6_1,
        commit="91d0b78c5177",
        observed={"errno": None, "port": 40_001},
    ),
)
@TRANSPORTS
def test_the_bounds_are_two(ns, observe, make):
    ns.sysctl[SYSTEM] = "40000 40999"
    with make() as sock, refused(errno.EINVAL):
        sock.ip_local_port_range = PortRange(40_001, 40_001)
        sock.bind((HERE, 0))
        observe("port", sock.getsockname()[1])


@claim(
    "IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/reset",
    sentence="IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/reset",
    section="DESCRIPTION",
    says="Once both bounds are set to 0 any port of net.ipv4.ip_local_port_range is chosen again.",
    since="6.3",
    backports=IN_6_1,
)
@TRANSPORTS
def test_bounds_of_0_reset_it(ns, observe, make):
    ns.sysctl[SYSTEM] = "40000 40002"
    with make() as first, make() as second, make() as sock:
        first.bind((HERE, 40_001))
        second.bind((HERE, 40_002))
        sock.ip_local_port_range = PortRange(40_001, 40_002)
        with refused():
            sock.bind((HERE, 0))
        sock.ip_local_port_range = PortRange(0, 0)
        sock.bind((HERE, 0))

        assert observe("port", sock.getsockname()[1]) == 40_000
