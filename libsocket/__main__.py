"""What this kernel supports: ``python -m libsocket [KIND ...] [--json]``.

For each kind of socket, the options that the kernel knows there, what reading gave and what writing the
same value back did; a refusal is told by its errno. At the end, the options that no kind knows. Packet
and raw sockets need CAP_NET_RAW.
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
from libsocket.probe import KINDS, Answer, probe, said, told


def lines(kind: str, answers: dict[Option[Any], Answer]) -> Iterator[str]:
    """A heading, then a line for each option that is known."""
    known = {option: answer for option, answer in answers.items() if answer.known}
    yield f"\n{kind}: {len(known)} of {len(answers)} options"
    for option, (got, put) in known.items():
        value = "-" if got is None else textwrap.shorten(str(said(got)), 48, placeholder=" …")
        yield f"  {option.constant:34} get {value:50} set {'-' if put is None else said(put)}"


def nowhere(known: set[Option[Any]]) -> Iterator[str]:
    """What no kind of socket has here, and since when there is such a thing."""
    yield "\nknown to none of these sockets:"
    for option in OPTIONS:
        if option not in known:
            yield f"  {option.constant:34} since Linux {option.since}"


def table(kinds: list[str]) -> Iterator[str]:
    """Everything, for a person."""
    known: set[Option[Any]] = set()
    for kind in kinds:
        try:
            answers = probe(kind)
        except OSError as refusal:
            yield f"\n{kind}: no such socket here ({said(refusal)})"
            continue
        known |= {option for option, answer in answers.items() if answer.known}
        yield from lines(kind, answers)
    yield from nowhere(known)


def asked() -> argparse.Namespace:
    """What the command line asks for; a kind that there is not ends the process."""
    parser = argparse.ArgumentParser(
        "python -m libsocket", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", metavar="KIND", nargs="*", help=f"one of {', '.join(KINDS)} (all)")
    parser.add_argument("--json", action="store_true", help="for a program")
    chosen = parser.parse_args()
    if strangers := set(chosen.kinds) - set(KINDS):
        parser.error(f"no such kind of socket: {', '.join(sorted(strangers))}")
    return chosen


def document(kinds: list[str]) -> str:
    """Everything, for a program."""
    uname = os.uname()
    kernel = {"release": uname.release, "version": uname.version, "machine": uname.machine}
    return json.dumps({**kernel, "kinds": {kind: told(kind) for kind in kinds}}, indent=1)


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
    chosen = asked()
    try:
        show(chosen)
    except BrokenPipeError:
        # Who reads has seen enough, as head(1) has. The interpreter flushes at exit and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
