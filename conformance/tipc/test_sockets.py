"""Sockets of AF_TIPC on one node, which needs no configuration."""

from __future__ import annotations

import errno
import socket
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import TIPC
from conformance.plugin.refusal import refused
from conformance.plugin.setups.tipc import (
    connected_by,
    event,
    instance,
    leave,
    member,
    service,
    tipc_socket,
    told,
    tracking,
    unbound,
)

NEEDS: Final = (TIPC,)
SECTION: Final = "TIPC Features"
SERVICE: Final = 18888
"""A type of service; those below 64 are TIPC's own."""


@claim(
    "tipc/features/datagram",
    sentence=("tipc/features/service-address", "tipc/features/datagram", "tipc/features/single-node"),
    section=SECTION,
    says="In a network namespace where nothing is configured two sockets of AF_TIPC and SOCK_RDM are bound "
    "to service addresses that the program chooses, and each receives the datagram that a third sends to its "
    "address.",
    needs=NEEDS,
)
def test_a_datagram_is_sent_to_a_service(ns, observe):
    with (
        tipc_socket(socket.SOCK_RDM) as first,
        tipc_socket(socket.SOCK_RDM) as second,
        tipc_socket(socket.SOCK_RDM) as client,
    ):
        first.bind(service(SERVICE, 7, 7))
        second.bind(service(SERVICE, 8, 8))
        client.sendto(b"to 8", instance(SERVICE, 8))
        client.sendto(b"to 7", instance(SERVICE, 7))
        received = [first.recv(100).decode(), second.recv(100).decode()]

        assert observe("received", received) == ["to 7", "to 8"]


@claim(
    "tipc/features/connection",
    sentence=("tipc/features/connection", "tipc/features/service-address", "tipc/features/single-node"),
    section=SECTION,
    says="A socket of AF_TIPC, SOCK_STREAM or SOCK_SEQPACKET, connects by a service address to one that is "
    "bound to it and accepts, and both send. By an instance to which none is bound it is refused.",
    needs=NEEDS,
)
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET], ids=["stream", "seqpacket"])
def test_a_service_is_connected_to(ns, observe, kind):
    with tipc_socket(kind) as server, tipc_socket(kind) as another:
        server.bind(service(SERVICE, 7, 7))
        server.listen()
        with refused():
            another.connect(instance(SERVICE, 8))
        with connected_by(instance(SERVICE, 7), server, kind) as (client, accepted):
            client.send(b"question")
            question = accepted.recv(100).decode()
            accepted.send(b"answer")

            assert observe("both", [question, client.recv(100).decode()]) == ["question", "answer"]


@claim(
    "tipc/introduction/delivery",
    sentence="tipc/introduction/delivery",
    section="Introduction",
    says="A hundred messages that a socket of AF_TIPC and SOCK_SEQPACKET sends are received by its peer in "
    "their order, each whole.",
    needs=NEEDS,
)
def test_messages_keep_their_order(ns, observe):
    with tipc_socket(socket.SOCK_SEQPACKET) as server:
        server.bind(service(SERVICE, 7, 7))
        server.listen()
        with connected_by(instance(SERVICE, 7), server, socket.SOCK_SEQPACKET) as (client, accepted):
            sent = [f"message {number}" for number in range(100)]
            sizes = [client.send(one.encode()) for one in sent]
            received = [accepted.recv(100).decode() for _ in sizes]

            assert observe("in_order", received == sent) is True


@claim(
    "tipc/features/multicast",
    sentence="tipc/features/multicast",
    section=SECTION,
    says="A datagram that a socket of AF_TIPC and SOCK_RDM sends to the instances 0 to 99 of a service is "
    "received by each of two sockets that are bound to one of them, and not by one that is bound to 100.",
    needs=NEEDS,
)
def test_a_range_is_multicast_to(ns, observe):
    with (
        tipc_socket(socket.SOCK_RDM) as first,
        tipc_socket(socket.SOCK_RDM) as second,
        tipc_socket(socket.SOCK_RDM) as beyond,
        tipc_socket(socket.SOCK_RDM) as client,
    ):
        first.bind(service(SERVICE, 0, 0))
        second.bind(service(SERVICE, 99, 99))
        beyond.bind(service(SERVICE, 100, 100))
        client.sendto(b"to all", service(SERVICE, 0, 99))
        client.sendto(b"to 100", instance(SERVICE, 100))
        received = [one.recv(100).decode() for one in (first, second, beyond)]

        assert observe("received", received) == ["to all", "to all", "to 100"]


@claim(
    "tipc/features/tracking",
    sentence="tipc/features/tracking",
    section=SECTION,
    says="A client that subscribes to a service address at the topology server, by a connection of "
    "SOCK_SEQPACKET, is told when a socket is bound to it and when it is unbound or closed, and not of "
    "another address.",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    "end",
    [lambda sock: sock.close(), lambda sock: sock.bind(unbound(SERVICE, 7, 7))],
    ids=["closed", "unbound"],
)
def test_binding_and_unbinding_are_told(ns, observe, end):
    with (
        tracking(SERVICE, 7, 7) as client,
        tipc_socket(socket.SOCK_RDM) as another,
        tipc_socket(socket.SOCK_RDM) as server,
    ):
        another.bind(service(SERVICE, 8, 8))
        server.bind(service(SERVICE, 7, 7))
        events = [event(client)]
        end(server)
        another.close()
        events.append(event(client))
        with tipc_socket(socket.SOCK_RDM) as again:
            again.bind(service(SERVICE, 7, 7))
            events.append(event(client))

        published = ["published", 7, 7]
        assert observe("events", events) == [published, ["withdrawn", 7, 7], published]


@claim(
    "tipc/features/group",
    sentence=("tipc/features/group", "tipc/features/multicast"),
    section=SECTION,
    says="Three sockets of AF_TIPC and SOCK_RDM make and join a communication group with TIPC_GROUP_JOIN and "
    "the type of a service, and are told of each other: what one sends without an address both others "
    "receive, and once one has left, the other alone.",
    needs=NEEDS,
)
def test_a_group_is_made_and_joined(ns, observe):
    with member(SERVICE, 1) as first, member(SERVICE, 2) as second:
        changes = [told(first), told(second)]
        with member(SERVICE, 3) as third:
            changes += [told(first), told(second), told(third), told(third)]
            first.send(b"to both")
            received = [told(second), told(third)]
            leave(third)
            changes += [told(first), told(second)]
            first.send(b"to one")
            received.append(told(second))
            with refused(errno.EAGAIN):
                third.recv(100, socket.MSG_DONTWAIT)

            assert [observe("changes", changes), observe("received", received)] == [
                ["joined"] * 6 + ["left"] * 2,
                ["to both", "to both", "to one"],
            ]
