"""A TCP connection moved from one socket to another by repair, as a checkpoint moves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from libsocket import Socket, TcpRepairOpt, TcpRepairWindow

RECEIVE, SEND = 1, 2


@dataclass(frozen=True)
class Connection:
    """All that another socket needs to go on with it."""

    ours: Any
    theirs: Any
    sequences: dict[int, int]
    """The next number of each queue."""
    options: tuple[TcpRepairOpt, ...]
    window: TcpRepairWindow
    stamp: int


def held(sock: Socket) -> Connection:
    """Put a connection under repair and take down what it is."""
    sock.tcp_repair = 1
    sequences = {queue: _sequence(sock, queue) for queue in (RECEIVE, SEND)}
    ends = sock.getsockname(), sock.getpeername()
    return Connection(*ends, sequences, _agreed(sock), sock.tcp_repair_window, sock.tcp_timestamp)


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


def _sequence(sock: Socket, queue: int) -> int:
    sock.tcp_repair_queue = queue
    return sock.tcp_queue_seq


def _agreed(sock: Socket) -> tuple[TcpRepairOpt, ...]:
    info = sock.tcp_info
    scale = info.snd_wscale | info.rcv_wscale << 16
    return TcpRepairOpt(2, info.snd_mss), TcpRepairOpt(3, scale), TcpRepairOpt(4), TcpRepairOpt(8)
