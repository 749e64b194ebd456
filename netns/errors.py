"""What goes wrong in making a place: it says nothing about how the sockets in it behave."""

from __future__ import annotations


class PlaceError(OSError):
    """A namespace, a link, a route, a name or a user could not be had; the errno is the kernel's."""


class LinkRefused(PlaceError):
    """The kernel refused, over netlink, to make or change a link, an address, a route, a rule or a queue."""
