"""What ``python -m libsocket`` says about this kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import libsocket.__main__
from libsocket import (
    FLAG,
    OPTIONS,
    SO_ATTACH_BPF,
    SO_DEBUG,
    SO_KEEPALIVE,
    SO_MARK,
    SO_PASSCRED,
    SO_REUSEPORT,
    SO_SNDBUFFORCE,
    SO_ZEROCOPY,
    TCP_INFO,
    TCP_NODELAY,
    Access,
    Option,
    Socket,
)
from libsocket.option import UNSUPPORTED
from libsocket.probe import KINDS, as_json, probe, shown
from netns import Capability, Namespace, without

SOME = (SO_REUSEPORT, SO_ZEROCOPY, SO_KEEPALIVE, SO_MARK, SO_PASSCRED, TCP_INFO, TCP_NODELAY)
PLAIN = [kind for kind in KINDS if kind not in {"mptcp", "vsock"}]
"""Those that every kernel has."""


@pytest.mark.parametrize("kind", PLAIN)
def test_every_option_gets_an_answer(kind: str) -> None:
    with Namespace():
        found = probe(kind)

    assert list(found) == list(OPTIONS)


@pytest.mark.parametrize("kind", PLAIN)
def test_every_kind_knows_keepalive_and_its_own(kind: str) -> None:
    with Namespace():
        known = [option for option, support in probe(kind).items() if support.supported]

    assert (SO_KEEPALIVE in known, TCP_NODELAY in known) == (True, kind.startswith("tcp"))


def test_support_separates_reading_from_writing() -> None:
    with Namespace():
        found = probe("tcp")

    assert (found[SO_SNDBUFFORCE].get, found[TCP_INFO].set, found[SO_KEEPALIVE]) == (
        None,
        None,
        (False, "ok"),
    )


def test_refusal_is_reported_by_its_name() -> None:
    with Namespace():
        support = probe("tcp")[SO_PASSCRED]

    assert shown(support.set) in {"EOPNOTSUPP", "ok"}


def test_want_of_a_capability_is_an_answer() -> None:
    with Namespace(), without(Capability.NET_ADMIN, Capability.NET_RAW):
        support = probe("udp")[SO_MARK]

    assert (support.get, shown(support.set), support.supported) == (0, "EPERM", True)


def test_socket_that_cannot_be_made_is_reported() -> None:
    with Namespace(), without(Capability.NET_RAW):
        assert as_json("packet") == {"refused": "EPERM"}


def test_probing_leaves_no_descriptor() -> None:
    before = os.listdir("/proc/self/fd")
    with Namespace():
        probe("unix")

    assert len(os.listdir("/proc/self/fd")) == len(before)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["libsocket", *arguments])
    with Namespace():
        libsocket.__main__.main()


def test_table_names_the_kernel_and_each_kind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "udp", "unix")
    shown = capsys.readouterr().out

    assert (os.uname().release in shown, "\nudp: " in shown, "\nunix: " in shown, "\ntcp: " in shown) == (
        True,
        True,
        True,
        False,
    )


def test_table_says_since_when_there_is_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "unix")

    assert "TCP_NODELAY                        since Linux 1.0" in capsys.readouterr().out


def test_json_holds_the_answers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch, "--json", "udp")
    udp = json.loads(capsys.readouterr().out)["kinds"]["udp"]

    assert udp["SO_KEEPALIVE"] == {"known": True, "get": False, "set": "ok"}
    assert udp["SO_PEERNAME"] == {"known": True, "get": {"refused": "ENOTCONN"}, "set": None}
    assert udp["TCP_INFO"]["known"] is False


def test_json_names_the_kernel(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch, "--json", "unix")
    kernel = json.loads(capsys.readouterr().out)
    uname = os.uname()

    assert (kernel["release"], kernel["version"], kernel["machine"]) == (
        uname.release,
        uname.version,
        uname.machine,
    )


@pytest.mark.parametrize("shape", [[], ["--json"]], ids=["table", "json"])
def test_reader_that_leaves_early_ends_it_quietly(shape: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with Namespace():
        ended = subprocess.run(
            [sys.executable, "-m", "libsocket", "unix", *shape],
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
    os.close(writer)

    assert (ended.returncode, ended.stderr) == (0, b"")


def test_unknown_kind_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch, "carrier-pigeon")

    assert "unknown kind of socket: carrier-pigeon" in capsys.readouterr().err


def test_kinds_are_what_they_are_called() -> None:
    with Namespace(), KINDS["icmp6"]() as sock:
        assert (sock.domain, sock.protocol) == (10, 58)


@pytest.mark.parametrize("kind", PLAIN)
def test_what_is_supported_can_be_set(kind: str) -> None:
    """A flag that reads False, and to which False may be written, is refused nevertheless on some sockets."""
    with Namespace():
        claimed = [option for option, support in probe(kind).items() if support.supported]
        flags = [option for option in claimed if option.codec is FLAG and Access.SET in option.access]
        refused = [option.constant for option in flags if not _switches_on(kind, option)]

    assert refused == []


def _switches_on(kind: str, option: Option[bool]) -> bool:
    with KINDS[kind]() as sock:
        try:
            sock.setsockopt(option.level, option.number, 1)
        except OSError as refusal:
            return refusal.errno not in UNSUPPORTED
    return True


@pytest.mark.parametrize("kind", PLAIN)
def test_socket_and_probe_agree(kind: str) -> None:
    with Namespace(), KINDS[kind]() as sock:
        found = {option.constant: support.supported for option, support in probe(kind).items()}

        assert {option.constant: sock.supported(option) for option in SOME} == {
            option.constant: found[option.constant] for option in SOME
        }


def test_flag_that_only_reads_is_not_supported() -> None:
    with Namespace(), Socket.unix() as sock:
        assert (sock.zerocopy, sock.supported(SO_ZEROCOPY)) == (False, False)


def test_flag_is_there_without_the_capability() -> None:
    with Socket.udp() as sock, without(Capability.NET_ADMIN):
        assert sock.supported(SO_DEBUG)


def test_probing_locks_no_filter_of_a_later_option() -> None:
    with Namespace():
        assert shown(probe("udp")[SO_ATTACH_BPF].set) != "EPERM"


def test_socket_says_what_it_supports() -> None:
    with Socket.udp() as sock:
        assert (sock.supported(SO_KEEPALIVE), sock.supported(TCP_NODELAY)) == (True, False)
