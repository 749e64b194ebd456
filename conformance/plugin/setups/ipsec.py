"""IPsec policies of a socket of its own."""

from __future__ import annotations

import sys
from socket import AF_INET
from typing import Final

from libsocket import IP_XFRM_POLICY, raw

POLICY: Final = IP_XFRM_POLICY.through(raw(512))

BLOCKING: Final = bytes(40) + AF_INET.to_bytes(2, sys.byteorder) + bytes(118) + bytes([1, 1]) + bytes(6)
"""A ``struct xfrm_userpolicy_info``: of IPv4 packets that leave (direction 1) all are blocked (action 1)."""
