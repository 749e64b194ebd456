from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from netns import Namespace, SocketNotFound, sock_diag

SO_MARK = 36


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with Namespace(), socket.create_server(("127.0.0.1", 0), backlog=7) as made:
        yield made


def test_waiting_bytes_are_counted(server: socket.socket) -> None:
    with socket.create_connection(server.getsockname()) as client, server.accept()[0] as accepted:
        client.sendall(b"abc")

        seen = sock_diag(accepted)

        assert (seen.state, seen.receive_queue, seen.send_queue, seen.uid) == (1, 3, 0, 0)


def test_a_listener_has_its_backlog_and_waiting_connections(server: socket.socket) -> None:
    with socket.create_connection(server.getsockname()):
        seen = sock_diag(server)

    assert (seen.state, seen.receive_queue, seen.send_queue) == (10, 1, 7)


def test_the_mark_is_reported() -> None:
    with Namespace(), socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, SO_MARK, 7)
        sock.bind(("127.0.0.1", 0))

        assert sock_diag(sock).mark == 7


def test_a_unix_socket_names_its_peer() -> None:
    with Namespace():
        left, right = socket.socketpair()
        with left, right:
            left.send(b"abc")

            seen = sock_diag(right)

            assert (seen.receive_queue, seen.attributes["peer"]) == (3, sock_diag(left).inode)


def test_a_socket_of_another_namespace_is_not_found(server: socket.socket) -> None:
    with Namespace(), pytest.raises(SocketNotFound, match="in this network namespace"):
        sock_diag(server)

    assert sock_diag(server).state == 10
