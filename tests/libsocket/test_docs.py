"""What an option says of itself."""

from __future__ import annotations

import pydoc
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from libsocket import IP_MCAST_JOIN_GROUP, IPV6_MCAST_JOIN_GROUP, OPTIONS, SO_RCVBUF, Option, Socket
from netns import Namespace

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def named(value: object) -> str | None:
    return value.constant if isinstance(value, Option) else None


@pytest.mark.parametrize("option", OPTIONS, ids=named)
def test_documentation_is_one_to_four_sentences_long(option: Option[Any]) -> None:
    assert 20 < len(option.doc) < 600


@pytest.mark.parametrize("option", OPTIONS, ids=named)
def test_since_is_a_kernel_version(option: Option[Any]) -> None:
    assert all(part.isdecimal() for part in option.since.split("."))


def test_docstring_is_the_description_the_facts_and_the_page_of_the_claims() -> None:
    assert Socket.rcvbuf.__doc__ == (
        f"{SO_RCVBUF.doc}\n\n{SO_RCVBUF.facts}\n\n"
        "Claims about it: option/SO_RCVBUF in the conformance matrix."
    )


def test_page_of_an_option_that_ipv4_and_ipv6_share_is_the_levels_own() -> None:
    assert (IP_MCAST_JOIN_GROUP.page, IPV6_MCAST_JOIN_GROUP.page) == (
        "option/IP_MCAST_JOIN_GROUP",
        "option/IPV6_MCAST_JOIN_GROUP",
    )


def test_help_on_an_option_is_its_docstring() -> None:
    shown = pydoc.plain(pydoc.render_doc(Socket.rcvbuf))

    assert [line for line in str(Socket.rcvbuf.__doc__).splitlines() if line not in shown] == []


def test_class_keeps_a_docstring_of_its_own() -> None:
    assert str(Option.__doc__).startswith("A typed socket option.")


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_of_the_readme_runs(example: str) -> None:
    """In a namespace where the host that it asks is there, and answers."""
    with Namespace() as ns, Socket.tcp() as listener:
        ns.add_address("lo", "192.0.2.1/32")
        listener.bind(("192.0.2.1", 80))
        listener.listen()
        threading.Thread(target=_answer_one, args=(listener,), daemon=True).start()

        command = [sys.executable, "-W", "error", "-c", example]
        ran = subprocess.run(
            command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=ROOT
        )

        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def _answer_one(listener: Socket) -> None:
    with listener.accept()[0] as server:
        server.recv(100)
        server.write_all(b"HTTP/1.0 204 No Content\r\n\r\n")
