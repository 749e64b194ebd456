"""IP_HDRINCL: packets that bring their own header."""

from __future__ import annotations

from socket import inet_aton

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.packets import next_header, packets
from conformance.plugin.setups.sockets import raw_socket
from conformance.plugin.timing import SOON
from netns import Capability

HERE = "127.0.0.1"
OWN_HEADER = bytes(
    [0x45, 0x28, 0, 25, 0x12, 0x34, 0x40, 0, 99, 253, 0, 0, *inet_aton(HERE), *inet_aton(HERE)]
)
"""Type of service 0x28, id 0x1234, not to be fragmented, time to live 99, protocol 253."""


@claim(
    "IP_HDRINCL.2const/IP_HDRINCL/own-header",
    sentence="IP_HDRINCL.2const/IP_HDRINCL/own-header",
    section="DESCRIPTION",
    says="What a raw socket with IP_HDRINCL sends begins with the header that the caller supplied, where it "
    "has an id, a source and the length of what is sent, but for the checksum; what one without the option "
    "sends has the kernel's header before that.",
    since="2.0",
    needs=[Capability.NET_RAW],
)
def test_the_header_is_the_callers(ns, observe):
    with packets() as seen, raw_socket() as receiver, raw_socket() as sock:
        seen.rcvtimeo = receiver.rcvtimeo = SOON
        sock.sendto(OWN_HEADER + b"hello", (HERE, 0))
        without = seen.recv(100)
        sock.ip_hdrincl = True
        sock.sendto(OWN_HEADER + b"hello", (HERE, 0))
        own = seen.recv(100)

        assert [
            observe("without", without[20:].hex()),
            observe("header", own[:10].hex()),
            observe("rest", own[12:].hex()),
        ] == [
            (OWN_HEADER + b"hello").hex(),
            OWN_HEADER[:10].hex(),
            (OWN_HEADER[12:] + b"hello").hex(),
        ]


@claim(
    "IP_HDRINCL.2const/IP_HDRINCL/ignored",
    sentence="IP_HDRINCL.2const/IP_HDRINCL/ignored",
    section="DESCRIPTION",
    says="IP_TTL and IP_TOS of a raw socket are in the header that the kernel makes, and not in what is "
    "sent with IP_HDRINCL.",
    since="2.0",
    needs=[Capability.NET_RAW],
)
def test_other_options_are_ignored(ns, observe):
    with packets() as seen, raw_socket() as receiver, raw_socket() as sock:
        seen.rcvtimeo = receiver.rcvtimeo = SOON
        sock.ip_ttl, sock.ip_tos = 7, 0x10
        sock.sendto(b"hello", (HERE, 0))
        without = next_header(seen)
        sock.ip_hdrincl = True
        sock.sendto(OWN_HEADER + b"hello", (HERE, 0))
        own = next_header(seen)

        assert observe("ttl_and_tos", [[one.ttl, one.tos] for one in (without, own)]) == [
            [7, 0x10],
            [99, 0x28],
        ]


@claim(
    "IP_HDRINCL.2const/IP_HDRINCL/options-ignored",
    sentence="IP_HDRINCL.2const/IP_HDRINCL/ignored",
    section="DESCRIPTION",
    says="A raw socket with IP_HDRINCL and IP_OPTIONS sends the caller's header, without those.",
    since="2.0",
    needs=[Capability.NET_RAW],
    expect=differs(
        "it is refused: the kernel does not put IP options into a header that is not its own (older than the "
        "history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EINVAL"},
    ),
)
def test_ip_options_are_ignored(ns, observe):
    with packets() as seen, raw_socket() as receiver, raw_socket() as sock:
        seen.rcvtimeo = receiver.rcvtimeo = SOON
        sock.ip_hdrincl = True
        sock.ip_options = bytes([1, 1, 1, 1])
        sock.sendto(OWN_HEADER + b"hello", (HERE, 0))

        assert observe("options", next_header(seen).options.hex()) == ""
