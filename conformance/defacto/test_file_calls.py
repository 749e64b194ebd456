"""Calls for files that a socket answers, or refuses: fstat(2), fsync(2), extended attributes, ioctl(2)."""

from __future__ import annotations

import errno
import os
import stat
from fcntl import F_GETFL, fcntl

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import FILE_ATTRIBUTES
from conformance.plugin.refusal import refused
from conformance.plugin.setups.event_calls import NOWHERE, errno_of
from conformance.plugin.setups.files import memory_file, readahead
from conformance.plugin.setups.ioctls import (
    REQUESTS,
    asked,
    ioctl_at,
    nanoseconds_of_last_packet,
    owner,
    time_of_last_packet,
    with_word,
)
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import in_state
from conformance.plugin.setups.timestamps import now
from netns import Capability

KINDS = pytest.mark.parametrize(
    "kind",
    ["tcp", "tcp6", "udp", "udp6", "raw", "unix", "unix-datagram", "unix-seqpacket", "netlink", "packet"],
)
WHO = "a TCP or UDP socket, over IPv4 and IPv6, a raw, UNIX, netlink or packet socket"
O_ASYNC = 0o20000
NO_SOCKET = {"*": "no call of a socket is made but socket(2)"}


@claim(
    "defacto/fstat/socket",
    says=f"fstat(2) of {WHO} gives the type S_IFSOCK, the mode 0777 and the size 0, and the inode number "
    "that its link in /proc names.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
    survives=NO_SOCKET,
)
@KINDS
def test_a_socket_says_that_it_is_one(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        found = os.fstat(sock.fileno())
        link = os.readlink(f"/proc/thread-self/fd/{sock.fileno()}")

        assert [
            observe("type_mode_size", [stat.S_ISSOCK(found.st_mode), found.st_mode & 0o777, found.st_size]),
            link == f"socket:[{found.st_ino}]",
        ] == [[True, 0o777, 0], True]


@claim(
    "defacto/fsync/socket",
    says=f"fsync(2) and fdatasync(2) of {WHO} fail with EINVAL, where those of a regular file succeed.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
    survives=NO_SOCKET,
)
@KINDS
def test_there_is_nothing_to_synchronize(ns, observe, kind):
    with SOCKETS[kind]() as sock, memory_file() as file:
        with refused(errno.EINVAL):
            os.fsync(sock.fileno())
        with refused(errno.EINVAL, "errno_fdatasync"):
            os.fdatasync(sock.fileno())

        done = [errno_of(lambda: os.fsync(file.fileno())), errno_of(lambda: os.fdatasync(file.fileno()))]
        assert observe("of_file", done) == [None, None]


@claim(
    "defacto/ftruncate/socket",
    says=f"ftruncate(2) of {WHO} fails with EINVAL, where that of a regular file succeeds.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
    survives=NO_SOCKET,
)
@KINDS
def test_a_socket_has_no_length(ns, observe, kind):
    with SOCKETS[kind]() as sock, memory_file() as file:
        with refused(errno.EINVAL):
            os.ftruncate(sock.fileno(), 4)
        os.ftruncate(file.fileno(), 4)

        assert observe("of_file", os.fstat(file.fileno()).st_size) == 4


@claim(
    "defacto/readahead/socket",
    says=f"readahead(2) of {WHO} fails with EINVAL, where that of a regular file succeeds.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
    survives=NO_SOCKET,
)
@KINDS
def test_nothing_is_read_ahead(ns, observe, kind):
    with SOCKETS[kind]() as sock, memory_file() as file:
        with refused(errno.EINVAL):
            readahead(sock, 4)

        assert observe("of_file", readahead(file, 4)) == 0


@claim(
    "defacto/getxattr/socket",
    says=f"An extended attribute user.* of {WHO}, none of which was set, cannot be read by its descriptor: "
    "ENODATA.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
    survives=NO_SOCKET,
)
@KINDS
def test_it_has_no_attribute(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        with refused(errno.ENODATA):
            os.getxattr(sock.fileno(), "user.test")

        assert observe("type", stat.S_ISSOCK(os.fstat(sock.fileno()).st_mode)) is True


@claim(
    "defacto/getxattr/unix-file",
    says="An extended attribute user.* of the file that a UNIX stream, datagram or seqpacket socket is "
    "bound to, none of which was set, cannot be read by its path: ENODATA.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[FILE_ATTRIBUTES],
)
@pytest.mark.parametrize("kind", ["unix", "unix-datagram", "unix-seqpacket"])
def test_its_file_has_no_attribute(ns, observe, kind, tmp_path):
    path = tmp_path / "s"
    with SOCKETS[kind]() as sock:
        sock.bind(str(path))
        read = errno_of(lambda: os.getxattr(path, "user.test"))

        assert observe("read_and_is_socket", [read, path.is_socket()]) == ["ENODATA", True]


@claim(
    "defacto/setxattr/refused",
    says=f"An extended attribute user.* of {WHO} cannot be set by its descriptor: EPERM.",
    since="2.6.16",
    until="7.1",
    commit="e0ad7b073eb7",
    needs=[Capability.NET_RAW],
    survives=NO_SOCKET,
)
@KINDS
def test_an_attribute_is_refused(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        with refused(errno.EPERM):
            os.setxattr(sock.fileno(), "user.test", b"value")

        assert observe("type", stat.S_ISSOCK(os.fstat(sock.fileno()).st_mode)) is True


@claim(
    "defacto/setxattr/taken",
    says=f"An extended attribute user.* of {WHO} can be set by its descriptor, and reads so; another "
    "socket has none.",
    since="7.1",
    commit="dc0876b9846d",
    needs=[Capability.NET_RAW],
    survives=NO_SOCKET,
)
@KINDS
def test_an_attribute_is_taken(ns, observe, kind):
    with SOCKETS[kind]() as sock, SOCKETS[kind]() as other:
        found = [errno_of(lambda: os.setxattr(sock.fileno(), "user.test", b"value"))]
        found.append(errno_of(lambda: os.getxattr(sock.fileno(), "user.test").decode()))
        found.append(errno_of(lambda: os.getxattr(other.fileno(), "user.test").decode()))

        assert observe("set_and_values", found) == [None, "value", "ENODATA"]


@claim(
    "defacto/ioctl/nowhere",
    sentence="ioctl.2/EFAULT/address",
    says=f"FIONBIO, FIOASYNC, SIOCSPGRP, FIOSETOWN, SIOCGPGRP and FIOGETOWN of {WHO} fail with EFAULT "
    "where there is no memory for their argument, NULL among it, and set or give with memory what they are "
    "for.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
@KINDS
@pytest.mark.parametrize(
    ("request_name", "expected"),
    [
        ("FIONBIO", [os.O_NONBLOCK, False, True]),
        ("FIOASYNC", [O_ASYNC, False, True]),
        ("SIOCSPGRP", [0, True, True]),
        ("FIOSETOWN", [0, True, True]),
        ("SIOCGPGRP", [0, False, False]),
        ("FIOGETOWN", [0, False, False]),
    ],
)
@pytest.mark.parametrize("place", [0, NOWHERE], ids=["null", "nowhere"])
def test_an_ioctl_where_there_is_no_memory(ns, observe, *, kind, request_name, expected, place):
    with SOCKETS[kind]() as sock:
        with refused(errno.EFAULT):
            ioctl_at(sock, request_name, place)
        before = [fcntl(sock, F_GETFL) & (os.O_NONBLOCK | O_ASYNC), owner(sock)]
        given = with_word(sock, request_name, os.getpid())
        flags = fcntl(sock, F_GETFL) & (os.O_NONBLOCK | O_ASYNC)

        found = [flags, owner(sock) == os.getpid(), given == os.getpid()]
        assert [before, observe("flags_owner_same_word", found)] == [[0, 0], expected]


@claim(
    "defacto/ioctl/queue-nowhere",
    sentence="ioctl.2/EFAULT/address",
    says="SIOCINQ, which is FIONREAD, and SIOCOUTQ of a TCP or UDP socket, over IPv4 and IPv6, a raw, UNIX "
    "stream, datagram or seqpacket, or packet socket fail with EFAULT where there is no memory for their "
    "answer, NULL among it; with memory they give 0 of a new socket.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize(
    "kind", ["tcp", "tcp6", "udp", "udp6", "raw", "unix", "unix-datagram", "unix-seqpacket", "packet"]
)
@pytest.mark.parametrize("request_name", ["SIOCINQ", "SIOCOUTQ"])
@pytest.mark.parametrize("place", [0, NOWHERE], ids=["null", "nowhere"])
def test_a_queue_where_there_is_no_memory(ns, observe, kind, request_name, place):
    with SOCKETS[kind]() as sock:
        with refused(errno.EFAULT):
            ioctl_at(sock, request_name, place)

        assert observe("with_memory", asked(sock, REQUESTS[request_name])) == 0


@claim(
    "defacto/SIOCATMARK/nowhere",
    says="SIOCATMARK of a connected TCP socket, over IPv4 and IPv6, fails with EFAULT where there is no "
    "memory for its answer, NULL among it; with memory it gives 0 where no out-of-band data have come.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
@pytest.mark.parametrize("place", [0, NOWHERE], ids=["null", "nowhere"])
def test_a_mark_where_there_is_no_memory(ns, observe, kind, place):
    with in_state(kind, "data") as sock:
        with refused(errno.EFAULT):
            ioctl_at(sock, "SIOCATMARK", place)

        assert observe("with_memory", asked(sock, REQUESTS["SIOCATMARK"])) == 0


@claim(
    "defacto/SIOCGSTAMP/nowhere",
    says="SIOCGSTAMP and SIOCGSTAMPNS of a UDP socket that has received a datagram fail with EFAULT where "
    "there is no memory for the time, NULL among it; with memory they give one.",
    since="2.6.22",
    commit="ae40eb1ef30a",
)
@pytest.mark.parametrize("request_name", ["SIOCGSTAMP", "SIOCGSTAMPNS"])
@pytest.mark.parametrize("place", [0, NOWHERE], ids=["null", "nowhere"])
def test_a_time_where_there_is_no_memory(ns, observe, request_name, place):
    writer, reader = udp_pair()
    with writer, reader:
        writer.send(b"data")
        received = reader.recv(9).decode()
        with refused(errno.EFAULT):
            ioctl_at(reader, request_name, place)

        assert observe("received_and_time", [received, time_of_last_packet(reader) > 0]) == ["data", True]


@claim(
    "defacto/SIOCGSTAMPNS/time",
    says="SIOCGSTAMPNS of a UDP socket gives when the packet arrived that was passed on last, as a struct "
    "timespec: to the nanosecond what SIOCGSTAMP gives to the microsecond, after the packet was sent and "
    "before it is asked.",
    since="2.6.22",
    commit="ae40eb1ef30a",
)
def test_a_time_in_nanoseconds(ns, observe):
    writer, reader = udp_pair()
    with writer, reader:
        begun = now()
        writer.send(b"first")
        writer.send(b"second")
        reader.recv(10)
        time_of_last_packet(reader)
        reader.recv(10)
        nanoseconds = nanoseconds_of_last_packet(reader)
        same = nanoseconds // 1000 == time_of_last_packet(reader)

        assert observe("same_and_within", [same, begun <= nanoseconds // 1000 <= now()]) == [True, True]
