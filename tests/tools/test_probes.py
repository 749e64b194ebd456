"""What is kept of a kernel's answers."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from libsocket import OPTIONS
from libsocket.probe import KINDS, probe
from netns import Capability, Namespace, without
from tools import probes
from tools.probes import KEPT, Probe, kept, labels

FEW = ["tcp", "udp", "unix"]


def printed(*kinds: str) -> dict[str, Any]:
    """What this kernel says of itself, on the way on which other kernels are asked."""
    with Namespace():
        printed: dict[str, Any] = json.loads(
            subprocess.check_output([sys.executable, "-m", "libsocket", "--json", *kinds])
        )
    return printed


def small(kernel: str, release: str) -> Probe:
    return Probe(kernel, release, "#1 SMP", "x86_64", {}, {})


def test_kinds_that_know_an_option_are_kept() -> None:
    found = Probe.of("host", printed(*FEW))
    with Namespace():
        known = {kind: {one.constant for one, said in probe(kind).items() if said.supported} for kind in FEW}

    assert {option.constant: set(found.know(option.constant)) for option in OPTIONS} == {
        option.constant: {kind for kind in FEW if option.constant in known[kind]} for option in OPTIONS
    }


def test_outcomes_are_kept_and_values_are_not() -> None:
    options = Probe.of("host", printed("udp")).options

    assert (options["SO_COOKIE"], options["SO_PEERNAME"], options["SO_RCVBUF"], options["TCP_INFO"]) == (
        {"get ok": ("udp",)},
        {"get ENOTCONN": ("udp",)},
        {"get ok, set ok": ("udp",)},
        {},
    )


def test_two_probes_of_one_kernel_are_the_same() -> None:
    assert list(Probe.of("host", printed()).lines()) == list(Probe.of("host", printed()).lines())


def test_kind_that_cannot_be_made_is_named_by_its_errno() -> None:
    with without(Capability.NET_RAW):
        refused = Probe.of("host", printed_here("udp", "packet")).refused

    assert refused == {"packet": "EPERM"}


def printed_here(*kinds: str) -> dict[str, Any]:
    from libsocket.__main__ import document

    answer: dict[str, Any] = json.loads(document(list(kinds)))
    return answer


def test_file_gives_the_probe_back(tmp_path: Path) -> None:
    written = Probe.of("host", printed(*FEW))
    file = tmp_path / "host.json"
    file.write_text("\n".join(written.lines()))

    assert Probe.read(file) == written


def test_command_keeps_what_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = printed("unix")
    monkeypatch.setattr(probes, "KEPT", tmp_path / "probes")
    monkeypatch.setattr(sys, "argv", ["probes", "6.1"])
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(given)))

    probes.main()

    assert Probe.read(tmp_path / "probes" / "uml-6.1.json") == Probe.of("uml:6.1", given)
    assert "uml-6.1.json" in capsys.readouterr().out


def test_what_no_kernel_said_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(probes, "KEPT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["probes", "uml:6.1"])
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))

    status = probes.main()

    said = capsys.readouterr().err
    assert (status, "not what python -m libsocket --json prints" in said) == (65, True)
    assert list(tmp_path.iterdir()) == []


def test_own_kernel_is_named_by_its_release() -> None:
    assert [small("host", "6.18.44-amd64").stem, small("uml:6.1", "6.1.176").stem] == [
        "host-6.18.44",
        "uml-6.1",
    ]


def test_kernels_go_by_their_series_where_that_tells_them_apart() -> None:
    found = [small("uml:5.10", "5.10.46"), small("uml:6.18", "6.18.1"), small("host", "6.18.44-amd64")]

    assert labels(found) == ["5.10", "6.18.1", "6.18.44-amd64"]


def test_published_probes_go_by_age() -> None:
    assert [one.base.split("-")[0] for one in kept()] == [
        "5.10.46",
        "6.1.176",
        "6.12.113",
        "6.18.44",
        "7.2.7",
    ]


@pytest.mark.parametrize("name", sorted(os.listdir(KEPT)))
def test_published_probe_asked_everything(name: str) -> None:
    found = Probe.read(KEPT / name)

    assert f"{found.stem}.json" == name
    assert list(found.options) == [option.constant for option in OPTIONS], "ask again: make reference"
    assert found.kinds | set(found.refused) == set(KINDS)
