"""sendmmsg(2): what it refuses as sendmsg(2) does."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.files import pipe
from conformance.plugin.setups.mmsg import NOWHERE, called_at
from conformance.plugin.setups.pairs import udp_pair, unix_datagram_pair
from conformance.plugin.setups.places import ending_memory, send_from
from conformance.plugin.setups.states import connected
from conformance.plugin.timing import SOON


@claim(
    "sendmmsg.2/EBADF/not-open",
    sentence="sendmmsg.2/errors/sendmsg",
    section="ERRORS",
    says="sendmmsg of a descriptor that is not open, or negative, fails with EBADF, also for no message at "
    "all.",
    since="3.0",
)
@pytest.mark.parametrize("number", [-1, 1000])
@pytest.mark.parametrize("count", [0, 1])
def test_what_is_not_open(ns, observe, number, count):
    writer, reader = unix_datagram_pair()
    with writer, reader:
        reader.rcvtimeo = SOON
        with refused(errno.EBADF):
            called_at("sendmmsg", number, count=count)
        sent = called_at("sendmmsg", writer.fileno())

        assert observe("of_a_socket", [sent, reader.recv(9).decode()]) == [1, "x"]


@claim(
    "sendmmsg.2/ENOTSOCK/pipe",
    sentence="sendmmsg.2/errors/sendmsg",
    section="ERRORS",
    says="sendmmsg of either end of a pipe fails with ENOTSOCK.",
    since="3.0",
)
@pytest.mark.parametrize("end", [0, 1])
def test_what_is_no_socket(ns, observe, end):
    writer, reader = unix_datagram_pair()
    with writer, reader, pipe(b"x") as ends:
        reader.rcvtimeo = SOON
        with refused(errno.ENOTSOCK):
            called_at("sendmmsg", ends[end].fileno())
        sent = called_at("sendmmsg", writer.fileno())

        assert observe("of_a_socket", [sent, reader.recv(9).decode()]) == [1, "x"]


@claim(
    "sendmmsg.2/EFAULT/messages-nowhere",
    sentence="sendmmsg.2/errors/sendmsg",
    section="ERRORS",
    says="sendmmsg on a connected UDP or UNIX datagram socket fails with EFAULT where there is no memory for "
    "its messages, and sends nothing; of no messages there it returns 0.",
    since="3.0",
)
@pytest.mark.parametrize("pair", [udp_pair, unix_datagram_pair], ids=["udp", "unix"])
def test_messages_where_there_is_no_memory(ns, observe, pair):
    writer, reader = pair()
    with writer, reader:
        reader.rcvtimeo = SOON
        with refused(errno.EFAULT):
            called_at("sendmmsg", writer.fileno(), at=NOWHERE)
        none = called_at("sendmmsg", writer.fileno(), count=0, at=NOWHERE)
        writer.send(b"first")

        assert observe("of_none_and_received", [none, reader.recv(9).decode()]) == [0, "first"]


@claim(
    "sendmmsg.2/EFAULT/no-access",
    sentence="sendmmsg.2/errors/sendmsg",
    section="ERRORS",
    says="sendmmsg(2) of one message on a UDP or UNIX datagram socket whose data are in memory that may not "
    "be read fails with EFAULT; where it may it is sent.",
    since="3.0",
    survives={"no-op: connect*": "an end that only receives needs no peer"},
)
@pytest.mark.parametrize("kind", ["udp", "unix-datagram"])
def test_memory_may_not_be_read(ns, observe, kind):
    with connected(kind) as (sock, peer), ending_memory(b"hello") as place:
        peer.rcvtimeo = SOON
        with refused(errno.EFAULT):
            send_from(sock, place + 5, 5, several=True)
        sent = send_from(sock, place, 5, several=True)

        assert observe("sent_and_received", [sent, peer.recv(9).decode()]) == [1, "hello"]
