"""Paths of UNIX sockets on which something is in the way."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from conformance.plugin.setups.unix_names import unix_address
from libsocket import Socket
from netns import in_child
from netns.syscalls import CLONE_NEWNS, mount, unshare

_MS_RDONLY, _MS_REC, _MS_PRIVATE = 1, 16_384, 1 << 18


def chain_of_links(folder: Path, count: int) -> Path:
    """A path to the folder itself by so many symbolic links, each of which leads to the one before."""
    target = folder
    for number in range(count):
        link = folder / str(number)
        link.symlink_to(target)
        target = link
    return target


def bind_path(type_: int, path: Path | str) -> str:
    """Bind a socket to a path, whose last byte is the address's last; what kind of file is there then."""
    with Socket.unix(type_) as sock:
        sock.bind(unix_address(os.fsencode(path)))
        return "socket" if Path(path).is_socket() else "none"


def bind_on_tmpfs(type_: int, *, read_only: bool) -> str:
    """The same on a file system of its own, in a process and a mount namespace of its own."""

    def bound() -> str:
        unshare(CLONE_NEWNS)
        mount("", "/", "none", _MS_REC | _MS_PRIVATE)
        mount("none", tempfile.gettempdir(), "tmpfs", _MS_RDONLY if read_only else 0)
        return bind_path(type_, Path(tempfile.gettempdir(), "sock"))

    return in_child(bound)
