"""What this kernel answers about every option, socket kind by socket kind."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from libsocket.attributes import OPTIONS
from libsocket.option import UNSUPPORTED, Access, Option
from libsocket.socket import Socket

IPPROTO_MPTCP: Final = 262
# Linux has one number for EOPNOTSUPP and ENOTSUP; sockets, and their pages, say the first.
ERRNOS: Final[Mapping[int, str]] = MappingProxyType({**errno.errorcode, errno.EOPNOTSUPP: "EOPNOTSUPP"})
KINDS: Final[Mapping[str, Callable[[], Socket]]] = MappingProxyType(
    {
        "tcp": Socket.tcp,
        "tcp6": lambda: Socket.tcp(socket.AF_INET6),
        "mptcp": lambda: Socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP),
        "udp": Socket.udp,
        "udp6": lambda: Socket.udp(socket.AF_INET6),
        "raw": lambda: Socket.raw(socket.IPPROTO_UDP),
        "raw6": lambda: Socket.raw(socket.IPPROTO_UDP, socket.AF_INET6),
        "icmp": lambda: Socket.raw(socket.IPPROTO_ICMP),
        "icmp6": lambda: Socket.raw(socket.IPPROTO_ICMPV6, socket.AF_INET6),
        "unix": Socket.unix,
        "unix-datagram": lambda: Socket.unix(socket.SOCK_DGRAM),
        "netlink": Socket.netlink,
        "packet": Socket.packet,
        "vsock": lambda: Socket(socket.AF_VSOCK, socket.SOCK_STREAM),
    }
)
"""How to make a socket of each kind; none is bound or connected."""


class Answer(NamedTuple):
    """What the kernel said to reading and to writing an option; None where that is not its access."""

    got: Any
    put: OSError | str | None

    @property
    def known(self) -> bool:
        """Whether the kernel has the option on this kind of socket."""
        said = [one.errno for one in (self.got, self.put) if isinstance(one, OSError)]
        asked = [one for one in (self.got, self.put) if one is not None]
        return len(said) < len(asked) or any(code not in UNSUPPORTED for code in said)


def probe(kind: str) -> dict[Option[Any], Answer]:
    """Try every option on one fresh socket of a kind: read them all, then write back what each held.

    What cannot be read is written as zeros, which most options refuse without harm; the socket is
    closed afterwards. OSError where the socket itself is refused.
    """
    with KINDS[kind]() as sock:
        held = {option: _got(sock, option) if Access.GET in option.access else None for option in OPTIONS}
        return {
            option: Answer(got, _put(sock, option, got) if Access.SET in option.access else None)
            for option, got in held.items()
        }


def _got(sock: Socket, option: Option[Any]) -> Any:
    try:
        return option.read_from_zeros(sock) if option.takes_request else option.read(sock)
    except OSError as refusal:
        return refusal


def _put(sock: Socket, option: Option[Any], got: Any) -> OSError | str:
    try:
        if got is None or isinstance(got, OSError):
            option.write_zeros(sock)
        else:
            option.write(sock, got)
    except OSError as refusal:
        return refusal
    return "ok"


def said(answer: Any) -> Any:
    """An answer in words: a refusal by its errno's name, what is no number as Python shows it."""
    if isinstance(answer, OSError):
        return ERRNOS.get(answer.errno or 0, str(answer))
    return answer if isinstance(answer, bool | int | float | str | None) else repr(answer)


def told(kind: str) -> dict[str, Any]:
    """The answers of one kind by option, or why there is no such socket, as JSON has it."""
    try:
        return {option.constant: _told(answer) for option, answer in probe(kind).items()}
    except OSError as refusal:
        return {"refused": said(refusal)}


def _told(answer: Answer) -> dict[str, Any]:
    return {"known": answer.known, "get": _said(answer.got), "set": _said(answer.put)}


def _said(answer: Any) -> Any:
    # A program must tell the refusal ENOENT from an option that holds the text "ENOENT".
    return {"refused": said(answer)} if isinstance(answer, OSError) else said(answer)
