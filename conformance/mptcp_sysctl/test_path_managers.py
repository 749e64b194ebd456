"""Path managers and packet schedulers, by their names."""

from __future__ import annotations

import socket
from collections.abc import Iterable

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import MPTCP, VETH
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.mptcp import (
    ADD_ADDR,
    ANNOUNCED,
    IPPROTO_MPTCP,
    allow_second_subflow,
    announce_for,
    await_joined,
    connected,
    mptcp_socket,
)
from conformance.plugin.setups.mptcp_peer import MADE_MPTCP, RESET_AT_THE_END, connected_peer
from conformance.plugin.setups.packets import packets
from conformance.plugin.timing import SOON
from netns import Capability, Namespace, NetnsError, Peers

MANAGER, TYPE, MANAGERS, SCHEDULER, SCHEDULERS = (
    f"net.mptcp.{name}"
    for name in ("path_manager", "pm_type", "available_path_managers", "scheduler", "available_schedulers")
)
SECTION = "/proc/sys/net/mptcp/* Variables"
ON_THE_WIRE = (MPTCP, Capability.NET_RAW, VETH)
NO_SOCKET = {"*": "no socket is asked"}


def subflows(hosts: Peers, sysctl: str, in_kernel: int | str, in_userspace: int | str) -> list[int]:
    """How many subflows two clients of the left host have, which has an endpoint for a second one.

    The first was made with the path manager in the kernel, the second with that in userspace; each connects
    with the other. The second connects before the first, whose second subflow is waited for.
    """
    allow_second_subflow(hosts)
    settings = hosts.left.namespace.sysctl
    with hosts.left.entered():
        settings[sysctl] = in_kernel
        first = mptcp_socket()
        settings[sysctl] = in_userspace
        second = mptcp_socket()
    with (
        first,
        second,
        hosts.right.entered(),
        packets() as arriving,
        listening(hosts.right.address, protocol=IPPROTO_MPTCP) as listener,
    ):
        first.rcvtimeo = second.rcvtimeo = listener.rcvtimeo = arriving.rcvtimeo = SOON
        settings[sysctl] = in_kernel
        with connected(second, listener):
            settings[sysctl] = in_userspace
            with connected(first, listener):
                await_joined(arriving)
                return [len(one.mptcp_subflow_addrs) for one in (first, second)]


@claim(
    "mptcp-sysctl/path_manager/new-sockets",
    sentence=("mptcp-sysctl/path_manager/new", "mptcp/Path-Manager/sysctl"),
    section=SECTION,
    says="An MPTCP socket over IPv4 that was made while path_manager was kernel has a second subflow from an "
    "endpoint of its host, though path_manager is userspace when it connects; one that was made while it was "
    "userspace has none, though it is kernel then.",
    since="6.15",
    needs=ON_THE_WIRE,
)
def test_a_new_socket_has_the_path_manager(peers, observe):
    assert observe("subflows", subflows(peers, MANAGER, "kernel", "userspace")) == [2, 1]


@claim(
    "mptcp-sysctl/path_manager/program",
    sentence="mptcp-sysctl/path_manager/userspace",
    section=SECTION,
    says="An accepted MPTCP connection over IPv4 whose listener was made while path_manager was userspace "
    "announces the address that a program has it announce over netlink.",
    since="6.15",
    needs=MADE_MPTCP,
    survives=RESET_AT_THE_END,
)
def test_a_program_decides(peers, observe):
    peers.right.namespace.sysctl[MANAGER] = "userspace"
    with connected_peer(peers) as (peer, sock):
        announce_for(sock, peers.right)

        assert observe("address", socket.inet_ntoa(peer.next_of(ADD_ADDR)[2:6])) == ANNOUNCED


@claim(
    "mptcp-sysctl/pm_type/new-sockets",
    sentence="mptcp-sysctl/pm_type/numbers",
    section=SECTION,
    says="An MPTCP socket over IPv4 that was made while pm_type was 0 has a second subflow from an endpoint "
    "of its host, though pm_type is 1 when it connects; one that was made while it was 1 has none, though it "
    "is 0 then.",
    since="5.19",
    needs=ON_THE_WIRE,
)
def test_a_new_socket_has_the_type(peers, observe):
    assert observe("subflows", subflows(peers, TYPE, 0, 1)) == [2, 1]


@claim(
    "mptcp-sysctl/pm_type/names",
    sentence="mptcp-sysctl/pm_type/numbers",
    section=SECTION,
    says="path_manager is kernel after pm_type was set to 0, and userspace after it was set to 1, and "
    "pm_type follows path_manager likewise.",
    since="6.15",
    needs=[MPTCP],
    survives=NO_SOCKET,
)
@pytest.mark.parametrize(
    ("number", "name", "others"), [("0", "kernel", ("1", "userspace")), ("1", "userspace", ("0", "kernel"))]
)
def test_a_number_stands_for_a_name(ns, observe, number, name, others):
    ns.sysctl[TYPE] = others[0]
    ns.sysctl[TYPE] = number
    named = ns.sysctl[MANAGER]
    ns.sysctl[MANAGER] = others[1]
    ns.sysctl[MANAGER] = name

    assert observe("name_and_number", [named, ns.sysctl[TYPE]]) == [name, number]


def taken(namespace: Namespace, sysctl: str, names: Iterable[str]) -> list[str]:
    """What a sysctl is after it was set to each of several names."""
    found = []
    for name in names:
        namespace.sysctl[sysctl] = name
        found.append(namespace.sysctl[sysctl])
    return found


@claim(
    "mptcp-sysctl/available_path_managers/registered",
    sentence="mptcp-sysctl/available_path_managers/registered",
    section=SECTION,
    says="available_path_managers has kernel and userspace; path_manager can be set to each name that is "
    "there, and not to another.",
    since="6.15",
    needs=[MPTCP],
    survives=NO_SOCKET,
)
def test_path_managers_are_listed(ns, observe):
    names = ns.sysctl[MANAGERS].split()
    with pytest.raises(NetnsError):
        ns.sysctl[MANAGER] = "no_such_name"

    known = observe("known", {"kernel", "userspace"} <= set(names))
    assert [known, taken(ns, MANAGER, names)] == [True, names]


@claim(
    "mptcp-sysctl/available_schedulers/registered",
    sentence=("mptcp-sysctl/available_schedulers/registered", "mptcp-sysctl/scheduler/default"),
    section=SECTION,
    says="available_schedulers has default, which scheduler is in a new network namespace; that can be set "
    "to each name that is there, and not to another.",
    since="6.10",
    needs=[MPTCP],
    survives=NO_SOCKET,
)
def test_schedulers_are_listed(ns, observe):
    at_first = ns.sysctl[SCHEDULER]
    names = ns.sysctl[SCHEDULERS].split()
    with pytest.raises(NetnsError):
        ns.sysctl[SCHEDULER] = "no_such_name"

    seen = observe("at_first_and_known", [at_first, "default" in names])
    assert [*seen, taken(ns, SCHEDULER, names)] == ["default", True, names]
