"""A TCP connection moved from one socket to another by repair, as a checkpoint moves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from libsocket import Socket, TcpRepairOpt, TcpRepairWindow

RECEIVE, SEND = 1, 2
_A_WHILE = 2**20
"""Ticks of a clock that cannot be mistaken for another clock, nor go by in a test: minutes at the least."""


@dataclass(frozen=True)
class Connection:
    """All that another socket needs to go on with it."""

    ours: Any
    theirs: Any
    sequences: dict[int, int]
    """The next number of each queue."""
    options: tuple[TcpRepairOpt, ...]
    agreed: int
    """TCP_INFO.options: which of them both ends have."""
    window: TcpRepairWindow
    stamp: int


def held(sock: Socket) -> Connection:
    """Put a connection under repair and take down what it is."""
    sock.tcp_repair = 1
    return connection_of(sock)


def connection_of(sock: Socket) -> Connection:
    """What a socket under repair is."""
    sequences = {queue: sequence(sock, queue) for queue in (RECEIVE, SEND)}
    ends = sock.getsockname(), sock.getpeername()
    info = sock.tcp_info
    scale = info.snd_wscale | info.rcv_wscale << 16
    options = TcpRepairOpt(2, sock.tcp_maxseg), TcpRepairOpt(3, scale), TcpRepairOpt(4), TcpRepairOpt(8)
    return Connection(*ends, sequences, options, info.options, sock.tcp_repair_window, sock.tcp_timestamp)


def resume(moved: Socket, connection: Connection) -> None:
    """Make a fresh socket that connection, and leave it under repair."""
    moved.tcp_repair = 1
    moved.reuseaddr = True
    moved.bind(connection.ours)
    for queue, number in connection.sequences.items():
        moved.tcp_repair_queue = queue
        moved.tcp_queue_seq = number
    moved.connect(connection.theirs)
    moved.tcp_repair_options = connection.options
    moved.tcp_timestamp = connection.stamp
    moved.tcp_repair_window = connection.window


def sequence(sock: Socket, queue: int) -> int:
    """The next number of one queue of a socket under repair."""
    sock.tcp_repair_queue = queue
    return sock.tcp_queue_seq


def follows(later: int, stamp: int) -> bool:
    """Whether a clock that was at ``stamp`` can be at ``later`` by now."""
    return (later - stamp) % 2**32 < _A_WHILE
