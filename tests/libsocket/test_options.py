"""Every option on a real socket: set to what it was not, then read back."""

from __future__ import annotations

import errno
import os
import select
import socket
from pathlib import Path
from typing import Any

import pytest

import libsocket
from libsocket import (
    FLAG,
    INT,
    OPTIONS,
    SIZE,
    UNSIGNED,
    Level,
    Linger,
    MemInfo,
    Option,
    Socket,
    Timeval,
    Ucred,
)
from netns import Capability, Namespace, without
from tests.libsocket.kernel import old_enough
from tests.libsocket.settable import SETTABLE, Make

SIZES = [libsocket.SO_RCVBUF, libsocket.SO_SNDBUF]
FORCED = [
    (libsocket.SO_RCVBUFFORCE, libsocket.SO_RCVBUF, "rmem_max"),
    (libsocket.SO_SNDBUFFORCE, libsocket.SO_SNDBUF, "wmem_max"),
]
NUMBERS = [option for option in OPTIONS if option.codec in (INT, SIZE, FLAG, UNSIGNED)]


def named(value: object) -> str | None:
    return value.constant if isinstance(value, Option) else None


@pytest.mark.parametrize(("make", "option", "value"), SETTABLE, ids=named)
def test_attribute_reads_back_what_was_set(make: Make, option: Option[Any], value: object) -> None:
    with Namespace(), make() as sock, old_enough():
        before = getattr(sock, option.attribute)
        setattr(sock, option.attribute, value)

        assert (before != value, getattr(sock, option.attribute)) == (True, value)


@pytest.mark.parametrize(("make", "option", "value"), SETTABLE, ids=named)
def test_get_reads_back_what_was_given_to_set(make: Make, option: Option[Any], value: object) -> None:
    with Namespace(), make() as sock, old_enough():
        before = sock.get(option)
        sock.set(option, value)

        assert (before != value, sock.get(option)) == (True, value)


@pytest.mark.parametrize("option", SIZES, ids=named)
def test_buffer_size_reads_back_doubled(option: Option[int]) -> None:
    with Socket.udp() as sock:
        sock.set(option, 8192)

        assert sock.get(option) == 16_384


@pytest.mark.parametrize(("force", "option", "limit"), FORCED, ids=named)
def test_forced_size_goes_past_the_limit(force: Option[int], option: Option[int], limit: str) -> None:
    beyond = 2 * int(Path("/proc/sys/net/core", limit).read_text())
    with Socket.udp() as sock:
        setattr(sock, force.attribute, beyond)

        assert sock.get(option) == 2 * beyond


@pytest.mark.parametrize(("force", "option", "limit"), FORCED, ids=named)
def test_unforced_size_stops_at_the_limit(force: Option[int], option: Option[int], limit: str) -> None:
    most = int(Path("/proc/sys/net/core", limit).read_text())
    with Socket.udp() as sock:
        sock.set(option, 2 * most)

        assert sock.get(option) == 2 * most


def test_bsdcompat_is_taken_without_effect() -> None:
    with Socket.udp() as sock:
        sock.bsdcompat = True

        assert sock.bsdcompat is False


def test_congestion_control_can_be_chosen() -> None:
    with Namespace(), Socket.tcp() as sock:
        known = Path("/proc/sys/net/ipv4/tcp_available_congestion_control").read_text().split()
        other = next(name for name in known if name != sock.tcp_congestion)
        sock.tcp_congestion = other

        assert sock.tcp_congestion == other


def test_device_can_be_dropped() -> None:
    with Socket.udp() as sock:
        sock.bindtodevice = "lo"
        sock.bindtodevice = ""

        assert (sock.bindtodevice, sock.bindtoifindex) == ("", 0)


def test_flag_that_is_unset_reads_false() -> None:
    with Socket.tcp() as sock:
        sock.keepalive = True
        sock.keepalive = False

        assert sock.keepalive is False


def test_kind_of_socket_can_be_read() -> None:
    with Socket.udp(socket.AF_INET6) as sock:
        kind = (sock.domain, sock.so_type, sock.protocol)

        assert kind == (socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_UDP)


def test_standard_attributes_are_untouched() -> None:
    with Socket.tcp() as sock:
        kind = (sock.family, sock.type, sock.proto)

        assert kind == (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)


def test_listening_shows() -> None:
    with Socket.unix() as sock:
        sock.bind("")
        before = sock.acceptconn
        sock.listen()

        assert (before, sock.acceptconn) == (False, True)


def refused(sock: Socket) -> None:
    """Send to a port that nobody has, and wait for the refusal."""
    with Socket.udp() as closed:
        closed.bind(("127.0.0.1", 0))
        sock.connect(closed.getsockname())
    sock.send(b"into the void")
    [_] = select.select([sock], [], [], 60)[0]


def test_waiting_error_is_read_once() -> None:
    with Namespace(), Socket.udp() as sock:
        refused(sock)

        assert (sock.error, sock.error) == (errno.ECONNREFUSED, 0)


def test_snapshot_leaves_the_waiting_error() -> None:
    with Namespace(), Socket.udp() as sock:
        refused(sock)
        sock.options()

        assert sock.error == errno.ECONNREFUSED


def test_peer_of_a_unix_pair_is_this_process() -> None:
    left, right = Socket.pair()
    with left, right:
        assert left.peercred == Ucred(os.getpid(), os.geteuid(), os.getegid())


def test_tcp_has_no_peer_credentials() -> None:
    with Socket.tcp() as sock:
        assert sock.peercred == Ucred(0, -1, -1)


def test_sending_low_water_mark_is_one() -> None:
    with Socket.tcp() as sock:
        assert sock.sndlowat == 1


def test_cookies_distinguish_sockets() -> None:
    with Socket.tcp() as one, Socket.tcp() as other:
        assert (one.cookie != other.cookie, one.cookie == one.cookie) == (True, True)


def test_cookies_distinguish_namespaces() -> None:
    with Socket.tcp() as outside, Namespace(), Socket.tcp() as inside, old_enough():
        assert outside.netns_cookie != inside.netns_cookie


def test_memory_is_reported_by_name() -> None:
    with Socket.udp() as sock:
        memory = sock.meminfo

        assert (type(memory), memory.rcvbuf, memory.sndbuf) == (MemInfo, sock.rcvbuf, sock.sndbuf)


def test_tcp_info_follows_the_connection() -> None:
    with Namespace():
        left, right = Socket.tcp_pair()
        with left, right:
            left.write_all(b"four")
            right.read_exact(4)

            assert (left.tcp_info.state, left.tcp_info.bytes_sent, right.tcp_info.bytes_received) == (1, 4, 4)


def test_snapshot_holds_what_attributes_say() -> None:
    with Socket.tcp() as sock:
        sock.keepalive = True
        held = sock.options()

        assert (held["SO_KEEPALIVE"], held["SO_RCVBUF"], held["TCP_NODELAY"]) == (True, sock.rcvbuf, False)


@pytest.mark.parametrize(
    "make", [Socket.unix, Socket.netlink, Socket.packet], ids=["unix", "netlink", "packet"]
)
def test_snapshot_leaves_out_what_the_socket_lacks(make: Make) -> None:
    with make() as sock:
        held = sock.options()

        assert ("SO_RCVBUF" in held, "TCP_NODELAY" in held, "SO_RCVBUFFORCE" in held) == (True, False, False)


def test_snapshot_of_a_closed_socket_is_refused() -> None:
    sock = Socket.tcp()
    sock.close()

    with pytest.raises(OSError, match="Bad file descriptor"):
        sock.options()


def test_option_can_be_read_through_another_codec() -> None:
    with Socket.udp() as sock:
        sock.rcvtimeo = 2.0

        assert sock.get(libsocket.SO_RCVTIMEO.through(libsocket.TIMEVAL)) == Timeval(2, 0)


def test_value_out_of_range_can_be_sent_to_the_kernel() -> None:
    exact = libsocket.SO_RCVTIMEO.through(libsocket.TIMEVAL)
    with Socket.udp() as sock, pytest.raises(OSError, match="out of domain"):
        sock.set(exact, Timeval(0, 1_000_000))


def test_negative_linger_can_be_sent_to_the_kernel() -> None:
    with Socket.tcp() as sock:
        sock.linger = Linger(True, -1)

        assert sock.linger.onoff is True


@pytest.mark.parametrize("option", OPTIONS, ids=named)
def test_attribute_is_the_option_under_its_own_name(option: Option[Any]) -> None:
    assert getattr(Socket, option.attribute) is option is getattr(libsocket, option.constant)


@pytest.mark.parametrize("option", NUMBERS, ids=named)
def test_number_is_four_bytes(option: Option[Any]) -> None:
    assert option.codec.size == 4


def test_probe_knows_tcp_options_on_tcp_alone() -> None:
    with Socket.tcp() as stream, Socket.udp() as datagram:
        known = (libsocket.TCP_CORK.supported(stream), libsocket.TCP_CORK.supported(datagram))

        assert known == (True, False)


def test_probe_knows_an_option_that_can_only_be_set() -> None:
    with Socket.tcp() as sock:
        assert libsocket.SO_RCVBUFFORCE.supported(sock)


def test_probe_knows_an_option_without_its_capability() -> None:
    with Socket.tcp() as sock, without(Capability.NET_ADMIN):
        assert libsocket.SO_RCVBUFFORCE.supported(sock)


def test_probe_denies_an_option_that_no_kernel_has() -> None:
    unknown = Option("SO_UNKNOWN", Level.SOL_SOCKET, 12_345, libsocket.INT, since="99.0", doc="None.")
    with Socket.tcp() as sock:
        assert not unknown.supported(sock)
