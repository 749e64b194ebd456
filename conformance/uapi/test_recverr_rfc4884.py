"""IP_RECVERR_RFC4884: extensions of ICMP errors, as a comment in include/uapi/linux/errqueue.h tells them."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.setups.error_queue import next_error
from conformance.plugin.setups.icmp import (
    SENT_AND_CLOSED,
    extension,
    extension_told,
    report_with_extension,
)
from conformance.plugin.setups.udp import udp_flow
from libsocket import IP_RECVERR, IP_RECVERR_RFC4884, IPV6_RECVERR, IPV6_RECVERR_RFC4884, Option
from netns import Capability

INTACT, INVALID = 0, 1
"""SO_EE_RFC4884_FLAG_INVALID"""


class Family(NamedTuple):
    """What is different over IPv4 and IPv6."""

    host: str
    size: int
    """Of data that makes a packet of 128 bytes, the least that comes before an extension (RFC 4884)."""
    queued: Option[bool]
    extended: Option[bool]


EACH_FAMILY = pytest.mark.parametrize(
    "family",
    [
        Family("127.0.0.1", 100, IP_RECVERR, IP_RECVERR_RFC4884),
        Family("::1", 80, IPV6_RECVERR, IPV6_RECVERR_RFC4884),
    ],
    ids=["ipv4", "ipv6"],
)
NEEDS = (IPV6, Capability.NET_RAW)


@claim(
    "errqueue.h/IP_RECVERR_RFC4884/extensions",
    sentence="errqueue.h/IP_RECVERR_RFC4884/extensions",
    section="struct sock_ee_data_rfc4884",
    says="With IP_RECVERR_RFC4884, or IPV6_RECVERR_RFC4884, the error that a UDP socket queues tells at "
    "which byte of the data that comes with it an extension of RFC 4884 begins, and has the flag "
    "SO_EE_RFC4884_FLAG_INVALID if the checksum is wrong or an object is longer than what is there, or "
    "shorter than its own header; without the option it tells 0, and no flag.",
    since="5.9",
    needs=NEEDS,
    survives=SENT_AND_CLOSED,
)
@EACH_FAMILY
@pytest.mark.parametrize(
    ("appended", "flags"),
    [
        (extension(), INTACT),
        (extension(damage=1), INVALID),
        (extension(size=8), INTACT),
        (extension(size=9), INVALID),
        (extension(b"", size=4), INTACT),
        (extension(b"", size=3), INVALID),
    ],
    ids=["intact", "checksum", "as-long-as-there-is", "longer", "header", "less-than-a-header"],
)
def test_errors_tell_where_extensions_are(ns, observe, family, appended, flags):
    with udp_flow(family.host) as (sock, _):
        sock.set(family.queued, True)
        report_with_extension(sock, bytes(family.size), appended)
        plain = next_error(sock)
        sock.set(family.extended, True)
        report_with_extension(sock, bytes(family.size), appended)
        error = next_error(sock)
        told = extension_told(error)

        assert [
            observe("without_and_with", [extension_told(plain), told]),
            observe("extension", error.payload[told[0] :].hex()),
        ] == [[[0, 0], [family.size, flags]], appended.hex()]


@claim(
    "defacto/IP_RECVERR_RFC4884/128-bytes",
    says="With IP_RECVERR_RFC4884, or IPV6_RECVERR_RFC4884, the error that a UDP socket queues tells of an "
    "extension only behind at least 128 bytes of the packet, as RFC 4884 wants it.",
    since="5.9",
    commit="eba75c587e81",
    needs=NEEDS,
    survives=SENT_AND_CLOSED,
)
@EACH_FAMILY
def test_extensions_follow_at_least_128_bytes(ns, observe, family):
    with udp_flow(family.host) as (sock, _):
        sock.set(family.queued, True)
        sock.set(family.extended, True)
        report_with_extension(sock, bytes(family.size - 8), extension())
        less = extension_told(next_error(sock))
        report_with_extension(sock, bytes(family.size), extension())

        assert observe("less_and_128", [less, extension_told(next_error(sock))]) == [[0, 0], [family.size, 0]]
