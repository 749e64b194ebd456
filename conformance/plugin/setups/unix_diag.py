"""What sock_diag(7) tells of UNIX sockets: requests made byte by byte, and each field of the answers."""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from conformance.plugin.setups.netlink import (
    DUMP,
    NETLINK_SOCK_DIAG,
    NLMSG_ERROR,
    REQUEST,
    asked,
    dumped,
    framed,
    netlink_socket,
    parsed,
)
from libsocket import Socket
from netns.netlink import Message, attributes

SOCK_DIAG_BY_FAMILY: Final = 20
"""The type of requests and of what answers them."""
SHOW_NAME, SHOW_VFS, SHOW_PEER, SHOW_ICONS, SHOW_RQLEN, SHOW_MEMINFO, SHOW_UID = (1 << at for at in range(7))
"""What can be asked for, ``UDIAG_SHOW_NAME`` and so on."""
ALL_BUT_UID: Final = 0x3F
"""To ask for one socket's user too ends Linux before 6.1, and stable kernels of that time, in a panic."""
NAME, VFS, PEER, ICONS, RQLEN, MEMINFO, SHUTDOWN, UID = range(8)
"""The attributes, ``UNIX_DIAG_NAME`` and so on."""
ESTABLISHED, CLOSE, LISTEN = 1, 7, 10
"""The states, ``TCP_ESTABLISHED`` and so on."""
EVERY_STATE: Final = 0xFFFF_FFFF
ANY_COOKIE: Final = (0xFFFF_FFFF, 0xFFFF_FFFF)
RMEM_ALLOC, RCVBUF, WMEM_ALLOC, SNDBUF, FWD_ALLOC, WMEM_QUEUED, OPTMEM, BACKLOG = range(8)
"""The places of what UNIX_DIAG_MEMINFO tells, ``SK_MEMINFO_RMEM_ALLOC`` and so on."""

ASKER_MAY_STAY: Final = {"no-op: close() = 0": "the netlink socket that has asked may stay open"}
"""For the claims that ask, have something done, and ask again."""

_REQUEST = struct.Struct("=BBHIIIII")
_MESSAGE = struct.Struct("=BBBBIII")
_MINOR_BITS: Final = 20
"""Of a device number in the kernel."""


@dataclass(frozen=True)
class Told:
    """One struct unix_diag_msg, and the attributes behind it by their numbers."""

    family: int
    type: int
    state: int
    pad: int
    inode: int
    cookie: tuple[int, int]
    attributes: dict[int, bytes]

    def words(self, kind: int) -> list[int]:
        """The numbers of 32 bits that an attribute has; none where it is not there."""
        found = self.attributes.get(kind, b"")
        return [int.from_bytes(found[at : at + 4], sys.byteorder) for at in range(0, len(found), 4)]

    @property
    def name(self) -> str:
        """Every byte of UNIX_DIAG_NAME; empty where it is not there."""
        return self.attributes.get(NAME, b"").decode("latin-1")

    @property
    def shutdown(self) -> int:
        """The one byte of UNIX_DIAG_SHUTDOWN."""
        (bits,) = self.attributes[SHUTDOWN]
        return bits


def inode_of(sock: Socket) -> int:
    """The inode number of a socket."""
    return os.fstat(sock.fileno()).st_ino


def request(
    flags: int = REQUEST,
    *,
    states: int = EVERY_STATE,
    inode: int = 0,
    show: int = 0,
    cookie: tuple[int, int] = ANY_COOKIE,
    family: int = int(socket.AF_UNIX),
    protocol: int = 0,
    pad: int = 0,
    length: int = _REQUEST.size,
) -> bytes:
    """A request with every field of struct unix_diag_req as it is given, and so many bytes of it."""
    body = _REQUEST.pack(family, protocol, pad, states, inode, show, *cookie)
    return framed(SOCK_DIAG_BY_FAMILY, flags, body[:length])


def answers(wanted: bytes) -> list[Message]:
    """The messages of the datagram that first answers a request. Raises: OSError where it is refused."""
    with netlink_socket(NETLINK_SOCK_DIAG) as sock:
        return _unless_refused(asked(sock, wanted))


def told_of(
    sock: Socket, show: int = 0, *, cookie: tuple[int, int] = ANY_COOKIE, states: int = EVERY_STATE
) -> Told:
    """What an exact query by its inode tells of a socket. Raises: OSError where it is refused."""
    return exact(inode_of(sock), show, cookie=cookie, states=states)


def exact(
    inode: int, show: int = 0, *, cookie: tuple[int, int] = ANY_COOKIE, states: int = EVERY_STATE
) -> Told:
    """What is told of the socket with an inode number. Raises: OSError where it is refused."""
    (one,) = answers(request(show=show, inode=inode, cookie=cookie, states=states))
    return told(one)


def listed(
    show: int = 0,
    *,
    states: int = EVERY_STATE,
    inode: int = 0,
    cookie: tuple[int, int] = ANY_COOKIE,
    family: int = int(socket.AF_UNIX),
) -> list[Told]:
    """All UNIX sockets of this network namespace that a dump lists. Raises: OSError where it is refused."""
    wanted = request(REQUEST | DUMP, states=states, inode=inode, show=show, cookie=cookie, family=family)
    with netlink_socket(NETLINK_SOCK_DIAG) as sock:
        *rows, _ = _unless_refused(dumped(sock, wanted))
    return [told(one) for one in rows]


def which(found: list[Told], **sockets: Socket) -> list[str]:
    """Sockets by the names that they are given here, in the order of the alphabet; ``?`` for another."""
    names = {inode_of(sock): name for name, sock in sockets.items()}
    return sorted(names.get(one.inode, "?") for one in found)


def told(message: Message) -> Told:
    """One struct unix_diag_msg. Raises: struct.error where it is too short."""
    family, type, state, pad, inode, *cookie = _MESSAGE.unpack_from(message.body)
    rest = dict(attributes(message.body[_MESSAGE.size :]))
    return Told(family, type, state, pad, inode, (cookie[0], cookie[1]), rest)


def memory_of(sock: Socket) -> list[int]:
    """The numbers of UNIX_DIAG_MEMINFO."""
    return told_of(sock, SHOW_MEMINFO).words(MEMINFO)


def kernel_device(status: os.stat_result) -> int:
    """The number of a file's device as the kernel has it, which is not how stat(2) tells it."""
    return os.major(status.st_dev) << _MINOR_BITS | os.minor(status.st_dev)


def pending_connections(listener: Socket, count: int) -> None:
    """Have so many more connections wait to be accepted, whose other ends are closed."""
    for _ in range(count):
        with Socket(listener.family, listener.type) as client:
            client.connect(listener.getsockname())


@contextmanager
def unix_sockets(count: int) -> Iterator[list[Socket]]:
    """So many UNIX stream sockets."""
    with ExitStack() as stack:
        yield [stack.enter_context(Socket.unix()) for _ in range(count)]


def _unless_refused(messages: list[Message]) -> list[Message]:
    if messages[0].type == NLMSG_ERROR and (error := parsed(messages[0]).error):
        raise OSError(-error, os.strerror(-error))
    return messages
