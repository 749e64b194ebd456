"""What include/uapi/linux/tcp.h says of TCP-AO, and its document does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import TCP_AO
from conformance.plugin.refusal import refused
from conformance.plugin.setups.segments import next_segment, segment, segments
from conformance.plugin.setups.tcp_ao import (
    ALL,
    ANOTHER,
    AUTHENTICATION,
    KEY,
    add_keys,
    authenticated,
    connecting,
    deletion,
    mac_due,
    mirrored,
    numbers_of,
    used,
)
from conformance.plugin.timing import SOON
from libsocket import (
    TCP_AO_ADD_KEY,
    TCP_AO_DEL_KEY,
    TCP_AO_GET_KEYS,
    TCP_AO_INFO,
    Codec,
    Option,
    Socket,
    TcpAoInfo,
    raw,
)
from netns import Capability

SINCE = "6.7"
NOBODYS = ("127.0.0.1", 9)
EXCLUDE_OPT = 2
"""TCP_AO_KEYF_EXCLUDE_OPT."""


@claim(
    "tcp.h/TCP_AO_KEYF_EXCLUDE_OPT/excluded",
    sentence="tcp.h/TCP_AO_KEYF_EXCLUDE_OPT/excluded",
    says="The MAC of the SYN of a TCP socket over IPv4 whose key, given with TCP_AO_ADD_KEY, has "
    "TCP_AO_KEYF_EXCLUDE_OPT is that of a segment without TCP's other options, and that of one with them "
    "where the key has not.",
    since=SINCE,
    needs=[TCP_AO, Capability.NET_RAW],
    survives={"no-op: ioctl(FIONBIO*": "a connect that waits sends the same"},
)
@pytest.mark.parametrize(("flags", "others"), [(0, True), (EXCLUDE_OPT, False)])
def test_other_options_are_left_out(ns, observe, flags, others):
    with segments() as arriving, connecting(NOBODYS, replace(KEY, keyflags=flags)):
        arriving.rcvtimeo = SOON
        asked = arriving.recv(1000)
        found = segment(asked)
        mac = found.options[AUTHENTICATION][2:]
        due = [mac_due(asked, KEY, isns=(found.sequence, 0), others=one) for one in (True, False)]

        assert observe("with_and_without", [mac == one for one in due]) == [others, not others]


@claim(
    "tcp.h/tcp_ao_add/at-once",
    sentence="tcp.h/tcp_ao_add/set_current",
    says="A key that is added to a connected TCP socket over IPv4 by TCP_AO_ADD_KEY is the current key at "
    "once with set_current, and that which the peer is asked for with set_rnext: the next segment has its "
    "SendID, or its RecvID. Without them it is neither.",
    since=SINCE,
    needs=[TCP_AO, Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("current", "rnext", "numbers"),
    [
        (False, False, [100, 101]),
        (True, False, [102, 101]),
        (False, True, [100, 103]),
        (True, True, [102, 103]),
    ],
)
def test_a_key_is_used_at_once(ns, observe, current, rnext, numbers):
    with authenticated(KEY) as (client, server), segments() as arriving:
        arriving.rcvtimeo = SOON
        server.tcp_ao_add_key = mirrored(ANOTHER)
        client.tcp_ao_add_key = replace(ANOTHER, set_current=current, set_rnext=rnext)
        seen = used(client)
        client.send(b"data")

        sent = list(next_segment(arriving).options[AUTHENTICATION][:2])
        keys = [numbers_of(end) for end in (client, server)]
        assert [observe("keys", keys), observe("used", seen), observe("sent", sent)] == [
            [[100, 102], [101, 103]],
            numbers,
            numbers,
        ]


RESERVED: dict[str, tuple[Option[Any], object, int, list[object]]] = {
    "add-key": (TCP_AO_ADD_KEY, ANOTHER, 199, [[100, 102], False]),
    "add-key-2": (TCP_AO_ADD_KEY, ANOTHER, 200, [[100, 102], False]),
    "del-key": (TCP_AO_DEL_KEY, deletion(KEY), 135, [[], False]),
    "del-key-2": (TCP_AO_DEL_KEY, deletion(KEY), 136, [[], False]),
    "info": (TCP_AO_INFO, TcpAoInfo(ao_required=True), 3, [[100], True]),
    "info-2": (TCP_AO_INFO, TcpAoInfo(ao_required=True), 4, [[100], True]),
}
"""An option, what it is set to, a byte of that whose highest bit is reserved, and the state after that."""


def state(sock: Socket) -> list[object]:
    """The SendIDs of its keys, and whether unsigned segments are dropped."""
    return [numbers_of(sock), sock.tcp_ao_info.ao_required]


@claim(
    "tcp.h/tcp_ao/reserved",
    sentence="tcp.h/tcp_ao/reserved",
    says="TCP_AO_ADD_KEY, TCP_AO_DEL_KEY and TCP_AO_INFO of a TCP socket over IPv4 that is not connected are "
    "refused where the highest bit of reserved is set, or one of reserved2, and change nothing; they are not "
    "refused where both are 0.",
    since=SINCE,
    needs=[TCP_AO],
)
@pytest.mark.parametrize("which", RESERVED)
def test_what_is_reserved_is_zero(ns, observe, which):
    option, value, at, after = RESERVED[which]
    octets = option.codec.encode(value)
    as_bytes = option.through(raw(len(octets)))
    with Socket.tcp() as sock:
        sock.tcp_ao_add_key = KEY
        with refused():
            sock.set(as_bytes, octets[:at] + b"\x80" + octets[at + 1 :])
        before = state(sock)
        sock.set(as_bytes, octets)

        assert observe("before_and_after", [before, state(sock)]) == [[[100], False], after]


def requested(option: Option[Any], value: object, size: int) -> bytes:
    """The structure of a size with which an option is asked for a value."""
    encode = option.codec.request
    assert callable(encode)
    return encode(value)[:size]


REQUESTS: dict[str, tuple[Option[Any], object, Option[Any], bytes, int, int]] = {
    "get-keys": (TCP_AO_ADD_KEY, KEY, TCP_AO_GET_KEYS, requested(TCP_AO_GET_KEYS, ALL, 304), 277, 272),
    "info": (TCP_AO_INFO, TcpAoInfo(ao_required=True), TCP_AO_INFO, bytes(48), 3, 0),
    "info-2": (TCP_AO_INFO, TcpAoInfo(ao_required=True), TCP_AO_INFO, bytes(48), 4, 0),
}
"""What is set; an option, the structure that it is asked with, a byte of that whose highest bit is reserved.

The last is the first of four bytes of the answer that are not 0 because of what was set.
"""


@claim(
    "tcp.h/tcp_ao/reserved-asked",
    sentence="tcp.h/tcp_ao/reserved",
    says="TCP_AO_GET_KEYS and TCP_AO_INFO of a TCP socket over IPv4 that has a key, or ao_required, are "
    "refused where the highest bit of reserved is set in the structure that they are asked with, or one of "
    "reserved2; they are not refused where these are 0.",
    since=SINCE,
    needs=[TCP_AO],
)
@pytest.mark.parametrize("which", REQUESTS)
def test_what_is_reserved_is_zero_in_a_request(ns, observe, which):
    setting, value, option, octets, at, told = REQUESTS[which]
    asked = option.through(Codec("bytes", len(octets), bytes, bytes, request=bytes))
    with Socket.tcp() as sock:
        sock.set(setting, value)
        with refused():
            sock.get(asked, request=octets[:at] + b"\x80" + octets[at + 1 :])
        given = sock.get(asked, request=octets)

        assert observe("size_and_told", [len(given), any(given[told : told + 4])]) == [len(octets), True]


@claim(
    "tcp.h/tcp_ao_getsockopt/nkeys",
    sentence="tcp.h/tcp_ao_getsockopt/nkeys",
    says="TCP_AO_GET_KEYS of a TCP socket over IPv4 with 63, 64 or 65 keys, asked with an nkeys of 64, gives "
    "63, 64 and 64 of them, and nkeys is how many there are then.",
    since=SINCE,
    needs=[TCP_AO],
)
@pytest.mark.parametrize("number", [63, 64, 65])
def test_there_is_room_for_so_many(ns, observe, number):
    with Socket.tcp() as sock:
        add_keys(sock, *(replace(KEY, sndid=one, rcvid=one) for one in range(number)))
        found = sock.get(TCP_AO_GET_KEYS, request=ALL)

        assert observe("given_and_there", [len(found.keys), found.matched]) == [min(number, 64), number]
