"""What an accepted connection has of its listener: structures, programs, and what is its own."""

from __future__ import annotations

import errno
import os
import time
from contextlib import ExitStack
from socket import htonl

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ANOTHER_USER, EBPF, IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.bpf import returning
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.ipv6 import address6, index_of, tcp6
from conformance.plugin.setups.listeners import listening, listening_unix, pending_connection
from conformance.plugin.setups.processes import process_of
from conformance.plugin.setups.processors import on_one_processor
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import SOON
from libsocket import (
    INT,
    IP_UNICAST_IF,
    IPV6_DSTOPTS,
    IPV6_HOPOPTS,
    IPV6_UNICAST_IF,
    Inq,
    PortRange,
    Socket,
    SockTxTime,
    Timestamping,
    TimestampingFlag,
    TxTimeFlag,
)
from netns import Capability, in_child

LOOPBACK = 1
HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"], ids=["tcp", "tcp6"])
KINDS = pytest.mark.parametrize(("kind", "host"), [("tcp", "127.0.0.1"), ("tcp6", "::1")])
PADDING = bytes([0, 0, 1, 4, 0, 0, 0, 0])
"""A header of options that has nothing but padding."""


@claim(
    "defacto/SO_TXTIME/inherited-by-accept",
    says="An accepted TCP connection, over IPv4 and IPv6, has the SO_TXTIME that its listener had when they "
    "connected.",
    since="4.19",
    commit="80b14dee2bea",
)
@HOSTS
def test_it_has_the_clock_and_the_flags(ns, observe, host):
    wanted = SockTxTime(time.CLOCK_MONOTONIC, TxTimeFlag.REPORT_ERRORS)
    with listening(host) as listener:
        listener.txtime = wanted
        with pending_connection(listener), listener.accept()[0] as accepted:
            seen = [[one.clockid, int(one.flags)] for one in (listener.txtime, accepted.txtime)]

            assert observe("listener_and_accepted", seen) == [[time.CLOCK_MONOTONIC, 2]] * 2


@claim(
    "defacto/SO_TXTIME/not-inherited-on-unix",
    says="An accepted UNIX connection has the SO_TXTIME of a new socket, clock 0 without flags, though the "
    "listener has another.",
    since="4.19",
    commit="80b14dee2bea",
)
def test_on_unix_it_has_no_clock(ns, observe):
    with listening_unix() as listener:
        listener.txtime = SockTxTime(time.CLOCK_MONOTONIC, TxTimeFlag.REPORT_ERRORS)
        with pending_connection(listener), listener.accept()[0] as accepted:
            seen = [[one.clockid, int(one.flags)] for one in (listener.txtime, accepted.txtime)]

            assert observe("listener_and_accepted", seen) == [[time.CLOCK_MONOTONIC, 2], [0, 0]]


@claim(
    "defacto/SO_TIMESTAMPING/inherited-by-accept",
    says="An accepted TCP connection, over IPv4 and IPv6, has the flags of SO_TIMESTAMPING that its listener "
    "had when they connected.",
    since="2.6.30",
    commit="cb9eff097831",
)
@HOSTS
def test_it_has_the_flags_of_timestamps(ns, observe, host):
    wanted = TimestampingFlag.RX_SOFTWARE | TimestampingFlag.SOFTWARE
    with listening(host) as listener:
        listener.timestamping = Timestamping(wanted)
        with pending_connection(listener), listener.accept()[0] as accepted:
            flags = [int(one.timestamping.flags) for one in (listener, accepted)]

            assert observe("listener_and_accepted", flags) == [int(wanted)] * 2


@claim(
    "defacto/SO_TIMESTAMPING/not-inherited-on-unix",
    says="An accepted UNIX connection begins without flags of SO_TIMESTAMPING, though the listener has some.",
    since="2.6.30",
    commit="cb9eff097831",
)
def test_on_unix_it_has_no_flags_of_timestamps(ns, observe):
    wanted = TimestampingFlag.RX_SOFTWARE | TimestampingFlag.SOFTWARE
    with listening_unix() as listener:
        listener.timestamping = Timestamping(wanted)
        with pending_connection(listener), listener.accept()[0] as accepted:
            flags = [int(one.timestamping.flags) for one in (listener, accepted)]

            assert observe("listener_and_accepted", flags) == [int(wanted), 0]


@claim(
    "defacto/SO_ATTACH_BPF/inherited-by-accept",
    says="An accepted TCP connection, over IPv4 and IPv6, has the extended program that its listener had "
    "when they connected, and to detach it leaves that of the listener.",
    since="3.19",
    commit="89aa075832b0",
    needs=[EBPF],
)
@HOSTS
def test_it_has_the_extended_program(ns, observe, host):
    with listening(host) as listener, returning(1000) as extended:
        listener.attach_bpf = extended
        with pending_connection(listener), listener.accept()[0] as accepted:
            with refused(errno.EACCES):  # an extended program cannot be read
                accepted.filter()
            accepted.detach_filter = 0
            with refused(errno.EACCES, "errno_of_listener"):
                listener.filter()

            assert observe("detached", accepted.filter()) is None


@claim(
    "defacto/SO_INCOMING_CPU/of-handshake",
    says="An accepted TCP connection, over IPv4 and IPv6, has as its SO_INCOMING_CPU the processor that the "
    "handshake arrived on, though its listener has another.",
    since="4.4",
    commit="70da268b569d",
)
@HOSTS
def test_it_has_the_processor_of_the_handshake(ns, observe, host):
    with on_one_processor() as processor, listening(host) as listener:
        listener.incoming_cpu = processor + 1
        with ExitStack() as gone:  # whose memory a connection may get
            for _ in range(10):
                gone.enter_context(Socket.tcp(listener.family)).incoming_cpu = processor + 2
        with pending_connection(listener), listener.accept()[0] as accepted:
            beyond = [one.incoming_cpu - processor for one in (listener, accepted)]

            assert observe("listeners_and_accepted", beyond) == [1, 0]


@claim(
    "defacto/SO_COOKIE/of-an-accepted-connection",
    says="An accepted TCP or UNIX connection has a SO_COOKIE of its own, neither its listener's nor its "
    "peer's, though the listener's was read before they connected.",
    since="4.12",
    commit="5daab9db7b65",
)
@pytest.mark.parametrize("listens", [listening, listening_unix], ids=["tcp", "unix"])
def test_it_has_a_number_of_its_own(ns, observe, listens):
    with listens() as listener:
        before = listener.cookie
        with pending_connection(listener) as client, listener.accept()[0] as accepted:
            cookies = {before, client.cookie, accepted.cookie} - {0}  # which is none

            assert observe("different_and_kept", [len(cookies), listener.cookie == before]) == [3, True]


@claim(
    "defacto/SO_INQ/not-inherited-on-unix",
    says="What an accepted UNIX stream receives comes without the number of bytes that are left, though its "
    "listener has SO_INQ, until it has SO_INQ itself.",
    since="6.17",
    commit="df30285b3670",
    survives={"no-op: setsockopt(*": "a listener, which receives nothing, does not show that it has it"},
)
def test_it_does_not_tell_what_is_left(ns, observe):
    with listening_unix() as listener:
        listener.inq = True
        with pending_connection(listener) as client, listener.accept()[0] as accepted:
            accepted.rcvtimeo = SOON
            client.send(b"h")
            without = [int(one) for one in control_messages(accepted, Inq, size=1)]
            accepted.inq = True
            client.send(b"e")
            client.send(b"llo")
            left_then = [int(one) for one in control_messages(accepted, Inq, size=1)]

            assert observe("without_and_with", [without, left_then]) == [[], [3]]


@claim(
    "defacto/SO_PEERGROUPS/connection",
    says="SO_PEERGROUPS of an accepted UNIX stream connection is the supplementary groups of who called "
    "connect, and that of the client is those of who called listen.",
    since="4.13",
    commit="28b5ba2aa0f5",
    needs=[ANOTHER_USER],
    survives={"no-op: close()*": "the process that connected ends and closes what it has"},
)
def test_a_connection_has_the_groups_of_both_ends(ns, observe):
    ours = sorted(os.getgroups())
    with listening_unix() as listener:
        of_listener = in_child(lambda: groups_of_peer(listener.getsockname(), [7, 9]))
        with listener.accept()[0] as accepted:
            seen = [of_listener == ours, list(accepted.peergroups)]

            assert observe("listener_and_client", seen) == [True, [7, 9]]


def groups_of_peer(name: str, groups: list[int]) -> list[int]:
    """Connect with these groups: those of who listens."""
    os.setgroups(groups)
    with Socket.unix() as client:
        client.connect(name)
        return list(client.peergroups)


@claim(
    "defacto/SO_PEERPIDFD/of-who-listens",
    says="SO_PEERPIDFD of a UNIX stream client is a descriptor of the process that called listen.",
    since="6.5",
    commit="7b26952a91cf",
    survives={"no-op: close()*": "the process that connected ends and closes what it has"},
)
def test_a_client_has_a_descriptor_of_who_listens(ns, observe):
    with listening_unix() as listener:
        peer, own = in_child(lambda: processes_of_client(listener.getsockname()))

        assert observe("peer_and_own", [peer == os.getpid(), own == os.getpid()]) == [True, False]


def processes_of_client(name: str) -> list[int]:
    """Connect: who listens, and who connected."""
    with Socket.unix() as client:
        client.connect(name)
        with client.peerpidfd as found:
            return [process_of(found), os.getpid()]


@claim(
    "defacto/IP_UNICAST_IF/inherited-by-accept",
    says="An accepted TCP connection over IPv4 has the IP_UNICAST_IF that its listener had when they "
    "connected.",
    since="3.4",
    commit="76e21053b5bf",
)
def test_it_has_the_interface(ns, observe):
    with listening() as listener:
        listener.set(IP_UNICAST_IF.through(INT), htonl(LOOPBACK))
        with pending_connection(listener), listener.accept()[0] as accepted:
            indices = [htonl(one.get(IP_UNICAST_IF.through(INT))) for one in (listener, accepted)]

            assert observe("listener_and_accepted", indices) == [LOOPBACK, LOOPBACK]


@claim(
    "defacto/IPV6_UNICAST_IF/inherited-by-accept-over-ipv6",
    says="An accepted TCP connection over IPv6 has the IPV6_UNICAST_IF that its listener had when they "
    "connected.",
    since="3.4",
    commit="c4062dfc425e",
    needs=[IPV6],
)
def test_it_has_the_interface_over_ipv6(ns, observe):
    with listening("::1") as listener:
        listener.set(IPV6_UNICAST_IF.through(INT), htonl(LOOPBACK))
        with pending_connection(listener), listener.accept()[0] as accepted:
            indices = [htonl(one.get(IPV6_UNICAST_IF.through(INT))) for one in (listener, accepted)]

            assert observe("listener_and_accepted", indices) == [LOOPBACK, LOOPBACK]


@claim(
    "defacto/IP_LOCAL_PORT_RANGE/inherited-by-accept",
    says="An accepted TCP connection, over IPv4 and IPv6, has the IP_LOCAL_PORT_RANGE that its listener had "
    "when they connected.",
    since="6.3",
    commit="91d0b78c5177",
)
@HOSTS
def test_it_has_the_range_of_ports(ns, observe, host):
    with listening(host) as listener:
        listener.ip_local_port_range = PortRange(40_000, 40_100)
        with pending_connection(listener), listener.accept()[0] as accepted:
            ranges = [
                [one.low, one.high] for one in (listener.ip_local_port_range, accepted.ip_local_port_range)
            ]

            assert observe("listener_and_accepted", ranges) == [[40_000, 40_100]] * 2


@claim(
    "defacto/IPV6_HOPOPTS/inherited-by-accept-over-ipv6",
    says="An accepted TCP connection over IPv6 has the IPV6_HOPOPTS and IPV6_DSTOPTS that its listener had "
    "when they connected.",
    since="2.6.14",
    commit="333fad5364d6",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize("option", [IPV6_HOPOPTS, IPV6_DSTOPTS])
def test_it_has_the_headers_of_options(ns, observe, option):
    with listening("::1") as listener:
        before = listener.get(option)
        listener.set(option, PADDING)
        with pending_connection(listener), listener.accept()[0] as accepted:
            headers = [before.hex(), listener.get(option).hex(), accepted.get(option).hex()]

            assert observe("before_listener_and_accepted", headers) == ["", PADDING.hex(), PADDING.hex()]


@claim(
    "defacto/IPV6_MULTICAST_HOPS/of-handshake",
    says="IPV6_MULTICAST_HOPS of an accepted TCP connection over IPv6 reads as the hop limit of the packet "
    "that completed its handshake, not of the one that asked for it, and not as its listener's.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_the_hop_limit_of_the_last_packet_is_kept(ns, observe):
    with listening("::1") as listener, tcp6() as client:
        listener.rcvtimeo = SOON
        listener.tcp_defer_accept = 60  # the packet is then the one that brings data
        client.ipv6_unicast_hops = 44
        client.connect(listener.getsockname())
        asked = client.ipv6_unicast_hops
        client.ipv6_unicast_hops = 33
        client.send(b"hello")
        with listener.accept()[0] as accepted:
            seen = [asked, listener.ipv6_multicast_hops, accepted.ipv6_multicast_hops]

            assert observe("request_listener_and_accepted", seen) == [44, 1, 33]


@claim(
    "defacto/IPV6_MULTICAST_IF/of-handshake",
    says="IPV6_MULTICAST_IF of an accepted TCP connection over IPv6 reads as the index of the interface by "
    "which its peer's packets came, where that of its listener, bound to none, is 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, VETH],
)
def test_the_interface_of_the_last_packet_is_kept(peers, observe):
    with peers.right.entered(), listening("::") as listener:
        with peers.left.entered():
            client = tcp6()
        with client:
            listener.rcvtimeo = SOON
            client.connect((address6(peers.right), listener.getsockname()[1]))
            with listener.accept()[0] as accepted:
                came_by = accepted.ipv6_multicast_if == index_of(peers.right)

                assert observe("listener_and_accepted", [listener.ipv6_multicast_if, came_by]) == [0, True]


@claim(
    "defacto/TCP_MAXSEG/of-listener",
    says="A TCP listener, over IPv4 and IPv6, with a TCP_MAXSEG of 600 announces it, and the connections "
    "that it accepts have it: both ends read 600, where segments have no timestamps.",
    since="2.6.28",
    commit="f5fff5dc8a7a",
)
@HOSTS
def test_both_ends_have_the_size_of_the_listener(ns, observe, host):
    ns.sysctl["net.ipv4.tcp_timestamps"] = 0
    with listening(host) as listener:
        listener.tcp_maxseg = 600
        with pending_connection(listener) as client, listener.accept()[0] as accepted:
            assert observe("accepted_and_client", [accepted.tcp_maxseg, client.tcp_maxseg]) == [600, 600]


@claim(
    "defacto/TCP_FASTOPEN_CONNECT/inherited-by-accept",
    says="An accepted TCP connection, over IPv4 and IPv6, has the TCP_FASTOPEN_CONNECT that its listener had "
    "before it listened, and sends at once.",
    since="4.11",
    commit="19f6d3f3c842",
)
@KINDS
def test_it_has_fast_open_of_clients(ns, observe, kind, host):
    with SOCKETS[kind]() as listener:
        listener.bind((host, 0))
        before = listener.tcp_fastopen_connect
        listener.tcp_fastopen_connect = True
        listener.listen()
        with pending_connection(listener) as client, listener.accept()[0] as accepted:
            client.rcvtimeo = SOON
            accepted.send(b"hello")
            seen = [before, accepted.tcp_fastopen_connect, client.recv(9).decode()]

            assert observe("before_accepted_received", seen) == [False, True, "hello"]


@claim(
    "defacto/TCP_FASTOPEN_KEY/not-inherited",
    says="An accepted TCP connection, over IPv4 and IPv6, begins without the TCP_FASTOPEN_KEY that its "
    "listener has.",
    since="4.15",
    commit="1fba70e5b6be",
)
@HOSTS
def test_it_has_no_key(ns, observe, host):
    key = bytes(range(16))
    with listening(host) as listener:
        listener.tcp_fastopen_key = key
        with pending_connection(listener), listener.accept()[0] as accepted:
            keys = [listener.tcp_fastopen_key.hex(), accepted.tcp_fastopen_key.hex()]

            assert observe("listener_and_accepted", keys) == [key.hex(), ""]
