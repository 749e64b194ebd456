"""SO_DEVMEM_DONTNEED: device memory that was received is given back."""

from __future__ import annotations

import errno
import socket
from functools import partial

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import DEVICE_MEMORY
from conformance.plugin.refusal import refused
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import SOON
from libsocket import SO_DEVMEM_DONTNEED, DmabufToken, Socket

SINCE, COMMIT = "6.12", "678f6e28b5f6"
TOKEN = (DmabufToken(0, 1),)


@claim(
    "defacto/SO_DEVMEM_DONTNEED/tcp-only",
    says="Setting SO_DEVMEM_DONTNEED of a UDP, raw, UNIX or netlink socket is refused with EBADF; that of a "
    "TCP socket can be set, and not read: ENOPROTOOPT.",
    since=SINCE,
    commit=COMMIT,
    needs=[DEVICE_MEMORY],
    survives={"no-op: setsockopt(*": "a socket that received no device memory has none to give back"},
)
@pytest.mark.parametrize("kind", ["udp", "udp6", "raw", "unix", "unix-datagram", "netlink"])
def test_only_tcp_sockets_have_it(ns, observe, kind):
    with SOCKETS[kind]() as sock, Socket.tcp() as stream:
        with refused(errno.EBADF):
            sock.devmem_dontneed = TOKEN
        stream.devmem_dontneed = TOKEN
        with refused(errno.ENOPROTOOPT, "errno_of_read"):
            stream.get(SO_DEVMEM_DONTNEED)


@claim(
    "defacto/SO_DEVMEM_DONTNEED/bounds",
    says="SO_DEVMEM_DONTNEED of a TCP connection, over IPv4 and IPv6, takes 128 tokens, of which none need "
    "have been received, and with 129 is refused with EINVAL; the connection goes on.",
    since=SINCE,
    commit=COMMIT,
    needs=[DEVICE_MEMORY],
    survives={"no-op: setsockopt(*": "a socket that received no device memory has none to give back"},
)
@pytest.mark.parametrize(
    "make", [Socket.tcp_pair, partial(Socket.tcp_pair, socket.AF_INET6)], ids=["tcp", "tcp6"]
)
def test_so_many_are_given_back_at_once(ns, observe, make):
    left, right = make()
    with left, right:
        left.devmem_dontneed = TOKEN * 128
        with refused(errno.EINVAL):
            left.devmem_dontneed = TOKEN * 129
        left.rcvtimeo = SOON
        right.send(b"goes on")

        assert observe("received", left.recv(9).decode()) == "goes on"
