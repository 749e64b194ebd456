"""What goes wrong in setting up a namespace: it says nothing about how the sockets in it behave."""

from __future__ import annotations


class NetnsError(OSError):
    """A namespace, a link, a route, a name or a user could not be set up; the errno is the kernel's."""


class LinkRefused(NetnsError):
    """The kernel refused, over netlink, to make or change a link, an address, a route, a rule or a queue."""
