"""A socket option, declared once as data, that reads and writes itself on any socket."""

from __future__ import annotations

import enum
import errno
import os
import reprlib
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar, overload

from libsocket.arch import MACHINE, Level, Numbers
from libsocket.calls import reader, writer
from libsocket.codecs import INT, Codec
from libsocket.errors import NotPermitted, UnsupportedOption

T = TypeVar("T")
U = TypeVar("U")

UNSUPPORTED = frozenset({errno.ENOPROTOOPT, errno.EOPNOTSUPP})
FORBIDDEN = frozenset({errno.EPERM, errno.EACCES})
MISFITS = (TypeError, ValueError, OverflowError, struct.error)
"""What a codec raises for a value that is none of its own."""


class Access(enum.Flag):
    """What the kernel lets be done with an option."""

    GET = enum.auto()
    SET = enum.auto()
    BOTH = GET | SET


_WORDS = {Access.GET: "get", Access.SET: "set", Access.BOTH: "get and set"}


if TYPE_CHECKING:

    class _Descriptor(Generic[T]):
        def __init__(
            self, fget: Callable[[socket.socket], T], fset: Callable[[socket.socket, T], None]
        ) -> None: ...

        @overload
        def __get__(self, instance: None, owner: type) -> Option[T]: ...
        @overload
        def __get__(self, instance: socket.socket, owner: type) -> T: ...
        def __get__(self, instance: socket.socket | None, owner: type) -> Option[T] | T: ...

        def __set__(self, instance: socket.socket, value: T) -> None: ...

else:

    class _Doc:
        """The class's own docstring on the class, an option's on an option."""

        def __init__(self, text):
            self.text = text

        def __get__(self, option, owner):
            if option is None:
                return self.text
            return (
                f"{option.doc}\n\n{option.facts}\n\nClaims about it: {option.page} in the conformance matrix."
            )

        def __set__(self, option, text):
            """Property sets what its function's docstring says: nothing."""

    class _Descriptor(property, Generic[T]):
        """Attribute access goes through property, whose own part is C; slots keep get and set fast."""

        __slots__ = ()

        def __init_subclass__(cls):
            cls.__doc__ = _Doc(cls.__doc__)


class Option(_Descriptor[T]):
    """A typed socket option.

    On a ``Socket`` an option is an attribute (``sock.rcvbuf``); on the class the attribute is this
    object (``Socket.rcvbuf``), which ``sock.get`` and ``sock.set`` take too. Reading and writing
    raise ``UnsupportedOption`` where the kernel lacks the option, ``NotPermitted`` where it wants
    a capability, and any other ``OSError`` as the kernel gives it. What ``access`` says is for
    people: an option that can only be got is sent to the kernel all the same, and it answers.
    """

    __slots__ = (
        "access",
        "capability",
        "codec",
        "consumes",
        "doc",
        "level",
        "name",
        "number",
        "numbers",
        "read",
        "since",
        "source",
        "write",
    )

    read: Callable[[socket.socket], T]
    write: Callable[[socket.socket, T], None]

    def __init__(
        self,
        name: str,
        level: Level,
        number: int | Numbers,
        codec: Codec[T],
        *,
        since: str,
        doc: str,
        access: Access = Access.BOTH,
        capability: str | None = None,
        source: str | None = None,
        consumes: bool = False,
    ) -> None:
        self.name: str = name
        self.level: Level = level
        self.numbers: Numbers = number if isinstance(number, Numbers) else Numbers(number)
        self.number: int = self.numbers.on(MACHINE)
        self.codec: Codec[T] = codec
        self.access: Access = access
        self.since: str = since
        """The first kernel of the mainline that has it."""
        self.capability: str | None = capability
        self.source: str = source or f"{level.page}, {name}"
        self.doc: str = doc
        self.consumes: bool = consumes
        """Whether reading changes the socket, so that a snapshot must leave it alone."""
        self.read, self.write = reader(self), writer(self)
        super().__init__(self.read, self.write)

    def __repr__(self) -> str:
        return f"<Option {self.name}: {self.facts}>"

    @property
    def constant(self) -> str:
        """What the option is called in this package: its C name, or the level's before one that IPv4 and
        IPv6 share (MCAST_*).
        """
        family = f"{self.level.name.removeprefix('IPPROTO_')}_" if self.name.startswith("MCAST_") else ""
        return family + self.name

    @property
    def attribute(self) -> str:
        """What the option is called on a Socket: the constant in lower case, without ``SO_``.

        ``type`` alone is taken by the standard library, so SO_TYPE keeps its prefix.
        """
        short = self.constant.lower().removeprefix("so_")
        return "so_type" if short == "type" else short

    @property
    def page(self) -> str:
        """What its page of the conformance matrix is called, where the claims about it are."""
        return f"option/{self.constant}"

    @property
    def facts(self) -> str:
        """Type, access, capability, age and source in one line."""
        needs = f", needs {self.capability}" if self.capability else ""
        access = _WORDS[self.access]
        return f"{self.codec}, {access}{needs}, since Linux {self.since}; {self.source}"

    def through(self, codec: Codec[U]) -> Option[U]:
        """The same option with its bytes read and written another way.

        ``SO_RCVTIMEO.through(TIMEVAL)`` sets what no float can say, ``SO_RCVBUF.through(INT)`` a
        negative size, ``raw(n)`` anything at all.
        """
        return Option(
            self.name,
            self.level,
            self.numbers,
            codec,
            since=self.since,
            doc=self.doc,
            access=self.access,
            capability=self.capability,
            source=self.source,
            consumes=self.consumes,
        )

    def supported(self, sock: socket.socket) -> bool:
        """Whether this kernel knows the option on sockets like this one, tried on a fresh one."""
        with socket.socket(sock.family, sock.type, sock.proto) as trial:
            try:
                self._try(trial)
            except OSError as refusal:
                return refusal.errno not in UNSUPPORTED
        return True

    def _try(self, trial: socket.socket) -> None:
        if Access.GET in self.access:
            self.ask(trial, bytes(self.codec.size))
        else:
            self.zero(trial)

    def ask(self, sock: socket.socket, question: bytes) -> T:
        """What an option answers to a question: bytes in the buffer when getsockopt(2) is called."""
        from libsocket.libc import ask

        return self.codec.decode(ask(sock, self.level, self.number, question, self.codec.size))

    def zero(self, sock: socket.socket) -> None:
        """Write zeros, which is how a probe learns of an option that can only be set."""
        self._tell(sock, bytes(self.codec.size))

    def _tell(self, sock: socket.socket, data: bytes) -> None:
        from libsocket.libc import tell

        tell(sock, self.level, self.number, data)

    def read_by_question(self, sock: socket.socket) -> T:
        """Read an option whose question is always the same; TypeError where only the caller knows it."""
        question = self.codec.question
        if not isinstance(question, bytes):
            raise TypeError(f"{self.name} is read by a question: sock.ask({self.name}, ...)")
        try:
            return self.ask(sock, question)
        except OSError as refusal:
            return self.refuse_get(sock, refusal)

    def refuse_get(self, sock: socket.socket, refusal: OSError) -> T:
        """Raise what a refusal to read means.

        On AF_VSOCK it is Python that refuses to read bytes, not the kernel, which is then asked.
        """
        if refusal.errno is not None:
            self._refuse(sock, refusal, Access.GET)
        try:
            return self.ask(sock, b"")
        except OSError as kernels:
            self._refuse(sock, kernels, Access.GET)

    def refuse_set(self, sock: socket.socket, refusal: OSError) -> NoReturn:
        """Raise what a refusal to write means."""
        self._refuse(sock, refusal, Access.SET)

    def misfit(self, sock: socket.socket, value: T, reason: Exception) -> None:
        """Refuse a value that does not fit; but on AF_VSOCK it is Python that takes no bytes."""
        if not isinstance(reason, MISFITS):
            raise reason
        if sock.family != socket.AF_VSOCK:
            self.refuse_value(value, reason)
        try:
            self._tell(sock, self.codec.encode(value))
        except OSError as refusal:
            self.refuse_set(sock, refusal)
        except MISFITS as unfit:
            self.refuse_value(value, unfit)

    def refuse_value(self, value: object, reason: Exception) -> NoReturn:
        """Raise for a value that cannot be given to the kernel without being misread."""
        number = isinstance(value, int) and self.codec.size == INT.size
        if number or isinstance(reason, OverflowError | struct.error):
            raise OverflowError(
                f"{self.name} cannot be {reprlib.repr(value)}: the kernel keeps it in a {self.codec.layout} "
                "and would misread that"
            ) from reason
        kind = ValueError if isinstance(reason, ValueError) else TypeError
        raise kind(f"{self.name} cannot be {reprlib.repr(value)}: {reason}") from reason

    def _refuse(self, sock: socket.socket, refusal: OSError, access: Access) -> NoReturn:
        if refusal.errno in UNSUPPORTED:
            raise self._unsupported(refusal, self._why(sock, access)) from refusal
        if refusal.errno in FORBIDDEN and self.capability is not None:
            raise self._not_permitted(refusal, self.capability) from refusal
        raise refusal

    def _unsupported(self, refusal: OSError, why: str) -> UnsupportedOption:
        unsupported = UnsupportedOption(refusal.errno, why)
        unsupported.option, unsupported.since = self.name, self.since
        return unsupported

    def _why(self, sock: socket.socket, access: Access) -> str:
        if access not in self.access:
            return f"{self.name} can only be {'set' if access is Access.GET else 'read'}"
        kind = " ".join(getattr(part, "name", str(part)) for part in (sock.family, sock.type))
        return (
            f"this {kind} socket has no {self.name}: Linux has it since {self.since}, unless built without, "
            f"for the sockets that {self.source} names, and this is Linux {os.uname().release}"
        )

    def _not_permitted(self, refusal: OSError, capability: str) -> NotPermitted:
        text = f"{self.name} was refused ({refusal.strerror}): this value needs {capability}"
        refused = NotPermitted(refusal.errno, text)
        refused.option, refused.capability = self.name, capability
        return refused
