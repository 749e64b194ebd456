"""accept(2) that fails: for what its argument is, for the address, for want of descriptors."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, MPTCP, OWN_KERNEL, VSOCK, VSOCK_LOOPBACK
from conformance.plugin.refusal import refused
from conformance.plugin.setups import files
from conformance.plugin.setups.accepting import (
    NOWHERE,
    UNTOUCHED,
    Memory,
    accepted,
    accepted4,
    end_of,
    files_of_whole_kernel,
    no_descriptor_free,
    read_only_memory,
    room,
)
from conformance.plugin.setups.listeners import pending_connection
from conformance.plugin.setups.readiness import readable_by_poll
from conformance.plugin.setups.states import LISTENING, in_state
from conformance.plugin.timing import SOON
from libsocket import Fd, Socket
from netns import Capability, without

STREAMS = pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "unix-seqpacket"])
MPTCPS = pytest.mark.parametrize("kind", ["mptcp", "mptcp6"])
VSOCKS = pytest.mark.parametrize("kind", ["vsock", "vsock-seqpacket"])
NEEDS = [IPV6]
MPTCP_NEEDS = [IPV6, MPTCP]
VSOCK_NEEDS = [VSOCK, VSOCK_LOOPBACK]

WHO = "a TCP listener over IPv4 or IPv6, or a UNIX stream or seqpacket listener"
WHO_VSOCK = "an AF_VSOCK stream or seqpacket listener"

FILES: Final[Mapping[str, Callable[[], int]]] = {
    "file": lambda: os.open("/dev/null", os.O_RDWR),
    "directory": lambda: os.open("/", os.O_RDONLY),
    "eventfd": lambda: os.eventfd(0),
}
"""What opens a file of each kind that is no socket."""
OTHER_FILES: Final[Mapping[str, Callable[[], int]]] = {
    "regular": lambda: os.open(__file__, os.O_RDONLY),
    "pipe-reader": lambda: files.pipe_end(0),
    "pipe-writer": lambda: files.pipe_end(1),
    "memfd": lambda: os.memfd_create("file"),
    "pidfd": lambda: os.pidfd_open(os.getpid()),
    "netns": lambda: os.open("/proc/thread-self/ns/net", os.O_RDONLY),
    **{kind: partial(files.opened_by_call, kind) for kind in ("epoll", "inotify", "signalfd", "timerfd")},
}


@contextmanager
def waiting(kind: str) -> Iterator[tuple[Socket, Socket]]:
    """A listener of a kind, where an accept has an end, and a client whose connection waits there."""
    with LISTENING[kind]() as listener, pending_connection(listener) as client:
        listener.rcvtimeo = SOON
        yield listener, client


def number_of_closed(sock: Socket) -> int:
    """The number that was a socket's descriptor until now."""
    number = sock.fileno()
    sock.close()
    return number


@contextmanager
def opened(kind: str) -> Iterator[int]:
    """A descriptor of a file that is no socket."""
    number = FILES[kind]()
    try:
        yield number
    finally:
        os.close(number)


@contextmanager
def addresses(where: str) -> Iterator[int | None]:
    """Where an address is to be written and cannot be: ``nowhere``, or memory that is ``read-only``."""
    with read_only_memory() as read_only:
        yield {"nowhere": NOWHERE, "read-only": read_only}[where]


def still_waits(listener: Socket) -> str:
    """Whether a connection waits at a listener, which is accepted then: ``accepted``, or ``nobody``."""
    if not readable_by_poll(listener):
        return "nobody"
    with accepted(listener):
        return "accepted"


@claim(
    "accept.2/EBADF/closed",
    sentence="accept.2/EBADF/not-open",
    section="ERRORS",
    says=f"accept(2) of the number of {WHO} that is closed fails with EBADF, and before that it does not.",
    needs=NEEDS,
)
@STREAMS
def test_a_closed_descriptor_accepts_nothing(ns, observe, kind):
    with waiting(kind) as (listener, client), accepted(listener) as server:
        server.send(b"hello")
        with refused(errno.EBADF):
            accepted(number_of_closed(listener)).close()

        assert observe("received_before", client.recv(9).decode()) == "hello"


@claim(
    "accept.2/EBADF/negative",
    sentence="accept.2/EBADF/not-open",
    section="ERRORS",
    says="accept(2) and accept4(2) of the descriptor -1 fail with EBADF.",
)
def test_minus_one_is_no_descriptor(ns, observe):
    with refused(errno.EBADF):
        accepted(-1).close()
    with refused(errno.EBADF, "errno_of_accept4"):
        accepted4(-1, 0).close()
    with waiting("tcp") as (listener, _):
        assert observe("of_a_listener", still_waits(listener)) == "accepted"


@claim(
    "defacto/accept/o-path",
    says="accept(2) of a descriptor of a directory that was opened with O_PATH fails with EBADF, though it "
    "is open; without O_PATH it fails with ENOTSOCK.",
    since="2.6.39",
    commit="1abf0c718f15",
)
def test_a_mere_path_is_no_descriptor(ns, observe):
    path = os.open("/", os.O_PATH)
    with refused(errno.EBADF):
        accepted(path).close()
    os.close(path)
    with opened("directory") as directory, refused(errno.ENOTSOCK, "errno_without"):
        accepted(directory).close()
    with waiting("tcp") as (listener, _):
        assert observe("of_a_listener", still_waits(listener)) == "accepted"


@claim(
    "accept.2/ENOTSOCK/files",
    sentence="accept.2/ENOTSOCK/no-socket",
    section="ERRORS",
    says="accept(2) and accept4(2) of a descriptor of a character device, a directory or an eventfd(2) "
    "fail with ENOTSOCK.",
)
@pytest.mark.parametrize("file", FILES)
def test_only_a_socket_accepts(ns, observe, file):
    with opened(file) as number:
        with refused(errno.ENOTSOCK):
            accepted(number).close()
        with refused(errno.ENOTSOCK, "errno_of_accept4"):
            accepted4(number, 0).close()
    with waiting("tcp") as (listener, _):
        assert observe("of_a_listener", still_waits(listener)) == "accepted"


@claim(
    "accept.2/EFAULT/address",
    sentence="accept.2/EFAULT/not-writable",
    section="ERRORS",
    says=f"accept(2) of {WHO}, with an address where there is no memory, or memory that can only be read, "
    "fails with EFAULT where a connection waits.",
    needs=NEEDS,
)
@STREAMS
@pytest.mark.parametrize("where", ["nowhere", "read-only"])
def test_the_address_must_be_writable(ns, observe, kind, where):
    with waiting(kind) as (listener, _), addresses(where) as address:
        with refused(errno.EFAULT):
            accepted(listener, address, room()).close()
        with pending_connection(listener):
            assert observe("without_address", still_waits(listener)) == "accepted"


@claim(
    "accept.2/EFAULT/address-vsock",
    sentence="accept.2/EFAULT/not-writable",
    section="ERRORS",
    says=f"accept(2) of {WHO_VSOCK}, with an address where there is no memory, or memory that can only be "
    "read, fails with EFAULT where a connection waits.",
    since="5.14",
    needs=VSOCK_NEEDS,
)
@VSOCKS
@pytest.mark.parametrize("where", ["nowhere", "read-only"])
def test_the_address_must_be_writable_on_vsock(ns, observe, kind, where):
    with waiting(kind) as (listener, _), addresses(where) as address:
        with refused(errno.EFAULT):
            accepted(listener, address, room()).close()
        with pending_connection(listener):
            assert observe("without_address", still_waits(listener)) == "accepted"


@claim(
    "accept.2/return/addrlen-after-efault",
    sentence="accept.2/return/error",
    section="RETURN VALUE",
    says=f"accept(2) of {WHO} that fails with EFAULT since there is no memory where the address is to be "
    "written leaves the length unchanged.",
    needs=NEEDS,
    expect=differs(
        "the length is written before the address",
        since="6.18",
        commit="1fb0e471611d",
        observed={"unchanged": False},
    ),
)
@STREAMS
def test_the_length_stays_where_the_address_faults(ns, observe, kind):
    length = room()
    with waiting(kind) as (listener, _):
        with refused(errno.EFAULT):
            accepted(listener, NOWHERE, length).close()

        assert observe("unchanged", length.value == room().value) is True


@claim(
    "defacto/accept/room-for-nothing",
    says=f"accept(2) of {WHO}, with an address where there is no memory and a length of 0, succeeds, and "
    "writes the length alone.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
@STREAMS
def test_nothing_is_written_where_there_is_no_room(ns, observe, kind):
    length = room(0)
    with waiting(kind) as (listener, _), accepted(listener, NOWHERE, length):
        assert observe("length_is_told", length.value > 0) is True


@claim(
    "defacto/accept/length-nowhere",
    says=f"accept(2) of {WHO}, with an address and a length that is NULL, or where there is no memory, "
    "fails with EFAULT where a connection waits.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
@STREAMS
@pytest.mark.parametrize("length", [None, NOWHERE], ids=["null", "nowhere"])
def test_a_length_must_be_there(ns, observe, kind, length):
    memory = Memory()
    with waiting(kind) as (listener, _):
        with refused(errno.EFAULT):
            accepted(listener, memory.address, length).close()
        with pending_connection(listener):
            assert observe("without_address", still_waits(listener)) == "accepted"


@claim(
    "accept.2/EINVAL/addrlen-negative",
    sentence="accept.2/EINVAL/addrlen",
    section="ERRORS",
    says=f"accept(2) of {WHO}, with an address and a length of -1 or -2147483648, fails with EINVAL where "
    "a connection waits, and leaves the length unchanged.",
    needs=NEEDS,
)
@STREAMS
@pytest.mark.parametrize("negative", [-1, -(2**31)])
def test_a_length_is_not_negative(ns, observe, kind, negative):
    memory, length = Memory(), room(negative)
    with waiting(kind) as (listener, _):
        with refused(errno.EINVAL):
            accepted(listener, memory.address, length).close()
        untouched = memory.untouched
        with pending_connection(listener):
            then = still_waits(listener)

        assert observe("length_untouched_then", [length.value, untouched, then]) == [
            negative,
            128,
            "accepted",
        ]


@claim(
    "accept.2/EINVAL/addrlen-negative-vsock",
    sentence="accept.2/EINVAL/addrlen",
    section="ERRORS",
    says=f"accept(2) of {WHO_VSOCK}, with an address and a length of -1, fails with EINVAL where a "
    "connection waits.",
    since="5.14",
    needs=VSOCK_NEEDS,
)
@VSOCKS
def test_a_length_is_not_negative_on_vsock(ns, observe, kind):
    memory = Memory()
    with waiting(kind) as (listener, _):
        with refused(errno.EINVAL):
            accepted(listener, memory.address, room(-1)).close()
        with pending_connection(listener):
            assert observe("without_address", still_waits(listener)) == "accepted"


BAD_ADDRESSES = pytest.mark.parametrize(
    ("address", "length"), [(NOWHERE, 128), (NOWHERE, -1)], ids=["nowhere", "negative"]
)


@claim(
    "defacto/accept/connection-lost",
    says=f"accept(2) of {WHO} that fails with EFAULT or EINVAL for its address or length takes the "
    "connection all the same, and closes it: it waits no more, and its client receives the end.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
@STREAMS
@BAD_ADDRESSES
def test_the_connection_is_lost(ns, observe, kind, address, length):
    with waiting(kind) as (listener, client):
        with refused():
            accepted(listener, address, room(length)).close()

        assert observe("waits_and_end", [still_waits(listener), end_of(client)]) == ["nobody", "''"]


@claim(
    "defacto/accept/address-not-looked-at",
    says=f"accept(2) of {WHO} that does not block, and at which no connection waits, fails with EAGAIN "
    "whether the address can be written and the length is negative or not.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
    survives={"no-op: close()*": "who was not accepted may stay"},
)
@STREAMS
@BAD_ADDRESSES
def test_an_address_is_not_looked_at_before(ns, observe, kind, address, length):
    with LISTENING[kind]() as listener:
        listener.nonblocking = True
        with refused(errno.EAGAIN):
            accepted(listener, address, room(length)).close()
        with pending_connection(listener), refused(name="errno_with_connection"):
            accepted(listener, address, room(length)).close()
        with pending_connection(listener):
            assert observe("without_address", still_waits(listener)) == "accepted"


@claim(
    "accept.2/addr/null-length-unused",
    sentence="accept.2/addr/null",
    section="DESCRIPTION",
    says=f"accept(2) of {WHO} with a NULL address does not use the length: what it was stays, and it can "
    "be where there is no memory.",
    needs=NEEDS,
    survives={"no-op: close()*": "who was accepted may stay"},
)
@STREAMS
def test_without_an_address_there_is_no_length(ns, observe, kind):
    length = room(UNTOUCHED)
    with waiting(kind) as (listener, _), pending_connection(listener):
        accepted(listener, None, length).close()
        accepted(listener, None, NOWHERE).close()

        assert observe("length_and_waits", [length.value, still_waits(listener)]) == [UNTOUCHED, "nobody"]


@claim(
    "accept.2/return/addrlen-unchanged",
    sentence="accept.2/return/error",
    section="RETURN VALUE",
    says="accept(2) that fails with EAGAIN (a TCP or UNIX stream listener that does not block and where no "
    "connection waits), EINVAL (one that does not listen) or EOPNOTSUPP (a UDP or UNIX datagram socket) "
    "leaves address and length unchanged.",
    survives={
        "no-op: ioctl(FIONBIO*": "what does not listen does not wait either; that a listener does is noticed",
        "no-op: bind(*": "a socket that is not bound is refused too",
    },
)
@pytest.mark.parametrize(
    ("kind", "state", "number"),
    [
        ("tcp", "listening", errno.EAGAIN),
        ("unix", "listening", errno.EAGAIN),
        ("tcp", "bound", errno.EINVAL),
        ("unix", "bound", errno.EINVAL),
        ("udp", "bound", errno.EOPNOTSUPP),
        ("unix-datagram", "bound", errno.EOPNOTSUPP),
    ],
)
def test_a_failure_leaves_the_length(ns, observe, kind, state, number):
    memory, length = Memory(), room()
    with in_state(kind, state) as sock, waiting("tcp") as (listener, _):
        sock.nonblocking = True
        with refused(number):
            accepted(sock, memory.address, length).close()
        seen = [length.value, memory.untouched]
        accepted(listener, memory.address, length).close()

        assert observe("unchanged_and_of_a_listener", [*seen, length.value]) == [128, 128, 16]


@claim(
    "accept.2/EMFILE/limit",
    sentence="accept.2/EMFILE/limit",
    section="ERRORS",
    says=f"accept(2) of {WHO} fails with EMFILE where a process has as many descriptors open as "
    "RLIMIT_NOFILE allows.",
    needs=NEEDS,
)
@STREAMS
def test_no_more_descriptors_than_the_limit(ns, observe, kind):
    with waiting(kind) as (listener, _):
        with no_descriptor_free(), refused(errno.EMFILE):
            accepted(listener).close()

        assert observe("once_one_is_free", still_waits(listener)) == "accepted"


@claim(
    "accept.2/EMFILE/limit-vsock",
    sentence="accept.2/EMFILE/limit",
    section="ERRORS",
    says=f"accept(2) of {WHO_VSOCK} fails with EMFILE where a process has as many descriptors open as "
    "RLIMIT_NOFILE allows.",
    since="5.14",
    needs=VSOCK_NEEDS,
)
@VSOCKS
def test_no_more_descriptors_than_the_limit_on_vsock(ns, observe, kind):
    with waiting(kind) as (listener, _):
        with no_descriptor_free(), refused(errno.EMFILE):
            accepted(listener).close()

        assert observe("once_one_is_free", still_waits(listener)) == "accepted"


@claim(
    "defacto/accept/emfile-keeps-connection",
    says=f"A connection at {WHO} that accept(2) could not take for EMFILE goes on waiting: what its client "
    "sends then is received once it is accepted.",
    since="2.6.17",
    commit="39d8c1b6fbae",
    needs=NEEDS,
)
@STREAMS
def test_the_connection_goes_on_waiting(ns, observe, kind):
    with waiting(kind) as (listener, client):
        with no_descriptor_free(), refused(errno.EMFILE):
            accepted(listener).close()
        client.send(b"hello")
        with accepted(listener) as server:
            server.rcvtimeo = SOON

            assert observe("received", server.recv(9).decode()) == "hello"


@claim(
    "defacto/accept/emfile-at-once",
    says=f"accept(2) of {WHO} that blocks fails with EMFILE at once where no descriptor is free, though no "
    "connection waits.",
    since="2.6.17",
    commit="39d8c1b6fbae",
    needs=NEEDS,
)
@STREAMS
def test_a_descriptor_comes_before_a_connection(ns, observe, kind):
    with LISTENING[kind]() as listener:
        listener.rcvtimeo = SOON
        with no_descriptor_free(), refused(errno.EMFILE):
            accepted(listener).close()
        with pending_connection(listener):
            assert observe("then", still_waits(listener)) == "accepted"


@claim(
    "accept.2/ENFILE/limit",
    sentence=("accept.2/ENFILE/limit", "capabilities.7/CAP_SYS_ADMIN/file-max", "unix.7/ENFILE/files"),
    section="ERRORS",
    says=f"accept(2) of {WHO} fails with ENFILE for a process without CAP_SYS_ADMIN where as many files "
    "are open as fs.file-max allows; the connection goes on waiting.",
    needs=[*NEEDS, OWN_KERNEL],
)
@STREAMS
def test_no_more_files_than_the_limit(ns, observe, kind):
    with waiting(kind) as (listener, _):
        with files_of_whole_kernel(1), without(Capability.SYS_ADMIN), refused(errno.ENFILE):
            accepted(listener).close()

        assert observe("then", still_waits(listener)) == "accepted"


@claim(
    "defacto/accept/enfile-not-with-cap-sys-admin",
    sentence="capabilities.7/CAP_SYS_ADMIN/file-max",
    says=f"A process with CAP_SYS_ADMIN accepts a connection of {WHO} though as many files are open as "
    "fs.file-max allows; without it that fails with ENFILE.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[*NEEDS, OWN_KERNEL],
)
@STREAMS
def test_the_capability_has_more_files(ns, observe, kind):
    with waiting(kind) as (listener, _):
        with files_of_whole_kernel(1):
            with without(Capability.SYS_ADMIN), refused(errno.ENFILE):
                accepted(listener).close()
            seen = still_waits(listener)

        assert observe("with_capability", seen) == "accepted"


@claim(
    "defacto/accept/client-closed",
    says=f"A connection at {WHO} that its client has closed before is accepted, and the first receive "
    "gives the end of the stream.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
@STREAMS
def test_a_client_that_has_closed_is_accepted(ns, observe, kind):
    with waiting(kind) as (listener, client):
        client.close()
        with accepted(listener) as server:
            server.rcvtimeo = SOON

            assert observe("received", server.recv(9).decode()) == ""


WHO_MPTCP = "an MPTCP listener over IPv4 or IPv6"


@claim(
    "accept.2/EFAULT/address-mptcp",
    sentence="accept.2/EFAULT/not-writable",
    section="ERRORS",
    says=f"accept(2) of {WHO_MPTCP}, with an address where there is no memory, or memory that can only be "
    "read, fails with EFAULT where a connection waits.",
    needs=MPTCP_NEEDS,
)
@MPTCPS
@pytest.mark.parametrize("where", ["nowhere", "read-only"])
def test_the_address_must_be_writable_on_mptcp(ns, observe, kind, where):
    with waiting(kind) as (listener, _), addresses(where) as address:
        with refused(errno.EFAULT):
            accepted(listener, address, room()).close()
        with pending_connection(listener):
            assert observe("without_address", still_waits(listener)) == "accepted"


@claim(
    "accept.2/EINVAL/addrlen-negative-mptcp",
    sentence="accept.2/EINVAL/addrlen",
    section="ERRORS",
    says=f"accept(2) of {WHO_MPTCP}, with an address and a length of -1, fails with EINVAL where a "
    "connection waits.",
    needs=MPTCP_NEEDS,
)
@MPTCPS
def test_a_length_is_not_negative_on_mptcp(ns, observe, kind):
    memory = Memory()
    with waiting(kind) as (listener, _):
        with refused(errno.EINVAL):
            accepted(listener, memory.address, room(-1)).close()
        with pending_connection(listener):
            assert observe("without_address", still_waits(listener)) == "accepted"


@claim(
    "defacto/accept/connection-lost-mptcp",
    says=f"accept(2) of {WHO_MPTCP} that fails with EFAULT or EINVAL for its address or length takes the "
    "connection all the same, and closes it: it waits no more, and its client receives the end.",
    since="5.6",
    commit="cf7da0d66cc1",
    needs=MPTCP_NEEDS,
)
@MPTCPS
@BAD_ADDRESSES
def test_the_connection_is_lost_on_mptcp(ns, observe, kind, address, length):
    with waiting(kind) as (listener, client):
        with refused():
            accepted(listener, address, room(length)).close()

        assert observe("waits_and_end", [still_waits(listener), end_of(client)]) == ["nobody", "''"]


@claim(
    "accept.2/EMFILE/limit-mptcp",
    sentence="accept.2/EMFILE/limit",
    section="ERRORS",
    says=f"accept(2) of {WHO_MPTCP} fails with EMFILE where a process has as many descriptors open as "
    "RLIMIT_NOFILE allows.",
    needs=MPTCP_NEEDS,
)
@MPTCPS
def test_no_more_descriptors_than_the_limit_on_mptcp(ns, observe, kind):
    with waiting(kind) as (listener, _):
        with no_descriptor_free(), refused(errno.EMFILE):
            accepted(listener).close()

        assert observe("once_one_is_free", still_waits(listener)) == "accepted"


@claim(
    "accept.2/ENOTSOCK/other-files",
    sentence="accept.2/ENOTSOCK/no-socket",
    section="ERRORS",
    says="accept(2) and accept4(2) of a regular file, either end of a pipe, an epoll instance, a memfd, a "
    "pidfd, an inotify instance, a signalfd, a timerfd or a network namespace fail with ENOTSOCK.",
)
@pytest.mark.parametrize("file", OTHER_FILES)
def test_no_other_file_accepts(ns, observe, file):
    with Fd(OTHER_FILES[file]()) as other:
        with refused(errno.ENOTSOCK):
            accepted(other.fileno()).close()
        with refused(errno.ENOTSOCK, "errno_of_accept4"):
            accepted4(other.fileno(), 0).close()
    with waiting("tcp") as (listener, _):
        assert observe("of_a_listener", still_waits(listener)) == "accepted"


@claim(
    "defacto/accept/state-before-address",
    says="accept(2) of a TCP socket, over IPv4 and IPv6, or a UNIX stream or seqpacket socket that does "
    "not listen fails with EINVAL also where there is no memory for the address, or its length is 1 or "
    "negative.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
@STREAMS
@BAD_ADDRESSES
def test_the_state_is_looked_at_first(ns, observe, kind, address, length):
    with in_state(kind, "new") as sock, waiting(kind) as (listener, _):
        with refused(errno.EINVAL):
            accepted(sock, address, room(length)).close()

        assert observe("of_a_listener", still_waits(listener)) == "accepted"
