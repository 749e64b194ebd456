"""What is refused, by whom, and what the message says."""

from __future__ import annotations

import errno
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import libsocket
from libsocket import (
    FanoutArgs,
    FanoutMode,
    Filter,
    Linger,
    NotASocket,
    NotPermitted,
    Socket,
    TcpRepairWindow,
    Timeval,
    UnsupportedOption,
)
from netns import Capability, Namespace, in_user_namespace, without
from tests.libsocket.settable import SETTABLE

PRIVILEGED = [(option, value) for _, option, value in SETTABLE if option.capability]
INITIALLY = {option.name for option in libsocket.OPTIONS if option.initially}


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


def test_capability_of_a_child_namespace_does_not_count_initially() -> None:
    def refused() -> dict[str, str]:
        with Socket.udp() as sock:
            tried = {one: one.try_write(sock, value) for one, value in PRIVILEGED}
        return {one.name: str(error) for one, error in tried.items() if isinstance(error, NotPermitted)}

    texts = in_user_namespace(refused)

    assert (set(texts) - INITIALLY, "SO_DEBUG" in texts) == (set(), True)
    assert {text.partition("needs ")[2] for text in texts.values()} == {
        "CAP_NET_ADMIN in the initial user namespace"
    }


def test_capability_does_not_count_where_the_network_is_anothers() -> None:
    with Namespace(), Socket.udp() as sock:
        refusal = in_user_namespace(lambda: str(libsocket.SO_MARK.try_write(sock, 7)))

    assert "needs CAP_NET_ADMIN in the user namespace that owns the socket's network" in refusal


def blamed() -> type[OSError]:
    """What a refusal of SO_MARK becomes in the thread that asks."""
    with Socket.udp() as sock, pytest.raises(PermissionError) as refusal:
        libsocket.SO_MARK.set_failed(sock, PermissionError(errno.EPERM, "Operation not permitted"))
    return refusal.type


def test_capability_is_the_calling_threads() -> None:
    with ThreadPoolExecutor(1) as other:
        other.submit(int).result()
        with without(Capability.NET_ADMIN):
            assert (blamed(), other.submit(blamed).result()) == (NotPermitted, PermissionError)


LOCKED: list[tuple[libsocket.Option[Any], Any]] = [
    (libsocket.SO_ATTACH_FILTER, Filter.accept_all()),
    (libsocket.SO_ATTACH_BPF, 0),
    (libsocket.SO_ATTACH_REUSEPORT_CBPF, Filter.accept_all()),
    (libsocket.SO_ATTACH_REUSEPORT_EBPF, 0),
    (libsocket.SO_DETACH_FILTER, 0),
    (libsocket.SO_LOCK_FILTER, False),
]


@pytest.mark.parametrize(("option", "value"), LOCKED, ids=lambda one: getattr(one, "name", ""))
def test_locked_filter_is_named(option: libsocket.Option[Any], value: object) -> None:
    with Namespace(), Socket.udp() as sock:
        sock.lock_filter = True
        with pytest.raises(PermissionError, match=f"{option.name} .*SO_LOCK_FILTER has locked") as refusal:
            sock.set(option, value)

    assert type(refusal.value) is PermissionError


def test_locked_filter_of_a_packet_socket_is_named() -> None:
    with Namespace(), Socket.packet(protocol=0x0003) as sock:
        sock.bind(("lo", 0x0003))
        sock.packet_fanout = FanoutArgs(7, FanoutMode.CBPF)
        sock.lock_filter = True
        with pytest.raises(PermissionError, match=r"PACKET_FANOUT_DATA .*SO_LOCK_FILTER has locked"):
            sock.packet_fanout_data = bytes(16)


REPAIR: list[tuple[libsocket.Option[Any], Any, str]] = [
    (libsocket.TCP_REPAIR, 1, "the socket listens"),
    (libsocket.TCP_REPAIR_QUEUE, 1, "TCP_REPAIR is not on"),
    (libsocket.TCP_QUEUE_SEQ, 1, "the socket is connected or listens"),
    (libsocket.TCP_REPAIR_WINDOW, TcpRepairWindow(1, 2, 3, 4, 5), "TCP_REPAIR is not on"),
    (libsocket.TCP_TIMESTAMP, 1, "TCP_REPAIR is not on"),
]


@pytest.mark.parametrize(("option", "value", "state"), REPAIR, ids=lambda one: getattr(one, "name", ""))
def test_state_that_forbids_repair_is_named(option: libsocket.Option[Any], value: object, state: str) -> None:
    with Namespace(), Socket.tcp() as sock:
        sock.listen()
        with pytest.raises(PermissionError, match=f"{option.name} .*: {state}") as refusal:
            sock.set(option, value)

    assert type(refusal.value) is PermissionError


def test_state_that_forbids_to_restore_options_is_named() -> None:
    with Namespace(), Socket.tcp() as sock:
        sock.tcp_repair = 1
        with pytest.raises(
            PermissionError, match=r"TCP_REPAIR_OPTIONS .*: the connection is not established"
        ):
            sock.tcp_repair_options = (libsocket.TcpRepairOpt(2, 1000),)


def test_capability_that_the_caller_has_is_not_blamed() -> None:
    with Socket.udp() as sock, pytest.raises(PermissionError, match="though the caller has CAP_NET_ADMIN"):
        libsocket.SO_MARK.set_failed(sock, PermissionError(errno.EPERM, "Operation not permitted"))


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


def test_bare_tuple_is_taken_for_its_fields() -> None:
    fields: Any = (True, 7)
    with Socket.tcp() as sock:
        sock.linger = fields

        assert sock.linger == Linger(True, 7)


@pytest.mark.parametrize("value", [(), (1,), (1, 2, 3), [True, 7], Timeval(1, 2)])
def test_what_has_other_fields_is_refused(value: Any) -> None:
    with Socket.tcp() as sock, pytest.raises(TypeError, match="SO_LINGER cannot be"):
        sock.linger = value


@pytest.mark.parametrize("fields", [("x", 1), (True, 1.5), (True, None)])
def test_field_of_another_class_is_a_type_error(fields: tuple[Any, Any]) -> None:
    with Socket.tcp() as sock, pytest.raises(TypeError, match=r"SO_LINGER cannot be .*: required argument"):
        sock.linger = Linger(*fields)


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
