"""SIOCUNIXFILE: the file that a UNIX socket is bound to."""

from __future__ import annotations

import errno
import fcntl
import os

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ioctls import socket_file
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import Socket
from netns import Capability, without

KINDS = pytest.mark.parametrize("kind", ["unix", "unix-datagram", "unix-seqpacket"])
O_PATH = 0o10000000


def unnamed(sock: Socket) -> None:
    """Leave it without a name."""


def abstract(sock: Socket) -> None:
    """Bind it to a name that the kernel chooses."""
    sock.bind("")


@claim(
    "defacto/SIOCUNIXFILE/opens",
    says="SIOCUNIXFILE of a UNIX stream, datagram or seqpacket socket that is bound to a pathname opens its "
    "file with O_PATH, closed on exec, also once the file has another name.",
    since="4.10",
    commit="ba94f3088b79",
    needs=[Capability.NET_ADMIN],
)
@KINDS
def test_it_opens_the_file(ns, observe, kind, tmp_path):
    with SOCKETS[kind]() as sock:
        sock.bind(str(tmp_path / "name"))
        with socket_file(sock) as first:
            os.rename(tmp_path / "name", tmp_path / "another")
            with socket_file(sock) as second:
                bound = os.stat(tmp_path / "another")
                same = [os.path.samestat(os.fstat(file.fileno()), bound) for file in (first, second)]
                path = fcntl.fcntl(second.fileno(), fcntl.F_GETFL) & O_PATH
                closed = fcntl.fcntl(second.fileno(), fcntl.F_GETFD)

                assert observe("same_and_flags", [same, path, closed]) == [
                    [True, True],
                    O_PATH,
                    fcntl.FD_CLOEXEC,
                ]


@claim(
    "defacto/SIOCUNIXFILE/privilege",
    says="SIOCUNIXFILE of a UNIX stream, datagram or seqpacket socket takes CAP_NET_ADMIN: without it EPERM.",
    since="4.10",
    commit="ba94f3088b79",
    needs=[Capability.NET_ADMIN],
)
@KINDS
def test_it_takes_a_capability(ns, observe, kind, tmp_path):
    with SOCKETS[kind]() as sock:
        sock.bind(str(tmp_path / "name"))
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            socket_file(sock).close()
        with socket_file(sock) as file:
            assert observe("name", os.path.basename(os.readlink(f"/proc/self/fd/{file.fileno()}"))) == "name"


@claim(
    "defacto/SIOCUNIXFILE/no-file",
    says="SIOCUNIXFILE of a UNIX stream, datagram or seqpacket socket that has no name, or one in the "
    "abstract namespace, is refused with ENOENT.",
    since="4.10",
    commit="ba94f3088b79",
    needs=[Capability.NET_ADMIN],
)
@KINDS
@pytest.mark.parametrize("named", [(unnamed, 0), (abstract, 6)], ids=["unnamed", "abstract"])
def test_without_a_file_there_is_none(ns, observe, kind, named, tmp_path):
    with SOCKETS[kind]() as sock, SOCKETS[kind]() as bound:
        name_it, length = named
        bound.bind(str(tmp_path / "name"))
        name_it(sock)
        with refused(errno.ENOENT):
            socket_file(sock).close()
        with socket_file(bound) as file:
            seen = [len(sock.getsockname()), os.path.basename(os.readlink(f"/proc/self/fd/{file.fileno()}"))]

            assert observe("name_and_file", seen) == [length, "name"]
