"""Which control messages of IPv6 an accepted TCP connection asks for."""

from __future__ import annotations

from typing import Final

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.setups.listeners import listening, pending_connection
from libsocket import (
    IPV6_2292DSTOPTS,
    IPV6_2292HOPLIMIT,
    IPV6_2292HOPOPTS,
    IPV6_2292PKTINFO,
    IPV6_2292RTHDR,
    IPV6_RECVDSTOPTS,
    IPV6_RECVHOPOPTS,
    IPV6_RECVORIGDSTADDR,
    IPV6_RECVPATHMTU,
    IPV6_RECVRTHDR,
    Option,
    Socket,
)

ASKED: Final[tuple[Option[bool], ...]] = (
    IPV6_2292DSTOPTS,
    IPV6_2292HOPLIMIT,
    IPV6_2292HOPOPTS,
    IPV6_2292PKTINFO,
    IPV6_2292RTHDR,
    IPV6_RECVDSTOPTS,
    IPV6_RECVHOPOPTS,
    IPV6_RECVORIGDSTADDR,
    IPV6_RECVPATHMTU,
    IPV6_RECVRTHDR,
)


def ask(sock: Socket) -> None:
    """Switch all of them on."""
    for option in ASKED:
        sock.set(option, True)


def asked(sock: Socket) -> list[str]:
    """Which of them are on."""
    return [option.name for option in ASKED if sock.get(option)]


@claim(
    "defacto/IPPROTO_IPV6/inherited-by-accept",
    says="An accepted TCP connection over IPv6 has the IPV6_RECVRTHDR, IPV6_RECVHOPOPTS, IPV6_RECVDSTOPTS, "
    "IPV6_RECVPATHMTU, IPV6_RECVORIGDSTADDR, IPV6_2292PKTINFO, IPV6_2292HOPLIMIT, IPV6_2292RTHDR, "
    "IPV6_2292HOPOPTS and IPV6_2292DSTOPTS that its listener had when they connected.",
    since="2.6.37",
    commit="6c46862280c5",
    needs=[IPV6],
)
def test_an_accepted_connection_asks_for_what_its_listener_did(ns, observe):
    with listening("::1") as listener:
        before = asked(listener)
        ask(listener)
        with pending_connection(listener), listener.accept()[0] as accepted:
            seen = [before, asked(listener), asked(accepted)]
            every = [option.name for option in ASKED]

            assert observe("before_listener_and_accepted", seen) == [[], every, every]
