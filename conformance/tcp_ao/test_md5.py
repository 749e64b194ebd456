"""TCP-AO beside TCP_MD5SIG: which of both a socket may have."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, TCP_AO
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.tcp_ao import (
    HERE,
    KEY,
    authenticated,
    authenticating,
    client_of,
    exchanged,
    mirrored,
    numbers_of,
    of,
    signed_by_md5,
)
from conformance.plugin.timing import SOON
from libsocket import Socket, TcpMd5sig

SINCE = "6.7"
ELSEWHERE = "127.0.0.2"
FAMILIES = pytest.mark.parametrize(
    ("host", "other"), [(HERE, ELSEWHERE), ("::1", "::2")], ids=["ipv4", "ipv6"]
)


@claim(
    "tcp_ao/TCP_MD5SIG/both-on-a-listener",
    sentence="tcp_ao/TCP_MD5SIG/both",
    section="Interaction with TCP-MD5",
    says="A TCP listener over IPv4 takes keys of TCP-AO and of TCP_MD5SIG for different peers, before and "
    "after listen(2), and connects to both.",
    since=SINCE,
    needs=[TCP_AO],
)
@pytest.mark.parametrize("make", [Socket.tcp, listening], ids=["closed", "listening"])
def test_a_listener_has_both(ns, observe, make):
    with make() as listener:
        listener.tcp_ao_add_key = mirrored(KEY)
        listener.tcp_md5sig = TcpMd5sig(ELSEWHERE, b"secret")
        listener.listen()
        with client_of(listener, KEY) as new, client_of(listener) as old:
            old.bind((ELSEWHERE, 0))
            old.tcp_md5sig = TcpMd5sig(HERE, b"secret")
            new.connect((HERE, listener.getsockname()[1]))
            old.connect((HERE, listener.getsockname()[1]))
            with listener.accept()[0] as first, listener.accept()[0] as second:
                first.rcvtimeo = second.rcvtimeo = SOON
                received = [*exchanged(new, first), *exchanged(old, second)]

        assert observe("received", received) == ["there", "back"] * 2


@claim(
    "tcp_ao/TCP_MD5SIG/not-for-one-peer",
    sentence="tcp_ao/TCP_MD5SIG/one-peer",
    section="Interaction with TCP-MD5",
    says="A TCP socket, over IPv4 and IPv6, that listens or does not, and has a key of TCP-AO for a peer is "
    "refused one of TCP_MD5SIG for it; for another peer it takes that, and is then refused one of TCP-AO.",
    since=SINCE,
    needs=[TCP_AO, IPV6],
)
@FAMILIES
@pytest.mark.parametrize("listens", [False, True], ids=["closed", "listening"])
def test_md5_is_not_beside_tcp_ao(ns, host, other, listens):
    with authenticating(host=host) as listener, Socket.tcp(listener.family) as closed:
        sock = listener if listens else closed
        sock.tcp_ao_add_key = of(host)
        with refused():
            sock.tcp_md5sig = TcpMd5sig(host, b"secret")
        sock.tcp_md5sig = TcpMd5sig(other, b"secret")
        with refused(name="errno_then"):
            sock.tcp_ao_add_key = of(other)


@claim(
    "tcp_ao/TCP_MD5SIG/first",
    sentence="tcp_ao/TCP_MD5SIG/one-peer",
    section="Interaction with TCP-MD5",
    says="A TCP socket, over IPv4 and IPv6, that listens or does not, and has a key of TCP_MD5SIG for a peer "
    "is refused one of TCP-AO for it, until that is taken away, and takes it for another peer.",
    since=SINCE,
    needs=[TCP_AO, IPV6],
)
@FAMILIES
@pytest.mark.parametrize("listens", [False, True], ids=["closed", "listening"])
def test_tcp_ao_is_not_beside_md5(ns, observe, host, other, listens):
    with authenticating(host=host) as listener, Socket.tcp(listener.family) as closed:
        sock = listener if listens else closed
        sock.tcp_md5sig = TcpMd5sig(host, b"secret")
        with refused():
            sock.tcp_ao_add_key = of(host)
        sock.tcp_ao_add_key = of(other)
        before = numbers_of(sock)
        sock.tcp_md5sig = TcpMd5sig(host)
        sock.tcp_ao_add_key = of(host)

        assert observe("before_and_after", [before, numbers_of(sock)]) == [[100], [100, 100]]


@claim(
    "tcp_ao/TCP_MD5SIG/not-on-a-connection-with-tcp-ao",
    sentence=("tcp_ao/TCP_MD5SIG/established", "tcp_ao/TCP_MD5SIG/no-migration", "tcp_ao/FAQ/no-migration"),
    section="Interaction with TCP-MD5",
    says="Neither end of a TCP connection over IPv4 with a key of TCP-AO takes one of TCP_MD5SIG for the "
    "peer; the connection goes on.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_a_connection_with_tcp_ao_gets_no_md5(ns, observe):
    with authenticated(KEY) as (client, server), Socket.tcp() as fresh:
        fresh.tcp_md5sig = TcpMd5sig(HERE, b"secret")
        with refused(name="errno_then"):
            fresh.tcp_ao_add_key = KEY
        with refused(name="errno_client"):
            client.tcp_md5sig = TcpMd5sig(HERE, b"secret")
        with refused(name="errno_server"):
            server.tcp_md5sig = TcpMd5sig(HERE, b"secret")

        assert observe("received", exchanged(client, server)) == ["there", "back"]


@claim(
    "tcp_ao/TCP_MD5SIG/not-for-others-either",
    sentence="tcp_ao/TCP_MD5SIG/established",
    section="Interaction with TCP-MD5",
    says="A TCP connection over IPv4 with a key of TCP-AO takes none of TCP_MD5SIG, for whichever address.",
    since=SINCE,
    needs=[TCP_AO],
    expect=differs(
        "it takes one for an address that is not the peer's",
        since=SINCE,
        commit="0aadc73995d0",
        observed={"errno_then": "EKEYREJECTED", "errno": None},
    ),
    survives={"no-op: setsockopt(*TCP_MD5SIG*": "the test ends with the call that is refused no more"},
)
def test_a_connection_with_tcp_ao_gets_no_md5_for_others(ns):
    with authenticated(KEY) as (client, _), Socket.tcp() as fresh:
        fresh.tcp_md5sig = TcpMd5sig(ELSEWHERE, b"secret")
        with refused(name="errno_then"):
            fresh.tcp_ao_add_key = of(ELSEWHERE)
        with refused():
            client.tcp_md5sig = TcpMd5sig(ELSEWHERE, b"secret")


@claim(
    "tcp_ao/TCP_MD5SIG/no-tcp-ao-later",
    sentence=("tcp_ao/TCP_MD5SIG/established", "tcp_ao/TCP_MD5SIG/no-migration", "tcp_ao/FAQ/no-migration"),
    section="Interaction with TCP-MD5",
    says="Neither end of a TCP connection over IPv4 with a key of TCP_MD5SIG takes one of TCP-AO; the "
    "connection goes on.",
    since=SINCE,
    needs=[TCP_AO],
)
@pytest.mark.parametrize("address", [HERE, ELSEWHERE], ids=["peer", "another"])
def test_a_connection_with_md5_gets_no_tcp_ao(ns, observe, address):
    with signed_by_md5() as (client, server), Socket.tcp() as fresh:
        fresh.tcp_ao_add_key = of(address)
        with refused(name="errno_client"):
            client.tcp_ao_add_key = of(address)
        with refused(name="errno_server"):
            server.tcp_ao_add_key = of(address)

        seen = [numbers_of(fresh), exchanged(client, server)]
        assert observe("key_and_received", seen) == [[100], ["there", "back"]]
