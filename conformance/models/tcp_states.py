"""What poll(2), TCP_INFO and SO_ERROR show of both ends of a TCP connection, whatever they do.

Each end is open, shut down in one direction or both, or reset. The state follows from who has sent FIN: the
one who did is in FIN_WAIT2 and the other in CLOSE_WAIT, and once both did both are closed. Shutting down
receiving is not sent: it is seen by poll at this end alone, unless both directions are shut down there,
and something comes: that resets the connection. poll says

- IN where bytes wait or nothing more can come, RDHUP where nothing more can come;
- OUT always, since nothing here fills a buffer: where sending is shut down a send fails at once;
- HUP where nothing moves in either direction: both are shut down, or the state is CLOSE;
- ERR until the error of a reset is read: ECONNRESET, or EPIPE for who had heard FIN before, where a receive
  returns 0 and leaves it.
"""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from termios import FIONREAD
from typing import Final, NamedTuple

from conformance.models.settling import settled
from conformance.plugin.properties import Step
from conformance.plugin.setups.ioctls import asked
from libsocket import Linger, Socket

_ESTABLISHED, _FIN_WAIT2, _CLOSE, _CLOSE_WAIT = 1, 5, 7, 8
_EVENTS: Final = {
    "IN": select.POLLIN,
    "OUT": select.POLLOUT,
    "RDHUP": select.POLLRDHUP,
    "HUP": select.POLLHUP,
    "ERR": select.POLLERR,
    "PRI": select.POLLPRI,
}


class Shown(NamedTuple):
    """What is seen of one end."""

    state: int
    events: str
    waiting: int


@dataclass
class End:
    """One end as it should be."""

    waiting: int = 0
    shut: set[str] = field(default_factory=set)
    """Of ``rd`` and ``wr``, by this end, by the peer's FIN or by a reset."""
    sent_fin: bool = False
    heard_fin: bool = False
    error: int = 0
    gone: bool = False
    """Whether this end has reset the connection and is no more."""
    was_reset: bool = False

    @property
    def state(self) -> int:
        if self.was_reset or (self.sent_fin and self.heard_fin):
            return _CLOSE
        if self.sent_fin:
            return _FIN_WAIT2
        return _CLOSE_WAIT if self.heard_fin else _ESTABLISHED

    def shown(self) -> Shown | None:
        if self.gone:
            return None
        events = {
            "IN": bool(self.waiting) or "rd" in self.shut,
            "OUT": True,
            "RDHUP": "rd" in self.shut,
            "HUP": self.shut == {"rd", "wr"} or self.state == _CLOSE,
            "ERR": bool(self.error),
        }
        return Shown(self.state, " ".join(name for name, is_so in events.items() if is_so), self.waiting)

    def act(self, peer: End, name: str, value: int) -> str:
        """Do one step at this end; what the call should say."""
        if self.gone:
            return ""
        if name == "send":
            return self._send(peer, value)
        if name == "recv":
            return self._receive(value)
        if name == "so_error":
            error, self.error = self.error, 0
            return str(error)
        if name == "reset":
            return self._reset(peer)
        return self._shut(peer, name)

    def _send(self, peer: End, value: int) -> str:
        if self.error:
            error, self.error = self.error, 0
            return errno.errorcode[error]
        if "wr" in self.shut:
            return "EPIPE"
        if peer.shut == {"rd", "wr"}:
            peer._break()
            self._break()
        else:
            peer.waiting += value
        return str(value)

    def _receive(self, value: int) -> str:
        if self.waiting:
            taken = min(value, self.waiting)
            self.waiting -= taken
            return str(taken)
        if self.heard_fin:
            return "0"
        if self.error:
            error, self.error = self.error, 0
            return errno.errorcode[error]
        return "0" if "rd" in self.shut or self.was_reset else "EAGAIN"

    def _reset(self, peer: End) -> str:
        self.gone = True
        if self.state != _CLOSE and not peer.gone:
            peer._break()
        return ""

    def _break(self) -> None:
        """Hear a reset."""
        self.error = errno.EPIPE if self.state == _CLOSE_WAIT else errno.ECONNRESET
        self.was_reset, self.shut = True, {"rd", "wr"}

    def _shut(self, peer: End, name: str) -> str:
        if self.state == _CLOSE:
            return "ENOTCONN"
        if name != "shut_wr":
            self.shut.add("rd")
        if name != "shut_rd" and not self.sent_fin:
            self.sent_fin = True
            self.shut.add("wr")
            peer.heard_fin = True
            peer.shut.add("rd")
            if self.state == _CLOSE:
                self.shut = peer.shut = {"rd", "wr"}
        return "0"


def expected(steps: Sequence[Step]) -> Iterator[list[object]]:
    """What each call should say, and what both ends should show then, from a fresh connection on."""
    ends = [End(), End()]
    for name, value in steps:
        which = value % 2
        said = ends[which].act(ends[1 - which], name, value)
        yield [said, *(end.shown() for end in ends)]


def seen(ends: Sequence[Socket], steps: Sequence[Step]) -> Iterator[list[object]]:
    """What a kernel says and shows after each step, up to the first that is otherwise."""
    for (name, value), due in zip(steps, expected(steps), strict=True):
        said = _act(ends[value % 2], name, value)
        shown: list[object] = [said, *settled(lambda: [_shown(end) for end in ends], due[1:])]
        yield shown
        if shown != due:
            return


def _act(end: Socket, name: str, value: int) -> str:
    """Do a step; what the call says: bytes, an error, nothing where this end is no more."""
    if end.fileno() == -1:
        return ""
    try:
        return str(_CALLS[name](end, value))
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def _reset(end: Socket, _value: int) -> str:
    end.linger = Linger(True, 0)
    end.close()
    return ""


def _shut(how: int) -> Callable[[Socket, int], object]:
    def shut(end: Socket, _value: int) -> int:
        end.shutdown(how)
        return 0

    return shut


_CALLS: Final[dict[str, Callable[[Socket, int], object]]] = {
    "send": lambda end, value: end.send(bytes(value), socket.MSG_NOSIGNAL),
    "recv": lambda end, value: len(end.recv(value, socket.MSG_DONTWAIT)),
    "so_error": lambda end, _value: end.error,
    "reset": _reset,
    "shut_rd": _shut(socket.SHUT_RD),
    "shut_wr": _shut(socket.SHUT_WR),
    "shut_both": _shut(socket.SHUT_RDWR),
}


def _shown(end: Socket) -> Shown | None:
    if end.fileno() == -1:
        return None
    poll = select.poll()
    poll.register(end, sum(_EVENTS.values()))
    found = next((events for _, events in poll.poll(0)), 0)
    events = " ".join(name for name, event in _EVENTS.items() if found & event)
    return Shown(end.tcp_info.state, events, asked(end, FIONREAD))
