"""accept(2) of other families of sockets, and where a firewall forbids a connection."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ALG, NFTABLES, SCTP
from conformance.plugin.refusal import refused
from conformance.plugin.setups.accepting import accepted
from conformance.plugin.setups.alg import hash_socket
from conformance.plugin.setups.firewall import RULES_STAY, drop_all_that_arrives
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.states import LISTENING, in_state
from conformance.plugin.timing import SOON
from libsocket import Socket

SHA256_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@claim(
    "accept.2/EINVAL/alg",
    sentence=("accept.2/EINVAL/not-listening", "accept.2/sockfd/listening"),
    section="ERRORS",
    says="accept(2) of a socket of AF_ALG, which does not listen, fails with EINVAL.",
    needs=[ALG],
    expect=differs(
        "it gives a socket by which hashes are computed",
        since="2.6.38",
        commit="fe869cdb89c9",
        observed={"errno": None, "hash": SHA256_OF_NOTHING},
    ),
)
def test_a_socket_for_hashes_accepts_nothing(ns, observe):
    with hash_socket() as sock, refused(errno.EINVAL), accepted(sock) as operation:
        operation.rcvtimeo = SOON
        observe("hash", operation.recv(32).hex())


@claim(
    "accept.2/accept/connection-based-sctp",
    sentence="accept.2/accept/connection-based",
    section="DESCRIPTION",
    says="accept(2) is for SCTP sockets of SOCK_SEQPACKET over IPv4, as it is for those of SOCK_STREAM: one "
    "that listens, does not block, and has no connection waiting, fails with EAGAIN.",
    needs=[SCTP],
    expect=differs(
        "it is refused with EOPNOTSUPP: such a socket has all its associations itself (older than the "
        "history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno_of_stream": "EAGAIN", "errno": "EOPNOTSUPP"},
    ),
)
def test_sequenced_packets_of_sctp(ns, observe):
    with in_state("sctp", "bound") as stream, in_state("sctp-seqpacket", "bound") as packets:
        stream.listen()
        packets.listen()
        stream.nonblocking = packets.nonblocking = True
        with refused(errno.EAGAIN, "errno_of_stream"):
            accepted(stream).close()
        with refused(errno.EAGAIN):
            accepted(packets).close()


@claim(
    "accept.2/accept/connection-based-by-kind",
    sentence="accept.2/accept/connection-based",
    section="DESCRIPTION",
    says="accept(2) is for connection-based sockets, of type SOCK_STREAM (TCP, UNIX) and SOCK_SEQPACKET "
    "(UNIX): it gives a connected socket of the listener's type.",
)
@pytest.mark.parametrize("kind", ["tcp", "unix", "unix-seqpacket"])
def test_it_is_for_connections(ns, observe, kind):
    with LISTENING[kind]() as listener, pending_connection(listener) as client, accepted(listener) as server:
        server.rcvtimeo = SOON
        client.send(b"hello")

        seen = [server.type == listener.type, server.recv(9).decode()]
        assert observe("same_type_and_received", seen) == [True, "hello"]


@claim(
    "accept.2/EPERM/firewall-waiting",
    sentence="accept.2/EPERM/firewall",
    section="ERRORS",
    says="accept(2) of a TCP listener over IPv4 at which a connection waits fails with EPERM once the rules "
    "of a firewall (nftables) drop all that arrives.",
    needs=[NFTABLES],
    survives=RULES_STAY,
    expect=differs(
        "it succeeds: accept does not ask the firewall (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "peer": True, "errno_of_later_client": "EINPROGRESS"},
    ),
)
def test_a_firewall_forbids_who_waits(ns, observe):
    with listening() as listener, pending_connection(listener) as client, Socket.tcp() as later:
        drop_all_that_arrives()
        later.sndtimeo = 0.01
        with refused(errno.EINPROGRESS, "errno_of_later_client"):
            later.connect(listener.getsockname())
        listener.rcvtimeo = SOON
        with refused(errno.EPERM), accepted(listener) as server:
            observe("peer", server.getpeername() == client.getsockname())


@claim(
    "accept.2/EPERM/firewall-asking",
    sentence="accept.2/EPERM/firewall",
    section="ERRORS",
    says="accept(2) of a TCP listener over IPv4 that does not block fails with EPERM where the rules of a "
    "firewall (nftables) have dropped the request of a client.",
    needs=[NFTABLES],
    survives=RULES_STAY,
    expect=differs(
        "it fails with EAGAIN, as where nobody connects (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno_of_connect": "EINPROGRESS", "errno": "EAGAIN"},
    ),
)
def test_a_firewall_forbids_who_asks(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        drop_all_that_arrives()
        listener.nonblocking = True
        client.sndtimeo = 0.01
        with refused(errno.EINPROGRESS, "errno_of_connect"):
            client.connect(listener.getsockname())
        with refused(errno.EPERM):
            accepted(listener).close()
