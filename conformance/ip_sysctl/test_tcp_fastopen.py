"""tcp_fastopen and its company: who sends data in a SYN, who takes it, and whose cookies count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import MSG_FASTOPEN

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import sysctl
from conformance.plugin.refusal import refused
from conformance.plugin.setups.fast_open import CLIENT, SERVER
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import (
    ADDRESS,
    FIRST,
    MADE,
    OFFERED,
    MadePeer,
    asking_for_cookie,
    made_peer,
    made_peers,
)
from conformance.plugin.setups.readiness import readable_by_select
from conformance.plugin.setups.segments import ACK, FAST_OPEN, RST, SYN, Segment
from conformance.plugin.timing import timed
from libsocket import Linger, Socket
from netns import Host, NetnsError, Peers

FASTOPEN, KEY, BLACKHOLE = (
    f"net.ipv4.tcp_{name}" for name in ("fastopen", "fastopen_key", "fastopen_blackhole_timeout_sec")
)
CLIENT_WITHOUT_COOKIE, SERVER_WITHOUT_COOKIE, EVERY_LISTENER = 4, 0x200, 0x400
"""Bits of net.ipv4.tcp_fastopen."""
COOKIE = b"8 octets"
TRIES_END = {
    "no-op: close(*": "a socket whose SYN was seen may stay open",
    "no-op: setsockopt(*SO_LINGER*": "it only ends a connection without a FIN",
    "no-op: sendto(*, 44, 0*": "a SYN was seen though nobody answers it",
}
"""For the claims that are tried with :func:`fast_syn`."""
BETWEEN_TRIES = 0.2
"""Seconds."""
ONE, OTHER = "00000001-00000002-00000003-00000004", "00000001-00000002-00000003-00000005"
NOBODYS = "00000000-00000000-00000000-00000000"
"""The key that is shown where there is none."""


@contextmanager
def client() -> Iterator[Socket]:
    """A TCP socket that does not wait for its connection, nor for anybody when it is closed."""
    with Socket.tcp() as sock:
        sock.setblocking(False)
        sock.linger = Linger(True, 0)
        yield sock


def fast_syn(peer: MadePeer, *, cookie: bytes | None = None, out_of_order: bool = False) -> Segment:
    """The SYN of a socket that sends by MSG_FASTOPEN; the peer may give it a cookie, or reset it amiss."""
    with client() as sock:
        with suppress(BlockingIOError):  # EINPROGRESS, where the data is not sent
            sock.sendto(b"data", MSG_FASTOPEN, (ADDRESS, peer.port))
        syn = peer.take(peer.next())
        peer.sequence = FIRST
        peer.send(SYN | ACK, options=OFFERED if cookie is None else {**OFFERED, FAST_OPEN: cookie})
        peer.sequence += 1
        if out_of_order:
            peer.send(RST, sequence=peer.sequence + 100)
        peer.replies()
    peer.replies()
    return syn


def seen(syn: Segment) -> list[str | int | None]:
    """The data of a SYN, and the size of its cookie: 0 where it asks for one, None without the option."""
    return [syn.data.decode(), len(syn.options[FAST_OPEN]) if FAST_OPEN in syn.options else None]


@claim(
    "ip-sysctl/tcp_fastopen/msg-fastopen",
    sentence=(
        "ip-sysctl/tcp_fastopen/client",
        "ip-sysctl/tcp_fastopen/MSG_FASTOPEN",
        "send.2/MSG_FASTOPEN/sysctl",
        "send.2/MSG_FASTOPEN/no-cookie",
    ),
    section="TCP variables",
    says="With the bit 1 in tcp_fastopen sendto(2) with MSG_FASTOPEN on a TCP socket over IPv4 that is not "
    "connected asks for a cookie in its SYN, and has data and cookie in it once there is one; without the "
    "bit it fails.",
    since="3.6",
    needs=MADE,
    survives={**TRIES_END, "no-op: ioctl(FIONBIO*": "what fails does not wait"},
)
def test_a_client_sends_data_in_its_syn(peers, observe):
    with made_peer(peers) as peer, peers.right.entered(), client() as sock:
        peers.right.namespace.sysctl[FASTOPEN] = CLIENT
        first = fast_syn(peer, cookie=COOKIE)
        second = fast_syn(peer)
        peers.right.namespace.sysctl[FASTOPEN] = 0
        with refused():
            sock.sendto(b"data", MSG_FASTOPEN, (ADDRESS, peer.port))

        assert observe("data_and_cookie", [seen(first), seen(second)]) == [["", 0], ["data", len(COOKIE)]]


@claim(
    "ip-sysctl/tcp_fastopen/no-cookie-client",
    sentence="ip-sysctl/tcp_fastopen/no-cookie-client",
    section="TCP variables",
    says="With the bits 1 and 4 in tcp_fastopen the SYN of a TCP socket over IPv4 by sendto(2) with "
    "MSG_FASTOPEN has its data and no cookie, be there one or not; with the bit 1 alone it asks for a "
    "cookie, or has data and cookie.",
    since="3.6",
    needs=MADE,
    survives={**TRIES_END, "no-op: sendto(*, 56, 0*": "a cookie is no matter where none is used"},
)
@pytest.mark.parametrize(
    ("value", "without", "with_one"),
    [
        (CLIENT, ["", 0], ["data", len(COOKIE)]),
        (CLIENT | CLIENT_WITHOUT_COOKIE, ["data", None], ["data", None]),
    ],
)
def test_a_client_does_without_a_cookie(peers, observe, value, without, with_one):
    with made_peer(peers) as peer, peers.right.entered():
        peers.right.namespace.sysctl[FASTOPEN] = value
        first = seen(fast_syn(peer))
        peers.right.namespace.sysctl[FASTOPEN] = CLIENT
        fast_syn(peer, cookie=COOKIE)
        peers.right.namespace.sysctl[FASTOPEN] = value

        assert observe("data_and_cookie", [first, seen(fast_syn(peer))]) == [without, with_one]


@claim(
    "ip-sysctl/tcp_fastopen/basic-client",
    sentence="ip-sysctl/tcp_fastopen/basic",
    section="TCP variables",
    says="With the bit 4 in tcp_fastopen, and without the bit 1, sendto(2) with MSG_FASTOPEN on a TCP socket "
    "over IPv4 that is not connected fails, and with both it does not.",
    since="3.6",
    needs=MADE,
    survives=TRIES_END,
)
def test_a_client_must_be_enabled(peers, observe):
    with made_peer(peers) as peer, peers.right.entered(), client() as sock:
        peers.right.namespace.sysctl[FASTOPEN] = CLIENT_WITHOUT_COOKIE
        with refused():
            sock.sendto(b"data", MSG_FASTOPEN, (ADDRESS, peer.port))
        peers.right.namespace.sysctl[FASTOPEN] = CLIENT | CLIENT_WITHOUT_COOKIE
        sock.sendto(b"data", MSG_FASTOPEN, (ADDRESS, peer.port))

        assert observe("data", peer.next().data.decode()) == "data"


def taken(end: MadePeer, listener: Socket, cookie: bytes | None = None) -> int:
    """How many of the four bytes in a SYN, with a cookie or without, are acknowledged; -1 for a reset."""
    options = OFFERED if cookie is None else {**OFFERED, FAST_OPEN: cookie}
    end.send(SYN, b"data", to=listener.getsockname()[1], options=options)
    answer = end.next()
    return -1 if answer.reset else answer.acknowledged - FIRST - 1


def given(end: MadePeer, listener: Socket) -> bytes:
    """The cookie that a listener gives; empty where it gives none."""
    return end.ask(listener, asking_for_cookie()).options.get(FAST_OPEN, b"")


@claim(
    "ip-sysctl/tcp_fastopen/no-cookie-server",
    sentence=("ip-sysctl/tcp_fastopen/no-cookie-server", "ip-sysctl/tcp_fastopen/basic"),
    section="TCP variables",
    says="With the bits 2 and 0x200 in tcp_fastopen a TCP listener over IPv4 with TCP_FASTOPEN takes the "
    "data of a SYN without a cookie, and with only one of them it does not.",
    since="3.7",
    needs=MADE,
    survives={"no-op: setsockopt(*TCP_FASTOPEN, *": "with only one of the bits nothing is taken anyway"},
)
@pytest.mark.parametrize(
    ("value", "data"), [(SERVER, 0), (SERVER_WITHOUT_COOKIE, 0), (SERVER | SERVER_WITHOUT_COOKIE, 4)]
)
def test_a_server_does_without_a_cookie(peers, observe, value, data):
    peers.right.namespace.sysctl[FASTOPEN] = value
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as listener:
        listener.tcp_fastopen = 5
        acknowledged = taken(peer, listener)

        assert observe("taken_and_ready", [acknowledged, readable_by_select(listener)]) == [data, data > 0]


@claim(
    "ip-sysctl/tcp_fastopen/listeners",
    sentence=("ip-sysctl/tcp_fastopen/listeners", "ip-sysctl/tcp_fastopen/basic"),
    section="TCP variables",
    says="With the bits 2 and 0x400 in tcp_fastopen a TCP listener over IPv4 without TCP_FASTOPEN gives "
    "cookies and takes the data of a SYN with one, and with only one of them it does not.",
    since="3.7",
    needs=MADE,
    survives={"no-op: listen(*": "whose cookies are not taken need not give one"},
)
@pytest.mark.parametrize(
    ("value", "cookie", "data"),
    [(SERVER, 0, 0), (EVERY_LISTENER, 0, 0), (SERVER | EVERY_LISTENER, len(COOKIE), 4)],
)
def test_every_listener_is_fast(peers, observe, value, cookie, data):
    peers.right.namespace.sysctl.update({KEY: ONE, FASTOPEN: SERVER | EVERY_LISTENER})
    with made_peers(peers, 3) as (first, second, third), peers.right.entered():
        with listening(peers.right.address) as listener:
            valid = given(first, listener)
        peers.right.namespace.sysctl[FASTOPEN] = value
        with listening(peers.right.address) as listener:
            got = [len(given(second, listener)), taken(third, listener, valid)]

            assert observe("cookie_and_taken", got) == [cookie, data]


@contextmanager
def cookies_by_keys(hosts: Peers, ends: int) -> Iterator[tuple[list[MadePeer], Socket]]:
    """Some ends on one host, and a listener that gives it cookies and takes them."""
    hosts.right.namespace.sysctl[FASTOPEN] = SERVER
    with made_peers(hosts, ends) as peers, hosts.right.entered(), listening(hosts.right.address) as listener:
        listener.tcp_fastopen = 5
        yield peers, listener


@claim(
    "ip-sysctl/tcp_fastopen_key/backup",
    sentence=("ip-sysctl/tcp_fastopen_key/backup", "ip-sysctl/tcp_fastopen_key/one"),
    section="TCP variables",
    says="A TCP listener over IPv4 takes data with a Fast Open cookie of the second key in tcp_fastopen_key, "
    "as with one of the first, by which it makes those that it gives; once the first is set alone it takes "
    "no more with one of the other.",
    since="5.3",
    needs=MADE,
)
def test_a_backup_key_only_counts_for_what_comes(peers, observe):
    settings = peers.right.namespace.sysctl
    with cookies_by_keys(peers, 6) as (ends, listener):
        settings[KEY] = OTHER
        others = given(ends[0], listener)
        settings[KEY] = f"{ONE},{OTHER}"
        own = given(ends[1], listener)
        both = [taken(ends[2], listener, own), taken(ends[3], listener, others)]
        settings[KEY] = ONE
        alone = [taken(ends[4], listener, own), taken(ends[5], listener, others)]

        assert observe("same_cookie_both_and_alone", [own == others, both, alone]) == [False, [4, 4], [4, 0]]


@contextmanager
def fast(host: Host, value: int, queue: int | None) -> Iterator[Socket]:
    """A listener, with a value of tcp_fastopen and perhaps a TCP_FASTOPEN."""
    host.namespace.sysctl[FASTOPEN] = value
    with host.entered(), listening(host.address) as listener:
        if queue is not None:
            listener.tcp_fastopen = queue
        yield listener


def key_by(host: Host, value: int, queue: int | None) -> str:
    """The key of a host after that."""
    with fast(host, value, queue):
        return host.namespace.sysctl[KEY]


@claim(
    "ip-sysctl/tcp_fastopen_key/random",
    sentence="ip-sysctl/tcp_fastopen_key/random",
    section="TCP variables",
    says="In a new network namespace there is no tcp_fastopen_key. There is one once a TCP socket that "
    "listens over IPv4 sets TCP_FASTOPEN, or starts to listen with the bits 2 and 0x400 in tcp_fastopen: "
    "another in each namespace, by which it gives cookies.",
    since="4.15",
    needs=MADE,
    survives={"no-op: listen(*": "TCP_FASTOPEN may be set before a socket listens"},
)
@pytest.mark.parametrize(
    ("value", "queue"), [(SERVER, 5), (SERVER | EVERY_LISTENER, None)], ids=["option", "every-listener"]
)
def test_a_key_is_chosen_at_random(peers, observe, value, queue):
    settings = peers.right.namespace.sysctl
    keys = [settings[KEY], key_by(peers.left, value, queue), key_by(peers.right, value, queue)]
    with made_peers(peers, 3) as (first, second, third), fast(peers.right, value, queue) as listener:
        chosen = given(first, listener)
        settings[KEY] = ONE
        other = given(second, listener)
        settings[KEY] = keys[-1]
        again = given(third, listener)

        different = [keys[0], len(set(keys)), chosen == other, chosen == again]
        assert observe("none_keys_and_same_cookie", different) == [NOBODYS, 3, False, True]


@claim(
    "ip-sysctl/tcp_fastopen_key/format",
    sentence="ip-sysctl/tcp_fastopen_key/format",
    section="TCP variables",
    says="A tcp_fastopen_key is four hexadecimal numbers with hyphens between, with leading zeros or "
    "without, and two of them have a comma between: a TCP listener over IPv4 gives the same cookie with "
    "each, and three numbers, or one that is not hexadecimal, are refused.",
    since="5.3",
    needs=MADE,
)
@pytest.mark.parametrize("refused_key", ["1-2-3", "1-2-3-g"])
def test_a_key_has_a_form(peers, observe, refused_key):
    settings = peers.right.namespace.sysctl
    with cookies_by_keys(peers, 4) as (ends, listener):
        settings[KEY] = ONE
        long = given(ends[0], listener)
        settings[KEY] = OTHER
        other = given(ends[1], listener)
        settings[KEY] = "1-2-3-4,1-2-3-5"
        short = given(ends[2], listener)
        with pytest.raises(NetnsError):
            settings[KEY] = refused_key

        same = [long == other, long == short, long == given(ends[3], listener)]
        assert observe("same_and_shown", [*same, settings[KEY]]) == [False, True, True, f"{ONE},{OTHER}"]


@contextmanager
def after_black_hole(hosts: Peers, seconds: int | None = None) -> Iterator[MadePeer]:
    """A peer of hosts that had a connection by Fast Open which looks as if a firewall had swallowed it."""
    settings = hosts.right.namespace.sysctl
    settings[FASTOPEN] = CLIENT
    if seconds is not None:
        settings[BLACKHOLE] = seconds
    with made_peer(hosts) as peer, hosts.right.entered():
        fast_syn(peer, cookie=COOKIE)
        assert fast_syn(peer, out_of_order=True).data, "there was no Fast Open before"
        yield peer


def await_fast_open(peer: MadePeer) -> None:
    """Try until data is sent in a SYN again."""
    while not fast_syn(peer).data:
        readable_by_select(peer.arriving, BETWEEN_TRIES)


@claim(
    "ip-sysctl/tcp_fastopen_blackhole_timeout_sec/disabled",
    sentence="ip-sysctl/tcp_fastopen_blackhole_timeout_sec/disabled",
    section="TCP variables",
    says="After a connection by Fast Open over IPv4 that was reset out of order before any data came, "
    "clients of the network namespace send no data in their SYNs for tcp_fastopen_blackhole_timeout_sec "
    "seconds, 1 or 2, and do after that.",
    since="4.12",
    needs=[*MADE, sysctl(BLACKHOLE)],
    survives=TRIES_END,
)
@pytest.mark.parametrize("seconds", [1, 2])
def test_clients_do_without_fast_open(peers, observe, seconds):
    with timed() as took, after_black_hole(peers, seconds) as peer:
        await_fast_open(peer)

        assert observe("late", took.lasted(seconds)) is True


@claim(
    "ip-sysctl/tcp_fastopen_blackhole_timeout_sec/grows",
    sentence="ip-sysctl/tcp_fastopen_blackhole_timeout_sec/grows",
    section="TCP variables",
    says="With a tcp_fastopen_blackhole_timeout_sec of 1 clients of the network namespace send no data in "
    "their SYNs over IPv4 for 2 seconds where a connection by Fast Open is reset out of order before any "
    "data came as soon as Fast Open is used again.",
    since="4.12",
    needs=[*MADE, sysctl(BLACKHOLE)],
    survives=TRIES_END,
)
def test_the_time_doubles(peers, observe):
    with after_black_hole(peers, 1) as peer:
        await_fast_open(peer)
        with timed() as took:
            again = fast_syn(peer, out_of_order=True).data.decode()
            await_fast_open(peer)

        assert observe("again_and_late", [again, took.lasted(2)]) == ["data", True]


@claim(
    "ip-sysctl/tcp_fastopen_blackhole_timeout_sec/default",
    sentence="ip-sysctl/tcp_fastopen_blackhole_timeout_sec/default",
    section="TCP variables",
    says="In a new network namespace tcp_fastopen_blackhole_timeout_sec is 0, and clients still send data in "
    "their SYNs over IPv4 right after a connection by Fast Open was reset out of order before any data came; "
    "with 60 they do not.",
    since="5.14",
    needs=[*MADE, sysctl(BLACKHOLE)],
    survives={**TRIES_END, "no-op: sendto(*, 40, 0*": "where nobody looks for it, a reset changes nothing"},
)
@pytest.mark.parametrize(("seconds", "data"), [(None, "data"), (60, "")], ids=["at-first", "60"])
def test_nobody_looks_for_a_firewall_at_first(peers, observe, seconds, data):
    at_first = observe("at_first", peers.right.namespace.sysctl[BLACKHOLE])
    with after_black_hole(peers, seconds) as peer:
        assert [at_first, observe("data", fast_syn(peer).data.decode())] == ["0", data]
