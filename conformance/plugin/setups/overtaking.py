"""Packets that wait at an interface, where one can overtake another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from termios import TIOCOUTQ

from libsocket import Socket
from netns import Host, Peers


@contextmanager
def overtaking(hosts: Peers) -> Iterator[tuple[Socket, Socket, Socket]]:
    """Two UDP senders on the left, bulk and interactive, and their receiver beyond a slow interface."""
    with hosts.left.entered():
        bulk, interactive = Socket.udp(), Socket.udp()
    with hosts.right.entered():
        receiver = Socket.udp()
    with bulk, interactive, receiver:
        receiver.rcvtimeo = 10
        receiver.bind((hosts.right.address, 0))
        bulk.connect(receiver.getsockname())
        interactive.connect(receiver.getsockname())
        interactive.send(b"finds the neighbour")
        receiver.recv(20)
        _slow_down(hosts.left)
        yield bulk, interactive, receiver


def _slow_down(host: Host) -> None:
    """Let a host send a full packet in an eighth of a second, and what waits in bands by priority."""
    host.namespace.add_qdisc(host.device, "tbf", handle="1:", rate="100kbit", burst=2000, limit=100_000)
    host.namespace.add_qdisc(host.device, "pfifo_fast", handle="2:", parent="1:1")


def _waits(sender: Socket) -> bool:
    """Whether something that was sent is still in a queue of this host (SIOCOUTQ, udp(7))."""
    return ioctl(sender, TIOCOUTQ, bytes(4)) != bytes(4)


def queue_both(bulk: Socket, interactive: Socket, receiver: Socket) -> None:
    """Send bulk, then interactive, behind packets that hold both up.

    Should bulk have left before interactive was queued, this machine was slow, and it is done over.
    """
    for _ in range(2):
        interactive.send(bytes(1472))
    bulk.send(b"bulk")
    interactive.send(b"interactive")
    if not _waits(bulk):
        queued_messages(receiver)
        queue_both(bulk, interactive, receiver)


def queued_messages(receiver: Socket) -> list[str]:
    """The next two messages that are not mere weight."""
    messages = (receiver.recv(2000) for _ in range(4))
    return [message.decode() for message in messages if len(message) < 1472]
