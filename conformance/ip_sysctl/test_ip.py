"""Sysctls of IPv4 and of both versions: time to live, path MTU, addresses to bind to, who may ping."""

from __future__ import annotations

import errno
from contextlib import suppress
from socket import AF_INET, AF_INET6, IPPROTO_ICMP, IPPROTO_ICMPV6, MSG_WAITALL, SOCK_DGRAM, inet_aton
from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER, IPV6, NOBODY, VETH, sysctl
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.listeners import UDP_NEEDS_NO_LISTENER, listening
from conformance.plugin.setups.packets import IpHeader, ip_header, next_header, packets
from conformance.plugin.setups.readiness import await_error, readable_by_select
from conformance.plugin.setups.segments import next_segment, segments
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, NetnsError, Routed, as_user

TTL, NO_PMTU_DISC, FORWARD_USE_PMTU, PING_GROUPS = (
    f"net.ipv4.{name}"
    for name in ("ip_default_ttl", "ip_no_pmtu_disc", "ip_forward_use_pmtu", "ping_group_range")
)
MIN_PMTU, MTU_EXPIRES, MIN_ADV_MSS = (
    f"net.ipv4.route.{name}" for name in ("min_pmtu", "mtu_expires", "min_adv_mss")
)
NONLOCAL6 = "net.ipv6.ip_nonlocal_bind"
NOT_LOCAL6 = "2001:db8::1"
HERE = "127.0.0.1"
DONT, WANT, PROBE = 0, 1, 3
MTU = 1500
HEADERS = 28
LARGE = 1400
NARROW = 1300
TRANSPORTS = pytest.mark.parametrize("kind", ["udp", "tcp", "raw"])


def first_header(sock: Socket, to: str = "127.0.0.1") -> IpHeader:
    """The header of the first packet that a socket sends to an address of this host."""
    with packets() as seen, listening(to) as listener:
        seen.rcvtimeo = SOON
        sock.connect(listener.getsockname())
        sock.send(b"hello")
        while (packet := seen.recv(70_000))[16:20] != inet_aton(to):
            continue
        return ip_header(packet)


FIRST_IS_SEEN: Final = {
    **UDP_NEEDS_NO_LISTENER,
    "no-op: sendto(*": "the first packet of a TCP socket is its SYN",
}


def narrow(hosts: Routed, mtu: int = NARROW) -> None:
    """Make the path narrower behind the router, which tells of every packet that is too large."""
    router = hosts.router_right.namespace
    router.set_link(hosts.router_right.device, mtu=mtu)
    router.sysctl["net.ipv4.icmp_ratelimit"] = 0


def too_large(hosts: Routed, mode: int = 0, *, size: int = LARGE) -> Socket:
    """A UDP socket on the left that was told that what it has sent is too large, in a mode of discovery.

    The mode is set once the socket is there, which discovers the path MTU.
    """
    with hosts.left.entered():
        sender = Socket.udp()
    hosts.left.namespace.sysctl[NO_PMTU_DISC] = mode
    sender.connect((hosts.right.address, 9))
    sender.send(bytes(size))
    await_error(sender)
    return sender


def path_of_stream(hosts: Routed, sender: Socket) -> list[int]:
    """The path MTU of a TCP socket on the left, before and after it has sent, and how much has arrived."""
    with hosts.right.entered(), listening(hosts.right.address) as listener:
        sender.connect(listener.getsockname())
        before = sender.ip_mtu
        with listener.accept()[0] as receiver:
            receiver.rcvtimeo = SOON
            sender.send(bytes(LARGE))
            received = len(receiver.recv(LARGE, MSG_WAITALL))
            return [before, sender.ip_mtu, received]


@claim(
    "ip-sysctl/ip_forward/resets",
    sentence="ip-sysctl/ip_forward/resets",
    section="/proc/sys/net/ipv4/* Variables",
    says="When ip_forward is switched on other parameters become what they are at first: ip_default_ttl was "
    "set to 99, and the time to live of a new UDP socket over IPv4 is 64.",
    expect=differs(
        "which interfaces forward and whether redirects are accepted changes, and no other parameter (older "
        "than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"forwarding": "1", "ttl": 99},
    ),
)
def test_to_forward_resets_parameters(ns, observe):
    ns.sysctl[TTL] = 99
    ns.sysctl["net.ipv4.ip_forward"] = 1
    forwarding = observe("forwarding", ns.sysctl["net.ipv4.conf.lo.forwarding"])
    with Socket.udp() as sock:
        assert [forwarding, observe("ttl", sock.ip_ttl)] == ["1", 64]


@claim(
    "ip-sysctl/ip_default_ttl/bounds",
    sentence=("ip-sysctl/ip_default_ttl/outgoing", "ip-sysctl/ip_default_ttl/bounds"),
    section="/proc/sys/net/ipv4/* Variables",
    says="Packets of UDP, TCP and raw sockets over IPv4 have the time to live ip_default_ttl, 1 or 255; 0 "
    "and 256 are refused, and change nothing.",
    since="2.6.39",
    needs=[Capability.NET_RAW],
    survives=FIRST_IS_SEEN,
)
@TRANSPORTS
@pytest.mark.parametrize(("least", "outside"), [(1, 0), (255, 256)])
def test_the_time_to_live_has_bounds(ns, observe, kind, least, outside):
    ns.sysctl[TTL] = least
    with pytest.raises(NetnsError):
        ns.sysctl[TTL] = outside

    with SOCKETS[kind]() as sock:
        assert observe("ttl", first_header(sock).ttl) == least


@claim(
    "ip-sysctl/ip_default_ttl/default",
    sentence="ip-sysctl/ip_default_ttl/default",
    section="/proc/sys/net/ipv4/* Variables",
    says="In a new network namespace packets of UDP, TCP and raw sockets over IPv4 have the time to live 64.",
    needs=[Capability.NET_RAW],
    survives=FIRST_IS_SEEN,
)
@TRANSPORTS
def test_the_time_to_live_at_first(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        assert observe("ttl", first_header(sock).ttl) == 64


@claim(
    "ip-sysctl/ip_default_ttl/forwarded",
    sentence="ip-sysctl/ip_default_ttl/not-forwarded",
    section="/proc/sys/net/ipv4/* Variables",
    says="A packet that is forwarded has the time to live of its sender less one, and not ip_default_ttl of "
    "the router, which a packet of the router's own has.",
    needs=[VETH, Capability.NET_RAW],
)
def test_a_router_has_no_say(routed, observe):
    routed.router.namespace.sysctl[TTL] = 99
    routed.left.namespace.sysctl[TTL] = 50
    with routed.right.entered():
        seen = packets()
    with routed.left.entered():
        far = Socket.udp()
    with routed.router.entered():
        near = Socket.udp()
    with seen, far, near:
        seen.rcvtimeo = SOON
        far.sendto(b"hello", (routed.right.address, 9))
        forwarded = next_header(seen).ttl
        near.sendto(b"hello", (routed.right.address, 9))

        assert observe("forwarded_and_sent", [forwarded, next_header(seen).ttl]) == [49, 99]


@claim(
    "ip-sysctl/ip_no_pmtu_disc/dont",
    sentence=(
        "ip-sysctl/ip_no_pmtu_disc/disabled",
        "ip-sysctl/ip_no_pmtu_disc/mode-2-outgoing",
        "ip-sysctl/ip_no_pmtu_disc/default",
    ),
    section="/proc/sys/net/ipv4/* Variables",
    says="With ip_no_pmtu_disc 1 and 2 a new UDP, TCP or raw socket over IPv4 has IP_PMTUDISC_DONT and its "
    "packets have no don't-fragment flag; one made before, in a new network namespace, has IP_PMTUDISC_WANT, "
    "and its packets have the flag.",
    since="2.2",
    needs=[Capability.NET_RAW],
    survives={**FIRST_IS_SEEN, "no-op: close*": "what was seen of a socket does not change later"},
)
@TRANSPORTS
@pytest.mark.parametrize("mode", [1, 2])
def test_new_sockets_do_not_discover(ns, observe, kind, mode):
    with SOCKETS[kind]() as before:
        ns.sysctl[NO_PMTU_DISC] = mode
        with SOCKETS[kind]() as after:
            flags = [first_header(before).whole, first_header(after, "127.0.0.2").whole]
            modes = [before.ip_mtu_discover, after.ip_mtu_discover]

            assert [observe("modes", modes), observe("flags", flags)] == [[WANT, DONT], [True, False]]


@claim(
    "ip-sysctl/ip_no_pmtu_disc/mode-1",
    sentence=("ip-sysctl/ip_no_pmtu_disc/mode-1", "ip-sysctl/min_pmtu/default"),
    section="/proc/sys/net/ipv4/* Variables",
    says="With ip_no_pmtu_disc 1 the path MTU of a UDP socket over IPv4 that discovers it is 552 once a "
    "router has told that a packet is too large for an MTU of 1300; with 0 it is 1300.",
    needs=[VETH],
)
@pytest.mark.parametrize(("mode", "mtu"), [(0, NARROW), (1, 552)])
def test_what_a_router_tells_makes_it_the_least(routed, observe, mode, mtu):
    narrow(routed)
    with too_large(routed, mode) as sender:
        assert observe("path_mtu", sender.ip_mtu) == mtu


@claim(
    "ip-sysctl/ip_no_pmtu_disc/mode-1-smaller",
    sentence="ip-sysctl/ip_no_pmtu_disc/mode-1",
    section="/proc/sys/net/ipv4/* Variables",
    says="With ip_no_pmtu_disc 1 the path MTU of a UDP socket over IPv4 that discovers it is that of the "
    "interface, where this is less than 552, once a router has told that a packet is too large.",
    needs=[VETH],
)
@pytest.mark.parametrize(("interface", "mtu"), [(551, 551), (552, 552), (553, 552)])
def test_what_a_router_tells_makes_it_no_larger(routed, observe, interface, mtu):
    narrow(routed, 300)
    routed.left.namespace.set_link(routed.left.device, mtu=interface)
    with too_large(routed, 1, size=400) as sender:
        assert [observe("error", errno_name(sender.error)), observe("path_mtu", sender.ip_mtu)] == [
            "EMSGSIZE",
            mtu,
        ]


@claim(
    "ip-sysctl/ip_no_pmtu_disc/discarded",
    sentence=("ip-sysctl/ip_no_pmtu_disc/mode-2-incoming", "ip-sysctl/ip_no_pmtu_disc/mode-3"),
    section="/proc/sys/net/ipv4/* Variables",
    says="With ip_no_pmtu_disc 2 and 3 a UDP socket over IPv4 that discovers the path MTU is not told by a "
    "router that its packet is too large, though another is told of another error, and its path MTU stays "
    "that of the interface; with 0 it is told.",
    needs=[VETH],
)
@pytest.mark.parametrize("mode", [2, 3])
def test_what_a_router_tells_is_discarded(routed, observe, mode):
    narrow(routed)
    left = routed.left.namespace
    with routed.router.entered():
        seen = packets()
    with seen, left.entered(), Socket.udp() as sender, Socket.udp() as other:
        seen.rcvtimeo = SOON
        left.sysctl[NO_PMTU_DISC] = mode
        sender.connect((routed.right.address, 9))
        other.connect((routed.router.address, 9))
        sender.send(bytes(LARGE))
        other.send(b"to nobody")
        await_error(other)
        path: list[object] = [next_header(seen).length, sender.error, sender.ip_mtu]
        left.sysctl[NO_PMTU_DISC] = 0
        sender.send(bytes(LARGE))
        await_error(sender)
        path += [errno_name(sender.error), sender.ip_mtu]

        assert observe("path", path) == [LARGE + HEADERS, 0, MTU, "EMSGSIZE", NARROW]


@claim(
    "ip-sysctl/ip_no_pmtu_disc/tcp",
    sentence="ip-sysctl/ip_no_pmtu_disc/mode-3-tcp",
    section="/proc/sys/net/ipv4/* Variables",
    says="With ip_no_pmtu_disc 3 a TCP socket over IPv4 with IP_PMTUDISC_WANT learns from a router how large "
    "a packet may be, and what it sends arrives.",
    since="3.14",
    needs=[VETH],
)
def test_a_stream_is_told_all_the_same(routed, observe):
    narrow(routed)
    routed.left.namespace.sysctl[NO_PMTU_DISC] = 3
    with routed.left.entered(), Socket.tcp() as sender:
        sender.ip_mtu_discover = WANT

        assert observe("path_mtu_and_received", path_of_stream(routed, sender)) == [MTU, NARROW, LARGE]


@claim(
    "ip-sysctl/ip_no_pmtu_disc/tcp-at-first",
    sentence="ip-sysctl/ip_no_pmtu_disc/mode-3-tcp",
    section="/proc/sys/net/ipv4/* Variables",
    says="With ip_no_pmtu_disc 3 a TCP socket over IPv4 learns from a router how large a packet may be, "
    "without IP_MTU_DISCOVER being set.",
    since="3.14",
    needs=[VETH],
    expect=differs(
        "it begins with IP_PMTUDISC_DONT as with 1 and 2, and routers fragment what it sends",
        since="3.14",
        commit="8ed1dc44d3e9",
        observed={"option": DONT, "path_mtu_and_received": [MTU, MTU, LARGE]},
    ),
)
def test_a_stream_discovers_the_path(routed, observe):
    narrow(routed)
    routed.left.namespace.sysctl[NO_PMTU_DISC] = 3
    with routed.left.entered(), Socket.tcp() as sender:
        option = observe("option", sender.ip_mtu_discover)

        assert [option, observe("path_mtu_and_received", path_of_stream(routed, sender))] == [
            WANT,
            [MTU, NARROW, LARGE],
        ]


@claim(
    "ip-sysctl/ip_no_pmtu_disc/values",
    sentence="ip-sysctl/ip_no_pmtu_disc/values",
    section="/proc/sys/net/ipv4/* Variables",
    says="ip_no_pmtu_disc can be 3, with which a new UDP socket over IPv4 has IP_PMTUDISC_DONT, and not 4: "
    "after 0 was written, and then 4, it has IP_PMTUDISC_WANT.",
    since="3.14",
    expect=differs(
        "a number above 3 is not refused, and counts as 1",
        since="3.14",
        commit="8ed1dc44d3e9",
        observed={"modes": [DONT, DONT]},
    ),
)
def test_the_modes_are_0_to_3(ns, observe):
    ns.sysctl[NO_PMTU_DISC] = 3
    with Socket.udp() as first:
        ns.sysctl[NO_PMTU_DISC] = 0
        with suppress(NetnsError):
            ns.sysctl[NO_PMTU_DISC] = 4
        with Socket.udp() as second:
            modes = [first.ip_mtu_discover, second.ip_mtu_discover]

            assert observe("modes", modes) == [DONT, WANT]


@claim(
    "ip-sysctl/ip_forward_use_pmtu/trusted",
    sentence=(
        "ip-sysctl/ip_forward_use_pmtu/not-trusted",
        "ip-sysctl/ip_forward_use_pmtu/trusted",
        "ip-sysctl/ip_forward_use_pmtu/default",
    ),
    section="/proc/sys/net/ipv4/* Variables",
    says="A packet over IPv4 that may not be fragmented is forwarded, though it is larger than the path MTU "
    "that a UDP socket of the router was told, in a new network namespace; with ip_forward_use_pmtu it is "
    "not, and the sender is told.",
    since="3.14",
    needs=[VETH, Capability.NET_RAW],
)
def test_a_router_does_not_trust_what_it_was_told(routed, observe):
    further, right = "192.0.2.1", routed.right.namespace
    routed.router.namespace.add_route(
        "192.0.2.0/24", via=routed.right.address, dev=routed.router_right.device
    )
    right.sysctl["net.ipv4.ip_forward"] = 1
    right.set_link("lo", mtu=NARROW)
    right.add_route("192.0.2.0/24", dev="lo")
    with right.entered():
        seen = packets()
    with routed.router.entered():
        told = Socket.udp()
    with routed.left.entered():
        sender = Socket.udp()
    with seen, told, sender:
        seen.rcvtimeo = SOON
        sender.ip_mtu_discover = PROBE
        told.connect((further, 9))
        told.send(bytes(LARGE))
        await_error(told)
        path: list[object] = [next_header(seen).length, told.ip_mtu]
        sender.connect((further, 9))
        sender.send(bytes(LARGE + 1))
        await_error(sender)
        path += [next_header(seen).length, errno_name(sender.error)]
        routed.router.namespace.sysctl[FORWARD_USE_PMTU] = 1
        sender.send(bytes(LARGE + 2))
        await_error(sender)
        path.append(errno_name(sender.error))
        sender.send(b"small")
        path.append(next_header(seen).length)

        assert observe("path", path) == [
            LARGE + HEADERS,
            NARROW,
            LARGE + 1 + HEADERS,
            "EMSGSIZE",
            "EMSGSIZE",
            5 + HEADERS,
        ]


@claim(
    "ip-sysctl/min_pmtu/least",
    sentence=("ip-sysctl/min_pmtu/default", "ip-sysctl/min_pmtu/least"),
    section="/proc/sys/net/ipv4/* Variables",
    says="The path MTU of a UDP socket over IPv4 that a router tells is 552 at least: "
    "of 551 it makes 552, and of 553 it does not.",
    needs=[VETH],
)
@pytest.mark.parametrize(("told", "mtu"), [(300, 552), (551, 552), (552, 552), (553, 553)])
def test_the_least_path_mtu_at_first(routed, observe, told, mtu):
    narrow(routed, told)
    with too_large(routed) as sender:
        assert observe("path_mtu", sender.ip_mtu) == mtu


@claim(
    "ip-sysctl/min_pmtu/changed",
    sentence="ip-sysctl/min_pmtu/least",
    section="/proc/sys/net/ipv4/* Variables",
    says="With another min_pmtu that is the least path MTU of a UDP socket over IPv4.",
    needs=[VETH, sysctl(MIN_PMTU)],
)
@pytest.mark.parametrize(("told", "mtu"), [(999, 1000), (1000, 1000), (1001, 1001)])
def test_the_least_path_mtu_can_be_changed(routed, observe, told, mtu):
    narrow(routed, told)
    routed.left.namespace.sysctl[MIN_PMTU] = 1000
    with too_large(routed) as sender:
        assert observe("path_mtu", sender.ip_mtu) == mtu


@claim(
    "ip-sysctl/mtu_expires/seconds",
    sentence="ip-sysctl/mtu_expires/kept",
    section="/proc/sys/net/ipv4/* Variables",
    says="The path MTU that a router told a UDP socket over IPv4 is forgotten mtu_expires seconds later: "
    "with 1 a new socket has the interface's after a second, and with 20 what was told.",
    needs=[VETH, sysctl(MTU_EXPIRES)],
)
@pytest.mark.parametrize(("seconds", "mtu"), [(1, MTU), (20, NARROW)])
def test_what_was_told_expires(routed, observe, seconds, mtu):
    narrow(routed)
    routed.left.namespace.sysctl[MTU_EXPIRES] = seconds
    with too_large(routed) as sender, routed.left.entered(), Socket.udp() as later:
        readable_by_select(later, 1.1)
        later.connect((routed.right.address, 9))

        assert [observe("told", errno_name(sender.error)), observe("path_mtu", later.ip_mtu)] == [
            "EMSGSIZE",
            mtu,
        ]


@claim(
    "ip-sysctl/min_adv_mss/least",
    sentence=("ip-sysctl/min_adv_mss/least", "ip-sysctl/min_adv_mss/first-hop"),
    section="/proc/sys/net/ipv4/* Variables",
    says="The segment size that a TCP socket over IPv4 announces in its SYN is that of the interface's MTU, "
    "40 bytes less, or min_adv_mss if that is more.",
    needs=[VETH, Capability.NET_RAW, sysctl(MIN_ADV_MSS)],
)
@pytest.mark.parametrize(("mtu", "size"), [(639, 600), (640, 600), (641, 601)])
def test_the_segment_size_has_a_least(peers, observe, mtu, size):
    left = peers.left.namespace
    left.sysctl[MIN_ADV_MSS] = 600
    left.set_link(peers.left.device, mtu=mtu)
    with peers.right.entered(), segments() as arriving, left.entered(), Socket.tcp() as sock:
        arriving.rcvtimeo = SOON
        with refused(errno.ECONNREFUSED):
            sock.connect((peers.right.address, 9))

        assert observe("size", next_segment(arriving).mss) == size


@claim(
    "ip-sysctl/ip_nonlocal_bind/ipv6",
    sentence=("ip-sysctl/ipv6-ip_nonlocal_bind/allows", "ip-sysctl/ipv6-ip_nonlocal_bind/default"),
    section="/proc/sys/net/ipv6/* Variables",
    says="With net.ipv6.ip_nonlocal_bind a TCP, UDP or raw socket over IPv6 can be bound to an address that "
    "this host does not have; in a new network namespace it is refused with EADDRNOTAVAIL.",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize("kind", ["udp6", "tcp6", "raw6"])
def test_any_address_can_be_bound_to(ns, observe, kind):
    make = {**SOCKETS, "raw6": lambda: Socket.raw(253, AF_INET6)}[kind]
    with make() as sock:
        with refused(errno.EADDRNOTAVAIL):
            sock.bind((NOT_LOCAL6, 0))
        ns.sysctl[NONLOCAL6] = 1
        sock.bind((NOT_LOCAL6, 0))

        assert observe("address", sock.getsockname()[0]) == NOT_LOCAL6


UP_TO_INT_MAX: Final = [("3.0", "5.15.117"), ("5.16", "6.1.34"), ("6.2", "6.3.8")]
"""The kernels without e209fee4118f, which 6.4 has, and stable series but for 5.10."""
PING: Final = {4: (AF_INET, IPPROTO_ICMP), 6: (AF_INET6, IPPROTO_ICMPV6)}
VERSIONS = pytest.mark.parametrize("version", [4, 6])


def may_ping(version: int) -> str:
    """Whether the caller can make a ping socket, or the errno with which it is refused."""
    family, protocol = PING[version]
    try:
        with Socket(family, SOCK_DGRAM, protocol):
            return "allowed"
    except OSError as error:
        return errno_name(error.errno)


def root_and_nobody_may(version: int) -> list[str]:
    return [may_ping(version), as_user(NOBODY, lambda: may_ping(version))]


@claim(
    "ip-sysctl/ping_group_range/groups",
    sentence=("ip-sysctl/ping_group_range/restricts", "ip-sysctl/ping_group_range/single"),
    section="IP Variables",
    says="A user can make ping sockets, over IPv4 and IPv6, where the user's group is one from the first "
    "number of ping_group_range to the second, both among them; otherwise it fails with EACCES.",
    since="3.11",
    needs=[IPV6, ANOTHER_USER],
)
@VERSIONS
@pytest.mark.parametrize(
    ("within", "beside"),
    [
        (f"{NOBODY} {NOBODY}", f"{NOBODY + 1} {NOBODY + 1}"),
        (f"{NOBODY - 1} {NOBODY}", f"{NOBODY - 2} {NOBODY - 1}"),
        (f"{NOBODY} {NOBODY + 1}", f"{NOBODY + 1} {NOBODY + 2}"),
    ],
)
def test_a_range_of_groups_may_ping(ns, observe, version, within, beside):
    ns.sysctl[PING_GROUPS] = within
    seen = [as_user(NOBODY, lambda: may_ping(version))]
    ns.sysctl[PING_GROUPS] = beside
    seen.append(as_user(NOBODY, lambda: may_ping(version)))

    assert observe("seen", seen) == ["allowed", "EACCES"]


@claim(
    "ip-sysctl/ping_group_range/many",
    sentence="ip-sysctl/ping_group_range/restricts",
    section="IP Variables",
    says="With a ping_group_range from 0 to 2147483647 root and another user can make ping sockets, over "
    "IPv4 and IPv6; from 100 on root cannot, whose group is 0, with all capabilities too.",
    since="3.11",
    needs=[IPV6, ANOTHER_USER],
)
@VERSIONS
def test_many_groups_may_ping(ns, observe, version):
    ns.sysctl[PING_GROUPS] = "0 2147483647"
    seen = root_and_nobody_may(version)
    ns.sysctl[PING_GROUPS] = "100 2147483647"
    seen += root_and_nobody_may(version)

    assert observe("seen", seen) == ["allowed", "allowed", "EACCES", "allowed"]


@claim(
    "ip-sysctl/ping_group_range/world",
    sentence="ip-sysctl/ping_group_range/world",
    section="IP Variables",
    says="The ping_group_range can be 0 to 4294967294, and then root and another user can make ping sockets, "
    "over IPv4 and IPv6; and from 100 on, and then root cannot, whose group is 0.",
    needs=[IPV6, ANOTHER_USER],
    expect=[
        differs(
            "a number above 2147483647 is refused, and nobody may as before",
            since=since,
            until=until,
            commit="c319b4d76b9e",
            observed={"range": ["1", "0"], "seen": ["EACCES"] * 4},
        )
        for since, until in UP_TO_INT_MAX
    ],
)
@VERSIONS
def test_all_groups_may_ping(ns, observe, version):
    with suppress(NetnsError):
        ns.sysctl[PING_GROUPS] = "0 4294967294"
    seen = root_and_nobody_may(version)
    with suppress(NetnsError):
        ns.sysctl[PING_GROUPS] = "100 4294967294"
    seen += root_and_nobody_may(version)

    assert [observe("range", ns.sysctl[PING_GROUPS].split()), observe("seen", seen)] == [
        ["100", "4294967294"],
        ["allowed", "allowed", "EACCES", "allowed"],
    ]


@claim(
    "ip-sysctl/ping_group_range/default",
    sentence="ip-sysctl/ping_group_range/default",
    section="IP Variables",
    says="In a new network namespace nobody can make ping sockets, over IPv4 and IPv6, nor root with all "
    "capabilities: it fails with EACCES until there is a range with the caller's group.",
    since="3.11",
    needs=[IPV6, ANOTHER_USER],
)
@VERSIONS
def test_nobody_may_ping_at_first(ns, observe, version):
    seen = root_and_nobody_may(version)
    ns.sysctl[PING_GROUPS] = "0 0"
    seen += root_and_nobody_may(version)

    assert observe("seen", seen) == ["EACCES", "EACCES", "allowed", "EACCES"]
