"""Every transcript below a folder becomes a program that is compiled and run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conformance import suites
from tools.reproducers import main

SUITE = """
@claim("doc.7/backlog/listens", says="It listens.")
def test_listens(ns):
    with Socket.tcp() as sock:
        sock.listen(1)
        assert sock.acceptconn is True

@claim("doc.7/signal/ends", says="A signal can be sent.")
def test_ends(ns):
    with Socket.udp() as sock:
        os.kill(os.getpid(), 0)
        assert sock.rcvlowat == 1
"""

pytestmark = pytest.mark.skipif(
    not (shutil.which("strace") and shutil.which("cc")), reason="strace or a C compiler is missing"
)


def test_the_ends_of_all_programs_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suites.run(tmp_path, SUITE, "--transcript", str(tmp_path / "transcripts"))
    places = ["--transcripts", str(tmp_path / "transcripts"), "--catalogue", str(tmp_path / "catalogue.json")]

    status = main([*places, "-o", str(tmp_path / "programs")])

    said = capsys.readouterr().out
    assert status == 0
    assert "answered as the test was: 1\ncannot" in said.replace("answered otherwise: 0\n", "")
    assert "doc.7/signal/ends: cannot do what the test did" in said
    assert (tmp_path / "programs" / "doc.7" / "backlog" / "listens.c").exists()
