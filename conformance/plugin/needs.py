"""What a claim cannot be tried without. A need is probed by trying; its code says what is missing."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from netns import Capability, Namespace, as_user, effective, in_user_namespace, peers

NOBODY = 65534
"""The uid by which another user is tried; it owns nothing on any distribution."""

_INITIAL_USER_NAMESPACE = 0xEFFFFFFD
"""The inode number of the user namespace a machine boots with (PROC_USER_INIT_INO)."""


@dataclass(frozen=True)
class Need:
    """Something that may be missing here, and the probe for it."""

    code: str
    probe: Callable[[], bool]

    def missing(self) -> bool:
        return not _met(self)


@functools.cache
def _met(need: Need) -> bool:
    """Probed once: neither the kernel nor the privileges of a run change under it."""
    return need.probe()


def need(one: Need | Capability) -> Need:
    """A capability stands for the need to have it in the namespaces a run makes."""
    return _capability(one) if isinstance(one, Capability) else one


@functools.cache
def _capability(capability: Capability) -> Need:
    return Need(str(capability), lambda: capability in effective())


@functools.cache
def initially(capability: Capability) -> Need:
    """A capability in the initial user namespace: options that are global in effect ask for it there."""
    return Need(
        f"{capability} in the initial user namespace",
        lambda: capability in effective() and _in_initial_user_namespace(),
    )


def _in_initial_user_namespace() -> bool:
    return os.stat("/proc/self/ns/user").st_ino == _INITIAL_USER_NAMESPACE


@functools.cache
def qdisc(kind: str) -> Need:
    """A queueing discipline, such as ``tbf``, that the kernel can put on a link."""
    return Need(f"qdisc:{kind}", lambda: _works(lambda: _try_qdisc(kind)))


def _try_qdisc(kind: str) -> None:
    settings: dict[str, Any] = {"rate": "1mbit", "burst": 10_000, "limit": 10_000} if kind == "tbf" else {}
    with peers() as two:
        two.left.namespace.add_qdisc(two.left.device, kind, handle="1:", **settings)


def _try_another_user() -> None:
    as_user(NOBODY, os.geteuid)


def _try_pair() -> None:
    with peers():
        pass


def _try_user_namespace() -> None:
    in_user_namespace(os.geteuid)


def _try_routing_rule() -> None:
    with Namespace() as namespace:
        namespace.add_rule(fwmark=1, table=100)


def _try_kernel_log() -> None:
    os.close(os.open("/dev/kmsg", os.O_RDONLY))


def _works(attempt: Callable[[], object]) -> bool:
    """Whether an attempt succeeds; why it does not is the need's code to say."""
    try:
        with Namespace():
            attempt()
    except Exception:
        return False
    return True


ANOTHER_USER = Need(f"uid:{NOBODY}", lambda: _works(_try_another_user))
"""A second user id to run as: a user namespace made by an ordinary user has only one."""

VETH = Need("link:veth", lambda: _works(_try_pair))
"""Two hosts joined by a pair of virtual Ethernet devices."""

USER_NAMESPACE = Need("user namespace", lambda: _works(_try_user_namespace))
"""A user namespace inside which a network namespace can be made."""

IPV6 = Need("family:AF_INET6", lambda: os.path.exists("/proc/net/if_inet6"))
"""The IPv6 protocol, which a kernel can be built or started without."""

ROUTING_RULES = Need("rule:fwmark", lambda: _works(_try_routing_rule))
"""Rules that choose a routing table (CONFIG_IP_MULTIPLE_TABLES)."""

KERNEL_LOG = Need("log:/dev/kmsg", lambda: _works(_try_kernel_log))
"""The kernel's own messages, to read: the initial root may, others unless dmesg_restrict is set."""
