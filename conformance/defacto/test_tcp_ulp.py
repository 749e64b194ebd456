"""TCP_ULP: the protocol on top of TCP."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ESPINTCP, TLS
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.timing import SOON
from libsocket import TCP_CONGESTION, TCP_ULP, Other, Socket, raw


@claim(
    "defacto/TCP_ULP/unknown",
    says="TCP_ULP of a TCP connection, over IPv4 and IPv6, is empty at first; a name that is unknown is "
    "refused with ENOENT, and the connection goes on without.",
    since="4.13",
    commit="734942cc4ea6",
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_an_unknown_protocol_is_refused(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    with left, right:
        right.rcvtimeo = SOON
        before = left.tcp_ulp
        with refused(errno.ENOENT):
            left.tcp_ulp = "no_such_name"
        left.send(b"plain")
        received = right.read_exact(5).decode()

        assert observe("before_after_and_received", [before, left.tcp_ulp, received]) == ["", "", "plain"]


@claim(
    "defacto/TCP_ULP/tls",
    sentence="tcp.h/TCP_ULP/attaches",
    says="TCP_ULP of a TCP connection, over IPv4 and IPv6, reads tls once it is set to that; what is sent is "
    "plain as long as no keys are set.",
    since="4.13",
    commit="734942cc4ea6",
    needs=[TLS],
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_tls_is_on_top(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    with left, right:
        right.rcvtimeo = SOON
        before = left.tcp_ulp
        left.tcp_ulp = "tls"
        left.send(b"plain")
        received = right.read_exact(5).decode()

        assert observe("before_after_and_received", [before, left.tcp_ulp, received]) == ["", "tls", "plain"]


@claim(
    "defacto/TCP_ULP/once",
    says="TCP_ULP of a TCP connection that has tls is refused with EEXIST when it is set to that again.",
    since="4.13",
    commit="734942cc4ea6",
    needs=[TLS],
)
def test_it_is_set_once(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right:
        left.tcp_ulp = "tls"
        with refused(errno.EEXIST):
            left.tcp_ulp = "tls"

        assert observe("after", left.tcp_ulp) == "tls"


@claim(
    "defacto/TCP_ULP/not-connected",
    says="Setting TCP_ULP to tls is refused with ENOTCONN by a new TCP socket and by a listener, where a "
    "connection takes it.",
    since="5.5",
    commit="4a5cdc604b9c",
    needs=[TLS],
)
def test_it_takes_a_connection(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right, Socket.tcp() as new, listening() as listener:
        with refused(errno.ENOTCONN):
            new.tcp_ulp = "tls"
        with refused(errno.ENOTCONN, "errno_of_listener"):
            listener.tcp_ulp = "tls"
        left.tcp_ulp = "tls"

        assert observe("new_listener_connection", [new.tcp_ulp, listener.tcp_ulp, left.tcp_ulp]) == [
            "",
            "",
            "tls",
        ]


@claim(
    "defacto/TCP_ULP/optlen",
    says="Setting TCP_ULP of a TCP connection with no byte is refused with EINVAL; read into two bytes it "
    "has the first two of its name.",
    since="4.13",
    commit="734942cc4ea6",
    needs=[TLS],
)
def test_it_has_a_byte_at_least(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right:
        with refused(errno.EINVAL):
            left.set(TCP_ULP.through(raw(0)), b"")
        left.tcp_ulp = "tls"

        assert observe("of_two", left.get(TCP_ULP.through(raw(2))).decode()) == "tl"


@claim(
    "defacto/TCP_ULP/none-room",
    says="TCP_ULP of a TCP connection, over IPv4 and IPv6, that has no protocol on top reads as no byte "
    "with room for 1, 15, 16 or 17, where TCP_CONGESTION fills the room up to 16.",
    since="4.13",
    commit="734942cc4ea6",
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize(("room", "filled"), [(1, 1), (15, 15), (16, 16), (17, 16)])
def test_no_name_is_no_byte(ns, observe, family, room, filled):
    left, right = Socket.tcp_pair(family)
    with left, right:
        sizes = [len(left.get(option.through(raw(room)))) for option in (TCP_ULP, TCP_CONGESTION)]

        assert observe("sizes", sizes) == [0, filled]


@claim(
    "defacto/TCP_ULP/tls-not-dissolved",
    says="A TCP connection, over IPv4 and IPv6, with TCP_ULP tls cannot be dissolved with AF_UNSPEC: "
    "EOPNOTSUPP, and it stays connected; one without can.",
    since="6.15",
    backports=("5.10.237", "5.15.181", "6.1.135", "6.6.88", "6.12.24", "6.13.12", "6.14.3"),
    commit="5071a1e606b3",
    needs=[TLS],
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_connection_with_tls_is_not_dissolved(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    other, another = Socket.tcp_pair(family)
    with left, right, other, another:
        right.rcvtimeo = SOON
        left.tcp_ulp = "tls"
        with refused(errno.EOPNOTSUPP):
            left.connect(Other(socket.AF_UNSPEC, bytes(14)))
        left.send(b"still")
        other.connect(Other(socket.AF_UNSPEC, bytes(14)))
        with refused(errno.ENOTCONN, "errno_of_other"):
            other.getpeername()

        assert observe("received", right.read_exact(5).decode()) == "still"


@claim(
    "defacto/TCP_ULP/espintcp-listen",
    says="listen(2) of a TCP socket, over IPv4 and IPv6, with TCP_ULP espintcp, which no accepted connection "
    "can take over, fails with EINVAL; without, it succeeds.",
    since="6.2",
    backports=("5.10.163", "5.15.88", "6.0.19", "6.1.5"),
    commit="2c02d41d71f9",
    needs=[ESPINTCP],
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_socket_with_espintcp_cannot_listen(ns, observe, family):
    with Socket.tcp(family) as plain, Socket.tcp(family) as on_top:
        on_top.tcp_ulp = "espintcp"
        plain.listen()
        with refused(errno.EINVAL):
            on_top.listen()

        assert observe("listen", [plain.acceptconn, on_top.acceptconn]) == [True, False]
