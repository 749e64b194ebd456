"""Sockets at addresses that this host does not have, to which marked packets are delivered."""

from __future__ import annotations

import errno
from typing import Final

from conformance.plugin.claim import claim
from conformance.plugin.needs import ROUTING_RULES
from conformance.plugin.refusal import refused
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Namespace

SECTION: Final = "1. Making non-local sockets work"
FOREIGN, HERE = "222.173.190.239", "127.0.0.1"
MARK, TABLE = 1, 100
NEEDS: Final = (ROUTING_RULES, Capability.NET_ADMIN)


def deliver_marked(namespace: Namespace) -> None:
    """Let packets with the mark be delivered here, whatever their address."""
    namespace.add_rule(fwmark=MARK, table=TABLE)
    namespace.add_route("0.0.0.0/0", type="local", dev="lo", table=TABLE)


def marked(sock: Socket) -> Socket:
    """The socket of a client here, whose packets have the mark."""
    sock.mark = MARK
    sock.bind((HERE, 0))
    return sock


@claim(
    "tproxy/non-local-sockets/connection",
    sentence=("tproxy/non-local-sockets/delivered", "tproxy/non-local-sockets/option"),
    section=SECTION,
    says="With a rule by which packets of the mark 1 have a table that delivers all here, a TCP listener "
    "over IPv4 that is bound to an address which this host does not have thanks to IP_TRANSPARENT accepts a "
    "connection from a socket with that mark, and answers. Without the mark the network, to which no other "
    "route leads, is unreachable, and without the option the listener is refused the address.",
    needs=NEEDS,
)
def test_a_marked_connection_is_accepted(ns, observe):
    deliver_marked(ns)
    with Socket.tcp() as listener, marked(Socket.tcp()) as client, Socket.tcp() as unmarked:
        client.rcvtimeo = SOON
        with refused(name="errno_without_option"):
            listener.bind((FOREIGN, 0))
        listener.ip_transparent = True
        listener.bind((FOREIGN, 0))
        listener.listen()
        with refused(errno.ENETUNREACH):
            unmarked.connect(listener.getsockname())
        client.connect(listener.getsockname())
        with listener.accept()[0] as accepted:
            accepted.send(b"answer")
            answer = client.read_exact(6).decode()

            assert observe("at_and_answer", [accepted.getsockname()[0], answer]) == [FOREIGN, "answer"]


@claim(
    "tproxy/non-local-sockets/datagrams",
    sentence=("tproxy/non-local-sockets/delivered", "tproxy/non-local-sockets/option"),
    section=SECTION,
    says="With a rule by which packets of the mark 1 have a table that delivers all here, a UDP socket over "
    "IPv4 that is bound to an address which this host does not have thanks to IP_TRANSPARENT receives what "
    "has the mark, and answers from that address. Without the mark the network, to which no other route "
    "leads, is unreachable, and without the option the socket is refused the address.",
    needs=NEEDS,
)
def test_marked_datagrams_are_received(ns, observe):
    deliver_marked(ns)
    with Socket.udp() as server, marked(Socket.udp()) as client, Socket.udp() as unmarked:
        client.rcvtimeo = server.rcvtimeo = SOON
        with refused(name="errno_without_option"):
            server.bind((FOREIGN, 0))
        server.ip_transparent = True
        server.bind((FOREIGN, 0))
        with refused(errno.ENETUNREACH):
            unmarked.sendto(b"question", server.getsockname())
        client.sendto(b"question", server.getsockname())
        question, address = server.recvfrom(20)
        server.sendto(b"answer", address)
        answer, (source, _) = client.recvfrom(20)
        received = [question.decode(), answer.decode(), source]

        assert observe("question_answer_source", received) == ["question", "answer", FOREIGN]
