"""Requests that are answered otherwise than by a list, and what the kernel counts and dates."""

from __future__ import annotations

import errno
import socket
import time

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, MULTICAST_ROUTING, ROUTING_RULES, qdisc
from conformance.plugin.refusal import refused
from conformance.plugin.setups.netlink import asked, bound, drained, netlink_socket, parsed, types
from conformance.plugin.setups.rtnetlink import (
    RTNLGRPS,
    answers,
    begin,
    carried_out,
    framed_short,
    listed,
    packets,
    routing_multicast,
    shown,
    timestamps,
)
from libsocket import NETLINK_GET_STRICT_CHK, Netlink, Socket
from netns import Capability
from netns.netlink import receive

RTNLGRP_TC = 4
NEWQDISC = 36
PFIFO = "RTM_NEWQDISC NLM_F_CREATE tcm_ifindex=left tcm_handle=0x10000 tcm_parent=0xffffffff TCA_KIND=pfifo"
ONE = "RTM_GETQDISC tcm_ifindex=left tcm_handle=0x10000"
UP = "RTM_NEWLINK ifi_index=right ifi_flags=IFF_UP ifi_change=IFF_UP"
ADDRESS = "RTM_NEWADDR NLM_F_CREATE ifa_family=AF_INET ifa_prefixlen=24 ifa_index=left IFA_LOCAL=10.7.0.1"
NEIGHBOURS = "RTM_GETNEIGH NLM_F_DUMP ndm_family=AF_INET"
STALE = (
    "RTM_NEWNEIGH NLM_F_CREATE ndm_family=AF_INET ndm_ifindex=left ndm_state=NUD_STALE NDA_DST=10.7.0.2 "
    "NDA_LLADDR=02:00:00:00:00:01"
)
OF_TABLE = (
    "RTM_NEWROUTE NLM_F_CREATE rtm_family=AF_INET rtm_dst_len=24 rtm_table=100 rtm_scope=RT_SCOPE_HOST "
    "rtm_type=RTN_LOCAL RTA_DST=10.9.0.0 RTA_OIF=lo"
)


def nearly_now(hundredths: int) -> bool:
    """Whether a time since the boot is within ten seconds of this one."""
    return abs(hundredths - 100 * time.clock_gettime(time.CLOCK_MONOTONIC)) < 1000


@claim(
    "rtnetlink.7/RTM_GETQDISC/one",
    sentence="rtnetlink.7/RTM_GETQDISC/gets",
    section="Messages",
    says="RTM_GETQDISC without NLM_F_DUMP, with an interface and the handle of its queueing discipline, gets "
    "that: one RTM_NEWQDISC.",
    needs=[qdisc("pfifo")],
    expect=differs(
        "without NLM_F_ECHO only the listeners to RTNLGRP_TC are told, and who asks has no answer",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"answers_and_heard": [[], [NEWQDISC]]},
    ),
)
def test_one_queueing_discipline_is_told(ns, observe):
    begin(ns, ["veth", PFIFO])
    with netlink_socket() as sock, bound(socket.NETLINK_ROUTE, groups=1 << RTNLGRP_TC - 1) as listener:
        told = answers(sock, ONE)

        assert observe("answers_and_heard", [told, types(drained(listener))]) == [["RTM_NEWQDISC"], []]


@claim(
    "rtnetlink.7/IFLA_STATS/packets",
    sentence="rtnetlink.7/IFLA_STATS/statistics",
    section="Messages",
    says="IFLA_STATS of loopback counts its packets: a UDP datagram that is sent to 127.0.0.1 is one that it "
    "received, and one that it sent.",
)
def test_the_statistics_count_packets(ns, observe):
    with netlink_socket() as sock, Socket.udp() as receiver, Socket.udp() as sender:
        receiver.bind(("127.0.0.1", 0))
        before = packets(sock, "lo")
        sender.sendto(b"one", receiver.getsockname())

        assert observe("before_and_after", [before, packets(sock, "lo")]) == [[0, 0], [1, 1]]


@claim(
    "rtnetlink.7/ifa_cacheinfo/timestamps",
    sentence="rtnetlink.7/ifa_cacheinfo/timestamps",
    section="Messages",
    says="IFA_CACHEINFO of an IPv4 address says in hundredths of a second when it was created and updated: "
    "since the boot, and at first the same.",
)
def test_an_address_says_when_it_was_made(ns, observe):
    with netlink_socket() as sock:
        carried_out(
            sock,
            "RTM_NEWADDR NLM_F_CREATE ifa_family=AF_INET ifa_prefixlen=32 ifa_index=lo IFA_LOCAL=10.8.1.1",
        )
        created, updated = timestamps(sock, "ifa_prefixlen=32")

        assert observe("near_and_later", [nearly_now(created), updated - created]) == [True, 0]


@claim(
    "rtnetlink.7/ifa_cacheinfo/valid-zero",
    sentence="rtnetlink.7/ifa_cacheinfo/bounds",
    section="Messages",
    says="A valid lifetime of 0 in IFA_CACHEINFO is refused for an IPv4 address: EINVAL; 1 is not.",
    since="3.9",
)
def test_an_ipv4_address_is_valid_for_a_second(ns, observe):
    request = "RTM_NEWADDR NLM_F_CREATE ifa_family=AF_INET ifa_prefixlen=32 ifa_index=lo IFA_LOCAL=10.8.1.1"

    heard = made_for_a_second("RTNLGRP_IPV4_IFADDR", request)
    assert observe("heard", heard) == ["RTM_NEWADDR IFA_ADDRESS:4=10.8.1.1"]


@claim(
    "rtnetlink.7/ifa_cacheinfo/valid-zero-ipv6",
    sentence="rtnetlink.7/ifa_cacheinfo/bounds",
    section="Messages",
    says="A valid lifetime of 0 in IFA_CACHEINFO is refused for an IPv6 address: EINVAL; 1 is not.",
    needs=[IPV6],
)
def test_an_ipv6_address_is_valid_for_a_second(ns, observe):
    request = (
        "RTM_NEWADDR NLM_F_CREATE ifa_family=AF_INET6 ifa_prefixlen=64 ifa_flags=IFA_F_NODAD ifa_index=lo "
        "IFA_LOCAL=fd00:9::1"
    )

    heard = made_for_a_second("RTNLGRP_IPV6_IFADDR", request)
    assert observe("heard", heard) == ["RTM_NEWADDR IFA_ADDRESS:16=fd00:9::1"]


def made_for_a_second(group: str, request: str) -> list[str]:
    """What a group hears of addresses that are made, where a lifetime of 0 is refused and 1 second is not."""
    with netlink_socket() as sock, netlink_socket() as listener:
        with refused(errno.EINVAL):
            carried_out(sock, f"{request} IFA_CACHEINFO=0,0")
        listener.bind(Netlink(0, 1 << RTNLGRPS[group] - 1))
        carried_out(sock, f"{request} IFA_CACHEINFO=0,1")
        events = [shown(one, ["IFA_ADDRESS"]) for one in receive(listener) + drained(listener)]
    return [one for one in events if one.startswith("RTM_NEWADDR")]  # a second later it is deleted


@claim(
    "rtnetlink.7/NUD_INCOMPLETE/resolving",
    sentence="rtnetlink.7/NUD_INCOMPLETE/resolving",
    section="Messages",
    says="An IPv4 neighbour that a datagram is sent to by an interface of type veth, and that has not "
    "answered, is NUD_INCOMPLETE, and has no address of the link layer.",
)
def test_a_neighbour_is_resolved(ns, observe):
    begin(ns, ["veth", UP, ADDRESS])
    with netlink_socket() as sock, Socket.udp() as sender:
        names = ["ndm_state", "NDA_LLADDR"]
        before = listed(sock, NEIGHBOURS, ["NDA_DST:4=10.7.0.2"], names)
        sender.sendto(b"who is there", ("10.7.0.2", 9))

        after = listed(sock, NEIGHBOURS, ["NDA_DST:4=10.7.0.2"], names)
        assert observe("before_and_after", [before, after]) == [
            [],
            ["RTM_NEWNEIGH ndm_state=NUD_INCOMPLETE NDA_LLADDR=none"],
        ]


@claim(
    "rtnetlink.7/NUD_DELAY/waits",
    sentence=("rtnetlink.7/NUD_DELAY/waits", "rtnetlink.7/NUD_STALE/expired"),
    section="Messages",
    says="An IPv4 neighbour that is NUD_STALE waits for a timer, as NUD_DELAY, once a datagram is sent.",
)
def test_a_stale_neighbour_that_is_used_waits(ns, observe):
    begin(ns, ["veth", UP, ADDRESS, STALE])
    with netlink_socket() as sock, Socket.udp() as sender:
        before = listed(sock, NEIGHBOURS, ["NDA_DST:4=10.7.0.2"], ["ndm_state"])
        sender.sendto(b"still there", ("10.7.0.2", 9))

        after = listed(sock, NEIGHBOURS, ["NDA_DST:4=10.7.0.2"], ["ndm_state"])
        assert observe("before_and_after", [before, after]) == [
            ["RTM_NEWNEIGH ndm_state=NUD_STALE"],
            ["RTM_NEWNEIGH ndm_state=NUD_DELAY"],
        ]


@claim(
    "rtnetlink.7/NUD_NOARP/of-device",
    sentence="rtnetlink.7/NUD_NOARP/no-cache",
    section="Messages",
    says="An IPv4 neighbour that a datagram is sent to by an interface of type veth with IFF_NOARP is "
    "NUD_NOARP, where it is NUD_INCOMPLETE by one without.",
)
@pytest.mark.parametrize(
    ("change", "state"), [("0", "NUD_INCOMPLETE"), ("IFF_NOARP", "NUD_NOARP")], ids=["arp", "noarp"]
)
def test_a_neighbour_is_of_a_device_without_arp(ns, observe, change, state):
    begin(ns, ["veth", UP, ADDRESS, f"RTM_NEWLINK ifi_index=left ifi_flags={change} ifi_change={change}"])
    with netlink_socket() as sock, Socket.udp() as sender:
        before = listed(sock, NEIGHBOURS, ["NDA_DST:4=10.7.0.2"])
        sender.sendto(b"who is there", ("10.7.0.2", 9))

        after = listed(sock, NEIGHBOURS, ["NDA_DST:4=10.7.0.2"], ["ndm_state"])
        assert observe("before_and_after", [before, after]) == [[], [f"RTM_NEWNEIGH ndm_state={state}"]]


@claim(
    "rtnetlink.7/RTA_MFC_STATS/structure",
    sentence=("rtnetlink.7/RTA_MFC_STATS/structure", "rtnetlink.7/RTN_MULTICAST/multicast"),
    section="Messages",
    says="RTM_GETROUTE lists an IPv4 route of a router for multicast, of the type RTN_MULTICAST, with the "
    "source, the group and the interface that it comes by, and RTA_MFC_STATS, a struct rta_mfc_stats of 24 "
    "bytes.",
    since="3.3",
    needs=[Capability.NET_RAW, Capability.NET_ADMIN, MULTICAST_ROUTING],
)
def test_a_multicast_route_is_told(ns, observe):
    begin(ns, ["veth"])
    with netlink_socket() as sock, routing_multicast("left", "10.7.0.2", "239.1.1.1"):
        names = ["rtm_type", "RTA_SRC", "RTA_DST", "RTA_IIF", "RTA_MFC_STATS"]
        told = listed(sock, "RTM_GETROUTE NLM_F_DUMP rtm_family=RTNL_FAMILY_IPMR", names=names)

        assert observe("told", told) == [
            "RTM_NEWROUTE rtm_type=RTN_MULTICAST RTA_SRC:4=10.7.0.2 RTA_DST:4=239.1.1.1 RTA_IIF:4=left "
            "RTA_MFC_STATS:24"
        ]


@claim(
    "defacto/RTM_GETADDR/eopnotsupp",
    says="RTM_GETADDR without NLM_F_DUMP fails with EOPNOTSUPP for IPv4 addresses, which are listed with it.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_one_ipv4_address_cannot_be_asked_for(ns, observe):
    with netlink_socket() as sock:
        one = answers(sock, "RTM_GETADDR ifa_family=AF_INET ifa_index=lo")
        every = listed(sock, "RTM_GETADDR NLM_F_DUMP ifa_family=AF_INET")

        assert observe("one_and_every", [one, every]) == [["EOPNOTSUPP"], ["RTM_NEWADDR"]]


@claim(
    "defacto/NETLINK_GET_STRICT_CHK/route-table",
    says="On a socket with NETLINK_GET_STRICT_CHK, RTM_GETROUTE with NLM_F_DUMP lists the IPv4 routes of the "
    "table in rtm_table alone; without the option it lists those of all.",
    since="4.20",
    commit="18a8021a7be3",
    needs=[ROUTING_RULES],
)
def test_a_strict_socket_lists_one_table(ns, observe):
    with netlink_socket() as sock:
        carried_out(sock, OF_TABLE)
        wanted = "RTM_GETROUTE NLM_F_DUMP rtm_family=AF_INET rtm_table=100"
        of_all = len(listed(sock, wanted, ["rtm_type=RTN_LOCAL"]))
        sock.set(NETLINK_GET_STRICT_CHK, True)

        told = listed(sock, wanted, ["rtm_type=RTN_LOCAL"], ["RTA_DST"])
        assert observe("of_all_and_one", [of_all, told]) == [3, ["RTM_NEWROUTE RTA_DST:4=10.9.0.0"]]


@claim(
    "defacto/RTM_NEWLINK/einval-short",
    says="A request that is shorter than its fixed part, RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE, "
    "RTM_NEWNEIGH or RTM_NEWQDISC with four bytes, fails with EINVAL; a whole RTM_GETLINK is answered.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", ["LINK", "ADDR", "ROUTE", "NEIGH", "QDISC"])
def test_a_short_request_is_refused(ns, observe, kind):
    with netlink_socket() as sock:
        (refusal,) = asked(sock, framed_short(f"RTM_NEW{kind}", 4))

        told = [parsed(refusal).error, answers(sock, "RTM_GETLINK ifi_index=lo")]
        assert observe("refusal_and_answer", told) == [-errno.EINVAL, ["RTM_NEWLINK"]]
