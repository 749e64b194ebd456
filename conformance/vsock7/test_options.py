"""Options of level AF_VSOCK: the buffer and its bounds, and the time to connect."""

from __future__ import annotations

import errno
import socket
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VSOCK, VSOCK_LOOPBACK
from conformance.plugin.refusal import refused
from conformance.plugin.setups.vsock import LOCAL, accepted_from, listening, port_of, vsock
from libsocket import (
    INT,
    SO_VM_SOCKETS_BUFFER_MAX_SIZE,
    SO_VM_SOCKETS_BUFFER_MIN_SIZE,
    SO_VM_SOCKETS_BUFFER_SIZE,
    SO_VM_SOCKETS_CONNECT_TIMEOUT,
    TIMEVAL,
    Socket,
    Timeval,
    Vsock,
    raw,
)

KINDS = pytest.mark.parametrize(
    "kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET], ids=["stream", "seqpacket"]
)
SIZES = pytest.mark.parametrize(
    "option",
    [SO_VM_SOCKETS_BUFFER_SIZE, SO_VM_SOCKETS_BUFFER_MIN_SIZE, SO_VM_SOCKETS_BUFFER_MAX_SIZE],
    ids=["size", "least", "largest"],
)
DEFAULT, LEAST = 262_144, 128


def buffer_of(sock: Socket) -> list[int]:
    """Its size, the least and the largest."""
    return [sock.vm_sockets_buffer_size, sock.vm_sockets_buffer_min_size, sock.vm_sockets_buffer_max_size]


@claim(
    "defacto/SO_VM_SOCKETS_BUFFER_SIZE/defaults",
    says="A new AF_VSOCK stream or seqpacket socket has an SO_VM_SOCKETS_BUFFER_SIZE of 262144, an "
    "SO_VM_SOCKETS_BUFFER_MIN_SIZE of 128 and an SO_VM_SOCKETS_BUFFER_MAX_SIZE of 262144.",
    since="5.14",
    commit="0798e78b102b",
    needs=[VSOCK],
    survives={"*": "the answers are defaults by definition"},
)
@KINDS
def test_a_new_socket_has_256_kilobytes(ns, observe, kind):
    with vsock(kind) as sock:
        assert observe("size_least_largest", buffer_of(sock)) == [DEFAULT, LEAST, DEFAULT]


@claim(
    "vm_sockets.h/SO_VM_SOCKETS_BUFFER_SIZE/clamped-both-ways",
    sentence=(
        "vm_sockets.h/SO_VM_SOCKETS_BUFFER_SIZE/size",
        "vm_sockets.h/SO_VM_SOCKETS_BUFFER_SIZE/clamped",
        "vm_sockets.h/SO_VM_SOCKETS_BUFFER_MIN_SIZE/least",
        "vm_sockets.h/SO_VM_SOCKETS_BUFFER_MAX_SIZE/largest",
    ),
    section="SO_VM_SOCKETS_BUFFER_SIZE",
    says="SO_VM_SOCKETS_BUFFER_SIZE of a stream socket without a connection is what it is set to from "
    "SO_VM_SOCKETS_BUFFER_MIN_SIZE to SO_VM_SOCKETS_BUFFER_MAX_SIZE, and is the nearer of them where "
    "it is set to less or more.",
    needs=[VSOCK],
)
@pytest.mark.parametrize(
    ("given", "kept"),
    [(0, 1000), (999, 1000), (1000, 1000), (1001, 1001), (8000, 8000), (8001, 8000), (2**40, 8000)],
)
def test_the_size_is_kept_between_its_bounds(ns, observe, given, kept):
    with vsock() as sock:
        sock.vm_sockets_buffer_min_size = 1000
        sock.vm_sockets_buffer_max_size = 8000
        sock.vm_sockets_buffer_size = 5000
        seen = [buffer_of(sock)]
        sock.vm_sockets_buffer_size = given
        seen.append(buffer_of(sock))

        assert observe("before_and_after", seen) == [[5000, 1000, 8000], [kept, 1000, 8000]]


@claim(
    "defacto/SO_VM_SOCKETS_BUFFER_MIN_SIZE/raises-the-size",
    says="Setting SO_VM_SOCKETS_BUFFER_MIN_SIZE of an AF_VSOCK stream or seqpacket socket above "
    "SO_VM_SOCKETS_BUFFER_SIZE raises that to it, and setting it lower again leaves the size.",
    since="5.14",
    commit="0798e78b102b",
    needs=[VSOCK],
)
@KINDS
def test_a_higher_least_size_raises_the_size(ns, observe, kind):
    with vsock(kind) as sock:
        sock.vm_sockets_buffer_size = 5000
        sock.vm_sockets_buffer_min_size = 5001
        seen = [buffer_of(sock)]
        sock.vm_sockets_buffer_min_size = 5
        seen.append(buffer_of(sock))

        assert observe("raised_and_lowered", seen) == [[5001, 5001, DEFAULT], [5001, 5, DEFAULT]]


@claim(
    "defacto/SO_VM_SOCKETS_BUFFER_MAX_SIZE/lowers-the-size",
    says="Setting SO_VM_SOCKETS_BUFFER_MAX_SIZE of an AF_VSOCK stream or seqpacket socket below "
    "SO_VM_SOCKETS_BUFFER_SIZE lowers that to it, and setting it higher again leaves the size.",
    since="5.14",
    commit="0798e78b102b",
    needs=[VSOCK],
)
@KINDS
def test_a_lower_largest_size_lowers_the_size(ns, observe, kind):
    with vsock(kind) as sock:
        sock.vm_sockets_buffer_size = 5000
        seen = [buffer_of(sock)]
        sock.vm_sockets_buffer_max_size = 4999
        seen.append(buffer_of(sock))
        sock.vm_sockets_buffer_max_size = 2**40
        seen.append(buffer_of(sock))

        assert observe("before_lowered_raised", seen) == [
            [5000, LEAST, DEFAULT],
            [4999, LEAST, 4999],
            [4999, LEAST, 2**40],
        ]


@claim(
    "defacto/SO_VM_SOCKETS_BUFFER_SIZE/largest-below-least",
    says="Where SO_VM_SOCKETS_BUFFER_MAX_SIZE of an AF_VSOCK stream socket is less than "
    "SO_VM_SOCKETS_BUFFER_MIN_SIZE, which is not refused, SO_VM_SOCKETS_BUFFER_SIZE is the largest size.",
    since="7.1",
    backports=("5.10.258", "5.15.209", "6.1.175", "6.6.140", "6.12.90", "6.18.32", "7.0.9"),
    commit="d114bfdc9b76",
    needs=[VSOCK],
)
def test_the_largest_size_wins_over_the_least(ns, observe):
    with vsock() as sock:
        sock.vm_sockets_buffer_min_size = 5000
        sock.vm_sockets_buffer_max_size = 4000
        sock.vm_sockets_buffer_size = 4500

        assert observe("size_least_largest", buffer_of(sock)) == [4000, 5000, 4000]


@claim(
    "defacto/SO_VM_SOCKETS_BUFFER_SIZE/optlen",
    says="setsockopt(2) and getsockopt(2) of SO_VM_SOCKETS_BUFFER_SIZE, _MIN_SIZE and _MAX_SIZE of an "
    "AF_VSOCK stream socket are refused with EINVAL for fewer than 8 bytes, an int too; of 12 bytes "
    "the first 8 are set, and 8 are given.",
    since="3.9",
    commit="d021c344051a",
    needs=[VSOCK],
)
@SIZES
def test_a_size_has_eight_bytes(ns, observe, option):
    with vsock() as sock:
        with refused(errno.EINVAL):
            sock.set(option.through(INT), 5000)
        with refused(errno.EINVAL, "errno_7_bytes"):
            sock.set(option.through(raw(7)), bytes(7))
        with refused(errno.EINVAL, "errno_get"):
            sock.get(option.through(raw(7)))
        sock.set(option.through(raw(12)), (5000).to_bytes(8, sys.byteorder) + b"more")

        assert observe("given", [len(sock.get(option.through(raw(12)))), sock.get(option)]) == [8, 5000]


@claim(
    "defacto/SO_VM_SOCKETS_CONNECT_TIMEOUT/default",
    says="SO_VM_SOCKETS_CONNECT_TIMEOUT of a new AF_VSOCK stream or seqpacket socket reads 2 s, reads what "
    "it is set to, and 2 s again when it is set to 0.",
    since="5.14",
    commit="0798e78b102b",
    needs=[VSOCK],
)
@KINDS
def test_it_has_two_seconds_to_connect(ns, observe, kind):
    with vsock(kind) as sock:
        seen = [sock.vm_sockets_connect_timeout]
        sock.vm_sockets_connect_timeout = 7
        seen.append(sock.vm_sockets_connect_timeout)
        sock.vm_sockets_connect_timeout = 0
        seen.append(sock.vm_sockets_connect_timeout)

        assert observe("seconds", seen) == [2.0, 7.0, 2.0]


@claim(
    "defacto/SO_VM_SOCKETS_CONNECT_TIMEOUT/range",
    says="SO_VM_SOCKETS_CONNECT_TIMEOUT of an AF_VSOCK stream socket cannot be set to negative seconds, "
    "nor to a million microseconds and more beside them, nor to 2^62 s: ERANGE; 999999 microseconds "
    "can be set.",
    since="3.9",
    commit="d021c344051a",
    needs=[VSOCK],
)
@pytest.mark.parametrize(("seconds", "microseconds"), [(-1, 0), (0, 1_000_000), (2**62, 0)])
def test_times_out_of_range_are_refused(ns, observe, seconds, microseconds):
    with vsock() as sock:
        with refused(errno.ERANGE):
            sock.set(SO_VM_SOCKETS_CONNECT_TIMEOUT.through(TIMEVAL), Timeval(seconds, microseconds))
        sock.set(SO_VM_SOCKETS_CONNECT_TIMEOUT.through(TIMEVAL), Timeval(4, 999_999))

        assert observe("seconds", int(sock.vm_sockets_connect_timeout)) == 5


@claim(
    "defacto/AF_VSOCK/options-inherited",
    says="The socket that accept(2) of an AF_VSOCK stream or seqpacket listener gives has the listener's "
    "SO_VM_SOCKETS_BUFFER_SIZE, _MIN_SIZE, _MAX_SIZE and SO_VM_SOCKETS_CONNECT_TIMEOUT.",
    since="5.14",
    commit="6e90a57795aa",
    needs=[VSOCK_LOOPBACK],
)
@KINDS
def test_an_accepted_socket_has_the_options_of_its_listener(ns, observe, kind):
    with listening(kind=kind) as listener, vsock(kind) as client:
        listener.vm_sockets_buffer_min_size = 1000
        listener.vm_sockets_buffer_max_size = 8000
        listener.vm_sockets_buffer_size = 5000
        listener.vm_sockets_connect_timeout = 7
        client.connect(Vsock(LOCAL, port_of(listener)))
        with accepted_from(listener) as accepted:
            seen = [*buffer_of(accepted), accepted.vm_sockets_connect_timeout]

            assert observe("accepted_and_client", [seen, buffer_of(client)]) == [
                [5000, 1000, 8000, 7.0],
                [DEFAULT, LEAST, DEFAULT],
            ]
