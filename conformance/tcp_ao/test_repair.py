"""TCP_AO_REPAIR: connections with TCP-AO that are moved, and sequence numbers that roll over."""

from __future__ import annotations

import errno
import socket
from dataclasses import replace

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import TCP_AO
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import await_those_before, udp_pair
from conformance.plugin.setups.repair import RECEIVE, SEND, Connection, held, resume
from conformance.plugin.setups.tcp_ao import KEY, authenticated, exchanged, mirrored
from conformance.plugin.timing import SOON
from libsocket import Socket, TcpAoAdd, TcpAoRepair
from netns import Capability

SINCE = "6.7"
NEEDS = (TCP_AO, Capability.NET_ADMIN)
BEFORE_ZERO = 2**32 - 10
"""A sequence number that ten more bytes bring to zero."""


def moved(sock: Socket, connection: Connection, key: TcpAoAdd, numbers: TcpAoRepair) -> None:
    """Make a fresh socket that connection, with a key and its numbers."""
    resume(sock, connection)
    sock.tcp_ao_add_key = key
    sock.tcp_ao_repair = numbers
    sock.tcp_repair = 0
    sock.rcvtimeo = SOON


def at(connection: Connection, *, send: int, receive: int) -> Connection:
    """A connection that has come to other sequence numbers."""
    window = replace(connection.window, snd_wl1=receive, rcv_wup=receive)
    return replace(connection, sequences={SEND: send, RECEIVE: receive}, window=window)


def extensions(sender: Socket, receiver: Socket) -> list[int]:
    """Both SNEs of what one sends to the other; the connection is under repair from then on."""
    sender.tcp_repair = receiver.tcp_repair = 1
    return [sender.tcp_ao_repair.snd_sne, receiver.tcp_ao_repair.rcv_sne]


@claim(
    "tcp_ao/TCP_AO_REPAIR/moves",
    sentence="tcp_ao/TCP_AO_REPAIR/set",
    section="uAPI",
    says="A TCP connection over IPv4 with TCP-AO goes on with another socket that has its key, once "
    "TCP_AO_REPAIR sets what it read of the first under repair.",
    since=SINCE,
    needs=NEEDS,
)
def test_a_connection_is_moved(ns, observe):
    with authenticated(KEY) as (client, server):
        received = exchanged(client, server)
        connection, numbers = held(client), client.tcp_ao_repair
        client.close()
        with Socket.tcp() as another:
            moved(another, connection, KEY, numbers)
            received += exchanged(another, server)

            seen = [received, server.tcp_ao_info.pkt_bad]
            assert observe("received_and_bad", seen) == [["there", "back"] * 2, 0]


@claim(
    "tcp_ao/TCP_AO_REPAIR/numbers-count",
    sentence=("tcp_ao/TCP_AO_REPAIR/set", "tcp_ao/comparison/replay"),
    section="uAPI",
    says="With another initial sequence number, or another SNE, that TCP_AO_REPAIR set, what the socket "
    "sends fails verification at its peer, over IPv4.",
    since=SINCE,
    needs=NEEDS,
)
@pytest.mark.parametrize("changed", ["snt_isn", "rcv_isn", "snd_sne"])
def test_the_numbers_count(ns, observe, changed):
    with authenticated(KEY) as (client, server):
        received = exchanged(client, server)
        client.tcp_repair = 1
        numbers = client.tcp_ao_repair
        another = (getattr(numbers, changed) + 1) % 2**32
        client.tcp_ao_repair = replace(numbers, **{changed: another})
        client.tcp_repair = -1
        client.send(b"lost")
        await_those_before(udp_pair)
        with refused(errno.EAGAIN):
            server.recv(4, socket.MSG_DONTWAIT)

        bad = server.tcp_ao_info.pkt_bad > 0
        assert observe("before_and_bad", [*received, bad]) == ["there", "back", True]


@claim(
    "tcp_ao/SNE/rolls-over",
    sentence="tcp_ao/SNE/incremented",
    section="SNE Linux implementation",
    says="When the sequence number of a TCP connection over IPv4 with TCP-AO rolls over to zero, the SNE of "
    "what one end sends and of what the other receives becomes 1; before that it is 0, and what is sent "
    "after it arrives.",
    since=SINCE,
    needs=NEEDS,
)
def test_the_sne_rolls_over(ns, observe):
    with authenticated(KEY) as (client, server):
        sent, taken = held(client), held(server)
    with Socket.tcp() as sender, Socket.tcp() as receiver:
        ahead, behind = sent.sequences[RECEIVE], taken.sequences[SEND]
        numbers = TcpAoRepair(snt_isn=1, rcv_isn=2, snd_sne=0, rcv_sne=0)
        moved(sender, at(sent, send=BEFORE_ZERO, receive=ahead), KEY, numbers)
        moved(
            receiver,
            at(taken, send=behind, receive=BEFORE_ZERO),
            mirrored(KEY),
            replace(numbers, snt_isn=2, rcv_isn=1),
        )
        received = exchanged(sender, receiver)
        before = extensions(sender, receiver)
        sender.tcp_repair = receiver.tcp_repair = -1
        received += exchanged(sender, receiver) + exchanged(sender, receiver)
        after = extensions(sender, receiver)

        assert observe("before_after_received", [before, after, received]) == [
            [0, 0],
            [1, 1],
            ["there", "back"] * 3,
        ]
