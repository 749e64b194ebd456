"""TCP_SAVE_SYN of 2: the headers of a request for a connection from the link header on."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.places import partly_written
from libsocket import TCP_SAVED_SYN

LINK_HEADER = 14
"""Bytes of an Ethernet header, as loopback has it too: two addresses, and the type of what follows."""


@claim(
    "defacto/TCP_SAVE_SYN/link-header",
    says="TCP_SAVED_SYN of a TCP connection by loopback, over IPv4 and IPv6, that was accepted from a "
    "listener with a TCP_SAVE_SYN of 2 begins with the link header, of 14 bytes, whose last two are the "
    "type (0x0800 or 0x86DD); with 1 it begins with the IP header.",
    since="5.10",
    commit="267cf9fa43d1",
    survives={"no-op: close(*": "the connection whose headers were read may stay open"},
)
@pytest.mark.parametrize(
    ("host", "version", "type_"), [("127.0.0.1", 4, "0800"), ("::1", 6, "86dd")], ids=["ipv4", "ipv6"]
)
def test_the_link_header_is_saved(ns, observe, host, version, type_):
    with listening(host) as listener:
        listener.tcp_save_syn = 1
        with pending_connection(listener), listener.accept()[0] as accepted:
            packet = accepted.tcp_saved_syn
        listener.tcp_save_syn = 2
        with pending_connection(listener), listener.accept()[0] as accepted:
            frame = accepted.tcp_saved_syn

        kind = frame[LINK_HEADER - 2 : LINK_HEADER].hex()
        seen = [packet[0] >> 4, len(frame) - len(packet), kind, frame[LINK_HEADER] >> 4]
        assert observe("seen", seen) == [version, LINK_HEADER, type_, version]


@claim(
    "defacto/TCP_SAVED_SYN/not-written",
    says="Reading TCP_SAVED_SYN of an accepted TCP connection, over IPv4 and IPv6, fails with EFAULT where "
    "its length is in memory that is not to be written, with room for all bytes of its SYN, and with room "
    "for one, and where its value is; the SYN can still be read.",
    since="4.2",
    commit="cd8ae85299d5",
)
@pytest.mark.parametrize(
    ("size", "written"), [(200, "value"), (1, "value"), (200, "length")], ids=["length", "no-room", "value"]
)
@pytest.mark.parametrize(("host", "version"), [("127.0.0.1", 4), ("::1", 6)], ids=["ipv4", "ipv6"])
def test_a_syn_is_not_lost(ns, observe, *, host, version, size, written):
    with listening(host) as listener:
        listener.tcp_save_syn = 1
        with pending_connection(listener), listener.accept()[0] as accepted:
            with refused(errno.EFAULT):
                partly_written(accepted, (TCP_SAVED_SYN.level, TCP_SAVED_SYN.number), size, written)

            assert observe("version", accepted.tcp_saved_syn[0] >> 4) == version
