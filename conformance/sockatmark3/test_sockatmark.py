"""sockatmark(3): where the urgent byte is, which it does not take away."""

from __future__ import annotations

import errno
import fcntl
import os
from signal import SIGURG
from socket import MSG_OOB

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import at_mark, descriptor_of, duplicate
from conformance.plugin.setups.pairs import TCP_PAIRS
from conformance.plugin.setups.readiness import await_end
from conformance.plugin.setups.signals import signalled
from conformance.plugin.setups.states import in_state
from conformance.plugin.setups.urgent import at_mark as at_mark_by_ioctl
from conformance.plugin.setups.urgent import await_urgent, send_with_urgent_byte
from conformance.plugin.timing import SOON
from libsocket import Socket

PAIRS = pytest.mark.parametrize("pair", TCP_PAIRS.values(), ids=TCP_PAIRS)


@claim(
    "sockatmark.3/sockatmark/read-to-the-mark",
    sentence=(
        "sockatmark.3/sockatmark/at-mark",
        "sockatmark.3/sockatmark/mark-stays",
        "sockatmark.3/NOTES/MSG_OOB",
        "sockatmark.3/EXAMPLES/read-to-the-mark",
    ),
    section="EXAMPLES",
    says="Of ab, an urgent X and cd on a TCP socket a read of nine bytes gives ab, before which sockatmark "
    "is 0 and after which it is 1, twice; MSG_OOB then gives X and leaves it 1, and once cd and the end "
    "were read it is 0.",
    needs=[IPV6],
)
@PAIRS
def test_reading_goes_to_the_mark(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        send_with_urgent_byte(sender)
        await_urgent(receiver)
        fd = receiver.fileno()
        marks = [at_mark(fd)]
        read = [receiver.recv(9).decode()]
        marks += [at_mark(fd), at_mark(fd)]
        read.append(receiver.recv(1, MSG_OOB).decode())
        marks.append(at_mark(fd))
        read.append(receiver.read_to_string())
        marks.append(at_mark(fd))

        assert [observe("marks", marks), observe("read", read)] == [[0, 1, 1, 1, 0], ["ab", "X", "cd"]]


@claim(
    "sockatmark.3/NOTES/ioctl",
    sentence="sockatmark.3/NOTES/ioctl",
    section="NOTES",
    says="SIOCATMARK of a TCP socket gives what sockatmark does: 0 before an urgent byte, 1 at it, 0 after.",
    needs=[IPV6],
)
@PAIRS
def test_the_ioctl_says_the_same(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        send_with_urgent_byte(sender)
        await_urgent(receiver)
        both = [(at_mark(receiver.fileno()), at_mark_by_ioctl(receiver))]
        receiver.read_exact(2)
        both.append((at_mark(receiver.fileno()), at_mark_by_ioctl(receiver)))
        after = receiver.read_to_string()
        both.append((at_mark(receiver.fileno()), at_mark_by_ioctl(receiver)))

        seen = [list(map(int, pair)) for pair in both]
        assert [observe("both", seen), observe("after", after)] == [[[0, 0], [1, 1], [0, 0]], "cd"]


@claim(
    "sockatmark.3/mark/latest",
    sentence="sockatmark.3/sockatmark/at-mark",
    section="DESCRIPTION",
    says="Of a, an urgent X, b and an urgent Y on a TCP socket the mark is at Y alone, once both have come.",
)
def test_the_latest_urgent_byte_is_the_mark(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"a")
        sender.send(b"X", MSG_OOB)
        await_urgent(receiver)
        sender.send(b"b")
        sender.send(b"Y", MSG_OOB)
        sender.shutdown(1)
        await_end(receiver)
        marks = [at_mark(receiver.fileno())]
        read = receiver.recv(9).decode()
        marks.append(at_mark(receiver.fileno()))

        assert [observe("marks", marks), observe("read", read)] == [[0, 1], "aXb"]


@claim(
    "sockatmark.3/duplicate/shared",
    sentence="sockatmark.3/sockatmark/mark-stays",
    section="DESCRIPTION",
    says="sockatmark of another descriptor of a TCP socket tells of the same mark: 0 before it, 1 once the "
    "first descriptor has read what is before, and 0 once it has read the rest.",
)
def test_the_mark_is_of_the_socket(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver, Socket.from_fd(duplicate(receiver.fileno())) as again:
        receiver.rcvtimeo = SOON
        send_with_urgent_byte(sender)
        await_urgent(receiver)
        marks = [at_mark(again.fileno())]
        receiver.read_exact(2)
        marks.append(at_mark(again.fileno()))
        after = receiver.read_to_string()
        marks.append(at_mark(again.fileno()))

        assert [observe("marks", marks), observe("after", after)] == [[0, 1, 0], "cd"]


@claim(
    "sockatmark.3/handler/sigurg",
    sentence="sockatmark.3/NOTES/handler",
    section="NOTES",
    says="Once SIGURG has told the owner of a TCP socket of urgent data that nothing is before, sockatmark "
    "gives 1.",
)
def test_the_signal_has_come_before_the_mark_is_read(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with signalled(SIGURG) as came, sender, receiver:
        fcntl.fcntl(receiver, fcntl.F_SETOWN, os.getpid())
        before = at_mark(receiver.fileno())
        sender.send(b"X", MSG_OOB)
        await_urgent(receiver)

        assert observe("signals_and_marks", [list(came), before, at_mark(receiver.fileno())]) == [
            ["SIGURG"],
            0,
            1,
        ]


@claim(
    "sockatmark.3/EBADF/closed",
    sentence="sockatmark.3/EBADF/not-open",
    section="ERRORS",
    says="sockatmark of a TCP socket's descriptor that was closed, of -1 and of the largest int fails with "
    "EBADF.",
)
@pytest.mark.parametrize("fd", [None, -1, 2**31 - 1], ids=["closed", "negative", "largest"])
def test_a_descriptor_must_be_open(ns, observe, fd):
    with Socket.tcp() as sock:
        number = sock.fileno()
        mark = at_mark(number)
    with refused(errno.EBADF):
        at_mark(number if fd is None else fd)

    assert observe("mark_when_open", mark) == 0


@claim(
    "sockatmark.3/EINVAL/no-socket",
    sentence="sockatmark.3/EINVAL/inapplicable",
    section="ERRORS",
    says="sockatmark of a pipe, /dev/null or a network namespace fails with EINVAL.",
    expect=differs(
        "it fails with ENOTTY, as an ioctl that is not there (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"mark_of_a_socket": 1, "errno": "ENOTTY"},
    ),
)
@pytest.mark.parametrize("kind", ["pipe", "device", "namespace"])
def test_it_must_be_a_socket(ns, observe, kind):
    with in_state("tcp", "urgent") as sock:
        mark = observe("mark_of_a_socket", at_mark(sock.fileno()))
    with descriptor_of(kind) as fd, refused(errno.EINVAL):
        at_mark(fd)

    assert mark == 1
