"""Many messages by one call."""

from __future__ import annotations

import errno
import gc
import os
import signal
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libsocket import Batch, Inet, Mark, Message, Rights, Socket, Ttl, Ucred
from netns import Capability, Namespace, without

Ends = tuple[Socket, Socket]


def open_files() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
def ends() -> Iterator[Ends]:
    left, right = Socket.pair(socket.SOCK_DGRAM)
    with left, right:
        yield left, right


@pytest.fixture
def udp() -> Iterator[Ends]:
    with Namespace(), Socket.udp() as near, Socket.udp() as far:
        far.bind(("127.0.0.1", 0))
        near.connect(far.getsockname())
        yield near, far


@given(st.lists(st.binary(max_size=70), min_size=1, max_size=30))
@settings(max_examples=50)
def test_what_is_sent_arrives_in_order_and_whole(sent: list[bytes]) -> None:
    left, right = Socket.pair(socket.SOCK_SEQPACKET)
    with left, right:
        count = left.send_messages([data for data in sent if data])
        got = right.recv_messages(Batch(31, 70), flags=socket.MSG_DONTWAIT) if count else []

        assert [message.data for message in got] == [data for data in sent if data]


def test_any_buffer_is_sent_as_its_bytes(ends: Ends) -> None:
    left, right = ends
    left.send_messages([bytearray(b"a"), memoryview(b"b"), memoryview(b"abcdefgh").cast("I"), Message(b"d")])

    assert [one.data for one in right.recv_messages(Batch(4))] == [b"a", b"b", b"abcdefgh", b"d"]


def test_receive_takes_what_is_there_and_waits_for_no_more(ends: Ends) -> None:
    left, right = ends
    left.send_messages([b"a", b"b"])

    assert len(right.recv_messages(Batch(64))) == 2


def test_batch_holds_no_more_than_its_count(ends: Ends) -> None:
    left, right = ends
    batch = Batch(2)
    left.send_messages([b"a", b"b", b"c"])

    assert [len(right.recv_messages(batch)) for _ in range(2)] == [2, 1]


def test_batch_is_used_again_without_a_trace(ends: Ends) -> None:
    left, right = ends
    batch = Batch(4, 16)
    left.send_messages([b"a" * 16, b"b" * 9])
    first = right.recv_messages(batch)
    left.send_messages([b"c", b"", b"d" * 3])
    second = right.recv_messages(batch)

    assert ([one.data for one in first], [one.data for one in second]) == (
        [b"a" * 16, b"b" * 9],
        [b"c", b"", b"ddd"],
    )


def test_senders_are_distinguished(udp: Ends) -> None:
    near, far = udp
    with Socket.udp() as other:
        other.bind(("127.0.0.1", 0))
        other.sendto(b"o", far.getsockname())
        near.send(b"n")
        other.sendto(b"o", far.getsockname())
        got = far.recv_messages(Batch(8))

        assert [one.address for one in got] == [Inet(*one.getsockname()) for one in (other, near, other)]


def test_each_message_has_an_address_of_its_own(udp: Ends) -> None:
    _, far = udp
    with Socket.udp() as sender, Socket.udp() as second:
        second.bind(("127.0.0.1", 0))
        targets = [far.getsockname(), Inet(*second.getsockname())]
        sender.send_messages([Message(bytes([n]), address=target) for n, target in enumerate(targets)])

        assert (far.recv(1), second.recv(1)) == (b"\0", b"\1")


def test_received_messages_can_be_sent_back(udp: Ends) -> None:
    near, far = udp
    near.send_messages([b"one", b"two"])
    far.send_messages(far.recv_messages(Batch()))

    assert [one.data for one in near.recv_messages(Batch())] == [b"one", b"two"]


def test_each_message_has_control_messages_of_its_own(udp: Ends) -> None:
    near, far = udp
    far.ip_recvttl = True
    near.send_messages([Message(b"", (Ttl(number), Mark(1))) for number in range(1, 9)])

    assert [one.find(Ttl) for one in far.recv_messages(Batch(8, 1, 64))] == list(range(1, 9))


def test_without_room_control_messages_are_dropped_visibly(udp: Ends) -> None:
    near, far = udp
    far.ip_recvttl = True
    near.send(b"x")
    [message] = far.recv_messages(Batch(1))

    assert (message.control, message.control_truncated) == ((), True)


def test_long_datagram_is_truncated_visibly(ends: Ends) -> None:
    left, right = ends
    left.send_messages([b"hello", b"h"])
    got = right.recv_messages(Batch(2, 2))

    assert [(one.data, one.truncated) for one in got] == [(b"he", True), (b"h", False)]


def test_asking_for_the_real_length_reads_no_neighbour(udp: Ends) -> None:
    near, far = udp
    near.send_messages([b"hello", b"world"])
    got = far.recv_messages(Batch(2, 2), flags=socket.MSG_TRUNC | socket.MSG_DONTWAIT)

    assert [one.data for one in got] == [b"he", b"wo"]


def test_descriptors_are_owned_by_their_messages(ends: Ends) -> None:
    left, right = ends
    before = open_files()
    with open("/dev/null", "rb") as file:
        left.send_messages([Message(b"x", (Rights(file, file),))] * 4)
    got = right.recv_messages(Batch(4, 1, 64))
    during = open_files()
    got[0].close()
    del got

    assert (during - before, open_files() - before) == (8, 0)


@pytest.mark.parametrize("room", [0, 1, 16, 20, 24, 28, 32])
def test_no_room_leaks_a_descriptor(ends: Ends, room: int) -> None:
    left, right = ends
    before = open_files()
    with open("/dev/null", "rb") as file:
        left.send_messages([Message(b"x", (Rights(file, file, file),))] * 3)
    got = right.recv_messages(Batch(3, 1, room))
    truncated = [one.control_truncated for one in got]
    del got

    assert (truncated, open_files() - before) == ([room < 28] * 3, 0)


def test_received_descriptors_are_not_inherited(ends: Ends) -> None:
    left, right = ends
    left.send_messages([Message(b"x", (Rights(0),))])
    [message] = right.recv_messages(Batch(1, 1, 64))
    with message:
        assert [os.get_inheritable(fd) for fd in (message.find(Rights) or Rights()).fds] == [False]


def test_credentials_pass_in_a_batch(ends: Ends) -> None:
    left, right = ends
    right.passcred = True
    left.send_messages([Message(b"x", (Ucred(os.getpid(), 5, 6),)), b"y"])

    assert [one.find(Ucred) for one in right.recv_messages(Batch(2, 1, 64))] == [
        Ucred(os.getpid(), 5, 6),
        Ucred(os.getpid(), os.getuid(), os.getgid()),
    ]


def test_those_before_a_bad_one_are_sent(udp: Ends) -> None:
    near, far = udp
    sent = near.send_messages([b"good", bytes(70_000), b"never"])

    assert (sent, [one.data for one in far.recv_messages(Batch())]) == (1, [b"good"])


def test_error_of_the_first_is_raised(udp: Ends) -> None:
    near, _ = udp

    with pytest.raises(OSError, match="too long") as refusal:
        near.send_messages([bytes(70_000), b"good"])

    assert refusal.value.errno == errno.EMSGSIZE


def test_refused_control_message_is_an_error(udp: Ends) -> None:
    near, _ = udp

    with without(Capability.NET_ADMIN, Capability.NET_RAW), pytest.raises(PermissionError):
        near.send_messages([Message(b"x", (Mark(1),))])


def test_pending_error_is_raised_once_and_loses_nothing() -> None:
    with Namespace(), Socket.udp() as near, Socket.udp() as far:
        near.bind(("127.0.0.1", 0))
        far.bind(("127.0.0.1", 0))
        far.connect(near.getsockname())
        near.sendto(b"before", far.getsockname())
        near.close()
        far.send(b"nobody")

        with pytest.raises(ConnectionRefusedError):
            far.recv_messages(Batch(4))

        assert [one.data for one in far.recv_messages(Batch(4))] == [b"before"]


def test_nothing_to_send_sends_nothing(ends: Ends) -> None:
    left, _ = ends

    assert left.send_messages([]) == 0


def test_one_call_sends_at_most_1024(udp: Ends) -> None:
    near, far = udp
    far.rcvbufforce = 1 << 24

    assert (near.send_messages([b"x"] * 2000), len(far.recv_messages(Batch(1024)))) == (1024, 1024)


def test_full_queue_sends_a_part(ends: Ends) -> None:
    left, _ = ends
    left.nonblocking = True
    sent = left.send_messages([b"x"] * 1024)

    assert 0 < sent < 1024
    with pytest.raises(BlockingIOError):
        left.send_messages([b"x"])


def test_nothing_there_would_block(ends: Ends) -> None:
    _, right = ends
    right.nonblocking = True

    with pytest.raises(BlockingIOError):
        right.recv_messages(Batch(1))


def test_timeout_of_the_socket_ends_a_receive(ends: Ends) -> None:
    _, right = ends
    right.settimeout(0.01)

    with pytest.raises(TimeoutError):
        right.recv_messages(Batch(1))


def test_timeout_of_the_socket_lets_what_comes_through(ends: Ends) -> None:
    left, right = ends
    right.settimeout(60)
    sender = threading.Timer(0.01, left.send, (b"late",))
    sender.start()
    got = right.recv_messages(Batch(4))
    sender.join()

    assert [one.data for one in got] == [b"late"]


def test_receive_timeout_of_the_kernel_ends_a_receive(ends: Ends) -> None:
    _, right = ends
    right.rcvtimeo = 0.01

    with pytest.raises(BlockingIOError):
        right.recv_messages(Batch(1))


def test_blocking_receive_can_wait_until_the_batch_is_full(ends: Ends) -> None:
    left, right = ends
    left.send(b"a")
    sender = threading.Timer(0.01, left.send, (b"b",))
    sender.start()
    got = right.recv_messages(Batch(2), flags=0)
    sender.join()

    assert [one.data for one in got] == [b"a", b"b"]


def test_signal_does_not_end_a_receive(ends: Ends) -> None:
    left, right = ends
    before = signal.signal(signal.SIGALRM, lambda _number, _frame: left.send(b"from the handler"))
    # Again and again: a signal between Python and the system call wakes nobody.
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    got = right.recv_messages(Batch(1))
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)

    assert [one.data for one in got] == [b"from the handler"]


def test_threads_take_turns_with_one_batch() -> None:
    left, right = Socket.pair(socket.SOCK_SEQPACKET)
    batch, got = Batch(16, 8), list[bytes]()
    readers = [threading.Thread(target=_read_to_end, args=(right, batch, got)) for _ in range(4)]
    with left, right:
        for reader in readers:
            reader.start()
        sent = [f"{number:08}".encode() for number in range(1000)]
        for data in sent:
            left.send(data)
        left.shutdown(socket.SHUT_WR)
        for reader in readers:
            reader.join()

    assert sorted(got) == sent


def _read_to_end(sock: Socket, batch: Batch, got: list[bytes]) -> None:
    data: list[bytes] = [b"begin"]
    while b"" not in data:
        data = [one.data for one in sock.recv_messages(batch)]
        got += filter(None, data)


def test_closed_socket_is_a_bad_descriptor(ends: Ends) -> None:
    left, right = ends
    left.close()
    right.close()

    with pytest.raises(OSError, match="Bad file descriptor"):
        right.recv_messages(Batch(1))
    with pytest.raises(OSError, match="Bad file descriptor"):
        left.send_messages([b"x"])


@pytest.mark.parametrize(("count", "size", "control"), [(0, 1, 0), (1025, 1, 0), (1, -1, 0), (1, 1, -1)])
def test_impossible_batch_is_refused(count: int, size: int, control: int) -> None:
    with pytest.raises(ValueError, match="1 to 1024 messages"):
        Batch(count, size, control)
