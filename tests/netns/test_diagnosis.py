from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from netns import Namespace, diagnosis
from netns.diagnosis import Unknown

SO_MARK = 36


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with Namespace(), socket.create_server(("127.0.0.1", 0), backlog=7) as made:
        yield made


def test_bytes_that_wait_are_told(server: socket.socket) -> None:
    with socket.create_connection(server.getsockname()) as client, server.accept()[0] as accepted:
        client.sendall(b"abc")

        told = diagnosis(accepted)

        assert (told.state, told.receive_queue, told.send_queue, told.uid) == (1, 3, 0, 0)


def test_a_listener_tells_its_backlog_and_who_waits(server: socket.socket) -> None:
    with socket.create_connection(server.getsockname()):
        told = diagnosis(server)

    assert (told.state, told.receive_queue, told.send_queue) == (10, 1, 7)


def test_the_mark_is_told() -> None:
    with Namespace(), socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, SO_MARK, 7)
        sock.bind(("127.0.0.1", 0))

        assert diagnosis(sock).mark == 7


def test_a_unix_socket_knows_its_peer() -> None:
    with Namespace():
        left, right = socket.socketpair()
        with left, right:
            left.send(b"abc")

            told = diagnosis(right)

            assert (told.receive_queue, told.more["peer"]) == (3, diagnosis(left).inode)


def test_a_socket_of_another_namespace_is_unknown(server: socket.socket) -> None:
    with Namespace(), pytest.raises(Unknown, match="in this network namespace"):
        diagnosis(server)

    assert diagnosis(server).state == 10
