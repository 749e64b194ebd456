"""Sysctls of how much there may be: connections that wait for accept(2), and memory of UDP."""

from __future__ import annotations

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import OWN_KERNEL
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.udp import received_of_60, udp_flow

UDP_WMEM_MIN = "net.ipv4.udp_wmem_min"
PLENTY, RMEM_MIN = 1_000_000, 8_000_000


@claim(
    "ip-sysctl/somaxconn/default",
    sentence=("ip-sysctl/somaxconn/default", "listen.2/somaxconn/default"),
    section="TCP variables",
    says="In a new network namespace the backlog of a TCP listener over IPv4, as TCP_INFO has it, is cut to "
    "4096: listen(2) with 4095 and 4096 is taken as it is, and 4097 is not.",
    since="5.4",
)
def test_the_largest_backlog_at_first(ns, observe):
    with (
        listening(backlog=4095) as below,
        listening(backlog=4096) as equal,
        listening(backlog=4097) as above,
    ):
        backlogs = [listener.tcp_info.sacked for listener in (below, equal, above)]

        assert observe("backlogs", backlogs) == [4095, 4096, 4096]


@claim(
    "ip-sysctl/udp_mem/pressure",
    sentence="ip-sysctl/udp_mem/others",
    section="UDP variables",
    says="The second number of udp_mem changes nothing for a UDP socket over IPv4: where UDP takes more than "
    "the first it receives fewer than 60 datagrams of 60000 bytes, with a udp_rmem_min of 4096, whether the "
    "second is 0 or a million pages.",
    needs=[OWN_KERNEL],
)
def test_pressure_changes_nothing(ns, observe):
    allowed = received_of_60(ns, mem=f"{PLENTY} {PLENTY} {PLENTY}", rmem_min=4096)
    none = received_of_60(ns, mem=f"0 0 {PLENTY}", rmem_min=4096)
    much = received_of_60(ns, mem=f"0 {PLENTY} {PLENTY}", rmem_min=4096)

    assert observe("allowed_and_fewer", [allowed, none < 60, much < 60]) == [60, True, True]


@claim(
    "ip-sysctl/udp_mem/max",
    sentence="ip-sysctl/udp_mem/others",
    section="UDP variables",
    says="The third number of udp_mem changes nothing for a UDP socket over IPv4: with a udp_rmem_min of "
    "eight million it receives 60 datagrams of 60000 bytes whether the third is 0 or a million pages.",
    needs=[OWN_KERNEL],
    expect=differs(
        "UDP queues no more than that, whatever udp_rmem_min is",
        since="2.6.25",
        commit="95766fff6b9a",
        observed={"large_and_all_of_none": [60, False]},
    ),
)
def test_the_most_changes_nothing(ns, observe):
    large = received_of_60(ns, mem=f"0 0 {PLENTY}", rmem_min=RMEM_MIN)
    none = received_of_60(ns, mem="0 0 0", rmem_min=RMEM_MIN)

    assert observe("large_and_all_of_none", [large, none == 60]) == [60, True]


@claim(
    "ip-sysctl/udp_wmem_min/no-effect",
    sentence="ip-sysctl/udp_wmem_min/no-effect",
    section="UDP variables",
    says="With a udp_wmem_min of a million as with one of 4096 a UDP socket over IPv4, whose SO_SNDBUF is "
    "the least, cannot send a datagram of 60000 bytes in fragments. With a larger SO_SNDBUF it can.",
)
def test_the_least_to_send_has_no_effect(ns, observe):
    ns.set_link("lo", mtu=1500)
    with udp_flow() as (sender, receiver):
        sender.sndbuf = 0
        ns.sysctl[UDP_WMEM_MIN] = 4096
        with refused():
            sender.send(bytes(60_000))
        ns.sysctl[UDP_WMEM_MIN] = 1_000_000
        with refused(name="errno_with_more"):
            sender.send(bytes(60_000))
        sender.sndbuf = 100_000
        sender.send(bytes(60_000))

        assert observe("received", len(receiver.recv(70_000))) == 60_000
