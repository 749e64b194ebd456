"""TCP-AO: keys that are added, listed and taken away."""

from __future__ import annotations

import errno
import socket
from dataclasses import replace

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, TCP_AO, link
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import await_those_before, udp_pair
from conformance.plugin.setups.tcp_ao import (
    ALL,
    ANOTHER,
    CURRENT,
    HERE,
    KEY,
    SYN_SENT,
    add_keys,
    authenticated,
    authenticating,
    client_of,
    connecting,
    deletion,
    exchanged,
    keys_of,
    mirrored,
    numbers_of,
    of,
    used,
)
from libsocket import TCP_AO_GET_KEYS, Socket, TcpAoKeys

SINCE = "6.7"
ELSEWHERE = "127.0.0.2"
EVERY_ADDRESS = "0.0.0.0"
BY_DOMAIN = 1
"""TCP_AO_KEYF_IFINDEX."""


@claim(
    "tcp_ao/FAQ/one-number-one-key",
    sentence="tcp_ao/FAQ/unique",
    section="FAQ",
    says="A TCP-AO key whose SendID or RecvID another key of the same address has is refused, over IPv4 and "
    "IPv6, and is not for another address.",
    since=SINCE,
    needs=[TCP_AO, IPV6],
)
@pytest.mark.parametrize("ids", [(100, 103), (102, 101)], ids=["sndid", "rcvid"])
@pytest.mark.parametrize(("host", "other"), [(HERE, ELSEWHERE), ("::1", "::2")], ids=["ipv4", "ipv6"])
def test_numbers_are_unique(ns, observe, ids, host, other):
    sndid, rcvid = ids
    key = replace(of(host, ANOTHER), sndid=sndid, rcvid=rcvid)
    with authenticating(host=host) as sock:
        sock.tcp_ao_add_key = of(host)
        with refused():
            sock.tcp_ao_add_key = key
        sock.tcp_ao_add_key = of(other, key)

        assert observe("matched", sock.get(TCP_AO_GET_KEYS, request=ALL).matched) == 2


@claim(
    "tcp_ao/TCP_AO_ADD_KEY/not-on-a-plain-connection",
    sentence=("tcp_ao/TCP_AO_ADD_KEY/not-established", "tcp_ao/FAQ/not-later"),
    section="uAPI",
    says="A TCP-AO key cannot be added to a socket whose TCP connection over IPv4 was made without one, at "
    "either end; the connection goes on.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_a_plain_connection_gets_no_key(ns, observe):
    with authenticated() as (client, server), Socket.tcp() as fresh:
        fresh.tcp_ao_add_key = KEY
        with refused(name="errno_client"):
            client.tcp_ao_add_key = KEY
        with refused(name="errno_server"):
            server.tcp_ao_add_key = KEY

        assert observe("received", [*numbers_of(fresh), *exchanged(client, server)]) == [100, "there", "back"]


@claim(
    "tcp_ao/comparison/several-keys",
    sentence="tcp_ao/comparison/keys",
    section="Introduction",
    says="A TCP connection over IPv4 has several TCP-AO keys, and another one can be added to both ends "
    "while it lasts.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_a_connection_has_several_keys(ns, observe):
    with authenticated(KEY, ANOTHER) as (client, server):
        client.tcp_ao_add_key = replace(KEY, sndid=104, rcvid=105)
        server.tcp_ao_add_key = replace(KEY, sndid=105, rcvid=104)

        assert observe("keys", [numbers_of(client), numbers_of(server)]) == [[100, 102, 104], [101, 103, 105]]


@claim(
    "tcp_ao/TCP_AO_DEL_KEY/unused-key",
    sentence=("tcp_ao/TCP_AO_ADD_KEY/by-options", "tcp_ao/database/userspace", "tcp.h/TCP_AO/keys"),
    section="uAPI",
    says="TCP_AO_DEL_KEY takes a key away, from a socket that is not connected and, if the key is not used, "
    "from a TCP connection over IPv4.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_an_unused_key_is_taken_away(ns, observe):
    with authenticated(CURRENT, ANOTHER) as (client, server), Socket.tcp() as closed:
        add_keys(closed, KEY, ANOTHER)
        before = [numbers_of(sock) for sock in (client, server, closed)]
        client.tcp_ao_del_key = deletion(ANOTHER)
        closed.tcp_ao_del_key = deletion(ANOTHER)
        after = [numbers_of(sock) for sock in (client, server, closed)]

        assert observe("before_and_after", [before, after]) == [
            [[100, 102], [101, 103], [100, 102]],
            [[100], [101, 103], [100]],
        ]


@claim(
    "tcp_ao/FAQ/key-in-use",
    sentence=("tcp_ao/FAQ/not-removed", "tcp_ao/FAQ/prevents"),
    section="FAQ",
    says="A TCP-AO key that a connection over IPv4 uses cannot be taken away from it, neither one with which "
    "it signs nor one that it asks its peer for.",
    since=SINCE,
    needs=[TCP_AO],
)
@pytest.mark.parametrize(
    ("current", "rnext"), [(True, False), (False, True)], ids=["current_key", "rnext_key"]
)
def test_a_key_in_use_stays(ns, observe, current, rnext):
    keys = (
        replace(KEY, set_current=current, set_rnext=rnext),
        replace(ANOTHER, set_current=rnext, set_rnext=current),
        replace(KEY, sndid=104, rcvid=105),
    )
    with authenticated(*keys) as (client, server):
        client.tcp_ao_del_key = deletion(keys[2])
        with refused():
            client.tcp_ao_del_key = deletion(KEY)

        left = [numbers_of(client), numbers_of(server)]
        assert observe("keys_and_received", [left, exchanged(client, server)]) == [
            [[100, 102], [101, 103, 105]],
            ["there", "back"],
        ]


@claim(
    "tcp_ao/TCP_AO_DEL_KEY/last-key",
    sentence=("tcp_ao/TCP_AO_DEL_KEY/not-the-last", "tcp_ao/FAQ/not-unsigned"),
    section="uAPI",
    says="The last TCP-AO key of a connection over IPv4 cannot be taken away from either end, not even for "
    "itself; the last one of a socket that is not connected can.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_the_last_key_stays(ns, observe):
    with authenticated(KEY) as (client, server), Socket.tcp() as closed:
        closed.tcp_ao_add_key = KEY
        closed.tcp_ao_del_key = deletion(KEY)
        with refused():
            client.tcp_ao_del_key = deletion(KEY)
        with refused(name="errno_for_itself"):
            client.tcp_ao_del_key = deletion(KEY, current=100, rnext=101)
        with refused(name="errno_of_server"):
            server.tcp_ao_del_key = replace(deletion(KEY), sndid=101, rcvid=100)
        seen = [numbers_of(sock) for sock in (client, server, closed)]

        assert observe("keys", [*seen, *exchanged(client, server)]) == [[100], [101], [], "there", "back"]


@claim(
    "tcp_ao/TCP_AO_DEL_KEY/forced",
    sentence=("tcp_ao/TCP_AO_DEL_KEY/forced", "tcp_ao/FAQ/forced"),
    section="uAPI",
    says="A TCP-AO key that a connection over IPv4 uses is taken away where TCP_AO_DEL_KEY names another for "
    "each use, though the peer goes on asking for it; these are used at once, and the connection goes on "
    "where the peer has them.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_a_key_in_use_is_replaced(ns, observe):
    with authenticated(CURRENT, ANOTHER) as (client, server):
        client.tcp_ao_del_key = deletion(KEY, current=102, rnext=103)
        replaced = [numbers_of(client), used(client), server.tcp_ao_info.rnext]
        received = exchanged(client, server)

        assert observe("keys_and_received", [*replaced, *received, *used(client)]) == [
            [102],
            [102, 103],
            100,
            "there",
            "back",
            102,
            103,
        ]


@claim(
    "tcp_ao/TCP_AO_DEL_KEY/forced-may-break",
    sentence="tcp_ao/FAQ/may-break",
    section="FAQ",
    says="A TCP connection over IPv4 breaks when one end replaces its TCP-AO key by one that the other end "
    "does not have: what it sends does not arrive there, and is counted as signed with an unknown key.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_a_connection_breaks(ns, observe):
    with authenticated(CURRENT) as (client, server):
        received = exchanged(client, server)
        client.tcp_ao_add_key = ANOTHER
        client.tcp_ao_del_key = deletion(KEY, current=102, rnext=103)
        client.send(b"lost")
        await_those_before(udp_pair)
        with refused(errno.EAGAIN):
            server.recv(4, socket.MSG_DONTWAIT)
        unknown = server.tcp_ao_info.pkt_key_not_found > 0

        assert observe("before_and_unknown", [*received, unknown]) == ["there", "back", True]


@claim(
    "tcp_ao/TCP_AO_DEL_KEY/forced-needs-known-key",
    sentence="tcp_ao/TCP_AO_DEL_KEY/forced",
    section="uAPI",
    says="A TCP-AO key that a connection over IPv4 uses is not taken away for another one that the socket "
    "has not.",
    since=SINCE,
    needs=[TCP_AO],
)
@pytest.mark.parametrize(("current", "rnext"), [(104, 103), (102, 105)])
def test_a_key_is_not_replaced_by_an_unknown_one(ns, observe, current, rnext):
    with authenticated(CURRENT, ANOTHER) as (client, server):
        with refused():
            client.tcp_ao_del_key = deletion(KEY, current=current, rnext=rnext)
        kept = [numbers_of(client), used(client)]
        client.tcp_ao_del_key = deletion(KEY, current=102, rnext=103)
        after = [numbers_of(client), numbers_of(server)]

        assert observe("kept_and_after", [*kept, *after]) == [[100, 102], [100, 101], [102], [101, 103]]


@claim(
    "tcp_ao/TCP_AO_DEL_KEY/asynchronous",
    sentence=("tcp_ao/TCP_AO_DEL_KEY/asynchronous", "tcp.h/tcp_ao_del/del_async"),
    section="uAPI",
    says="A TCP-AO key is taken away from a TCP listener over IPv4 asynchronously, too: who has only that "
    "one is not accepted any more, and who has another is.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_a_listeners_key_is_taken_away_asynchronously(ns, observe):
    with authenticating(KEY, ANOTHER) as listener, client_of(listener, ANOTHER) as client:
        before = numbers_of(listener)
        listener.tcp_ao_del_key = replace(deletion(mirrored(KEY)), del_async=True)
        with connecting(listener.getsockname(), KEY) as late:
            client.connect(listener.getsockname())
            with listener.accept()[0] as server:
                accepted = server.getpeername() == client.getsockname()
                unknown = listener.tcp_ao_info.pkt_key_not_found > 0
                seen = [before, numbers_of(listener), accepted, late.tcp_info.state, unknown]

                assert observe("keys_accepted_state_unknown", seen) == [
                    [101, 103],
                    [103],
                    True,
                    SYN_SENT,
                    True,
                ]


@claim(
    "tcp_ao/TCP_AO_GET_KEYS/all",
    sentence=("tcp_ao/TCP_AO_GET_KEYS/lists", "tcp.h/TCP_AO/keys"),
    section="uAPI",
    says="TCP_AO_GET_KEYS lists every key of a TCP socket over IPv4, with address, prefix, secret, numbers, "
    "algorithm and length of the MAC.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_keys_are_listed(ns, observe):
    network = replace(ANOTHER, address="10.0.0.0", prefix=8, algorithm="hmac(sha256)", maclen=16)
    with Socket.tcp() as sock:
        add_keys(sock, KEY, network)
        found = [
            [key.address, key.prefix, key.key.decode(), key.sndid, key.rcvid, key.algorithm, key.maclen]
            for key in keys_of(sock)
        ]

        assert observe("keys", found) == [
            ["10.0.0.0", 8, "fedcba9876543210", 102, 103, "hmac(sha256)", 16],
            ["127.0.0.1", 32, "0123456789abcdef", 100, 101, "hmac(sha1)", 12],
        ]


FILTERS = {
    "peer-and-numbers": (TcpAoKeys(HERE, 32, sndid=102, rcvid=103), [[HERE, 102]]),
    "numbers": (TcpAoKeys(EVERY_ADDRESS, 0, sndid=102, rcvid=103), [[HERE, 102], [ELSEWHERE, 102]]),
    "current": (TcpAoKeys(current=True), [[HERE, 100]]),
    "rnext": (TcpAoKeys(rnext=True), [[HERE, 102]]),
}


@claim(
    "tcp_ao/TCP_AO_GET_KEYS/filtered",
    sentence=("tcp_ao/TCP_AO_GET_KEYS/filters", "tcp.h/tcp_ao_getsockopt/of-a-peer"),
    section="uAPI",
    says="TCP_AO_GET_KEYS gives the key of a peer with a SendID and a RecvID, those of every peer with both, "
    "the current key, or that which is asked for next, of a TCP socket over IPv4.",
    since=SINCE,
    needs=[TCP_AO],
)
@pytest.mark.parametrize(("request_", "found"), FILTERS.values(), ids=FILTERS)
def test_keys_are_filtered(ns, observe, request_, found):
    with Socket.tcp() as sock:
        add_keys(
            sock,
            replace(KEY, set_current=True),
            replace(ANOTHER, set_rnext=True),
            of(ELSEWHERE, ANOTHER),
        )
        keys = [[key.address, key.sndid] for key in keys_of(sock, request_)]

        assert observe("found_and_all", [keys, numbers_of(sock)]) == [found, [100, 102, 102]]


@claim(
    "tcp_ao/TCP_AO_GET_KEYS/of-an-l3-domain",
    sentence="tcp_ao/TCP_AO_GET_KEYS/filters",
    section="uAPI",
    says="TCP_AO_GET_KEYS gives of two keys of a TCP socket over IPv4 with one peer, SendID and RecvID that "
    "of an L3 domain.",
    since=SINCE,
    needs=[TCP_AO, link("vrf")],
)
@pytest.mark.parametrize("domain", ["first", "second"])
def test_the_key_of_a_domain_is_found(ns, observe, domain):
    ns.add_vrf("first", table=100)
    ns.add_vrf("second", table=101)
    with Socket.tcp() as sock:
        first, second, index = map(socket.if_nametoindex, ("first", "second", domain))
        add_keys(sock, *(replace(KEY, ifindex=one, keyflags=BY_DOMAIN) for one in (first, second)))
        request_ = TcpAoKeys(HERE, 32, sndid=100, rcvid=101, ifindex=index, keyflags=BY_DOMAIN)
        found = [socket.if_indextoname(key.ifindex) for key in keys_of(sock, request_)]

        assert observe("found_and_all", [found, numbers_of(sock)]) == [[domain], [100, 100]]


@claim(
    "tcp_ao/TCP_AO_GET_KEYS/of-a-peer",
    sentence="tcp_ao/TCP_AO_GET_KEYS/filters",
    section="uAPI",
    says="TCP_AO_GET_KEYS gives all keys of one peer of a TCP socket over IPv4.",
    since=SINCE,
    needs=[TCP_AO],
    expect=differs(
        "the numbers count, too: without them only a key that has 0 for both is found",
        since=SINCE,
        commit="ef84703a911f",
        observed={"all": [0, 102, 100], "found": [0]},
    ),
)
def test_the_keys_of_a_peer_are_found(ns, observe):
    zero = replace(KEY, sndid=0, rcvid=0)
    with Socket.tcp() as sock:
        add_keys(sock, zero, ANOTHER, of(ELSEWHERE))
        every = observe("all", numbers_of(sock))
        found = observe("found", numbers_of(sock, TcpAoKeys(HERE, 32)))

        assert [every, found] == [[0, 102, 100], [0, 102]]
