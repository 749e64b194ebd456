"""What a Namespace costs beside the bare system calls, in one run: ``python -m benchmarks.bench_netns``.

The kernel clears namespaces away in the background, so the two sides take turns: both meet the same load.
Exit status 1 when a Namespace costs more than it may.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import statistics
import struct
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from typing import Any

from netns import Capability, Namespace, in_child, peers, routed, syscalls, without
from reports.command import command, parser

ALLOWED = 1.5
"""How many times the bare calls a Namespace may cost."""
ROUNDS = 300

CLONE_NEWNET = 0x4000_0000
IFA_F_NODAD = 0x02
SIOCSIFFLAGS = 0x8914
LOOPBACK_UP = struct.pack("16sH22x", b"lo", 1)

libc = ctypes.CDLL(None, use_errno=True)


def bare_namespace() -> None:
    """The least that makes a namespace, raises its loopback and comes back."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    libc.unshare(CLONE_NEWNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, LOOPBACK_UP)
    libc.setns(home, CLONE_NEWNET)
    os.close(home)


def bare_capabilities() -> None:
    held, permitted, inheritable = syscalls.capget()
    syscalls.capset(held & ~(1 << Capability.NET_RAW), permitted, inheritable)
    syscalls.capset(held, permitted, inheritable)


def connect_by_pyroute2(ipr: Any, number: int) -> None:
    (index,) = ipr.link_lookup(ifname="veth1")
    ipr.link("set", index=index, state="up")
    ipr.addr("add", index=index, address=f"10.0.1.{number}", prefixlen=24)
    ipr.addr("add", index=index, address=f"fd00:1::{number}", prefixlen=64, flags=IFA_F_NODAD)


def peers_by_pyroute2() -> None:
    """What peers() makes, by the library that everything rarer is left to."""
    with closing(Namespace()) as left, closing(Namespace()) as right:
        with left.iproute() as here, right.iproute() as there:
            here.link(
                "add",
                ifname="veth1",
                kind="veth",
                index=1001,
                peer={"ifname": "veth1", "net_ns_fd": right.fd},
            )
            connect_by_pyroute2(here, 1)
            connect_by_pyroute2(there, 2)
        left.wait_for_carrier("veth1")
        right.wait_for_carrier("veth1")


def block(make: Callable[[], AbstractContextManager[object]]) -> Callable[[], None]:
    def run() -> None:
        with make():
            pass

    return run


def took(function: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def side_by_side(ours: Callable[[], object], bare: Callable[[], object], rounds: int) -> tuple[float, float]:
    """The median seconds of each, taken in turns."""
    pairs = [(took(ours), took(bare)) for _ in range(rounds)]
    mine, least = zip(*pairs, strict=True)
    return statistics.median(mine), statistics.median(least)


def report(what: str, mine: float, least: float) -> float:
    print(f"{what:<24} {mine * 1e6:10.1f} µs   peer {least * 1e6:8.1f} µs   ratio {mine / least:6.2f}")
    return mine / least


@command("bench_netns")
def main(arguments: Sequence[str] | None = None) -> int:
    parser("benchmarks.bench_netns", __doc__, "a Namespace costs more than it may").parse_args(arguments)
    made = block(Namespace)
    side_by_side(made, bare_namespace, 20)  # the first ones pay for caches that are empty
    block(peers)()
    peers_by_pyroute2()
    ratio = report("with Namespace()", *side_by_side(made, bare_namespace, ROUNDS))
    entered = Namespace()
    report("entered()", *side_by_side(block(entered.entered), lambda: None, ROUNDS))
    entered.close()
    dropped = block(lambda: without(Capability.NET_RAW))
    report("without(NET_RAW)", *side_by_side(dropped, bare_capabilities, ROUNDS))
    report("peers()", *side_by_side(block(peers), bare_namespace, ROUNDS // 10))
    report("peers(), by pyroute2", *side_by_side(block(peers), peers_by_pyroute2, ROUNDS // 10))
    report("routed()", *side_by_side(block(routed), bare_namespace, ROUNDS // 10))
    report("in_child()", *side_by_side(lambda: in_child(os.getpid), bare_namespace, ROUNDS // 10))
    print(f"a Namespace may cost {ALLOWED} times the bare calls; it costs {ratio:.2f} times")
    return int(ratio > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
