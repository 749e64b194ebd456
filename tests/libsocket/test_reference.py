"""Sentences of the options reference that a reader would not guess, tried on this kernel."""

from __future__ import annotations

import errno
import mmap
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from libsocket import MessageFlag, Option, Socket, SockTxTime, TcpRepairOpt, TpacketReq
from netns import Namespace, Peers, peers
from tests.libsocket.kernel import numbers
from tests.libsocket.settable import tcp6, udp6

SYN_SENT, ESTABLISHED = 2, 1
SYN_DATA = 32
"""TCPI_OPT_SYN_DATA: data in the connection request was acknowledged."""
PATIENT = 30
"""Seconds after which a connection that does not end is given up."""

RELEASE = numbers(os.uname().release)
KINDS: dict[str, Callable[[], Socket]] = {
    "tcp": Socket.tcp,
    "tcp6": tcp6,
    "udp": Socket.udp,
    "udp6": udp6,
    "unix": Socket.unix,
    "netlink": Socket.netlink,
    "packet": Socket.packet,
}
PAGE = mmap.PAGESIZE
INET = ("tcp", "tcp6", "udp", "udp6")


@pytest.fixture(autouse=True)
def ns() -> Iterator[Namespace]:
    with Namespace() as made:
        yield made


def takes(kind: str, option: Option[Any], value: object) -> bool:
    return refusal(KINDS[kind], option, value) is None


def refusal(make: Callable[[], Socket], option: Option[Any], value: object) -> int | None:
    with make() as sock:
        return refused(sock, option, value)


def refused(sock: Socket, option: Option[Any], value: object) -> int | None:
    """The errno, or None where the option is set."""
    try:
        sock.set(option, value)
    except OSError as refusal:
        return refusal.errno
    return None


@pytest.mark.parametrize(
    ("option", "value", "since"),
    [
        (Socket.peek_off, 1, {"unix": "3.4", "udp": "4.7", "udp6": "4.7", "tcp": "6.10", "tcp6": "6.12"}),
        (Socket.zerocopy, True, {"tcp": "4.14", "tcp6": "4.14", "udp": "5.0", "udp6": "5.0"}),
    ],
    ids=["SO_PEEK_OFF", "SO_ZEROCOPY"],
)
def test_families_take_an_option_since_they_have_it(
    option: Option[Any], value: object, since: dict[str, str]
) -> None:
    expected = {kind for kind, release in since.items() if numbers(release) <= RELEASE}

    assert {kind for kind in KINDS if takes(kind, option, value)} == expected


@pytest.mark.skipif(RELEASE < (6, 13), reason="the other families took it without effect")
def test_port_is_shared_on_ip_only() -> None:
    assert {kind for kind in KINDS if takes(kind, Socket.reuseport, True)} == set(INET)


@pytest.mark.skipif(RELEASE < (6, 16), reason="all families took it")
def test_credentials_are_passed_on_unix_and_netlink_only() -> None:
    assert {kind for kind in KINDS if takes(kind, Socket.passcred, True)} == {"unix", "netlink"}


@pytest.mark.skipif(RELEASE < (6, 12), reason="other clocks were taken")
def test_clocks_of_departure_are_three() -> None:
    clocks = time.CLOCK_MONOTONIC, time.CLOCK_REALTIME, time.CLOCK_TAI, time.CLOCK_BOOTTIME

    assert [refusal(Socket.udp, Socket.txtime, SockTxTime(clock)) for clock in clocks] == [
        *(None, None, None),
        errno.EINVAL,
    ]


@pytest.mark.parametrize(
    ("option", "least", "most"),
    [
        (Socket.tcp_keepidle, 1, 32767),
        (Socket.tcp_keepintvl, 1, 32767),
        (Socket.tcp_keepcnt, 1, 127),
        (Socket.tcp_syncnt, 1, 127),
        (Socket.tcp_maxseg, 88, 32767),
        (Socket.tcp_user_timeout, 0, 2**31 - 1),
        (Socket.udp_segment, 0, 65535),
    ],
    ids=lambda value: value.name if isinstance(value, Option) else None,
)
def test_range_is_the_kernels(option: Option[int], least: int, most: int) -> None:
    make = Socket.udp if option is Socket.udp_segment else Socket.tcp
    tried = [value for value in (least - 1, least, most, most + 1) if value >= 0]
    expected = [None if least <= value <= most else errno.EINVAL for value in tried]

    assert [refusal(make, option, value) for value in tried] == expected


@pytest.mark.parametrize(("bits", "waiting", "taken"), [(1, 5, False), (3, 0, False), (3, 5, True)])
def test_sysctl_decides_on_fast_open(ns: Namespace, bits: int, waiting: int, taken: bool) -> None:
    ns.sysctl["net.ipv4.tcp_fastopen"] = bits
    with Socket.tcp() as listener, Socket.tcp() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.tcp_fastopen = waiting
        listener.tcp_fastopen_no_cookie = client.tcp_fastopen_no_cookie = True
        client.sendto(b"data", MessageFlag.FASTOPEN, listener.getsockname())
        server, _ = listener.accept()
        with server:
            server.read_exact(4)

        assert bool(client.tcp_info.options & SYN_DATA) == taken


@pytest.mark.parametrize(("bits", "answer"), [(0, errno.EOPNOTSUPP), (2, errno.EOPNOTSUPP), (1, None)])
def test_sysctl_decides_on_fast_open_by_connect(ns: Namespace, bits: int, answer: int | None) -> None:
    ns.sysctl["net.ipv4.tcp_fastopen"] = bits

    assert refusal(Socket.tcp, Socket.tcp_fastopen_connect, True) == answer


def test_any_socket_but_a_listener_is_repaired() -> None:
    with Socket.tcp() as listener, Socket.tcp() as client, Socket.tcp() as connecting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        client.connect(listener.getsockname())
        connecting.setblocking(False)
        connecting.connect_ex(listener.getsockname())
        options = TcpRepairOpt(2, 1000)

        assert connecting.tcp_info.state == SYN_SENT
        assert refused(client, Socket.tcp_repair_options, (options,)) == errno.EINVAL
        assert [refused(sock, Socket.tcp_repair, 1) for sock in (client, connecting, listener)] == [
            *(None, None),
            errno.EPERM,
        ]


def probing(hosts: Peers, listener: Socket, count: int, timeout: int) -> Socket:
    """A connection that probes each second, from the next one on."""
    with hosts.left.entered():
        sock = Socket.tcp()
    sock.tcp_keepidle = sock.tcp_keepintvl = 1
    sock.tcp_keepcnt, sock.tcp_user_timeout = count, timeout
    sock.connect(listener.getsockname())
    sock.rcvtimeo = PATIENT
    return sock


def test_user_timeout_takes_the_place_of_the_count_of_probes() -> None:
    """Both ways: one that would go by the count stays, one that would stay goes, at the second probe."""
    with peers() as hosts:
        with hosts.right.entered():
            listener = Socket.tcp()
        with listener:
            listener.bind((hosts.right.address, 0))
            listener.listen()
            began = time.monotonic()
            socks = [probing(hosts, listener, *case) for case in ((1, 60_000), (127, 1), (1, 0))]
            hosts.right.namespace.add_route(f"{hosts.left.address}/32", type="blackhole")
            for sock in socks:
                sock.keepalive = True
            later, sooner, counted = socks
            with counted, sooner, later:
                with pytest.raises(TimeoutError):
                    sooner.recv(1)
                assert time.monotonic() - began > 1.5
                with pytest.raises(TimeoutError):
                    counted.recv(1)

                assert (later.error, later.tcp_info.state) == (0, ESTABLISHED)


def test_traffic_class_of_minus_one_is_zero() -> None:
    with Socket.udp(socket.AF_INET6) as sock:
        sock.ipv6_tclass = 0xFF
        before = sock.ipv6_tclass
        sock.ipv6_tclass = -1

        assert (before, sock.ipv6_tclass) == (0xFF, 0)


def test_time_in_fin_wait_2_has_an_end() -> None:
    with Socket.tcp() as sock:
        sock.tcp_linger2 = 120
        most = sock.tcp_linger2
        sock.tcp_linger2 = -5

        assert (most, sock.tcp_linger2) == (120, -1)


def test_send_ring_is_prepared_before_it_is_there() -> None:
    with Socket.packet() as sock:
        sock.packet_tx_ring = TpacketReq(PAGE, 1, PAGE, 1)
        answers = [refused(sock, option, True) for option in (Socket.packet_loss, Socket.packet_tx_has_off)]

        assert (answers, sock.packet_tx_has_off) == ([errno.EBUSY, None], False)
