"""Whoever looks at a socket, as debuggers, mocks and completion do, meets no error and changes nothing."""

from __future__ import annotations

import copy
import errno
import gc
import inspect
import os
import pickle
import pydoc
import rlcompleter
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from unittest import mock

import pytest

from libsocket import OPTIONS, Access, Option, Socket, UnsupportedAttribute, UnsupportedOption
from libsocket.probe import KINDS
from libsocket.socket import ONLY_SET
from netns import Namespace
from tests.libsocket.test_model import UNSTEADY

MOVING = UNSTEADY | {"MPTCP_INFO", "MPTCP_TCPINFO"}


def closed(_stack: ExitStack) -> Socket:
    sock = Socket.tcp()
    sock.close()
    return sock


def listening(stack: ExitStack) -> Socket:
    sock = stack.enter_context(Socket.tcp())
    sock.listen()
    return sock


def connected(stack: ExitStack) -> Socket:
    left, right = Socket.pair()
    stack.enter_context(right)
    return stack.enter_context(left)


def borrowed(stack: ExitStack) -> Socket:
    return Socket.borrow(connected(stack).fileno())


def with_error(stack: ExitStack) -> Socket:
    """Its datagram found nobody: SO_ERROR is pending."""
    sock = stack.enter_context(Socket.udp())
    sock.connect(("127.0.0.1", 9))
    sock.send(b"x")
    poll = select.poll()
    poll.register(sock, 0)
    assert poll.poll(10_000)
    return sock


STATES: dict[str, Callable[[ExitStack], Socket]] = {
    state.__name__: state for state in (closed, listening, connected, borrowed, with_error)
}
ALL = [*KINDS, *STATES]


def made(kind: str, stack: ExitStack) -> Socket:
    if kind in STATES:
        return STATES[kind](stack)
    try:
        return stack.enter_context(KINDS[kind]())
    except OSError as refusal:
        pytest.skip(f"this kernel makes no such socket: {refusal}")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with Namespace(), ExitStack() as stack:
        yield stack


def state(sock: Socket) -> dict[str, Any]:
    """What is held but the pending error, and how many descriptors are open."""
    gc.collect()
    held = sock.options() if sock.fileno() >= 0 else {}
    steady = {name: value for name, value in held.items() if name not in MOVING}
    return {**steady, "descriptors": len(os.listdir("/proc/self/fd"))}


def attributes(sock: Socket) -> list[Any]:
    return [getattr(sock, name) for name in dir(sock) if name not in ONLY_SET]


def only_set(sock: Socket) -> list[bool]:
    return [hasattr(sock, name) for name in dir(sock) if name in ONLY_SET]


def defaults(sock: Socket) -> list[Any]:
    return [getattr(sock, option.attribute, None) for option in OPTIONS if missing(sock, option)]


def missing(sock: Socket, option: Option[Any]) -> bool:
    """Whether reading it is refused as an option that is not there, or it is read by a request."""
    if option.takes_request:
        return True
    try:
        return not option.consumes and option.read(sock) is None
    except OSError as refusal:
        return isinstance(refusal, UnsupportedOption)


def completions(sock: Socket) -> list[str]:
    return rlcompleter.Completer({"sock": sock}).attr_matches("sock.")


LOOKS: list[Callable[[Socket], Any]] = [
    dir,
    attributes,
    only_set,
    defaults,
    completions,
    repr,
    pydoc.render_doc,
    inspect.getmembers,
    mock.create_autospec,
    lambda sock: mock.create_autospec(sock, spec_set=True),
    lambda sock: mock.Mock(spec=sock),
    lambda sock: mock.NonCallableMagicMock(spec_set=sock),
]


@pytest.mark.parametrize("kind", ALL)
def test_looking_raises_nothing_and_changes_nothing(kind: str, stack: ExitStack) -> None:
    sock = made(kind, stack)
    before = state(sock)
    seen = [look(sock) for look in LOOKS]
    after = state(sock)

    assert len(seen) == len(LOOKS)
    assert after == before


def test_looking_leaves_the_pending_error(stack: ExitStack) -> None:
    sock = with_error(stack)
    for look in LOOKS:
        look(sock)

    assert sock.error == errno.ECONNREFUSED


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind != "closed"])
def test_what_is_listed_is_what_a_snapshot_holds_or_can_only_be_set(kind: str, stack: ExitStack) -> None:
    sock = made(kind, stack)
    names = set(dir(sock))
    listed = {option.name for option in OPTIONS if option.attribute in names - ONLY_SET}

    assert (listed, names >= ONLY_SET) == (set(sock.options()), True)


def test_closed_socket_has_methods_and_no_options(stack: ExitStack) -> None:
    names = set(dir(closed(stack)))

    assert (names >= {"recv", "family", "close"}, names & {"rcvbuf", "nonblocking"}) == (True, set())


def test_class_lists_every_option() -> None:
    assert set(dir(Socket)) >= {option.attribute for option in OPTIONS}


def test_every_option_is_completed(stack: ExitStack) -> None:
    assert set(completions(connected(stack))) >= {f"sock.{option.attribute}" for option in OPTIONS}


def test_mock_of_the_class_has_every_option() -> None:
    fake = mock.create_autospec(Socket, instance=True)

    assert set(dir(fake)) >= {option.attribute for option in OPTIONS}


@pytest.mark.parametrize("kind", ALL)
def test_attribute_is_read_as_get_reads_unless_it_is_missing(kind: str, stack: ExitStack) -> None:
    """What is refused otherwise, such as ENOTCONN, is refused to both."""
    sock = made(kind, stack)
    options = [one for one in OPTIONS if not (one.consumes or one.takes_request or one.name in MOVING)]
    pairs = [(outcome(sock.get, option), outcome(attribute, sock, option)) for option in options]

    assert [as_attribute(got) for got, _ in pairs] == [read for _, read in pairs]


def attribute(sock: Socket, option: Option[Any]) -> Any:
    return getattr(sock, option.attribute)


def outcome(call: Callable[..., Any], *args: Any) -> Any:
    """The value, or class, errno and text of the error."""
    try:
        return call(*args)
    except OSError as error:
        return type(error), error.errno, error.strerror, *named(error)
    except UnsupportedAttribute as error:
        return type(error), error.errno, str(error), type(error.__cause__), error.option, error.since


def as_attribute(got: Any) -> Any:
    """What an attribute makes of the outcome of ``get``."""
    match got:
        case (kind, number, text, option, since) if kind is UnsupportedOption:
            return UnsupportedAttribute, number, text, UnsupportedOption, option, since
    return got


def named(error: OSError) -> tuple[str, ...]:
    return (error.option, error.since) if isinstance(error, UnsupportedOption) else ()


@pytest.mark.parametrize(
    "option", [one for one in OPTIONS if one.takes_request], ids=lambda one: one.constant
)
def test_option_that_is_read_by_a_request_is_no_attribute_to_read(option: Option[Any]) -> None:
    with Socket.udp() as sock, pytest.raises(UnsupportedAttribute, match="is read by a request") as refusal:
        getattr(sock, option.attribute)

    assert (refusal.value.option, refusal.value.errno) == (option.name, None)


@pytest.mark.parametrize(
    "option", [one for one in OPTIONS if Access.SET not in one.access], ids=lambda one: one.constant
)
def test_option_that_can_only_be_read_has_no_setter(option: Option[Any]) -> None:
    with Socket.udp() as sock, pytest.raises(AttributeError, match=f"'{option.attribute}'.*no setter"):
        setattr(sock, option.attribute, 1)


def test_missing_attribute_survives_pickling() -> None:
    with Socket.unix() as sock, pytest.raises(UnsupportedAttribute, match="no TCP_CORK") as refusal:
        _ = sock.tcp_cork
    copied = pickle.loads(pickle.dumps(refusal.value))

    assert (copied.option, copied.errno, str(copied)) == ("TCP_CORK", errno.EOPNOTSUPP, str(refusal.value))


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickle.dumps])
def test_copying_is_refused_in_the_standard_librarys_words(how: Callable[[object], object]) -> None:
    with Socket.udp() as sock, socket.socket() as plain:
        with pytest.raises(TypeError) as ours:
            how(sock)
        with pytest.raises(TypeError) as theirs:
            how(plain)

    assert str(ours.value) == str(theirs.value).replace("'socket'", "'Socket'")


def test_repr_is_the_standard_librarys_but_for_the_class() -> None:
    with Socket.udp() as sock:
        plain = socket.socket(fileno=sock.fileno())
        shown = repr(plain)
        plain.detach()

        assert repr(sock) == shown.replace("socket.socket", "libsocket.socket.Socket")
