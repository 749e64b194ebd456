"""UDP and TCP sockets of a host, and who sends to them one message each."""

from __future__ import annotations

import socket

from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Host


def on(host: Host, kind: str) -> Socket:
    """A socket of a host that gives up what does not come."""
    with host.entered():
        sock = SOCKETS[kind]()
    sock.rcvtimeo = sock.sndtimeo = SOON
    return sock


def serve(host: Host, kind: str, address: str, port: int = 0) -> Socket:
    """A UDP socket that is bound to an address of a host, or a TCP one that listens there."""
    sock = on(host, kind)
    sock.bind((address, port))
    if kind.startswith("tcp"):
        sock.listen()
    return sock


def say(client: Socket, text: str, to: tuple[str, int]) -> None:
    """Send something to a UDP socket, or to what a TCP listener will accept."""
    client.connect(to)
    client.send(text.encode())


def heard(server: Socket) -> str:
    """What came to a UDP socket, or by a connection that a listener accepted."""
    if server.type == socket.SOCK_DGRAM:
        return server.recv(20).decode()
    with server.accept()[0] as accepted:
        accepted.rcvtimeo = SOON
        return accepted.recv(20).decode()
