"""SO_ATTACH_FILTER, SO_DETACH_FILTER, SO_LOCK_FILTER: a program decides what is received."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import unix_datagram_pair
from libsocket import Filter, Socket


def received(right: Socket) -> list[str]:
    """All that waits on a socket."""
    right.nonblocking = True
    messages = []
    while True:
        try:
            messages.append(right.recv(100).decode())
        except BlockingIOError:
            return messages


@claim(
    "socket.7/SO_ATTACH_FILTER/zero-drops",
    section="Socket options",
    says="A packet for which the program returns zero is dropped.",
)
def test_zero_drops(ns, observe):
    left, right = unix_datagram_pair()
    with left, right:
        right.attach_filter = Filter.drop_all()
        left.send(b"dropped")
        right.attach_filter = Filter.accept_all()
        left.send(b"taken")

        assert observe("received", received(right)) == ["taken"]


@claim(
    "socket.7/SO_ATTACH_FILTER/less-truncates",
    section="Socket options",
    says="A packet longer than what the program returns is cut to that length.",
)
@pytest.mark.parametrize("kept", [1, 4])
def test_less_truncates(ns, observe, kept):
    left, right = unix_datagram_pair()
    with left, right:
        right.attach_filter = Filter.accept(kept)
        left.send(b"hello")

        assert observe("received", received(right)) == ["hello"[:kept]]


@claim(
    "socket.7/SO_ATTACH_FILTER/as-much-passes",
    section="Socket options",
    says="A packet no longer than what the program returns passes as it is.",
)
@pytest.mark.parametrize("returned", [5, 6, 2**31 - 1])
def test_as_much_passes(ns, observe, returned):
    left, right = unix_datagram_pair()
    with left, right:
        right.attach_filter = Filter.accept(returned)
        left.send(b"hello")

        assert observe("received", received(right)) == ["hello"]


@claim(
    "socket.7/SO_ATTACH_FILTER/replaces",
    section="Socket options",
    says="Attaching another program replaces the one that was there.",
)
def test_another_replaces(ns, observe):
    left, right = unix_datagram_pair()
    with left, right:
        right.attach_filter = Filter.accept(4)
        right.attach_filter = Filter.accept(2)
        left.send(b"hello")

        assert observe("received", received(right)) == ["he"]


@claim(
    "socket.7/SO_DETACH_FILTER/removes",
    section="Socket options",
    says="Detaching removes the program; the value of the option is ignored.",
)
@pytest.mark.parametrize("value", [0, 7])
def test_detaching_removes(ns, observe, value):
    left, right = unix_datagram_pair()
    with left, right:
        right.attach_filter = Filter.drop_all()
        left.send(b"dropped")
        right.detach_filter = value
        left.send(b"taken")

        assert observe("received", received(right)) == ["taken"]


@claim(
    "socket.7/SO_LOCK_FILTER/holds-the-program",
    section="Socket options",
    says="Once locked, a program can be neither replaced nor removed, nor unlocked: EPERM.",
)
@pytest.mark.parametrize(
    ("change", "value"),
    [("attach_filter", Filter.accept_all()), ("detach_filter", 0), ("lock_filter", False)],
    ids=["attach", "detach", "unlock"],
)
def test_a_lock_holds_the_program(ns, observe, change, value):
    left, right = unix_datagram_pair()
    with left, right:
        right.attach_filter = Filter.accept(4)
        setattr(right, change, value)
        right.attach_filter = Filter.accept(2)
        right.lock_filter = True
        with refused(errno.EPERM):
            setattr(right, change, value)
        left.send(b"hello")

        assert observe("received", received(right)) == ["he"]
