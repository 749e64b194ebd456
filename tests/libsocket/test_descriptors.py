"""Descriptors: whose they are, and when they are closed."""

from __future__ import annotations

import errno
import gc
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from libsocket import SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_EBPF, Borrowed, Fd, NotASocket, Rights, Socket
from libsocket.control.wire import encode
from tests.libsocket.kernel import old_enough


def is_open(fd: int) -> bool:
    return Path(f"/proc/self/fd/{fd}").exists()


def test_borrowed_descriptor_outlives_close() -> None:
    with Socket.udp() as owner:
        Socket.borrow(owner.fileno()).close()

        assert is_open(owner.fileno())


def test_borrowed_descriptor_outlives_its_block() -> None:
    with Socket.udp() as owner:
        with Socket.borrow(owner.fileno()) as sock:
            sock.mark = 7

        assert owner.mark == 7


def test_borrowed_descriptor_outlives_dropping_without_a_warning() -> None:
    with Socket.udp() as owner:
        sock = Socket.borrow(owner.fileno())
        del sock
        gc.collect()

        assert is_open(owner.fileno())


def test_borrowed_socket_knows_its_kind() -> None:
    with Socket.udp(socket.AF_INET6) as owner, Socket.borrow(owner.fileno()) as sock:
        assert (type(sock), sock.family, sock.type) == (Borrowed, socket.AF_INET6, socket.SOCK_DGRAM)


def test_duplicate_of_a_borrowed_socket_is_owned() -> None:
    with Socket.udp() as owner, Socket.borrow(owner.fileno()) as sock:
        copy = sock.dup()
        fd = copy.fileno()
        copy.close()

        assert (type(copy), is_open(fd), is_open(owner.fileno())) == (Socket, False, True)


def test_socket_accepted_by_a_borrowed_one_is_owned() -> None:
    with Socket.unix() as owner, Socket.unix() as client:
        owner.bind("")
        owner.listen()
        client.connect(owner.getsockname())
        server, _ = Socket.borrow(owner.fileno()).accept()
        fd = server.fileno()
        server.close()

        assert (type(server), is_open(fd)) == (Socket, False)


def test_file_that_is_no_socket_cannot_be_borrowed() -> None:
    reading, writing = os.pipe()
    with pytest.raises(NotASocket):
        Socket.borrow(reading)

    assert is_open(reading)
    os.close(reading)
    os.close(writing)


def test_peer_pidfd_is_a_descriptor_of_ones_own() -> None:
    left, right = Socket.pair()
    with left, right, old_enough(), left.peerpidfd as pidfd:
        fd = pidfd.fileno()
        kind = os.readlink(f"/proc/self/fd/{fd}")
    assert ("pidfd" in kind, is_open(fd)) == (True, False)


def test_each_read_makes_a_descriptor() -> None:
    left, right = Socket.pair()
    with left, right, old_enough(), left.peerpidfd as one, left.peerpidfd as other:
        assert one.fileno() != other.fileno()


def test_snapshot_makes_no_descriptor() -> None:
    left, right = Socket.pair()
    with left, right:
        before = len(list(Path("/proc/self/fd").iterdir()))
        held = left.options()

        assert (len(list(Path("/proc/self/fd").iterdir())), "SO_PEERPIDFD" in held) == (before, False)


def test_dropped_descriptor_is_closed() -> None:
    fd = os.open("/dev/null", os.O_RDONLY)
    owned = Fd(fd)
    del owned
    gc.collect()

    assert not is_open(fd)


def test_detached_descriptor_stays_open() -> None:
    owned = Fd(os.open("/dev/null", os.O_RDONLY))
    fd = owned.detach()
    owned.close()

    assert (is_open(fd), owned.fileno(), repr(owned)) == (True, -1, "<Fd -1>")
    os.close(fd)


def test_closing_twice_is_harmless() -> None:
    owned = Fd(os.open("/dev/null", os.O_RDONLY))
    owned.close()
    owned.close()

    assert owned.fileno() == -1


TAKING: dict[str, Callable[[Any], object]] = {
    "from_fd": Socket.from_fd,
    "borrow": Socket.borrow,
    "Fd": Fd,
    "Rights": lambda fd: encode(Rights(fd)),
    "SO_ATTACH_BPF": SO_ATTACH_BPF.codec.encode,
    "SO_ATTACH_REUSEPORT_EBPF": SO_ATTACH_REUSEPORT_EBPF.codec.encode,
}
"""Everything that takes a descriptor by its number."""


@pytest.mark.parametrize("value", [None, True, False, "0", b"", 1.0, [0]], ids=repr)
@pytest.mark.parametrize("take", TAKING.values(), ids=TAKING)
def test_what_is_no_number_is_no_descriptor(take: Callable[[Any], object], value: object) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(TypeError):
        take(value)

    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("number", [-1, -(2**31), 2**31, 2**32, 2**64])
@pytest.mark.parametrize("adopt", [Socket.from_fd, Socket.borrow])
def test_number_that_no_descriptor_has_is_not_open(adopt: Callable[[int], Socket], number: int) -> None:
    with pytest.raises(OSError, match="Bad file descriptor") as refusal:
        adopt(number)

    assert refusal.value.errno == errno.EBADF


def test_descriptor_0_outlives_a_number_that_ends_with_it() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        Socket.from_fd(2**32)
    gc.collect()

    assert is_open(0)
