"""Files of /proc/net about sockets: what is counted, and the line of each."""

from __future__ import annotations

import errno
import os
from socket import AF_INET, AF_INET6, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ANOTHER_USER, IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.proc_net import (
    counted,
    counters,
    headings,
    row_of,
    rows,
    unix_row_of,
)
from conformance.plugin.setups.readiness import await_error
from conformance.plugin.timing import SOON
from libsocket import Linger, Socket
from netns import Capability, in_child

ESTABLISHED, CLOSE, LISTEN = 1, 7, 10
UNCONNECTED, CONNECTED = 1, 3
LISTENS = 0x10000
GROUPS = {"Ip", "Icmp", "Tcp", "Udp", "TcpExt"}
NOBODY_ELSE, GIVEN_TO = 61_003, 61_004
"""Users that nothing here has."""
FAMILIES = pytest.mark.parametrize(
    ("family", "suffix", "host", "any_"),
    [(AF_INET, "", "127.0.0.1", "0.0.0.0"), (AF_INET6, "6", "::1", "::")],
    ids=["ipv4", "ipv6"],
)
UNIX = pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_SEQPACKET], ids=["stream", "seqpacket"])


@claim(
    "defacto/proc-net-snmp/tcp-opens",
    sentence="proc_pid_net.5/snmp/data",
    says="ActiveOpens of Tcp in /proc/net/snmp counts the connects of TCP over IPv4, PassiveOpens those "
    "that a listener took, CurrEstab the ends that there are, and EstabResets those that ended by a reset.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_connections_are_counted(ns, observe):
    before = counters()
    with listening() as listener, pending_connection(listener) as client, listener.accept()[0] as server:
        opened = counted(
            before, "Tcp: ActiveOpens", "Tcp: PassiveOpens", "Tcp: CurrEstab", "Tcp: EstabResets"
        )
        server.linger = Linger(True, 0)
        server.close()
        await_error(client)
        ended = counted(before, "Tcp: ActiveOpens", "Tcp: PassiveOpens", "Tcp: CurrEstab", "Tcp: EstabResets")

        assert observe("opened_and_ended", [opened, ended]) == [[1, 1, 2, 0], [1, 1, 0, 2]]


@claim(
    "defacto/proc-net-snmp/tcp-attempt-fails",
    says="A connect of TCP over IPv4 that is refused counts in /proc/net/snmp as ActiveOpens and "
    "AttemptFails of Tcp, and the reset that refuses it as OutRsts.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_an_attempt_that_fails_is_counted(ns, observe):
    before = counters()
    with Socket.tcp() as sock:
        with refused(errno.ECONNREFUSED):
            sock.connect(("127.0.0.1", 9))

        found = counted(before, "Tcp: ActiveOpens", "Tcp: AttemptFails", "Tcp: OutRsts")
        assert observe("opens_fails_resets", found) == [1, 1, 1]


@claim(
    "defacto/proc-net-snmp/udp",
    sentence="proc_pid_net.5/snmp/data",
    says="OutDatagrams of Udp in /proc/net/snmp counts the datagrams that were sent over IPv4, InDatagrams "
    "those that were received, and NoPorts those that nobody took.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_datagrams_are_counted(ns, observe):
    before = counters()
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"one")
        sender.send(b"two")
        received = [receiver.recv(9).decode(), receiver.recv(9).decode()]
        receiver.close()
        sender.send(b"x")
        await_error(sender)

        found = counted(before, "Udp: OutDatagrams", "Udp: InDatagrams", "Udp: NoPorts")
        assert observe("received_and_counted", [received, found]) == [["one", "two"], [3, 2, 1]]


@claim(
    "defacto/proc-net-snmp/pairs",
    says="/proc/net/snmp and /proc/net/netstat have for each group a line of names and a line of as many "
    "numbers: the former for Ip, Icmp, Tcp and Udp, the latter for TcpExt.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives={"*": "no socket is asked"},
)
def test_names_and_numbers_are_pairs(ns, observe):
    snmp, netstat = ({name.split(":")[0] for name in counters(file)} for file in ("snmp", "netstat"))

    assert observe("there", [sorted(snmp & GROUPS), sorted(netstat & GROUPS)]) == [
        ["Icmp", "Ip", "Tcp", "Udp"],
        ["TcpExt"],
    ]


@claim(
    "defacto/proc-net-tcp/headings",
    sentence="proc_pid_net.5/udp/format",
    says="/proc/net/tcp, tcp6, udp, udp6 and unix begin with a line of headings, the first four of which are "
    "sl, local_address, rem_address, or remote_address over IPv6, and st, of unix Num, RefCount, Protocol "
    "and Flags.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives={"*": "no socket is asked"},
)
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tcp", ["sl", "local_address", "rem_address", "st"]),
        ("tcp6", ["sl", "local_address", "remote_address", "st"]),
        ("udp", ["sl", "local_address", "rem_address", "st"]),
        ("udp6", ["sl", "local_address", "remote_address", "st"]),
        ("unix", ["Num", "RefCount", "Protocol", "Flags"]),
    ],
)
def test_a_file_has_headings(ns, observe, name, words):
    assert observe("words", headings(name)[:4]) == words


@claim(
    "defacto/proc-net-tcp/rows",
    sentence=(
        "proc_pid_net.5/tcp/table",
        "proc_pid_net.5/tcp/sl",
        "proc_pid_net.5/tcp/rem-address",
        "proc_pid_net.5/tcp/st",
    ),
    says="A TCP socket has a line in /proc/net/tcp, or tcp6, by its inode, with its own and its peer's "
    "address and port, and its state: 0A where it listens, 01 where it is connected.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@FAMILIES
def test_a_tcp_socket_has_a_line(ns, observe, *, family, suffix, host, any_):
    with listening(host) as listener, pending_connection(listener) as client, listener.accept()[0] as server:
        who = {
            listener.getsockname()[:2]: "listener",
            client.getsockname()[:2]: "client",
            (any_, 0): "nobody",
        }
        lines = [one for sock in (listener, client, server) for one in row_of(f"tcp{suffix}", sock)]
        found = [[who.get(one.local), who.get(one.remote), one.state] for one in lines]

        assert observe("own_peer_state", found) == [
            ["listener", "nobody", LISTEN],
            ["client", "listener", ESTABLISHED],
            ["listener", "client", ESTABLISHED],
        ]


@claim(
    "defacto/proc-net-udp/rows",
    sentence=(
        "proc_pid_net.5/udp/table",
        "proc_pid_net.5/udp/sl",
        "proc_pid_net.5/udp/rem-address",
        "proc_pid_net.5/udp/st",
    ),
    says="A bound UDP socket has a line in /proc/net/udp, or udp6, by its inode, with its own and its "
    "peer's address and port, and its state: 07 without a peer, 01 with one; a closed one has none.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@FAMILIES
def test_a_udp_socket_has_a_line(ns, observe, *, family, suffix, host, any_):
    name = f"udp{suffix}"
    with Socket.udp(family) as sock:
        new = row_of(name, sock)
        sock.bind((host, 4321))
        [bound] = row_of(name, sock)
        sock.connect((host, 9))
        [connected] = row_of(name, sock)
        sock.close()
        found = [[one.local, one.remote, one.state] for one in (bound, connected)]

        assert observe("new_bound_connected_closed", [new, *found, rows(name)]) == [
            [],
            [(host, 4321), (any_, 0), CLOSE],
            [(host, 4321), (host, 9), ESTABLISHED],
            [],
        ]


@claim(
    "defacto/proc-net-tcp/user",
    sentence=("proc_pid_net.5/tcp/uid", "proc_pid_net.5/udp/uid"),
    says="A line of /proc/net/tcp or udp has the user that made the socket, and once fchown(2) has given it "
    "to another that one.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[ANOTHER_USER, Capability.CHOWN],
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_a_line_has_the_user(ns, observe, kind):
    def users() -> list[int]:
        with made(kind) as ours:
            os.seteuid(NOBODY_ELSE)
            with made(kind) as theirs:
                os.seteuid(0)
                made_by = [one.user for sock in (ours, theirs) for one in row_of(kind, sock)]
                os.fchown(ours.fileno(), GIVEN_TO, -1)
                return made_by + [one.user for one in row_of(kind, ours)]

    assert observe("users", in_child(users)) == [0, NOBODY_ELSE, GIVEN_TO]


def made(kind: str) -> Socket:
    """A socket that has a line: a listener, or a bound one."""
    sock = Socket.tcp() if kind == "tcp" else Socket.udp()
    sock.bind(("127.0.0.1", 0))
    if kind == "tcp":
        sock.listen()
    return sock


@claim(
    "defacto/proc-net-unix/rows",
    says="A UNIX stream or seqpacket socket has a line in /proc/net/unix, by its inode, with its type, the "
    "flag of a listener, its state, 01 and 03 once it is connected, and its name, where a null byte is @; "
    "an accepted one has the listener's name.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@UNIX
@pytest.mark.parametrize("abstract", [True, False], ids=["abstract", "pathname"])
def test_a_unix_socket_has_a_line(ns, observe, tmp_path, monkeypatch, *, type_, abstract):
    monkeypatch.chdir(tmp_path)
    name, shown = ("\0name", "@name") if abstract else ("name", "name")
    with Socket.unix(type_) as listener, Socket.unix(type_) as client:
        listener.bind(name)
        found = unix_row_of(listener)
        listener.listen()
        found += unix_row_of(listener)
        client.connect(name)
        with listener.accept()[0] as server:
            found += unix_row_of(client) + unix_row_of(server)

        assert observe("flags_type_state_path", found) == [
            [0, type_, UNCONNECTED, shown],
            [LISTENS, type_, UNCONNECTED, shown],
            [0, type_, CONNECTED, ""],
            [0, type_, CONNECTED, shown],
        ]


@claim(
    "defacto/proc-net-unix/datagrams",
    says="A UNIX datagram socket has a line in /proc/net/unix with its type and name, and the state 01, and "
    "03 once it is connected, or another to it.",
    since="5.15",
    commit="83301b5367a9",
)
def test_a_datagram_socket_has_a_line(ns, observe):
    with Socket.unix(SOCK_DGRAM) as bound, Socket.unix(SOCK_DGRAM) as sender:
        bound.bind("\0name")
        before = unix_row_of(bound) + unix_row_of(sender)
        sender.connect("\0name")
        after = unix_row_of(bound) + unix_row_of(sender)

        assert observe("flags_type_state_path", [before, after]) == [
            [[0, SOCK_DGRAM, UNCONNECTED, "@name"], [0, SOCK_DGRAM, UNCONNECTED, ""]],
            [[0, SOCK_DGRAM, CONNECTED, "@name"], [0, SOCK_DGRAM, CONNECTED, ""]],
        ]
