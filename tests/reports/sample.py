"""Runs that hold every kind of cell, for the tests of what is drawn from them."""

from __future__ import annotations

from dataclasses import replace

from reports.ranges import Range
from reports.record import Claim, Expectation, Footer, Header, Record, Run, Verdict

DOUBLED = Claim("socket.7/SO_RCVBUF/doubled", "Setting the receive buffer stores twice the size asked for.")
FLOOR = Claim(
    "socket.7/SO_RCVBUF/minimum-256",
    "The smallest (doubled) receive buffer is 256 bytes.",
    section="Socket options",
    expectations=(
        Expectation("the floor is a small skb's true size", Range("3.12"), "eea86af6b1e1", {"minimum": 2304}),
    ),
)
MARK = Claim("socket.7/SO_MARK/needs-capability", "Without it a mark is refused.", needs=("CAP_NET_ADMIN",))
RAW = Claim("socket.7/SO_MARK/net-raw-suffices", "CAP_NET_RAW alone suffices.", where=Range("5.17"))
NODELAY = Claim("tcp.7/TCP_NODELAY/default-off", "Nagle's algorithm is on for a new socket.")
CORK = Claim("tcp.7/TCP_CORK/200ms", "Corked data is sent after 200 milliseconds.")
STALE = Claim(
    "udp.7/UDP_CORK/one-datagram",
    "What is written leaves as one.",
    expectations=(Expectation("it is split"),),
)
CLAIMS = (DOUBLED, FLOOR, MARK, RAW, NODELAY, CORK, STALE)

OLD_RECORDS = (
    Record(DOUBLED.id, Verdict.HOLDS, True, {"read_back": 8192}, 0.002),
    Record(FLOOR.id, Verdict.DIFFERS, True, {"minimum": 2304}, detail="256 expected, 2304 seen"),
    Record(MARK.id, Verdict.BLOCKED, True, need="CAP_NET_ADMIN"),
    Record(RAW.id, Verdict.UNCLAIMED, True, {"errno": "EPERM"}),
    Record(NODELAY.id, Verdict.DIFFERS, False, {"nodelay": True}, detail="assert True == False"),
    Record(CORK.id, Verdict.BROKEN, False, detail="the peer went away"),
    Record(STALE.id, Verdict.HOLDS, False),
)
NEW_RECORDS = (
    Record(DOUBLED.id, Verdict.HOLDS, True, {"read_back": 16384}),
    Record(FLOOR.id, Verdict.DIFFERS, True, {"minimum": 2304}),
    Record(MARK.id, Verdict.HOLDS, True, {"errno": "EPERM"}),
    Record(RAW.id, Verdict.HOLDS, True, {"elapsed": 0.25}),
)


def header(release: str = "6.1.0", claims: tuple[Claim, ...] = CLAIMS) -> Header:
    return Header("uml:6.1", release, "#1 SMP", "x86_64", None, ("CAP_NET_RAW",), "0.1.0", claims)


def run(head: Header, *records: Record) -> Run:
    """A run that ended."""
    told = Run(head, {record.claim: record for record in records})
    return replace(told, footer=Footer({verdict.value: n for verdict, n in told.counts().items()}, 1))


def single(says: str, record_of: Record | None = None, name: str = "page.7/topic/slug") -> Run:
    """A run of one claim that HOLDS unless a record says otherwise."""
    return run(header(claims=(Claim(name, says),)), record_of or Record(name, Verdict.HOLDS, True))


OLD = run(header("5.10.0"), *OLD_RECORDS)
NEW = run(header("6.18.44-amd64", (DOUBLED, FLOOR, MARK, RAW, NODELAY)), *NEW_RECORDS)
EVERY = (OLD, NEW)

HOSTILE = "</script><img onerror=x>|[a](b)\n`c` *d* _e_ &amp; \x1b[31m \udcff \u202e \\| ~~f~~ <!-- $g$ #1 @h"
