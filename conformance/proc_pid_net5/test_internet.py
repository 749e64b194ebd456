"""/proc/net/raw, and what the columns of tcp, udp and raw count."""

from __future__ import annotations

import os
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER
from conformance.plugin.setups.proc_net import queues_of, row_of, rows, timer_of
from conformance.plugin.setups.readiness import await_readable
from libsocket import Socket
from netns import Capability, in_child

EXPERIMENT = 253
"""A protocol that nobody has (RFC 3692)."""
CLOSE, ESTABLISHED = 7, 1
NOT_ASKED = {"*": "/proc tells of the socket, which is not called"}
GIVEN_TO = 61_009
"""A user that nothing here has."""


def bound(name: str) -> Socket:
    """A UDP socket over IPv4 that is bound, or a raw one of a protocol that nobody has."""
    sock = Socket(socket.AF_INET, socket.SOCK_RAW, EXPERIMENT) if name == "raw" else Socket.udp()
    sock.bind(("127.0.0.1", 0))
    return sock


@claim(
    "proc_pid_net.5/raw/rows",
    sentence=("proc_pid_net.5/raw/table", "proc_pid_net.5/raw/sl", "proc_pid_net.5/raw/st"),
    section="/proc/net/raw",
    says="A raw socket over IPv4 has a line in /proc/net/raw, by its inode, with its own address, its "
    "protocol in place of the port, the address of its peer, and its state: 07 without a peer, 01 with one; "
    "a closed one has none.",
    needs=[Capability.NET_RAW],
)
def test_a_raw_socket_has_a_line(ns, observe):
    with Socket(socket.AF_INET, socket.SOCK_RAW, EXPERIMENT) as sock:
        found = [list(one[:3]) for one in row_of("raw", sock)]
        sock.bind(("127.0.0.1", 0))
        found += [list(one[:3]) for one in row_of("raw", sock)]
        sock.connect(("127.0.0.2", 0))
        found += [list(one[:3]) for one in row_of("raw", sock)]

    assert observe("new_bound_connected_closed", [*found, rows("raw")]) == [
        [("0.0.0.0", EXPERIMENT), ("0.0.0.0", 0), CLOSE],
        [("127.0.0.1", EXPERIMENT), ("0.0.0.0", 0), CLOSE],
        [("127.0.0.1", EXPERIMENT), ("127.0.0.2", 0), ESTABLISHED],
        [],
    ]


@claim(
    "proc_pid_net.5/udp/queues",
    sentence=("proc_pid_net.5/udp/queues", "proc_pid_net.5/raw/queues"),
    section="/proc/net/udp",
    says="tx_queue and rx_queue of a UDP or raw socket over IPv4 in /proc/net/udp or raw are 0 at first; "
    "tx_queue is then more than the 100 bytes that were sent with MSG_MORE, and rx_queue more than those "
    "that wait to be received, as the kernel's memory for them counts.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("name", ["udp", "raw"])
def test_queues_are_memory(ns, observe, name):
    with bound(name) as sender, bound(name) as receiver:
        before = queues_of(name, sender) + queues_of(name, receiver)
        sender.connect(receiver.getsockname())
        sender.send(bytes(100), socket.MSG_MORE)
        held = queues_of(name, sender)[0] > 100
        sender.send(b"")
        await_readable(receiver)
        sent, received = queues_of(name, sender), queues_of(name, receiver)

        found = [before, held, sent[0], received[0], received[1] > 100]
        assert observe("before_held_sent_received", found) == [[0, 0, 0, 0], True, 0, 0, True]


@claim(
    "proc_pid_net.5/tcp/queues",
    sentence="proc_pid_net.5/tcp/queues",
    section="/proc/net/tcp",
    says="rx_queue of a TCP socket over IPv4 in /proc/net/tcp at which five bytes wait is more than those, "
    "as the kernel's memory for them counts.",
    expect=differs(
        "it is the number of bytes that wait",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"before_and_waiting": [0, 5]},
    ),
)
def test_queues_of_tcp_are_memory(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right:
        before = queues_of("tcp", right)[1]
        left.send(b"hello")
        await_readable(right)
        counts = observe("before_and_waiting", [before, queues_of("tcp", right)[1]])

        assert counts[1] > 5


@claim(
    "proc_pid_net.5/udp/unused",
    sentence=("proc_pid_net.5/udp/unused", "proc_pid_net.5/raw/unused"),
    section="/proc/net/udp",
    says="tr, tm->when and rexmits of a UDP or raw socket over IPv4 in /proc/net/udp or raw are 0, with "
    "SO_KEEPALIVE too, with which tr of a TCP socket in /proc/net/tcp is 2.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("name", ["udp", "raw"])
def test_timers_are_not_used(ns, observe, name):
    left, right = Socket.tcp_pair()
    with left, right, bound(name) as sock:
        left.keepalive = sock.keepalive = True

        found = [sock.keepalive, timer_of(name, sock), timer_of("tcp", left)[0]]
        assert observe("set_timer_and_tcp", found) == [True, ["00", "00000000", "00000000"], "02"]


@claim(
    "proc_pid_net.5/raw/uid",
    sentence="proc_pid_net.5/raw/uid",
    section="/proc/net/raw",
    says="uid of a raw socket over IPv4 in /proc/net/raw is the user who made it, 0, also when fchown(2) has "
    "given it to another.",
    needs=[ANOTHER_USER, Capability.CHOWN, Capability.NET_RAW],
    expect=differs(
        "once fchown(2) has given it to another it is that one",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"users": [0, GIVEN_TO]},
    ),
    survives=NOT_ASKED,
)
def test_a_line_of_a_raw_socket_has_the_user(ns, observe):
    def users() -> list[int]:
        with bound("raw") as sock:
            found = [one.user for one in row_of("raw", sock)]
            os.fchown(sock.fileno(), GIVEN_TO, -1)
            return found + [one.user for one in row_of("raw", sock)]

    assert observe("users", in_child(users)) == [0, 0]
