"""The kinds of rows about requests of rtnetlink(7), and the test that tries each.

Messages are written as ``setups/rtnetlink.py`` reads and shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeVar

from conformance.plugin.refusal import refused
from conformance.plugin.setups.netlink import netlink_socket
from conformance.plugin.setups.rtnetlink import (
    RTNLGRPS,
    TextError,
    begin,
    carried_out,
    heard,
    listed,
    names_in,
    written,
)
from conformance.plugin.tables.row import Capabilities, Case, ClaimRow, Errno, RowError, Words
from netns import Namespace, without

T = TypeVar("T")


class _Observe(Protocol):
    """The fixture ``observe``."""

    def __call__(self, name: str, value: T, /) -> T: ...


class _Rtnetlink(ClaimRow, frozen=True, kw_only=True):
    """A socket of NETLINK_ROUTE asks for something, in a fresh network namespace."""

    scene: tuple[Words, ...] = ()
    """What is there before: ``veth``, and what requests make."""
    where: tuple[Words, ...] = ()
    """Of what is answered or heard only what shows all these is looked at: ``RTA_DST:4=10.9.0.0``."""

    def messages(self) -> Iterator[str]:
        yield from (one for one in self.scene if one != "veth")

    def __post_init__(self) -> None:
        try:
            for one in self.messages():
                written(one)
        except TextError as error:
            raise RowError(str(error)) from error

    def given(self) -> Case:
        """What is asked for, and what is expected."""
        raise NotImplementedError

    def cases(self) -> Iterator[Case]:
        yield self.given()


class RtnetlinkTold(_Rtnetlink, frozen=True, kw_only=True):
    """A request is answered with messages that show ``told``."""

    request: Words
    told: tuple[Words, ...]

    def given(self) -> Case:
        return Case(given=self.request, stored=list(self.told))

    def messages(self) -> Iterator[str]:
        yield from (*super().messages(), self.request, *self.told)


def test_a_request_is_answered(ns: Namespace, observe: _Observe, row: RtnetlinkTold, case: Case) -> None:
    begin(ns, row.scene)
    with netlink_socket() as sock:
        told = listed(sock, case.given, row.where, names_in(row.told[0]))

        assert observe("told", told) == case.stored


class RtnetlinkChanged(_Rtnetlink, frozen=True, kw_only=True):
    """A request is carried out: ``asked`` then, the kernel tells what it did not before.

    It tells ``before``, if named, and ``then``, which shows the same names.
    """

    request: Words
    asked: Words
    before: tuple[Words, ...] | None = None
    then: tuple[Words, ...]

    def given(self) -> Case:
        return Case(given=self.request, stored=list(self.then))

    def messages(self) -> Iterator[str]:
        yield from (*super().messages(), self.request, self.asked, *(self.before or ()), *self.then)

    @property
    def names(self) -> list[str]:
        shown = (*self.then, *(self.before or ()))
        return names_in(shown[0]) if shown else []


def test_a_request_is_carried_out(
    ns: Namespace, observe: _Observe, row: RtnetlinkChanged, case: Case
) -> None:
    begin(ns, row.scene)
    with netlink_socket() as sock:
        before = listed(sock, row.asked, row.where, row.names)
        carried_out(sock, case.given)
        then = observe("then", listed(sock, row.asked, row.where, row.names))

        expected = before if row.before is None else list(row.before)
        assert [before, then, before == then] == [expected, case.stored, False]


class RtnetlinkRefused(_Rtnetlink, frozen=True, kw_only=True):
    """A request is refused with ``errno``, ``without`` these capabilities, and changes nothing.

    A ``control`` is not refused: without one, the same with them. ``asked`` then, the kernel tells ``then``.
    """

    request: Words
    errno: Errno = Errno()
    without: Capabilities = Capabilities()
    control: str = ""
    asked: Words
    then: tuple[Words, ...]

    def given(self) -> Case:
        return Case(given=self.request, stored=list(self.then))

    def messages(self) -> Iterator[str]:
        control = [self.control] if self.control else []
        yield from (*super().messages(), self.request, *control, self.asked, *self.then)

    @property
    def names(self) -> list[str]:
        return names_in(self.then[0]) if self.then else []


def test_a_request_is_refused(ns: Namespace, observe: _Observe, row: RtnetlinkRefused, case: Case) -> None:
    begin(ns, row.scene)
    with netlink_socket() as sock:
        before = listed(sock, row.asked, row.where, row.names)
        with without(*row.without), refused(row.errno.number):
            carried_out(sock, case.given)
        kept = listed(sock, row.asked, row.where, row.names) == before
        carried_out(sock, row.control or row.request)
        then = observe("then", listed(sock, row.asked, row.where, row.names))

        assert [kept, then, before == then] == [True, case.stored, False]


class RtnetlinkHeard(_Rtnetlink, frozen=True, kw_only=True):
    """A request is carried out, and listeners to a group hear ``heard``.

    Those to the other groups, and those in another network namespace, do not.
    """

    group: Words
    request: Words
    heard: tuple[Words, ...]

    def given(self) -> Case:
        return Case(given=self.request, stored=list(self.heard))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.group not in RTNLGRPS:
            raise RowError(f"there is no group {self.group}; groups are {', '.join(RTNLGRPS)}")

    def messages(self) -> Iterator[str]:
        yield from (*super().messages(), self.request, *self.heard)


def test_a_change_is_heard_of(ns: Namespace, observe: _Observe, row: RtnetlinkHeard, case: Case) -> None:
    begin(ns, row.scene)
    found = heard(row.group, case.given, row.where, names_in(row.heard[0]))

    events = observe("heard", found.in_group)
    beside = observe("in_other_groups_and_elsewhere", [found.in_other_groups, found.elsewhere])
    assert [events, beside, found.missing] == [case.stored, [[], []], False]


RTNETLINK_KINDS: Final[dict[str, tuple[type[ClaimRow], Callable[..., None]]]] = {
    "rtnetlink-told": (RtnetlinkTold, test_a_request_is_answered),
    "rtnetlink-changed": (RtnetlinkChanged, test_a_request_is_carried_out),
    "rtnetlink-refused": (RtnetlinkRefused, test_a_request_is_refused),
    "rtnetlink-heard": (RtnetlinkHeard, test_a_change_is_heard_of),
}
