"""SO_RCVLOWAT as the Socket reference has it; socket(7) has since learnt of the poll that respects it."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.readiness import below_lowat, readable_by_poll, readable_by_select
from conformance.plugin.timing import SOON, timed
from libsocket import Socket


@claim(
    "libsocket/SO_RCVLOWAT/poll-ignores-mark",
    sentence=("libsocket/rcvlowat/poll", "libsocket/sndlowat/poll"),
    section="Socket::set_rcvlowat",
    says="select and poll call a TCP socket readable when fewer bytes are there than the mark says.",
    expect=differs(
        "a TCP socket is readable from the mark on",
        since="2.6.28",
        commit="c7004482e8dc",
        observed={"readable_below_and_at_mark": [False, True]},
    ),
)
@pytest.mark.parametrize("readable", [readable_by_select, readable_by_poll])
def test_tcp_is_readable_below_the_mark(ns, observe, readable):
    with below_lowat(Socket.tcp_pair) as (writer, reader):
        below = readable(reader)
        writer.send(b"67890")

        assert observe("readable_below_and_at_mark", [below, readable(reader, SOON)]) == [True, True]


@claim(
    "libsocket/SO_RCVLOWAT/poll-ignores-mark-on-unix",
    sentence=("libsocket/rcvlowat/poll", "libsocket/sndlowat/poll"),
    section="Socket::set_rcvlowat",
    says="select and poll call a UNIX stream socket readable when fewer bytes are there than the mark says.",
)
@pytest.mark.parametrize("readable", [readable_by_select, readable_by_poll])
def test_a_unix_stream_is_readable_below_the_mark(ns, observe, readable):
    with below_lowat(Socket.pair) as (_writer, reader):
        assert observe("mark_and_readable", [reader.rcvlowat, readable(reader)]) == [6, True]


@claim(
    "libsocket/SO_RCVLOWAT/read-blocks-although-readable",
    sentence=("libsocket/rcvlowat/read", "libsocket/sndlowat/read"),
    section="Socket::set_rcvlowat",
    says="A read from a blocking UNIX stream socket that was called readable blocks while fewer bytes are "
    "there than the mark says.",
)
def test_a_read_blocks_although_the_socket_was_readable(ns, observe):
    with below_lowat(Socket.pair) as (_writer, reader):
        reader.rcvtimeo = 0.05
        readable = readable_by_poll(reader)
        with timed() as took:
            received = reader.recv(100).decode()

        seen = [readable, took.lasted(0.05), received]
        assert observe("readable_waited_and_received", seen) == [True, True, "12345"]
