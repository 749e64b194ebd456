"""Sockets between virtual machines: alone, with a name, in pairs over loopback; and the bytes of an address.

Nothing here asks for the host, nor for the hypervisor: a test may run in a guest whose host listens. Where
there is no loopback even VMADDR_CID_LOCAL is sent there: what calls connect(2) needs VSOCK_LOOPBACK.
"""

from __future__ import annotations

import fcntl
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from conformance.plugin.refusal import errno_name
from conformance.plugin.timing import SOON
from libsocket import Address, Other, Socket, Vsock
from libsocket.libc import getsockname

ANY: Final = 0xFFFF_FFFF
"""VMADDR_CID_ANY and VMADDR_PORT_ANY, which are the same number."""
LOCAL: Final = 1
"""VMADDR_CID_LOCAL."""
ELSEWHERE: Final = 0xFFFF_FFFE
"""A CID that no machine is given: the highest there is, below VMADDR_CID_ANY. Nothing connects to it."""
ANYWHERE: Final = Vsock(ANY, ANY)
"""Any CID and any port: the kernel chooses."""
TO_HOST: Final = 1
"""VMADDR_FLAG_TO_HOST."""

_GET_LOCAL_CID: Final = 0x07B9
_DEVICE: Final = "/dev/vsock"


def vsock(kind: int = socket.SOCK_STREAM, protocol: int = 0) -> Socket:
    """A socket of AF_VSOCK. It receives with a timeout, so that nothing waits for ever."""
    sock = Socket(socket.AF_VSOCK, kind, protocol)
    sock.rcvtimeo = SOON
    return sock


def of_device() -> int:
    """The CID that IOCTL_VM_SOCKETS_GET_LOCAL_CID of /dev/vsock gives. Raises: OSError."""
    with open(_DEVICE, "rb") as device:
        return int.from_bytes(fcntl.ioctl(device, _GET_LOCAL_CID, bytes(4)), sys.byteorder)


def address(  # noqa: PLR0917
    cid: int = ANY,
    port: int = ANY,
    reserved: int = 0,
    flags: int = 0,
    zero: bytes = bytes(3),
    family: int = socket.AF_VSOCK,
) -> Other:
    """A struct sockaddr_vm, field by field; svm_flags is the first byte of what was svm_zero."""
    fields = ((reserved, 2), (port, 4), (cid, 4), (flags, 1))
    return Other(family, b"".join(number.to_bytes(size, sys.byteorder) for number, size in fields) + zero)


def name_of(sock: Socket) -> Vsock:
    """The address of this end."""
    return _vsock(sock.local_address())


def peer_of(sock: Socket) -> Vsock:
    """The address of the other end. Raises: OSError."""
    return _vsock(sock.peer_address())


def port_of(sock: Socket) -> int:
    """The port that a socket is bound to; ANY where it is not bound."""
    return name_of(sock).port


def _vsock(name: Address | None) -> Vsock:
    assert isinstance(name, Vsock), f"{name!r} is no address of AF_VSOCK"
    return name


@contextmanager
def bound(cid: int = ANY, port: int = ANY, kind: int = socket.SOCK_STREAM) -> Iterator[Socket]:
    """A socket with a name; the kernel chooses the port, unless one is given."""
    with vsock(kind) as sock:
        sock.bind(Vsock(cid, port))
        yield sock


@contextmanager
def listening(cid: int = LOCAL, kind: int = socket.SOCK_STREAM) -> Iterator[Socket]:
    """A listener on a port that the kernel chooses, which only loopback reaches, or another CID."""
    with bound(cid, kind=kind) as listener:
        listener.listen()
        yield listener


@contextmanager
def connected(kind: int = socket.SOCK_STREAM) -> Iterator[tuple[Socket, Socket]]:
    """A client and the socket that was accepted for it, over loopback."""
    with listening(kind=kind) as listener, vsock(kind) as client:
        client.connect(Vsock(LOCAL, port_of(listener)))
        accepted = accepted_from(listener)
        with accepted:
            yield client, accepted


def accepted_from(listener: Socket) -> Socket:
    """The next connection. It receives with a timeout."""
    accepted, _ = listener.accept()
    accepted.rcvtimeo = SOON
    return accepted


def name_length(sock: Socket) -> int:
    """How many bytes getsockname(2) gives."""
    return len(getsockname(sock, 128))


def errno_of_bind(sock: socket.socket, name: tuple[str | int, int]) -> str | None:
    """The errno with which bind(2) is refused; None where it is not."""
    try:
        sock.bind(name)
    except OSError as error:
        return errno_name(error.errno)
    return None


def looked_at(sock: Socket, *, size: int = 9) -> str:
    """What recv(2) with MSG_PEEK gives, as text, or the errno with which it is refused, ENOMEM too."""
    try:
        return received(sock, socket.MSG_PEEK, size=size)
    except OSError as error:
        return errno_name(error.errno)


def received(sock: Socket, flags: int = 0, *, size: int = 9) -> str:
    """What recv(2) gives, as text."""
    return sock.recv(size, flags).decode()
