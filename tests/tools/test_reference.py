"""The options reference is what declarations, claims and probes say."""

from __future__ import annotations

import json
import re

from libsocket import SO_RCVBUF
from reports.record import Claim
from tools.claims import Told, runs
from tools.docstrings import docstrings
from tools.probes import kept
from tools.reference import DOCSTRINGS, PAGE, ROOT, Reference, item, listed

ANEW = "write it anew: python -m tools.reference"


def test_kept_reference_is_current() -> None:
    assert PAGE.read_text() == "\n".join(Reference(runs(), kept()).page()) + "\n", ANEW


def test_kept_docstrings_are_current() -> None:
    assert DOCSTRINGS.read_text() == docstrings(runs()), ANEW


def test_docstrings_name_only_claims_that_are_told() -> None:
    told = json.loads(DOCSTRINGS.read_text())

    assert {name for names in told["options"].values() for name in names} == set(told["claims"])


def test_links_lead_somewhere() -> None:
    page, matrix = PAGE.read_text(), (ROOT / "docs" / "matrix.html").read_text()
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", page, re.MULTILINE)}
    claims = set(re.findall(r"\(matrix\.html#([^)]+)\)", page))

    assert set(re.findall(r"\(#([^)]+)\)", page)) - headings == set()
    assert claims - set(re.findall(r'<tr [^>]*id="([^"]+)"', matrix)) == set()
    assert "socket.7/SO_RCVBUF/doubled" in claims


def test_claim_is_a_line() -> None:
    told = Told(
        Claim("a.7/SO_B/c", "It is *so*."), "DIFFERS", "it is not", {"HOLDS": ("5.10 to 6.1", "6.16")}
    )

    assert item(told) == (
        r"- **DIFFERS** (HOLDS on 5.10 to 6.1 and 6.16): It is \*so\*. *Instead: it is not.* "
        "[a.7/SO_B/c](matrix.html#a.7/SO_B/c)"
    )


def test_claims_about_something_else_stand_apart() -> None:
    own = Told(Claim("socket.7/SO_RCVBUF/a", "It is."), "HOLDS", "", {})
    other = Told(Claim("tcp.7/tcp_rmem/b", "SO_RCVBUF goes before it."), "HOLDS", "", {})

    assert list(listed(SO_RCVBUF, [own, other])) == [
        "\nClaims:\n",
        "- HOLDS: It is. [socket.7/SO_RCVBUF/a](matrix.html#socket.7/SO_RCVBUF/a)",
        "\nNamed by claims about something else:\n",
        "- HOLDS: SO_RCVBUF goes before it. [tcp.7/tcp_rmem/b](matrix.html#tcp.7/tcp_rmem/b)",
    ]
