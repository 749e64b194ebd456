"""Making, adopting, accepting, duplicating and closing sockets."""

from __future__ import annotations

import copy
import gc
import os
import socket
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest

from libsocket import Shutdown, Socket
from netns import Namespace


def gone(fd: int) -> bool:
    return not Path(f"/proc/self/fd/{fd}").exists()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_constructors_choose_family_and_protocol(family: int) -> None:
    with Socket.tcp(family) as stream, Socket.udp(family) as datagram:
        assert (stream.domain, stream.protocol, datagram.domain, datagram.protocol) == (family, 6, family, 17)


def test_packet_protocol_is_in_host_order() -> None:
    with Namespace(), Socket.packet(socket.SOCK_DGRAM, 0x0800) as sock, Socket.udp() as sender:
        sender.sendto(b"seen", ("127.0.0.1", 9))

        assert sock.recv(100).endswith(b"seen")


def test_raw_and_netlink_sockets_are_made() -> None:
    with Socket.raw(socket.IPPROTO_ICMP) as raw, Socket.netlink() as netlink:
        assert (raw.so_type, raw.protocol, netlink.domain) == (socket.SOCK_RAW, 1, socket.AF_NETLINK)


def test_pair_is_connected_and_keeps_the_class() -> None:
    left, right = Socket.pair()
    with left, right:
        left.send(b"hello")

        assert (type(left), type(right), right.recv(5)) == (Socket, Socket, b"hello")


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_tcp_pair_is_connected_to_itself(family: int) -> None:
    with Namespace():
        left, right = Socket.tcp_pair(family)
        with left, right:
            assert (left.getpeername(), right.getpeername()) == (right.getsockname(), left.getsockname())


def test_accepted_socket_keeps_the_class() -> None:
    with Socket.unix() as listener, Socket.unix() as client:
        listener.bind("")
        listener.listen()
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        with server:
            client.send(b"hello")

            assert (type(server), server.recv(5)) == (Socket, b"hello")


def test_accepted_socket_is_blocking_and_not_inheritable() -> None:
    with Socket.unix() as listener, Socket.unix() as client:
        listener.bind("")
        listener.listen()
        client.connect(listener.getsockname())
        listener.settimeout(60)
        server, _ = listener.accept()
        with server:
            assert (server.gettimeout(), server.nonblocking, server.get_inheritable()) == (None, False, False)


def test_subclass_is_kept_too() -> None:
    class Own(Socket):
        __slots__ = ()

    left, right = Own.pair()
    with left, right, left.dup() as second:
        assert (type(left), type(second)) == (Own, Own)


def test_subclass_accepts_as_the_standard_librarys_do() -> None:
    class Wrapping(Socket):
        __slots__ = ()

    with Wrapping.unix() as listener, Socket.unix() as client:
        listener.bind("")
        listener.listen()
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        with server:
            assert type(server) is Socket


def test_ssl_wraps_what_it_accepts_where_this_is_the_standard_librarys_socket() -> None:
    program = """
import socket, libsocket
socket.socket = libsocket.Socket
import ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
with socket.socket(socket.AF_UNIX) as plain, socket.socket(socket.AF_UNIX) as client:
    plain.bind("")
    plain.listen()
    with context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as listener:
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            print(isinstance(server, libsocket.Socket), type(server).__name__)
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert done.stdout == "True SSLSocket\n"


def test_duplicate_outlives_its_original() -> None:
    left, right = Socket.pair()
    with right, left.dup() as second:
        left.close()
        second.send(b"still here")

        assert (type(second), right.recv(10)) == (Socket, b"still here")


def test_duplicate_has_a_descriptor_of_its_own() -> None:
    left, right = Socket.pair()
    with left, right, left.dup() as second:
        assert second.fileno() != left.fileno()


def test_copying_is_refused_rather_than_sharing_a_descriptor() -> None:
    with Socket.udp() as sock, pytest.raises(TypeError, match="Socket"):
        copy.copy(sock)


def test_detached_descriptor_is_left_open() -> None:
    left, right = Socket.pair()
    with right:
        fd = left.detach()
        left.close()
        os.write(fd, b"open")
        os.close(fd)

        assert right.recv(4) == b"open"


def test_adopted_descriptor_knows_its_kind() -> None:
    fd = Socket.udp(socket.AF_INET6).detach()
    with Socket.from_fd(fd) as sock:
        kind = (sock.fileno(), sock.family, sock.type, sock.proto)

        assert kind == (fd, socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_UDP)


def test_adopted_descriptor_is_closed_with_the_socket() -> None:
    fd = Socket.udp().detach()
    Socket.from_fd(fd).close()

    assert gone(fd)


def test_leaving_the_block_closes() -> None:
    with Socket.udp() as sock:
        fd = sock.fileno()

    assert gone(fd)


def test_dropping_closes_with_a_warning() -> None:
    sock = Socket.udp()
    fd = sock.fileno()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        del sock
        gc.collect()

    assert (gone(fd), [one.category for one in warned]) == (True, [ResourceWarning])


def test_instances_carry_nothing() -> None:
    with Socket.udp() as sock:
        assert not hasattr(sock, "__dict__")


def test_data_path_is_the_standard_librarys() -> None:
    names = ["send", "recv", "recvfrom", "sendmsg", "recvmsg", "listen", "close"]

    assert [getattr(Socket, name) is getattr(socket.socket, name) for name in names] == [True] * len(names)


def test_nonblocking_agrees_with_python() -> None:
    with Socket.udp() as sock:
        sock.nonblocking = True
        on = (sock.nonblocking, sock.gettimeout())
        sock.nonblocking = False

        assert (on, (sock.nonblocking, sock.gettimeout())) == ((True, 0.0), (False, None))


def test_nonblocking_gives_what_the_kernel_has() -> None:
    with Socket.udp() as sock:
        os.set_blocking(sock.fileno(), False)

        assert (sock.nonblocking, sock.gettimeout()) == (True, None)


def test_receive_on_an_empty_nonblocking_socket_would_block() -> None:
    with Socket.udp() as sock:
        sock.nonblocking = True

        with pytest.raises(BlockingIOError):
            sock.recv(1)


def test_receive_timeout_ends_a_blocking_receive() -> None:
    left, right = Socket.pair()
    with left, right:
        left.rcvtimeo = 0.01

        with pytest.raises(BlockingIOError):
            left.recv(1)


def test_python_timeout_hides_the_receive_timeout() -> None:
    left, right = Socket.pair()
    with left, right:
        left.rcvtimeo = 0.01
        left.settimeout(0.03)

        with pytest.raises(TimeoutError):
            left.recv(1)


@pytest.mark.parametrize("how", [Shutdown.WRITE, Shutdown.BOTH, socket.SHUT_WR])
def test_shutdown_ends_the_peers_stream(how: int) -> None:
    left, right = Socket.pair()
    with left, right:
        left.shutdown(how)

        assert right.recv(1) == b""


def test_shutdown_of_reading_leaves_writing() -> None:
    left, right = Socket.pair()
    with left, right:
        left.shutdown(Shutdown.READ)
        left.send(b"on")

        assert (left.recv(1), right.recv(2)) == (b"", b"on")


def test_control_messages_pass() -> None:
    left, right = Socket.pair()
    with left, right:
        right.passcred = True
        left.sendmsg([b"who"])
        data, [(level, kind, _)], _, _ = right.recvmsg(10, 100)

        assert (data, level, kind) == (b"who", socket.SOL_SOCKET, socket.SCM_CREDENTIALS)


def test_many_threads_write_to_one_socket() -> None:
    left, right = Socket.pair()
    writers = [threading.Thread(target=left.write_all, args=(bytes([number]) * 1000,)) for number in range(8)]
    with left, right:
        for writer in writers:
            writer.start()
        data = right.read_exact(8000)
        for writer in writers:
            writer.join()

        assert [data.count(number) for number in range(8)] == [1000] * 8
