"""Sysctls of local ports: which are chosen, which take a privilege, which are shared."""

from __future__ import annotations

import errno
import os

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import UDP_NEEDS_NO_LISTENER, listening
from conformance.plugin.setups.reuse import reusing_socket
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import Socket
from netns import Capability, Namespace, NetnsError, only
from reports.model import Expectation

RANGE, RESERVED, PRIVILEGED, REUSE = (
    f"net.ipv4.{name}"
    for name in (
        "ip_local_port_range",
        "ip_local_reserved_ports",
        "ip_unprivileged_port_start",
        "ip_autobind_reuse",
    )
)
HERE = {"tcp": "127.0.0.1", "udp": "127.0.0.1", "tcp6": "::1", "udp6": "::1"}
KINDS = pytest.mark.parametrize("kind", list(HERE))
STREAMS = pytest.mark.parametrize("kind", ["tcp", "tcp6"])


def bound(kind: str, port: int = 0) -> Socket:
    """A socket of a kind on loopback, by default with a port that the kernel chose."""
    sock = SOCKETS[kind]()
    try:
        sock.bind((HERE[kind], port))
    except OSError:
        sock.close()
        raise
    return sock


def port(sock: Socket) -> int:
    return int(sock.getsockname()[1])


def ports_of_two(kind: str) -> list[int]:
    """The ports that two sockets get, which are all that may be chosen: a third gets none."""
    with bound(kind) as first, bound(kind) as second:
        with refused(errno.EADDRINUSE, "errno_of_third"):
            bound(kind)
        return sorted([port(first), port(second)])


@claim(
    "ip-sysctl/ip_local_port_range/bind",
    sentence=(
        "ip-sysctl/ip_local_port_range/chosen",
        "ip-sysctl/ip_local_port_range/first-and-last",
        "proc_sys_net_ipv4.5/ip_local_port_range/bind",
        "proc_sys_net_ipv4.5/ip_local_port_range/both-ends",
        "proc_sys_net_ipv4.5/ip_local_port_range/ephemeral",
        "proc_sys_net_ipv4.5/ip_local_port_range/exhausted",
        "bind.2/EADDRINUSE/exhausted",
    ),
    section="IP Variables",
    says="Where the numbers of ip_local_port_range are two ports in a row, bind chooses each of them for TCP "
    "and UDP sockets over IPv4 and IPv6 and no other: a third socket gets EADDRINUSE.",
    needs=[IPV6],
)
@KINDS
@pytest.mark.parametrize(("first", "last"), [(40_000, 40_001), (39_999, 40_000), (65_534, 65_535)])
def test_bind_chooses_in_the_range(ns, observe, kind, first, last):
    ns.sysctl[RANGE] = f"{first} {last}"

    assert observe("ports", ports_of_two(kind)) == [first, last]


@claim(
    "ip-sysctl/ip_local_port_range/odd-number",
    sentence="ip-sysctl/ip_local_port_range/first-and-last",
    section="IP Variables",
    says="The second number of ip_local_port_range is a port that bind chooses for UDP sockets over IPv4 and "
    "IPv6 where the range has three ports.",
    needs=[IPV6],
)
@pytest.mark.parametrize("kind", ["udp", "udp6"])
def test_the_last_of_three_ports_is_chosen(ns, observe, kind):
    ns.sysctl[RANGE] = "40000 40002"
    with bound(kind, 40_000) as first, bound(kind, 40_001) as second, bound(kind) as last:
        ports = [port(first), port(second), port(last)]

        assert observe("ports", ports) == [40_000, 40_001, 40_002]


def last_of_three(call: str, failure: str, commit: str) -> Expectation:
    """Of a longer range with an odd number of ports one at an end is not tried; at random which."""
    return differs(
        f"an odd number of ports, if not 1, is rounded down: of three the last is never tried, and {call} "
        "fails though it is free",
        since="4.6",
        commit=commit,
        observed={"errno": failure},
    )


@claim(
    "ip-sysctl/ip_local_port_range/odd-number-bind",
    sentence="ip-sysctl/ip_local_port_range/first-and-last",
    section="IP Variables",
    says="The second number of ip_local_port_range is a port that bind chooses for TCP sockets over IPv4 and "
    "IPv6 where the range has three ports.",
    needs=[IPV6],
    expect=last_of_three("bind", "EADDRINUSE", "ea8add2b1903"),
)
@STREAMS
def test_bind_chooses_the_last_of_three_ports(ns, observe, kind):
    ns.sysctl[RANGE] = "40000 40002"
    with bound(kind, 40_000), bound(kind, 40_001), bound(kind) as last:
        assert observe("port", port(last)) == 40_002


@claim(
    "ip-sysctl/ip_local_port_range/odd-number-connect",
    sentence="ip-sysctl/ip_local_port_range/first-and-last",
    section="IP Variables",
    says="The second number of ip_local_port_range is a port that connect chooses for TCP sockets over IPv4 "
    "and IPv6 where the range has three ports.",
    needs=[IPV6],
    expect=last_of_three("connect", "EADDRNOTAVAIL", "1580ab63fc9a"),
    survives={"no-op: listen*": "the port is chosen before a listener is asked"},
)
@STREAMS
def test_connect_chooses_the_last_of_three_ports(ns, observe, kind):
    with listening(HERE[kind]) as listener, bound(kind, 4000), bound(kind, 4001), SOCKETS[kind]() as last:
        ns.sysctl[RANGE] = "4000 4002"
        last.connect(listener.getsockname())

        assert observe("port", port(last)) == 4002


@claim(
    "ip-sysctl/ip_local_port_range/one",
    sentence="ip-sysctl/ip_local_port_range/first-and-last",
    section="IP Variables",
    says="The first number of ip_local_port_range can be the last too, and leaves one port to be chosen for "
    "TCP and UDP sockets over IPv4 and IPv6; one above the last is refused, and the range stays as it was.",
    needs=[IPV6],
)
@KINDS
def test_the_range_may_be_one_port(ns, observe, kind):
    ns.sysctl[RANGE] = "40000 40000"
    with pytest.raises(NetnsError):
        ns.sysctl[RANGE] = "40002 40001"
    with bound(kind) as sock:
        with refused(errno.EADDRINUSE):
            bound(kind)

        assert observe("port", port(sock)) == 40_000


@claim(
    "ip-sysctl/ip_local_port_range/privileged",
    sentence="ip-sysctl/ip_local_port_range/not-privileged",
    section="IP Variables",
    says="The first number of ip_local_port_range can be ip_unprivileged_port_start, and none below it: that "
    "is refused, and TCP and UDP sockets get ports of the range as it was.",
    since="4.11",
    needs=[IPV6],
)
@KINDS
def test_the_range_is_not_privileged(ns, observe, kind):
    ns.sysctl[PRIVILEGED] = 2000
    ns.sysctl[RANGE] = "2000 2001"
    with pytest.raises(NetnsError):
        ns.sysctl[RANGE] = "1999 2001"

    assert observe("ports", ports_of_two(kind)) == [2000, 2001]


@claim(
    "ip-sysctl/ip_local_port_range/default",
    sentence="ip-sysctl/ip_local_port_range/default",
    section="IP Variables",
    says="In a new network namespace the ports that bind chooses for TCP and UDP sockets over IPv4 and IPv6 "
    "are from 32768 to 60999: where all between them are reserved two sockets get these, and a third none.",
    needs=[IPV6],
)
@KINDS
def test_the_range_at_first(ns, observe, kind):
    ns.sysctl[RESERVED] = "32769-60998"

    assert observe("ports", ports_of_two(kind)) == [32_768, 60_999]


@claim(
    "ip-sysctl/ip_local_reserved_ports/bind",
    sentence=(
        "ip-sysctl/ip_local_reserved_ports/not-automatic",
        "ip-sysctl/ip_local_reserved_ports/format",
        "ip-sysctl/ip_local_reserved_ports/independent",
    ),
    section="IP Variables",
    says="For TCP and UDP sockets over IPv4 and IPv6 bind chooses those ports of ip_local_port_range that "
    "ip_local_reserved_ports does not have, and no others: that is a list of single ports and of ranges with "
    "both their ends, in any order.",
    since="2.6.35",
    needs=[IPV6],
)
@KINDS
@pytest.mark.parametrize(
    "reserved",
    [
        "40000,40002-40003,40005-40005",
        "40005,40002-40003,40000",
        "40000,40002,40003,40005",
        "1,40002-40003,40000,40005-65535",
    ],
)
def test_bind_chooses_no_reserved_port(ns, observe, kind, reserved):
    ns.sysctl[RANGE] = "40000 40005"
    ns.sysctl[RESERVED] = reserved

    assert observe("ports", ports_of_two(kind)) == [40_001, 40_004]


@claim(
    "ip-sysctl/ip_local_reserved_ports/read",
    sentence="ip-sysctl/ip_local_reserved_ports/format",
    section="IP Variables",
    says="What is read of ip_local_reserved_ports can be written: a port that bind chooses for TCP and UDP "
    "sockets over IPv4 and IPv6 once the list was emptied, it does not once what was read is written again.",
    since="2.6.35",
    needs=[IPV6],
)
@KINDS
def test_what_is_read_can_be_written(ns, observe, kind):
    ns.sysctl[RESERVED] = "40005,40002-40003,40000"
    read = ns.sysctl[RESERVED]
    ns.sysctl[RESERVED] = "\n"
    ns.sysctl[RANGE] = "40002 40002"
    with bound(kind) as sock:
        unreserved = observe("unreserved", port(sock))
    ns.sysctl[RESERVED] = read
    ns.sysctl[RANGE] = "40000 40005"

    assert [unreserved, observe("ports", ports_of_two(kind))] == [40_002, [40_001, 40_004]]


def chosen_by_connect(kind: str, listener: Socket) -> int:
    with SOCKETS[kind]() as sock:
        sock.connect(listener.getsockname())
        return port(sock)


@claim(
    "ip-sysctl/ip_local_reserved_ports/connect",
    sentence="ip-sysctl/ip_local_reserved_ports/not-automatic",
    section="IP Variables",
    says="Reserved ports are not chosen by connect for TCP and UDP sockets over IPv4 and IPv6: where all but "
    "one are reserved that one is, and where all are connect fails.",
    since="2.6.35",
    needs=[IPV6],
    survives=UDP_NEEDS_NO_LISTENER,
)
@KINDS
@pytest.mark.parametrize(("reserved", "free"), [("4000", 4001), ("4001", 4000)])
def test_connect_chooses_no_reserved_port(ns, observe, kind, reserved, free):
    with listening(HERE[kind]) as listener:
        ns.sysctl[RANGE] = "4000 4001"
        ns.sysctl[RESERVED] = reserved
        chosen = chosen_by_connect(kind, listener)
        ns.sysctl[RESERVED] = "4000-4001"
        with refused():
            chosen_by_connect(kind, listener)

        assert observe("port", chosen) == free


@claim(
    "ip-sysctl/ip_local_reserved_ports/explicit",
    sentence="ip-sysctl/ip_local_reserved_ports/explicit",
    section="IP Variables",
    says="A TCP or UDP socket over IPv4 or IPv6 can be bound to a reserved port that bind names, while none "
    "is chosen.",
    since="2.6.35",
    needs=[IPV6],
)
@KINDS
def test_a_reserved_port_can_be_named(ns, observe, kind):
    ns.sysctl[RANGE] = "40000 40001"
    ns.sysctl[RESERVED] = "40000-40001"
    with refused():
        bound(kind)
    with bound(kind, 40_000) as sock:
        assert observe("port", port(sock)) == 40_000


@claim(
    "ip-sysctl/ip_local_reserved_ports/written-again",
    sentence="ip-sysctl/ip_local_reserved_ports/written-again",
    section="IP Variables",
    says="A list written to ip_local_reserved_ports takes the place of the one before: ports that only that "
    "one had are chosen by bind again, for TCP and UDP sockets over IPv4 and IPv6.",
    since="2.6.35",
    needs=[IPV6],
)
@KINDS
@pytest.mark.parametrize("after", ["40002-40003", "\n"], ids=["others", "none"])
def test_a_list_replaces_the_one_before(ns, observe, kind, after):
    ns.sysctl[RANGE] = "40000 40001"
    ns.sysctl[RESERVED] = "40000-40001"
    with refused():
        bound(kind)
    ns.sysctl[RESERVED] = after

    assert observe("ports", ports_of_two(kind)) == [40_000, 40_001]


@claim(
    "ip-sysctl/ip_local_reserved_ports/outside",
    sentence="ip-sysctl/ip_local_reserved_ports/outside",
    section="IP Variables",
    says="A port that is reserved while it is outside ip_local_port_range is not chosen by bind for TCP and "
    "UDP sockets over IPv4 and IPv6 once the range has it.",
    since="2.6.35",
    needs=[IPV6],
)
@KINDS
def test_a_port_outside_the_range_can_be_reserved(ns, observe, kind):
    ns.sysctl[RANGE] = "40000 40001"
    ns.sysctl[RESERVED] = "50000,50003"
    ns.sysctl[RANGE] = "50000 50003"

    assert observe("ports", ports_of_two(kind)) == [50_001, 50_002]


@claim(
    "ip-sysctl/ip_local_reserved_ports/default",
    sentence="ip-sysctl/ip_local_reserved_ports/default",
    section="IP Variables",
    says="In a new network namespace ip_local_reserved_ports is empty: bind chooses both of two ports for "
    "TCP and UDP sockets over IPv4 and IPv6, and neither once they are reserved.",
    since="2.6.35",
    needs=[IPV6],
)
@KINDS
@pytest.mark.parametrize("first", [1024, 8080, 32_768, 65_534])
def test_none_is_reserved_at_first(ns, observe, kind, first):
    reserved = ns.sysctl[RESERVED]
    ns.sysctl[RANGE] = f"{first} {first + 1}"
    chosen = ports_of_two(kind)
    ns.sysctl[RESERVED] = f"{first}-{first + 1}"
    with refused():
        bound(kind)

    assert [observe("reserved", reserved), observe("ports", chosen)] == ["", [first, first + 1]]


@claim(
    "ip-sysctl/ip_unprivileged_port_start/first",
    sentence=("ip-sysctl/ip_unprivileged_port_start/first", "ip-sysctl/ip_unprivileged_port_start/privilege"),
    section="IP Variables",
    says="Without CAP_NET_BIND_SERVICE a TCP or UDP socket over IPv4 or IPv6 can be bound to the port "
    "ip_unprivileged_port_start, and not to the one below, which fails with EACCES; with it it can.",
    since="4.11",
    needs=[IPV6, Capability.NET_BIND_SERVICE],
)
@KINDS
@pytest.mark.parametrize("first", [80, 1025, 5000])
def test_the_first_unprivileged_port(ns, observe, kind, first):
    ns.sysctl[PRIVILEGED] = first
    with only():
        with refused(errno.EACCES):
            bound(kind, first - 1)
        with bound(kind, first) as sock:
            free = port(sock)
    with only(Capability.NET_BIND_SERVICE), bound(kind, first - 1) as sock:
        assert observe("ports", [free, port(sock)]) == [first, first - 1]


@claim(
    "ip-sysctl/ip_unprivileged_port_start/euid-0-suffices",
    sentence="ip-sysctl/ip_unprivileged_port_start/privilege",
    section="IP Variables",
    says="The effective user id 0 is enough to bind a TCP or UDP socket over IPv4 or IPv6 to a privileged "
    "port, without any capability.",
    needs=[IPV6],
    expect=differs(
        "only the capability counts, not the user (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"euid": 0, "errno": "EACCES"},
    ),
)
@KINDS
def test_user_0_suffices(ns, observe, kind):
    euid = observe("euid", os.geteuid())
    with only(), bound(kind, 1023) as sock:
        assert [euid, observe("port", port(sock))] == [0, 1023]


@claim(
    "ip-sysctl/ip_unprivileged_port_start/none",
    sentence="ip-sysctl/ip_unprivileged_port_start/none",
    section="IP Variables",
    says="With ip_unprivileged_port_start 0 a TCP or UDP socket over IPv4 or IPv6 is bound to port 1 without "
    "any capability, and with 2 it is not.",
    since="4.11",
    needs=[IPV6],
)
@KINDS
def test_no_port_is_privileged(ns, observe, kind):
    ns.sysctl[PRIVILEGED] = 2
    with only(), refused(errno.EACCES):
        bound(kind, 1)
    ns.sysctl[PRIVILEGED] = 0
    with only(), bound(kind, 1) as sock:
        assert observe("port", port(sock)) == 1


@claim(
    "ip-sysctl/ip_unprivileged_port_start/default",
    sentence="ip-sysctl/ip_unprivileged_port_start/default",
    section="IP Variables",
    says="In a new network namespace port 1024 is the first to which a TCP or UDP socket over IPv4 or IPv6 "
    "is bound without any capability, and 1023 the last to which it is not.",
    needs=[IPV6],
)
@KINDS
def test_the_first_unprivileged_port_at_first(ns, observe, kind):
    with only():
        with refused(errno.EACCES):
            bound(kind, 1023)
        with bound(kind, 1024) as sock:
            assert observe("port", port(sock)) == 1024


@claim(
    "ip-sysctl/ip_unprivileged_port_start/per-namespace",
    sentence="ip-sysctl/ip_unprivileged_port_start/per-namespace",
    section="IP Variables",
    says="ip_unprivileged_port_start counts in the network namespace in which it was set: sockets of another "
    "take CAP_NET_BIND_SERVICE for port 1023 as before.",
    since="4.11",
    needs=[IPV6],
)
@KINDS
def test_each_namespace_has_its_first_unprivileged_port(ns, observe, kind):
    ns.sysctl[PRIVILEGED] = 0
    with Namespace(), only(), refused(errno.EACCES):
        bound(kind, 1023)
    with only(), bound(kind, 1023) as sock:
        assert observe("port", port(sock)) == 1023


@claim(
    "ip-sysctl/ip_unprivileged_port_start/range",
    sentence="ip-sysctl/ip_unprivileged_port_start/no-overlap",
    section="IP Variables",
    says="ip_unprivileged_port_start can be the first port of ip_local_port_range, and none above: that is "
    "refused, and a TCP or UDP socket can be bound to the former without any capability.",
    since="4.11",
    needs=[IPV6],
)
@KINDS
def test_privileged_ports_are_not_chosen(ns, observe, kind):
    ns.sysctl[RANGE] = "40000 40001"
    ns.sysctl[PRIVILEGED] = 40_000
    with pytest.raises(NetnsError):
        ns.sysctl[PRIVILEGED] = 40_001
    with only():
        with refused(errno.EACCES):
            bound(kind, 39_999)
        with bound(kind, 40_000) as sock:
            assert observe("port", port(sock)) == 40_000


@claim(
    "ip-sysctl/ip_autobind_reuse/default",
    sentence=("ip-sysctl/ip_autobind_reuse/not-selected", "ip-sysctl/ip_autobind_reuse/default"),
    section="IP Variables",
    says="In a new network namespace bind chooses no port for a TCP socket over IPv4 or IPv6 with "
    "SO_REUSEADDR that another one has, though that has it too: it fails with EADDRINUSE, where bind to the "
    "port by number succeeds.",
    needs=[IPV6],
)
@STREAMS
def test_bind_chooses_no_port_twice(ns, observe, kind):
    ns.sysctl[RANGE] = "40000 40000"
    with reusing_socket(make=SOCKETS[kind]) as first, reusing_socket(make=SOCKETS[kind]) as second:
        first.bind((HERE[kind], 0))
        with refused(errno.EADDRINUSE):
            second.bind((HERE[kind], 0))
        second.bind((HERE[kind], 40_000))

        assert observe("ports", [port(first), port(second)]) == [40_000, 40_000]


@claim(
    "ip-sysctl/ip_autobind_reuse/default-udp",
    sentence=("ip-sysctl/ip_autobind_reuse/not-selected", "ip-sysctl/ip_autobind_reuse/default"),
    section="IP Variables",
    says="In a new network namespace bind chooses no port for a UDP socket over IPv4 or IPv6 with "
    "SO_REUSEADDR that another one has, though that has it too.",
    needs=[IPV6],
    expect=differs(
        "for UDP a port counts as free where the socket that has it has SO_REUSEADDR too",
        since="2.6.28",
        commit="f24d43c07e20",
        observed={"errno": None, "chosen": 40_000},
    ),
)
@pytest.mark.parametrize("kind", ["udp", "udp6"])
def test_bind_chooses_no_datagram_port_twice(ns, observe, kind):
    ns.sysctl[RANGE] = "40000 40000"
    with reusing_socket(make=SOCKETS[kind]) as first, reusing_socket(make=SOCKETS[kind]) as second:
        first.bind((HERE[kind], 0))
        with refused():
            second.bind((HERE[kind], 0))
            observe("chosen", port(second))
        second.bind((HERE[kind], 40_000))

        assert observe("ports", [port(first), port(second)]) == [40_000, 40_000]


@claim(
    "ip-sysctl/ip_autobind_reuse/reuses",
    sentence="ip-sysctl/ip_autobind_reuse/reuses",
    section="IP Variables",
    says="With ip_autobind_reuse bind chooses for a TCP socket over IPv4 or IPv6 with SO_REUSEADDR a port "
    "that another with it has where no port is free, and then both connect, to different destinations.",
    since="5.7",
    needs=[IPV6],
)
@STREAMS
def test_bind_chooses_a_port_twice(ns, observe, kind):
    with (
        listening(HERE[kind]) as one,
        listening(HERE[kind]) as another,
        reusing_socket(make=SOCKETS[kind]) as first,
        reusing_socket(make=SOCKETS[kind]) as second,
    ):
        ns.sysctl[RANGE] = "4000 4000"
        ns.sysctl[REUSE] = 1
        first.bind((HERE[kind], 0))
        second.bind((HERE[kind], 0))
        first.connect(one.getsockname())
        second.connect(another.getsockname())
        distinct = first.getpeername() != second.getpeername()

        assert observe("ports_and_distinct", [port(first), port(second), distinct]) == [4000, 4000, True]


@claim(
    "ip-sysctl/ip_autobind_reuse/so-reuseaddr",
    sentence="ip-sysctl/ip_autobind_reuse/reuses",
    section="IP Variables",
    says="With ip_autobind_reuse bind still chooses no port that another TCP socket over IPv4 or IPv6 has "
    "where one of the two is without SO_REUSEADDR.",
    since="5.7",
    needs=[IPV6],
)
@STREAMS
@pytest.mark.parametrize("which", ["first", "second"])
def test_both_must_have_the_option(ns, observe, kind, which):
    ns.sysctl[RANGE] = "40000 40000"
    ns.sysctl[REUSE] = 1
    with SOCKETS[kind]() as first, SOCKETS[kind]() as second:
        one, other = {"first": (first, second), "second": (second, first)}[which]
        one.reuseaddr = True
        first.bind((HERE[kind], 0))
        with refused(errno.EADDRINUSE):
            second.bind((HERE[kind], 0))
        other.reuseaddr = True
        second.bind((HERE[kind], 0))

        assert observe("ports", [port(first), port(second)]) == [40_000, 40_000]
