"""The namespace of a thread, another user, and a /run in which names can be made."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import TypeVar

import pytest
from pyroute2.netlink.exceptions import NetlinkError

from netns import Namespace, in_child, syscalls
from netns.users import mapped

NOBODY = 65534

needs_nobody = pytest.mark.skipif(
    not mapped(NOBODY), reason=f"user {NOBODY} is not mapped into the user namespace of this run"
)

T = TypeVar("T")


def current_netns() -> int:
    """The inode of the network namespace the calling thread is in."""
    return os.stat(syscalls.THREAD_NETNS).st_ino


def with_private_run(function: Callable[[], T]) -> T:
    """Run a function in a child that has an empty /run of its own."""

    def apart() -> T:
        syscalls.unshare(syscalls.CLONE_NEWNS)
        syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
        syscalls.mount("none", "/run", "tmpfs", 0)
        return function()

    return in_child(apart)


def has_link(kind: str) -> bool:
    """Whether this kernel makes links of a kind, asked by pyroute2."""
    with Namespace() as ns, ns.iproute() as ipr:
        ns.add_veth("lower", "other")
        (lower,) = ipr.link_lookup(ifname="lower")
        settings = {"vrf": {"vrf_table": 10}, "macvlan": {"link": lower}}.get(kind, {})
        try:
            ipr.link("add", ifname="probe", kind=kind, **settings)
        except NetlinkError as error:
            return _unless_unsupported(error)
    return True


def has_qdisc(kind: str) -> bool:
    """Whether this kernel makes queueing disciplines of a kind, asked by pyroute2."""
    with Namespace() as ns, ns.iproute() as ipr:
        try:
            ipr.tc("add", kind, index=1, handle="1:")
        except NetlinkError as error:
            return _unless_unsupported(error)
    return True


def _unless_unsupported(error: NetlinkError) -> bool:
    if error.code not in {errno.EOPNOTSUPP, errno.ENOENT}:
        raise error
    return False
