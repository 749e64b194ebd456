"""What is refused, by whom, and what the message says."""

from __future__ import annotations

import errno
import os
import pickle
from typing import Any

import pytest

import libsocket
from libsocket import Linger, NotASocket, NotPermitted, Socket, UnsupportedOption
from netns import Capability, without


def test_missing_option_names_itself_and_its_age() -> None:
    with Socket.unix() as sock, pytest.raises(UnsupportedOption, match="TCP_CORK") as refusal:
        sock.tcp_cork = True

    assert (refusal.value.errno, refusal.value.option, refusal.value.since) == (95, "TCP_CORK", "2.2")


def test_missing_option_is_refused_by_get_too() -> None:
    with Socket.unix() as sock, pytest.raises(UnsupportedOption, match="AF_UNIX SOCK_STREAM") as refusal:
        sock.get(libsocket.TCP_KEEPCNT)

    assert refusal.value.errno == errno.EOPNOTSUPP


def test_option_that_can_only_be_read_is_the_kernels_to_refuse() -> None:
    with (
        Socket.tcp() as sock,
        pytest.raises(UnsupportedOption, match="SO_SNDLOWAT can only be read") as refusal,
    ):
        sock.set(libsocket.SO_SNDLOWAT, 2)

    assert refusal.value.errno == errno.ENOPROTOOPT


def test_option_that_can_only_be_set_is_the_kernels_to_refuse() -> None:
    with (
        Socket.tcp() as sock,
        pytest.raises(UnsupportedOption, match="SO_RCVBUFFORCE can only be set") as refusal,
    ):
        sock.get(libsocket.SO_RCVBUFFORCE)

    assert refusal.value.errno == errno.ENOPROTOOPT


def test_missing_capability_is_named() -> None:
    bare = without(Capability.NET_ADMIN, Capability.NET_RAW)
    with Socket.udp() as sock, bare, pytest.raises(NotPermitted, match="needs CAP_NET_ADMIN") as refusal:
        sock.mark = 7

    assert (refusal.value.errno, refusal.value.capability) == (errno.EPERM, "CAP_NET_ADMIN")


def test_refused_debugging_keeps_its_own_errno() -> None:
    bare = without(Capability.NET_ADMIN)
    with Socket.udp() as sock, bare, pytest.raises(NotPermitted, match="SO_DEBUG") as refusal:
        sock.debug = True

    assert refusal.value.errno == errno.EACCES


def test_refusals_are_what_python_callers_catch() -> None:
    assert (issubclass(NotPermitted, PermissionError), issubclass(UnsupportedOption, OSError)) == (True, True)


def test_other_refusals_pass_unchanged() -> None:
    with Socket.udp() as sock, pytest.raises(OSError, match="No such device") as refusal:
        sock.bindtodevice = "none"

    assert (type(refusal.value), refusal.value.errno) == (OSError, errno.ENODEV)


def test_refusal_survives_pickling() -> None:
    with Socket.unix() as sock, pytest.raises(UnsupportedOption) as refusal:
        sock.tcp_cork = True
    copied = pickle.loads(pickle.dumps(refusal.value))

    assert (copied.errno, copied.option, str(copied)) == (95, "TCP_CORK", str(refusal.value))


@pytest.mark.parametrize("value", [-1, 2**31, 2**63])
@pytest.mark.parametrize("option", [libsocket.SO_RCVBUF, libsocket.SO_SNDBUF, libsocket.SO_RCVBUFFORCE])
def test_size_that_would_be_misread_never_reaches_the_kernel(
    option: libsocket.Option[int], value: int
) -> None:
    with Socket.udp() as sock:
        before = sock.options()
        with pytest.raises(OverflowError, match=f"{option.name} cannot be {value}"):
            sock.set(option, value)

        assert (sock.rcvbuf, sock.sndbuf) == (before["SO_RCVBUF"], before["SO_SNDBUF"])


@pytest.mark.parametrize("value", [-1, 2**32])
def test_mark_is_a_32_bit_number(value: int) -> None:
    with Socket.udp() as sock, pytest.raises(OverflowError, match="SO_MARK"):
        sock.mark = value


@pytest.mark.parametrize("value", [-(2**31) - 1, 2**31])
def test_number_outside_a_c_int_is_refused(value: int) -> None:
    with Socket.tcp() as sock, pytest.raises(OverflowError, match="TCP_KEEPIDLE"):
        sock.tcp_keepidle = value


@pytest.mark.parametrize("name", ["sixteen-letters-", "cut\0here"])
def test_device_name_that_would_be_cut_is_refused(name: str) -> None:
    with Socket.udp() as sock, pytest.raises(ValueError, match="SO_BINDTODEVICE"):
        sock.bindtodevice = name


def test_longest_device_name_reaches_the_kernel() -> None:
    with Socket.udp() as sock, pytest.raises(OSError, match="No such device"):
        sock.bindtodevice = "fifteen-letters"


@pytest.mark.parametrize("seconds", [float("inf"), 1e300])
def test_endless_timeout_is_refused(seconds: float) -> None:
    with Socket.udp() as sock, pytest.raises(OverflowError, match="SO_RCVTIMEO"):
        sock.rcvtimeo = seconds


def test_timeout_that_is_no_number_is_refused() -> None:
    with Socket.udp() as sock, pytest.raises(ValueError, match="SO_RCVTIMEO"):
        sock.rcvtimeo = float("nan")


def test_shortest_timeout_is_not_taken_for_none() -> None:
    with Socket.udp() as sock:
        sock.rcvtimeo = 1e-9

        assert sock.rcvtimeo > 0


def test_linger_outside_a_c_int_is_refused() -> None:
    with Socket.tcp() as sock, pytest.raises(OverflowError, match="SO_LINGER"):
        sock.linger = Linger(True, 2**31)


def test_value_of_the_wrong_type_is_refused() -> None:
    with Socket.tcp() as sock, pytest.raises(TypeError, match="SO_KEEPALIVE cannot be 'yes'"):
        sock.keepalive = "yes"  # type: ignore[assignment]


@pytest.mark.parametrize("option", [libsocket.SO_KEEPALIVE, libsocket.SO_RCVBUF, libsocket.SO_LINGER])
def test_value_of_the_wrong_type_is_refused_once(option: libsocket.Option[Any]) -> None:
    with Socket.tcp() as sock, pytest.raises((TypeError, OverflowError)) as refusal:
        sock.set(option, "yes")

    assert str(refusal.value).count("cannot be 'yes'") == 1


def test_read_only_structure_cannot_be_set() -> None:
    with Socket.tcp() as sock, pytest.raises(TypeError, match="TCP_INFO"):
        sock.set(libsocket.TCP_INFO, sock.tcp_info)


def test_file_that_is_no_socket_stays_the_callers() -> None:
    reading, writing = os.pipe()
    with pytest.raises(NotASocket, match=f"file descriptor {reading} is not a socket") as refusal:
        Socket.from_fd(reading)
    os.write(writing, b"x")

    assert (refusal.value.errno, os.read(reading, 1)) == (errno.ENOTSOCK, b"x")
    os.close(reading)
    os.close(writing)


def test_closed_descriptor_is_the_kernels_to_refuse() -> None:
    sock = Socket.tcp()
    fd = sock.fileno()
    sock.close()

    with pytest.raises(OSError, match="Bad file descriptor"):
        Socket.from_fd(fd)


def test_field_that_the_kernel_does_not_have_is_named() -> None:
    with Socket.tcp() as sock, pytest.raises(AttributeError, match="has no no_such_field"):
        getattr(sock.tcp_info, "no_such_field")  # noqa: B009 - mypy would refuse the plain access
