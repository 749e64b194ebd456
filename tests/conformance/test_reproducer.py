"""What a claim's tests called runs again as a C program, and answers as before on the same kernel."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reports.model import Claim
from reports.reproducer import reproducer
from reports.transcript import read_transcripts
from tests.conformance import suites

STRICT = ["-std=c17", "-Wall", "-Wextra", "-Werror"]
CANNOT_TRY = 77

CLAIMS = [
    "socket.7/SO_RCVBUF/doubled",  # an option read back
    "defacto/SO_RCVTIMEO/inherited-by-accept",  # accept inherits, structures
    "connect.2/EACCES/broadcast",  # a refusal
    "accept.2/EAGAIN/nonblocking-and-nobody-waits",  # non-blocking, poll
    "accept.2/accept/first-in-first-out",  # TCP, both ways
    "bind.2/bind/reached-at-address",  # UDP
    "defacto/SHUT_RD/reads-as-ended",  # shutdown
    "socket.7/SO_TIMESTAMP/enables",  # control messages
    "ip.7/SO_BROADCAST/needed-to-receive",  # two hosts
    "socket.7/SO_ATTACH_FILTER/zero-drops",  # a structure with a program
    "socket.7/SO_MARK/needs-capability",  # capabilities
    "connect.2/connect/datagram-default-destination",  # addresses that the kernel chose
]

pytestmark = [
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="a C compiler is missing"),
]


@pytest.fixture(scope="module")
def transcripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The transcripts of the claims, as a person would make them."""
    folder = tmp_path_factory.mktemp("transcripts")
    asked = [word for claim in CLAIMS for word in ("--claim", claim)]
    arguments = [*asked, "--transcript", str(folder), "--run-record", str(folder / "run.jsonl")]
    catalogue = ["--catalogue", str(folder / "catalogue.json")]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "conformance",
            "-q",
            "-p",
            "no:cacheprovider",
            *arguments,
            *catalogue,
        ],
        cwd=suites.ROOT,
        env=suites.environment(),
        check=True,
        capture_output=True,
    )
    return folder


def ran(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "reproducer.c").write_text(text)
    subprocess.run(["cc", *STRICT, "-o", "reproducer", "reproducer.c"], cwd=folder, check=True)
    return subprocess.run([folder / "reproducer", *arguments], capture_output=True, text=True, check=False)


def program(folder: Path, claim: str) -> str:
    return reproducer(read_transcripts(folder / f"{claim}.jsonl"), Claim(claim, "It is so."))


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claims_program_answers_as_its_test(tmp_path: Path, transcripts: Path, claim: str) -> None:
    done = ran(tmp_path, program(transcripts, claim))

    assert (done.returncode, re.findall(".*not as before:.*", done.stdout)) == (0, [])


@pytest.mark.parametrize(
    ("claim", "answer", "another"),
    [
        ("socket.7/SO_RCVBUF/doubled", "SAME(value, 8192)", "SAME(value, 4096)"),
        ("connect.2/EACCES/broadcast", "CALL(-EACCES,", "CALL(0,"),
        ("accept.2/accept/first-in-first-out", 'SAME_BYTES("first"', 'SAME_BYTES("third"'),
        ("socket.7/SO_TIMESTAMP/enables", "SCM_TIMESTAMP, 32)", "SCM_TIMESTAMP, 20)"),
    ],
)
def test_another_answer_is_told(
    tmp_path: Path, transcripts: Path, claim: str, answer: str, another: str
) -> None:
    text = program(transcripts, claim).replace("SO_TIMESTAMP, 32)", "SCM_TIMESTAMP, 32)")

    done = ran(tmp_path, text.replace(answer, another, 1))

    assert (done.returncode, answer in text, "<- not as before: " in done.stdout) == (1, True, True)


def test_the_command_line_takes_a_claims_id(tmp_path: Path, transcripts: Path) -> None:
    arguments = ["--transcripts", str(transcripts), "--catalogue", str(transcripts / "catalogue.json")]
    subprocess.run(
        [sys.executable, "-m", "reports", "reproduce", CLAIMS[0], *arguments, "-o", tmp_path / "made.c"],
        env=suites.environment(),
        check=True,
    )

    done = ran(tmp_path, (tmp_path / "made.c").read_text())

    assert done.returncode == 0
    assert "Documented: socket(7)" in done.stdout


SIGNAL = """
@claim("doc.7/signal/interrupts", says="A signal interrupts it.")
def test_interrupts(ns):
    with Socket.udp() as sock:
        os.kill(os.getpid(), 0)
        assert sock.rcvlowat == 1
"""


def test_what_it_takes_is_said_where_a_program_cannot_do_it(tmp_path: Path) -> None:
    suites.run(tmp_path, SIGNAL, "--transcript", str(tmp_path))
    text = program(tmp_path, "doc.7/signal/interrupts")

    done = ran(tmp_path, text)
    anyway = ran(tmp_path, text, "anyway")

    assert (done.returncode, anyway.returncode) == (CANNOT_TRY, 0)
    assert "it takes a signal" in done.stderr
