"""SO_ATTACH_FILTER, SO_DETACH_FILTER, SO_LOCK_FILTER: a program decides what is received."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import await_those_before, udp_pair, unix_datagram_pair
from conformance.plugin.timing import SOON
from libsocket import Filter, Socket

UDP_HEADER = 8

DATAGRAMS = pytest.mark.parametrize("pair", [udp_pair, unix_datagram_pair])
DROPPED_LEAVES_NO_TRACE = {
    'no-op: sendto("dropped"*': "what a filter drops shows by its absence only",
    "no-op: close()*": "what is closed has told that the dropped datagram had arrived",
}
UNIX_MESSAGES = pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])


@claim(
    "socket.7/SO_ATTACH_FILTER/zero-drops",
    sentence=(
        "socket.7/SO_ATTACH_FILTER/attaches",
        "socket.7/SO_ATTACH_FILTER/zero",
        "filter/Introduction/any-socket",
        "filter/Introduction/at-once",
        "filter/Example/families",
    ),
    section="Socket options",
    says="A UDP or UNIX datagram for which the receiver's classic program returns zero is dropped.",
    since="2.2",
    survives=DROPPED_LEAVES_NO_TRACE,
)
@DATAGRAMS
def test_zero_drops(ns, observe, pair):
    left, right = pair()
    with left, right:
        right.rcvtimeo = 5
        right.attach_filter = Filter.drop_all()
        sent = [left.send(b"dropped")]
        await_those_before(pair)
        right.attach_filter = Filter.accept_all()
        sent.append(left.send(b"taken"))

        assert observe("sent_and_received", [sent, right.recv(100).decode()]) == [[7, 5], "taken"]


@claim(
    "socket.7/SO_ATTACH_FILTER/zero-drops-on-unix-streams",
    sentence=("socket.7/SO_ATTACH_FILTER/zero", "filter/Introduction/any-socket"),
    section="Socket options",
    says="What a UNIX stream is sent while its classic program returns zero is dropped.",
    since="2.2",
    expect=differs(
        "UNIX streams take a program and never run it; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"attached": [True, True], "received": "droppedtaken"},
    ),
)
def test_zero_drops_on_a_unix_stream(ns, observe):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = 5
        right.attach_filter = Filter.drop_all()
        attached = [right.filter() == Filter.drop_all()]
        left.send(b"dropped")
        right.attach_filter = Filter.accept_all()
        attached.append(right.filter() == Filter.accept_all())
        left.send(b"taken")

        assert [observe("attached", attached), observe("received", right.recv(99).decode())] == [
            [True, True],
            "taken",
        ]


@claim(
    "socket.7/SO_ATTACH_FILTER/less-truncates",
    sentence="socket.7/SO_ATTACH_FILTER/less",
    section="Socket options",
    says="A message to a UNIX datagram or seqpacket socket that is longer than what the classic program "
    "returns is cut to that length.",
    since="2.2",
)
@UNIX_MESSAGES
@pytest.mark.parametrize("returned", [1, 4])
def test_less_truncates(ns, observe, kind, returned):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = 5
        right.attach_filter = Filter.accept(returned)
        left.send(b"hello")

        assert observe("received", right.recv(100).decode()) == "hello"[:returned]


@claim(
    "socket.7/SO_ATTACH_FILTER/less-truncates-udp",
    sentence="socket.7/SO_ATTACH_FILTER/less",
    section="Socket options",
    says="Of a UDP datagram whose data are longer than the 10 that the classic program returns, 10 bytes are "
    "received.",
    since="2.2",
    expect=differs(
        "the 8 bytes of the UDP header count in what the program returns; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"received": "he"},
    ),
)
def test_less_truncates_udp(ns, observe):
    left, right = udp_pair()
    with left, right:
        right.rcvtimeo = 5
        right.attach_filter = Filter.accept(UDP_HEADER + 2)
        left.send(b"hello, world")

        assert observe("received", right.recv(100).decode()) == "hello, wor"


@claim(
    "defacto/SO_ATTACH_FILTER/udp-header-stays",
    says="Of a UDP datagram, over IPv4 and IPv6, for which the classic program returns fewer bytes than the "
    "8 of its header, but not 0, no byte of its data is received; with 9 one is.",
    since="4.7",
    commit="a612769774a3",
    needs=[IPV6],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(("size", "received"), [(1, ""), (7, ""), (8, ""), (9, "h")])
def test_the_header_stays(ns, observe, host, size, received):
    left, right = udp_pair(host)
    with left, right:
        right.rcvtimeo = SOON
        right.attach_filter = Filter.accept(size)
        left.send(b"hello")

        assert observe("received", right.recv(100).decode()) == received


@claim(
    "socket.7/SO_ATTACH_FILTER/as-much-passes",
    sentence="socket.7/SO_ATTACH_FILTER/as-much",
    section="Socket options",
    says="A message to a UNIX datagram or seqpacket socket that is no longer than what the classic program "
    "returns passes as it is.",
    since="2.2",
)
@UNIX_MESSAGES
@pytest.mark.parametrize("returned", [5, 6, 2**31 - 1])
def test_as_much_passes(ns, observe, kind, returned):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = 5
        right.attach_filter = Filter.accept(returned)
        left.send(b"hello")

        assert observe(
            "program_and_received", [right.filter() == Filter.accept(returned), right.recv(9).decode()]
        ) == [
            True,
            "hello",
        ]


@claim(
    "socket.7/SO_ATTACH_FILTER/replaces",
    sentence=("socket.7/SO_ATTACH_FILTER/again", "filter/Introduction/replaces"),
    section="Socket options",
    says="Attaching another classic program to a UNIX datagram socket replaces the one that was there.",
    since="2.2",
)
@pytest.mark.parametrize(("first", "second"), [(4, 2), (2, 4)])
def test_another_replaces(ns, observe, first, second):
    left, right = unix_datagram_pair()
    with left, right:
        right.rcvtimeo = 5
        right.attach_filter = Filter.accept(first)
        left.send(b"hello")
        right.attach_filter = Filter.accept(second)
        left.send(b"hello")

        assert observe("received", [right.recv(9).decode(), right.recv(9).decode()]) == [
            "hello"[:first],
            "hello"[:second],
        ]


@claim(
    "socket.7/SO_DETACH_FILTER/removes",
    sentence=(
        "socket.7/SO_DETACH_FILTER/removes",
        "socket.7/SO_DETACH_FILTER/value",
        "filter/Introduction/detach",
        "filter/Example/summary",
    ),
    section="Socket options",
    says="Detaching removes the classic program of a UDP or UNIX datagram socket, whatever value is given.",
    since="2.2",
    survives=DROPPED_LEAVES_NO_TRACE,
)
@DATAGRAMS
@pytest.mark.parametrize("value", [0, 7, -1])
def test_detaching_removes(ns, observe, pair, value):
    left, right = pair()
    with left, right:
        right.rcvtimeo = 5
        right.attach_filter = Filter.drop_all()
        sent = [left.send(b"dropped")]
        await_those_before(pair)
        right.detach_filter = value
        sent.append(left.send(b"taken"))

        assert observe("sent_and_received", [sent, right.recv(100).decode()]) == [[7, 5], "taken"]


@claim(
    "socket.7/SO_LOCK_FILTER/holds-the-program",
    sentence=(
        "socket.7/SO_LOCK_FILTER/prevents",
        "socket.7/SO_LOCK_FILTER/eperm",
        "filter/Introduction/lock",
        "filter/Introduction/lock-privileges",
    ),
    section="Socket options",
    says="Once SO_LOCK_FILTER is on, the classic program of a UNIX datagram socket can be neither replaced "
    "nor removed: EPERM.",
)
@pytest.mark.parametrize(
    ("change", "value"),
    [("attach_filter", Filter.accept_all()), ("detach_filter", 0)],
    ids=["attach", "detach"],
)
def test_a_lock_holds_the_program(ns, observe, change, value):
    left, right = unix_datagram_pair()
    with left, right:
        right.rcvtimeo = 5
        right.attach_filter = Filter.accept(4)
        left.send(b"hello")
        setattr(right, change, value)
        left.send(b"hello")
        right.attach_filter = Filter.accept(2)
        right.lock_filter = True
        with refused(errno.EPERM):
            setattr(right, change, value)
        left.send(b"hello")

        received = [right.recv(9).decode() for _ in range(3)]
        assert observe("received", received) == ["hell", "hello", "he"]


@claim(
    "socket.7/SO_LOCK_FILTER/stays-on",
    sentence=("socket.7/SO_LOCK_FILTER/eperm", "filter/Example/lock"),
    section="Socket options",
    says="Once SO_LOCK_FILTER of a UDP or UNIX stream socket is on, it cannot be switched off: EPERM.",
    survives={"no-op: setsockopt(*SO_LOCK_FILTER, ?0?*": "it is off at first, and this is not refused then"},
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.unix])
def test_a_lock_stays_on(ns, observe, make):
    with make() as sock:
        sock.lock_filter = False
        sock.lock_filter = True
        with refused(errno.EPERM):
            sock.lock_filter = False

        assert observe("locked", sock.lock_filter) is True
