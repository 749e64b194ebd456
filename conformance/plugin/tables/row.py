"""A row: what a claim states, and the option that it is about."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeVar, get_origin

import pytest
from msgspec import Meta, Struct

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import Need, need_of
from conformance.plugin.observations import ERRNO
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import INT, OPTIONS, Option, Socket
from netns import Capability, initial_sysctl
from reports.model import ClaimId, Expectation

T = TypeVar("T")
Value = bool | int | float | str | tuple[int, ...]
"""What an option is set to or reads as; a structure, SO_LINGER's, by its fields."""
Words = Annotated[str, Meta(min_length=1)]

_ERRNOS = {name: number for name, number in vars(errno).items() if name.startswith("E")}
_BY_NAME = {option.name: option for option in OPTIONS}


class RowError(LookupError):
    """A row names what is not there."""


class Sysctl(Struct, forbid_unknown_fields=True, frozen=True):
    """``{ sysctl = "net.core.rmem_max" }``: ``factor`` times what it says in the initial namespace."""

    sysctl: Words
    factor: int = 1

    @property
    def value(self) -> int:
        return self.factor * int(initial_sysctl(self.sysctl))


def value_of(expected: Value | Sysctl) -> Value:
    """What a row expects, as a value."""
    return expected.value if isinstance(expected, Sysctl) else expected


class Difference(Struct, forbid_unknown_fields=True, frozen=True):
    """As :func:`conformance.plugin.claim.differs` takes it."""

    why: Words
    since: str
    commit: str | None = None
    source: str | None = None
    until: str | None = None
    backports: tuple[str, ...] = ()
    observed: Mapping[str, Any] = {}
    succeeds: bool = False
    """The call that should be refused succeeds: the observation ``errno`` is None, which TOML cannot say."""

    def difference(self) -> Expectation:
        return differs(
            self.why,
            since=self.since,
            until=self.until,
            commit=self.commit,
            source=self.source,
            backports=self.backports,
            observed={**self.observed, ERRNO: None} if self.succeeds else self.observed,
        )


@dataclass(frozen=True)
class Case:
    """What one test takes."""

    name: str = ""
    """What tells it from the row's others."""
    socket: str = "udp"
    given: Any = None
    """What the option is set to."""
    stored: Any = None
    """What it is to read as then."""

    def made(self) -> Socket:
        return SOCKETS[self.socket]()

    def set(self, option: Option[T], value: T) -> None:
        """Set an option of a fresh socket."""
        with self.made() as sock:
            sock.set(option, value)

    def after(self, option: Option[T], value: T) -> T:
        """What an option of a fresh socket reads as after it was set."""
        with self.made() as sock:
            sock.set(option, value)
            return sock.get(option)


class ClaimRow(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What every kind of row has: the fields of :func:`conformance.plugin.claim.claim`."""

    id: ClaimId
    says: Words
    sentence: str | tuple[str, ...] = ()
    section: str = ""
    since: str | None = None
    until: str | None = None
    backports: tuple[str, ...] = ()
    commit: str | None = None
    needs: tuple[str, ...] = ()
    """By code: ``CAP_NET_ADMIN``, ``link:veth``."""
    expect: tuple[Difference, ...] = ()
    survives: Mapping[str, Words] = {}
    EXPLAINED: ClassVar[Mapping[str, str]] = {}
    """What survives in every row of the kind: what only leads to the scene, and why."""

    def claim(self) -> pytest.MarkDecorator:
        """Raises: RowError, and ValueError for an id that is none."""
        return claim(
            self.id,
            says=self.says,
            sentence=self.sentence,
            section=self.section,
            since=self.since,
            until=self.until,
            backports=self.backports,
            commit=self.commit,
            needs=[_need(code) for code in self.needs],
            expect=[one.difference() for one in self.expect],
            survives={**self.EXPLAINED, **self.survives},
        )

    def cases(self) -> Iterator[Case]:
        """What its tests take, one each."""
        raise NotImplementedError


class Row(ClaimRow, frozen=True, kw_only=True):
    """A row about an option."""

    option: Option[Any]
    """``SO_RCVBUF``; as an int if it has the size of one: a flag is on because it is 1."""


class Errno:
    """The errno of a refusal by its name; without a name any will do."""

    def __init__(self, name: str = "") -> None:
        self.number: int | None = _ERRNOS[name] if name else None


class Capabilities(tuple[Capability, ...]):
    """``["CAP_NET_ADMIN"]``"""

    __slots__ = ()


def resolved(kind: type, given: Any) -> Any:
    """What text in a row stands for, as msgspec asks. Raises: RowError."""
    try:
        return _RESOLVED[get_origin(kind) or kind](given)
    except KeyError as error:
        raise RowError(f"there is no {given}") from error


def _need(code: str) -> Need:
    try:
        return need_of(code)
    except KeyError as error:
        raise RowError(f"there is no need {code}") from error


def option_of(name: str) -> Option[Any]:
    """An option by its name. Raises: RowError."""
    if name not in _BY_NAME:
        raise RowError(f"there is no option {name}")
    found = _BY_NAME[name]
    return found.through(INT) if found.codec.size == INT.size else found


_RESOLVED: dict[Any, Callable[[Any], Any]] = {
    Option: option_of,
    Errno: Errno,
    Capabilities: lambda names: Capabilities(Capability[name.removeprefix("CAP_")] for name in names),
}
