"""Network namespaces: what each has of its own, and when one is no more."""

from __future__ import annotations

import errno
import os
import select
import socket
from contextlib import closing
from functools import partial

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, MPTCP, NFTABLES, SYSFS, VETH, VSOCK, link
from conformance.plugin.refusal import refused
from conformance.plugin.setups.capabilities import addresses_in_proc
from conformance.plugin.setups.firewall import RULES_STAY, drop_all_that_arrives
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.namespaces import (
    devices,
    devices_in_sysfs,
    devices_once_gone,
    joined_to,
    made_by_another,
    ports_in_proc,
    udp_in,
)
from conformance.plugin.setups.netlink import NETLINK_USERSOCK, netlink_socket
from conformance.plugin.setups.netlink import bound as bound_netlink
from conformance.plugin.setups.packet_sockets import frame, packet_socket, received_until, sending_socket
from conformance.plugin.setups.packets import ETH_P_IP, payload
from conformance.plugin.setups.pairs import await_those_before, udp_pair
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.unix_names import ENDS_WITH_ITS_PROCESS, listen_where_one_can
from conformance.plugin.setups.vsock import ANY, bound, port_of, vsock
from conformance.plugin.timing import SOON
from libsocket import Netlink, Socket, Vsock
from netns import Capability, Namespace, in_child

KINDS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
FOREIGN = "198.51.100.1"
FAR = ("10.0.1.2", 4321)
PORT = 4321


@pytest.fixture
def _folder(tmp_path, monkeypatch):
    """A directory of the test's own, in which relative pathnames are."""
    monkeypatch.chdir(tmp_path)


@claim(
    "network_namespaces.7/isolation/devices",
    sentence="network_namespaces.7/isolation/devices",
    section="DESCRIPTION",
    says="A veth device that is made in a network namespace is not in another: that has loopback, and may "
    "have one of the same name.",
    needs=[VETH],
    survives={"*": "no socket has a part in it"},
)
def test_devices(ns, observe):
    with Namespace() as another:
        ns.add_veth("first", "second")
        seen = [devices(ns), devices(another)]
        another.add_veth("first", "third")

        assert observe("devices", [*seen, devices(another)]) == [
            ["first", "lo", "second"],
            ["lo"],
            ["first", "lo", "third"],
        ]


def bound_to(address: str) -> str:
    """The address that a UDP socket has which is bound to it."""
    with Socket.udp(socket.AF_INET6 if ":" in address else socket.AF_INET) as sock:
        sock.bind((address, 0))
        host: str = sock.getsockname()[0]
        return host


@claim(
    "network_namespaces.7/isolation/addresses",
    sentence="network_namespaces.7/isolation/protocol-stacks",
    section="DESCRIPTION",
    says="An address, of IPv4 or IPv6, that an interface of a network namespace has is none of another: a "
    "UDP socket is bound to it in the one, and fails with EADDRNOTAVAIL in the other.",
    needs=[IPV6],
)
@pytest.mark.parametrize("address", [FOREIGN, "2001:db8::1"], ids=["ipv4", "ipv6"])
def test_addresses(ns, observe, address):
    with Namespace() as another:
        ns.add_address("lo", f"{address}/{128 if ':' in address else 32}")
        with another.entered(), refused(errno.EADDRNOTAVAIL):
            bound_to(address)
        with ns.entered():
            here = bound_to(address)

        assert observe("bound", here) == address


@claim(
    "network_namespaces.7/isolation/loopback",
    sentence="network_namespaces.7/isolation/protocol-stacks",
    section="DESCRIPTION",
    says="Each network namespace has a loopback of its own: a TCP socket over IPv4 or IPv6 connects to a "
    "listener there in its own, and is refused (ECONNREFUSED) in another.",
    needs=[IPV6],
)
@pytest.mark.parametrize(("kind", "host"), [("tcp", "127.0.0.1"), ("tcp6", "::1")], ids=["ipv4", "ipv6"])
def test_loopback(ns, observe, kind, host):
    with Namespace() as another, ns.entered(), listening(host) as listener, SOCKETS[kind]() as client:
        with another.entered(), SOCKETS[kind]() as there, refused(errno.ECONNREFUSED):
            there.connect(listener.getsockname())
        client.connect(listener.getsockname())

        assert observe("connected", client.getpeername() == listener.getsockname()) is True


@claim(
    "network_namespaces.7/isolation/routing-tables",
    sentence="network_namespaces.7/isolation/routing-tables",
    section="DESCRIPTION",
    says="A route of a network namespace, for IPv4 or IPv6, is none of another: a UDP socket is connected "
    "by it in the one, and fails with ENETUNREACH in the other.",
    needs=[IPV6],
)
@pytest.mark.parametrize(
    ("make", "address"),
    [(Socket.udp, FOREIGN), (partial(Socket.udp, socket.AF_INET6), "2001:db8::1")],
    ids=["ipv4", "ipv6"],
)
def test_routes(ns, observe, make, address):
    with Namespace() as another:
        ns.add_route(f"{address}/{128 if ':' in address else 32}", dev="lo")
        with another.entered(), make() as sock, refused(errno.ENETUNREACH):
            sock.connect((address, PORT))
        with ns.entered(), make() as sock:
            sock.connect((address, PORT))

            assert observe("peer", list(sock.getpeername()[:2])) == [address, PORT]


@claim(
    "network_namespaces.7/isolation/firewall-rules",
    sentence="network_namespaces.7/isolation/firewall-rules",
    section="DESCRIPTION",
    says="A rule of the firewall that drops what arrives in a network namespace, datagrams over IPv4, lets "
    "them arrive in another.",
    needs=[NFTABLES, IPV6, Capability.NET_RAW],
    survives=RULES_STAY,
)
def test_firewall_rules(ns, observe):
    with Namespace():
        drop_all_that_arrives()
        left, right = udp_pair()
        with left, right, packet_socket(None, socket.SOCK_DGRAM, ETH_P_IP) as witness:
            left.send(b"dropped")
            dropped = payload(witness.recv(99))
            await_those_before(partial(udp_pair, "::1"))
            waits = bool(select.select([right], [], [], 0)[0])
    left, right = udp_pair()
    with left, right:
        right.rcvtimeo = SOON
        left.send(b"arrives")

        assert observe("dropped_waits_arrives", [dropped, waits, right.recv(9).decode()]) == [
            "dropped",
            False,
            "arrives",
        ]


@claim(
    "network_namespaces.7/isolation/proc-net",
    sentence="network_namespaces.7/isolation/proc-net",
    section="DESCRIPTION",
    says="/proc/net of a network namespace lists its TCP listeners and bound UDP sockets over IPv4, and not "
    "those of another.",
)
@pytest.mark.parametrize(
    ("kind", "use"), [("tcp", Socket.listen), ("udp", Socket.fileno)], ids=["tcp", "udp"]
)
def test_proc_net(ns, observe, kind, use):
    with Namespace() as another, ns.entered(), SOCKETS[kind]() as sock:
        sock.bind(("127.0.0.1", PORT))
        use(sock)
        here = ports_in_proc(kind)
        with another.entered():
            there = ports_in_proc(kind)

        assert observe("ports", [here, there]) == [[PORT], []]


@claim(
    "network_namespaces.7/isolation/proc-net-unix",
    sentence=(
        "network_namespaces.7/isolation/proc-net",
        "proc_pid_net.5/proc-net/virtualized",
        "proc_pid_net.5/proc-net/namespace",
    ),
    section="DESCRIPTION",
    says="/proc/net/unix of a network namespace lists its UNIX stream, datagram and seqpacket sockets, with "
    "an abstract name or a pathname, and not those of another.",
)
@KINDS
@pytest.mark.parametrize("name", [b"\0name", b"path"], ids=["abstract", "pathname"])
@pytest.mark.usefixtures("_folder")
def test_proc_net_unix(ns, observe, kind, name):
    with Namespace() as another, ns.entered(), Socket.unix(kind) as sock:
        sock.bind(name)
        shown = os.fsdecode(name.replace(b"\0", b"@"))
        here = len(addresses_in_proc(shown))
        with another.entered():
            there = len(addresses_in_proc(shown))

        assert observe("listed", [here, there]) == [1, 0]


@claim(
    "network_namespaces.7/isolation/proc-net-link",
    sentence="network_namespaces.7/isolation/proc-net-link",
    section="DESCRIPTION",
    says="/proc/net is a symbolic link to the directory net of the process that reads it.",
    survives={"*": "no socket has a part in it"},
)
def test_proc_net_is_a_link(ns, observe):
    assert observe("link", os.readlink("/proc/net")) == "self/net"


@claim(
    "network_namespaces.7/isolation/sys-class-net",
    sentence=("network_namespaces.7/isolation/sys-class-net", "user_namespaces.7/Effect/mounts"),
    section="DESCRIPTION",
    says="/sys/class/net of a sysfs that is mounted in a network namespace has its devices, and none of "
    "another.",
    needs=[VETH, SYSFS],
    survives={"*": "no socket has a part in it"},
)
def test_sys_class_net(ns, observe):
    with Namespace() as another:
        ns.add_veth("first", "second")

        assert observe("devices", [devices_in_sysfs(ns), devices_in_sysfs(another)]) == [
            ["first", "lo", "second"],
            ["lo"],
        ]


@claim(
    "network_namespaces.7/isolation/proc-sys-net",
    sentence="network_namespaces.7/isolation/proc-sys-net",
    section="DESCRIPTION",
    says="net.ipv4.ip_default_ttl that is set in a network namespace is so for its sockets, and as it was "
    "for those of another.",
)
def test_sysctls(ns, observe):
    with Namespace() as another:
        ns.sysctl["net.ipv4.ip_default_ttl"] = 77
        with ns.entered(), Socket.udp() as here, another.entered(), Socket.udp() as there:
            assert observe("ttl", [here.ip_ttl, there.ip_ttl]) == [77, 64]


@claim(
    "network_namespaces.7/isolation/port-numbers",
    sentence="network_namespaces.7/isolation/port-numbers",
    section="DESCRIPTION",
    says="A port that a TCP or UDP socket over IPv4 or IPv6, or an MPTCP socket over IPv4, has in a network "
    "namespace is free in another, and in use (EADDRINUSE) in the same.",
    needs=[IPV6, MPTCP],
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "udp", "udp6", "mptcp"])
def test_ports(ns, observe, kind):
    loopback = "::1" if kind.endswith("6") else "127.0.0.1"
    with Namespace() as another, ns.entered(), SOCKETS[kind]() as first, SOCKETS[kind]() as second:
        first.bind((loopback, PORT))
        with refused(errno.EADDRINUSE):
            second.bind((loopback, PORT))
        with another.entered(), SOCKETS[kind]() as there:
            there.bind((loopback, PORT))

            assert observe("port", there.getsockname()[1]) == PORT


@claim(
    "network_namespaces.7/isolation/vsock-ports",
    sentence="network_namespaces.7/isolation/port-numbers",
    section="DESCRIPTION",
    says="A port that an AF_VSOCK stream socket has in a network namespace is free in another.",
    needs=[VSOCK],
    expect=differs(
        "the machine has one set of ports of AF_VSOCK, but for namespaces of mode local since Linux 7.0",
        since="3.9",
        commit="d021c344051a",
        observed={"errno": "EADDRINUSE"},
    ),
)
def test_ports_of_vsock(ns, observe):
    with bound() as sock, Namespace(), vsock() as other:
        other.bind(Vsock(ANY, port_of(sock)))

        assert observe("same_port", port_of(other) == port_of(sock)) is True


@claim(
    "defacto/nl_pid/of-the-namespace",
    says="A port id that a socket of NETLINK_USERSOCK has in a network namespace is free in another, and in "
    "use (EADDRINUSE) in the same.",
    sentence="network_namespaces.7/isolation/port-numbers",
    since="2.6.24",
    commit="b4b510290b05",
)
def test_port_ids_of_netlink(ns, observe):
    with (
        Namespace() as another,
        ns.entered(),
        bound_netlink(port=PORT),
        netlink_socket(NETLINK_USERSOCK) as same,
    ):
        with refused(errno.EADDRINUSE):
            same.bind(Netlink(PORT, 0))
        with another.entered(), bound_netlink(port=PORT) as there:
            assert observe("port", there.getsockname()[0]) == PORT


@claim(
    "network_namespaces.7/isolation/abstract-names",
    sentence="network_namespaces.7/isolation/abstract-names",
    section="DESCRIPTION",
    says="An abstract name that a UNIX stream, datagram or seqpacket socket has in a network namespace is "
    "free in another, and in use (EADDRINUSE) in the same.",
)
@KINDS
def test_abstract_names(ns, observe, kind):
    with Namespace() as another, ns.entered(), Socket.unix(kind) as first, Socket.unix(kind) as second:
        first.bind(b"\0name")
        with refused(errno.EADDRINUSE):
            second.bind(b"\0name")
        with another.entered(), Socket.unix(kind) as there:
            there.bind(b"\0name")

            assert observe("name", os.fsdecode(there.getsockname())) == "\0name"


@claim(
    "network_namespaces.7/isolation/abstract-names-unreachable",
    sentence="network_namespaces.7/isolation/abstract-names",
    section="DESCRIPTION",
    says="A UNIX stream, datagram or seqpacket socket that has an abstract name in a network namespace "
    "cannot be reached by it from another: ECONNREFUSED.",
)
@KINDS
def test_abstract_names_from_elsewhere(ns, observe, kind):
    with Namespace() as another, ns.entered(), Socket.unix(kind) as named, Socket.unix(kind) as client:
        named.bind(b"\0name")
        listen_where_one_can(named)
        with another.entered(), Socket.unix(kind) as there, refused(errno.ECONNREFUSED):
            there.connect(b"\0name")
        client.connect(b"\0name")

        assert observe("peer", os.fsdecode(client.getpeername())) == "\0name"


def kept_by_a_socket(namespace: Namespace) -> Socket:
    """A UDP socket that a process has made in a namespace, and has ended: nothing else keeps that."""
    with closing(namespace):
        return made_by_another(partial(udp_in, namespace, FAR), in_child)


@claim(
    "network_namespaces.7/freed/though-a-socket-is-open",
    sentence="network_namespaces.7/freed/last-process",
    section="DESCRIPTION",
    says="When the last process in a network namespace has ended it is freed, and with it the veth device "
    "that joins it to another, though another process has a UDP socket of it.",
    needs=[VETH],
    expect=differs(
        "a socket keeps the namespace that it was made in",
        since="2.6.24",
        commit="1b8d7ae42d02",
        observed={"devices": ["kept", "lo"]},
    ),
    survives={"*": "the device is kept by a socket that does nothing"},
)
def test_a_namespace_ends_before_its_sockets(ns, observe):
    kept, freed = joined_to(ns, "kept"), joined_to(ns, "freed", net=2)
    with kept_by_a_socket(kept):
        freed.close()

        assert observe("devices", devices_once_gone(ns, "freed")) == ["lo"]


@claim(
    "network_namespaces.7/freed/though-a-descriptor-is-open",
    sentence="network_namespaces.7/freed/last-process",
    section="DESCRIPTION",
    says="When the last process in a network namespace has ended it is freed, and with it the veth device "
    "that joins it to another, though another process has /proc/pid/ns/net of it open.",
    needs=[VETH],
    expect=differs(
        "a descriptor keeps the namespace that it stands for",
        since="3.0",
        commit="13b6f57623bc",
        observed={"devices": ["kept", "lo"]},
    ),
    survives={"*": "no socket has a part in it"},
)
def test_a_namespace_ends_before_its_descriptors(ns, observe):
    with closing(joined_to(ns, "kept")):
        freed = joined_to(ns, "freed", net=2)
        freed.close()

        assert observe("devices", devices_once_gone(ns, "freed")) == ["lo"]


@claim(
    "defacto/network_namespace/kept-by-a-socket",
    says="A network namespace in which no process is left stays as long as a UDP socket of it, over IPv4, "
    "is open: that receives what is sent from another namespace, and when it is closed the veth device "
    "between them is destroyed.",
    sentence=("network_namespaces.7/freed/last-process", "network_namespaces.7/veth/destroyed"),
    since="2.6.24",
    commit="1b8d7ae42d02",
    needs=[VETH],
    survives=ENDS_WITH_ITS_PROCESS,
)
def test_a_socket_keeps_its_namespace(ns, observe):
    kept = joined_to(ns, "kept")
    with kept_by_a_socket(kept) as sock, Socket.udp() as sender:
        sender.sendto(b"x", FAR)
        received = sock.recv(9).decode()
        before = devices(ns)
        sock.close()

        assert observe("received_and_devices", [received, before, devices_once_gone(ns, "kept")]) == [
            "x",
            ["kept", "lo"],
            ["lo"],
        ]


@claim(
    "network_namespaces.7/veth/tunnel",
    sentence="network_namespaces.7/veth/tunnel",
    section="DESCRIPTION",
    says="What a packet socket sends by one device of a veth pair comes in by the other, in another network "
    "namespace, and in the same order.",
    needs=[VETH, Capability.NET_RAW],
)
def test_a_veth_pair_is_a_pipe(peers, observe):
    with packet_socket(peers.right) as right, sending_socket(peers.left) as left:
        left.bind((peers.left.device, 0))
        left.send(frame(b"first"))
        left.send(frame(b"second"))
        left.send(frame(b"last"))

        assert observe("received", received_until("last", right)) == ["first", "second", "last"]


@claim(
    "network_namespaces.7/veth/destroyed",
    sentence="network_namespaces.7/veth/destroyed",
    section="DESCRIPTION",
    says="When a network namespace is freed the veth device in it is destroyed, and its peer in another "
    "namespace with it.",
    needs=[VETH],
    survives={"*": "no socket has a part in it"},
)
def test_veth_devices_are_destroyed(ns, observe):
    there = joined_to(ns, "near")
    before = devices(ns)
    there.close()

    assert observe("devices", [before, devices_once_gone(ns, "near")]) == [["lo", "near"], ["lo"]]


@claim(
    "network_namespaces.7/veth/bridge",
    sentence="network_namespaces.7/veth/bridge",
    section="DESCRIPTION",
    says="A veth device can be a port of a bridge, by which its peer in another network namespace reaches "
    "what is behind the bridge's other port, here a third namespace: a packet socket there receives its "
    "frames, and none before the device is a port.",
    needs=[VETH, link("bridge"), Capability.NET_RAW],
)
def test_a_veth_device_is_a_port_of_a_bridge(ns, observe):
    with closing(joined_to(ns, "near")) as one, closing(joined_to(ns, "beyond", net=2)) as other:
        ns.add_bridge("bridge")
        ns.set_link("bridge", up=True)
        ns.set_link("beyond", master="bridge")
        with one.entered():
            left = packet_socket(None, protocol=0)
            left.bind(("far", 0))
        with other.entered():
            right = packet_socket()
        with left, right, packet_socket() as between:
            left.send(frame(b"before"))
            arrived = received_until("before", between)
            ns.set_link("near", master="bridge")
            ns.wait_for_carrier("bridge")
            left.send(frame(b"last"))

            assert observe("arrived_and_received", [arrived, received_until("last", right)]) == [
                ["before"],
                ["last"],
            ]
