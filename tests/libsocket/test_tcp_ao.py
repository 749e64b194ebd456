"""Signed TCP connections over loopback in a namespace: TCP-AO and, before it, MD5.

Where the kernel lacks them (CONFIG_TCP_AO, CONFIG_TCP_MD5SIG), setting a key fails, and the test is skipped.
Sources: ``Documentation/networking/tcp_ao.rst``, ``linux/tcp.h``, RFC 5925, RFC 2385.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

import libsocket as ls
from conformance.plugin.setups.repair import SEND, held, resume
from conformance.plugin.setups.tcp_ao import deletion, mirrored
from libsocket import (
    NotPermitted,
    Socket,
    TcpAoAdd,
    TcpAoInfo,
    TcpAoKey,
    TcpAoKeys,
    TcpAoRepair,
    TcpMd5sig,
    UnsupportedOption,
)
from libsocket.layouts.tcp import AO_KEYS
from netns import Namespace

Ends = tuple[Socket, Socket]

HERE, HERE6, ELSEWHERE = "127.0.0.1", "::1", "127.0.0.2"
SYN_SENT = 2
PATIENCE = 3
"""Connection requests after the first, so that a library that errs fails in a quarter of a minute."""
FIRST = TcpAoAdd(HERE, 32, b"first secret", 100, 101)
"""As the client has it; who listens has the same key with the numbers the other way round."""
SECOND = TcpAoAdd(HERE, 32, b"second secret", 102, 103)
CURRENT = replace(FIRST, set_current=True, set_rnext=True)


@pytest.fixture
def ns() -> Iterator[Namespace]:
    with Namespace() as made:
        yield made


def add(sock: Socket, *keys: TcpAoAdd) -> None:
    try:
        for key in keys:
            sock.tcp_ao_add_key = key
    except UnsupportedOption:
        pytest.skip("this kernel has no TCP-AO: TCP_AO_ADD_KEY is unknown")


def sign(sock: Socket, *keys: TcpMd5sig) -> None:
    try:
        for key in keys:
            sock.tcp_md5sig = key
    except UnsupportedOption:
        pytest.skip("this kernel signs no segments with MD5: TCP_MD5SIG is unknown")


def listen(sock: Socket, address: str) -> None:
    sock.bind((address, 0))
    sock.listen()


@contextmanager
def connected(*keys: TcpAoAdd, address: str = HERE, family: int = socket.AF_INET) -> Iterator[Ends]:
    """A client and who accepted it, with the same keys."""
    with Socket.tcp(family) as listener, Socket.tcp(family) as client:
        add(client, *keys)
        add(listener, *map(mirrored, keys))
        listen(listener, address)
        client.tcp_syncnt = PATIENCE
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            yield client, server


def is_ignored(wrong: Socket, right: Socket, listener: Socket) -> bool:
    """Whether only the second of two that connect is accepted, and the first still waits for an answer."""
    listen(listener, HERE)
    wrong.setblocking(False)
    with pytest.raises(BlockingIOError):
        wrong.connect(listener.getsockname())
    right.tcp_syncnt = PATIENCE
    right.connect(listener.getsockname())
    with listener.accept()[0] as server:
        return (server.getpeername(), wrong.tcp_info.state) == (right.getsockname(), SYN_SENT)


def only(sock: Socket, request: TcpAoKeys) -> TcpAoKey:
    [key] = sock.get(ls.TCP_AO_GET_KEYS, request=request).keys
    return key


def has(sock: Socket, key: TcpAoAdd) -> int:
    return sock.get(
        ls.TCP_AO_GET_KEYS, request=TcpAoKeys(key.address, key.prefix, sndid=key.sndid, rcvid=key.rcvid)
    ).matched


# TCP-AO: connections


def test_connection_with_one_key_carries_data(ns: Namespace) -> None:
    with connected(FIRST) as (client, server):
        client.send(b"there")
        server.send(b"and back")

        assert (server.read_exact(5), client.read_exact(8)) == (b"there", b"and back")


def test_good_segments_are_counted(ns: Namespace) -> None:
    with connected(FIRST) as (client, server):
        before = server.tcp_ao_info
        client.send(b"signed")
        server.read_exact(6)
        after = server.tcp_ao_info

        assert (after.pkt_good > before.pkt_good, after.pkt_bad, after.pkt_key_not_found) == (True, 0, 0)


def test_wrong_key_does_not_connect(ns: Namespace) -> None:
    with Socket.tcp() as listener, Socket.tcp() as wrong, Socket.tcp() as right:
        add(listener, mirrored(FIRST))
        add(right, FIRST)
        add(wrong, replace(FIRST, key=b"wrong secret"))
        ignored = is_ignored(wrong, right, listener)

        assert (ignored, listener.tcp_ao_info.pkt_bad > 0) == (True, True)


def test_unknown_key_does_not_connect(ns: Namespace) -> None:
    with Socket.tcp() as listener, Socket.tcp() as wrong, Socket.tcp() as right:
        add(listener, mirrored(FIRST))
        add(right, FIRST)
        add(wrong, SECOND)
        ignored = is_ignored(wrong, right, listener)

        assert (ignored, listener.tcp_ao_info.pkt_key_not_found > 0) == (True, True)


def test_nobody_connects_unsigned_where_signing_is_required(ns: Namespace) -> None:
    with Socket.tcp() as listener, Socket.tcp() as wrong, Socket.tcp() as right:
        add(listener, mirrored(FIRST))
        add(right, FIRST)
        wrong.bind((ELSEWHERE, 0))
        listener.tcp_ao_info = TcpAoInfo(ao_required=True)
        ignored = is_ignored(wrong, right, listener)

        assert (ignored, listener.tcp_ao_info.pkt_ao_required > 0) == (True, True)


def test_peer_without_a_key_connects_unsigned_where_it_is_not(ns: Namespace) -> None:
    with Socket.tcp() as listener, Socket.tcp() as client:
        add(listener, mirrored(FIRST))
        listen(listener, HERE)
        client.bind((ELSEWHERE, 0))
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            client.send(b"unsigned")

            assert server.read_exact(8) == b"unsigned"


def test_key_is_for_a_whole_network(ns: Namespace) -> None:
    with connected(replace(FIRST, address="127.0.0.0", prefix=8), address=ELSEWHERE) as (client, server):
        client.send(b"signed")

        assert (server.read_exact(6), server.tcp_ao_info.pkt_good > 0) == (b"signed", True)


def test_key_is_for_an_ipv6_peer(ns: Namespace) -> None:
    key = replace(FIRST, address=HERE6, prefix=128)
    with connected(key, address=HERE6, family=socket.AF_INET6) as (client, server):
        client.send(b"signed")
        found = only(client, TcpAoKeys(current=True))

        assert (server.read_exact(6), found.address, found.prefix) == (b"signed", HERE6, 128)


@pytest.mark.parametrize(("algorithm", "maclen"), [("cmac(aes128)", 12), ("hmac(sha256)", 16)])
def test_other_algorithms_sign_too(ns: Namespace, algorithm: str, maclen: int) -> None:
    with connected(replace(FIRST, algorithm=algorithm, maclen=maclen)) as (client, server):
        client.send(b"signed")

        assert (server.read_exact(6), only(client, TcpAoKeys(current=True)).maclen) == (b"signed", maclen)


# TCP-AO: keys


def test_key_reads_back_whole(ns: Namespace) -> None:
    with Socket.tcp() as sock:
        add(sock, replace(FIRST, maclen=16, keyflags=2, set_current=True))

        assert only(sock, TcpAoKeys()) == TcpAoKey(
            HERE,
            32,
            b"first secret",
            sndid=100,
            rcvid=101,
            algorithm="hmac(sha1)",
            maclen=16,
            ifindex=0,
            keyflags=2,
            current=True,
            rnext=False,
            pkt_good=0,
            pkt_bad=0,
        )


def test_keys_are_listed(ns: Namespace) -> None:
    keys = FIRST, SECOND, replace(FIRST, address=ELSEWHERE)
    with Socket.tcp() as sock:
        add(sock, *keys)
        found = sock.get(ls.TCP_AO_GET_KEYS, request=TcpAoKeys())

        assert found.matched == 3
        assert {(key.address, key.key, key.sndid) for key in found.keys} == {
            (key.address, key.key, key.sndid) for key in keys
        }


def test_more_keys_than_there_is_room_for_are_counted(ns: Namespace) -> None:
    with Socket.tcp() as listener:
        for number in range(70):
            add(listener, replace(FIRST, sndid=number, rcvid=number))
        found = listener.get(ls.TCP_AO_GET_KEYS, request=TcpAoKeys())

        assert (found.matched, len({key.sndid for key in found.keys})) == (70, 64)


def test_one_of_the_keys_is_asked_for(ns: Namespace) -> None:
    with Socket.tcp() as sock:
        add(sock, FIRST, SECOND, replace(SECOND, address=ELSEWHERE, sndid=104))
        found = only(sock, TcpAoKeys(HERE, 32, sndid=102, rcvid=103))

        assert (found.address, found.key, found.sndid, found.rcvid) == (HERE, b"second secret", 102, 103)


def test_keys_in_use_are_asked_for(ns: Namespace) -> None:
    with Socket.tcp() as sock:
        add(sock, replace(FIRST, set_current=True), replace(SECOND, set_rnext=True))
        current, rnext = only(sock, TcpAoKeys(current=True)), only(sock, TcpAoKeys(rnext=True))

        assert [(key.sndid, key.current, key.rnext) for key in (current, rnext)] == [
            (100, True, False),
            (102, False, True),
        ]


def test_key_counts_what_it_verified(ns: Namespace) -> None:
    with connected(CURRENT, SECOND) as (client, server):
        server.send(b"signed")
        client.read_exact(6)
        used = only(client, TcpAoKeys(current=True))
        idle = only(client, TcpAoKeys(HERE, 32, sndid=102, rcvid=103))

        assert (used.pkt_good > 0, used.pkt_bad, idle.pkt_good) == (True, 0, 0)


def test_key_that_nobody_has_is_no_error(ns: Namespace) -> None:
    with Socket.tcp() as sock:
        add(sock, FIRST)

        assert sock.get(ls.TCP_AO_GET_KEYS, request=TcpAoKeys(HERE, 32, sndid=7, rcvid=7)) == TcpAoKeys()


def test_same_numbers_for_one_peer_are_refused(ns: Namespace) -> None:
    with Socket.tcp() as sock:
        add(sock, FIRST)

        with pytest.raises(OSError, match="File exists") as refusal:
            sock.tcp_ao_add_key = replace(FIRST, key=b"another")
        assert refusal.value.errno == errno.EEXIST


def test_algorithm_that_is_unknown_is_refused(ns: Namespace) -> None:
    with Socket.tcp() as sock:
        add(sock, FIRST)

        with pytest.raises(OSError, match="No such file") as refusal:
            sock.tcp_ao_add_key = replace(SECOND, algorithm="none-such")
        assert refusal.value.errno == errno.ENOENT


def test_key_is_taken_away_once(ns: Namespace) -> None:
    with Socket.tcp() as sock:
        add(sock, FIRST, SECOND)
        sock.tcp_ao_del_key = deletion(FIRST)

        with pytest.raises(OSError, match="No such file") as refusal:
            sock.tcp_ao_del_key = deletion(FIRST)
        assert (refusal.value.errno, has(sock, FIRST), has(sock, SECOND)) == (errno.ENOENT, 0, 1)


def test_key_in_use_is_not_taken_away(ns: Namespace) -> None:
    with connected(CURRENT, SECOND) as (client, _):
        with pytest.raises(OSError, match="busy") as refusal:
            client.tcp_ao_del_key = deletion(FIRST)

        assert (refusal.value.errno, has(client, FIRST)) == (errno.EBUSY, 1)


def test_key_in_use_is_taken_away_for_another(ns: Namespace) -> None:
    with connected(CURRENT, SECOND) as (client, server):
        client.tcp_ao_del_key = deletion(FIRST, current=102, rnext=103)
        client.send(b"signed")
        info = client.tcp_ao_info

        assert (has(client, FIRST), info.current_key, info.rnext) == (0, 102, 103)
        assert server.read_exact(6) == b"signed"


def test_listeners_key_is_taken_away_without_waiting(ns: Namespace) -> None:
    with Socket.tcp() as listener:
        add(listener, FIRST, SECOND)
        listen(listener, HERE)
        listener.tcp_ao_del_key = replace(deletion(FIRST), del_async=True)

        assert (has(listener, FIRST), has(listener, SECOND)) == (0, 1)


def test_socket_without_keys_has_none(ns: Namespace) -> None:
    with Socket.tcp() as trial, Socket.tcp() as sock:
        add(trial, FIRST)

        with pytest.raises(OSError, match="No such file") as refusal:
            sock.get(ls.TCP_AO_GET_KEYS, request=TcpAoKeys())
        assert refusal.value.errno == errno.ENOENT


# TCP-AO: what a socket is set to


def test_keys_in_use_are_reported(ns: Namespace) -> None:
    with connected(CURRENT, SECOND) as (client, server):
        ours, theirs = client.tcp_ao_info, server.tcp_ao_info

        assert (ours.current_key, ours.rnext, theirs.current_key, theirs.rnext) == (100, 101, 101, 100)


def test_peer_changes_to_the_key_that_is_asked_for(ns: Namespace) -> None:
    with connected(CURRENT, SECOND) as (client, server):
        server.tcp_ao_info = TcpAoInfo(rnext=102)
        server.send(b"please")
        client.read_exact(6)

        assert (client.tcp_ao_info.current_key, client.tcp_ao_info.rnext) == (102, 101)


def test_current_key_is_changed_by_hand(ns: Namespace) -> None:
    with connected(CURRENT, SECOND) as (client, server):
        client.tcp_ao_info = TcpAoInfo(current_key=102)
        client.send(b"signed")
        server.read_exact(6)

        assert only(server, TcpAoKeys(HERE, 32, sndid=103, rcvid=102)).pkt_good > 0


def test_key_to_use_must_be_known(ns: Namespace) -> None:
    with Socket.tcp() as sock:
        add(sock, FIRST)

        with pytest.raises(OSError, match="No such file") as refusal:
            sock.tcp_ao_info = TcpAoInfo(current_key=102)
        assert refusal.value.errno == errno.ENOENT


@pytest.mark.parametrize(
    "wanted", [TcpAoInfo(ao_required=True), TcpAoInfo(accept_icmps=True)], ids=["ao_required", "accept_icmps"]
)
def test_what_is_required_reads_back(ns: Namespace, wanted: TcpAoInfo) -> None:
    with Socket.tcp() as sock:
        add(sock, FIRST)
        sock.tcp_ao_info = wanted

        assert sock.tcp_ao_info == wanted


def test_counters_are_set_when_they_shall_be(ns: Namespace) -> None:
    counters = TcpAoInfo(
        pkt_good=1, pkt_bad=2, pkt_key_not_found=2**40, pkt_ao_required=4, pkt_dropped_icmp=5
    )
    with Socket.tcp() as sock:
        add(sock, FIRST)
        sock.tcp_ao_info = replace(counters, set_counters=True)
        held = sock.tcp_ao_info
        sock.tcp_ao_info = TcpAoInfo()

        assert (held, sock.tcp_ao_info) == (counters, counters)


# TCP-AO: repair


def test_first_sequence_numbers_are_given_under_repair(ns: Namespace) -> None:
    with connected(FIRST) as (client, server):
        client.send(b"before")
        server.read_exact(6)
        ours, theirs = held(client).sequences, held(server).sequences
        numbers, others = client.tcp_ao_repair, server.tcp_ao_repair

        assert (numbers.snt_isn + 1 + 6) % 2**32 == ours[SEND]
        assert (others.snt_isn + 1) % 2**32 == theirs[SEND]
        assert (numbers.snt_isn, numbers.rcv_isn) == (others.rcv_isn, others.snt_isn)


def test_sequence_numbers_are_set_under_repair(ns: Namespace) -> None:
    wanted = TcpAoRepair(snt_isn=0x01020304, rcv_isn=0x05060708, snd_sne=9, rcv_sne=10)
    with connected(FIRST) as (client, _):
        client.tcp_repair = 1
        client.tcp_ao_repair = wanted

        assert client.tcp_ao_repair == wanted


def test_extension_of_what_is_received_is_not_signed_with(ns: Namespace) -> None:
    with connected(FIRST) as (client, server):
        client.tcp_repair = 1
        client.tcp_ao_repair = replace(client.tcp_ao_repair, rcv_sne=1)
        client.tcp_repair = 0
        client.send(b"signed")
        server.settimeout(60)

        assert (server.read_exact(6), server.tcp_ao_info.pkt_bad) == (b"signed", 0)


def test_sequence_numbers_are_kept_to_repair(ns: Namespace) -> None:
    with connected(FIRST) as (client, _), pytest.raises(NotPermitted, match="CAP_NET_ADMIN") as refusal:
        client.tcp_ao_repair  # noqa: B018 - to read it is the test

    assert refusal.value.errno == errno.EPERM


def test_signed_connection_is_moved_to_another_socket(ns: Namespace) -> None:
    with connected(FIRST) as (client, server):
        client.send(b"before")
        server.read_exact(6)
        connection, numbers = held(client), client.tcp_ao_repair
        client.close()
        with Socket.tcp() as moved:
            resume(moved, connection)
            moved.tcp_ao_add_key = FIRST
            moved.tcp_ao_repair = numbers
            moved.tcp_repair = 0
            moved.send(b"after")

            assert (server.read_exact(5), server.tcp_ao_info.pkt_bad) == (b"after", 0)


# Layout


def test_request_says_what_it_has_room_for() -> None:
    encode = AO_KEYS.request
    assert callable(encode)
    asked = encode(TcpAoKeys(HERE, 32, sndid=100, rcvid=101, current=True))

    first_bit = 1 if sys.byteorder == "little" else 1 << 15

    assert (len(asked), struct.unpack_from("@IH", asked, 272)) == (64 * 304, (64, first_bit))
    assert asked[278:284] == bytes([100, 101, 32, 0, 0, 0])


def test_secrets_are_not_shown() -> None:
    shown = repr(FIRST) + repr(TcpMd5sig(HERE, b"third secret"))

    assert "secret" not in shown


# MD5


def test_wrong_md5_key_does_not_connect(ns: Namespace) -> None:
    with Socket.tcp() as listener, Socket.tcp() as wrong, Socket.tcp() as right:
        for sock, key in ((listener, b"secret"), (right, b"secret"), (wrong, b"wrong")):
            sign(sock, TcpMd5sig(HERE, key))

        assert is_ignored(wrong, right, listener)


def test_nobody_connects_unsigned_from_an_address_with_an_md5_key(ns: Namespace) -> None:
    with Socket.tcp() as listener, Socket.tcp() as wrong, Socket.tcp() as right:
        for sock in (listener, right):
            sign(sock, TcpMd5sig(HERE, b"secret"))

        assert is_ignored(wrong, right, listener)


def test_md5_key_of_a_network_signs_for_an_address_in_it(ns: Namespace) -> None:
    network = TcpMd5sig("127.0.0.0", b"secret", prefixlen=8, flags=1)
    with Socket.tcp() as listener, Socket.tcp() as wrong, Socket.tcp() as right:
        sign(right, TcpMd5sig(HERE, b"secret"))
        right.bind((ELSEWHERE, 0))
        listener.tcp_md5sig_ext = network

        assert is_ignored(wrong, right, listener)


def test_md5_key_is_for_an_ipv6_peer(ns: Namespace) -> None:
    with Socket.tcp(socket.AF_INET6) as listener, Socket.tcp(socket.AF_INET6) as client:
        for sock in (listener, client):
            sign(sock, TcpMd5sig(HERE6, b"secret"))
        listen(listener, HERE6)
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            client.send(b"signed")

            assert server.read_exact(6) == b"signed"


def test_peer_has_an_md5_key_or_one_of_tcp_ao(ns: Namespace) -> None:
    with Socket.tcp() as sock:
        add(sock, FIRST)
        sign(sock, TcpMd5sig(ELSEWHERE, b"secret"))

        with pytest.raises(OSError, match="rejected") as refusal:
            sock.tcp_ao_add_key = replace(SECOND, address=ELSEWHERE)
        assert refusal.value.errno == errno.EKEYREJECTED
