"""Which address a socket has: the one it was bound to, or what listen and connect choose."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import UDP_NEEDS_NO_LISTENER, listening
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability

PORT_RANGE = "net.ipv4.ip_local_port_range"
HERE, THERE = "127.0.0.1", "127.0.0.2"

TRANSPORTS = pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])


def chosen_ports(make: Callable[[], Socket], bind: Callable[[Socket], None]) -> list[int]:
    """Those of twenty unbound sockets, in order, once that bound them."""
    with ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(make()) for _ in range(20)]
        for sock in sockets:
            bind(sock)
        return [sock.getsockname()[1] for sock in sockets]


def falls(ports: list[int]) -> int:
    """How often one is below the one before it, with the last before the first."""
    return sum(port < before for before, port in zip([ports[-1], *ports], ports, strict=False))


@claim(
    "ip.7/bind/one-socket-of-a-protocol",
    sentence=("ip.7/bind/one-socket", "ip.7/errors/eaddrinuse"),
    section="DESCRIPTION",
    says="Only one TCP and one UDP socket can be bound to a pair of local address and port, where none has "
    "SO_REUSEADDR, SO_REUSEPORT or SO_BINDTODEVICE: EADDRINUSE for another. With one of the two alone the "
    "pair differs.",
)
@TRANSPORTS
def test_a_pair_is_one_sockets(ns, observe, make):
    with make() as first, make() as second, make() as third:
        first.bind((HERE, 4321))
        with refused(errno.EADDRINUSE):
            second.bind((HERE, 4321))
        second.bind((THERE, 4321))
        third.bind((HERE, 4322))

        assert observe("others", [*second.getsockname(), *third.getsockname()]) == [THERE, 4321, HERE, 4322]


@claim(
    "ip.7/bind/one-socket-of-all-protocols",
    sentence="ip.7/bind/one-socket",
    section="DESCRIPTION",
    says="Only one IP socket can be bound to a pair of local address and port: a UDP socket has no pair that "
    "a TCP socket has.",
    expect=differs(
        "each protocol has ports of its own (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "tcp_and_udp": [HERE, 4321, HERE, 4321]},
    ),
)
def test_a_pair_is_one_sockets_whatever_the_protocol(ns, observe):
    with Socket.tcp() as first, Socket.udp() as second:
        first.bind((HERE, 4321))
        with refused():
            second.bind((HERE, 4321))
            observe("tcp_and_udp", [*first.getsockname(), *second.getsockname()])


@claim(
    "ip.7/bind/one-socket-with-reuseport",
    sentence="ip.7/bind/one-socket",
    section="DESCRIPTION",
    says="Only one TCP or UDP socket can be bound to a pair of local address and port, SO_REUSEPORT or not.",
    expect=differs(
        "all of one user that have SO_REUSEPORT share a pair",
        since="3.9",
        commit="da5e36308d9f",
        observed={"errno": None, "first_and_second": [HERE, 4321, HERE, 4321]},
    ),
)
@TRANSPORTS
def test_a_pair_is_one_sockets_with_reuseport_too(ns, observe, make):
    with make() as first, make() as second:
        first.reuseport = second.reuseport = True
        first.bind((HERE, 4321))
        with refused():
            second.bind((HERE, 4321))
            observe("first_and_second", [*first.getsockname(), *second.getsockname()])


@claim(
    "ip.7/bind/one-socket-with-reuseaddr",
    sentence="ip.7/bind/one-socket",
    section="DESCRIPTION",
    says="Only one TCP or UDP socket can be bound to a pair of local address and port, SO_REUSEADDR or not.",
    expect=differs(
        "all that have SO_REUSEADDR share a pair, TCP sockets while none listens (older than the history in "
        "git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "first_and_second": [HERE, 4321, HERE, 4321]},
    ),
)
@TRANSPORTS
def test_a_pair_is_one_sockets_with_reuseaddr_too(ns, observe, make):
    with make() as first, make() as second:
        first.reuseaddr = second.reuseaddr = True
        first.bind((HERE, 4321))
        with refused():
            second.bind((HERE, 4321))
            observe("first_and_second", [*first.getsockname(), *second.getsockname()])


@claim(
    "ip.7/bind/one-socket-by-device",
    sentence="ip.7/bind/one-socket",
    section="DESCRIPTION",
    says="Only one TCP or UDP socket can be bound to a pair of local address and port, whatever devices "
    "they are bound to (SO_BINDTODEVICE).",
    needs=[Capability.NET_RAW, VETH],
    expect=differs(
        "sockets of different devices share a pair (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "first_and_second": ["0.0.0.0", 4321, "0.0.0.0", 4321]},
    ),
)
@TRANSPORTS
def test_a_pair_is_one_sockets_by_whatever_device(peers, observe, make):
    with peers.left.entered(), make() as first, make() as second:
        first.bindtodevice = "lo"
        second.bindtodevice = peers.left.device
        first.bind(("0.0.0.0", 4321))
        with refused():
            second.bind(("0.0.0.0", 4321))
            observe("first_and_second", [*first.getsockname(), *second.getsockname()])


@claim(
    "ip.7/bind/one-raw-socket",
    sentence="ip.7/bind/one-socket",
    section="DESCRIPTION",
    says="Only one raw socket of a protocol can be bound to a local address.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "any number can, and each receives a copy (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "first_and_second": [HERE, 253, HERE, 253]},
    ),
)
def test_an_address_is_one_raw_sockets(ns, observe):
    with Socket.raw(253) as first, Socket.raw(253) as second:
        first.bind((HERE, 0))
        with refused():
            second.bind((HERE, 0))
            observe("first_and_second", [*first.getsockname(), *second.getsockname()])


@claim(
    "ip.7/bind/any-is-all-interfaces",
    sentence=("ip.7/bind/any", "ip.7/special/any", "in.h/INADDR_ANY/any"),
    section="DESCRIPTION",
    says="A UDP socket bound to INADDR_ANY receives what comes to any local address, by any interface.",
    needs=[VETH],
)
def test_it_is_bound_to_all_interfaces(peers, observe):
    with peers.right.entered():
        receiver, local = Socket.udp(), Socket.udp()
    with peers.left.entered():
        remote = Socket.udp()
    with receiver, local, remote:
        receiver.rcvtimeo = SOON
        receiver.bind(("0.0.0.0", 0))
        host, port = receiver.getsockname()
        local.sendto(b"to loopback", (HERE, port))
        received = [receiver.recv(20).decode()]
        remote.sendto(b"to the wire", (peers.right.address, port))
        received.append(receiver.recv(20).decode())

        assert [host, observe("received", received)] == ["0.0.0.0", ["to loopback", "to the wire"]]


@claim(
    "ip.7/bind/any-is-all-interfaces-tcp",
    sentence=("ip.7/bind/any", "ip.7/special/any", "in.h/INADDR_ANY/any"),
    section="DESCRIPTION",
    says="A TCP socket that listens at INADDR_ANY accepts connections to any local address, by any "
    "interface.",
    needs=[VETH],
)
def test_it_listens_on_all_interfaces(peers, observe):
    with peers.right.entered(), listening("0.0.0.0") as listener, Socket.tcp() as local:
        listener.rcvtimeo = SOON
        port = listener.getsockname()[1]
        with peers.left.entered():
            remote = Socket.tcp()
        with remote:
            local.connect((HERE, port))
            first = listener.accept()[0]
            remote.connect((peers.right.address, port))
            second = listener.accept()[0]
            with first, second:
                addresses = [first.getsockname()[0], second.getsockname()[0]]

                assert observe("addresses", addresses) == [HERE, peers.right.address]


@claim(
    "ip.7/bind/listen-chooses-any-and-a-free-port",
    sentence=("ip.7/bind/listen-autobind", "proc_sys_net_ipv4.5/ip_local_port_range/listen"),
    section="DESCRIPTION",
    says="An unbound TCP socket that listens is bound to INADDR_ANY and a free port: of the two in "
    "net.ipv4.ip_local_port_range the one that no other socket has.",
)
@pytest.mark.parametrize(("taken", "free"), [(40_000, 40_001), (40_001, 40_000)])
def test_listen_binds_to_a_free_port(ns, observe, taken, free):
    ns.sysctl[PORT_RANGE] = "40000 40001"
    with Socket.tcp() as holder, Socket.tcp() as sock:
        holder.bind(("0.0.0.0", taken))
        before = sock.getsockname()
        sock.listen()
        addresses = [holder.getsockname(), before, sock.getsockname()]

        assert observe("taken_before_and_after", addresses) == [
            ("0.0.0.0", taken),
            ("0.0.0.0", 0),
            ("0.0.0.0", free),
        ]


@claim(
    "ip.7/bind/listen-chooses-at-random",
    sentence="ip.7/bind/listen-autobind",
    section="DESCRIPTION",
    says="The ports to which unbound TCP sockets are bound when they listen are random: not one above the "
    "other.",
)
def test_listen_binds_to_a_random_port(ns, observe):
    ports = chosen_ports(Socket.tcp, lambda sock: sock.listen())
    in_order = sorted(ports) in (ports, ports[::-1])

    assert observe("without_port_and_in_order", [ports.count(0), in_order]) == [0, False]


@claim(
    "ip.7/bind/connect-chooses-a-free-port",
    sentence=("ip.7/bind/connect-autobind", "proc_sys_net_ipv4.5/ip_local_port_range/connect"),
    section="DESCRIPTION",
    says="An unbound TCP or UDP socket that connects is bound to a free port: of the two in "
    "net.ipv4.ip_local_port_range the one that no other socket was bound to.",
    survives=UDP_NEEDS_NO_LISTENER,
)
@TRANSPORTS
@pytest.mark.parametrize(("taken", "free"), [(40_000, 40_001), (40_001, 40_000)])
def test_connect_binds_to_a_free_port(ns, observe, make, taken, free):
    with listening() as listener, make() as holder, make() as sock:
        ns.sysctl[PORT_RANGE] = "40000 40001"
        holder.bind(("0.0.0.0", taken))
        sock.connect(listener.getsockname())

        assert observe("taken_and_free", [holder.getsockname()[1], sock.getsockname()[1]]) == [taken, free]


@claim(
    "ip.7/bind/connect-chooses-at-random",
    sentence="ip.7/bind/connect-autobind",
    section="DESCRIPTION",
    says="The ports to which unbound UDP sockets are bound when they connect are random: not one above the "
    "other.",
)
def test_connect_binds_to_a_random_port(ns, observe):
    ports = chosen_ports(Socket.udp, lambda sock: sock.connect((HERE, 9)))
    in_order = sorted(ports) in (ports, ports[::-1])

    assert observe("without_port_and_in_order", [ports.count(0), in_order]) == [0, False]


@claim(
    "ip.7/bind/connect-chooses-at-random-tcp",
    sentence="ip.7/bind/connect-autobind",
    section="DESCRIPTION",
    says="The ports to which unbound TCP sockets are bound when they connect to one destination are random: "
    "they fall more than once, seen as a circle.",
    expect=differs(
        "each is above the one before, until the last port is followed by the first: random are where they "
        "begin and, since, the steps (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"without_port": 0, "falls": 1},
    ),
)
def test_connect_binds_a_stream_to_a_random_port(ns, observe):
    with listening() as listener:
        ports = chosen_ports(Socket.tcp, lambda sock: sock.connect(listener.getsockname()))
        observe("without_port", ports.count(0))

        assert observe("falls", falls(ports)) > 1


@claim(
    "ip.7/bind/connect-shares-a-port",
    sentence="ip.7/bind/connect-autobind",
    section="DESCRIPTION",
    says="An unbound TCP socket that connects can share a port that another has for its connection to "
    "another destination, but not for one to the same.",
)
def test_connect_shares_a_port(ns, observe):
    with listening(HERE) as here, listening(THERE) as there, Socket.tcp() as first, Socket.tcp() as second:
        ns.sysctl[PORT_RANGE] = "40000 40000"
        first.connect(here.getsockname())
        with refused():
            second.connect(here.getsockname())
        second.connect(there.getsockname())

        assert observe("ports", [first.getsockname()[1], second.getsockname()[1]]) == [40_000, 40_000]


@claim(
    "ip.7/bind/connect-chooses-any",
    sentence="ip.7/bind/connect-autobind",
    section="DESCRIPTION",
    says="An unbound TCP or UDP socket that connects is bound to INADDR_ANY.",
    expect=differs(
        "it is bound to the address that packets to the peer come from (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"address": HERE},
    ),
    survives=UDP_NEEDS_NO_LISTENER,
)
@TRANSPORTS
def test_connect_binds_to_every_address(ns, observe, make):
    with listening() as listener, make() as sock:
        sock.connect(listener.getsockname())

        assert observe("address", sock.getsockname()[0]) == "0.0.0.0"


@claim(
    "ip.7/bind/unavailable-without-connections",
    sentence="ip.7/bind/time-wait",
    section="DESCRIPTION",
    says="A TCP address that a socket was bound to is unavailable for some time after it was closed, though "
    "it neither connected nor listened.",
    expect=differs(
        "it is free at once: what keeps it are connections that this end closed first (older than the "
        "history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "first": [HERE, 4321], "second": [HERE, 4321]},
    ),
)
def test_an_address_is_unavailable_once_closed(ns, observe):
    with Socket.tcp() as first, Socket.tcp() as second:
        first.bind((HERE, 4321))
        observe("first", first.getsockname())
        first.close()
        with refused(errno.EADDRINUSE):
            second.bind((HERE, 4321))
            observe("second", second.getsockname())
