"""The numbers of socket options in the kernel's own headers, on every architecture.

``python -m tools.uapi [INCLUDE] > tests/libsocket/uapi.toml`` reads a directory that looks like
/usr/include; Debian's linux-libc-dev since Linux 6.12 holds the headers of all architectures in one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from reports.command import command, parser
from reports.errors import FileError
from reports.reading import contents

ARCHITECTURES = {
    "generic": "x86_64-linux-gnu",
    "alpha": "alpha-linux-gnu",
    "mips": "mips-linux-gnu",
    "parisc": "hppa-linux-gnu",
    "powerpc": "powerpc-linux-gnu",
    "sparc": "sparc64-linux-gnu",
}
"""Those whose numbers the library has, and where their own headers are."""

OPTIONS = {
    "linux/tcp.h": r"TCP_(?!MSS_|REPAIR_O(N|FF.*)$|ACCECN_|AO_MAX|AO_KEYF|MD5SIG_(FLAG|MAX)|CA_|RECEIVE_)\w+",
    "linux/in.h": r"IP_(?!PMTUDISC|DEFAULT)\w+|MCAST_(?!EXCLUDE|INCLUDE)\w+",
    "linux/in6.h": r"IPV6_(?!FL_|FLOWINFO_[FP]|PRIORITY|TLV|PMTUDISC|PREFER)\w+",
    "linux/udp.h": r"UDP_(?!ENCAP_)\w+",
    "linux/icmp.h": r"ICMP_FILTER",
    "linux/icmpv6.h": r"ICMPV6_FILTER",
    "linux/netlink.h": r"NETLINK_(\w+_MEMBERSHIPS?|PKTINFO|BROADCAST_ERROR|NO_\w+|.X_RING|LISTEN_\w+"
    r"|\w+_ACK|GET_\w+)",
    "linux/if_packet.h": r"PACKET_(?!HOST|BROADCAST|MULTICAST|OTHERHOST|OUTGOING|LOOPBACK|USER|KERNEL"
    r"|FASTROUTE|MR_|FANOUT_(?!DATA))\w+",
    "linux/vm_sockets.h": r"SO_VM_SOCKETS_\w+",
    "linux/mptcp.h": r"MPTCP_(?!SUBFLOW_FLAG|PM_|INFO_FLAG|RST_)\w+",
    "linux/tls.h": r"TLS_[RT]X\w*",
    "linux/netfilter_ipv4.h": r"SO_\w+",
    "linux/netfilter_ipv6/ip6_tables.h": r"IP6T_SO_ORIGINAL_DST",
}
"""In each header, the names that are options and not values of options."""

SOCKET = r"SOL_SOCKET|SO_(?!\w+_OLD)\w+"
DEFINE = re.compile(r"\s*#\s*define\s+(\w+)\s+(\S+)")
NUMBER = re.compile(r"-?(0x[0-9A-Fa-f]{1,8}|[1-9][0-9]{0,9}|0)")
GENERIC = re.compile(r"\s*#\s*include\s+<(asm-generic/socket\.h)>")


def defines(header: Path, include: Path) -> Iterator[tuple[str, str]]:
    """Every macro without arguments, in order, with the generic header's where it is included."""
    for line in contents(header, "the header").decode(errors="replace").splitlines():
        included = GENERIC.match(line)
        if included and header != include / included[1]:
            yield from defines(include / included[1], include)
        elif define := DEFINE.match(line):
            yield define[1], define[2]


def numbers(header: Path, include: Path, wanted: str) -> dict[str, int]:
    """The wanted macros that are numbers, or names of numbers. The first definition counts."""
    texts: dict[str, str] = {}
    for name, text in defines(header, include):
        texts.setdefault(name, text)
    values = {name: texts.get(text, text) for name, text in texts.items() if re.fullmatch(wanted, name)}
    return {name: int(text, 0) for name, text in values.items() if NUMBER.fullmatch(text)}


def socket_numbers(architecture: str, include: Path) -> dict[str, int]:
    """Level SOL_SOCKET on one architecture."""
    return numbers(include / ARCHITECTURES[architecture] / "asm/socket.h", include, SOCKET)


def lines(include: Path) -> Iterator[str]:
    """The numbers as TOML; those of SOL_SOCKET by architecture, only where they differ."""
    per = {name: socket_numbers(name, include) for name in ARCHITECTURES}
    yield f"# Linux {version(include)}\n\n[socket]"
    for name, generic in per["generic"].items():
        own = {at: found[name] for at, found in per.items() if found.get(name, generic) != generic}
        values = ", ".join(f"{at} = {value}" for at, value in {"generic": generic, **own}.items())
        yield f"{name} = {{ {values} }}"
    for header, wanted in OPTIONS.items():
        yield f'\n["{header}"]'
        yield from (f"{name} = {value}" for name, value in numbers(include / header, include, wanted).items())


def version(include: Path) -> str:
    """Of the headers: major, patch level, sublevel. Raises: FileError."""
    header = include / "linux/version.h"
    code = numbers(header, include, "LINUX_VERSION_CODE").get("LINUX_VERSION_CODE")
    if code is None:
        raise FileError("the header has no LINUX_VERSION_CODE", header)
    return f"{code >> 16}.{code >> 8 & 0xFF}.{code & 0xFF}"


@command("uapi")
def main(arguments: Sequence[str] | None = None) -> int:
    """Print them; the exit status."""
    line = parser("tools.uapi", __doc__)
    line.add_argument("include", nargs="?", type=Path, default=Path("/usr/include"), metavar="INCLUDE")
    for one in lines(line.parse_args(arguments).include):
        print(one)
    return 0


if __name__ == "__main__":
    sys.exit(main())
