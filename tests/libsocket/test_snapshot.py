"""Snapshots beside each other."""

from __future__ import annotations

from libsocket import Change, Socket, diff


def test_one_change_is_the_difference() -> None:
    with Socket.tcp() as sock:
        before = sock.options()
        sock.keepalive = True

        assert diff(before, sock.options())["SO_KEEPALIVE"] == Change(before=False, after=True)


def test_equal_snapshots_have_no_difference() -> None:
    with Socket.udp() as sock:
        held = sock.options()

        assert diff(held, held) == {}


def test_what_one_socket_lacks_differs() -> None:
    with Socket.tcp() as stream, Socket.udp() as datagram:
        differing = diff(stream.options(), datagram.options())

        assert (differing["TCP_NODELAY"], differing["UDP_CORK"]) == (Change(False, None), Change(None, False))


def test_names_keep_the_order_of_the_snapshots() -> None:
    assert list(diff({"b": 1, "a": 1}, {"c": 1, "a": 2})) == ["b", "a", "c"]
