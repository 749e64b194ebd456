"""Needs are probed by trying."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.plugin.needs import OWN_KERNEL, need_of
from kernels.inside import GUEST
from tests.conformance import suites
from tests.netns.setups import has_link, has_qdisc

PROBE = """
from conformance.plugin.needs import initially
from netns import Capability
print("missing" if initially(Capability.NET_ADMIN).missing() else "there")
"""
PYTHON = [sys.executable, "-c", PROBE]
WAITING = ["sh", "-c", 'echo unshared; read mapped; exec "$@"', "sh", *PYTHON]


def probed(*before: str) -> str:
    """What the probe says when ``before`` runs it."""
    said = subprocess.check_output([*before, *PYTHON], cwd=suites.ROOT, env=suites.environment(), text=True)
    return said.strip()


def test_the_initial_root_has_its_capabilities_initially() -> None:
    assert probed() == "there"


@pytest.mark.parametrize(
    "before",
    [
        ["capsh", "--drop=cap_net_admin", "--shell=/usr/bin/env", "--"],
        ["unshare", "-U"],
        ["unshare", "-U", "-r"],
        ["unshare", "-U", "-r", "-n"],
    ],
    ids=["without the capability", "nobody", "root", "root of its network"],
)
def test_nobody_else_has(before: list[str]) -> None:
    assert probed(*before) == "missing"


def test_a_map_of_all_ids_makes_no_initial_user_namespace() -> None:
    with subprocess.Popen(
        ["unshare", "-U", *WAITING],
        cwd=suites.ROOT,
        env=suites.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as inside:
        assert inside.stdout
        unshared = inside.stdout.readline()
        for kind in ("uid_map", "gid_map"):
            Path(f"/proc/{inside.pid}/{kind}").write_text("0 0 4294967295")
        said, _ = inside.communicate("mapped\n")

    assert (unshared, said) == ("unshared\n", "missing\n")


def test_the_kernel_is_the_suites_own_in_a_guest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(GUEST, raising=False)

    assert not OWN_KERNEL.probe()


@pytest.mark.parametrize("kind", ["bridge", "dummy", "macvlan", "vrf"])
def test_a_kind_of_link_is_missing_where_the_kernel_has_none(kind: str) -> None:
    assert need_of(f"link:{kind}").missing() is not has_link(kind)


@pytest.mark.parametrize("kind", ["fq", "netem"])
def test_a_queueing_discipline_is_missing_where_the_kernel_has_none(kind: str) -> None:
    assert need_of(f"qdisc:{kind}").missing() is not has_qdisc(kind)


@pytest.mark.parametrize(("value", "missing"), [("7", False), ("0", True)])
def test_a_value_that_a_sysctl_does_not_take_is_missing(value: str, missing: bool) -> None:
    assert need_of(f"sysctl:net.ipv4.ip_default_ttl={value}").missing() is missing
