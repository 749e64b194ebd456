"""What routes of each type and metrics of routes do to sockets."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import BLACKHOLE, IPV6, congestion_control
from conformance.plugin.refusal import refused
from conformance.plugin.setups.netlink import bound, drained, netlink_socket, types
from conformance.plugin.setups.rtnetlink import answers, begin, carried_out, tcp_by_route
from libsocket import Socket
from reports.model import Expectation

NEW = "RTM_NEWROUTE NLM_F_CREATE"
TO = f"{NEW} rtm_family=AF_INET rtm_dst_len=24 rtm_table=RT_TABLE_MAIN RTA_DST=10.9.0.0"
TO_IPV6 = f"{NEW} rtm_family=AF_INET6 rtm_dst_len=64 rtm_table=RT_TABLE_MAIN RTA_DST=fd00:9::"
UNICAST = "rtm_family=AF_INET rtm_table=RT_TABLE_MAIN rtm_scope=RT_SCOPE_LINK rtm_type=RTN_UNICAST"
ALL = f"{NEW} {UNICAST} RTA_OIF=lo"
ALL_IPV6 = f"{NEW} rtm_family=AF_INET6 rtm_table=RT_TABLE_MAIN rtm_type=RTN_UNICAST RTA_OIF=left"
ADDRESS_IPV6 = (
    "RTM_NEWADDR NLM_F_CREATE ifa_family=AF_INET6 ifa_prefixlen=64 ifa_flags=IFA_F_NODAD ifa_index=left "
    "IFA_LOCAL=fd00:7::1"
)
TCPI_OPT_ECN = 8
GIVEN_UP = [
    ("RTN_BLACKHOLE", errno.EINVAL),
    ("RTN_UNREACHABLE", errno.EHOSTUNREACH),
    ("RTN_PROHIBIT", errno.EACCES),
]


def only_remembered(**observed: int) -> Expectation:
    """What is true of a metric that counts only for a peer of whom the kernel remembers metrics."""
    return differs(
        "it counts only where the kernel remembers metrics of the peer, as after a connection",
        since="6.7",
        commit="a135798e6e20",
        backports=("4.19.299", "5.4.261", "5.10.201", "5.15.139", "6.1.63", "6.5.12", "6.6.2"),
        observed=observed,
    )


def connected_elsewhere(kind: str, number: int) -> str:
    """The peer of an IPv4 UDP socket that no route of this type leads to, where another cannot connect."""
    with netlink_socket() as sock, Socket.udp() as before, Socket.udp() as after:
        carried_out(sock, ALL)
        before.connect(("10.9.0.1", 9))
        carried_out(sock, f"{TO} rtm_type={kind}")
        with refused(number):
            after.connect(("10.9.0.1", 9))
        return str(before.getpeername()[0])


@claim(
    "rtnetlink.7/RTN_BLACKHOLE/connect",
    sentence="rtnetlink.7/RTN_BLACKHOLE/drops",
    section="Messages",
    says="What an IPv4 route of the type RTN_BLACKHOLE leads to cannot be connected to by a UDP socket, and "
    "could be before: EINVAL.",
    needs=[BLACKHOLE],
)
def test_nothing_goes_by_a_blackhole(ns, observe):
    assert observe("before", connected_elsewhere("RTN_BLACKHOLE", errno.EINVAL)) == "10.9.0.1"


@claim(
    "rtnetlink.7/RTN_UNREACHABLE/connect",
    sentence="rtnetlink.7/RTN_UNREACHABLE/unreachable",
    section="Messages",
    says="What an IPv4 route of the type RTN_UNREACHABLE leads to cannot be connected to by a UDP socket, "
    "which could be before: EHOSTUNREACH.",
)
def test_nothing_goes_where_it_is_unreachable(ns, observe):
    assert observe("before", connected_elsewhere("RTN_UNREACHABLE", errno.EHOSTUNREACH)) == "10.9.0.1"


@claim(
    "rtnetlink.7/RTN_PROHIBIT/connect",
    sentence="rtnetlink.7/RTN_PROHIBIT/rejects",
    section="Messages",
    says="What an IPv4 route of the type RTN_PROHIBIT leads to cannot be connected to by a UDP socket, which "
    "could be before: EACCES.",
)
def test_nothing_goes_where_it_is_prohibited(ns, observe):
    assert observe("before", connected_elsewhere("RTN_PROHIBIT", errno.EACCES)) == "10.9.0.1"


@claim(
    "rtnetlink.7/rtmsg/type-ipv6",
    sentence=(
        "rtnetlink.7/RTN_BLACKHOLE/drops",
        "rtnetlink.7/RTN_UNREACHABLE/unreachable",
        "rtnetlink.7/RTN_PROHIBIT/rejects",
        "rtnetlink.7/rtmsg/type",
    ),
    section="Messages",
    says="What an IPv6 route of the type RTN_BLACKHOLE, RTN_UNREACHABLE or RTN_PROHIBIT leads to cannot be "
    "connected to by a UDP socket, which could be before: EINVAL, EHOSTUNREACH or EACCES.",
    needs=[IPV6],
)
@pytest.mark.parametrize(("kind", "number"), GIVEN_UP, ids=[kind for kind, _ in GIVEN_UP])
def test_nothing_goes_by_such_an_ipv6_route(ns, observe, kind, number):
    begin(ns, ["veth", ADDRESS_IPV6, ALL_IPV6])
    with (
        netlink_socket() as sock,
        Socket.udp(socket.AF_INET6) as before,
        Socket.udp(socket.AF_INET6) as after,
    ):
        before.connect(("fd00:9::1", 9))
        carried_out(sock, f"{TO_IPV6} rtm_type={kind}")
        with refused(number):
            after.connect(("fd00:9::1", 9))

        assert observe("before", before.getpeername()[0]) == "fd00:9::1"


@claim(
    "rtnetlink.7/RTN_LOCAL/receives",
    sentence="rtnetlink.7/RTN_LOCAL/local",
    section="Messages",
    says="An IPv4 address that a route of the type RTN_LOCAL in the table RT_TABLE_LOCAL leads to, and that "
    "no interface has, is this host's: a UDP socket is bound to it, and cannot be before: EADDRNOTAVAIL.",
)
def test_what_a_local_route_leads_to_is_this_host(ns, observe):
    with netlink_socket() as sock, Socket.udp() as bound_:
        with refused(errno.EADDRNOTAVAIL):
            bound_.bind(("10.9.0.1", 0))
        carried_out(
            sock,
            f"{NEW} rtm_family=AF_INET rtm_dst_len=32 rtm_table=RT_TABLE_LOCAL rtm_scope=RT_SCOPE_HOST "
            "rtm_type=RTN_LOCAL RTA_DST=10.9.0.1 RTA_OIF=lo",
        )
        bound_.bind(("10.9.0.1", 0))

        assert observe("address", bound_.getsockname()[0]) == "10.9.0.1"


@claim(
    "rtnetlink.7/RTN_BROADCAST/sent",
    sentence="rtnetlink.7/RTN_BROADCAST/broadcast",
    section="Messages",
    says="What is sent by an IPv4 route of the type RTN_BROADCAST is a broadcast: a UDP socket needs "
    "SO_BROADCAST to connect there, without which that fails with EACCES.",
)
def test_a_broadcast_route_takes_the_option(ns, observe):
    with netlink_socket() as sock, Socket.udp() as sender:
        carried_out(sock, f"{TO} rtm_scope=RT_SCOPE_LINK rtm_type=RTN_BROADCAST RTA_OIF=lo")
        with refused(errno.EACCES):
            sender.connect(("10.9.0.1", 9))
        sender.broadcast = True
        sender.connect(("10.9.0.1", 9))

        assert observe("peer", sender.getpeername()[0]) == "10.9.0.1"


@claim(
    "rtnetlink.7/RTM_F_NOTIFY/changed",
    sentence="rtnetlink.7/RTM_F_NOTIFY/notifies",
    section="Messages",
    says="Who has looked an IPv4 route up by RTM_GETROUTE with RTM_F_NOTIFY is notified when it changes, as "
    "who listens to RTNLGRP_IPV4_ROUTE is.",
    expect=differs(
        "the flag is told of the route alone, and nobody is notified by it",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"answer_and_notified": [["RTM_NEWROUTE"], [0, 1]]},
    ),
)
def test_a_change_is_notified(ns, observe):
    with (
        netlink_socket() as asker,
        netlink_socket() as changer,
        bound(socket.NETLINK_ROUTE, groups=1 << 6) as listener,
    ):
        carried_out(changer, ALL)
        drained(listener)
        answered = answers(
            asker, "RTM_GETROUTE rtm_family=AF_INET rtm_dst_len=32 rtm_flags=RTM_F_NOTIFY RTA_DST=10.9.0.1"
        )
        carried_out(changer, f"{TO} rtm_type=RTN_UNREACHABLE")

        notified = [len(types(drained(one))) for one in (asker, listener)]
        assert observe("answer_and_notified", [answered, notified]) == [["RTM_NEWROUTE"], [1, 1]]


@claim(
    "rtnetlink.7/RTAX_LOCK/needed",
    sentence=("rtnetlink.7/RTAX_LOCK/needed", "rtnetlink.7/RTAX_RTO_MIN/least"),
    section="Messages",
    says="RTAX_RTO_MIN of an IPv4 route, in milliseconds, is the least retransmission timeout of a TCP "
    "connection (TCP_INFO.rto) where its bit is set in RTAX_LOCK, and has no effect where it is not.",
)
@pytest.mark.parametrize(("lock", "least"), [(0, 0), (1 << 13, 5)], ids=["unlocked", "locked"])
def test_the_least_timeout_counts_where_it_is_locked(ns, observe, lock, least):
    locked = f"RTA_METRICS.RTAX_LOCK={lock} RTA_METRICS.RTAX_RTO_MIN=5000"
    with tcp_by_route(locked) as (client, _):
        assert observe("whole_seconds", client.tcp_info.rto // 1_000_000) == least


@claim(
    "rtnetlink.7/RTAX_MTU/of-socket",
    sentence="rtnetlink.7/RTAX_MTU/mtu",
    section="Messages",
    says="RTAX_MTU of an IPv4 route is the MTU that IP_MTU tells of a UDP socket that is connected by it, "
    "where it is 65535 by another route.",
)
def test_the_mtu_is_that_of_the_route(ns, observe):
    with netlink_socket() as sock, Socket.udp() as before, Socket.udp() as after:
        carried_out(sock, ALL)
        before.connect(("10.9.0.1", 9))
        carried_out(
            sock, f"{TO} rtm_scope=RT_SCOPE_LINK rtm_type=RTN_UNICAST RTA_OIF=lo RTA_METRICS.RTAX_MTU=1300"
        )
        after.connect(("10.9.0.1", 9))

        assert observe("before_and_after", [before.ip_mtu, after.ip_mtu]) == [65535, 1300]


@claim(
    "rtnetlink.7/RTAX_INITCWND/of-connection",
    sentence="rtnetlink.7/RTAX_INITCWND/initial",
    section="Messages",
    says="RTAX_INITCWND of an IPv4 route is the congestion window that a TCP connection by it begins with "
    "(TCP_INFO.snd_cwnd).",
)
@pytest.mark.parametrize("segments", [3, 14])
def test_the_congestion_window_begins_so(ns, observe, segments):
    with tcp_by_route(f"RTA_METRICS.RTAX_INITCWND={segments}") as (client, _):
        assert observe("snd_cwnd", client.tcp_info.snd_cwnd) == segments


@claim(
    "rtnetlink.7/RTAX_ADVMSS/of-connection",
    sentence="rtnetlink.7/RTAX_ADVMSS/mss",
    section="Messages",
    says="RTAX_ADVMSS of an IPv4 route is the segment size that both ends of a TCP connection without "
    "timestamps by it advertise (TCP_INFO.advmss).",
)
@pytest.mark.parametrize("size", [1000, 1200])
def test_the_segment_size_is_advertised(ns, observe, size):
    ns.sysctl["net.ipv4.tcp_timestamps"] = 0
    with tcp_by_route(f"RTA_METRICS.RTAX_ADVMSS={size}") as both:
        assert observe("advmss", [one.tcp_info.advmss for one in both]) == [size, size]


@claim(
    "rtnetlink.7/RTAX_WINDOW/of-connection",
    sentence="rtnetlink.7/RTAX_WINDOW/window",
    section="Messages",
    says="RTAX_WINDOW of an IPv4 route is the receive window that both ends of a TCP connection by it begin "
    "with, as the other end has it (TCP_INFO.snd_wnd), where it would be larger.",
)
@pytest.mark.parametrize("size", [3000, 5000])
def test_the_window_is_no_larger(ns, observe, size):
    with tcp_by_route(f"RTA_METRICS.RTAX_WINDOW={size}") as both:
        assert observe("snd_wnd", [one.tcp_info.snd_wnd for one in both]) == [size, size]


@claim(
    "rtnetlink.7/RTAX_INITRWND/of-connection",
    sentence="rtnetlink.7/RTAX_INITRWND/initial",
    section="Messages",
    says="RTAX_INITRWND of an IPv4 route is the receive window, in segments of RTAX_ADVMSS, that the end "
    "which accepts a TCP connection without timestamps by it begins with (TCP_INFO.snd_wnd of the other).",
    since="2.6.34",
)
@pytest.mark.parametrize("segments", [4, 7])
def test_the_window_begins_so(ns, observe, segments):
    ns.sysctl["net.ipv4.tcp_timestamps"] = 0
    with tcp_by_route(f"RTA_METRICS.RTAX_ADVMSS=1000 RTA_METRICS.RTAX_INITRWND={segments}") as (client, _):
        assert observe("snd_wnd", client.tcp_info.snd_wnd) == 1000 * segments


@claim(
    "rtnetlink.7/RTAX_FEATURES/of-connection",
    sentence="rtnetlink.7/RTAX_FEATURES/features",
    section="Messages",
    says="With ECN, 1, in RTAX_FEATURES of an IPv4 route both ends of a TCP connection by it have "
    "TCPI_OPT_ECN (TCP_INFO.options), also while net.ipv4.tcp_ecn is 0, and without it have it not then.",
)
@pytest.mark.parametrize(("features", "ecn"), [(0, 0), (1, TCPI_OPT_ECN)], ids=["without", "with"])
def test_ecn_is_a_feature_of_the_route(ns, observe, features, ecn):
    ns.sysctl["net.ipv4.tcp_ecn"] = 0
    with tcp_by_route(f"RTA_METRICS.RTAX_FEATURES={features}") as both:
        found = [one.tcp_info.options & TCPI_OPT_ECN for one in both]
        assert observe("ecn", found) == [ecn, ecn]


@claim(
    "rtnetlink.7/RTAX_REORDERING/of-connection",
    sentence="rtnetlink.7/RTAX_REORDERING/reordering",
    section="Messages",
    says="RTAX_REORDERING of an IPv4 route is the reordering level that the first TCP connection by it "
    "begins with (TCP_INFO.reordering).",
    expect=only_remembered(reordering=3),
)
def test_the_reordering_level_begins_so(ns, observe):
    with tcp_by_route("RTA_METRICS.RTAX_REORDERING=5") as (client, _):
        assert observe("reordering", client.tcp_info.reordering) == 5


@claim(
    "rtnetlink.7/RTAX_SSTHRESH/of-connection",
    sentence="rtnetlink.7/RTAX_SSTHRESH/threshold",
    section="Messages",
    says="RTAX_SSTHRESH of an IPv4 route is the slow start threshold that the first TCP connection by it "
    "begins with (TCP_INFO.snd_ssthresh), while net.ipv4.tcp_no_ssthresh_metrics_save is 0.",
    expect=only_remembered(snd_ssthresh=0x7FFF_FFFF),
)
def test_the_slow_start_threshold_begins_so(ns, observe):
    ns.sysctl["net.ipv4.tcp_no_ssthresh_metrics_save"] = 0
    with tcp_by_route("RTA_METRICS.RTAX_SSTHRESH=9") as (client, _):
        assert observe("snd_ssthresh", client.tcp_info.snd_ssthresh) == 9


@claim(
    "rtnetlink.7/RTAX_CWND/of-connection",
    sentence=("rtnetlink.7/RTAX_CWND/congestion-window", "rtnetlink.7/RTAX_LOCK/precedence"),
    section="Messages",
    says="RTAX_CWND of an IPv4 route, 5, is the congestion window that the first TCP connection by it begins "
    "with (TCP_INFO.snd_cwnd) where it is locked by RTAX_LOCK and RTAX_INITCWND is larger, 9.",
    expect=only_remembered(snd_cwnd=9),
)
def test_the_congestion_window_is_no_larger(ns, observe):
    locked = "RTA_METRICS.RTAX_LOCK=128 RTA_METRICS.RTAX_CWND=5 RTA_METRICS.RTAX_INITCWND=9"
    with tcp_by_route(locked) as (client, _):
        assert observe("snd_cwnd", client.tcp_info.snd_cwnd) == 5


@claim(
    "rtnetlink.7/RTAX_CC_ALGO/of-connection",
    sentence="rtnetlink.7/RTAX_CC_ALGO/algorithm",
    section="Messages",
    says="RTAX_CC_ALGO of an IPv4 route is the congestion control algorithm of a TCP socket that connects by "
    "it, cubic where that of a new socket is reno.",
    since="4.0",
    needs=[congestion_control("cubic")],
)
def test_the_algorithm_is_that_of_the_route(ns, observe):
    ns.sysctl["net.ipv4.tcp_congestion_control"] = "reno"
    with Socket.tcp() as new, tcp_by_route("RTA_METRICS.RTAX_CC_ALGO=cubic") as (client, _):
        assert observe("new_and_connected", [new.tcp_congestion, client.tcp_congestion]) == ["reno", "cubic"]


@claim(
    "rtnetlink.7/RTAX_HOPLIMIT/sent",
    sentence="rtnetlink.7/RTAX_HOPLIMIT/hop-limit",
    section="Messages",
    says="RTAX_HOPLIMIT of an IPv6 route is the hop limit of a UDP socket that is connected by it, as "
    "IPV6_UNICAST_HOPS tells it: 77, and 33 by another route.",
    needs=[IPV6],
)
def test_the_hop_limit_is_that_of_the_route(ns, observe):
    begin(ns, ["veth", ADDRESS_IPV6, f"{ALL_IPV6} RTA_METRICS.RTAX_HOPLIMIT=33"])
    with (
        netlink_socket() as sock,
        Socket.udp(socket.AF_INET6) as before,
        Socket.udp(socket.AF_INET6) as after,
    ):
        before.connect(("fd00:9::1", 9))
        carried_out(sock, f"{TO_IPV6} rtm_type=RTN_UNICAST RTA_OIF=left RTA_METRICS.RTAX_HOPLIMIT=77")
        after.connect(("fd00:9::1", 9))

        limits = [before.ipv6_unicast_hops, after.ipv6_unicast_hops]
        assert observe("before_and_after", limits) == [33, 77]
