"""socketpair(2): two sockets that are connected, and what is left where it fails."""

from __future__ import annotations

import errno
import os
import socket
from socket import AF_INET, AF_UNIX, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM
from typing import Any

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import (
    NOWHERE,
    UNSET,
    answer,
    flags_of_pair,
    numbers_left,
    pair_made,
    pair_to,
    returned_for_pair,
)
from conformance.plugin.setups.descriptors import limit_files
from conformance.plugin.timing import SOON
from libsocket import (
    SO_ACCEPTCONN,
    SO_DOMAIN,
    SO_ERROR,
    SO_MARK,
    SO_PASSCRED,
    SO_PEEK_OFF,
    SO_PEERCRED,
    SO_PRIORITY,
    SO_PROTOCOL,
    SO_RCVBUF,
    SO_RCVLOWAT,
    SO_RCVTIMEO,
    SO_SNDBUF,
    SO_TYPE,
    Option,
    Socket,
)
from netns import in_child

TYPES = pytest.mark.parametrize(
    "type_", [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET], ids=["stream", "datagram", "seqpacket"]
)


@claim(
    "socketpair.2/socketpair/connected",
    sentence=("socketpair.2/socketpair/pair", "socketpair.2/socketpair/descriptors"),
    section="DESCRIPTION",
    says="The two sockets that socketpair makes of AF_UNIX, stream, datagram or seqpacket, are connected to "
    "each other: what either sends the other receives, and neither has a name.",
)
@TYPES
def test_a_pair_is_connected(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        left.rcvtimeo = right.rcvtimeo = SOON
        left.send(b"there")
        right.send(b"back")
        received = [right.recv(9).decode(), left.recv(9).decode()]
        names = [left.getsockname(), left.getpeername(), right.getsockname(), right.getpeername()]

        assert [observe("received", received), observe("names", names)] == [["there", "back"], [""] * 4]


@claim(
    "socketpair.2/socketpair/indistinguishable",
    sentence="socketpair.2/socketpair/indistinguishable",
    section="DESCRIPTION",
    says="Of the two sockets that socketpair makes of AF_UNIX, stream, datagram or seqpacket, these options "
    "read the same: SO_DOMAIN, SO_TYPE, SO_PROTOCOL, SO_ACCEPTCONN, SO_ERROR, SO_PEERCRED, SO_PASSCRED, "
    "SO_RCVBUF, SO_SNDBUF, SO_RCVLOWAT, SO_RCVTIMEO, SO_PRIORITY, SO_MARK and SO_PEEK_OFF.",
)
@TYPES
def test_the_two_have_the_same_options(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        different = [option.name for option in OPTIONS if left.get(option) != right.get(option)]

        assert observe("different", different) == []


OPTIONS: tuple[Option[Any], ...] = (
    *(SO_DOMAIN, SO_TYPE, SO_PROTOCOL, SO_ACCEPTCONN, SO_ERROR, SO_PEERCRED, SO_PASSCRED),
    *(SO_RCVBUF, SO_SNDBUF, SO_RCVLOWAT, SO_RCVTIMEO, SO_PRIORITY, SO_MARK, SO_PEEK_OFF),
)


@claim(
    "socketpair.2/socketpair/same-cookie",
    sentence="socketpair.2/socketpair/indistinguishable",
    section="DESCRIPTION",
    says="The two sockets that socketpair makes of AF_UNIX, stream, datagram or seqpacket, cannot be told "
    "apart by SO_COOKIE, which reads the same.",
    expect=differs(
        "each has a number of its own",
        since="4.12",
        commit="5daab9db7b65",
        observed={"cookies": 2},
    ),
)
@TYPES
def test_the_two_have_the_same_cookie(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        assert observe("cookies", len({left.cookie, left.cookie, right.cookie})) == 1


@claim(
    "socketpair.2/SOCK_NONBLOCK/both",
    sentence=("socketpair.2/SOCK_NONBLOCK/since", "socketpair.2/SOCK_CLOEXEC/since"),
    section="HISTORY",
    says="SOCK_NONBLOCK and SOCK_CLOEXEC set O_NONBLOCK and FD_CLOEXEC of both sockets of a pair, each "
    "alone and both together; without them neither is set.",
    since="2.6.27",
)
@pytest.mark.parametrize("nonblock", [0, socket.SOCK_NONBLOCK], ids=["blocking", "nonblocking"])
@pytest.mark.parametrize("cloexec", [0, socket.SOCK_CLOEXEC], ids=["inherited", "close-on-exec"])
@TYPES
def test_the_flags_are_those_of_both(ns, observe, type_, cloexec, nonblock):
    flags = flags_of_pair(type_ | cloexec | nonblock)
    expected = [bool(nonblock), bool(cloexec)]

    assert observe("nonblocking_and_close_on_exec", flags) == [expected, expected]


@claim(
    "socketpair.2/sv/unchanged",
    sentence="socketpair.2/return/sv-unchanged",
    section="RETURN VALUE",
    says="A socketpair that fails for the domain -1, for AF_INET, for a protocol that AF_UNIX does not have, "
    "or for SOCK_RDM leaves sv as it was.",
    expect=differs(
        "sv holds the numbers that the descriptors would have had",
        since="4.16",
        commit="016a266bdfed",
        observed={"unchanged": False},
    ),
    survives={"*": "sv is memory of the process, which no changed answer changes back"},
)
@pytest.mark.parametrize(
    "asked",
    [
        (-1, SOCK_STREAM, 0),
        (AF_INET, SOCK_STREAM, 0),
        (AF_UNIX, SOCK_STREAM, 2),
        (AF_UNIX, socket.SOCK_RDM, 0),
    ],
    ids=["family", "no-pairs", "protocol", "type"],
)
def test_the_numbers_stay(ns, observe, asked):
    unchanged = numbers_left(*asked) == list(UNSET)

    made = observe("made", pair_made(AF_UNIX, SOCK_STREAM, 0))
    assert [observe("unchanged", unchanged), made] == [True, [AF_UNIX, SOCK_STREAM, 0]]


@claim(
    "socketpair.2/sv/unchanged-flags",
    sentence="socketpair.2/return/sv-unchanged",
    section="RETURN VALUE",
    says="A socketpair of AF_UNIX that fails with EINVAL for an unknown flag leaves sv as it was.",
)
def test_the_numbers_stay_where_a_flag_is_unknown(ns, observe):
    with refused(errno.EINVAL):
        pair_made(AF_UNIX, SOCK_STREAM | 0x10, 0)
    numbers = numbers_left(AF_UNIX, SOCK_STREAM | 0x10, 0)

    assert [observe("numbers", numbers), observe("made", pair_made(AF_UNIX, SOCK_STREAM, 0))] == [
        list(UNSET),
        [AF_UNIX, SOCK_STREAM, 0],
    ]


@claim(
    "socketpair.2/EMFILE/limit",
    sentence=("socketpair.2/EMFILE/limit", "socketpair.2/return/sv-unchanged"),
    section="ERRORS",
    says="socketpair of AF_UNIX fails with EMFILE where the process can open no descriptor more, or one, "
    "and leaves sv as it was; where it can open two it makes a pair.",
)
@pytest.mark.parametrize("free", [0, 1])
def test_there_must_be_room_for_two(ns, observe, free):
    with refused(errno.EMFILE):
        in_child(lambda: pair_with_room_for(free))
    left = in_child(lambda: left_with_room_for(free))

    assert observe("left_and_made", [left, in_child(lambda: pair_with_room_for(2))]) == [
        list(UNSET),
        [AF_UNIX, SOCK_STREAM, 0],
    ]


def pair_with_room_for(count: int) -> list[int]:
    limit_files(count)
    return pair_made(AF_UNIX, SOCK_STREAM, 0)


def left_with_room_for(count: int) -> list[int]:
    limit_files(count)
    return numbers_left(AF_UNIX, SOCK_STREAM, 0)


@claim(
    "socketpair.2/return/value",
    sentence="socketpair.2/return/value",
    section="RETURN VALUE",
    says="socketpair returns 0 for stream sockets of AF_UNIX, and -1 for those of AF_INET, of which there "
    "are no pairs.",
    survives={"*": "its sockets are closed at once"},
)
def test_success_is_0(ns, observe):
    assert observe("returned", [returned_for_pair(AF_UNIX), returned_for_pair(AF_INET)]) == [0, -1]


@claim(
    "socketpair.2/EFAULT/sv",
    sentence="socketpair.2/EFAULT/sv",
    section="ERRORS",
    says="socketpair of AF_UNIX fails with EFAULT where sv is NULL or the address 1.",
)
@pytest.mark.parametrize("address", [None, NOWHERE], ids=["null", "nowhere"])
def test_the_numbers_need_memory(ns, observe, address):
    with refused(errno.EFAULT):
        pair_to(address)

    assert observe("made", pair_made(AF_UNIX, SOCK_STREAM, 0)) == [AF_UNIX, SOCK_STREAM, 0]


@claim(
    "defacto/socketpair/no-descriptor-left",
    says="A socketpair that fails, with EFAULT or with EOPNOTSUPP, leaves no descriptor open: as many as "
    "before can be opened.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_no_descriptor_is_left(ns, observe):
    assert observe("opened", in_child(opened_after_failures)) == [2, "EMFILE"]


def opened_after_failures() -> list[object]:
    """How many descriptors can be opened after failed calls, where there was room for two; why no more."""
    limit_files(2)
    numbers_left(AF_INET, SOCK_STREAM, 0)
    answer(lambda: pair_to(None))
    opened = [os.dup(0), os.dup(0)]
    return [len(opened), answer(lambda: os.dup(0))]
