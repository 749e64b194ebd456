"""TCP-AO: the keys of a listener, of connections that are being made, and of those that are accepted."""

from __future__ import annotations

from conformance.plugin.claim import claim
from conformance.plugin.needs import TCP_AO
from conformance.plugin.refusal import refused
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.tcp_ao import (
    ANOTHER,
    KEY,
    authenticating,
    client_of,
    deletion,
    exchanged,
    mirrored,
    numbers_of,
    of,
    used,
)
from conformance.plugin.timing import LONG, SOON

SINCE = "6.7"
ELSEWHERE = "127.0.0.2"


@claim(
    "tcp_ao/accept/keys-of-the-peer",
    sentence=("tcp_ao/accept/many-keys", "tcp_ao/FAQ/chosen-by-peer"),
    section="setsockopt() vs accept() race",
    says="An accepted TCP connection over IPv4 has every key of its listener that is for its peer, and no "
    "other; its current key is that for which the peer asked.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_an_accepted_connection_has_the_keys_of_its_peer(ns, observe):
    with (
        authenticating(KEY, ANOTHER, of(ELSEWHERE)) as listener,
        client_of(listener, ANOTHER) as client,
    ):
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            seen = [numbers_of(listener), numbers_of(server), used(server)]

            assert observe("keys_and_used", seen) == [[101, 103, 101], [101, 103], [103, 102]]


@claim(
    "tcp_ao/accept/unsigned-has-no-keys",
    sentence="tcp_ao/accept/many-keys",
    section="setsockopt() vs accept() race",
    says="An accepted TCP connection over IPv4 whose peer did not sign has no key, though its listener has "
    "some for others.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_an_accepted_connection_that_is_not_signed_has_no_keys(ns, observe):
    with authenticating(of(ELSEWHERE)) as listener, client_of(listener) as client:
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            with refused():
                numbers_of(server)

            assert observe("listeners", numbers_of(listener)) == [101]


@claim(
    "tcp_ao/accept/later-key-is-not-there",
    sentence="tcp_ao/accept/added-later",
    section="setsockopt() vs accept() race",
    says="A key that a TCP listener over IPv4 gets is not that of a connection that waits to be accepted.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_a_key_is_not_added_to_who_waits(ns, observe):
    with authenticating(KEY) as listener, client_of(listener, KEY) as client:
        client.connect(listener.getsockname())
        await_readable(listener)
        listener.tcp_ao_add_key = mirrored(ANOTHER)
        with listener.accept()[0] as server:
            seen = [numbers_of(listener), numbers_of(server)]

            assert observe("keys", seen) == [[101, 103], [101]]


@claim(
    "tcp_ao/accept/removed-key-stays",
    sentence="tcp_ao/accept/removed-later",
    section="setsockopt() vs accept() race",
    says="A key that is taken away from a TCP listener over IPv4 stays that of a connection that waits to be "
    "accepted, which goes on.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_a_key_is_not_taken_away_from_who_waits(ns, observe):
    with authenticating(KEY) as listener, client_of(listener, KEY) as client:
        client.connect(listener.getsockname())
        await_readable(listener)
        listener.tcp_ao_del_key = deletion(mirrored(KEY))
        with listener.accept()[0] as server:
            server.rcvtimeo = SOON
            seen = [numbers_of(listener), numbers_of(server), exchanged(client, server)]

            assert observe("keys_and_received", seen) == [[], [101], ["there", "back"]]


@claim(
    "tcp_ao/accept/removed-key-breaks",
    sentence=("tcp_ao/accept/looked-up", "tcp_ao/accept/breaks"),
    section="setsockopt() vs accept() race",
    says="A TCP connection over IPv4 that is not established yet, since its first data is waited for "
    "(TCP_DEFER_ACCEPT), is not established any more once its key is taken away from the listener: the data "
    "is counted as signed with an unknown key, and who connects later is accepted.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_a_connection_breaks_that_is_being_made(ns, observe):
    with (
        authenticating(KEY, ANOTHER) as listener,
        client_of(listener, KEY) as client,
        client_of(listener, ANOTHER) as later,
    ):
        listener.tcp_defer_accept = LONG
        client.connect(listener.getsockname())
        listener.tcp_ao_del_key = deletion(mirrored(KEY))
        client.send(b"data")
        later.connect(listener.getsockname())
        later.send(b"data")
        with listener.accept()[0] as server:
            accepted = server.getpeername() == later.getsockname()
            counted = listener.tcp_ao_info.pkt_key_not_found > 0

            assert observe("accepted_and_counted", [accepted, counted]) == [True, True]
