"""A socket's options agree with a model: what is set is read, and nothing else moves.

The couplings that the kernel does have are written down; any other is a failure.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import libsocket as ls
from libsocket import Option, Socket, diff
from netns import Namespace


def tcp_peeks() -> bool:
    """Whether TCP takes SO_PEEK_OFF, as it did not at first; asked below the library."""
    with socket.socket() as plain:
        try:
            plain.setsockopt(socket.SOL_SOCKET, 42, 0)
        except OSError as refusal:
            return refusal.errno != errno.EOPNOTSUPP
    return True


BOOLEAN = st.booleans()
SECONDS = st.sampled_from([0.0, 1.0, 2.0, 60.0])
PRIORITY_OF_TOS = {0: 0, 8: 2, 16: 6, 24: 4}
"""The rows of the kernel's table for the four classes of RFC 1349 that are tried."""

EVERYWHERE: dict[Option[Any], st.SearchStrategy[Any]] = {
    ls.SO_REUSEADDR: BOOLEAN,
    ls.SO_KEEPALIVE: BOOLEAN,
    ls.SO_DONTROUTE: BOOLEAN,
    ls.SO_BROADCAST: BOOLEAN,
    ls.SO_OOBINLINE: BOOLEAN,
    ls.SO_RXQ_OVFL: BOOLEAN,
    ls.SO_SELECT_ERR_QUEUE: BOOLEAN,
    ls.SO_NO_CHECK: BOOLEAN,
    ls.SO_MARK: st.integers(0, 2**32 - 1),
    ls.SO_PRIORITY: st.integers(0, 2**31 - 1),
    ls.SO_RCVTIMEO: SECONDS,
    ls.SO_SNDTIMEO: SECONDS,
    ls.SO_LINGER: st.builds(ls.Linger, st.just(True), st.integers(0, 1000)),
    ls.SO_PEEK_OFF: st.integers(0, 1000),
    ls.SO_INCOMING_CPU: st.integers(0, 1),
    ls.SO_TIMESTAMP: BOOLEAN,
    ls.SO_TIMESTAMPNS: BOOLEAN,
}
INET: dict[Option[Any], st.SearchStrategy[Any]] = {
    **EVERYWHERE,
    ls.IP_TOS: st.sampled_from(list(PRIORITY_OF_TOS)),
    ls.IP_TTL: st.integers(1, 255),
    ls.IP_MINTTL: st.integers(0, 255),
    ls.IP_RECVTTL: BOOLEAN,
    ls.IP_RECVERR: BOOLEAN,
    ls.IP_FREEBIND: BOOLEAN,
    ls.IP_TRANSPARENT: BOOLEAN,
    ls.IP_MTU_DISCOVER: st.integers(0, 5),
}
TCP: dict[Option[Any], st.SearchStrategy[Any]] = {
    **INET,
    ls.TCP_NODELAY: BOOLEAN,
    ls.TCP_CORK: BOOLEAN,
    ls.TCP_KEEPIDLE: st.integers(1, 32_767),
    ls.TCP_KEEPINTVL: st.integers(1, 32_767),
    ls.TCP_KEEPCNT: st.integers(1, 127),
    ls.TCP_SYNCNT: st.integers(1, 127),
    ls.TCP_USER_TIMEOUT: st.integers(0, 2**31 - 1),
    ls.TCP_NOTSENT_LOWAT: st.integers(0, 2**32 - 1),
    ls.TCP_INQ: BOOLEAN,
}
if not tcp_peeks():
    del TCP[ls.SO_PEEK_OFF]
UDP: dict[Option[Any], st.SearchStrategy[Any]] = {
    **INET,
    ls.UDP_CORK: BOOLEAN,
    ls.UDP_SEGMENT: st.integers(0, 65_535),
    ls.UDP_GRO: BOOLEAN,
    ls.IP_MULTICAST_TTL: st.integers(0, 255),
    ls.IP_MULTICAST_LOOP: BOOLEAN,
}
UNIX: dict[Option[Any], st.SearchStrategy[Any]] = {
    **EVERYWHERE,
    ls.SO_PASSCRED: BOOLEAN,
    ls.SO_PASSSEC: BOOLEAN,
}

STAMPS = {"SO_TIMESTAMP", "SO_TIMESTAMPNS", "SO_TIMESTAMP_NEW", "SO_TIMESTAMPNS_NEW"}
"""One switch with five positions: setting any of them, on or off, leaves no other on."""


def moved(option: Option[Any], value: Any) -> dict[str, Any]:
    """What else the kernel changes."""
    if option is ls.IP_TOS:
        return {"SO_PRIORITY": PRIORITY_OF_TOS[value]}
    if option.name in STAMPS:
        return dict.fromkeys(STAMPS - {option.name}, False)
    if option in (ls.SO_RCVTIMEO, ls.SO_SNDTIMEO):
        return {f"{option.name}_NEW": value}
    return {}


UNSTEADY = {"TCP_INFO", "TCP_TIMESTAMP", "SO_MEMINFO", "IP_PKTOPTIONS"}
"""These move by themselves, or are made from others."""


class Options(RuleBasedStateMachine):
    """Set one option after the other, and look at all of them each time."""

    make: Callable[[], Socket]
    choices: dict[Option[Any], st.SearchStrategy[Any]]

    @initialize()
    def begin(self) -> None:
        self.ns = Namespace()
        self.ns.__enter__()
        self.sock = self.make()
        self.model = dict(self.sock.options())

    @rule(data=st.data())
    def set_one(self, data: st.DataObject) -> None:
        option = data.draw(st.sampled_from(list(self.choices)))
        value = data.draw(self.choices[option])
        self.sock.set(option, value)
        self.model |= {option.name: value, **moved(option, value)}
        unforeseen = set(diff(self.model, self.sock.options())) - UNSTEADY

        assert unforeseen == set()

    def teardown(self) -> None:
        if hasattr(self, "sock"):
            self.sock.close()
            self.ns.__exit__(None, None, None)


class TcpOptions(Options):
    make = Socket.tcp
    choices = TCP


class UdpOptions(Options):
    make = Socket.udp
    choices = UDP


class UnixOptions(Options):
    make = Socket.unix
    choices = UNIX


@pytest.mark.parametrize("machine", [TcpOptions, UdpOptions, UnixOptions])
def test_options_agree_with_the_model(machine: type[Options]) -> None:
    case = machine.TestCase
    case.settings = settings(max_examples=10, stateful_step_count=20, deadline=None)
    case().runTest()
