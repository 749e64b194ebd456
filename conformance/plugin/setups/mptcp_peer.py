"""An MPTCP client whose segments are made one by one, and what MPTCP's option says in segments (RFC 8684)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from conformance.plugin.needs import MPTCP, Need
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import ADDRESS, MADE, OFFERED, MadePeer, made_peers
from conformance.plugin.setups.mptcp import ADD_ADDR, IPPROTO_MPTCP, MP_CAPABLE, MP_JOIN, OPTION, subtype_of
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.segments import ACK, RST, SYN, Segment
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Peers

MADE_MPTCP: Final[tuple[Need | Capability, ...]] = (MPTCP, *MADE)

NO_JOIN: Final = 0x20
"""A flag of MP_CAPABLE: nobody may join where the first subflow is."""

KEY: Final = b"made key"
"""Of the end that is made."""

ADDRESS_ID: Final = 5
"""The number that the address has from which a second subflow is asked for."""

RESET_AT_THE_END: Final = {
    r"no-op: sendto(*, 40, 0*": "it only ends a connection, so that no timer of it outlives the test"
}
"""For claims in which a client connects: its only segments without data or options."""

_VERSION, _SHA256 = 1, 0x01
_NONCE = b"once"


@dataclass
class MptcpPeer:
    """The client: two ends of subflows, by hand, whose other ends are at one listener."""

    first: MadePeer
    second: MadePeer
    listener: Socket
    key: bytes = b""
    """The other end's."""

    def ask(self) -> Segment:
        """Ask for the first subflow; the listener's SYN-ACK."""
        answer = self.first.ask(self.listener, {**OFFERED, **capable()})
        self.key = answer.options[OPTION][2:10]
        return answer

    def connect(self) -> None:
        """Make a connection by the first subflow, and send four bytes."""
        self.ask()
        self.first.tell(b"data", options=capable(KEY, self.key, (4).to_bytes(2, "big")))

    def join(self) -> bool:
        """Ask for the second subflow, to where the first is; whether it is there then."""
        token = hashlib.sha256(self.key).digest()[:4]
        asked = bytes([MP_JOIN << 4, ADDRESS_ID]) + token + _NONCE
        answer = self.second.ask(self.listener, {**OFFERED, OPTION: asked})
        if answer.reset:
            return False
        nonces = _NONCE + answer.options[OPTION][-4:]
        proof = hmac.digest(KEY + self.key, nonces, "sha256")[:20]
        self.second.send(options={OPTION: bytes([MP_JOIN << 4, 0]) + proof})
        return self.second.next().flags & (SYN | RST | ACK) == ACK

    def announcements(self, number: int) -> list[bytes]:
        """The next ADD_ADDR options that arrive by the first subflow."""
        return [self.next_of(ADD_ADDR) for _ in range(number)]

    def next_of(self, subtype: int) -> bytes:
        """The next option of a subtype that arrives by the first subflow."""
        while True:
            segment = self.first.next()
            if subtype_of(segment) == subtype:
                return segment.options[OPTION]


@contextmanager
def mptcp_peers(hosts: Peers, number: int = 1, *, rto_min: float | None = 100) -> Iterator[list[MptcpPeer]]:
    """Clients that are still to connect to a listener on the right host, where this stays.

    No timer of TCP runs out there sooner than after ``rto_min`` seconds.
    """
    right = hosts.right
    right.namespace.add_route(f"{ADDRESS}/32", via=hosts.left.address, dev=right.device, rto_min=rto_min)
    with (
        made_peers(hosts, 2 * number) as ends,
        right.entered(),
        listening(right.address, protocol=IPPROTO_MPTCP) as listener,
    ):
        listener.rcvtimeo = SOON
        yield [MptcpPeer(*two, listener) for two in zip(ends[::2], ends[1::2], strict=True)]


@contextmanager
def connected_peer(hosts: Peers, *, rto_min: float | None = 100) -> Iterator[tuple[MptcpPeer, Socket]]:
    """A client, and what was accepted from it."""
    with mptcp_peers(hosts, rto_min=rto_min) as (peer,):
        peer.connect()
        with accepted_from(peer) as sock:
            yield peer, sock


@contextmanager
def accepted_from(peer: MptcpPeer) -> Iterator[Socket]:
    """What was accepted from a client that connected, which is reset at the end."""
    await_readable(peer.listener)
    with peer.listener.accept()[0] as sock:
        sock.rcvtimeo = SOON
        sock.read_exact(4)
        yield sock
        peer.first.reset()


def capable(*parts: bytes) -> dict[int, bytes]:
    """The option of a SYN, or with both keys of what follows it."""
    return {OPTION: bytes([MP_CAPABLE << 4 | _VERSION, _SHA256]) + b"".join(parts)}
