from __future__ import annotations

import errno
import faulthandler
import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from netns import (
    Capability,
    Child,
    ChildDied,
    Namespace,
    NamespaceRefused,
    as_user,
    in_child,
    in_user_namespace,
    leave_host,
    peers,
    syscalls,
    without,
)
from netns.rtnetlink import Rtnetlink
from tests.netns.setups import NOBODY, current_netns, needs_nobody


def interfaces() -> list[str]:
    return [name for _, name in socket.if_nameindex()]


def in_thread(function: Callable[[], int]) -> int:
    values: list[int] = []
    thread = threading.Thread(target=lambda: values.append(function()))
    thread.start()
    thread.join()
    return values[0]


def test_a_fresh_namespace_has_loopback_alone() -> None:
    with Namespace():
        seen = interfaces()

    assert seen == ["lo"]


def test_loopback_carries_a_connection() -> None:
    with (
        Namespace(),
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        reached = client.getpeername()

        assert reached == server.getsockname()


def test_inside_is_not_where_the_thread_was() -> None:
    outside = current_netns()

    with Namespace():
        assert current_netns() != outside


def test_leaving_brings_the_thread_back() -> None:
    outside = current_netns()
    with Namespace():
        pass

    assert current_netns() == outside


def test_an_exception_inside_brings_the_thread_back() -> None:
    outside = current_netns()
    with pytest.raises(ZeroDivisionError), Namespace():
        _ = 1 // 0

    assert current_netns() == outside


def test_making_one_leaves_the_thread_where_it_is() -> None:
    outside = current_netns()
    namespace = Namespace()
    namespace.close()

    assert current_netns() == outside


def test_an_interface_is_seen_only_where_it_was_made() -> None:
    with Namespace() as ns, Namespace() as other:
        ns.add_veth("mine", "mine2")

        assert [link.name for link in other.links()] == ["lo"]
        assert [link.name for link in ns.links()] == ["lo", "mine2", "mine"]


def test_a_port_is_taken_only_where_it_is_bound() -> None:
    with Namespace() as ns, socket.create_server(("127.0.0.1", 4000)) as first:
        with Namespace(), socket.create_server(("127.0.0.1", 4000)) as second:
            names = {first.getsockname(), second.getsockname()}

        assert names == {("127.0.0.1", 4000)}
        assert ns.closed is False


def test_the_hosts_network_is_the_same_before_and_after(host_network: Callable[[], object]) -> None:
    before = host_network()
    with peers() as hosts:
        hosts.left.namespace.add_route("10.9.0.0/16", type="blackhole")
        hosts.left.namespace.add_rule(fwmark=7, table=77)

    assert host_network() == before


def test_entering_nests() -> None:
    with Namespace() as outer:
        place = current_netns()
        inner = Namespace()
        with inner.entered(), outer.entered(), inner.entered():
            pass

        assert current_netns() == place
        inner.close()


def test_entering_the_same_one_twice_stays_there() -> None:
    with Namespace() as ns:
        place = current_netns()
        with ns.entered():
            assert current_netns() == place

        assert current_netns() == place


def test_another_thread_stays_where_it_was() -> None:
    outside, entered, asked = current_netns(), threading.Event(), []

    def ask() -> None:
        entered.wait(60)
        asked.append(current_netns())

    other = threading.Thread(target=ask)
    other.start()
    with Namespace():
        entered.set()
        other.join()

    assert asked == [outside]


def test_a_thread_started_inside_is_inside() -> None:
    with Namespace():
        assert in_thread(current_netns) == current_netns()


def test_any_thread_can_enter() -> None:
    ns = Namespace()

    def netns_inside() -> int:
        with ns.entered():
            return current_netns()

    assert in_thread(netns_inside) == os.fstat(ns.fd).st_ino != current_netns()
    ns.close()


def test_threads_in_different_namespaces_do_not_meet() -> None:
    both = threading.Barrier(2, timeout=60)

    def port_holder() -> int:
        with Namespace(), socket.create_server(("127.0.0.1", 4001)):
            both.wait()
            return current_netns()

    places: list[int] = []
    threads = [threading.Thread(target=lambda: places.append(port_holder())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(places)) == 2


def test_a_closed_one_cannot_be_entered() -> None:
    ns = Namespace()
    ns.close()

    with pytest.raises(ValueError, match="closed"), ns.entered():
        pass


def test_closing_twice_is_fine() -> None:
    ns = Namespace()
    ns.close()
    ns.close()

    assert ns.fileno() == -1


def test_a_with_statement_cannot_be_nested_in_itself() -> None:
    with Namespace() as ns, pytest.raises(RuntimeError, match="entered"), ns:
        pass


def test_dropping_it_closes_it() -> None:
    ns = Namespace()
    fd = ns.fd
    del ns

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_a_socket_stays_in_the_namespace_it_was_made_in() -> None:
    with Namespace():
        server = socket.create_server(("127.0.0.1", 0))
        client = socket.socket()
    with server, client:
        client.connect(server.getsockname())

        assert client.getpeername() == server.getsockname()


def test_without_the_capability_making_one_is_refused() -> None:
    with without(Capability.SYS_ADMIN), pytest.raises(NamespaceRefused, match="CAP_SYS_ADMIN") as refusal:
        Namespace()

    assert refusal.value.errno == errno.EPERM


def test_without_the_capability_entering_is_refused() -> None:
    ns = Namespace()
    with without(Capability.SYS_ADMIN), pytest.raises(NamespaceRefused, match="CAP_SYS_ADMIN"), ns.entered():
        pass
    ns.close()


def test_a_refusal_leaves_the_thread_where_it_was() -> None:
    outside = current_netns()
    with without(Capability.SYS_ADMIN), pytest.raises(NamespaceRefused):
        Namespace()

    assert current_netns() == outside


@needs_nobody
def test_an_unprivileged_user_is_refused() -> None:
    with pytest.raises(NamespaceRefused, match="enter_user_namespace"):
        as_user(NOBODY, Namespace)


def test_an_exhausted_limit_is_named() -> None:
    def exhausted() -> None:
        Path("/proc/sys/user/max_net_namespaces").write_text("0")
        Namespace()

    with pytest.raises(NamespaceRefused, match="max_net_namespaces") as refusal:
        in_user_namespace(exhausted)

    assert refusal.value.errno == errno.ENOSPC


def test_a_process_that_cannot_go_back_dies(tmp_path: Path) -> None:
    said = tmp_path / "stderr"

    def lose_the_way() -> None:
        faulthandler.disable()
        with said.open("wb") as stderr:
            os.dup2(stderr.fileno(), 2)
        with Namespace():
            syscalls.capset(0, 0, 0)

    with pytest.raises(ChildDied) as death:
        in_child(lose_the_way)

    assert death.value.exitcode == -signal.SIGABRT
    assert "no way back" in said.read_text()


def test_a_killed_process_leaves_nothing() -> None:
    ready, write_end = os.pipe()
    with Namespace() as ns, Rtnetlink() as events:
        events.watch_links()

        def hold_a_namespace() -> None:
            mine = Namespace()
            ns.add_veth("wire", "wire", mine)
            os.write(write_end, b"!")
            signal.pause()

        with Child(hold_a_namespace) as child:
            os.close(write_end)
            os.read(ready, 1)
            held = interfaces()
            child.kill()
            # The kernel takes a wire away when the namespace at its other end goes.
            while "wire" in interfaces():
                events.wait_for_event()

        assert held == ["lo", "wire"]
    os.close(ready)


def test_a_process_that_left_the_host_waits_in_an_empty_namespace() -> None:
    def wait_there() -> tuple[int, list[str], bool]:
        leave_host()
        waiting = current_netns()
        with Namespace():
            pass
        return waiting, interfaces(), current_netns() == waiting

    place, seen, returned = in_child(wait_there)

    assert place != current_netns()
    assert seen == ["lo"]
    assert returned


def test_a_test_without_a_namespace_reaches_nothing_once_the_host_is_left() -> None:
    def connect() -> None:
        leave_host()
        socket.create_connection(("127.0.0.1", 1), timeout=60)

    with pytest.raises(OSError, match="unreachable") as refusal:
        in_child(connect)

    assert refusal.value.errno == errno.ENETUNREACH
