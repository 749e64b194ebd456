"""Files of /proc/net of the network namespace that this thread is in."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Final, NamedTuple

from libsocket import Socket

_FILES: Final = Path("/proc/thread-self/net")
_PORT: Final = 16


class Row(NamedTuple):
    """A line of tcp, tcp6, udp, udp6, raw or raw6."""

    local: tuple[str, int]
    remote: tuple[str, int]
    state: int
    user: int
    inode: int


class UnixRow(NamedTuple):
    """A line of unix."""

    flags: int
    type: int
    state: int
    inode: int
    path: str


def headings(name: str) -> list[str]:
    """The words of the first line of a file."""
    return (_FILES / name).read_text().splitlines()[0].split()


def counters(name: str = "snmp") -> dict[str, int]:
    """What snmp or netstat counts, as ``Tcp: ActiveOpens``. Raises: ValueError, not as many as names."""
    lines = (_FILES / name).read_text().splitlines()
    found: dict[str, int] = {}
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        (group, *keys), (same, *numbers) = names.split(), values.split()
        if group != same:
            raise ValueError(f"{same} stands after {group}")
        found.update(zip((f"{group} {key}" for key in keys), map(int, numbers), strict=True))
    return found


def counted(before: dict[str, int], *names: str) -> list[int]:
    """By how much some counters of snmp have grown since."""
    now = counters()
    return [now[name] - before[name] for name in names]


def sent_by(device: str) -> list[int]:
    """How many bytes and packets an interface has sent so far, by /proc/net/dev."""
    lines = (_FILES / "dev").read_text().splitlines()[2:]
    (numbers,) = [
        rest.split() for name, _, rest in (one.partition(":") for one in lines) if name.strip() == device
    ]
    return [int(one) for one in numbers[8:10]]


def rows(name: str) -> list[Row]:
    """All lines of ``tcp``, ``tcp6``, ``udp``, ``udp6``, ``raw`` or ``raw6``."""
    lines = [line.split() for line in (_FILES / name).read_text().splitlines()[1:]]
    return [
        Row(_address(one[1]), _address(one[2]), int(one[3], _PORT), int(one[7]), int(one[9])) for one in lines
    ]


def row_of(name: str, sock: Socket) -> list[Row]:
    """The lines of one socket, by its inode."""
    return [one for one in rows(name) if one.inode == os.fstat(sock.fileno()).st_ino]


def queues_of(name: str, sock: Socket) -> list[int]:
    """``tx_queue`` and ``rx_queue`` of the one line of a socket in ``tcp``, ``udp`` or ``raw``."""
    return [int(number, _PORT) for number in _words_of(name, sock)[4].split(":")]


def timer_of(name: str, sock: Socket) -> list[str]:
    """``tr``, ``tm->when`` and ``retrnsmt`` of that line, as they are written."""
    words = _words_of(name, sock)
    return [*words[5].split(":"), words[6]]


def _words_of(name: str, sock: Socket) -> list[str]:
    inode = str(os.fstat(sock.fileno()).st_ino)
    lines = [line.split() for line in (_FILES / name).read_text().splitlines()[1:]]
    (found,) = (one for one in lines if one[9] == inode)
    return found


def unix_rows() -> list[UnixRow]:
    """All lines of ``unix``."""
    lines = [line.split(maxsplit=7) for line in (_FILES / "unix").read_text().splitlines()[1:]]
    return [
        UnixRow(
            int(one[3], 16), int(one[4], 16), int(one[5], 16), int(one[6]), one[7] if len(one) > 7 else ""
        )
        for one in lines
    ]


def unix_row_of(sock: Socket) -> list[list[object]]:
    """Flags, type, state and path of one UNIX socket, by its inode."""
    inode = os.fstat(sock.fileno()).st_ino
    return [[one.flags, one.type, one.state, one.path] for one in unix_rows() if one.inode == inode]


def lines_of(name: str, sock: Socket) -> list[dict[str, str]]:
    """The lines of one socket in ``netlink`` or ``packet``, by its inode: its words by their headings."""
    first, *lines = (_FILES / name).read_text().splitlines()
    rows = [dict(zip(first.split(), line.split(), strict=True)) for line in lines]
    return [one for one in rows if one["Inode"] == str(os.fstat(sock.fileno()).st_ino)]


def count_of(name: str) -> int:
    """How many lines a file has beside its headings."""
    return len((_FILES / name).read_text().splitlines()) - 1


def cells_of(name: str, sock: Socket, *columns: str) -> list[str]:
    """Some words of the one line that a socket has in ``netlink`` or ``packet``."""
    rows = lines_of(name, sock)
    assert len(rows) == 1, f"{name} has {len(rows)} lines of it"
    return [rows[0][column] for column in columns]


def protocols_of(device: str) -> list[list[str]]:
    """What ``ptype`` lists for an interface: protocols, and the functions that take their frames."""
    lines = [line.split() for line in (_FILES / "ptype").read_text().splitlines()[1:]]
    return [[one[0], one[-1]] for one in lines if one[1] == device]


def functions_of(protocol: str) -> list[str]:
    """The functions that ``ptype`` lists for a protocol, on any interface or none."""
    lines = [line.split() for line in (_FILES / "ptype").read_text().splitlines()[1:]]
    return [one[-1] for one in lines if one[0] == protocol]


def _address(text: str) -> tuple[str, int]:
    """``0100007F:10E1``: words of 32 bits in the machine's order, and a port."""
    host, port = text.split(":")
    words = [int(host[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(host), 8)]
    octets = b"".join(words)
    family = socket.AF_INET if len(octets) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, octets), int(port, 16)
