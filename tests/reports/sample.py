"""Runs that hold every kind of cell, and their catalogue, for the tests of what is drawn from them."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from reports.catalogue import Catalogue
from reports.model import SCHEMA, Answer, Claim, Expectation, Footer, Header, Run, Test, Verdict
from reports.ranges import Range
from reports.run_file import RunWriter

DOUBLED = Claim(
    "socket.7/SO_RCVBUF/doubled",
    "Setting the receive buffer stores twice the size asked for.",
    document="socket(7)",
    sentences=("so-rcvbuf-2",),
    tests=(Test("conformance/socket7/test_buffers.py", 12, "def test_doubled() -> None: ...\n"),),
)
FLOOR = Claim(
    "socket.7/SO_RCVBUF/minimum-256",
    "The smallest (doubled) receive buffer is 256 bytes.",
    section="Socket options",
    expectations=(
        Expectation("the floor is a small skb's true size", Range("3.12"), "eea86af6b1e1", {"minimum": 2304}),
    ),
)
MARK = Claim("socket.7/SO_MARK/needs-capability", "Without it a mark is refused.", needs=("CAP_NET_ADMIN",))
RAW = Claim("socket.7/SO_MARK/net-raw-suffices", "CAP_NET_RAW alone suffices.", range=Range("5.17"))
NODELAY = Claim("tcp.7/TCP_NODELAY/default-off", "Nagle's algorithm is on for a new socket.")
CORK = Claim("tcp.7/TCP_CORK/200ms", "Corked data is sent after 200 milliseconds.")
STALE = Claim(
    "udp.7/UDP_CORK/one-datagram",
    "What is written leaves as one.",
    expectations=(Expectation("it is split"),),
)
CLAIMS = (DOUBLED, FLOOR, MARK, RAW, NODELAY, CORK, STALE)
CATALOGUE = Catalogue(suite="0.1.0", suite_digest="eea3f9f2bc671eeb", claims=CLAIMS)
EMPTY = Catalogue()

OLD_ANSWERS = (
    Answer(DOUBLED.id, Verdict.HOLDS, {"read_back": 8192}, duration=0.002),
    Answer(FLOOR.id, Verdict.DIFFERS, {"minimum": 2304}, detail="256 expected, 2304 seen"),
    Answer(MARK.id, Verdict.BLOCKED, need="CAP_NET_ADMIN"),
    Answer(RAW.id, Verdict.HOLDS, {"errno": "EPERM"}),
    Answer(NODELAY.id, Verdict.DIFFERS, {"nodelay": True}, detail="assert True == False"),
    Answer(CORK.id, Verdict.BROKEN, detail="the peer went away"),
    Answer(STALE.id, Verdict.HOLDS),
)
NEW_ANSWERS = (
    Answer(DOUBLED.id, Verdict.HOLDS, {"read_back": 16384}),
    Answer(FLOOR.id, Verdict.DIFFERS, {"minimum": 2304}),
    Answer(MARK.id, Verdict.HOLDS, {"errno": "EPERM"}),
    Answer(RAW.id, Verdict.HOLDS, {"elapsed": 0.25}),
)


def header(release: str = "6.1.0", *asked: Claim) -> Header:
    """Of a kernel that was asked these claims, or whatever it answered."""
    return Header(
        schema=SCHEMA,
        kernel="uml:6.1",
        implementation="Linux",
        release=release,
        version="#1 SMP",
        machine="x86_64",
        capabilities=("CAP_NET_RAW",),
        suite="0.1.0",
        suite_digest="eea3f9f2bc671eeb",
        asked=tuple(claim.id for claim in asked),
    )


def run(head: Header, *answers: Answer) -> Run:
    """A run that ended."""
    return Run(head, {answer.claim: answer for answer in answers}, Footer(len(answers)))


def cut(head: Header, *answers: Answer) -> Run:
    """A run that was interrupted."""
    return Run(head, {answer.claim: answer for answer in answers})


def single(answer: Answer | None = None, name: str = "page.7/topic/slug") -> Run:
    """A run of one claim that HOLDS unless an answer is given."""
    return run(header(), answer or Answer(name, Verdict.HOLDS))


def listing(says: str = "It is so.", name: str = "page.7/topic/slug") -> Catalogue:
    """The catalogue of that one claim."""
    return Catalogue.of([Claim(name, says)])


def on(answers: Run, **fields: str) -> Run:
    """The same answers from another kernel."""
    return Run(replace(answers.header, **fields), answers.answers, answers.footer)


def write(path: Path, whole: Run) -> Path:
    """The run as a file."""
    with RunWriter(path) as writer:
        writer.write(whole.header)
        for answer in whole.answers.values():
            writer.write(answer)
        if whole.footer:
            writer.write(whole.footer)
    return path


OLD = run(header("5.10.0", *CLAIMS), *OLD_ANSWERS)
NEW = cut(header("6.18.44-amd64", DOUBLED, FLOOR, MARK, RAW, NODELAY), *NEW_ANSWERS)
EVERY = (OLD, NEW)

HOSTILE = "</script><img onerror=x>|[a](b)\n`c` *d* _e_ &amp; \x1b[31m \udcff \u202e \\| ~~f~~ <!-- $g$ #1 @h"
