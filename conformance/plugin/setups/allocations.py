"""Calls for which the kernel has no memory: what they allocate fails, one allocation after another.

A kernel with CONFIG_FAILSLAB and CONFIG_FAIL_PAGE_ALLOC has the n-th allocation of a thread from now on fail,
if the thread wants it. What the call itself does counts, packets that had to wait for it too, but not what an
arriving packet allocates otherwise, nor what another thread or process does.
"""

from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from typing import Final

from conformance.plugin.refusal import errno_name
from conformance.plugin.setups.files import pipe
from conformance.plugin.setups.interfaces import shown
from conformance.plugin.setups.netlink import (
    ACK,
    NLMSG_ERROR,
    REQUEST,
    RTNLGRP_LINK,
    acknowledged,
    bound,
    dumped,
    get_addresses,
    mtu_of,
    parsed,
    set_mtu,
)
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.splices import splice
from conformance.plugin.setups.states import ADDRESSES, LISTENING, connected, in_state
from conformance.plugin.timing import SOON
from libsocket import Shutdown, Socket
from netns import in_child

FAIL_NTH: Final = "/proc/thread-self/fail-nth"
"""How many allocations of this thread until one fails; 0 for none."""
_MANY: Final = 200
"""More allocations than any call makes."""
_PIECES: Final = 100
"""More buffers than the kernel has room for on its stack (UIO_FASTIOV), and more sockets to wait for."""
_ONE: Final = b"\0" * 12 + b"\x88\xb5hello!"
"""What a packet socket can send, too."""
_FAR: Final = 800
"""A descriptor whose bits the kernel has no room for on its stack."""

Act = Callable[[], object]
"""A call, which may leave something that is to be closed."""
Scene = Callable[[str], AbstractContextManager[Act]]
"""What makes a socket of a kind ready for a call, and yields the call."""


def errnos_without_memory(
    scene: Callable[[], AbstractContextManager[Act]], *, apart: bool = False
) -> set[str]:
    """How a call fails as its first allocation cannot be had, then its second, until it makes no more.

    It is made anew each time, in a scene of its own, and ``apart`` in a process of its own. Before, it is
    made with memory: a first call may fill the kernel's caches, of routes for one. That the kernel copes
    without an allocation is not told, since that depends on what its allocator has at hand.
    """
    found = set[str]()
    for nth in range(_MANY):
        with scene() as act:
            one = partial(_without, nth, act)
            errno, failed = in_child(one) if apart else one()
        if not failed:
            if errno:
                raise RuntimeError(f"it fails with {errno} where there is memory")
            if nth:
                return found
        elif errno:
            found.add(errno)
    raise RuntimeError("the call has no end of allocations")


def _without(nth: int, act: Act) -> tuple[str, bool]:
    """The errno of a call whose n-th allocation fails, or none of them (0), by name; and whether one did."""
    errno, left = "", b""
    with ExitStack() as made:
        counter = os.open(FAIL_NTH, os.O_RDWR | os.O_CLOEXEC)
        made.callback(os.close, counter)
        number = str(nth).encode()
        os.pwrite(counter, number, 0)
        try:
            result = act()
        except OSError as error:
            result, errno = None, errno_name(error.errno)
        except MemoryError:
            result = None  # the allocation was one for the program itself
        finally:
            left = os.pread(counter, 16, 0)
            os.pwrite(counter, b"0", 0)
        for one in result if isinstance(result, tuple) else (result,):
            if isinstance(one, socket.socket | select.epoll):
                made.callback(one.close)
    return errno, bool(nth) and int(left) == 0


@contextmanager
def _socket(kind: str) -> Iterator[Act]:
    with SOCKETS[kind]() as like:
        what = (like.family, like.type, like.proto)
        yield lambda: socket.socket(*what)


@contextmanager
def _socketpair(kind: str) -> Iterator[Act]:
    with SOCKETS[kind]() as like:
        what = (like.family, like.type, like.proto)
        yield lambda: socket.socketpair(*what)


@contextmanager
def _bind(kind: str) -> Iterator[Act]:
    with SOCKETS[kind]() as sock:
        yield lambda: sock.bind("\0name" if kind.startswith("unix") else ADDRESSES[kind])


@contextmanager
def _autobind(kind: str) -> Iterator[Act]:
    with SOCKETS[kind]() as sock:
        yield lambda: sock.bind("")


@contextmanager
def _listen(kind: str) -> Iterator[Act]:
    with in_state(kind, "bound") as sock:
        yield sock.listen


@contextmanager
def _connect(kind: str) -> Iterator[Act]:
    state = "listening" if kind in LISTENING else "bound"
    with in_state(kind, state) as other, SOCKETS[kind]() as sock:
        address = other.getsockname()
        yield lambda: sock.connect(address)


@contextmanager
def _accept(kind: str) -> Iterator[Act]:
    with in_state(kind, "listening-connection-waiting") as listener:
        yield listener.accept


def on(state: str, act: Callable[[Socket], object]) -> Scene:
    """A call on a socket in a state."""

    @contextmanager
    def scene(kind: str) -> Iterator[Act]:
        with in_state(kind, state) as sock:
            yield lambda: act(sock)

    return scene


@contextmanager
def _epoll_create(_kind: str) -> Iterator[Act]:
    yield select.epoll


@contextmanager
def _epoll_ctl(kind: str) -> Iterator[Act]:
    with SOCKETS[kind]() as sock, select.epoll() as epoll:
        yield lambda: epoll.register(sock)


@contextmanager
def _poll(kind: str) -> Iterator[Act]:
    with ExitStack() as made:
        poll = select.poll()
        for _ in range(_PIECES):
            poll.register(made.enter_context(SOCKETS[kind]()))
        poll.poll(0)  # what Python itself needs for it is there from now on
        yield lambda: poll.poll(0)


@contextmanager
def _select(kind: str) -> Iterator[Act]:
    with SOCKETS[kind]() as sock:
        far = os.dup2(sock.fileno(), _FAR, inheritable=False)
        try:
            yield lambda: select.select([far], [], [], 0)
        finally:
            os.close(far)


@contextmanager
def _dup2(kind: str) -> Iterator[Act]:
    """To a number for which the table of descriptors has to grow."""
    with SOCKETS[kind]() as sock:
        yield lambda: os.dup2(sock.fileno(), _FAR)


@contextmanager
def _sendfile(kind: str) -> Iterator[Act]:
    with connected(kind) as (sock, _), open(__file__, "rb") as file:
        yield lambda: os.sendfile(sock.fileno(), file.fileno(), 0, 100)


@contextmanager
def _splice(kind: str) -> Iterator[Act]:
    with connected(kind) as (sock, _), pipe(b"some") as (reader, _writer):
        yield lambda: splice(reader, sock, 4)


def _change_mtu(sock: Socket, mtu: int) -> None:
    """A request to rtnetlink, and its acknowledgement. Raises: OSError, also with what that says."""
    if code := acknowledged(sock, set_mtu(mtu, REQUEST | ACK)).error:
        raise OSError(-code, "the request is refused")


@contextmanager
def _request(_kind: str) -> Iterator[Act]:
    """What a process is told of a request that took effect in spite of the lack."""
    with Socket.netlink() as sock, Socket.udp() as other:
        sock.rcvtimeo = SOON
        before = shown(other, "SIOCGIFMTU")
        mtu = mtu_of(sock) - 1

        def act() -> None:
            try:
                _change_mtu(sock, mtu)
            except OSError:
                if shown(other, "SIOCGIFMTU") != before:  # asking so allocates nothing
                    raise

        yield act


@contextmanager
def _dump(_kind: str) -> Iterator[Act]:
    with Socket.netlink() as sock:
        sock.rcvtimeo = SOON

        def act() -> None:
            last = dumped(sock, get_addresses())[-1]
            if last.type == NLMSG_ERROR:
                raise OSError(-parsed(last).error, "the dump is refused")

        yield act


@contextmanager
def _event(_kind: str) -> Iterator[Act]:
    """What a listener receives of an event, if it came to one in spite of the lack."""
    with (
        bound(socket.NETLINK_ROUTE, groups=1 << RTNLGRP_LINK - 1) as listener,
        Socket.netlink() as sock,
        Socket.udp() as other,
    ):
        listener.nonblocking = True
        sock.rcvtimeo = SOON
        before = shown(other, "SIOCGIFMTU")
        mtu = mtu_of(sock) - 1

        def act() -> None:
            with suppress(OSError):
                _change_mtu(sock, mtu)
            if shown(other, "SIOCGIFMTU") != before:
                listener.recv(1)

        yield act


@contextmanager
def _send(kind: str) -> Iterator[Act]:
    with connected(kind) as (sock, peer):
        sender = peer if kind == "netlink" else sock  # of netlink sockets it is the peer that has one
        yield lambda: sender.send(_ONE)


def _send_control(sock: Socket) -> None:
    """SCM_RIGHTS with as many bytes as the kernel has no room for on its stack."""
    descriptors = (sock.fileno()).to_bytes(4, sys.byteorder) * 8
    sock.sendmsg([_ONE], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])


CALLS: Final[Mapping[str, Scene]] = {
    "socket": _socket,
    "socketpair": _socketpair,
    "bind": _bind,
    "listen": _listen,
    "connect": _connect,
    "accept": _accept,
    "getsockname": on("bound", lambda sock: sock.getsockname()),
    "getpeername": on("connected", lambda sock: sock.getpeername()),
    "shutdown": on("connected", lambda sock: sock.shutdown(Shutdown.BOTH)),
    "send": _send,
    "sendmsg-pieces": on("connected", lambda sock: sock.sendmsg([_ONE] * _PIECES)),
    "sendmsg-control": on("connected", _send_control),
    "recv": on("data", lambda sock: sock.recv(100)),
    "recvmsg-pieces": on("data", lambda sock: sock.recvmsg_into([bytearray(1) for _ in range(_PIECES)])),
    "autobind": _autobind,
    "dup2": _dup2,
    "sendfile": _sendfile,
    "splice": _splice,
    "request": _request,
    "dump": _dump,
    "event": _event,
    "epoll_create": _epoll_create,
    "epoll_ctl": _epoll_ctl,
    "poll": _poll,
    "select": _select,
}
"""What makes a socket of a kind ready for each call."""
APART: Final = {"dup2", "sendfile"}
"""What is made in a process of its own, since the process has what it allocated from then on."""
