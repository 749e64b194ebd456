from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

import netns
from netns import Host, peers, routed
from tests.netns.setups import current_netns

IP_RECVTTL = 12
ROOT = Path(netns.__file__).parents[1]


def bound(host: Host, address: str | None) -> socket.socket:
    assert address is not None
    with host.entered():
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((address, 0))
        sock.settimeout(60)
        return sock


@pytest.mark.parametrize("family", ["address", "address6"])
def test_the_first_datagram_arrives(family: str) -> None:
    with peers() as hosts:
        left, right = (bound(host, getattr(host, family)) for host in (hosts.left, hosts.right))
        with left, right:
            left.sendto(b"first", right.getsockname())

            assert right.recvfrom(100) == (b"first", left.getsockname())


@pytest.mark.parametrize("family", ["address", "address6"])
def test_the_first_datagram_back_arrives(family: str) -> None:
    with peers() as hosts:
        left, right = (bound(host, getattr(host, family)) for host in (hosts.left, hosts.right))
        with left, right:
            right.sendto(b"first", left.getsockname())

            assert left.recvfrom(100) == (b"first", right.getsockname())


@pytest.mark.parametrize("family", ["address", "address6"])
def test_a_router_forwards(family: str) -> None:
    with routed() as hosts:
        left, right = (bound(host, getattr(host, family)) for host in (hosts.left, hosts.right))
        with left, right:
            left.sendto(b"far", right.getsockname())

            assert right.recvfrom(100) == (b"far", left.getsockname())


def test_a_router_costs_one_hop() -> None:
    with routed() as hosts:
        left, right = bound(hosts.left, hosts.left.address), bound(hosts.right, hosts.right.address)
        with left, right:
            right.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
            left.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 5)
            left.sendto(b"far", right.getsockname())
            _, ((_, _, ttl),), _, _ = right.recvmsg(100, 100)

            assert ttl[0] == 4


def test_the_routers_sides_are_one_namespace() -> None:
    with routed() as hosts:
        assert hosts.router.namespace is hosts.router_right.namespace


def test_hosts_are_in_namespaces_of_their_own() -> None:
    with routed() as hosts:
        places = set()
        for host in (hosts.left, hosts.router, hosts.right):
            with host.entered():
                places.add(current_netns())

        assert len(places | {current_netns()}) == 4


def test_a_host_has_its_address() -> None:
    with peers() as hosts:
        for host in (hosts.left, hosts.right):
            assert f"{host.address}/24" in host.namespace.addresses(host.device)
            assert f"{host.address6}/64" in host.namespace.addresses(host.device)


def test_hosts_are_closed_after_the_block() -> None:
    with routed() as hosts:
        pass

    assert all(host.namespace.closed for host in (hosts.left, hosts.router, hosts.right))


def test_the_thread_stays_where_it_was() -> None:
    outside = current_netns()
    with peers():
        inside = current_netns()

    assert inside == outside == current_netns()


def test_two_pairs_do_not_meet() -> None:
    with peers() as one, peers() as two:
        first, second = bound(one.right, one.right.address), bound(two.right, two.right.address)
        sender = bound(two.left, two.left.address)
        with first, second, sender:
            sender.sendto(b"two", second.getsockname())
            second.recv(100)
            first.setblocking(False)

            with pytest.raises(BlockingIOError):
                first.recv(100)


def test_hosts_are_joined_without_pyroute2_which_takes_long_to_import() -> None:
    program = "import sys, netns\nwith netns.routed(): print('pyroute2' in sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )

    assert ended.stdout == "False\n"
