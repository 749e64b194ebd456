"""Sockets of AF_VSOCK: types, protocols, and calls on one that has no connection."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VSOCK, VSOCK_LOOPBACK
from conformance.plugin.refusal import refused
from conformance.plugin.setups.vsock import ANY, ANYWHERE, LOCAL, bound, port_of, vsock
from libsocket import AF_VSOCK, INT, SO_TYPE, Option, Socket, Vsock

KINDS = pytest.mark.parametrize(
    "kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET], ids=["stream", "seqpacket"]
)
UNKNOWN = 99


def unknown_option() -> Option[int]:
    """An option of level AF_VSOCK that there is not."""
    return Option("SO_VM_SOCKETS_UNKNOWN", AF_VSOCK, UNKNOWN, INT, since="3.9", source="", doc="")


@claim(
    "vsock.7/socket/new",
    sentence=("vsock.7/DESCRIPTION/socket", "vsock.7/types/valid"),
    section="DESCRIPTION",
    says="socket(AF_VSOCK, SOCK_STREAM, 0) makes a socket of that family, type and protocol.",
    needs=[VSOCK],
)
def test_a_stream_socket_is_made(ns, observe):
    with vsock(socket.SOCK_STREAM, 0) as sock:
        made = [sock.get(SO_TYPE), int(sock.domain), int(sock.protocol)]

        assert observe("type_domain_protocol", made) == [socket.SOCK_STREAM, 40, 0]


@claim(
    "vsock.7/ESOCKTNOSUPPORT/stream-and-datagram-alone",
    sentence=("vsock.7/ESOCKTNOSUPPORT/type", "vsock.7/types/valid"),
    section="ERRORS",
    says="socket(2) of AF_VSOCK is refused with ESOCKTNOSUPPORT for every other type than SOCK_STREAM and "
    "SOCK_DGRAM, SOCK_SEQPACKET too.",
    needs=[VSOCK],
    expect=differs(
        "SOCK_SEQPACKET is a type of AF_VSOCK as well",
        since="5.14",
        commit="0798e78b102b",
        observed={"errno": None},
    ),
)
def test_there_is_no_seqpacket_socket(ns, observe):
    with refused(errno.ESOCKTNOSUPPORT):
        vsock(socket.SOCK_SEQPACKET).close()
    with vsock(socket.SOCK_STREAM) as sock:
        assert observe("stream", sock.get(SO_TYPE)) == socket.SOCK_STREAM


@claim(
    "vsock.7/ESOCKTNOSUPPORT/unsupported",
    sentence="vsock.7/ESOCKTNOSUPPORT/type",
    section="ERRORS",
    says="socket(2) of AF_VSOCK is refused with ESOCKTNOSUPPORT for SOCK_RAW, SOCK_RDM and SOCK_PACKET.",
    needs=[VSOCK],
)
@pytest.mark.parametrize("kind", [3, 4, 10], ids=["raw", "rdm", "packet"])
def test_other_types_are_refused(ns, observe, kind):
    with refused(errno.ESOCKTNOSUPPORT):
        vsock(kind).close()
    with vsock(socket.SOCK_STREAM) as sock:
        assert observe("stream", sock.get(SO_TYPE)) == socket.SOCK_STREAM


@claim(
    "defacto/AF_VSOCK/seqpacket",
    says="socket(2) of AF_VSOCK makes a SOCK_SEQPACKET socket, which can be bound, whatever transports "
    "there are.",
    since="5.14",
    commit="0798e78b102b",
    needs=[VSOCK],
)
def test_a_seqpacket_socket_is_made(ns, observe):
    with vsock(socket.SOCK_SEQPACKET) as sock:
        before = port_of(sock)
        sock.bind(ANYWHERE)

        assert observe("type_and_ports", [sock.get(SO_TYPE), before, port_of(sock) != ANY]) == [
            socket.SOCK_SEQPACKET,
            ANY,
            True,
        ]


@claim(
    "vsock.7/EPROTONOSUPPORT/other-protocol",
    sentence="vsock.7/EPROTONOSUPPORT/protocol",
    section="ERRORS",
    says="socket(2) of AF_VSOCK, stream or datagram, is refused with EPROTONOSUPPORT for a protocol other "
    "than 0 such as 1, 6 (IPPROTO_TCP), 39 and 41; a stream socket of protocol 0 is not.",
    needs=[VSOCK],
)
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["stream", "datagram"])
@pytest.mark.parametrize("protocol", [1, 6, 39, 41])
def test_other_protocols_are_refused(ns, observe, kind, protocol):
    with refused(errno.EPROTONOSUPPORT):
        vsock(kind, protocol).close()
    with vsock(socket.SOCK_STREAM, 0) as sock:
        assert observe("protocol", int(sock.protocol)) == 0


@claim(
    "vsock.7/EPROTONOSUPPORT/zero-alone",
    sentence="vsock.7/EPROTONOSUPPORT/protocol-zero",
    section="ERRORS",
    says="The protocol of a stream socket is 0: socket(2) with the number of the family, AF_VSOCK (40), is "
    "refused with EPROTONOSUPPORT.",
    needs=[VSOCK],
    expect=differs(
        "the family's own number is taken as well, and SO_PROTOCOL then reads 40",
        since="3.9",
        commit="d021c344051a",
        observed={"errno": None},
    ),
)
def test_the_number_of_the_family_is_refused(ns, observe):
    with refused(errno.EPROTONOSUPPORT):
        vsock(socket.SOCK_STREAM, 40).close()
    with vsock(socket.SOCK_STREAM, 0) as sock:
        assert observe("protocol", int(sock.protocol)) == 0


@claim(
    "defacto/AF_VSOCK/no-socketpair",
    says="socketpair(2) of AF_VSOCK stream sockets is refused with EOPNOTSUPP.",
    since="3.9",
    commit="d021c344051a",
    needs=[VSOCK],
)
def test_there_are_no_pairs(ns, observe):
    with refused(errno.EOPNOTSUPP):
        socket.socketpair(socket.AF_VSOCK, socket.SOCK_STREAM)
    with vsock() as sock:
        assert observe("alone", sock.get(SO_TYPE)) == socket.SOCK_STREAM


@claim(
    "vsock.7/listen/bind-first",
    sentence="vsock.7/DESCRIPTION/listen",
    section="DESCRIPTION",
    says="listen(2) of a stream socket that is not bound is refused, and after bind(2) is "
    "not: SO_ACCEPTCONN reads 1.",
    needs=[VSOCK],
)
def test_a_listener_is_bound_first(ns, observe):
    with vsock() as sock:
        with refused():
            sock.listen()
        before = sock.acceptconn
        sock.bind(ANYWHERE)
        sock.listen()

        assert observe("before_and_after", [before, sock.acceptconn]) == [False, True]


@claim(
    "defacto/AF_VSOCK/listen-unbound",
    says="listen(2) of an AF_VSOCK stream or seqpacket socket that is not bound is refused with EINVAL, "
    "where a TCP socket is given a port.",
    since="5.14",
    commit="0798e78b102b",
    needs=[VSOCK],
)
@KINDS
def test_a_listener_is_given_no_port(ns, observe, kind):
    with vsock(kind) as sock, Socket.tcp() as tcp:
        with refused(errno.EINVAL):
            sock.listen()
        tcp.listen()

        assert observe("port_and_tcp", [port_of(sock), tcp.getsockname()[1] != 0]) == [ANY, True]


@claim(
    "vsock.7/ENOPROTOOPT/unknown",
    sentence="vsock.7/ENOPROTOOPT/option",
    section="ERRORS",
    says="getsockopt(2) and setsockopt(2) of an option of level AF_VSOCK that there is not, number 99, are "
    "refused with ENOPROTOOPT on a stream socket.",
    needs=[VSOCK],
)
def test_unknown_options_are_refused(ns, observe):
    with vsock() as sock:
        with refused(errno.ENOPROTOOPT):
            sock.get(unknown_option())
        with refused(errno.ENOPROTOOPT, "errno_set"):
            sock.set(unknown_option(), 1)
        sock.vm_sockets_buffer_size = 4096

        assert observe("known", sock.vm_sockets_buffer_size) == 4096


@claim(
    "defacto/AF_VSOCK/sendto-unconnected",
    says="sendto(2) of an AF_VSOCK stream or seqpacket socket without a connection, with an address, is "
    "refused with EOPNOTSUPP, and gives the socket no port; without an address it is refused with "
    "ENOTCONN.",
    since="5.14",
    commit="0798e78b102b",
    needs=[VSOCK_LOOPBACK],
)
@KINDS
def test_nothing_is_sent_to_an_address(ns, observe, kind):
    with vsock(kind) as sock:
        with refused(errno.EOPNOTSUPP):
            sock.sendto(b"1", Vsock(LOCAL, 1024))
        with refused(errno.ENOTCONN, "errno_without"):
            sock.send(b"1")

        assert observe("port", port_of(sock)) == ANY


@claim(
    "defacto/AF_VSOCK/connect-of-a-listener",
    says="connect(2) of an AF_VSOCK stream or seqpacket socket that listens is refused with EINVAL, and it "
    "goes on listening.",
    since="5.14",
    commit="0798e78b102b",
    needs=[VSOCK_LOOPBACK],
)
@KINDS
def test_a_listener_cannot_connect(ns, observe, kind):
    with bound(kind=kind) as sock:
        sock.listen()
        with refused(errno.EINVAL):
            sock.connect(Vsock(LOCAL, 1024))

        assert observe("listens", sock.acceptconn) is True


@claim(
    "defacto/AF_VSOCK/accept-of-no-listener",
    says="accept(2) of an AF_VSOCK stream or seqpacket socket that is bound and does not listen is refused "
    "with EINVAL; once it listens, without a connection, with EAGAIN where it is nonblocking.",
    since="5.14",
    commit="0798e78b102b",
    needs=[VSOCK],
)
@KINDS
def test_only_a_listener_accepts(ns, observe, kind):
    with bound(kind=kind) as sock:
        sock.setblocking(False)
        with refused(errno.EINVAL):
            sock.accept()
        sock.listen()
        with refused(errno.EAGAIN, "errno_listening"):
            sock.accept()

        assert observe("listens", sock.acceptconn) is True
