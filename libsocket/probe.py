"""Which options this kernel supports, socket kind by socket kind."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from libsocket.attributes import OPTIONS
from libsocket.codecs import FLAG
from libsocket.option import ENOTSUPP, UNSUPPORTED, Access, Option
from libsocket.socket import Socket

IPPROTO_MPTCP: Final = 262
# Linux has one number for EOPNOTSUPP and ENOTSUP; sockets, and their pages, say the first.
ERRNOS: Final[Mapping[int, str]] = MappingProxyType(
    {**errno.errorcode, errno.EOPNOTSUPP: "EOPNOTSUPP", ENOTSUPP: "ENOTSUPP"}
)
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


class Support(NamedTuple):
    """What came of reading and of writing an option: a value, ``ok``, or the error.

    None where its access does not include that.
    """

    get: Any
    set: OSError | str | None

    @property
    def supported(self) -> bool:
        """Whether the kernel has the option on this kind of socket: whether it sets it, if it can be set."""
        answer = self.get if self.set is None else self.set
        return not isinstance(answer, OSError) or answer.errno not in UNSUPPORTED


def probe(kind: str) -> dict[Option[Any], Support]:
    """Try every option on fresh sockets of a kind: read them all, then write back what each held.

    Flags are switched on instead, on a socket of their own, since some cannot be switched off. What cannot be
    read is written as zeros, which most options refuse without harm; the sockets are closed afterwards.
    OSError where the socket itself is refused.
    """
    with KINDS[kind]() as sock, KINDS[kind]() as switched:
        held = {one: one.try_read(sock) if Access.GET in one.access else None for one in OPTIONS}
        return {
            one: Support(value, _set(switched if one.codec is FLAG else sock, one, value))
            for one, value in held.items()
        }


def _set(sock: Socket, option: Option[Any], held: Any) -> OSError | str | None:
    return (option.try_write(sock, held) or "ok") if Access.SET in option.access else None


def shown(outcome: Any) -> Any:
    """An outcome in words: an error by its errno's name, what JSON has no form for as Python shows it."""
    if isinstance(outcome, OSError):
        return ERRNOS.get(outcome.errno or 0, str(outcome))
    return outcome if isinstance(outcome, bool | int | float | str | None) else repr(outcome)


def as_json(kind: str) -> dict[str, Any]:
    """The outcomes of one kind by option, or why there is no such socket, as JSON has it."""
    try:
        return {option.constant: _support_as_json(support) for option, support in probe(kind).items()}
    except OSError as error:
        return {"refused": shown(error)}


def _support_as_json(support: Support) -> dict[str, Any]:
    outcomes = {"get": _outcome_as_json(support.get), "set": _outcome_as_json(support.set)}
    return {"known": support.supported, **outcomes}


def _outcome_as_json(outcome: Any) -> Any:
    # A program must distinguish the error ENOENT from an option that holds the text "ENOENT".
    return {"refused": shown(outcome)} if isinstance(outcome, OSError) else shown(outcome)
