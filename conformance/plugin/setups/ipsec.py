"""IPsec policies of a socket of its own."""

from __future__ import annotations

import sys
from socket import AF_INET
from typing import Final

from libsocket import IP_IPSEC_POLICY, IP_XFRM_POLICY, IPV6_IPSEC_POLICY, IPV6_XFRM_POLICY, raw

SIZE: Final = 168
"""Of a struct xfrm_userpolicy_info."""
POLICY: Final = IP_XFRM_POLICY.through(raw(512))
POLICY6: Final = IPV6_XFRM_POLICY.through(raw(512))
INCOMING, OUTGOING, FORWARDED = 0, 1, 2
_BLOCK: Final = 1


def blocking(family: int, direction: int) -> bytes:
    """A ``struct xfrm_userpolicy_info``: of all packets of a family that go so all are blocked."""
    return (
        bytes(40)
        + family.to_bytes(2, sys.byteorder)
        + bytes(118)
        + bytes([direction, _BLOCK])
        + bytes(SIZE - 162)
    )


BLOCKING: Final = blocking(AF_INET, OUTGOING)

KEY_POLICY: Final = IP_IPSEC_POLICY.through(raw(512))
KEY_POLICY6: Final = IPV6_IPSEC_POLICY.through(raw(512))
_X_POLICY, _DISCARD, _OUTBOUND = 18, 0, 2


def discarding(size: int = 16) -> bytes:
    """A ``struct sadb_x_policy`` of PF_KEY with so many bytes: all packets that leave are discarded."""
    numbers = (size // 8, _X_POLICY, _DISCARD)
    start = b"".join(number.to_bytes(2, sys.byteorder) for number in numbers) + bytes([_OUTBOUND])
    return start.ljust(size, b"\0")


DISCARDING: Final = discarding()
