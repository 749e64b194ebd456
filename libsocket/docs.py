"""The options reference as Markdown, from the declarations: ``python -m libsocket.docs``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from libsocket.arch import Level
from libsocket.attributes import OPTIONS
from libsocket.option import Access, Option

LEFT_OUT: Final = {
    "SO_SECURITY_AUTHENTICATION SO_SECURITY_ENCRYPTION_TRANSPORT SO_SECURITY_ENCRYPTION_NETWORK "
    "IPV6_NEXTHOP IPV6_AUTHHDR IPV6_USE_MIN_MTU PACKET_RECV_OUTPUT SO_VM_SOCKETS_PEER_HOST_VM_ID "
    "SO_VM_SOCKETS_TRUSTED SO_VM_SOCKETS_NONBLOCK_TXRX": "have a number, but no kernel answers to them",
    "NETLINK_RX_RING NETLINK_TX_RING": "went with memory-mapped netlink in Linux 4.6",
    "SO_DEVMEM_LINEAR SO_DEVMEM_DMABUF IPV6_HOPLIMIT PACKET_TX_TIMESTAMP": "are control messages only",
    "SO_GET_FILTER SO_DETACH_BPF TCP_CM_INQ IP_RECVRETOPTS IP_ORIGDSTADDR IPV6_ORIGDSTADDR "
    "IPV6_ADD_MEMBERSHIP IPV6_DROP_MEMBERSHIP SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD": (
        "are other names of options that are here"
    ),
}
"""Names in the kernel's headers that are no options of ours, by the reason."""

INTRODUCTION: Final = """\
# Socket options

Every option that `libsocket` declares, by level. On a `Socket` each is an attribute; `Socket.<attribute>` and
`libsocket.<NAME>` are the option itself, which `sock.get`, `sock.set`, `sock.ask` and `sock.supported` take.
*since* is the first mainline kernel that has it, *capability* what some or all values need.

This page is written by `python -m libsocket.docs`."""

WORDS: Final = {Access.GET: "get", Access.SET: "set", Access.BOTH: "get, set"}


def page() -> Iterator[str]:
    """The whole reference, line by line."""
    yield INTRODUCTION
    for level in Level:
        yield from chapter(level, [option for option in OPTIONS if option.level is level])
    yield "\n## Left out\n"
    for names, reason in LEFT_OUT.items():
        yield f"- {', '.join(f'`{name}`' for name in names.split())} {reason}."


def chapter(level: Level, options: list[Option[Any]]) -> Iterator[str]:
    """A level: its table, then a section for each option."""
    yield f"\n## {level.name}\n"
    yield "| option | attribute | number | type | access | since | capability |"
    yield "|---|---|---|---|---|---|---|"
    yield from map(row, options)
    for option in options:
        yield from section(option)


def row(option: Option[Any]) -> str:
    """An option at a glance."""
    name = f"[{option.name}](#{option.constant.lower()})"
    facts = (name, f"`{option.attribute}`", str(option.numbers.generic), f"`{option.codec}`")
    return "| " + " | ".join((*facts, WORDS[option.access], option.since, option.capability or "")) + " |"


def section(option: Option[Any]) -> Iterator[str]:
    """All there is to say about an option."""
    yield f"\n### {option.constant}\n"
    yield option.doc
    yield f"\n*{option.facts}* (in C: {option.codec.layout})"
    if callable(option.codec.question):
        yield "\nRead by a question: `sock.ask`."
    if elsewhere := elsewhere_numbered(option):
        yield f"\nNumber {option.numbers.generic}; {elsewhere}."


def elsewhere_numbered(option: Option[Any]) -> str:
    """The numbers of the architectures that differ."""
    own = {name: value for name, value in option.numbers._asdict().items() if value is not None}
    return ", ".join(f"{value:#x} on {name}" for name, value in own.items() if name != "generic")


def main() -> None:
    """Print the reference."""
    print("\n".join(page()))


if __name__ == "__main__":
    main()
