"""IP_BIND_ADDRESS_NO_PORT: a port is chosen late, by connect."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import UDP_NEEDS_NO_LISTENER, listening
from libsocket import Socket

HERE, THERE = "127.0.0.1", "127.0.0.2"
PORT_RANGE = "net.ipv4.ip_local_port_range"


@claim(
    "IP_BIND_ADDRESS_NO_PORT.2const/IP_BIND_ADDRESS_NO_PORT/chosen-by-connect",
    sentence=(
        "IP_BIND_ADDRESS_NO_PORT.2const/IP_BIND_ADDRESS_NO_PORT/not-reserved",
        "IP_BIND_ADDRESS_NO_PORT.2const/IP_BIND_ADDRESS_NO_PORT/chosen-by-connect",
    ),
    section="DESCRIPTION",
    says="A TCP or UDP socket with IP_BIND_ADDRESS_NO_PORT that is bound to port 0 has no port until it "
    "connects.",
    since="4.2",
    survives=UDP_NEEDS_NO_LISTENER,
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
def test_connect_chooses_the_port(ns, observe, make):
    with listening() as listener, make() as sock, make() as without:
        ns.sysctl[PORT_RANGE] = "40000 40001"
        sock.ip_bind_address_no_port = True
        sock.bind((THERE, 0))
        without.bind((THERE, 0))
        bound = [*sock.getsockname(), without.getsockname()[1] == 0]
        sock.connect(listener.getsockname())

        assert observe("bound_and_connected", [*bound, sock.getsockname()[1] in (40_000, 40_001)]) == [
            THERE,
            0,
            False,
            True,
        ]


@claim(
    "IP_BIND_ADDRESS_NO_PORT.2const/IP_BIND_ADDRESS_NO_PORT/shared",
    sentence="IP_BIND_ADDRESS_NO_PORT.2const/IP_BIND_ADDRESS_NO_PORT/shared",
    section="DESCRIPTION",
    says="TCP sockets with IP_BIND_ADDRESS_NO_PORT that are bound to an address can share a port for "
    "connections to different destinations. To one destination only one of them has it, and without the "
    "option only one at all.",
    since="4.2",
)
def test_connections_to_different_destinations_share_a_port(ns, observe):
    with (
        listening(HERE) as here,
        listening(THERE) as there,
        Socket.tcp() as first,
        Socket.tcp() as second,
        Socket.tcp() as without,
    ):
        ns.sysctl[PORT_RANGE] = "40000 40000"
        first.ip_bind_address_no_port = second.ip_bind_address_no_port = True
        first.bind((HERE, 0))
        second.bind((HERE, 0))
        first.connect(here.getsockname())
        with refused():
            second.connect(here.getsockname())
        with refused(name="errno_without"):
            without.bind((HERE, 0))
        second.connect(there.getsockname())

        assert observe("names", [*first.getsockname(), *second.getsockname()]) == [HERE, 40_000, HERE, 40_000]


@claim(
    "IP_BIND_ADDRESS_NO_PORT.2const/IP_BIND_ADDRESS_NO_PORT/shared-udp",
    sentence="IP_BIND_ADDRESS_NO_PORT.2const/IP_BIND_ADDRESS_NO_PORT/shared",
    section="DESCRIPTION",
    says="UDP sockets with IP_BIND_ADDRESS_NO_PORT that are bound to an address can share a port for "
    "different destinations.",
    since="4.2",
    expect=differs(
        "each has a port of its own: the second finds none",
        since="4.2",
        commit="90c337da1524",
        observed={"bound": [HERE, 0, HERE, 0], "errno": "EAGAIN"},
    ),
)
def test_udp_sockets_share_a_port(ns, observe):
    ns.sysctl[PORT_RANGE] = "40000 40000"
    with Socket.udp() as first, Socket.udp() as second:
        first.ip_bind_address_no_port = second.ip_bind_address_no_port = True
        first.bind((HERE, 0))
        second.bind((HERE, 0))
        observe("bound", [*first.getsockname(), *second.getsockname()])
        first.connect((HERE, 9))
        second.connect((THERE, 9))

        assert observe("ports", [first.getsockname()[1], second.getsockname()[1]]) == [40_000, 40_000]
