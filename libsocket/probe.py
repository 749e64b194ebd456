"""Which options this kernel supports, socket kind by socket kind."""

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


class Support(NamedTuple):
    """What came of reading and of writing an option: a value, ``ok``, or the error.

    None where its access does not include that.
    """

    get: Any
    set: OSError | str | None

    @property
    def supported(self) -> bool:
        """Whether the kernel has the option on this kind of socket."""
        tried = [one for one in self if one is not None]
        return any(not isinstance(one, OSError) or one.errno not in UNSUPPORTED for one in tried)


def probe(kind: str) -> dict[Option[Any], Support]:
    """Try every option on one fresh socket of a kind: read them all, then write back what each held.

    What cannot be read is written as zeros, which most options refuse without harm; the socket is
    closed afterwards. OSError where the socket itself is refused.
    """
    with KINDS[kind]() as sock:
        held = {option: _get(sock, option) if Access.GET in option.access else None for option in OPTIONS}
        return {
            option: Support(value, _set(sock, option, value) if Access.SET in option.access else None)
            for option, value in held.items()
        }


def _get(sock: Socket, option: Option[Any]) -> Any:
    try:
        return option.read_from_zeros(sock) if option.takes_request else option.read(sock)
    except OSError as error:
        return error


def _set(sock: Socket, option: Option[Any], held: Any) -> OSError | str:
    try:
        if held is None or isinstance(held, OSError):
            option.write_zeros(sock)
        else:
            option.write(sock, held)
    except OSError as error:
        return error
    return "ok"


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
