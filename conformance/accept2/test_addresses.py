"""The address that accept(2) gives, where it is not that of a client on one host."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.accepting import Memory, accepted, room
from conformance.plugin.setups.ipv6 import index_of, tcp6
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import FIRST, MADE, made_peer
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.timing import SOON
from libsocket import Linger

LEFT, RIGHT = "fe80::1234", "fe80::9"
PORT = 4321


@claim(
    "accept.2/addr/link-local",
    sentence=("accept.2/accept/address", "accept.2/addr/format"),
    section="DESCRIPTION",
    says="The address that accept(2) gives of a TCP client with a link-local IPv6 address has for its scope "
    "the index of the interface by which the listener's host reaches it.",
    needs=[VETH, IPV6],
)
def test_a_link_local_address_has_a_scope(peers, observe):
    peers.left.namespace.add_address(peers.left.device, f"{LEFT}/64")
    peers.right.namespace.add_address(peers.right.device, f"{RIGHT}/64")
    with peers.left.entered():
        client, scope = tcp6(), index_of(peers.left)
    with client, peers.right.entered(), tcp6() as listener:
        client.sndtimeo = listener.rcvtimeo = SOON
        listener.bind(("::", 0))
        listener.listen()
        client.bind((LEFT, PORT, 0, scope))
        client.connect((RIGHT, listener.getsockname()[1], 0, scope))
        server, given = listener.accept()
        server.close()
        expected = LEFT, PORT, 0, index_of(peers.right)

        assert observe("address_port_flow", given[:3]) == (LEFT, PORT, 0)
        assert observe("scope_is_of_interface", given[3] == expected[3]) is True


@claim(
    "defacto/accept/port-zero",
    says="accept(2) of a TCP connection over IPv4 that comes from the port 0 fails with ECONNABORTED where "
    "it is to write the address, and the connection is lost; without an address it succeeds.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
)
def test_a_client_at_port_0_has_no_address(peers, observe):
    memory = Memory()
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as listener:
        listener.linger = Linger(True, 0)
        listener.rcvtimeo = SOON
        peer.port = 0
        peer.connect(listener)
        await_readable(listener)
        with refused(errno.ECONNABORTED):
            accepted(listener, memory.address, room()).close()
        peer.replies()
        peer.sequence = FIRST
        peer.connect(listener)
        await_readable(listener)
        with accepted(listener) as server:
            peer.tell(b"hello")
            server.rcvtimeo = SOON

            assert observe("received", server.recv(9).decode()) == "hello"
