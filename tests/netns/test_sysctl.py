from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import netns
from netns import Namespace, NetnsError, SysctlNotShown, SysctlRefused, in_child, initial_sysctl, leave_host
from tests.netns.setups import current_netns

ROOT = Path(netns.__file__).parents[1]
HOST_TTL = Path("/proc/sys/net/ipv4/ip_default_ttl")


def test_a_sysctl_reads_back_as_it_was_set() -> None:
    with Namespace() as ns:
        ns.sysctl["net.ipv4.tcp_rmem"] = "4096 8192 16384"

        assert ns.sysctl["net.ipv4.tcp_rmem"] == "4096 8192 16384"


def test_a_sysctl_is_set_in_one_namespace_only() -> None:
    outside = HOST_TTL.read_text()
    with Namespace() as ns:
        ns.sysctl["net.ipv4.ip_default_ttl"] = 7

        assert ns.sysctl["net.ipv4.ip_default_ttl"] == "7"
    assert HOST_TTL.read_text() == outside


def test_a_sysctl_is_set_from_outside() -> None:
    place, ns = current_netns(), Namespace()
    ns.sysctl["net.ipv4.ip_default_ttl"] = 9
    with ns.entered():
        inside = HOST_TTL.read_text()

    assert inside == "9\n"
    assert current_netns() == place
    ns.close()


def test_a_name_with_slashes_is_the_same_sysctl() -> None:
    with Namespace() as ns:
        assert ns.sysctl["net/ipv4/ip_default_ttl"] == ns.sysctl["net.ipv4.ip_default_ttl"]


def test_an_interface_with_a_dot_is_named_with_slashes() -> None:
    with Namespace() as ns:
        ns.add_veth("eth0.5", "eth1")
        ns.sysctl["net/ipv4/conf/eth0.5/forwarding"] = 1

        assert ns.sysctl["net/ipv4/conf/eth0.5/forwarding"] == "1"


def test_a_sysctl_that_is_not_there_is_a_key_error() -> None:
    with Namespace() as ns, pytest.raises(KeyError, match="no_such_thing") as missing:
        _ = ns.sysctl["net.ipv4.no_such_thing"]

    assert isinstance(missing.value, SysctlNotShown)
    assert missing.value.name == "net.ipv4.no_such_thing"


def test_a_sysctl_that_is_not_there_is_not_contained() -> None:
    with Namespace() as ns:
        assert "net.ipv4.no_such_thing" not in ns.sysctl
        assert "net.ipv4.ip_default_ttl" in ns.sysctl


@pytest.mark.parametrize(
    "name", ["kernel.hostname", "vm.swappiness", "net/../kernel/hostname", "/net/core/x"]
)
def test_a_sysctl_of_the_whole_machine_is_refused(name: str) -> None:
    with Namespace() as ns, pytest.raises(ValueError, match=r"net\.\*"):
        ns.sysctl[name] = "x"


def test_a_value_that_the_kernel_refuses_keeps_its_errno() -> None:
    with Namespace() as ns, pytest.raises(SysctlRefused, match="Invalid") as refusal:
        ns.sysctl["net.ipv4.ip_default_ttl"] = 0

    assert (refusal.value.errno, refusal.value.name) == (errno.EINVAL, "net.ipv4.ip_default_ttl")


def test_a_name_that_the_kernel_does_not_know_is_refused_too() -> None:
    with Namespace() as ns, pytest.raises(SysctlRefused) as refusal:
        ns.sysctl["net.ipv4.tcp_congestion_control"] = "no_such_name"

    assert refusal.value.errno == errno.ENOENT


def test_a_closed_namespace_has_no_sysctls() -> None:
    ns = Namespace()
    ns.close()

    with pytest.raises(ValueError, match="closed"):
        ns.sysctl["net.ipv4.ip_default_ttl"] = 7


@pytest.mark.parametrize("name", ["net.core.rmem_max", "net.core.wmem_default", "net.ipv4.tcp_mem"])
def test_a_sysctl_of_the_whole_kernel_is_readable_everywhere(name: str) -> None:
    with Namespace():
        value = initial_sysctl(name)

    assert all(int(number) > 0 for number in value.split())


def test_a_sysctl_of_the_whole_kernel_cannot_be_changed_from_a_namespace() -> None:
    with Namespace() as ns, pytest.raises((NetnsError, KeyError)):
        ns.sysctl["net.core.rmem_max"] = 4096


def test_a_program_started_after_the_host_was_left_has_it_too() -> None:
    asks = "from netns import initial_sysctl; print(initial_sysctl('net.ipv4.tcp_mem'))"

    def start_it() -> str:
        leave_host()
        ended = subprocess.run(
            [sys.executable, "-c", asks], cwd=ROOT, check=True, capture_output=True, text=True
        )
        return ended.stdout.strip()

    assert in_child(start_it) == initial_sysctl("net.ipv4.tcp_mem")


def test_making_a_namespace_leaves_the_environment_as_it_is() -> None:
    before = dict(os.environ)
    with Namespace():
        pass

    assert dict(os.environ) == before


def test_an_unknown_initial_sysctl_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="no_such_thing"):
        initial_sysctl("net.core.no_such_thing")
