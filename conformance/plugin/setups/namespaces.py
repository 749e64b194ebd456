"""Network namespaces from outside: what is in one, sockets that come from there, when one is freed."""

from __future__ import annotations

import fcntl
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from conformance.plugin.timing import SOON
from libsocket import Rights, Socket
from netns import Child, Namespace, enter_user_namespace, in_child
from netns.links import Links
from netns.syscalls import (
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWUSER,
    MS_PRIVATE,
    MS_REC,
    mount,
    setns,
    unshare,
)

_CLASS_NET: Final = "class/net"
_OF_TESTS: Final = {None, "veth"}
"""Kinds of links that are in a namespace because a test has them there: loopback has none."""
_NS_GET_USERNS: Final = 0xB701


def devices(namespace: Links) -> list[str]:
    """The names of loopback and of ends of pairs in a namespace, in order of the alphabet.

    A kernel may have tunnels besides in every one (net.core.fb_tunnels_only_for_init_net).
    """
    return sorted(link.name for link in namespace.links() if link.kind in _OF_TESTS)


def devices_in_sysfs(namespace: Namespace) -> list[str]:
    """The devices that a sysfs mounted in a namespace has, but for its tunnels, in order of the alphabet."""
    tunnels = {link.name for link in namespace.links() if link.kind not in _OF_TESTS}

    def listed() -> list[str]:
        unshare(CLONE_NEWNS)
        mount("none", "/", None, MS_REC | MS_PRIVATE)
        folder = tempfile.gettempdir()
        with namespace.entered():
            mount("sysfs", folder, "sysfs", 0)
        return sorted(path.name for path in Path(folder, _CLASS_NET).iterdir() if path.is_symlink())

    return [name for name in in_child(listed) if name not in tunnels]


def ports_in_proc(protocol: str) -> list[int]:
    """The local ports that /proc/net/udp, say, of this thread's namespace has."""
    rows = Path(f"/proc/thread-self/net/{protocol}").read_text(encoding="ascii").splitlines()[1:]
    return [int(row.split()[1].rpartition(":")[2], 16) for row in rows]


def made_by_another(make: Callable[[], Socket], run: Callable[[Callable[[], object]], object]) -> Socket:
    """A socket that another process made, as ``run`` has it do, ``in_child`` for one; by now it has ended."""
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        run(lambda: _hand_over(left, make))
        with right.recv_message(1) as message:
            (rights,) = (one for one in message.control if isinstance(one, Rights))
            return Socket.from_fd(rights.take()[0])


def _hand_over(to: Socket, make: Callable[[], Socket]) -> None:
    with make() as sock:
        to.send_message(b"x", Rights(sock))


def joined_to(here: Namespace, device: str, net: int = 1) -> Namespace:
    """A new namespace that has 10.0.1.2, or of another net, on a wire to this one, which has 10.0.1.1."""
    there = Namespace()
    here.add_veth(device, "far", there)
    for namespace, name, number in ((here, device, 1), (there, "far", 2)):
        namespace.add_address(name, f"10.0.{net}.{number}/24")
        namespace.set_link(name, up=True)
    here.wait_for_carrier(device)
    return there


def udp_in(namespace: Namespace, address: tuple[str, int]) -> Socket:
    """A UDP socket of a namespace that is bound to an address, and gives up what does not come."""
    with namespace.entered():
        sock = Socket.udp()
    sock.rcvtimeo = SOON
    sock.bind(address)
    return sock


def devices_once_gone(namespace: Namespace, device: str) -> list[str]:
    """The devices of a namespace as soon as one of them is no more, or after a while in vain."""
    with namespace.rtnetlink() as netlink:
        netlink.watch_links()
        while device in (found := devices(namespace)) and netlink.wait_for_event(SOON):
            pass
        return found


def leave_network() -> None:
    """Move this process into a new network namespace. Raises: OSError."""
    unshare(CLONE_NEWNET)


def leave_network_and_users() -> None:
    """Move this process into a new user namespace and a new network namespace at once. Raises: OSError."""
    unshare(CLONE_NEWUSER | CLONE_NEWNET)


def join(namespace: Namespace) -> None:
    """Move this process into a network namespace. Raises: OSError."""
    setns(namespace.fileno(), CLONE_NEWNET)


def network_of(process: int | str) -> int:
    """The number of the network namespace of a process, ``self`` for this one's thread."""
    return _number_of("thread-self" if process == "self" else process, "net")


def users_of(process: int | str) -> int:
    """The number of the user namespace of a process, ``self`` for this one."""
    return _number_of(process, "user")


def _number_of(process: int | str, kind: str) -> int:
    return os.stat(f"/proc/{process}/ns/{kind}").st_ino


def owner_of_network(fd: int) -> int:
    """The number of the user namespace that owns a network namespace (NS_GET_USERNS). Raises: OSError."""
    owner = fcntl.ioctl(fd, _NS_GET_USERNS)
    try:
        return os.fstat(owner).st_ino
    finally:
        os.close(owner)


class Owned(NamedTuple):
    """Descriptors of a user namespace and of a network namespace that it owns."""

    user: int
    network: int

    def join_user(self) -> None:
        """Move this process into the user namespace. Raises: OSError."""
        setns(self.user, CLONE_NEWUSER)

    def join_network(self) -> None:
        """Move this process into the network namespace. Raises: OSError."""
        setns(self.network, CLONE_NEWNET)


@contextmanager
def user_namespace() -> Iterator[Owned]:
    """A user namespace, with a network namespace of its own, in which a process waits until the end."""
    began, begin = os.pipe()

    def wait() -> None:
        enter_user_namespace()
        os.write(begin, b"x")
        signal.pause()

    with ExitStack() as stack:
        stack.callback(os.close, began)
        try:
            child = stack.enter_context(Child(wait))
        finally:
            os.close(begin)
        if not os.read(began, 1):
            child.value()
        fds = [
            os.open(f"/proc/{child.pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in ("user", "net")
        ]
        for fd in fds:
            stack.callback(os.close, fd)
        yield Owned(*fds)
