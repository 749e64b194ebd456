"""What calls sockets take beside their own: read and write, and no seeking."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import connected_udp_pair, udp_pair, unix_datagram_pair
from conformance.plugin.timing import SOON
from libsocket import Socket

ONE_WAY = pytest.mark.parametrize("pair", [Socket.tcp_pair, udp_pair, Socket.pair, unix_datagram_pair])
PAIRS = pytest.mark.parametrize(
    "pair", [Socket.tcp_pair, connected_udp_pair, Socket.pair, unix_datagram_pair]
)


@claim(
    "socket.7/socketpair/few-families",
    sentence="socket.7/functions/socketpair",
    section="Socket-layer functions",
    says="socketpair makes two connected sockets of AF_UNIX, neither of which has a name. It makes none of "
    "AF_INET, AF_INET6 or AF_NETLINK.",
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK])
def test_few_families_have_pairs(ns, observe, family):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        left.send(b"x")
        names = [left.getsockname(), left.getpeername()]
        with refused():
            socket.socketpair(family, socket.SOCK_DGRAM)

        assert observe("received_and_names", [right.recv(9).decode(), *names]) == ["x", "", ""]


@claim(
    "socket.7/write/sends",
    sentence="socket.7/functions/standard-io",
    section="Socket-layer functions",
    says="What write and writev write to a connected TCP, UDP or UNIX socket is received with read and readv "
    "at its peer.",
)
@ONE_WAY
def test_standard_calls_write_and_read(ns, observe, pair):
    left, right = pair()
    with left, right:
        right.rcvtimeo = SOON
        one, two = bytearray(1), bytearray(3)
        written = [os.write(left.fileno(), b"abc")]
        read = [os.read(right.fileno(), 9).decode()]
        written.append(os.writev(left.fileno(), [b"d", b"ef"]))
        count = os.readv(right.fileno(), [one, two])

        assert observe("written_and_read", [written, *read, count, one.decode(), two[:2].decode()]) == [
            [3, 3],
            "abc",
            3,
            "d",
            "ef",
        ]


@claim(
    "socket.7/sendfile/sends",
    sentence="socket.7/functions/standard-io",
    section="Socket-layer functions",
    says="sendfile sends what a file holds through a connected TCP or UNIX stream socket.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_sendfile_sends_a_file(ns, observe, pair, tmp_path):
    (tmp_path / "file").write_bytes(b"0123456789")
    left, right = pair()
    with left, right, (tmp_path / "file").open("rb") as file:
        right.rcvtimeo = SOON
        sent = os.sendfile(left.fileno(), file.fileno(), 3, 4)

        assert observe("sent_and_received", [sent, right.recv(20).decode()]) == [4, "3456"]


@claim(
    "socket.7/pread/position",
    sentence="socket.7/functions/seeking",
    section="Socket-layer functions",
    says="pread and pwrite with another position than zero fail on a TCP, UDP or UNIX socket, and so does "
    "lseek; what had arrived stays to be read.",
)
@PAIRS
@pytest.mark.parametrize(
    "call",
    [
        lambda fd: os.pread(fd, 1, 5),
        lambda fd: os.pwrite(fd, b"x", 5),
        lambda fd: os.lseek(fd, 0, os.SEEK_CUR),
    ],
    ids=["pread", "pwrite", "lseek"],
)
def test_a_socket_has_no_positions(ns, observe, pair, call):
    left, right = pair()
    with left, right:
        left.rcvtimeo = right.rcvtimeo = SOON
        left.send(b"to the right")
        right.send(b"to the left")
        with refused():
            call(right.fileno())
        received = [left.recv(20).decode(), right.recv(20).decode()]

        assert observe("received", received) == ["to the left", "to the right"]


@claim(
    "defacto/pread/at-zero",
    says="pread and pwrite fail on a TCP or UNIX stream socket at position zero too: ESPIPE.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
@pytest.mark.parametrize(
    "call", [lambda fd: os.pread(fd, 1, 0), lambda fd: os.pwrite(fd, b"x", 0)], ids=["pread", "pwrite"]
)
def test_position_zero_is_refused_too(ns, observe, pair, call):
    left, right = pair()
    with left, right:
        left.rcvtimeo = right.rcvtimeo = SOON
        left.send(b"to the right")
        right.send(b"to the left")
        with refused(errno.ESPIPE):
            call(right.fileno())
        received = [left.recv(20).decode(), right.recv(20).decode()]

        assert observe("received", received) == ["to the left", "to the right"]
