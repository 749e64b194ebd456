"""What typed messages cost beside hand-written ones, and what a batch saves, as ratios within one run.

``python -m benchmarks.bench_messages`` times each pair in turn, round by round, so that both sides
meet the same machine. A ratio below 1.00 means that ours is faster. It is given twice: of the fastest
rounds, and as the median of the rounds' own ratios.
"""

from __future__ import annotations

import platform
import socket
import statistics
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from libsocket import Batch, Socket, TimestampNs, Ttl
from libsocket.control.wire import received
from netns import Namespace
from reports.command import command, count, parser

COUNT = 64
SIZES = (64, 1400)
TIMES = struct.Struct("@ll")
INT = struct.Struct("@i")
SO_TIMESTAMPNS = 35
ROOM = 256
DECODED = 1.3
FASTER = 1 / 1.5

Side = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Case:
    """What is timed on each side, for COUNT messages; ``before`` is not timed and fills what is drained."""

    name: str
    target: float | None
    ours: Side
    peers: Side
    before: Side


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times the peer's time ours takes, and ours by itself in nanoseconds a message."""

    fastest: float
    median: float
    each: float


def by_hand(items: list[tuple[int, int, bytes]]) -> tuple[Any, Any]:
    """What a person writes: the numbers that the program asked for, as plain tuples and ints."""
    when = ttl = None
    for level, kind, data in items:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            when = TIMES.unpack(data)
        elif level == socket.IPPROTO_IP and kind == socket.IP_TTL:
            ttl = INT.unpack(data)[0]
    return when, ttl


def by_hand_typed(items: list[tuple[int, int, bytes]]) -> tuple[Any, Any]:
    """The same, into the values that we give."""
    when = ttl = None
    for level, kind, data in items:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            when = TimestampNs(*TIMES.unpack(data))
        elif level == socket.IPPROTO_IP and kind == socket.IP_TTL:
            ttl = Ttl(INT.unpack(data)[0])
    return when, ttl


class Pair:
    """A sender and a receiver over loopback in a namespace of this run, or two UNIX sockets."""

    def __init__(self, stack: ExitStack, size: int, *, timed: bool = False, unix: bool = False) -> None:
        self.data = bytes(size)
        self.near, self.far = _unix(stack) if unix else _udp(stack)
        self.far.timestampns = timed
        if timed:
            self.far.ip_recvttl = True
        self.batch = Batch(COUNT, size)
        self.control = Batch(COUNT, size, ROOM)

    def fill(self) -> None:
        for _ in range(COUNT):
            self.near.send(self.data)

    def drain(self) -> None:
        try:
            while self.far.recv(1, socket.MSG_DONTWAIT | socket.MSG_TRUNC):
                pass
        except BlockingIOError:
            return

    def each(self, receive: Callable[..., object], *args: int) -> Side:
        def side() -> None:
            for _ in range(COUNT):
                receive(*args)

        return side

    def send_many(self) -> None:
        self.near.send_messages([self.data] * COUNT)

    def send_each(self) -> None:
        sendmsg, buffers = self.near.sendmsg, [self.data]
        for _ in range(COUNT):
            sendmsg(buffers)

    def by_hand(self) -> None:
        recvmsg = self.far.recvmsg
        for _ in range(COUNT):
            by_hand(recvmsg(64, ROOM)[1])


def _unix(stack: ExitStack) -> tuple[Socket, Socket]:
    near, far = Socket.pair(socket.SOCK_DGRAM)
    return stack.enter_context(near), stack.enter_context(far)


def _udp(stack: ExitStack) -> tuple[Socket, Socket]:
    near, far = stack.enter_context(Socket.udp()), stack.enter_context(Socket.udp())
    far.rcvbufforce = 1 << 20
    far.bind(("127.0.0.1", 0))
    near.connect(far.getsockname())
    return near, far


def decoding(stack: ExitStack) -> Iterator[Case]:
    """Timestamp and TTL, freshly received each round, so that nothing is known of the bytes."""
    pair = Pair(stack, 64, timed=True)
    far = pair.far
    items: list[list[tuple[int, int, bytes]]] = []

    def fill() -> None:
        pair.fill()
        items[:] = [far.recvmsg(64, ROOM)[1] for _ in range(COUNT)]

    def all_by(one: Callable[[list[tuple[int, int, bytes]]], object]) -> Side:
        return lambda: deque(map(one, items), maxlen=0)

    def refill() -> None:
        pair.drain()
        pair.fill()

    yield Case("decode two, plain values", DECODED, all_by(received), all_by(by_hand), fill)
    yield Case("decode two, same values", DECODED, all_by(received), all_by(by_hand_typed), fill)
    yield Case("receive and decode two", DECODED, pair.each(far.recv_message, 64), pair.by_hand, refill)
    plain = Pair(stack, 64)
    ours, peers = plain.each(plain.far.recv_message, 64), plain.each(plain.far.recvmsg, 64)
    yield Case("receive without control", None, ours, peers, plain.fill)


def batches(stack: ExitStack) -> Iterator[Case]:
    for size in SIZES:
        for pair, kind in ((Pair(stack, size), "UDP"), (Pair(stack, size, unix=True), "UNIX")):
            yield _batch(pair, f"{COUNT} x {size} bytes, {kind}")
    timed = Pair(stack, 64, timed=True)
    far = timed.far
    yield Case(
        f"{COUNT} x 64, two control",
        None,
        lambda: far.recv_messages(timed.control),
        timed.by_hand,
        timed.fill,
    )


def _batch(pair: Pair, name: str) -> Case:
    far, size, batch = pair.far, len(pair.data), pair.batch

    def refill() -> None:
        pair.drain()
        pair.fill()

    return Case(name, FASTER, lambda: far.recv_messages(batch), pair.each(far.recvmsg, size), refill)


def sending(stack: ExitStack) -> Iterator[Case]:
    for size in SIZES:
        pair = Pair(stack, size)
        yield Case(f"send {COUNT} x {size}, UDP", None, pair.send_many, pair.send_each, pair.drain)


def ratio(case: Case, rounds: int) -> Ratio:
    ours, peers = zip(*_rounds(case, rounds), strict=True)
    own = [a / b for a, b in zip(ours, peers, strict=True)]
    return Ratio(min(ours) / min(peers), statistics.median(own), min(ours) / COUNT * 1e9)


def _rounds(case: Case, rounds: int) -> Iterator[tuple[float, float]]:
    for turn in range(rounds):
        if turn % 2:
            peers = _timed(case.peers, case.before)
            yield _timed(case.ours, case.before), peers
        else:
            yield _timed(case.ours, case.before), _timed(case.peers, case.before)


def _timed(side: Side, before: Side) -> float:
    before()
    start = time.perf_counter()
    side()
    return time.perf_counter() - start


def row(case: Case, measured: Ratio) -> str:
    """One line of the table; a target is met by the fastest rounds, which load disturbs least."""
    line = f"{case.name:26} {measured.fastest:5.2f} fastest {measured.median:5.2f} median"
    line += f" {measured.each:6.0f} ns"
    if case.target is None:
        return line
    return f"{line}   {'meets' if measured.fastest <= case.target else 'MISSES'} {case.target:.2f}"


@command("bench_messages")
def main(arguments: Sequence[str] | None = None) -> int:
    line = parser("benchmarks.bench_messages", __doc__)
    line.add_argument("--rounds", type=count, default=300, help="rounds per case (default: %(default)s)")
    rounds = line.parse_args(arguments).rounds
    print(f"Python {platform.python_version()}, Linux {platform.release()}, {rounds} rounds of {COUNT}")
    with Namespace(), ExitStack() as stack:
        for cases in (decoding, batches, sending):
            for case in cases(stack):
                print(row(case, ratio(case, rounds)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
