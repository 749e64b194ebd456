"""TCP connections whose segments are authenticated with keys (TCP-AO), and their segments."""

from __future__ import annotations

import hmac
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address
from typing import Final

from conformance.plugin.setups.listeners import listening
from conformance.plugin.timing import SOON
from libsocket import TCP_AO_GET_KEYS, Socket, TcpAoAdd, TcpAoDel, TcpAoKey, TcpAoKeys, TcpMd5sig

AUTHENTICATION: Final = 29
"""The kind of TCP's option."""
SYN_SENT: Final = 2
"""TCP_INFO.state of who is not answered."""
HERE: Final = "127.0.0.1"
KEY: Final = TcpAoAdd(HERE, 32, b"0123456789abcdef", sndid=100, rcvid=101)
"""As the client has it; who listens has the same key with the numbers the other way round."""
ANOTHER: Final = TcpAoAdd(HERE, 32, b"fedcba9876543210", sndid=102, rcvid=103)
CURRENT: Final = replace(KEY, set_current=True, set_rnext=True)
"""The first of several keys, to begin with."""
ALL: Final = TcpAoKeys()
"""A request for every key of a socket."""


def of(host: str, key: TcpAoAdd = KEY) -> TcpAoAdd:
    """A key for another peer."""
    return replace(key, address=host, prefix=128 if ":" in host else 32)


def mirrored(key: TcpAoAdd) -> TcpAoAdd:
    """The peer's. A listener has no current key to set: it takes those that each client asks for."""
    return replace(key, sndid=key.rcvid, rcvid=key.sndid, set_current=False, set_rnext=False)


def deletion(key: TcpAoAdd, current: int | None = None, rnext: int | None = None) -> TcpAoDel:
    """What takes a key away."""
    return TcpAoDel(key.address, key.prefix, key.sndid, key.rcvid, current_key=current, rnext=rnext)


def add_keys(sock: Socket, *keys: TcpAoAdd) -> None:
    for key in keys:
        sock.tcp_ao_add_key = key


@contextmanager
def authenticating(*keys: TcpAoAdd, host: str = HERE) -> Iterator[Socket]:
    """A listener with these keys, the numbers the other way round."""
    with listening(host) as listener:
        add_keys(listener, *map(mirrored, keys))
        yield listener


@contextmanager
def authenticated(*keys: TcpAoAdd, host: str = HERE) -> Iterator[tuple[Socket, Socket]]:
    """A client and the accepted end of its connection, with the same keys."""
    with authenticating(*keys, host=host) as listener, client_of(listener, *keys) as client:
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            server.rcvtimeo = SOON
            yield client, server


@contextmanager
def signed_by_md5() -> Iterator[tuple[Socket, Socket]]:
    """A TCP connection over IPv4 whose ends have the same key of TCP_MD5SIG."""
    with listening() as listener, client_of(listener) as client:
        listener.tcp_md5sig = client.tcp_md5sig = TcpMd5sig(HERE, b"secret")
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            server.rcvtimeo = SOON
            yield client, server


@contextmanager
def client_of(listener: Socket, *keys: TcpAoAdd) -> Iterator[Socket]:
    """A socket with these keys, to connect to a listener: the connect has an end where it is not answered."""
    with Socket.tcp(listener.family) as client:
        add_keys(client, *keys)
        client.rcvtimeo = client.sndtimeo = SOON
        yield client


@contextmanager
def connecting(address: tuple[str, int], *keys: TcpAoAdd) -> Iterator[Socket]:
    """A socket with these keys that has begun to connect, and that nothing but an answer ends."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with Socket.tcp(family) as client:
        add_keys(client, *keys)
        client.setblocking(False)
        client.connect_ex(address)
        yield client


def keys_of(sock: Socket, request: TcpAoKeys = ALL) -> tuple[TcpAoKey, ...]:
    """The keys of a socket that match, by address and SendID."""
    found = sock.get(TCP_AO_GET_KEYS, request=request).keys
    return tuple(sorted(found, key=lambda key: (ip_address(key.address).packed, key.sndid)))


def numbers_of(sock: Socket, request: TcpAoKeys = ALL) -> list[int]:
    """The SendIDs of the keys of a socket that match."""
    return [key.sndid for key in keys_of(sock, request)]


def used(sock: Socket) -> list[int | None]:
    """The SendID of the current key, and the RecvID of that which is asked for next."""
    info = sock.tcp_ao_info
    return [info.current_key, info.rnext]


def exchanged(client: Socket, server: Socket) -> list[str]:
    """What each of two ends receives of what the other sends."""
    client.send(b"there")
    there = server.read_exact(5).decode()
    server.send(b"back")
    return [there, client.read_exact(4).decode()]


def mac_due(
    packet: bytes,
    key: TcpAoAdd,
    *,
    isns: tuple[int, int],
    sne: int = 0,
    port: int = 0,
    others: bool = True,
) -> bytes:
    """The MAC that is due in a packet of IPv4, by hmac(sha1) (RFC 5925, 5.1; RFC 5926, 3.1 and 3.2).

    Of both initial sequence numbers the sender's comes first. What the segment's own port of origin is taken
    to be is ``port``, if it is not itself. Without ``others`` TCP's other options do not count.
    """
    segment = bytearray(packet[20:])
    addresses, ports = packet[12:20], port.to_bytes(2, "big") + segment[2:4] if port else segment[:4]
    numbers = b"".join(number.to_bytes(4, "big") for number in isns)
    context = b"\x01TCP-AO" + addresses + ports + numbers + (160).to_bytes(2, "big")
    size = key.maclen
    begin = segment.index(bytes([AUTHENTICATION, 4 + size]), 20) + 4
    segment[16:18], segment[begin : begin + size] = bytes(2), bytes(size)
    pseudo = addresses + b"\0\6" + len(segment).to_bytes(2, "big")
    if not others:
        segment = segment[:20] + segment[begin - 4 : begin + size] + segment[4 * (segment[12] >> 4) :]
    traffic_key = hmac.digest(key.key, context, "sha1")
    return hmac.digest(traffic_key, sne.to_bytes(4, "big") + pseudo + segment, "sha1")[:size]
