"""SO_ATTACH_BPF and SO_DETACH_BPF: an extended program decides what is received."""

from __future__ import annotations

import errno
import os

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import EBPF
from conformance.plugin.refusal import refused
from conformance.plugin.setups.bpf import SK_REUSEPORT, returning
from conformance.plugin.setups.pairs import unix_datagram_pair
from conformance.plugin.timing import SOON
from libsocket import INT, SO_ATTACH_BPF, Filter, raw

SINCE = "3.19"


@claim(
    "socket.7/SO_ATTACH_BPF/filters",
    sentence=(
        "socket.7/SO_ATTACH_BPF/attaches",
        "socket.7/SO_ATTACH_FILTER/less",
        "socket.7/SO_ATTACH_FILTER/as-much",
    ),
    section="Socket options",
    says="A UNIX datagram of 5 bytes is cut to the number that the receiver's extended program returns, or "
    "passes as it is where that is not less.",
    since=SINCE,
    needs=[EBPF],
)
@pytest.mark.parametrize("returned", [1, 4, 5, 6])
def test_a_program_cuts(ns, observe, returned):
    left, right = unix_datagram_pair()
    with left, right, returning(2) as other, returning(returned) as program:
        right.rcvtimeo = SOON
        right.attach_bpf = other
        left.send(b"hello")
        right.attach_bpf = program
        left.send(b"hello")

        assert observe("received", [right.recv(9).decode(), right.recv(9).decode()]) == [
            "he",
            "hello"[:returned],
        ]


@claim(
    "socket.7/SO_ATTACH_BPF/zero-drops",
    sentence=("socket.7/SO_ATTACH_BPF/attaches", "socket.7/SO_ATTACH_FILTER/zero"),
    section="Socket options",
    says="A UNIX datagram for which the receiver's extended program returns zero is dropped.",
    since=SINCE,
    needs=[EBPF],
    survives={'no-op: sendto("dropped"*': "what a filter drops shows by its absence only"},
)
def test_zero_drops(ns, observe):
    left, right = unix_datagram_pair()
    with left, right, returning(0) as dropping, returning(4) as cutting:
        right.rcvtimeo = SOON
        right.attach_bpf = dropping
        sent = [left.send(b"dropped")]
        right.attach_bpf = cutting
        sent.append(left.send(b"taken"))

        assert observe("sent_and_received", [sent, right.recv(100).decode()]) == [[7, 5], "take"]


@claim(
    "socket.7/SO_ATTACH_BPF/type",
    sentence="socket.7/SO_ATTACH_BPF/type",
    section="Socket options",
    says="SO_ATTACH_BPF of a UNIX datagram socket takes a program of the type BPF_PROG_TYPE_SOCKET_FILTER, "
    "and neither one of the type BPF_PROG_TYPE_SK_REUSEPORT nor a descriptor of something else.",
    since=SINCE,
    needs=[EBPF],
)
def test_only_socket_filters_are_taken(ns, observe):
    left, right = unix_datagram_pair()
    with left, right, returning(4) as program, returning(1, SK_REUSEPORT) as another:
        right.rcvtimeo = SOON
        right.attach_bpf = program
        with refused():
            right.attach_bpf = another
        with refused(name="errno_of_a_socket"):
            right.attach_bpf = left.fileno()
        left.send(b"hello")

        assert observe("received", right.recv(100).decode()) == "hell"


@claim(
    "socket.7/SO_ATTACH_BPF/one-of-both-kinds",
    sentence=("socket.7/SO_ATTACH_BPF/one", "socket.7/SO_ATTACH_FILTER/again"),
    section="Socket options",
    says="A classic and an extended program attached to one UNIX datagram socket replace each other: only "
    "the last one cuts what comes.",
    since=SINCE,
    needs=[EBPF],
)
def test_each_kind_replaces_the_other(ns, observe):
    left, right = unix_datagram_pair()
    with left, right, returning(2) as program:
        right.rcvtimeo = SOON
        right.attach_bpf = program
        left.send(b"hello")
        right.attach_filter = Filter.accept(3)
        left.send(b"hello")
        right.attach_bpf = program
        left.send(b"hello")
        received = [right.recv(9).decode() for _ in range(3)]

        assert observe("received", received) == ["he", "hel", "he"]


@claim(
    "socket.7/SO_DETACH_BPF/synonym",
    sentence=("socket.7/SO_DETACH_BPF/synonym", "socket.7/SO_DETACH_FILTER/removes"),
    section="Socket options",
    says="SO_DETACH_BPF, which has the number of SO_DETACH_FILTER, removes an extended program of a UNIX "
    "datagram socket; what comes then passes whole.",
    since=SINCE,
    needs=[EBPF],
)
def test_an_extended_program_is_removed(ns, observe):
    left, right = unix_datagram_pair()
    with left, right, returning(2) as program:
        right.rcvtimeo = SOON
        right.attach_bpf = program
        left.send(b"hello")
        right.detach_filter = 0
        left.send(b"hello")

        assert observe("received", [right.recv(9).decode(), right.recv(9).decode()]) == ["he", "hello"]


@claim(
    "defacto/SO_ATTACH_BPF/stays-when-closed",
    says="A program stays attached to a UNIX datagram socket when its descriptor is closed.",
    since=SINCE,
    commit="89aa075832b0",
    needs=[EBPF],
)
def test_the_program_outlives_its_descriptor(ns, observe):
    left, right = unix_datagram_pair()
    with left, right:
        right.rcvtimeo = SOON
        with returning(2) as program:
            right.attach_bpf = program
        with refused(errno.EBADF):
            os.fstat(program)
        left.send(b"hello")

        assert observe("received", right.recv(9).decode()) == "he"


@claim(
    "socket.7/SO_LOCK_FILTER/extended-program",
    sentence=("socket.7/SO_LOCK_FILTER/which", "socket.7/SO_LOCK_FILTER/eperm"),
    section="Socket options",
    says="Once SO_LOCK_FILTER of a UNIX datagram socket is on, its extended program can be replaced by "
    "neither kind nor removed: EPERM.",
    since=SINCE,
    needs=[EBPF],
)
def test_a_lock_holds_an_extended_program(ns, observe):
    left, right = unix_datagram_pair()
    with left, right, returning(2) as program, returning(3) as another:
        right.rcvtimeo = SOON
        right.attach_bpf = another
        left.send(b"hello")
        right.attach_bpf = program
        right.lock_filter = True
        with refused(errno.EPERM):
            right.attach_bpf = another
        with refused(errno.EPERM, "errno_of_classic"):
            right.attach_filter = Filter.accept(3)
        with refused(errno.EPERM, "errno_of_detach"):
            right.detach_filter = 0
        left.send(b"hello")

        assert observe("received", [right.recv(9).decode(), right.recv(9).decode()]) == ["hel", "he"]


@claim(
    "defacto/SO_ATTACH_BPF/optlen",
    says="Setting SO_ATTACH_BPF of a UNIX datagram socket with other than four bytes, none, three, "
    "five or eight, is refused with EINVAL, and the program that it has stays.",
    since=SINCE,
    commit="89aa075832b0",
    needs=[EBPF],
)
@pytest.mark.parametrize("size", [0, 3, 5, 8])
def test_a_descriptor_has_four_bytes(ns, observe, size):
    left, right = unix_datagram_pair()
    with left, right, returning(2) as program, returning(3) as another:
        right.rcvtimeo = SOON
        right.attach_bpf = program
        with refused(errno.EINVAL):
            right.set(SO_ATTACH_BPF.through(raw(size)), (INT.encode(another) + bytes(4))[:size])
        left.send(b"hello")
        right.set(SO_ATTACH_BPF.through(raw(4)), INT.encode(another))
        left.send(b"hello")

        assert observe("received", [right.recv(9).decode(), right.recv(9).decode()]) == ["he", "hel"]
