"""A socket option, declared once as data, that reads and writes itself on any socket."""

from __future__ import annotations

import enum
import errno
import os
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, overload

from libsocket import codecs
from libsocket.arch import MACHINE, Level, Numbers
from libsocket.codecs import Codec
from libsocket.errors import NotPermitted, UnsupportedOption

T = TypeVar("T")
U = TypeVar("U")

UNSUPPORTED = frozenset({errno.ENOPROTOOPT, errno.EOPNOTSUPP})
FORBIDDEN = frozenset({errno.EPERM, errno.EACCES})


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

    class _Descriptor(property, Generic[T]):
        """Attribute access goes through property, whose own part is C."""


class Option(_Descriptor[T]):
    """A typed socket option.

    On a ``Socket`` an option is an attribute (``sock.rcvbuf``); on the class the attribute is this
    object (``Socket.rcvbuf``), which ``sock.get`` and ``sock.set`` take too. Reading and writing
    raise ``UnsupportedOption`` where the kernel lacks the option, ``NotPermitted`` where it wants
    a capability, and any other ``OSError`` as the kernel gives it. What ``access`` says is for
    people: an option that can only be got is sent to the kernel all the same, and it answers.
    """

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
        self.name = name
        self.level = level
        self.numbers = number if isinstance(number, Numbers) else Numbers(number)
        self.number = self.numbers.on(MACHINE)
        self.codec = codec
        self.access = access
        self.since = since
        self.capability = capability
        self.source = source or f"{level.page}, {name}"
        self.consumes = consumes
        self.read, self.write = _reader(self), _writer(self)
        super().__init__(self.read, self.write)
        self.doc = doc
        self.__doc__ = f"{doc}\n\n{self.facts}"

    def __repr__(self) -> str:
        return f"<Option {self.name}: {self.facts}>"

    @property
    def attribute(self) -> str:
        """What the option is called on a Socket: in lower case, without ``SO_``.

        ``type`` alone is taken by the standard library, so SO_TYPE keeps its prefix.
        """
        short = self.name.lower().removeprefix("so_")
        return "so_type" if short == "type" else short

    @property
    def facts(self) -> str:
        """Type, access, capability, age and source in one line."""
        needs = f", needs {self.capability}" if self.capability else ""
        access = _WORDS[self.access]
        return f"{self.codec}, {access}{needs}, since Linux {self.since}; {self.source}"

    def through(self, codec: Codec[U]) -> Option[U]:
        """The same option with its bytes read and written another way.

        ``SO_RCVTIMEO.through(TIMEVAL)`` sets what no float can say.
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
            trial.getsockopt(self.level, self.number, self.codec.size)
        else:
            trial.setsockopt(self.level, self.number, bytes(self.codec.size))

    def refuse(self, refusal: OSError, sock: socket.socket, access: Access) -> NoReturn:
        """Raise what a refusal means, with the errno and a message that says what can be done."""
        if refusal.errno in UNSUPPORTED:
            raise self._unsupported(refusal, sock, access) from refusal
        if refusal.errno in FORBIDDEN and self.capability is not None:
            raise self._not_permitted(refusal) from refusal
        raise refusal

    def misfit(self, value: object, reason: Exception) -> Exception:
        """What to raise for a value that cannot be given to the kernel without being misread."""
        if isinstance(value, int | float) and not isinstance(reason, TypeError | ValueError):
            return OverflowError(f"{self.name} cannot be {value!r}: {reason}")
        if isinstance(value, int) and isinstance(reason, TypeError):
            return OverflowError(f"{self.name} cannot be {value!r}: it does not fit a 32-bit C int")
        kind = ValueError if isinstance(reason, ValueError) else TypeError
        return kind(f"{self.name} is a {self.codec} and cannot be {value!r}: {reason}")

    def _unsupported(self, refusal: OSError, sock: socket.socket, access: Access) -> UnsupportedOption:
        unsupported = UnsupportedOption(refusal.errno, self._why(sock, access))
        unsupported.option, unsupported.since = self.name, self.since
        return unsupported

    def _why(self, sock: socket.socket, access: Access) -> str:
        if access not in self.access:
            return f"{self.name} can only be {'set' if access is Access.GET else 'read'}"
        kind = f"{sock.family.name} {sock.type.name} socket"
        return (
            f"{self.name} is unknown on this {kind}: the option exists since Linux {self.since} "
            f"for the sockets named in {self.source}; this is Linux {os.uname().release}"
        )

    def _not_permitted(self, refusal: OSError) -> NotPermitted:
        assert self.capability is not None
        refused = NotPermitted(
            refusal.errno, f"{self.name} was refused ({refusal.strerror}): it needs {self.capability}"
        )
        refused.option, refused.capability = self.name, self.capability
        return refused


def _reader(option: Option[T]) -> Callable[[socket.socket], T]:
    """A read with all constants bound, since it must cost little more than the bare call."""
    level, number, size, decode = int(option.level), option.number, option.codec.size, option.codec.decode
    getsockopt = socket.socket.getsockopt

    def read(sock: socket.socket) -> Any:
        try:
            return decode(getsockopt(sock, level, number, size))
        except OSError as refusal:
            option.refuse(refusal, sock, Access.GET)

    def read_int(sock: socket.socket) -> Any:
        try:
            return getsockopt(sock, level, number)
        except OSError as refusal:
            option.refuse(refusal, sock, Access.GET)

    def read_flag(sock: socket.socket) -> Any:
        try:
            return getsockopt(sock, level, number) != 0
        except OSError as refusal:
            option.refuse(refusal, sock, Access.GET)

    if option.codec in (codecs.INT, codecs.SIZE):
        return read_int
    return read_flag if option.codec is codecs.FLAG else read


def _writer(option: Option[T]) -> Callable[[socket.socket, T], None]:
    level, number, encode = int(option.level), option.number, option.codec.encode
    setsockopt = socket.socket.setsockopt

    def write(sock: socket.socket, value: Any) -> None:
        try:
            setsockopt(sock, level, number, encode(value))
        except OSError as refusal:
            option.refuse(refusal, sock, Access.SET)
        except (TypeError, ValueError, OverflowError, struct.error) as reason:
            raise option.misfit(value, reason) from reason

    def write_int(sock: socket.socket, value: Any) -> None:
        try:
            setsockopt(sock, level, number, value)
        except OSError as refusal:
            option.refuse(refusal, sock, Access.SET)
        except TypeError as reason:
            raise option.misfit(value, reason) from reason

    return write_int if option.codec in (codecs.INT, codecs.FLAG) else write
