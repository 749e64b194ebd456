"""UNIX sockets that are nowhere but in the queues of each other: left behind, and closed by the kernel.

It looks for them when a UNIX socket is closed, in the background on later kernels, and for those of the whole
system: a pipe whose writing end is sent beside them shows when they are closed.
"""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Final

from conformance.plugin.setups.descriptors import Pipe, pipes
from conformance.plugin.setups.ioctls import REQUESTS, asked
from conformance.plugin.setups.waiting import wait_until
from conformance.plugin.timing import SOON
from libsocket import Rights, Socket

OTHERS_ARE_CLOSED: Final = {"no-op: close() = 0": "the kernel looks when any UNIX socket is closed"}
"""For the claims that have it look; how often a process has a socket open they observe."""
_A_MOMENT: Final = 0.02
_DESCRIPTORS: Final = "/proc/self/fd"
_MOST: Final = 253
"""Descriptors that one message can have."""
_MANY: Final = 4096
"""More than are in flight here."""


def send_beside(sock: Socket, beside: Pipe, *others: Socket) -> None:
    """Send some sockets, and beside them a pipe's writing end, which is then open nowhere else."""
    sock.send_message(b"x", Rights(*others, beside.writer))
    beside.writer.close()


def leave(beside: Pipe) -> None:
    """Leave a UNIX datagram socket in its own queue, and a pipe's writing end beside it."""
    with Socket.unix(socket.SOCK_DGRAM) as sock:
        sock.bind("")
        sock.connect(sock.getsockname())
        send_beside(sock, beside, sock)
        assert asked(sock, REQUESTS["SIOCINQ"]), "it is not in its own queue"


def is_collected(beside: Pipe) -> bool:
    """Whether what a pipe's writing end is beside is closed, where UNIX sockets are closed until it is."""

    def ended() -> bool:
        Socket.unix().close()
        return beside.ended(_A_MOMENT)

    return wait_until(ended, lambda _: None)


def open_here(inode: int) -> int:
    """How many descriptors of this process are the socket with an inode number."""
    names = (os.path.join(_DESCRIPTORS, name) for name in os.listdir(_DESCRIPTORS))
    return [os.readlink(name) for name in names if os.path.islink(name)].count(f"socket:[{inode}]")


def collected() -> bool:
    """Have the kernel look for such sockets; whether it did, for those that were left behind now."""
    with pipes(1) as (beside,):
        leave(beside)
        return is_collected(beside)


def sent_with_many_in_flight(count: int, *, held: bool) -> bool:
    """Send a socket while so many descriptors of this user are in flight; whether what was left is closed.

    ``held`` has another socket in its own queue that stays open.
    """
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MANY, _MANY))
    left, right = Socket.pair()
    with left, right, held_by_itself() if held else nullcontext(), pipes(1) as (beside,):
        for size in [_MOST] * (count // _MOST) + [count % _MOST]:
            left.send_message(b"x", Rights(*[0] * size))
        leave(beside)
        left.send_message(b"x", Rights(left))
        return beside.ended(SOON)


@contextmanager
def held_by_itself() -> Iterator[None]:
    """A UNIX socket that is in its own queue and open, which the kernel has found when it looked."""
    left, right = Socket.pair()
    with left, right:
        left.send_message(b"x", Rights(right))
        assert collected(), "the kernel does not look for sockets that are left behind"
        yield
