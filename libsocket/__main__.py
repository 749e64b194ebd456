"""What this kernel supports: ``python -m libsocket [KIND ...] [--json]``.

For each kind of socket, the options that the kernel supports there, what reading gave and what came of
writing the same value back, or true to a flag; an error is shown by its errno. At the end, the options that
no kind supports. Packet and raw sockets need CAP_NET_RAW.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, NoReturn, TextIO

from libsocket.attributes import OPTIONS
from libsocket.option import Option
from libsocket.probe import KINDS, Support, as_json, probe, shown

EPILOG: Final = """\
exit status:
  0   done
  2   wrong usage
  73  standard output cannot be written
  130 interrupted
"""


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


class Parser(argparse.ArgumentParser):
    """What its errors repeat of the command line cannot steer a terminal."""

    def error(self, message: str) -> NoReturn:
        super().error("".join(char if char.isprintable() else ascii(char)[1:-1] for char in message))

    def print_help(self, file: Any = None) -> None:
        """Where argparse hides that it could not be written."""
        print(self.format_help(), end="", file=file)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What the command line asks for; SystemExit for an unknown kind."""
    parser = Parser(
        "python -m libsocket",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kinds", metavar="KIND", nargs="*", help=f"one of {', '.join(KINDS)} (all)")
    parser.add_argument("--json", action="store_true", help="for a program")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.kinds) - set(KINDS):
        parser.error(f"unknown kind of socket: {', '.join(sorted(unknown))}")
    return chosen


def document(kinds: list[str]) -> str:
    """Everything, for a program."""
    uname = os.uname()
    kernel = {"release": uname.release, "version": uname.version, "machine": uname.machine}
    return json.dumps({**kernel, "kinds": {kind: as_json(kind) for kind in kinds}}, indent=1)


def text(chosen: argparse.Namespace) -> str:
    """What was asked for."""
    kinds = chosen.kinds or list(KINDS)
    if chosen.json:
        return document(kinds)
    return "\n".join((f"Linux {os.uname().release}, {os.uname().machine}", *table(kinds)))


def show(arguments: Sequence[str] | None) -> int:
    """Print what was asked for; the exit status."""
    try:
        print(text(parsed(arguments)))
    except SystemExit as ended:  # by argparse, which has printed help or said what is wrong
        return int(ended.code or 0)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit status."""
    prepare()
    try:
        return written(arguments)
    finally:
        try:
            sys.stderr.flush()
        except OSError:  # the status tells all the same
            silence(sys.stderr)


def written(arguments: Sequence[str] | None) -> int:
    """Print what was asked for, as far as somebody takes it; the exit status."""
    try:
        status = show(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has enough, as head(1) has
        silence(sys.stdout)
        return 0
    except OSError as error:
        silence(sys.stdout)
        with suppress(OSError):
            print(f"libsocket: standard output: {error.strerror}", file=sys.stderr)
        return os.EX_CANTCREAT
    return status


def prepare() -> None:
    """Let both streams be there, and take all text: what its encoding has not, as escapes."""
    # Python has no stream where a descriptor is closed. This one says so when it is written to.
    sys.stdout = sys.stdout or open(os.open(os.devnull, os.O_RDONLY), "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def silence(stream: TextIO) -> None:
    """The interpreter flushes once more at exit and would complain of what is known by now."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    sys.exit(main())
