"""What connect(2), bind(2), listen(2) and shutdown(2) say to a TCP or UDP socket, whatever was done before.

Of TCP, a socket is new, listening, connecting, connected, or what is left when its peer has reset it. connect
is for the new: EISCONN for the others, or EALREADY while connecting. AF_UNSPEC makes it new again from any of
them, and so do a refusal, and shutdown while it listens or connects. bind is for who has no port and is not
connected; listen for the new, and for who listens.

UDP is connected at once, any number of times. A port is chosen before the address is looked at, so that a
failed connect leaves one.

A port that the kernel chose is given up when the socket becomes new; getsockname(2) tells TCP's all the same.
The address goes too, unless it was bound.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from conformance.models.settling import settled
from conformance.plugin.properties import Step
from conformance.plugin.setups.listeners import full_backlog, listening
from conformance.plugin.setups.socket_addresses import bind_to, connect_to, octets_of, own, peer
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import UNSPEC, Linger, Socket
from netns import Namespace

_FIRST, _SECOND, _FULL, _NOBODY, _UNREACHABLE, _OTHER_FAMILY, _SHORT = range(7)
TARGETS: Final = (_FIRST, _SHORT)
"""What a socket is connected to."""
FIT: Final = (_FIRST, _UNREACHABLE)
"""With an address of its family and length: SELinux looks at these before the socket does at its state."""
_CHOSEN, _BOUND, _NOWHERE = "chosen", 4321, 9
_SYN_SENT = 2
_UNFIT: Final = {
    _UNREACHABLE: "ENETUNREACH",
    _OTHER_FAMILY: "EAFNOSUPPORT",
    _SHORT: "EINVAL",
}
_HOSTS: Final = {"4": ("0.0.0.0", "127.0.0.1", "192.0.2.1"), "6": ("[::]", "[::1]", "[2001:db8::1]")}


@dataclass
class Model:
    """A socket as it should be."""

    kind: str
    state: str = "new"
    host: str = ""
    port: str = "0"
    has_port: bool = False
    host_bound: bool = False
    port_bound: bool = False
    peer: str = "-"

    def __post_init__(self) -> None:
        self.any, self.here, _ = _HOSTS["6" if self.kind.endswith("6") else "4"]
        self.host = self.any
        self.tcp = self.kind.startswith("tcp")

    def shown(self) -> list[str]:
        """Its own address and its peer's."""
        return [f"{self.host}:{self.port}", self.peer]

    def connect(self, target: int) -> str:
        return self._connect_tcp(target) if self.tcp else self._connect_udp(target)

    def _connect_tcp(self, target: int) -> str:
        if self.state != "new":
            return "EALREADY" if self.state == "connecting" else "EISCONN"
        if target in _UNFIT:
            return _UNFIT[target]
        self._take_address()
        self.state = "connecting"
        if target == _FULL:
            return "EINPROGRESS"
        if target == _NOBODY:
            self._renew()
            return "ECONNREFUSED"
        self.state, self.peer = "connected", str(target)
        return "0"

    def _connect_udp(self, target: int) -> str:
        self._take_port()
        if target in _UNFIT:
            return _UNFIT[target]
        self._take_address()
        self.state, self.peer = "connected", str(target)
        return "0"

    def _take_port(self) -> None:
        if not self.has_port:
            self.port, self.has_port = _CHOSEN, True

    def _take_address(self) -> None:
        self._take_port()
        if self.host == self.any:
            self.host = self.here

    def bind(self, value: int) -> str:
        if self.has_port or self.state not in {"new", "reset"}:
            return "EINVAL"
        self.host = self.any if value == 0 else self.here
        self.port = _CHOSEN if value == 1 else str(_BOUND)
        self.has_port = True
        self.host_bound |= value != 0
        self.port_bound |= value != 1
        return "0"

    def listen(self, _value: int) -> str:
        if not self.tcp:
            return "EOPNOTSUPP"
        if self.state not in {"new", "listening"}:
            return "EINVAL"
        self._take_port()
        self.state = "listening"
        return "0"

    def shutdown(self, how: int) -> str:
        if self.state in {"new", "reset"}:
            return "ENOTCONN"
        if self.state == "connecting" or (self.state == "listening" and how != socket.SHUT_WR):
            self._renew()
        return "0"

    def unspec(self, _value: int) -> str:
        self._renew()
        return "0"

    def peer_reset(self, _value: int) -> str:
        """Only TCP's peer can do that."""
        if self.tcp and self.state == "connected":
            self.state, self.peer = "reset", "-"
            self.has_port = self.port_bound
        return "0"

    def _renew(self) -> None:
        if not self.host_bound:
            self.host = self.any
        if not self.tcp and not self.port_bound:
            self.port, self.has_port = "0", False
        if self.tcp and self.state in {"listening", "connecting", "connected"}:
            self.has_port = self.port_bound
        self.state, self.peer = "new", "-"


def expected(kind: str, steps: Sequence[Step]) -> Iterator[list[str]]:
    """What each call should say, and the addresses then; of its peer the number of what was connected to."""
    model = Model(kind)
    for name, value in steps:
        said = getattr(model, name)(value)
        yield [said, *model.shown()]


def seen(kind: str, steps: Sequence[Step]) -> Iterator[list[str]]:
    """What a kernel says and shows after each step, up to the first that is otherwise.

    In a network of its own, where no connection lingers that had its port before.
    """
    with Namespace() as ns, ns.entered(), ExitStack() as stack:
        walk = _Walk(kind, stack)
        for (name, value), due in zip(steps, expected(kind, steps), strict=True):
            said = walk.said(name, value)
            shown = [said, *settled(walk.shown, due[1:])]
            yield shown
            if shown != due:
                return


class _Walk:
    """A socket, two listeners, and one that lets nobody in."""

    def __init__(self, kind: str, stack: ExitStack) -> None:
        self._any, here, beyond = _HOSTS["6" if kind.endswith("6") else "4"]
        self._here = here
        self._stack = stack
        host = here.strip("[]")
        self._listeners = [stack.enter_context(listening(host)) for _ in range(2)]
        full = stack.enter_context(listening(host, backlog=0))
        stack.enter_context(full_backlog(full))
        ports = [one.getsockname()[1] for one in (*self._listeners, full)]
        self._targets = [f"{here}:{port}" for port in (*ports, _NOWHERE)] + [f"{beyond}:{_NOWHERE}"]
        self._sock = stack.enter_context(SOCKETS[kind]())
        self._tcp = kind.startswith("tcp")
        self._accepted: list[Socket] = []

    def said(self, name: str, value: int) -> str:
        try:
            _CALLS[name](self, value)
        except OSError as error:
            return _NAMES.get(error.errno or 0, errno.errorcode[error.errno or 0])
        return "0"

    def shown(self) -> list[str]:
        found = self._sock.peer_address() if peer(self._sock) != "-" else None
        text = "-" if found is None else _of(found)
        return [own(self._sock), str(self._targets.index(text)) if text in self._targets else text]

    def connect(self, value: int) -> None:
        address = octets_of(self._targets[min(value, _UNREACHABLE) if value < _OTHER_FAMILY else _FIRST])
        if value == _OTHER_FAMILY:
            address = octets_of(self._targets[_FIRST], socket.AF_UNIX)
        if value == _SHORT:
            address = address[:15]
        self._sock.nonblocking = value == _FULL or (self._tcp and self._sock.tcp_info.state == _SYN_SENT)
        connect_to(self._sock, address)
        if self._tcp:
            self._accepted.append(self._stack.enter_context(self._listeners[value].accept()[0]))

    def bind(self, value: int) -> None:
        host = self._any if value == 0 else self._here
        bind_to(self._sock, octets_of(f"{host}:{0 if value == 1 else _BOUND}"))

    def listen(self, _value: int) -> None:
        self._sock.listen()

    def shutdown(self, how: int) -> None:
        self._sock.shutdown(how)

    def unspec(self, _value: int) -> None:
        self._sock.connect(UNSPEC)

    def peer_reset(self, _value: int) -> None:
        if self._accepted:
            self._accepted[-1].linger = Linger(True, 0)
            self._accepted.pop().close()


_NAMES: Final = {errno.EOPNOTSUPP: "EOPNOTSUPP"}
_CALLS: Final[dict[str, Callable[[_Walk, int], None]]] = {
    name: getattr(_Walk, name) for name in ("connect", "bind", "listen", "shutdown", "unspec", "peer_reset")
}


def _of(address: object) -> str:
    host, port = str(address[0]), address[1]  # type: ignore[index]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
