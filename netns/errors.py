"""What goes wrong in setting up a namespace: it says nothing about how the sockets in it behave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class NetnsError(OSError):
    """A namespace, a link, a route, a name or a user could not be set up; the errno is the kernel's."""


class LinkRefused(NetnsError):
    """The kernel refused, over netlink, to make or change a link, an address, a route, a rule or a queue."""


class SysctlRefused(NetnsError):
    """The kernel refused to read or to set the sysctl ``name``."""

    def __init__(self, name: str, error: OSError) -> None:
        super().__init__(error.errno, f"{name}: {error.strerror}")
        self.name = name


class SysctlNotShown(KeyError):
    """The kernel shows no sysctl ``name`` in a network namespace."""

    def __init__(self, name: str, where: str = "this network namespace") -> None:
        super().__init__(f"{name} is not shown in {where}")
        self.name = name


@contextmanager
def setting_up(what: str) -> Iterator[None]:
    """A block that sets something up: what goes wrong in it is a NetnsError, never a socket's answer."""
    try:
        yield
    except NetnsError:
        raise
    except OSError as error:
        raise NetnsError(error.errno, f"{what}: {error.strerror}") from error
