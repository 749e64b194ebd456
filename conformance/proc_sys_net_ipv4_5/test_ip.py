"""Parameters of IP that are files in /proc/sys/net/ipv4/."""

from __future__ import annotations

from socket import IPPROTO_RAW, IPPROTO_UDP, inet_aton

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.packets import next_header, packets, payload
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.setups.udp import udp_flow
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Namespace

WANT = 1
NO_SOCKET = {"*": "no socket is asked: a file of /proc/sys is read"}
FOREIGN = "192.0.2.1"
HIGH, LOW = "net.ipv4.ipfrag_high_thresh", "net.ipv4.ipfrag_low_thresh"


def shown(ns: Namespace, name: str) -> str | None:
    """What a sysctl reads as; None where there is no such one."""
    try:
        return ns.sysctl[name]
    except KeyError:
        return None


@claim(
    "proc_sys_net_ipv4.5/ip_always_defrag/there",
    sentence=(
        "proc_sys_net_ipv4.5/ip_always_defrag/reassembled",
        "proc_sys_net_ipv4.5/ip_always_defrag/turned-on",
    ),
    section="DESCRIPTION",
    says="net.ipv4.ip_always_defrag can be read, as net.ipv4.ip_default_ttl can.",
    since="2.2.13",
    expect=differs(
        "there is none: it went with Linux 2.4, whose firewalls reassemble fragments themselves",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"always_defrag_and_default_ttl": [False, True]},
    ),
    survives=NO_SOCKET,
)
def test_always_defrag_is_there(ns, observe):
    there = [shown(ns, f"net.ipv4.{name}") is not None for name in ("ip_always_defrag", "ip_default_ttl")]

    assert observe("always_defrag_and_default_ttl", there) == [True, True]


@claim(
    "proc_sys_net_ipv4.5/ip_default_ttl/default",
    sentence="proc_sys_net_ipv4.5/ip_default_ttl/default",
    section="DESCRIPTION",
    says="net.ipv4.ip_default_ttl of a new network namespace is 64, and a UDP socket's IP_TTL there reads "
    "so.",
    since="2.2",
)
def test_the_default_time_to_live_is_64(ns, observe):
    with Socket.udp() as sock:
        values = [ns.sysctl["net.ipv4.ip_default_ttl"], sock.ip_ttl]

        assert observe("sysctl_and_option", values) == ["64", 64]


@claim(
    "proc_sys_net_ipv4.5/ip_dynaddr/default",
    sentence="proc_sys_net_ipv4.5/ip_dynaddr/default",
    section="DESCRIPTION",
    says="net.ipv4.ip_dynaddr of a new network namespace is 0.",
    since="2.0.31",
    survives=NO_SOCKET,
)
def test_addresses_are_not_rewritten_by_default(ns, observe):
    assert observe("dynaddr", ns.sysctl["net.ipv4.ip_dynaddr"]) == "0"


@claim(
    "proc_sys_net_ipv4.5/ip_forward/per-interface",
    sentence=("proc_sys_net_ipv4.5/ip_forward/per-interface", "ip-sysctl/forwarding/interface"),
    section="DESCRIPTION",
    says="A host with net.ipv4.ip_forward does not forward a datagram that arrives by an interface for which "
    "net.ipv4.conf/INTERFACE/forwarding is 0, and does again once it is 1.",
    needs=[VETH, Capability.NET_RAW],
)
def test_an_interface_forwards(routed, observe):
    forwarding = f"net/ipv4/conf/{routed.router.device}/forwarding"
    with routed.router.entered():
        seen = packets()
    with seen, udp_across(routed) as (sender, receiver):
        seen.rcvtimeo = SOON
        address = routed.right.address, receiver.getsockname()[1]
        routed.router.namespace.sysctl[forwarding] = 0
        sender.sendto(b"lost", address)
        arrived = [payload(seen.recv(100))]
        routed.router.namespace.sysctl[forwarding] = 1
        sender.sendto(b"forwarded", address)
        arrived.append(payload(seen.recv(100)))

        assert [observe("at_the_router", arrived), observe("received", receiver.recv(20).decode())] == [
            ["lost", "forwarded"],
            "forwarded",
        ]


@claim(
    "proc_sys_net_ipv4.5/ip_no_pmtu_disc/default",
    sentence="proc_sys_net_ipv4.5/ip_no_pmtu_disc/default",
    section="DESCRIPTION",
    says="net.ipv4.ip_no_pmtu_disc of a new network namespace is 0, and a TCP socket there begins with "
    "IP_PMTUDISC_WANT.",
    since="2.2",
)
def test_the_path_mtu_is_discovered_by_default(ns, observe):
    with Socket.tcp() as sock:
        values = [ns.sysctl["net.ipv4.ip_no_pmtu_disc"], sock.ip_mtu_discover]

        assert observe("sysctl_and_option", values) == ["0", WANT]


@claim(
    "proc_sys_net_ipv4.5/ip_nonlocal_bind/default",
    sentence=("proc_sys_net_ipv4.5/ip_nonlocal_bind/default", "ip-sysctl/ip_nonlocal_bind/default"),
    section="DESCRIPTION",
    says="net.ipv4.ip_nonlocal_bind of a new network namespace is 0, and a UDP socket there cannot be bound "
    "to an address that is not local.",
    since="2.4",
)
def test_only_local_addresses_are_bound_by_default(ns, observe):
    value = observe("nonlocal_bind", ns.sysctl["net.ipv4.ip_nonlocal_bind"])
    with Socket.udp() as sock:
        with refused():
            sock.bind((FOREIGN, 0))
        sock.bind(("127.0.0.1", 0))

        assert [value, observe("address", sock.getsockname()[0])] == ["0", "127.0.0.1"]


@claim(
    "proc_sys_net_ipv4.5/ip6frag_time/there",
    sentence="proc_sys_net_ipv4.5/ip6frag_time/seconds",
    section="DESCRIPTION",
    says="net.ipv4.ip6frag_time is 30 by default.",
    needs=[IPV6],
    expect=differs(
        "it is in net.ipv6, where it is 60 by default",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"ipv4_and_ipv6": [None, "60"]},
    ),
    survives=NO_SOCKET,
)
def test_ip6frag_time_is_there(ns, observe):
    values = [shown(ns, f"net.{version}.ip6frag_time") for version in ("ipv4", "ipv6")]

    assert observe("ipv4_and_ipv6", values)[0] == "30"


@claim(
    "proc_sys_net_ipv4.5/ip6frag_secret_interval/there",
    sentence="proc_sys_net_ipv4.5/ip6frag_secret_interval/seconds",
    section="DESCRIPTION",
    says="net.ipv4.ip6frag_secret_interval can be read, as net.ipv4.ipfrag_time can.",
    expect=differs(
        "there is none: it is in net.ipv6",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"secret_interval_and_time": [False, True]},
    ),
    survives=NO_SOCKET,
)
def test_ip6frag_secret_interval_is_there(ns, observe):
    there = [shown(ns, f"net.ipv4.{name}") is not None for name in ("ip6frag_secret_interval", "ipfrag_time")]

    assert observe("secret_interval_and_time", there) == [True, True]


@claim(
    "proc_sys_net_ipv4.5/ipfrag_high_thresh/bytes",
    sentence="proc_sys_net_ipv4.5/ipfrag_high_thresh/bytes",
    section="DESCRIPTION",
    says="With net.ipv4.ipfrag_high_thresh a byte, a UDP socket does not receive a datagram that comes in "
    "fragments, but one that comes whole; with a million both.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("bytes_", "received"), [(1, ["whole"]), (1_000_000, ["fragments", "whole"])], ids=["byte", "million"]
)
def test_fragments_take_bytes(ns, observe, bytes_, received):
    ns.set_link("lo", mtu=1500)
    ns.sysctl.update({LOW: 1, HIGH: bytes_})
    with packets() as seen, udp_flow() as (sender, receiver):
        seen.rcvtimeo = SOON
        texts = sent_and_received(sender, receiver, b"fragments")

        assert [observe("fragment", next_header(seen).length), observe("received", texts)] == [1500, received]


def send_first_fragments(raw: Socket, count: int) -> None:
    """Send the first fragments of datagrams over loopback, whose others never come."""
    for number in range(count):
        header = bytes([0x45, 0, 0, 0, *number.to_bytes(2, "big"), 0x20, 0, 64, IPPROTO_UDP, 0, 0])
        raw.sendto(header + 2 * inet_aton("127.0.0.1") + bytes(1400), ("127.0.0.1", 0))


@claim(
    "proc_sys_net_ipv4.5/ipfrag_high_thresh/pruned",
    sentence="proc_sys_net_ipv4.5/ipfrag_high_thresh/pruned",
    section="DESCRIPTION",
    says="A UDP socket over IPv4 receives a datagram that comes in fragments though 20 first fragments of "
    "others wait, which take more than net.ipv4.ipfrag_high_thresh, 20000 bytes: they are pruned down to "
    "net.ipv4.ipfrag_low_thresh, 1000 bytes.",
    needs=[Capability.NET_RAW],
    survives={"no-op: sendto(*= 1420": "each is one of many: 19 take more too"},
    expect=differs(
        "it does not, as long as those before wait, half a minute: nothing is pruned",
        since="4.17",
        commit="648700f76b03",
        observed={"received": [["before", "whole"], ["whole"]]},
    ),
)
def test_fragments_are_pruned(ns, observe):
    ns.set_link("lo", mtu=1500)
    ns.sysctl.update({LOW: 1000, HIGH: 20_000})
    with Socket.raw(IPPROTO_RAW) as raw, udp_flow() as (sender, receiver):
        before = sent_and_received(sender, receiver, b"before")
        send_first_fragments(raw, 20)
        with packets() as seen:
            seen.rcvtimeo = SOON
            received = [before, sent_and_received(sender, receiver, b"after")]
            fragment = next_header(seen).length

        assert [observe("fragment", fragment), observe("received", received)] == [
            1500,
            [["before", "whole"], ["after", "whole"]],
        ]


def sent_and_received(sender: Socket, receiver: Socket, text: bytes) -> list[str]:
    """What is received of a datagram in fragments and a whole one after it."""
    sender.send(text.ljust(3000))
    sender.send(b"whole")
    return [*iter(lambda: receiver.recv(4000).decode().rstrip(), "whole"), "whole"]
