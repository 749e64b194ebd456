from __future__ import annotations

import errno
import os
import select
import signal
import socket
import threading
from pathlib import Path

import pytest

from netns import (
    Capability,
    Child,
    Namespace,
    NetnsError,
    UserNamespacesForbidden,
    UserUnmapped,
    as_user,
    effective,
    enter_user_namespace,
    in_child,
    in_pid_namespace,
    in_user_namespace,
    in_user_namespace_alone,
    peers,
    without,
)
from tests.netns.setups import NOBODY, current_netns, needs_nobody

SO_MARK = 36
SO_RCVBUFFORCE = 33


def set_option(option: int) -> int:
    """The errno of the answer, 0 when it was accepted. The number is the same on all but five machines."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, option, 4096)
        except OSError as error:
            return error.errno or -1
    return 0


@needs_nobody
def test_another_user_is_that_user() -> None:
    assert as_user(NOBODY, os.getresuid) == (NOBODY, NOBODY, NOBODY)


@needs_nobody
def test_another_user_is_in_its_own_group_alone() -> None:
    groups = as_user(NOBODY, lambda: (os.getresgid(), os.getgroups()))

    assert groups == ((NOBODY, NOBODY, NOBODY), [])


@needs_nobody
def test_another_user_has_no_capability() -> None:
    assert as_user(NOBODY, effective) == frozenset()


def test_root_too_has_no_capability_but_those_asked_for() -> None:
    assert as_user(0, effective, [Capability.NET_RAW]) == {Capability.NET_RAW}


@needs_nobody
def test_another_user_is_refused_what_root_may(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("for root")
    secret.chmod(0o600)

    with pytest.raises(PermissionError):
        as_user(NOBODY, secret.read_text)

    assert secret.read_text() == "for root"


@needs_nobody
def test_a_kept_capability_works_for_another_user() -> None:
    def open_raw() -> int:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
        return os.getuid()

    with Namespace(), pytest.raises(PermissionError):
        as_user(NOBODY, open_raw)

    assert as_user(NOBODY, open_raw, [Capability.NET_RAW]) == NOBODY


@needs_nobody
def test_a_user_one_may_not_become_is_no_refusal_of_the_function() -> None:
    with without(Capability.SETUID), pytest.raises(NetnsError, match=f"user {NOBODY}") as refusal:
        as_user(NOBODY, os.getuid)

    assert refusal.value.errno == errno.EPERM


@needs_nobody
def test_the_caller_stays_who_it_was() -> None:
    before = os.getresuid(), effective()
    as_user(NOBODY, os.getuid)

    assert (os.getresuid(), effective()) == before


@needs_nobody
def test_another_user_is_where_the_caller_is() -> None:
    with Namespace():
        assert as_user(NOBODY, current_netns) == current_netns()


@needs_nobody
def test_another_user_dies_with_its_parent() -> None:
    ready, write_end = os.pipe()

    def grandchild() -> None:
        os.write(write_end, f"{os.getpid()}\n".encode())
        signal.pause()

    with Child(lambda: as_user(NOBODY, grandchild)) as child:
        os.close(write_end)
        watched = os.pidfd_open(int(os.read(ready, 100)))
        child.kill()
        ended, _, _ = select.select([watched], [], [], 60)

    assert ended == [watched]
    os.close(ready)
    os.close(watched)


def test_a_user_that_is_not_mapped_cannot_be_had() -> None:
    with pytest.raises(UserUnmapped, match="uid_map"):
        in_user_namespace(lambda: as_user(NOBODY, os.getuid))


def test_a_user_namespace_makes_root_with_every_capability() -> None:
    uid, capabilities = in_user_namespace(lambda: (os.getuid(), effective()))

    assert uid == 0
    assert Capability.NET_ADMIN in capabilities
    assert Capability.SYS_ADMIN in capabilities


def test_a_user_namespace_comes_with_an_own_network() -> None:
    place = in_user_namespace(current_netns)

    assert place != current_netns()


def test_loopback_is_up_in_a_user_namespace() -> None:
    def port() -> int:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
            return int(server.getsockname()[1])

    assert in_user_namespace(port) > 0


def test_a_capability_of_the_network_counts_in_a_user_namespace() -> None:
    assert in_user_namespace(lambda: set_option(SO_MARK)) == 0


def test_a_capability_of_the_initial_user_namespace_does_not() -> None:
    assert in_user_namespace(lambda: set_option(SO_RCVBUFFORCE)) == errno.EPERM


def test_a_user_namespace_alone_leaves_the_network() -> None:
    place, capabilities = in_user_namespace_alone(lambda: (current_netns(), effective()))

    assert place == current_netns()
    assert Capability.NET_ADMIN in capabilities


def test_a_capability_of_a_user_namespace_alone_does_not_count_in_the_network() -> None:
    assert in_user_namespace_alone(lambda: set_option(SO_MARK)) == errno.EPERM


@needs_nobody
def test_nobody_can_become_root_of_a_user_namespace() -> None:
    def enter() -> tuple[int, bool, list[str]]:
        enter_user_namespace()
        with Namespace():
            return (
                os.getuid(),
                Capability.SYS_ADMIN in effective(),
                [name for _, name in socket.if_nameindex()],
            )

    assert as_user(NOBODY, enter) == (0, True, ["lo"])


@needs_nobody
def test_hosts_can_be_wired_without_root() -> None:
    def wire() -> str:
        enter_user_namespace()
        with peers() as hosts:
            with hosts.right.entered():
                server = socket.create_server((hosts.right.address, 0))
            with server, hosts.left.entered(), socket.create_connection(server.getsockname()) as client:
                return str(client.getsockname()[0])

    assert as_user(NOBODY, wire) == "10.0.1.1"


@needs_nobody
def test_a_sysctl_can_be_set_without_root() -> None:
    def widen() -> str:
        enter_user_namespace()
        with Namespace() as ns:
            ns.sysctl["net.ipv4.ip_forward"] = 1
            return ns.sysctl["net.ipv4.ip_forward"]

    assert as_user(NOBODY, widen) == "1"


@needs_nobody
def test_the_user_outside_is_the_root_inside() -> None:
    def mapping() -> list[str]:
        enter_user_namespace()
        return Path("/proc/self/uid_map").read_text().split()

    assert as_user(NOBODY, mapping) == ["0", str(NOBODY), "1"]


def test_a_process_with_threads_cannot_enter_a_user_namespace() -> None:
    def enter_late() -> None:
        threading.Thread(target=signal.pause, daemon=True).start()
        enter_user_namespace()

    with pytest.raises(UserNamespacesForbidden, match="several threads"):
        in_child(enter_late)


def test_a_forbidden_user_namespace_names_what_forbids_it() -> None:
    def forbid() -> None:
        Path("/proc/sys/user/max_user_namespaces").write_text("0")
        in_user_namespace(os.getuid)

    with pytest.raises(UserNamespacesForbidden, match="max_user_namespaces is 0") as refusal:
        in_user_namespace(forbid)

    assert refusal.value.errno == errno.ENOSPC


@pytest.mark.skipif(Capability.SYS_ADMIN not in effective(), reason="a PID namespace takes CAP_SYS_ADMIN")
def test_a_pid_namespace_numbers_its_processes_anew() -> None:
    assert in_pid_namespace(lambda: (os.getpid(), os.getppid(), in_child(os.getppid))) == (1, 0, 1)


@pytest.mark.skipif(Capability.SYS_ADMIN not in effective(), reason="a PID namespace takes CAP_SYS_ADMIN")
def test_an_error_comes_back_from_a_pid_namespace() -> None:
    with pytest.raises(ZeroDivisionError):
        in_pid_namespace(lambda: 1 // 0)


def test_a_pid_namespace_takes_a_capability() -> None:
    with without(Capability.SYS_ADMIN), pytest.raises(NetnsError) as error:
        in_pid_namespace(os.getpid)

    assert error.value.errno == errno.EPERM
