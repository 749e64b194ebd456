"""Calls that wait on a socket, in a process of their own, and how they end when a signal interrupts them.

The signal comes once the process sleeps in the call, and what the call waits for comes once it sleeps again
or is over: nothing depends on how fast a machine is. Python repeats an interrupted call (PEP 475), so they
are made below it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from conformance.plugin.refusal import errno_name
from conformance.plugin.setups.listeners import full_backlog, listening, listening_unix
from conformance.plugin.setups.pairs import fill_buffer, limit_buffer, shrink_buffer
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.states import connected, receiving
from conformance.plugin.setups.waiting import wait_until
from conformance.plugin.timing import SOON
from libsocket import Shutdown, Socket
from netns import Child

By = Literal["handler", "restarting-handler", "stop"]
"""A handler without SA_RESTART, one with it, or SIGSTOP and SIGCONT."""
Timeout = Literal["none", "receive", "send"]
"""SO_RCVTIMEO or SO_SNDTIMEO of the socket, so long that no test sees its end."""

GOES_ON: Final = "goes on"
"""The call waits again, until there is what it waits for."""
_PATIENT = 30.0

_libc = ctypes.CDLL(None, use_errno=True)
_VECTOR = struct.Struct("@PN")
_HEADER = struct.Struct("@PIPNPNi")
"""struct msghdr"""
_MMSG = struct.Struct("@PIPNPNi0PI0P")
"""struct mmsghdr"""
_TIMESPEC = struct.Struct("@ll")
_ONE = b"\0" * 12 + b"\x88\xb5hello!"
"""What a packet socket can send, too."""


@dataclass(frozen=True)
class Scene:
    """A socket on which a call waits, and what lets it go on."""

    sock: Socket
    release: Callable[[], object]
    ends: tuple[str, ...] = ("0",)
    """How the call may end then: without an error, or with the errno of a name."""
    target: object = None
    """Where a connect goes."""
    await_left: Callable[[], object] = lambda: None
    """Wait for what the call would have gone on with, where it did not: a later scene must not have it."""


def interrupted(kind: str, call: str, by: By, timeout: Timeout = "none") -> str:
    """How a call on a socket of a kind ends that is interrupted while it waits: EINTR, or it goes on."""
    scenes, act = CALLS[call]
    with scenes(kind) as scene:
        if timeout == "receive":
            scene.sock.rcvtimeo = _PATIENT
        if timeout == "send":
            scene.sock.sndtimeo = _PATIENT
        found = ended(lambda: act(scene), scene.release, by)
        if found in scene.ends:
            return GOES_ON
        scene.await_left()
        return found


def ended(act: Callable[[], int | None], release: Callable[[], object], by: By) -> str:
    """How an act ends, made in another process that a signal hits in it, and after that ``release`` here.

    The name of its errno, or the number it returns.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def live() -> str:
        signal.set_wakeup_fd(writer)
        signal.signal(signal.SIGUSR1, lambda *_: None)
        signal.siginterrupt(signal.SIGUSR1, by != "restarting-handler")
        os.write(writer, b".")
        try:
            return str(act() or 0)
        except OSError as error:
            return errno_name(error.errno)

    try:
        with Child(live, timeout=SOON) as child:
            _await_byte(reader)
            assert await_asleep(child.pid), "the call did not wait"
            if by == "stop":
                os.kill(child.pid, signal.SIGSTOP)
                os.waitid(os.P_PID, child.pid, os.WSTOPPED)
                os.kill(child.pid, signal.SIGCONT)
            else:
                os.kill(child.pid, signal.SIGUSR1)
                _await_byte(reader)
            await_asleep(child.pid)
            release()
            return child.value()
    finally:
        os.close(reader)
        os.close(writer)


def await_asleep(pid: int) -> bool:
    """Wait until another process, of one thread, sleeps (True) or is over (False).

    A sleep that no signal ends is not meant: it may be a page that is read, before the call.
    """
    states = set[str]()

    def settled() -> bool:
        states.add(_state(pid))
        return not states.isdisjoint({"S", "Z"})

    assert wait_until(settled), f"it did not wait within {SOON:g} seconds"
    return "Z" not in states


def _state(pid: int) -> str:
    # Without a buffer, for which Python makes an ioctl: a fault is meant for the third, say, of a test.
    with open(f"/proc/{pid}/stat", "rb", buffering=0) as line:
        return line.read().rpartition(b")")[2].split()[0].decode()


def _await_byte(reader: int) -> None:
    assert select.select([reader], [], [], SOON)[0], f"no handler ran within {SOON:g} seconds"
    os.read(reader, 1)


@contextmanager
def _empty(kind: str) -> Iterator[Scene]:
    """Nothing to be received."""
    with receiving(kind) as (sock, peer):
        yield Scene(sock, lambda: peer.send(_ONE), await_left=partial(await_readable, sock))


@contextmanager
def _full(kind: str) -> Iterator[Scene]:
    """No room to send."""
    with connected(kind) as pair:
        sock, peer = reversed(pair) if kind == "netlink" else pair  # of these one end alone is connected
        if kind == "unix-datagram":
            limit_buffer(sock)
        queued = fill(sock)
        peer.rcvtimeo = SOON
        yield Scene(sock, lambda: drain(peer, queued))


def fill(sock: Socket) -> int:
    """Send until not even a byte fits; the number of bytes that did.

    TCP sends some of it on later, so that its buffer is then made smaller than what waits there: nothing fits
    until most of it is received, but for what the last segment has room for.
    """
    if sock.proto == socket.IPPROTO_TCP:
        sent = fill_buffer(sock)
        shrink_buffer(sock)
        return sent + fill_buffer(sock)
    sent = 0
    for piece in (bytes(65_536), b"x"):
        with suppress(BlockingIOError):
            while True:
                sent += sock.send(piece, socket.MSG_DONTWAIT)
    return sent


def drain(sock: Socket, size: int) -> bytes:
    """Receive so many bytes, in messages of any size."""
    received = bytearray()
    while len(received) < size:
        received += sock.recv(1_000_000)
    return bytes(received)


_LISTENING: Final[Mapping[str, Callable[..., AbstractContextManager[Socket]]]] = {
    "tcp": listening,
    "tcp6": partial(listening, "::1"),
    "unix": listening_unix,
    "unix-seqpacket": partial(listening_unix, socket.SOCK_SEQPACKET),
}


@contextmanager
def _nobody_waits(kind: str) -> Iterator[Scene]:
    """A listener to which nobody connects."""
    with _LISTENING[kind]() as listener, Socket(listener.family, listener.type) as client:
        yield Scene(listener, lambda: client.connect(listener.getsockname()))


@contextmanager
def _not_let_in(kind: str) -> Iterator[Scene]:
    """A connect to a listener whose backlog is full; of a TCP socket nothing but shutdown ends it soon."""
    with _LISTENING[kind](backlog=0) as listener, full_backlog(listener) as client:
        target = listener.getsockname()
        if kind.startswith("tcp"):
            yield Scene(client, lambda: _give_up(client, listener), ("ECONNRESET", "0"), target)
        else:
            yield Scene(client, lambda: _let_in(listener), target=target)


def _give_up(client: Socket, listener: Socket) -> None:
    """Shut a connecting socket down. Where that is refused meanwhile, let its SYN in, a second later."""
    try:
        client.shutdown(Shutdown.BOTH)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        _let_in(listener)


def _let_in(listener: Socket) -> None:
    with listener.accept()[0]:
        pass


def _checked(returned: int) -> None:
    if returned < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _recv(on: Scene) -> None:
    _checked(_libc.recv(on.sock.fileno(), ctypes.create_string_buffer(100), 100, 0))


def _recvfrom(on: Scene) -> None:
    _checked(_libc.recvfrom(on.sock.fileno(), ctypes.create_string_buffer(100), 100, 0, None, None))


def _peek_at_length(on: Scene) -> None:
    _checked(_libc.recvfrom(on.sock.fileno(), None, 0, socket.MSG_TRUNC | socket.MSG_PEEK, None, None))


def _read(on: Scene) -> None:
    _checked(_libc.read(on.sock.fileno(), ctypes.create_string_buffer(100), 100))


def _write(on: Scene) -> None:
    _checked(_libc.write(on.sock.fileno(), _ONE, len(_ONE)))


def _send(on: Scene) -> None:
    _checked(_libc.send(on.sock.fileno(), _ONE, len(_ONE), 0))


def _sendto(on: Scene) -> None:
    _checked(_libc.sendto(on.sock.fileno(), _ONE, len(_ONE), 0, None, 0))


class _Vector:
    """A struct iovec of some bytes, and the headers that point to it."""

    def __init__(self, data: bytes = _ONE) -> None:
        self._data = ctypes.create_string_buffer(data, len(data))
        self.bytes = ctypes.create_string_buffer(_VECTOR.pack(ctypes.addressof(self._data), len(data)))
        place = ctypes.addressof(self.bytes)
        self.header = ctypes.create_string_buffer(_HEADER.pack(0, 0, place, 1, 0, 0, 0))
        self.headers = ctypes.create_string_buffer(_MMSG.pack(0, 0, place, 1, 0, 0, 0, 0))


def _readv(on: Scene) -> None:
    vector = _Vector()
    _checked(_libc.readv(on.sock.fileno(), vector.bytes, 1))


def _writev(on: Scene) -> None:
    vector = _Vector()
    _checked(_libc.writev(on.sock.fileno(), vector.bytes, 1))


def _recvmsg(on: Scene) -> None:
    vector = _Vector()
    _checked(_libc.recvmsg(on.sock.fileno(), vector.header, 0))


def _sendmsg(on: Scene) -> None:
    vector = _Vector()
    _checked(_libc.sendmsg(on.sock.fileno(), vector.header, 0))


def _recvmmsg(on: Scene) -> None:
    vector = _Vector()
    _checked(_libc.recvmmsg(on.sock.fileno(), vector.headers, 1, 0, None))


def _recvmmsg_timed(on: Scene) -> None:
    vector = _Vector()
    _checked(_libc.recvmmsg(on.sock.fileno(), vector.headers, 1, 0, _timespec()))


def _sendmmsg(on: Scene) -> None:
    vector = _Vector()
    _checked(_libc.sendmmsg(on.sock.fileno(), vector.headers, 1, 0))


def _accept(on: Scene) -> None:
    _checked(_libc.accept(on.sock.fileno(), None, None))


def _accept4(on: Scene) -> None:
    _checked(_libc.accept4(on.sock.fileno(), None, None, 0))


def _connect(on: Scene) -> None:
    address = _address(on.target, on.sock)
    _checked(_libc.connect(on.sock.fileno(), address, len(address)))


def _address(target: object, sock: Socket) -> bytes:
    family = struct.pack("@H", sock.family)
    if isinstance(target, bytes):
        return family + target
    assert isinstance(target, tuple)
    port = struct.pack("!H", target[1])
    if sock.family == socket.AF_INET:
        return family + port + socket.inet_aton(target[0]) + bytes(8)
    return family + port + bytes(4) + socket.inet_pton(socket.AF_INET6, target[0]) + bytes(4)


def _sendfile(on: Scene) -> None:
    file = os.memfd_create("file")
    os.write(file, _ONE)
    _checked(_libc.sendfile(on.sock.fileno(), file, ctypes.byref(ctypes.c_int64(0)), len(_ONE)))


def _splice_from(on: Scene) -> None:
    _checked(_libc.splice(on.sock.fileno(), None, os.pipe()[1], None, 100, 0))


def _splice_to(on: Scene) -> None:
    reader, writer = os.pipe()
    os.write(writer, _ONE)
    _checked(_libc.splice(reader, None, on.sock.fileno(), None, len(_ONE), 0))


def _timespec() -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(_TIMESPEC.pack(int(_PATIENT), 0), _TIMESPEC.size)


def _pollfd(sock: Socket) -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(struct.pack("@ihh", sock.fileno(), select.POLLIN, 0), 8)


def _poll(on: Scene) -> None:
    _checked(_libc.poll(_pollfd(on.sock), 1, int(1000 * _PATIENT)))


def _ppoll(on: Scene) -> None:
    _checked(_libc.ppoll(_pollfd(on.sock), 1, _timespec(), None))


def _set(sock: Socket) -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer((1 << sock.fileno()).to_bytes(128, "little"), 128)


def _select(on: Scene) -> None:
    _checked(_libc.select(on.sock.fileno() + 1, _set(on.sock), None, None, _timespec()))


def _pselect(on: Scene) -> None:
    _checked(_libc.pselect(on.sock.fileno() + 1, _set(on.sock), None, None, _timespec(), None))


def _epoll(call: str) -> Callable[[Scene], None]:
    def wait(on: Scene) -> None:
        with select.epoll() as epoll:
            epoll.register(on.sock, select.EPOLLIN)
            events = ctypes.create_string_buffer(16)
            rest = (None,) if call == "epoll_pwait" else ()
            try:
                _checked(getattr(_libc, call)(epoll.fileno(), events, 1, int(1000 * _PATIENT), *rest))
            except InterruptedError:
                await_readable(on.sock)
                assert epoll.poll(0), "it did not wait for the socket"
                raise

    return wait


_Act = Callable[[Scene], None]
_Scenes = Callable[[str], AbstractContextManager[Scene]]

CALLS: Final[Mapping[str, tuple[_Scenes, _Act]]] = {
    "recv": (_empty, _recv),
    "recvfrom": (_empty, _recvfrom),
    "recvfrom-length": (_empty, _peek_at_length),
    "recvmsg": (_empty, _recvmsg),
    "recvmmsg": (_empty, _recvmmsg),
    "recvmmsg-with-timeout": (_empty, _recvmmsg_timed),
    "read": (_empty, _read),
    "readv": (_empty, _readv),
    "splice-from": (_empty, _splice_from),
    "send": (_full, _send),
    "sendto": (_full, _sendto),
    "sendmsg": (_full, _sendmsg),
    "sendmmsg": (_full, _sendmmsg),
    "write": (_full, _write),
    "writev": (_full, _writev),
    "sendfile": (_full, _sendfile),
    "splice-to": (_full, _splice_to),
    "accept": (_nobody_waits, _accept),
    "accept4": (_nobody_waits, _accept4),
    "connect": (_not_let_in, _connect),
    "poll": (_empty, _poll),
    "ppoll": (_empty, _ppoll),
    "select": (_empty, _select),
    "pselect": (_empty, _pselect),
    "epoll_wait": (_empty, _epoll("epoll_wait")),
    "epoll_pwait": (_empty, _epoll("epoll_pwait")),
}
"""Calls by name: on which socket they wait, and what is called."""
