"""What can go wrong, beyond what the kernel says by itself.

Every refusal of the kernel is an ``OSError`` and keeps the kernel's errno. Where an attribute is read that is
not there, it is the cause of an ``AttributeError``.
"""

from __future__ import annotations


class UnsupportedOption(OSError):
    """The kernel does not have the option on this socket: ENOPROTOOPT, EOPNOTSUPP or ENOTSUPP (524)."""

    option: str
    """The option's C name."""
    since: str
    """The first kernel that has the option."""


class UnsupportedAttribute(AttributeError):
    """An option is no attribute that can be read: this socket does not have it, or it can only be set.

    An AttributeError is what hasattr(), getattr() with a default, inspect and mock expect, and no exception
    can be an OSError as well. Its ``__cause__`` is the UnsupportedOption that ``sock.get(option)`` raises. An
    option that is read by a request has none: the kernel is not asked.
    """

    option: str
    """The option's C name."""
    since: str
    """The first kernel that has the option."""
    errno: int | None
    """The kernel's: ENOPROTOOPT, EOPNOTSUPP or ENOTSUPP (524). None where it was not asked."""


class NotPermitted(PermissionError):
    """An option was refused for want of a capability: EPERM, or EACCES for SO_DEBUG.

    One that the caller has in the user namespace where the option asks for it is never blamed: a refusal for
    another cause is a PermissionError that names the cause where it can be told.
    """

    option: str
    """The option's C name."""
    capability: str
    """The capability that would have sufficed, such as ``CAP_NET_ADMIN``."""


class NotASocket(OSError):
    """The file descriptor is something else: ENOTSOCK."""


class UnexpectedEof(EOFError):
    """The stream ended before as much was read as had been asked for."""

    def __init__(self, partial: bytes, wanted: int) -> None:
        super().__init__(partial, wanted)
        self.partial = partial
        """What had been read; it is gone from the stream."""
        self.wanted = wanted
        """How many bytes had been asked for."""

    def __str__(self) -> str:
        return f"the stream ended after {len(self.partial)} of {self.wanted} bytes"


class WriteZero(OSError):
    """A write took none of the bytes that were left, so going on would never end."""
