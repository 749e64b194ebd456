from __future__ import annotations

import errno
import socket
import sys
import threading
import time
from collections.abc import Callable

import pytest

from netns import Capability, Link, LinkRefused, Namespace, Route, Rule, in_child, peers, without
from tests.netns.setups import has_link, has_qdisc

SO_MARK = socket.SO_MARK

KINDS: dict[str, Callable[[Namespace], None]] = {
    "bridge": lambda ns: ns.add_bridge("made"),
    "dummy": lambda ns: ns.add_dummy("made"),
    "macvlan": lambda ns: ns.add_macvlan("made", "lower"),
    "vrf": lambda ns: ns.add_vrf("made", table=10),
}
"""What makes a link of each kind, on top of the interface ``lower`` where it needs one."""


def reach(address: str, *, mark: int = 0) -> str:
    """The local address a datagram to there would have."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
        sock.connect((address, 9))
        return str(sock.getsockname()[0])


def link(ns: Namespace, name: str) -> Link:
    return next(link for link in ns.links() if link.name == name)


def test_a_veth_is_made_down() -> None:
    with Namespace() as ns:
        ns.add_veth("eth0", "eth1")

        assert link(ns, "eth0").kind == "veth"
        assert not link(ns, "eth0").up


def test_a_link_is_set_up_and_down() -> None:
    with Namespace() as ns:
        ns.set_link("lo", up=False)
        down = link(ns, "lo").up
        ns.set_link("lo", up=True)

        assert (down, link(ns, "lo").up) == (False, True)


def test_a_link_has_the_mtu_it_was_given() -> None:
    with Namespace() as ns:
        ns.set_link("lo", mtu=1280)

        assert link(ns, "lo").mtu == 1280


def test_a_veth_pair_can_be_in_one_namespace() -> None:
    with Namespace() as ns:
        ns.add_veth("left", "right")

        assert {link.name for link in ns.links()} == {"lo", "left", "right"}


def test_carrier_comes_when_both_ends_are_up() -> None:
    with Namespace() as ns:
        ns.add_veth("left", "right")
        ns.set_link("left", up=True)
        alone = link(ns, "left").carrier
        ns.set_link("right", up=True)
        ns.wait_for_carrier("left")

        assert (alone, link(ns, "left").carrier) == (False, True)


def test_waiting_for_a_carrier_that_does_not_come_ends() -> None:
    with Namespace() as ns:
        ns.add_veth("left", "right")

        with pytest.raises(TimeoutError, match="left has no carrier"):
            ns.wait_for_carrier("left", timeout=0.05)


def test_waiting_is_woken_by_the_other_end() -> None:
    with Namespace() as ns:
        ns.add_veth("left", "right")
        ns.set_link("left", up=True)
        other = threading.Thread(target=lambda: ns.set_link("right", up=True))
        other.start()
        ns.wait_for_carrier("left")
        other.join()

        assert link(ns, "left").carrier


def test_an_address_can_be_bound() -> None:
    with Namespace() as ns:
        ns.add_address("lo", "10.1.2.3/32")

        assert reach("10.1.2.3") == "10.1.2.3"
        assert "10.1.2.3/32" in ns.addresses("lo")


def test_an_ipv6_address_is_usable_at_once() -> None:
    with Namespace() as ns:
        ns.add_veth("eth0", "eth1")
        ns.set_link("eth1", up=True)
        ns.set_link("eth0", up=True)
        ns.add_address("eth0", "fd00:7::1/64")

        with socket.create_server(("fd00:7::1", 0), family=socket.AF_INET6) as server:
            assert server.getsockname()[0] == "fd00:7::1"


@pytest.mark.parametrize("attempt", range(20))
def test_a_datagram_reaches_an_ipv6_address_at_once(attempt: int) -> None:
    with Namespace() as ns, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::", 0))
        ns.add_address("lo", "fd00:7::1/128")
        sock.sendto(b"hello", ("fd00:7::1", sock.getsockname()[1]))

        assert sock.recv(9, socket.MSG_DONTWAIT) == b"hello"


def test_a_route_leads_to_its_device() -> None:
    with peers() as hosts, hosts.left.entered():
        hosts.left.namespace.add_route("10.9.0.0/16", via=hosts.right.address)

        assert reach("10.9.1.1") == hosts.left.address
        assert (
            Route("10.9.0.0/16", hosts.right.address, "veth1", "unicast", 254)
            in hosts.left.namespace.routes()
        )


@pytest.mark.parametrize(
    ("kind", "code"),
    [("blackhole", errno.EINVAL), ("unreachable", errno.EHOSTUNREACH), ("prohibit", errno.EACCES)],
)
def test_a_route_that_leads_nowhere_says_so(kind: str, code: int) -> None:
    with Namespace() as ns:
        ns.add_route("10.9.0.0/16", type=kind)

        with pytest.raises(OSError, match=r".") as refusal:
            reach("10.9.1.1")
        assert refusal.value.errno == code


def test_a_mark_chooses_a_table() -> None:
    with peers() as hosts, hosts.left.entered():
        hosts.left.namespace.add_route("0.0.0.0/0", type="unreachable", table=77)
        hosts.left.namespace.add_rule(fwmark=7, table=77)

        assert reach(hosts.right.address) == hosts.left.address
        with pytest.raises(OSError, match="No route to host"):
            reach(hosts.right.address, mark=7)


def test_a_rule_is_listed() -> None:
    with Namespace() as ns:
        ns.add_rule(fwmark=7, source="10.0.0.0/8", table=77)

        assert [(rule.fwmark, rule.source, rule.table) for rule in ns.rules()][1] == (7, "10.0.0.0/8", 77)
        assert Rule(32766, None, None, 254) in ns.rules()


def test_an_ipv6_route_is_in_its_own_table() -> None:
    with Namespace() as ns:
        ns.add_route("fd09::/16", type="blackhole", table=99)

        assert [route.destination for route in ns.routes(table=99, version=6)] == ["fd09::/16"]
        assert ns.routes(table=99) == []


def test_the_mtu_of_a_route_is_the_mtu_of_the_path() -> None:
    with peers() as hosts, hosts.left.entered(), socket.socket(type=socket.SOCK_DGRAM) as sock:
        hosts.left.namespace.add_route("10.9.0.0/16", via=hosts.right.address, mtu=1300)
        sock.connect(("10.9.1.1", 9))

        assert sock.getsockopt(socket.IPPROTO_IP, 14) == 1300


def test_the_least_retransmission_timeout_of_a_route_is_that_of_tcp() -> None:
    with peers() as hosts:
        hosts.left.namespace.add_route(f"{hosts.right.address}/32", dev=hosts.left.device, rto_min=7)
        with hosts.right.entered():
            server = socket.create_server((hosts.right.address, 0))
        with hosts.left.entered(), server, socket.create_connection(server.getsockname()) as client:
            info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 12)

    assert int.from_bytes(info[8:12], sys.byteorder) >= 7_000_000  # tcpi_rto, in microseconds


def test_the_first_congestion_window_of_a_route_is_that_of_tcp() -> None:
    with peers() as hosts:
        hosts.left.namespace.add_route(f"{hosts.right.address}/32", dev=hosts.left.device, initcwnd=77)
        with hosts.right.entered():
            server = socket.create_server((hosts.right.address, 0))
        with hosts.left.entered(), server, socket.create_connection(server.getsockname()) as client:
            info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 84)

    assert int.from_bytes(info[80:84], sys.byteorder) == 77  # tcpi_snd_cwnd


def test_a_local_route_makes_its_addresses_the_hosts_own() -> None:
    with Namespace() as ns, socket.socket(type=socket.SOCK_DGRAM) as sock:
        ns.add_route("10.9.0.0/16", dev="lo", type="local")
        sock.bind(("10.9.1.1", 0))

        assert sock.getsockname()[0] == "10.9.1.1"


def test_a_slow_queue_lets_the_higher_priority_overtake() -> None:
    with peers() as hosts:
        ns = hosts.left.namespace
        ns.add_qdisc("veth1", "tbf", handle="1:", rate="400kbit", burst=2048, limit=100_000)
        ns.add_qdisc("veth1", "pfifo_fast", handle="2:", parent="1:1")
        with hosts.right.entered():
            receiver = socket.socket(type=socket.SOCK_DGRAM)
            receiver.bind((hosts.right.address, 9))
            receiver.settimeout(60)
        with receiver, hosts.left.entered(), socket.socket(type=socket.SOCK_DGRAM) as sender:
            sender.connect(receiver.getsockname())
            for _ in range(8):
                sender.send(b"bulk".ljust(1000))
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, 6)
            sender.send(b"urgent")
            order = [receiver.recv(2000).strip() for _ in range(9)]

        assert order.index(b"urgent") < 8


def test_a_second_queue_in_its_place_is_refused() -> None:
    with Namespace() as ns:
        ns.add_veth("eth0", "eth1")
        ns.add_qdisc("eth0", "pfifo_fast", handle="1:")

        with pytest.raises(LinkRefused, match="exists") as refusal:
            ns.add_qdisc("eth0", "pfifo_fast", handle="1:")
        assert refusal.value.errno == errno.EEXIST


def test_an_unknown_interface_is_no_such_device() -> None:
    with Namespace() as ns, pytest.raises(OSError, match="no interface eth7") as refusal:
        ns.set_link("eth7", up=True)

    assert refusal.value.errno == errno.ENODEV


def test_what_the_kernel_refuses_keeps_its_errno() -> None:
    with Namespace() as ns:
        ns.add_address("lo", "10.1.2.3/32")

        with pytest.raises(OSError, match="exists") as refusal:
            ns.add_address("lo", "10.1.2.3/32")
        assert refusal.value.errno == errno.EEXIST


@pytest.mark.parametrize(
    "ask",
    [
        lambda ns: ns.add_bridge("a\0b"),
        lambda ns: ns.add_vrf("red", table=-1),
        lambda ns: ns.add_macvlan("above", "lo", mode="sideways"),
        lambda ns: ns.set_link("lo", mtu=-1),
        lambda ns: ns.set_link("lo", mtu=1 << 32),
        lambda ns: ns.add_address("lo", "10.0.0/24"),
        lambda ns: ns.add_route("10.0.2.0/24", type="magic"),
        lambda ns: ns.add_route("10.0.2.0/24", dev="lo", table=-1),
        lambda ns: ns.add_route("10.0.2.0/24", dev="lo", rto_min=-1),
        lambda ns: ns.add_route("10.0.2.0/24", dev="lo", initcwnd=-1),
        lambda ns: ns.add_rule(table=-1),
        lambda ns: ns.add_rule(table=10, fwmark=1 << 32),
        lambda ns: ns.add_rule(table=10, version=5),
        lambda ns: ns.routes(version=5),
        lambda ns: ns.rules(version=5),
        lambda ns: ns.add_qdisc("lo", "tbf"),
        lambda ns: ns.add_qdisc("lo", "tbf", handle="first", rate="1mbit", burst=2048, limit=100_000),
        lambda ns: ns.add_qdisc("lo", "etf"),
        lambda ns: ns.add_qdisc("lo", "etf", clockid=11, delta=1 << 31),
        lambda ns: ns.add_qdisc("lo", "etf", clockid=11, delta=0, offload=True),
        lambda ns: ns.add_netem("lo", delay=-1),
    ],
    ids=lambda ask: ask.__code__.co_names[0],
)
def test_what_cannot_be_asked_for_is_a_value_error(ask: Callable[[Namespace], object]) -> None:
    """And of one kind, whatever made the request: no KeyError, no struct.error."""
    with Namespace() as ns, pytest.raises(ValueError, match=r"none of|does not|NUL|:|without"):
        ask(ns)


def test_name_of_a_link_is_the_kernels_to_judge() -> None:
    with Namespace() as ns:
        ns.add_bridge("br\udcff")

        assert any(name.endswith("\udcff") for _, name in socket.if_nameindex())


def test_without_the_capability_a_link_stays_as_it_is() -> None:
    with Namespace() as ns:
        ns.set_link("lo", mtu=1400)
        with without(Capability.NET_ADMIN), pytest.raises(OSError, match="not permitted") as refusal:
            ns.set_link("lo", mtu=1500)

        assert refusal.value.errno == errno.EPERM
        assert link(ns, "lo").mtu == 1400


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_of_a_kind_is_made_down(kind: str) -> None:
    if not has_link(kind):
        pytest.skip(f"this kernel has no links of kind {kind}")
    with Namespace() as ns:
        ns.add_veth("lower", "other")
        KINDS[kind](ns)

        assert (link(ns, "made").kind, link(ns, "made").up) == (kind, False)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_the_kernel_has_not_got_is_named_with_the_way_out(kind: str) -> None:
    if has_link(kind):
        pytest.skip(f"this kernel has links of kind {kind}")
    with Namespace() as ns:
        ns.add_veth("lower", "other")

        with pytest.raises(
            LinkRefused, match=rf"no links of kind {kind}; .*CONFIG_\w*{kind.upper()}"
        ) as refusal:
            KINDS[kind](ns)
        assert refusal.value.errno == errno.EOPNOTSUPP


def test_a_bridge_forwards_between_the_links_it_is_master_of() -> None:
    if not has_link("bridge"):
        pytest.skip("this kernel has no bridge")
    with Namespace() as bridge, Namespace() as near, Namespace() as far:
        bridge.add_bridge("br0")
        bridge.set_link("br0", up=True)
        for port, (host, address) in {"port1": (near, "10.0.0.1/24"), "port2": (far, "10.0.0.2/24")}.items():
            bridge.add_veth(port, "eth0", host)
            bridge.set_link(port, up=True, master="br0")
            host.add_address("eth0", address)
            host.set_link("eth0", up=True)
            host.wait_for_carrier("eth0")
            bridge.wait_for_carrier(port)
        with far.entered():
            server = socket.create_server(("10.0.0.2", 0))
        with server, near.entered(), socket.create_connection(server.getsockname(), timeout=60) as client:
            assert client.getsockname()[0] == "10.0.0.1"
        assert {each.name: each.master for each in bridge.links()} == {
            "lo": None,
            "br0": None,
            "port1": "br0",
            "port2": "br0",
        }


def test_a_link_is_freed_from_its_master() -> None:
    if not has_link("bridge"):
        pytest.skip("this kernel has no bridge")
    with Namespace() as ns:
        ns.add_bridge("br0")
        ns.add_veth("port", "other")
        ns.set_link("port", master="br0")
        ns.set_link("port", up=True)
        before = link(ns, "port").master
        ns.set_link("port", master="")

        assert (before, link(ns, "port").master) == ("br0", None)


def test_what_a_vrf_is_master_of_is_routed_by_its_table() -> None:
    if not has_link("vrf"):
        pytest.skip("this kernel has no VRF")
    with Namespace() as ns:
        ns.add_vrf("red", table=10)
        ns.set_link("red", up=True)
        ns.add_veth("eth0", "other")
        ns.set_link("eth0", up=True, master="red")
        ns.add_address("eth0", "10.0.0.1/24")

        assert [route.destination for route in ns.routes(table=10) if route.type == "unicast"] == [
            "10.0.0.0/24"
        ]
        assert ns.routes() == []


def test_a_macvlan_is_a_host_of_its_own_on_the_wire() -> None:
    if not has_link("macvlan"):
        pytest.skip("this kernel has no macvlan")
    with peers() as hosts:
        right = hosts.right.namespace
        # Each interface is to answer for its own address alone.
        right.sysctl[f"net.ipv4.conf.{hosts.right.device}.arp_ignore"] = 1
        right.add_macvlan("made", hosts.right.device)
        right.add_address("made", "10.0.1.3/32")
        right.set_link("made", up=True)
        with hosts.right.entered():
            server = socket.socket()
            server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"made")
            server.bind(("", 0))
            server.listen()
        with server, hosts.left.entered():
            client = socket.create_connection(("10.0.1.3", server.getsockname()[1]), timeout=60)
            with client:
                assert client.getpeername()[0] == "10.0.1.3"


def test_the_clock_of_etf_is_the_kernels_to_judge() -> None:
    with Namespace() as ns:
        ns.add_veth("eth0", "eth1")
        try:
            ns.add_qdisc("eth0", "etf", clockid=time.CLOCK_TAI, delta=1000, deadline_mode=True)
        except LinkRefused as refusal:
            pytest.skip(str(refusal))
        with pytest.raises(LinkRefused, match=r"CLOCK_TAI|Invalid"):
            ns.add_qdisc("eth1", "etf", clockid=time.CLOCK_MONOTONIC, delta=1000)


@pytest.mark.parametrize("kind", ["fq", "netem"])
def test_a_queue_that_the_kernel_has_not_got_is_named_with_the_way_out(kind: str) -> None:
    if has_qdisc(kind):
        pytest.skip(f"this kernel has {kind}")
    with Namespace() as ns:
        with pytest.raises(
            LinkRefused, match=rf"no qdisc {kind}; .*CONFIG_NET_SCH_{kind.upper()}"
        ) as refusal:
            ns.add_qdisc("lo", kind)
        assert refusal.value.errno == errno.ENOENT


def test_a_queue_below_a_class_that_is_not_there_is_not_called_unknown() -> None:
    with Namespace() as ns, pytest.raises(LinkRefused, match="find") as refusal:
        ns.add_qdisc("lo", "pfifo_fast", parent="7:1")

    assert refusal.value.errno == errno.ENOENT


def test_a_queue_without_a_handle_is_given_one() -> None:
    if not has_qdisc("fq"):
        pytest.skip("this kernel has no fq")
    with Namespace() as ns:
        ns.add_qdisc("lo", "fq")

        with pytest.raises(LinkRefused, match=r"exists|Exclusivity"):
            ns.add_qdisc("lo", "fq")


def test_settings_that_would_go_unheard_are_refused() -> None:
    with Namespace() as ns, pytest.raises(ValueError, match="no settings of qdisc fq"):
        ns.add_qdisc("lo", "fq", flow_limit=7)


def test_netem_delays_and_duplicates() -> None:
    if not has_qdisc("netem"):
        pytest.skip("this kernel has no netem")
    with peers() as hosts:
        with hosts.right.entered():
            receiver = socket.socket(type=socket.SOCK_DGRAM)
            receiver.bind((hosts.right.address, 0))
            receiver.settimeout(60)
        hosts.left.namespace.add_netem(hosts.left.device, delay=0.3, duplicate=100)
        with receiver, hosts.left.entered(), socket.socket(type=socket.SOCK_DGRAM) as sender:
            begun = time.monotonic()
            sender.sendto(b"x", receiver.getsockname())
            copies = [receiver.recv(2) for _ in range(2)]
            took = time.monotonic() - begun

        assert copies == [b"x", b"x"]
        assert took >= 0.3


def test_a_block_of_one_namespace_does_not_reach_another() -> None:
    with Namespace() as ns, Namespace() as other, ns.iproute(), other.iproute():
        ns.add_veth("mine", "mine2")
        other.add_veth("yours", "yours2")

        assert {link.name for link in ns.links()} == {"lo", "mine", "mine2"}
        assert {link.name for link in other.links()} == {"lo", "yours", "yours2"}


def test_a_refusal_in_a_block_leaves_the_namespace_usable() -> None:
    with Namespace() as ns:
        with pytest.raises(OSError, match="exists"):
            ns.add_address("lo", "127.0.0.1/8")
        ns.add_veth("eth0", "eth1")

        assert link(ns, "eth0").name == "eth0"


def test_a_pair_is_made_where_its_indexes_are_taken() -> None:
    def made_by_another_process() -> None:
        ns.add_veth("taken", "taken2")

    with Namespace() as ns, Namespace() as other:
        in_child(made_by_another_process)
        ns.add_veth("mine", "yours", other)
        in_child(lambda: other.add_veth("taken", "taken2"))
        ns.add_veth("mine2", "yours2", other)

        assert {"mine", "mine2"} <= {link.name for link in ns.links()}
        assert {"yours", "yours2"} <= {link.name for link in other.links()}
