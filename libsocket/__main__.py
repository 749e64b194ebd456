"""What this kernel supports: ``python -m libsocket [KIND ...] [--json]``.

For each kind of socket, the options that the kernel supports there, what reading gave and what came of
writing the same value back, or true to a flag; an error is shown by its errno. At the end, the options that
no kind supports. Packet and raw sockets need CAP_NET_RAW.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from libsocket.attributes import OPTIONS
from libsocket.option import Option
from libsocket.probe import KINDS, Support, as_json, probe, shown


def lines(kind: str, found: dict[Option[Any], Support]) -> Iterator[str]:
    """A heading, then a line for each option that is supported."""
    supported = {option: support for option, support in found.items() if support.supported}
    yield f"\n{kind}: {len(supported)} of {len(found)} options"
    for option, (held, written) in supported.items():
        value = "-" if held is None else textwrap.shorten(str(shown(held)), 48, placeholder=" …")
        yield f"  {option.constant:34} get {value:50} set {'-' if written is None else shown(written)}"


def unsupported(supported: set[Option[Any]]) -> Iterator[str]:
    """What no kind of socket has here, and since when there is such a thing."""
    yield "\nsupported by none of these sockets:"
    for option in OPTIONS:
        if option not in supported:
            yield f"  {option.constant:34} since Linux {option.since}"


def table(kinds: list[str]) -> Iterator[str]:
    """Everything, for a person."""
    supported: set[Option[Any]] = set()
    for kind in kinds:
        try:
            found = probe(kind)
        except OSError as error:
            yield f"\n{kind}: no such socket here ({shown(error)})"
            continue
        supported |= {option for option, support in found.items() if support.supported}
        yield from lines(kind, found)
    yield from unsupported(supported)


def arguments() -> argparse.Namespace:
    """What the command line asks for; an unknown kind ends the process."""
    parser = argparse.ArgumentParser(
        "python -m libsocket", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", metavar="KIND", nargs="*", help=f"one of {', '.join(KINDS)} (all)")
    parser.add_argument("--json", action="store_true", help="for a program")
    chosen = parser.parse_args()
    if unknown := set(chosen.kinds) - set(KINDS):
        parser.error(f"unknown kind of socket: {', '.join(sorted(unknown))}")
    return chosen


def document(kinds: list[str]) -> str:
    """Everything, for a program."""
    uname = os.uname()
    kernel = {"release": uname.release, "version": uname.version, "machine": uname.machine}
    return json.dumps({**kernel, "kinds": {kind: as_json(kind) for kind in kinds}}, indent=1)


def show(chosen: argparse.Namespace) -> None:
    """Print what was asked for."""
    kinds = chosen.kinds or list(KINDS)
    if chosen.json:
        print(document(kinds))
    else:
        print(f"Linux {os.uname().release}, {os.uname().machine}", *table(kinds), sep="\n")
    sys.stdout.flush()


def main() -> None:
    """The command line."""
    chosen = arguments()
    try:
        show(chosen)
    except BrokenPipeError:
        # Whoever reads has enough, as head(1) has. The interpreter flushes at exit and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
