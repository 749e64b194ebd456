"""The compiled twins: there wherever they can be, strict about what they are given, holding on to nothing."""

from __future__ import annotations

import gc
import inspect
import os
import shutil
import socket
import struct
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libsocket import (
    INT,
    IP_MSFILTER,
    SO_ERROR,
    SO_KEEPALIVE,
    SO_RCVBUF,
    SO_RCVTIMEO,
    TCP_NODELAY,
    UNSPEC,
    Batch,
    Inet,
    IpMsfilter,
    Message,
    Option,
    Other,
    Rights,
    Socket,
)
from libsocket.addresses import from_raw
from libsocket.compiled import COMPILED
from libsocket.control import wire
from libsocket.control.kinds import CONTROL_KINDS
from libsocket.control.wire import AS_NUMBERS, decode, split, unknown

TURNS = 2000
BATCH = Batch(4, 16, 64)
SPARE = 200
"""Blocks that the interpreter itself may keep, far fewer than the turns."""

compiled = pytest.mark.skipif(not COMPILED, reason="the plain calls are at work here")


@pytest.mark.skipif("LIBSOCKET_PURE" in os.environ, reason="the plain calls are wanted here")
def test_calls_are_compiled_wherever_they_can_be() -> None:
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    header = Path(sysconfig.get_path("include"), "Python.h")

    assert COMPILED or not (shutil.which(compiler) and header.exists())


def _refused(call: Callable[..., object], *args: object) -> None:
    try:
        call(*args)
    except (OSError, TypeError, OverflowError):
        return
    pytest.fail("it was not refused")


def _read(sock: Socket, _far: Socket) -> None:
    sock.get(SO_RCVBUF), sock.get(SO_KEEPALIVE), sock.get(SO_RCVTIMEO)


def _write(sock: Socket, _far: Socket) -> None:
    sock.rcvbuf, sock.keepalive, sock.rcvtimeo = 4096, True, 1.5


def _refuse(sock: Socket, _far: Socket) -> None:
    _refused(sock.get, TCP_NODELAY)
    _refused(sock.set, TCP_NODELAY, True)
    _refused(sock.set, SO_RCVBUF, -1)
    _refused(sock.set, SO_KEEPALIVE, "yes")
    _refused(sock.set, SO_RCVTIMEO, "long")


def _request(sock: Socket, _far: Socket) -> None:
    _refused(lambda: sock.get(SO_RCVBUF, request=1))
    _refused(lambda: sock.get(IP_MSFILTER))
    _refused(lambda: sock.get(IP_MSFILTER, request=IpMsfilter("224.0.0.1", "127.0.0.1")))


def _derive(sock: Socket, _far: Socket) -> None:
    derived: Option[int] = SO_RCVBUF.through(INT)
    sock.get(derived)


def _receive_one(near: Socket, far: Socket) -> None:
    near.send_message(b"x", Rights(0))
    far.recv_message(1).close()


def _receive_many(near: Socket, far: Socket) -> None:
    near.send_message(b"x", Rights(0))
    near.send(b"y")
    for message in far.recv_messages(BATCH):
        message.close()


def _address(_near: Socket, _far: Socket) -> None:
    with Socket.udp() as sock:
        sock.bind(("127.0.0.1", 0))
        name = Inet(*sock.getsockname())
        sock.sendto(b"x", name), sock.connect(Other(socket.AF_INET, name.raw[2:])), sock.connect(UNSPEC)
        _refused(sock.connect, 3)
        _refused(sock.connect, ("127.0.0.1",))


def _decode(_near: Socket, _far: Socket) -> None:
    decode([(1, 1, bytes(4)), (1, 29, b"cut"), (1, 35, bytes(16)), (9, 9, b"?")])


@pytest.mark.parametrize(
    "work",
    [_read, _write, _refuse, _request, _derive, _receive_one, _receive_many, _address, _decode],
    ids=lambda work: work.__name__,
)
def test_nothing_is_held_that_a_call_made(work: Callable[[Socket, Socket], None]) -> None:
    near, far = Socket.pair(socket.SOCK_DGRAM)
    with near, far:
        for _ in range(SPARE):
            work(near, far)
        gc.collect()
        before = sys.getallocatedblocks()
        for _ in range(TURNS):
            work(near, far)
        gc.collect()

        assert sys.getallocatedblocks() - before < SPARE


def test_option_works_on_any_socket_of_the_standard_library() -> None:
    with socket.socket(socket.AF_UNIX) as plain:
        SO_KEEPALIVE.write(plain, True)

        assert SO_KEEPALIVE.read(plain) is True


@compiled
@pytest.mark.parametrize("args", [(), (1, 2, 3), (object(),)])
def test_reading_from_what_is_no_socket_is_a_type_error(args: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        SO_ERROR.read(*args)


@compiled
@pytest.mark.parametrize("args", [(), (1,), (1, 2, 3), (object(), 1)])
def test_writing_to_what_is_no_socket_is_a_type_error(args: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        SO_RCVBUF.write(*args)


@pytest.mark.parametrize("other", [8, "rcvbuf", None, Socket.nonblocking, property()])
def test_calls_for_options_take_nothing_else(other: Any) -> None:
    with Socket.unix() as sock:
        calls: list[Callable[[], object]] = [
            lambda: sock.get(other),
            lambda: sock.set(other, 4096),
            lambda: sock.supported(other),
        ]
        for call in calls:
            with pytest.raises(TypeError, match=f"expected an Option, not {type(other).__name__}"):
                call()


@pytest.mark.parametrize(
    ("args", "keywords"),
    [((), {}), ((SO_RCVBUF, 1), {}), ((SO_RCVBUF,), {"question": 1}), ((), {"request": 1})],
)
def test_get_takes_an_option_and_a_request_by_that_keyword(
    args: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    with Socket.unix() as sock, pytest.raises(TypeError):
        sock.get(*args, **keywords)


def test_no_request_is_the_same_as_none() -> None:
    with Socket.unix() as sock:
        assert sock.get(SO_RCVBUF, request=None) == sock.get(SO_RCVBUF)


def test_get_and_set_are_documented() -> None:
    assert (inspect.getdoc(Socket.get), inspect.getdoc(Socket.set)) == (
        "The value of an option; raises as ``Option`` says.\n\n"
        "Some options, such as IP_MSFILTER, are read by a request, a value of their own type that says\n"
        "what to read: the filter of which group? TypeError where one is missing, or given in vain.",
        "Give an option a value; raises as ``Option`` says.",
    )


def test_an_index_is_a_number_and_a_float_is_none() -> None:
    class Index:
        def __index__(self) -> int:
            return 1

    with Socket.unix() as sock:
        sock.set(SO_KEEPALIVE, cast(Any, Index()))
        assert sock.keepalive
        with pytest.raises(TypeError, match=r"SO_RCVBUF cannot be 4096\.5"):
            sock.set(SO_RCVBUF, cast(int, 4096.5))


@compiled
@pytest.mark.parametrize(
    "args", [(), ({}, unknown, 5), (None, unknown, []), ({}, unknown, [(1, 2)]), ({}, unknown, [3])]
)
def test_decoding_what_is_no_control_message_is_a_type_error(args: tuple[Any, ...]) -> None:
    from libsocket import _messages

    with pytest.raises(TypeError):
        _messages.decoded(*args)


@compiled
def test_decoder_that_gives_no_numbers_is_a_type_error_and_not_a_crash() -> None:
    from libsocket import _messages

    def reraised(_level: int, _type: int, _data: bytes, doubt: Exception) -> Any:
        raise doubt

    with pytest.raises(TypeError, match="numbers are a tuple, not list"):
        _messages.decoded({1: {2: (Message, list)}}, reraised, [(1, 2, b"data")])


def test_what_no_decoder_should_raise_goes_on() -> None:
    with pytest.raises(KeyboardInterrupt):
        unknown(1, 2, b"", cast(Any, KeyboardInterrupt()))


def _items() -> st.SearchStrategy[Any]:
    """Control messages as recvmsg gives them, and as it never would."""
    odd: st.SearchStrategy[Any] = st.sampled_from(
        [None, True, 1.0, -1, 2**40, "x", [], (), b"", b"1234", bytearray(8), bytes(16)]
    )
    places = st.sampled_from([(int(kind.level), kind.type) for kind in CONTROL_KINDS])
    real = st.tuples(places, st.binary(max_size=48)).map(lambda one: (*one[0], one[1]))
    bent = st.tuples(real, st.integers(0, 2), odd).map(lambda one: _with(*one))
    return st.one_of(odd, st.lists(st.one_of(real, real, bent, odd, real.map(list)), max_size=4))


def _with(item: tuple[Any, ...], place: int, value: object) -> tuple[Any, ...]:
    return (*item[:place], value, *item[place + 1 :])


def _outcome(call: Callable[..., object], *args: object) -> str:
    try:
        return repr(call(*args))
    except Exception as refusal:
        return f"{type(refusal).__name__}: {refusal}"


@compiled
@given(items=_items())
def test_twins_decode_alike_whatever_they_are_given(items: Any) -> None:
    from libsocket import _messages

    plain = _outcome(wire._decoded, AS_NUMBERS, unknown, items)

    assert _outcome(_messages.decoded, AS_NUMBERS, unknown, items) == plain


HEAD = struct.Struct("@Nii")


def _control() -> st.SearchStrategy[bytes]:
    """Control messages with sizes that need not be true, and bytes that are none."""
    level_and_type = st.sampled_from([*((kind.level, kind.type) for kind in CONTROL_KINDS), (7, 7)])
    size = st.one_of(st.integers(0, 80), st.sampled_from([2**31, 2**63, 2**64 - 1, 2**64 - 8]))
    one = st.builds(
        lambda place, size, data: (
            HEAD.pack(size or HEAD.size + len(data), *place) + data + bytes(-len(data) % 8)
        ),
        level_and_type,
        st.one_of(st.just(0), size),
        st.binary(max_size=64),
    )
    return st.one_of(st.lists(one, max_size=4).map(b"".join), st.binary(max_size=256))


@compiled
@given(control=_control(), length=st.integers(0, 200))
def test_batch_reads_any_control_messages_as_the_plain_one_does(control: bytes, length: int) -> None:
    from libsocket import _messages

    batch = Batch(1, 100, max(len(control), 1))
    batch._control[: len(control)] = control
    batch._control_sizes[0] = len(control)
    batch._lengths[0] = length
    batch._name_sizes[0] = 0

    [message] = _messages.messages(AS_NUMBERS, unknown, Message, from_raw, batch.size, 1, batch._heads)

    assert repr(message) == repr(Message(bytes(min(length, 100)), decode(split(control))))
