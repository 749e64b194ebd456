"""The packets with which a TCP connection over IPv4 begins, as the other host receives them."""

from __future__ import annotations

import errno

from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.segments import Segment, next_segment, segments
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Peers


def request(hosts: Peers, errno_connect: str = "errno_connect") -> Segment:
    """The SYN that the left host sends; the errno of its refusal is observed under a name."""
    with hosts.left.entered(), Socket.tcp() as sock, hosts.right.entered(), segments() as arriving:
        arriving.rcvtimeo = SOON
        with refused(errno.ECONNREFUSED, errno_connect):
            sock.connect((hosts.right.address, 9))
        return next_segment(arriving)


def answer(hosts: Peers) -> Segment:
    """The SYN-ACK with which the right host answers the left one."""
    with hosts.left.entered():
        sock, arriving = Socket.tcp(), segments()
    with sock, arriving, hosts.right.entered(), listening(hosts.right.address) as listener:
        arriving.rcvtimeo = SOON
        sock.connect(listener.getsockname())
        return next_segment(arriving)
