"""Sysctls of IGMP: how many groups, and senders to them, a socket may have."""

from __future__ import annotations

from socket import IPPROTO_IGMP, inet_ntoa
from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.packets import ip_header, packets
from conformance.plugin.timing import SOON
from libsocket import IP_ADD_SOURCE_MEMBERSHIP, IP_MSFILTER, IpMreqn, IpMreqSource, IpMsfilter, Socket
from netns import Capability, Peers

MEMBERSHIPS, SOURCES = "net.ipv4.igmp_max_memberships", "net.ipv4.igmp_max_msf"
HERE = "127.0.0.1"
GROUP, LINK_LOCAL = "239.1.2.3", "224.0.0.100"
LINK_LOCAL_REPORTS = "net.ipv4.igmp_link_local_mcast_reports"
REPORT_V1, REPORT_V2, REPORT_V3 = 0x12, 0x16, 0x22
LOOPBACK = 1
SENT_TO_EACH: Final = {
    "no-op: sendto(*": "that a group is sent to is seen where it is joined",
    "no-op: close*": "what was sent before arrives",
}


def group(number: int) -> str:
    return f"239.1.0.{number}"


def join(sock: Socket, *numbers: int) -> None:
    for number in numbers:
        sock.ip_add_membership = IpMreqn(group(number), ifindex=LOOPBACK)


def hear(sock: Socket, *numbers: int) -> None:
    """Let a group's packets in from senders, one by one."""
    for number in numbers:
        sock.set(IP_ADD_SOURCE_MEMBERSHIP, IpMreqSource(GROUP, HERE, sender(number)))


def sender(number: int) -> str:
    return f"127.0.1.{number}"


def numbered(numbers: range) -> tuple[str, ...]:
    return tuple(sender(number) for number in numbers)


def senders(sock: Socket) -> list[str]:
    """The senders to the group that a socket has."""
    return sorted(sock.get(IP_MSFILTER, request=IpMsfilter(GROUP, HERE)).sources)


def heard(receiver: Socket, groups: range) -> list[str]:
    """The groups of which a socket receives what is sent to each of some, up to the first."""
    port = receiver.getsockname()[1]
    with Socket.udp() as sender:
        for number in reversed(groups):
            sender.sendto(group(number).encode(), (group(number), port))
    received = [""]
    while received[-1] != group(groups[0]):
        received.append(receiver.recv(20).decode())
    return received[1:]


@pytest.fixture
def receiver(ns):
    """A UDP socket that hears only what it joined itself."""
    ns.add_route("224.0.0.0/4", dev="lo")
    with Socket.udp() as sock:
        sock.rcvtimeo = SOON
        sock.ip_multicast_all = False
        sock.bind(("0.0.0.0", 0))
        yield sock


@claim(
    "ip-sysctl/igmp_max_memberships/most",
    sentence="ip-sysctl/igmp_max_memberships/most",
    section="IP Variables",
    says="A UDP socket over IPv4 joins igmp_max_memberships groups, 1 or 3, and receives what is sent to "
    "them; one more is refused and not received, and another socket joins as many.",
    survives=SENT_TO_EACH,
)
@pytest.mark.parametrize("most", [1, 3])
def test_so_many_groups_are_joined(ns, receiver, observe, most):
    ns.sysctl[MEMBERSHIPS] = most
    join(receiver, *range(most))
    with refused():
        join(receiver, most)
    with Socket.udp() as other:
        join(other, *range(1, most + 1))
        with refused(name="errno_of_other"):
            join(other, 0)

        assert observe("heard", heard(receiver, range(most + 1))) == [group(n) for n in reversed(range(most))]


@claim(
    "ip-sysctl/igmp_max_memberships/default",
    sentence="ip-sysctl/igmp_max_memberships/default",
    section="IP Variables",
    says="In a new network namespace a UDP socket over IPv4 joins 20 groups, and one more is refused.",
    survives=SENT_TO_EACH,
)
def test_so_many_groups_are_joined_at_first(receiver, observe):
    join(receiver, *range(20))
    with refused():
        join(receiver, 20)

    assert observe("heard", len(heard(receiver, range(21)))) == 20


@claim(
    "ip-sysctl/igmp_max_msf/most",
    sentence="ip-sysctl/igmp_max_msf/most",
    section="IP Variables",
    says="A UDP socket over IPv4 has igmp_max_msf senders to a group, 1 or 3, by IP_ADD_SOURCE_MEMBERSHIP or "
    "by IP_MSFILTER; one more is refused, and those before stay.",
)
@pytest.mark.parametrize("most", [1, 3])
def test_so_many_senders_are_heard(ns, receiver, observe, most):
    ns.sysctl[SOURCES] = most
    hear(receiver, *range(1, most + 1))
    with refused():
        hear(receiver, most + 1)
    held = [senders(receiver)]
    receiver.set(IP_MSFILTER, IpMsfilter(GROUP, HERE, True, numbered(range(11, most + 11))))
    with refused(name="errno_of_the_whole"):
        receiver.set(IP_MSFILTER, IpMsfilter(GROUP, HERE, True, numbered(range(21, most + 22))))
    held.append(senders(receiver))

    expected = [list(numbered(range(1, most + 1))), list(numbered(range(11, most + 11)))]
    assert observe("held", held) == expected


@claim(
    "ip-sysctl/igmp_max_msf/default",
    sentence="ip-sysctl/igmp_max_msf/default",
    section="IP Variables",
    says="In a new network namespace a UDP socket over IPv4 has 10 senders to a group by "
    "IP_ADD_SOURCE_MEMBERSHIP, and one more is refused.",
)
def test_so_many_senders_are_heard_at_first(receiver, observe):
    hear(receiver, *range(1, 11))
    with refused():
        hear(receiver, 11)

    assert observe("held", len(senders(receiver))) == 10


@claim(
    "ip-sysctl/igmp_max_msf/none",
    sentence="ip-sysctl/igmp_max_msf/most",
    section="IP Variables",
    says="With an igmp_max_msf of 0 a sender to a group is refused a UDP socket over IPv4 by IP_MSFILTER and "
    "by IP_ADD_SOURCE_MEMBERSHIP.",
    expect=differs(
        "IP_ADD_SOURCE_MEMBERSHIP takes the first",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={
            "before": ["127.0.1.1"],
            "errno_of_the_whole": "ENOBUFS",
            "errno": None,
            "heard": ["127.0.1.1"],
        },
    ),
)
def test_no_sender_is_heard(ns, receiver, observe):
    one = IpMsfilter(GROUP, HERE, True, numbered(range(1, 2)))
    with Socket.udp() as other:
        other.ip_add_membership = IpMreqn(GROUP, HERE)
        other.set(IP_MSFILTER, one)
        before = observe("before", senders(other))
        ns.sysctl[SOURCES] = 0
        with refused(name="errno_of_the_whole"):
            other.set(IP_MSFILTER, one)
    with refused():
        hear(receiver, 1)
        observe("heard", senders(receiver))

    assert before == [sender(1)]


def reports(hosts: Peers, *groups: str) -> list[tuple[int, str]]:
    """The types of IGMP reports, and the groups that they name, while the left joins some, up to the last."""
    left = hosts.left
    with hosts.right.entered(), packets() as seen, left.entered(), Socket.udp() as sock:
        seen.rcvtimeo = SOON
        for one in groups:
            sock.ip_add_membership = IpMreqn(one, left.address)
            sock.get(IP_MSFILTER, request=IpMsfilter(one, left.address))  # is refused unless it has joined
        found = [(0, "")]
        while groups[-1] not in [name for _, name in found]:
            packet = seen.recv(1000)
            if ip_header(packet).protocol == IPPROTO_IGMP:
                found += named(packet[4 * (packet[0] & 0x0F) :])
        return found[1:]


def named(message: bytes) -> list[tuple[int, str]]:
    """The type of a message of IGMP with each group that it names; by IGMPv3 in records without senders."""
    places = range(12, len(message), 8) if message[0] == REPORT_V3 else [4]
    return [(message[0], inet_ntoa(message[place : place + 4])) for place in places]


@claim(
    "ip-sysctl/force_igmp_version/reports",
    sentence=("ip-sysctl/force_igmp_version/versions", "ip-sysctl/force_igmp_version/default"),
    section="IP Variables",
    says="A host reports a group that a UDP socket over IPv4 joins by IGMPv3 in a new network namespace and "
    "with force_igmp_version 3, by IGMPv1 with 1 and by IGMPv2 with 2.",
    needs=[VETH, Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("values", "report"),
    [([], REPORT_V3), ([1], REPORT_V1), ([2], REPORT_V2), ([3], REPORT_V3)],
    ids=["at-first", "1", "2", "3"],
)
def test_a_group_is_reported(peers, observe, values, report):
    left = peers.left
    left.namespace.sysctl.update({f"net.ipv4.conf.{left.device}.force_igmp_version": one for one in values})

    assert observe("report", list(reports(peers, GROUP)[-1])) == [report, GROUP]


@claim(
    "ip-sysctl/igmp_link_local_mcast_reports/reports",
    sentence=(
        "ip-sysctl/igmp_link_local_mcast_reports/reports",
        "ip-sysctl/igmp_link_local_mcast_reports/default",
    ),
    section="IP Variables",
    says="A host reports the group 224.0.0.100, which a UDP socket over IPv4 joins, by IGMP in a new network "
    "namespace, and not with igmp_link_local_mcast_reports 0; it reports 239.1.2.3 then.",
    since="4.3",
    needs=[VETH, Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("settings", "reported"),
    [({}, [GROUP, LINK_LOCAL]), ({LINK_LOCAL_REPORTS: 0}, [GROUP])],
    ids=["at-first", "0"],
)
def test_a_link_local_group_is_reported(peers, observe, settings, reported):
    peers.left.namespace.sysctl.update(settings)
    found = {name for _, name in reports(peers, LINK_LOCAL, GROUP)}

    assert observe("reported", sorted(found, reverse=True)) == reported
