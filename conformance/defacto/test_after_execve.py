"""What a program that execve(2) starts has of a socket: its state, its options, and epoll instances."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from socket import SOCK_STREAM

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.event_calls import epoll_made
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import SOON
from libsocket import Socket

INTERNET = pytest.mark.parametrize("kind", ["tcp", "udp"])
NOT_ASKED = {
    "no-op: close() = 0*": "the other descriptors of the program are not asked for",
    "no-op: fcntl(F_SETFD*": "the other descriptors of the program are not asked for",
}
BEGIN = "import socket, select, sys; s = socket.socket(fileno=int(sys.argv[1])); "


def after_execve(script: str, *numbers: int) -> str:
    """What another Python says, which has these descriptors, and is given their numbers."""
    command = [sys.executable, "-I", "-S", "-c", script, *map(str, numbers)]
    done = subprocess.run(command, pass_fds=numbers, capture_output=True, check=False, text=True, timeout=20)
    assert done.returncode == 0, done.stderr.splitlines()[-1]
    return done.stdout.strip()


@claim(
    "defacto/execve/new-socket",
    says="After execve(2) the new program can use a TCP or UDP socket over IPv4 that was new: it binds it, "
    "and the socket has that name where it was made, too.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=NOT_ASKED,
)
@INTERNET
def test_a_new_socket_is_bound(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        before = sock.getsockname()[1]
        said = after_execve(BEGIN + "s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])", sock.fileno())

        found = [before, sock.getsockname()[1] == int(said), said != "0"]
        assert observe("before_same_bound", found) == [0, True, True]


@claim(
    "defacto/execve/bound-socket",
    says="After execve(2) the new program has, by a duplicate of its descriptor, the UDP socket over IPv4 "
    "that was bound: it has the name, receives what was sent before, and answers.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives={
        **NOT_ASKED,
        "no-op: ioctl(FIONBIO*": "another descriptor of a blocking socket is blocking",
    },
)
def test_a_bound_socket_receives(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver, receiver.dup() as duplicate:
        sender.rcvtimeo = SOON
        sender.send(b"question")
        script = "data, source = s.recvfrom(9); s.sendto(b'answer', source); print(s.getsockname()[1])"
        said = after_execve(BEGIN + script, duplicate.fileno())

        found = [int(said) == receiver.getsockname()[1], sender.recv(9).decode()]
        assert observe("name_and_answer", found) == [True, "answer"]


@claim(
    "defacto/execve/listening-socket",
    says="After execve(2) the new program accepts by a TCP listener over IPv4 who connected before, and "
    "sends to them.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=NOT_ASKED,
)
def test_a_listener_accepts(ns, observe):
    with Socket.tcp() as listener, Socket.tcp() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        client.rcvtimeo = SOON
        said = after_execve(
            BEGIN + "a, where = s.accept(); a.send(b'hello'); print(where[1])", listener.fileno()
        )

        found = [int(said) == client.getsockname()[1], client.recv(9).decode()]
        assert observe("accepted_and_received", found) == [True, "hello"]


@claim(
    "defacto/execve/options",
    says="After execve(2) a TCP or UDP socket over IPv4 has the options that were set before: SO_KEEPALIVE, "
    "SO_PRIORITY, SO_RCVLOWAT and IP_TTL.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=NOT_ASKED,
)
@INTERNET
def test_options_are_kept(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        sock.keepalive = True
        sock.priority = 5
        sock.rcvlowat = 7
        sock.ip_ttl = 33
        script = "print([s.getsockopt(1, o) for o in (9, 12, 18)] + [s.getsockopt(0, 2)])"

        assert observe("options", after_execve(BEGIN + script, sock.fileno())) == "[1, 5, 7, 33]"


@claim(
    "defacto/execve/epoll",
    says="After execve(2) the new program has an epoll instance with what was added to it, a TCP or UNIX "
    "stream socket that is readable.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=NOT_ASKED,
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, lambda: Socket.pair(SOCK_STREAM)], ids=["tcp", "unix"])
def test_an_instance_is_kept(ns, observe, pair):
    sock, peer = pair()
    with sock, peer, select.epoll() as epoll:
        epoll.register(sock, select.EPOLLIN)
        peer.send(b"hello")
        script = "import select, sys; print(select.epoll.fromfd(int(sys.argv[1])).poll(4)[0][1])"
        said = after_execve(script, epoll.fileno())

        assert observe("events", int(said)) == select.EPOLLIN


@claim(
    "epoll_create.2/EPOLL_CLOEXEC/closed",
    sentence="epoll_create.2/EPOLL_CLOEXEC/close-on-exec",
    section="DESCRIPTION",
    says="execve(2) closes an epoll instance that epoll_create1(2) made with EPOLL_CLOEXEC, and not one that "
    "it made without.",
    survives={"*": "it makes no call of sockets"},
)
@pytest.mark.parametrize(("flags", "left"), [(select.EPOLL_CLOEXEC, "closed"), (0, "open")])
def test_an_instance_is_closed(ns, observe, flags, left):
    number = epoll_made(flags)
    script = f"[ -e /proc/self/fd/{number} ] && echo open || echo closed"
    done = subprocess.run(["/bin/sh", "-c", script], close_fds=False, capture_output=True, check=True)
    os.close(number)

    assert observe("left", done.stdout.decode().strip()) == left
