"""A Socket in an event loop, which takes it for what it is: a socket of the standard library."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from libsocket import Batch, Socket
from netns import Namespace


@pytest.fixture(autouse=True)
def _ns() -> Iterator[None]:
    with Namespace():
        yield


def test_stream_is_connected_accepted_sent_and_received() -> None:
    async def talk() -> tuple[type, bytes, bytes]:
        loop = asyncio.get_running_loop()
        with Socket.tcp() as listener, Socket.tcp() as client:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            listener.nonblocking = client.nonblocking = True
            accepting = asyncio.create_task(loop.sock_accept(listener))
            await loop.sock_connect(client, listener.getsockname())
            server, _ = await accepting
            with server:
                server.setblocking(False)
                await loop.sock_sendall(client, b"question")
                question = await loop.sock_recv(server, 100)
                await loop.sock_sendall(server, b"answer")
                buffer = bytearray(6)
                await loop.sock_recv_into(client, buffer)
                return type(server), question, bytes(buffer)

    assert asyncio.run(talk()) == (Socket, b"question", b"answer")


def test_datagrams_are_sent_and_received() -> None:
    async def talk() -> tuple[bytes, bool]:
        loop = asyncio.get_running_loop()
        with Socket.udp() as near, Socket.udp() as far:
            far.bind(("127.0.0.1", 0))
            near.bind(("127.0.0.1", 0))
            near.nonblocking = far.nonblocking = True
            receiving = asyncio.create_task(loop.sock_recvfrom(far, 100))
            await loop.sock_sendto(near, b"x", far.getsockname())
            data, address = await receiving
            return data, address == near.getsockname()

    assert asyncio.run(talk()) == (b"x", True)


def test_loop_says_when_messages_can_be_received() -> None:
    async def talk() -> list[bytes]:
        left, right = Socket.pair(socket.SOCK_DGRAM)
        with left, right:
            left.nonblocking = right.nonblocking = True
            ready = asyncio.Event()
            loop = asyncio.get_running_loop()
            loop.add_reader(right, ready.set)
            left.send_messages([b"a", b"b"])
            await ready.wait()
            loop.remove_reader(right)
            return [one.data for one in right.recv_messages(Batch())]

    assert asyncio.run(talk()) == [b"a", b"b"]


def test_transport_takes_a_socket() -> None:
    async def talk() -> bytes:
        left, right = Socket.pair()
        with right:
            reader, writer = await asyncio.open_connection(sock=left)
            right.send(b"through a transport\n")
            line = await reader.readline()
            writer.close()
            await writer.wait_closed()
            return line

    assert asyncio.run(talk()) == b"through a transport\n"
