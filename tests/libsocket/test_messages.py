"""Messages between UNIX sockets: descriptors, credentials, room, threads."""

from __future__ import annotations

import array
import gc
import os
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from libsocket import Fd, Inet, Inq, Message, MessageFlag, Pidfd, Rights, Security, Socket, Ucred, Unknown
from libsocket.control.wire import received
from tests.libsocket.kernel import old_enough

Ends = tuple[Socket, Socket]
ONE = socket.CMSG_SPACE(4)


def open_files() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def closed(fd: int) -> bool:
    return not Path(f"/proc/self/fd/{fd}").exists()


@pytest.fixture
def ends() -> Iterator[Ends]:
    left, right = Socket.pair()
    with left, right:
        yield left, right


@pytest.fixture
def file() -> Iterator[IO[bytes]]:
    with open("/dev/null", "rb") as opened:
        yield opened


def test_data_arrives_as_a_message(ends: Ends) -> None:
    left, right = ends
    sent = left.send_message(b"hello")

    assert (sent, right.recv_message(10)) == (5, Message(b"hello"))


def test_pieces_are_sent_as_one(ends: Ends) -> None:
    left, right = ends
    left.send_message([b"he", bytearray(b"ll"), memoryview(b"o")])

    assert right.recv_message(10).data == b"hello"


def test_message_unpacks_like_what_recvmsg_gives(ends: Ends) -> None:
    left, right = ends
    left.send_message(b"x")
    data, control, flags, address = right.recv_message(10)

    assert (data, control, flags, address) == (b"x", (), 0, None)


def test_received_descriptor_is_the_same_file(ends: Ends, file: IO[bytes]) -> None:
    left, right = ends
    left.send_message(b"x", Rights(file))
    with right.recv_message(1) as message:
        [fd] = (message.find(Rights) or Rights()).fds

        assert (fd != file.fileno(), os.path.samestat(os.fstat(fd), os.fstat(file.fileno()))) == (True, True)


def test_received_descriptor_is_not_inherited(ends: Ends, file: IO[bytes]) -> None:
    left, right = ends
    left.send_message(b"x", Rights(file))
    with right.recv_message(1) as message:
        assert [os.get_inheritable(fd) for fd in (message.find(Rights) or Rights()).fds] == [False]


def test_sent_descriptors_stay_the_senders(ends: Ends, file: IO[bytes]) -> None:
    left, right = ends
    rights = Rights(file, file.fileno())
    left.send_message(b"x", rights)
    rights.close()
    right.recv_message(1).close()

    assert (rights.take(), closed(file.fileno())) == ([], False)


def test_descriptors_that_nobody_takes_are_closed_at_the_end_of_the_block(
    ends: Ends, file: IO[bytes]
) -> None:
    left, right = ends
    left.send_message(b"x", Rights(file, file))
    with right.recv_message(1) as message:
        fds = (message.find(Rights) or Rights()).fds

    assert (len(fds), [closed(fd) for fd in fds]) == (2, [True, True])


def test_descriptors_of_a_dropped_message_are_closed(ends: Ends, file: IO[bytes]) -> None:
    left, right = ends
    before = open_files()
    left.send_message(b"x", Rights(*[file] * 100))
    message = right.recv_message(1)
    during = open_files()
    del message

    assert (during - before, open_files() - before) == (100, 0)


def test_taken_descriptors_are_the_callers(ends: Ends, file: IO[bytes]) -> None:
    left, right = ends
    left.send_message(b"x", Rights(file))
    with right.recv_message(1) as message:
        rights = message.find(Rights) or Rights()
        [fd] = rights.take()
        again = rights.take()
    still_open = not closed(fd)
    os.close(fd)

    assert (still_open, again, rights.fds) == (True, [], (-1,))


def test_single_file_outlives_its_message(ends: Ends, file: IO[bytes]) -> None:
    left, right = ends
    left.send_message(b"x", Rights(file))
    [kept] = right.recv_message(1).find(Rights) or Rights()
    gc.collect()

    assert isinstance(kept, Fd)
    assert not closed(kept.fileno())
    kept.close()


def test_closing_twice_closes_nothing_else(ends: Ends, file: IO[bytes]) -> None:
    left, right = ends
    left.send_message(b"x", Rights(file))
    message = right.recv_message(1)
    message.close()
    reading, writing = os.pipe()  # takes the number that has just become free
    message.close()

    assert (closed(reading), closed(writing)) == (False, False)
    os.close(reading)
    os.close(writing)


def test_peeked_descriptors_are_owned_as_well(ends: Ends, file: IO[bytes]) -> None:
    left, right = ends
    left.send_message(b"x", Rights(file))
    before = open_files()
    peeked = right.recv_message(1, flags=socket.MSG_PEEK)
    message = right.recv_message(1)
    during = open_files()
    peeked.close()
    message.close()

    assert (during - before, open_files() - before) == (2, 0)


def test_too_little_room_is_visible_and_leaks_nothing(ends: Ends, file: IO[bytes]) -> None:
    left, right = ends
    before = open_files()
    left.send_message(b"x", Rights(*[file] * 5))
    with right.recv_message(1, control=socket.CMSG_LEN(8)) as message:
        found = (message.control_truncated, len(message.find(Rights) or ()))

    assert (found, open_files() - before) == ((True, 2), 0)


@pytest.mark.parametrize("room", [*range(socket.CMSG_SPACE(12) + 1), 4096])
def test_no_room_leaks_a_descriptor(ends: Ends, file: IO[bytes], room: int) -> None:
    left, right = ends
    right.passcred = True
    before = open_files()
    left.send_message(b"x", Rights(file, file, file))
    right.recv_message(1, control=room).close()

    assert open_files() - before == 0


def test_limit_of_open_files_is_visible_and_leaks_nothing(ends: Ends, file: IO[bytes]) -> None:
    left, right = ends
    left.send_message(b"x", Rights(*[file] * 5))
    before = open_files()
    next_one = os.dup(file.fileno())
    os.close(next_one)
    with _most_files(next_one + 2), right.recv_message(1) as message:
        got = len(message.find(Rights) or ())

    assert (message.control_truncated, 1 <= got <= 2, open_files() - before) == (True, True, 0)


@contextmanager
def _most_files(count: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_enough_room_is_no_truncation(ends: Ends, file: IO[bytes]) -> None:
    left, right = ends
    left.send_message(b"x", Rights(file))
    with right.recv_message(1, control=ONE) as message:
        assert (message.control_truncated, message.truncated) == (False, False)


def test_default_room_holds_as_many_descriptors_as_a_message_has(ends: Ends, file: IO[bytes]) -> None:
    left, right = ends
    right.passcred = True
    with old_enough():
        right.passpidfd = True
    left.send_message(b"x", Rights(*[file] * 253))
    with right.recv_message(1) as message:
        assert (len(message.find(Rights) or ()), message.control_truncated) == (253, False)


def test_descriptors_that_are_decoded_elsewhere_are_owned_too() -> None:
    reading, writing = os.pipe()
    data = array.array("i", [reading, writing]).tobytes()
    values = received([(socket.SOL_SOCKET, socket.SCM_RIGHTS, data), (1, 999, b"?"), (0, 2, b"cut")])
    found = values[1:]
    del values

    assert (found, closed(reading), closed(writing)) == (
        (Unknown(1, 999, b"?"), Unknown(0, 2, b"cut")),
        True,
        True,
    )


def test_long_datagram_is_truncated_visibly() -> None:
    left, right = Socket.pair(socket.SOCK_DGRAM)
    with left, right:
        left.send(b"hello")
        message = right.recv_message(2)

        assert (message.data, message.truncated, message.control_truncated) == (b"he", True, False)


def test_end_of_a_stream_is_an_empty_message(ends: Ends) -> None:
    left, right = ends
    left.close()

    assert right.recv_message(10) == Message(b"")


def test_credentials_are_the_senders(ends: Ends) -> None:
    left, right = ends
    right.passcred = True
    left.send_message(b"x")

    assert right.recv_message(1).find(Ucred) == Ucred(os.getpid(), os.getuid(), os.getgid())


def test_credentials_can_be_claimed_with_the_right_to(ends: Ends) -> None:
    left, right = ends
    right.passcred = True
    left.send_message(b"x", Ucred(os.getpid(), 1234, 4321))

    assert right.recv_message(1).find(Ucred) == Ucred(os.getpid(), 1234, 4321)


def test_several_messages_go_together(ends: Ends, file: IO[bytes]) -> None:
    left, right = ends
    right.passcred = True
    left.send_message(b"x", Ucred(os.getpid(), 1, 2), Rights(file))
    with right.recv_message(1) as message:
        assert [type(value) for value in message.control] == [Ucred, Rights]


def test_what_is_not_there_is_not_found(ends: Ends) -> None:
    left, right = ends
    left.send_message(b"x")

    assert right.recv_message(1).find(Ucred) is None


def test_pidfd_signals_the_sender(ends: Ends) -> None:
    left, right = ends
    with old_enough():
        right.passpidfd = True
    left.send_message(b"x")
    with right.recv_message(1) as message:
        pidfd = message.find(Pidfd) or Pidfd(-1)
        signal.pidfd_send_signal(pidfd.fileno(), 0)
        fd = pidfd.fileno()

    assert (fd >= 0, closed(fd), pidfd.fileno()) == (True, True, -1)


def test_unread_bytes_of_a_stream_are_reported(ends: Ends) -> None:
    left, right = ends
    with old_enough():
        right.inq = True
    left.send(b"hello")

    assert right.recv_message(2).find(Inq) == 3


def test_unknown_message_is_the_kernels_to_refuse(ends: Ends) -> None:
    left, _ = ends

    with pytest.raises(OSError, match="Invalid argument"):
        left.send_message(b"x", Unknown(socket.SOL_SOCKET, 999, b""))


def test_unknown_message_reaches_the_kernel_as_it_is(ends: Ends) -> None:
    left, right = ends
    right.passcred = True
    left.send_message(b"x", Unknown(socket.SOL_SOCKET, 2, array.array("i", [os.getpid(), 7, 8]).tobytes()))

    assert right.recv_message(1).find(Ucred) == Ucred(os.getpid(), 7, 8)


def test_message_of_another_kind_is_not_a_descriptor(ends: Ends) -> None:
    left, _ = ends

    with pytest.raises(TypeError, match="a Inet cannot be sent"):
        left.send_message(b"x", Inet("127.0.0.1", 1))  # type: ignore[arg-type]


def test_label_is_bytes() -> None:
    assert Security(b"user_u:object_r\0").rstrip(b"\0") == b"user_u:object_r"


def test_many_threads_pass_descriptors_through_one_socket(file: IO[bytes]) -> None:
    left, right = Socket.pair(socket.SOCK_SEQPACKET)
    before = open_files()
    with left, right:
        senders = [threading.Thread(target=_send, args=(left, file)) for _ in range(4)]
        for sender in senders:
            sender.start()
        counts = [_received(right) for _ in range(200)]
        for sender in senders:
            sender.join()

    assert (counts, open_files() - before) == ([3] * 200, -2)


def _send(sock: Socket, file: IO[bytes]) -> None:
    for _ in range(50):
        sock.send_message(b"x", Rights(file, file, file))


def _received(sock: Socket) -> int:
    with sock.recv_message(1) as message:
        return len(message.find(Rights) or ())


def test_flags_are_those_of_the_interpreter_where_it_knows_one() -> None:
    ours = {f"MSG_{name}": int(flag) for name, flag in MessageFlag.__members__.items()}
    known = {name: int(getattr(socket, name)) for name in dir(socket) if name.startswith("MSG_")}

    assert ours | known == ours
