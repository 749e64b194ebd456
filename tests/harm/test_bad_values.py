"""Every option with every kind of value that it may be given by mistake, on both twins."""

from __future__ import annotations

import itertools
import os
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import libsocket as ls
from libsocket import OPTIONS, Level, Option, Socket, sockopt
from libsocket.attributes import Attributes
from libsocket.compiled import COMPILED
from libsocket.layouts.socket import FPROG
from libsocket.refusals import ENCODING_ERRORS
from netns import Namespace
from tests.libsocket.kernel import mptcp
from tests.libsocket.settable import SETTABLE, Make, udp6, vsock

STRUCTURES: tuple[Any, ...] = (
    ls.Linger(True, 1),
    ls.Ucred(1, 2, 3),
    ls.Timeval(1, 2),
    ls.MemInfo(*range(9)),
    ls.Timestamping(ls.TimestampingFlag.SOFTWARE),
    ls.SockTxTime(1),
    ls.DmabufToken(1, 2),
    ls.IpMreqn("224.0.0.1"),
    ls.IpMreqSource("224.0.0.1", "127.0.0.1", "127.0.0.1"),
    ls.IpMsfilter("224.0.0.1"),
    ls.Ipv6Mreq("ff02::1"),
    ls.GroupReq("224.0.0.1"),
    ls.GroupSourceReq("224.0.0.1", "127.0.0.1"),
    ls.GroupFilter("224.0.0.1"),
    ls.InPktinfo(),
    ls.In6Pktinfo(),
    ls.Ip6Mtuinfo("::1", 1280),
    ls.In6FlowlabelReq("::1"),
    ls.PortRange(1, 2),
    ls.PacketMreq(1, ls.PacketMembership.PROMISC),
    ls.TpacketStats(1, 2),
    ls.TpacketRolloverStats(1, 2, 3),
    ls.TpacketReq(4096, 1, 2048, 2),
    ls.TpacketReq3(4096, 1, 2048, 2, retire_blk_tov=7),
    ls.FanoutArgs(1, ls.FanoutMode.LB),
    ls.TcpMd5sig("127.0.0.1", b"key"),
    ls.TcpRepairOpt(2, 1000),
    ls.TcpRepairWindow(1, 2, 3, 4, 5),
    ls.TcpZerocopyReceive(),
    ls.TcpAoAdd("127.0.0.1", 32, b"key", 1, 1),
    ls.TcpAoDel("127.0.0.1", 32, 1, 1),
    ls.TcpAoInfo(),
    ls.TcpAoKeys(),
    ls.TcpAoRepair(1, 2, 3, 4),
    ls.TlsCryptoInfo(ls.TlsVersion.TLS_1_2, ls.TlsCipher.AES_GCM_128),
    ls.TcpInfo(bytes(8)),
)
"""One value of every class that an option holds."""
SPOILT: tuple[Any, ...] = (
    ls.Linger(None, "x"),  # type: ignore[arg-type]
    ls.Ucred(1, 2**32 + 5, 0),
    ls.IpMreqn(None),  # type: ignore[arg-type]
    ls.IpMreqn("\ud800"),
    ls.IpMsfilter("224.0.0.1", include=1.5),  # type: ignore[arg-type]
    ls.GroupReq(b"224.0.0.1", 2**40),  # type: ignore[arg-type]
    ls.PortRange(70_000, 1),
    ls.FanoutArgs(70_000, ls.FanoutMode.LB),
    ls.PacketMreq(1, ls.PacketMembership.PROMISC, "x"),  # type: ignore[arg-type]
    ls.TcpAoAdd("127.0.0.1", 32, b"key", 1, 1, b"x"),  # type: ignore[arg-type]
    ls.TlsCryptoInfo(1, 2),  # type: ignore[arg-type]
)
"""Values of the right class with fields that are not."""
PLAIN: tuple[Any, ...] = (
    *(None, True, object(), object, ..., 1.5, float("nan"), float("inf"), 1j, Decimal(1)),
    *(-1, -(2**31) - 1, 2**31, 2**32, 2**40, 2**64, 10**5000),
    *(b"", b"x", bytes(4), bytearray(b"ab"), memoryview(b"ab"), bytes(100_000)),
    *("", "x", "\0", "\ud800", "x" * 100_000),
    *((), (1, 2), (1, 2, 3), ("x",), [], [1, 2], [None], {}, {1}, range(10**12), itertools.count()),
)
VALUES = (*STRUCTURES, *SPOILT, *PLAIN)

BY_LEVEL: dict[Level, Make] = {
    Level.SOL_SOCKET: Socket.udp,
    Level.IPPROTO_IP: Socket.udp,
    Level.IPPROTO_IPV6: udp6,
    Level.IPPROTO_TCP: Socket.tcp,
    Level.IPPROTO_UDP: Socket.udp,
    Level.SOL_NETLINK: Socket.netlink,
    Level.SOL_PACKET: Socket.packet,
    Level.SOL_TLS: Socket.tcp,
    Level.AF_VSOCK: vsock,
    Level.SOL_MPTCP: mptcp,
}
MAKE: dict[str, Make] = {option.constant: make for make, option, _ in SETTABLE}
"""The kind of socket that an option is for, where its level does not tell."""

BOUND = 4_000_000
"""Bytes that a refusal may take: some of what the largest value has, and nothing that the value says."""


def named(option: Option[Any]) -> str:
    return option.constant


def socket_for(option: Option[Any]) -> Socket:
    return MAKE.get(option.constant, BY_LEVEL.get(option.level, Socket.udp))()


def outcome(call: Callable[..., object], *args: object) -> str:
    """What came of a call; an exception of any other class is no refusal."""
    try:
        call(*args)
    except (TypeError, ValueError, OverflowError, OSError) as refusal:
        return f"{type(refusal).__name__}: {refusal}"
    return "taken"


HINTS = get_type_hints(Attributes)
SIMPLE = {"bool", "int", "float", "bytes", "str"}
LENIENT: dict[Any, Any] = {float: int | float, bytes: bytes | bytearray | memoryview}
"""What else a type takes, for it becomes that type without loss."""


def taken_by(option: Option[Any]) -> Any:
    """The classes of an option's values."""
    [kind] = get_args(HINTS[option.attribute])
    if get_origin(kind) is tuple:
        return tuple | list
    number = isinstance(kind, type) and issubclass(kind, int)
    return int if number else LENIENT.get(kind, kind)


def wrong(option: Option[Any], value: object, said: str) -> bool:
    """Whether a value of another class is no TypeError, or a refusal does not name its option."""
    taken = taken_by(option)
    fields = type(value) is tuple and hasattr(taken, "_make")
    if not (isinstance(value, taken) or fields):
        return not said.startswith(f"TypeError: {option.name} ")
    return said.startswith(("TypeError", "ValueError", "OverflowError")) and option.name not in said


def wrongs(option: Option[Any], call: Callable[[Any], object]) -> list[tuple[Any, str]]:
    """Give a call every value; what it did not answer as it should."""
    said = [(value, outcome(call, value)) for value in VALUES]
    return [one for one in said if wrong(option, *one)]


def test_every_structure_has_a_value() -> None:
    named = {kind for option in OPTIONS for kind in get_args(taken_by(option)) or [taken_by(option)]}
    plain = {int, bool, float, bytes, bytearray, memoryview, str, tuple, list, ls.Fd}

    assert named - plain - set(map(type, STRUCTURES)) == {ls.MptcpInfo}


@pytest.mark.parametrize("option", OPTIONS, ids=named)
def test_value_of_another_class_is_a_type_error_that_costs_nothing(option: Option[Any]) -> None:
    with Namespace(), socket_for(option) as sock:
        before = os.listdir("/proc/self/fd")
        tracemalloc.start()
        answers = wrongs(option, lambda value: sock.set(option, value))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert (answers, os.listdir("/proc/self/fd"), peak < BOUND) == ([], before, True)


@pytest.mark.parametrize("option", [one for one in OPTIONS if one.takes_request], ids=named)
def test_request_of_another_class_is_a_type_error(option: Option[Any]) -> None:
    with Namespace(), socket_for(option) as sock:
        assert wrongs(option, lambda value: sock.get(option, request=value)) == []


def encoded(option: Option[Any]) -> Iterator[tuple[Any, bytes]]:
    for value in VALUES:
        with suppress(*ENCODING_ERRORS):
            yield value, option.codec.encode(value)


@pytest.mark.parametrize(
    "option", [one for one in OPTIONS if str(one.codec) in SIMPLE and one.codec != FPROG], ids=named
)
def test_nothing_is_lost_of_what_is_taken(option: Option[Any]) -> None:
    kind = bool if str(option.codec) == "bool" else lambda value: value

    assert [
        (value, data) for value, data in encoded(option) if option.codec.decode(data) != kind(value)
    ] == []


@pytest.mark.skipif(not COMPILED, reason="the plain calls are alone here")
@pytest.mark.parametrize("option", OPTIONS, ids=named)
def test_twins_refuse_alike(option: Option[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockopt, "COMPILED", False)
    plain = option._writer()
    with Namespace(), socket_for(option) as left, socket_for(option) as right:
        compiled = [outcome(option.write, left, value) for value in VALUES]

        assert [outcome(plain, right, value) for value in VALUES] == compiled


@pytest.mark.skipif(not COMPILED, reason="the plain calls are alone here")
@pytest.mark.parametrize("option", [ls.SO_INCOMING_CPU, ls.SO_PRIORITY, ls.SO_MARK, ls.SO_KEEPALIVE])
def test_twins_read_alike_on_vsock(option: Option[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockopt, "COMPILED", False)
    plain = option._reader()
    with Namespace(), vsock() as sock:
        sock.set(option, True)
        outcome(option.write, sock, -1)

        assert plain(sock) == option.read(sock)
