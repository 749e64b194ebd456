"""What the typed Socket costs beside the standard library's, as ratios within one run.

``python -m benchmarks.bench_libsocket`` times each pair in turn, round by round, so that both sides
meet the same machine. 1.00 means no cost, and less that the bare call costs more: the compiled calls
have nothing to parse (LIBSOCKET_PURE=1 in the environment chooses the plain ones). A ratio is given
twice: of the fastest rounds, and as the median of the rounds' own ratios.
"""

from __future__ import annotations

import os
import platform
import socket
import statistics
import struct
import sys
import timeit
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from libsocket import SO_KEEPALIVE, SO_RCVBUF, SO_RCVLOWAT, Linger, Socket
from libsocket.compiled import COMPILED
from reports.command import command, count, parser

DATA_PATH = 1.02
ADDRESS = 1.08
ATTRIBUTE = 1.08
GET_AND_SET = 1.06


@dataclass(frozen=True, slots=True)
class Case:
    """One statement on each side; what ``before`` does on both sides is not timed."""

    name: str
    target: float | None
    ours: str
    peers: str
    before: str = "pass"
    number: int = 2000


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times the peer's time ours takes."""

    fastest: float
    median: float


BYTES = "peer.getsockopt(1, {}, {})"
OPTION_CASES = (
    Case("attribute, read int", ATTRIBUTE, "ours.rcvbuf", "peer.getsockopt(1, 8)"),
    Case("attribute, write int", ATTRIBUTE, "ours.rcvlowat = 4096", "peer.setsockopt(1, 18, 4096)"),
    Case("attribute, write size", ATTRIBUTE, "ours.rcvbuf = 4096", "peer.setsockopt(1, 8, 4096)"),
    Case("attribute, read flag", ATTRIBUTE, "ours.keepalive", "peer.getsockopt(1, 9)"),
    Case("attribute, write flag", ATTRIBUTE, "ours.keepalive = True", "peer.setsockopt(1, 9, True)"),
    Case("get(option), int", GET_AND_SET, "ours.get(SO_RCVBUF)", "peer.getsockopt(1, 8)"),
    Case("set(option), int", GET_AND_SET, "ours.set(SO_RCVLOWAT, 4096)", "peer.setsockopt(1, 18, 4096)"),
    Case("set(option), size", GET_AND_SET, "ours.set(SO_RCVBUF, 4096)", "peer.setsockopt(1, 8, 4096)"),
    Case("get(option), flag", GET_AND_SET, "ours.get(SO_KEEPALIVE)", "peer.getsockopt(1, 9)"),
    Case("set(option), flag", GET_AND_SET, "ours.set(SO_KEEPALIVE, True)", "peer.setsockopt(1, 9, True)"),
    Case("attribute, read u32", ATTRIBUTE, "ours.mark", "peer.getsockopt(1, 36) & 0xFFFF_FFFF"),
    Case(
        "attribute, read float",
        ATTRIBUTE,
        "ours.rcvtimeo",
        f"seconds, micro = TIMEVAL.unpack({BYTES.format(20, 16)}); seconds + micro / 1e6",
    ),
    Case(
        "attribute, read struct",
        ATTRIBUTE,
        "ours.linger",
        f"onoff, seconds = PAIR.unpack({BYTES.format(13, 8)}); Linger(onoff != 0, seconds)",
    ),
    Case(
        "attribute, read name",
        ATTRIBUTE,
        "ours.bindtodevice",
        f"fsdecode({BYTES.format(25, 16)}.partition(NUL)[0])",
    ),
)
"""What is more than a number is compared with what a person would write to have the same."""

SEND = "{0}.send(data)"
RECV = "{0}_far.recv(64)"
TO = "{0}_datagram.sendto(data, {1})"
DATA_CASES = (
    Case("send", DATA_PATH, SEND.format("ours"), SEND.format("peer"), before="drain()", number=100),
    Case("recv", DATA_PATH, RECV.format("ours"), RECV.format("peer"), before="fill()", number=100),
    Case("connect", ADDRESS, "our_datagram.connect(name)", "peer_datagram.connect(name)"),
    Case("sendto", ADDRESS, TO.format("our", "name"), TO.format("peer", "name"), "empty()", 10),
    Case("sendto, Unix", ADDRESS, TO.format("our", "typed"), TO.format("peer", "typed"), "empty()", 10),
)


class Bench:
    """Both sides' sockets, and the timers over them. UNIX sockets only: nothing reaches a network."""

    def __init__(self, stack: ExitStack) -> None:
        keep = stack.enter_context
        self.ends = [keep(end) for end in (*Socket.pair(), *socket.socketpair())]
        self.ours, self.ours_far, self.peer, self.peer_far = self.ends
        self.target = keep(Socket.unix(socket.SOCK_DGRAM))
        self.target.bind("")
        self.names = {
            "ours": self.ours,
            "ours_far": self.ours_far,
            "peer": self.peer,
            "peer_far": self.peer_far,
            "name": self.target.getsockname(),
            "typed": self.target.local_address(),
            "our_datagram": keep(Socket.unix(socket.SOCK_DGRAM)),
            "peer_datagram": keep(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)),
            "data": b"x" * 64,
            "TIMEVAL": struct.Struct("@ll"),
            "PAIR": struct.Struct("@ii"),
            "NUL": b"\0",
            "fsdecode": os.fsdecode,
            "Linger": Linger,
            "drain": self.drain,
            "fill": self.fill,
            "empty": self.empty,
            "SO_RCVBUF": SO_RCVBUF,
            "SO_KEEPALIVE": SO_KEEPALIVE,
            "SO_RCVLOWAT": SO_RCVLOWAT,
        }

    def drain(self) -> None:
        for far in (self.ours_far, self.peer_far):
            while _waiting(far):
                far.recv(1 << 16)

    def fill(self) -> None:
        self.drain()
        for near in (self.ours, self.peer):
            for _ in range(100):
                near.send(b"x" * 64)

    def empty(self) -> None:
        while _waiting(self.target):
            self.target.recv(64)

    def ratio(self, case: Case, rounds: int) -> Ratio:
        ours, peers = zip(*self._rounds(case, rounds), strict=True)
        return Ratio(
            min(ours) / min(peers), statistics.median(a / b for a, b in zip(ours, peers, strict=True))
        )

    def _rounds(self, case: Case, rounds: int) -> Iterator[tuple[float, float]]:
        ours = timeit.Timer(case.ours, case.before, globals=self.names)
        peers = timeit.Timer(case.peers, case.before, globals=self.names)
        for turn in range(rounds):
            if turn % 2:
                peer_time = peers.timeit(case.number)
                yield ours.timeit(case.number), peer_time
            else:
                yield ours.timeit(case.number), peers.timeit(case.number)


def _waiting(sock: socket.socket) -> bool:
    try:
        return bool(sock.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK))
    except BlockingIOError:
        return False


def row(case: Case, ratio: Ratio) -> str:
    """One line of the table; a target is met by the fastest rounds, which load disturbs least."""
    line = f"{case.name:24} {ratio.fastest:5.2f} fastest {ratio.median:5.2f} median"
    if case.target is None:
        return line
    return f"{line}   {'meets' if ratio.fastest <= case.target else 'MISSES'} {case.target:.2f}"


@command("bench_libsocket")
def main(arguments: Sequence[str] | None = None) -> int:
    line = parser("benchmarks.bench_libsocket", __doc__)
    line.add_argument("--rounds", type=count, default=200, help="rounds per case (default: %(default)s)")
    rounds = line.parse_args(arguments).rounds
    calls = "compiled" if COMPILED else "plain"
    print(f"Python {platform.python_version()}, Linux {platform.release()}, {calls} calls, {rounds} rounds")
    with ExitStack() as stack:
        bench = Bench(stack)
        for case in (*DATA_CASES, *OPTION_CASES):
            print(row(case, bench.ratio(case, rounds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
