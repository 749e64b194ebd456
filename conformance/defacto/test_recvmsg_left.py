"""What recvmsg(2) leaves in its header: where it fails, and of its vectors."""

from __future__ import annotations

import errno
from socket import MSG_DONTWAIT

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.message_calls import left_by_recvmsg
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.states import connected

KINDS = pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "unix-datagram", "unix-seqpacket"])
ONE_END = {"no-op: connect*": "an end that only receives needs no peer"}
FLAGS, ROOM, VECTOR = 0x1234, 100, 50
"""msg_flags, msg_namelen and msg_controllen, and iov_len before the call."""


@claim(
    "defacto/recvmsg/failed",
    says="A recvmsg(2) on a TCP, UDP or UNIX socket that fails with EAGAIN leaves msg_flags, msg_namelen, "
    "msg_controllen and iov_len as they were.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END,
)
@KINDS
def test_a_failure_changes_nothing(ns, observe, kind):
    with connected(kind) as (sock, _):
        assert observe("left", left_by_recvmsg(sock, MSG_DONTWAIT)) == [
            -errno.EAGAIN,
            FLAGS,
            ROOM,
            ROOM,
            VECTOR,
        ]


@claim(
    "defacto/recvmsg/vectors-unchanged",
    says="A recvmsg(2) on a TCP, UDP or UNIX socket that receives 5 bytes into a vector of 50 leaves "
    "iov_len as it was, and sets msg_flags and msg_controllen to 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END,
)
@KINDS
def test_the_vector_stays(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.send(b"hello")
        await_readable(sock)
        returned, flags, _, control, vector = left_by_recvmsg(sock)

        assert observe("left", [returned, flags, control, vector]) == [5, 0, 0, VECTOR]
