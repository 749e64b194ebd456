"""A socket option, declared once as data, that reads and writes itself on any socket."""

from __future__ import annotations

import enum
import errno
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, TypeVar, overload

from libsocket.arch import MACHINE, Level, Numbers
from libsocket.capabilities import lacking
from libsocket.codecs import FLAG, Codec
from libsocket.errors import NotPermitted, UnsupportedAttribute, UnsupportedOption
from libsocket.libc import getsockopt, setsockopt
from libsocket.refusals import ENCODING_ERRORS, refused
from libsocket.sockopt import reader, writer

__all__ = ["Access", "Option"]

T = TypeVar("T")
U = TypeVar("U")
P = ParamSpec("P")

ENOTSUPP = 524
"""The kernel's internal errno, which some options let out."""
UNSUPPORTED = frozenset({errno.ENOPROTOOPT, errno.EOPNOTSUPP, ENOTSUPP})
FORBIDDEN = frozenset({errno.EPERM, errno.EACCES})


class Access(enum.Flag):
    """What the kernel lets be done with an option."""

    GET = enum.auto()
    SET = enum.auto()
    BOTH = GET | SET


_ACCESS = {Access.GET: "get", Access.SET: "set", Access.BOTH: "get and set"}


if TYPE_CHECKING:

    class _Descriptor(Generic[T]):
        def __init__(
            self, fget: Callable[[socket.socket], T], fset: Callable[[socket.socket, T], None] | None
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
    raise ``UnsupportedOption`` where the kernel lacks the option, ``NotPermitted`` where the caller lacks a
    capability, ``PermissionError`` with the cause where the socket's state forbids it, and any other
    ``OSError`` as the kernel gives it.

    Attributes keep to Python's rules besides: what is not there to be read raises
    ``UnsupportedAttribute``, and an option that can only be read has no setter; both are
    ``AttributeError``. ``sock.get`` and ``sock.set`` ask the kernel whatever ``access`` says.
    """

    __slots__ = (
        "access",
        "capability",
        "codec",
        "consumes",
        "doc",
        "forbidden_by",
        "initially",
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
        initially: bool = False,
        forbidden_by: Callable[[socket.socket], str | None] | None = None,
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
        self.initially: bool = initially
        """Whether the capability counts in the initial user namespace only."""
        self.forbidden_by: Callable[[socket.socket], str | None] | None = forbidden_by
        """What tells the state of a socket that makes the kernel answer EPERM, to whoever asks."""
        self.source: str = source or f"{level.page}, {name}"
        self.doc: str = doc
        self.consumes: bool = consumes
        """Whether reading changes the socket, so that a snapshot must leave it alone."""
        self.read = self._reader()
        self.write = self._writer()
        super().__init__(self._attribute_reader(), self.write if Access.SET in access else None)

    def _reader(self) -> Callable[[socket.socket], T]:
        request = self.codec.request
        if request is None:
            return reader(self.level, self.number, self.codec, self.get_failed)
        if isinstance(request, bytes):
            return partial(self._read_with, request=request)
        return self._refuse_to_read

    def _attribute_reader(self) -> Callable[[socket.socket], T]:
        if self.codec.request is None:
            return reader(self.level, self.number, self.codec, self._as_attribute(self.get_failed))
        return self._refuse_attribute if self.takes_request else self._as_attribute(self.read)

    def _as_attribute(self, call: Callable[P, T]) -> Callable[P, T]:
        """The same call, with an AttributeError where the option is missing."""

        def attribute(*args: P.args, **keywords: P.kwargs) -> T:
            try:
                return call(*args, **keywords)
            except UnsupportedOption as missing:
                raise self._no_attribute(missing.strerror, missing.errno) from missing

        return attribute

    def _writer(self) -> Callable[[socket.socket, T], None]:
        return writer(self.level, self.number, self.codec, self.set_failed, self.encode_failed)

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
        where = " in the initial user namespace" if self.initially else ""
        needs = f", needs {self.capability}{where}" if self.capability else ""
        access = _ACCESS[self.access]
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
            initially=self.initially,
            forbidden_by=self.forbidden_by,
            source=self.source,
            consumes=self.consumes,
        )

    def supported(self, sock: socket.socket) -> bool:
        """Whether this kernel has the option on sockets like this one, tried on a fresh one.

        One that can be set is tried by setting it, for many that are refused read as 0 all the same. To be
        refused for want of a capability is to be there.
        """
        with socket.socket(sock.family, sock.type, sock.proto) as trial:
            held = self.try_read(trial) if Access.GET in self.access else None
            answer = self.try_write(trial, held) if Access.SET in self.access else held
        return not isinstance(answer, OSError) or answer.errno not in UNSUPPORTED

    def try_read(self, sock: socket.socket) -> T | OSError:
        """What a probe reads, or the refusal; where reading takes a request it has zeros for one."""
        try:
            return self._get(sock, bytes(self.codec.size)) if self.takes_request else self.read(sock)
        except OSError as error:
            return error

    def try_write(self, sock: socket.socket, held: object) -> OSError | None:
        """Write what a probe does, and give the refusal, if any.

        That is true to a flag, for false may pass where true is refused; to others what they hold, or zeros
        if that is not known.
        """
        known = held is not None and not isinstance(held, OSError)
        value: Any = True if self.codec is FLAG else held
        try:
            if known or self.codec is FLAG:
                self.write(sock, value)
            else:
                self._set(sock, bytes(self.codec.size))
        except OSError as error:
            return error
        return None

    def _get(self, sock: socket.socket, request: bytes) -> T:
        return self.codec.decode(getsockopt(sock, self.level, self.number, request, self.codec.size))

    def _set(self, sock: socket.socket, data: bytes) -> None:
        setsockopt(sock, self.level, self.number, data)

    @property
    def takes_request(self) -> bool:
        """Whether reading it takes a request: a value of its type that says what is to be read."""
        return callable(self.codec.request)

    def read_by_request(self, sock: socket.socket, request: T) -> T:
        """Read with a request in the buffer; TypeError for an option that takes none."""
        encode = self.codec.request
        if not callable(encode):
            raise TypeError(f"{self.name} is read without a request")
        return self._read_with(sock, self._encoded(request, encode))

    def _refuse_to_read(self, _sock: socket.socket) -> NoReturn:
        raise TypeError(self._by_request)

    def _refuse_attribute(self, _sock: socket.socket) -> NoReturn:
        raise self._no_attribute(self._by_request, None)

    @property
    def _by_request(self) -> str:
        return f"{self.name} is read by a request: sock.get({self.constant}, request=...)"

    def _read_with(self, sock: socket.socket, request: bytes) -> T:
        try:
            return self._get(sock, request)
        except OSError as error:
            self._refuse(sock, error, Access.GET)

    def get_failed(self, sock: socket.socket, error: OSError) -> T:
        """Raise what an error of reading means.

        On AF_VSOCK it is Python that refuses to read bytes, not the kernel, which is then asked.
        """
        if error.errno is not None:
            self._refuse(sock, error, Access.GET)
        return self._read_with(sock, b"")

    def set_failed(self, sock: socket.socket, error: OSError) -> NoReturn:
        """Raise what an error of writing means."""
        self._refuse(sock, error, Access.SET)

    def encode_failed(self, sock: socket.socket, value: T, reason: Exception) -> None:
        """Raise what is wrong with a value; but on AF_VSOCK it is Python that takes no bytes."""
        if not isinstance(reason, ENCODING_ERRORS):
            raise reason
        data = self._encoded(value, self.codec.encode)
        try:
            self._set(sock, data)
        except OSError as error:
            self.set_failed(sock, error)

    def _encoded(self, value: T, encode: Callable[[T], bytes]) -> bytes:
        try:
            return encode(value)
        except ENCODING_ERRORS as reason:
            raise refused(self.name, value, self.codec.layout, reason) from reason

    def _refuse(self, sock: socket.socket, error: OSError, access: Access) -> NoReturn:
        if error.errno in UNSUPPORTED:
            raise self._unsupported(error, self._why(sock, access)) from error
        if error.errno in FORBIDDEN:
            raise self._forbidden(sock, error) from error
        raise error

    def _unsupported(self, error: OSError, why: str) -> UnsupportedOption:
        unsupported = UnsupportedOption(error.errno, why)
        unsupported.option, unsupported.since = self.name, self.since
        return unsupported

    def _no_attribute(self, why: str | None, number: int | None) -> UnsupportedAttribute:
        missing = UnsupportedAttribute(why)
        missing.option, missing.since, missing.errno = self.name, self.since, number
        return missing

    def _why(self, sock: socket.socket, access: Access) -> str:
        if access not in self.access:
            return f"{self.name} can only be {'set' if access is Access.GET else 'read'}"
        kind = " ".join(getattr(part, "name", str(part)) for part in (sock.family, sock.type))
        return (
            f"this {kind} socket has no {self.name}: Linux has it since {self.since}, unless built without, "
            f"for the sockets that {self.source} names, and uname(2) says {os.uname().release}"
        )

    def _forbidden(self, sock: socket.socket, error: OSError) -> OSError:
        text = f"{self.name} was refused ({error.strerror})"
        if self.forbidden_by is not None and (state := self.forbidden_by(sock)):
            return OSError(error.errno, f"{text}: {state}")
        if self.capability is None:
            return OSError(error.errno, text)
        wanted = lacking(sock, self.capability, initially=self.initially)
        if wanted is None:
            return OSError(error.errno, f"{text}, though the caller has {self.capability}")
        refusal = NotPermitted(error.errno, f"{text}: this value needs {wanted}")
        refusal.option, refusal.capability = self.name, self.capability
        return refusal
