"""Sysctls of sockets that are bound to no device, where there are L3 domains (VRF)."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import link
from conformance.plugin.refusal import refused
from conformance.plugin.setups.l3_domains import DOMAIN, NEEDS, divide
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.sockets import raw_socket
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, NetnsError

TCP, UDP, RAW = (f"net.ipv4.{name}_l3mdev_accept" for name in ("tcp", "udp", "raw"))


@claim(
    "ip-sysctl/tcp_l3mdev_accept/values",
    sentence=(
        "ip-sysctl/tcp_l3mdev_accept/values",
        "ip-sysctl/udp_l3mdev_accept/values",
        "ip-sysctl/raw_l3mdev_accept/values",
    ),
    section="TCP variables",
    says="tcp_l3mdev_accept, udp_l3mdev_accept and raw_l3mdev_accept take 0 and 1, and read back so; -1 and "
    "2 are refused.",
    since="5.0",
    needs=[link("vrf")],
    survives={"*": "no socket is asked: a file of /proc/sys is read"},
)
@pytest.mark.parametrize("name", [TCP, UDP, RAW])
@pytest.mark.parametrize(("taken", "beyond"), [(0, -1), (1, 2)])
def test_they_are_0_or_1(ns, observe, name, taken, beyond):
    ns.sysctl[name] = 1 - taken
    ns.sysctl[name] = taken
    with pytest.raises(NetnsError):
        ns.sysctl[name] = beyond

    assert observe("taken", ns.sysctl[name]) == str(taken)


@claim(
    "ip-sysctl/tcp_l3mdev_accept/listener",
    sentence=(
        "ip-sysctl/tcp_l3mdev_accept/listener",
        "ip-sysctl/tcp_l3mdev_accept/default",
        "vrf/Applications/unbound",
        "vrf/Applications/accept",
        "vrf/Applications/established",
    ),
    section="TCP variables",
    says="A TCP listener over IPv4 that is bound to no device accepts no connection from an L3 domain in a "
    "new network namespace: who connects is refused. With tcp_l3mdev_accept it does, and what it accepts is "
    "bound to the domain.",
    since="4.5",
    needs=NEEDS,
)
def test_a_listener_accepts_across_domains(peers, observe):
    divide(peers.right)
    with (
        peers.right.entered(),
        listening("0.0.0.0") as listener,
        peers.left.entered(),
        Socket.tcp() as early,
        Socket.tcp() as client,
    ):
        address = peers.right.address, listener.getsockname()[1]
        with refused():
            early.connect(address)
        peers.right.namespace.sysctl[TCP] = 1
        client.connect(address)
        with listener.accept()[0] as server:
            assert observe("devices", [listener.bindtodevice, server.bindtodevice]) == ["", DOMAIN]


@claim(
    "ip-sysctl/udp_l3mdev_accept/socket",
    sentence=(
        "ip-sysctl/udp_l3mdev_accept/socket",
        "ip-sysctl/udp_l3mdev_accept/default",
        "vrf/Applications/unbound",
        "vrf/Applications/accept",
    ),
    section="UDP variables",
    says="A UDP socket over IPv4 that is bound to no device receives nothing from an L3 domain in a new "
    "network namespace, and who sends to it is refused; with udp_l3mdev_accept it receives.",
    since="4.11",
    needs=NEEDS,
)
def test_a_socket_receives_across_domains(peers, observe):
    divide(peers.right)
    with peers.right.entered(), Socket.udp() as receiver, peers.left.entered(), Socket.udp() as sender:
        receiver.rcvtimeo = sender.rcvtimeo = SOON
        receiver.bind(("0.0.0.0", 0))
        sender.connect((peers.right.address, receiver.getsockname()[1]))
        sender.send(b"lost")
        with refused():
            sender.recv(9)
        peers.right.namespace.sysctl[UDP] = 1
        sender.send(b"received")

        assert observe("received", receiver.recv(9).decode()) == "received"


@claim(
    "ip-sysctl/raw_l3mdev_accept/socket",
    sentence=(
        "ip-sysctl/raw_l3mdev_accept/socket",
        "ip-sysctl/raw_l3mdev_accept/default",
        "vrf/Applications/raw",
    ),
    section="RAW variables",
    says="A raw socket over IPv4 that is bound to no device receives from an L3 domain in a new network "
    "namespace, and nothing while raw_l3mdev_accept is 0, when one that is bound to the domain's device "
    "does.",
    since="5.0",
    needs=[*NEEDS, Capability.NET_RAW],
)
def test_a_raw_socket_receives_across_domains(peers, observe):
    divide(peers.right)
    with (
        peers.right.entered(),
        raw_socket() as unbound,
        raw_socket() as bound,
        peers.left.entered(),
        raw_socket() as sender,
    ):
        unbound.rcvtimeo = bound.rcvtimeo = SOON
        bound.bindtodevice = DOMAIN
        address = peers.right.address, 0
        sender.sendto(b"first", address)
        by_bound = [bound.recv(99)[20:].decode()]
        peers.right.namespace.sysctl[RAW] = 0
        sender.sendto(b"second", address)
        by_bound.append(bound.recv(99)[20:].decode())
        peers.right.namespace.sysctl[RAW] = 1
        sender.sendto(b"third", address)
        by_bound.append(bound.recv(99)[20:].decode())
        by_unbound = [unbound.recv(99)[20:].decode() for _ in range(2)]

        assert [observe("by_bound", by_bound), observe("by_unbound", by_unbound)] == [
            ["first", "second", "third"],
            ["first", "third"],
        ]
