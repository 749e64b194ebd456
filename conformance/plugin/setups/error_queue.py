"""Errors that wait in a socket's error queue."""

from __future__ import annotations

from conformance.plugin.refusal import errno_name
from conformance.plugin.setups.readiness import await_error
from libsocket import ExtendedError, Inet, Origin, Socket


def next_error(sock: Socket) -> ExtendedError:
    """The next error that is queued, once there is one. What is no error differs."""
    await_error(sock)
    error = sock.recv_error()
    assert isinstance(error, ExtendedError), f"{error!r} is queued"
    return error


def told(error: ExtendedError) -> list[object]:
    """Errno, origin and what is told beside: the path MTU."""
    return [errno_name(error.errno), Origin(error.origin).name, error.info]


def icmp(error: ExtendedError) -> list[object]:
    """Errno, origin, and the type and code of the ICMP message."""
    return [errno_name(error.errno), Origin(error.origin).name, error.type, error.code]


def destination(error: ExtendedError) -> str:
    """The host to which the packet was sent that failed."""
    return _host(error.address)


def offender(error: ExtendedError) -> str:
    """The host that told of it."""
    return _host(error.offender)


def _host(address: object) -> str:
    assert isinstance(address, Inet), f"{address!r} is no IPv4 address"
    return address.host
