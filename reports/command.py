"""What every command has in common: how it explains itself, what it prints to, and how it ends."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import wraps
from typing import Any, NoReturn, Protocol, TextIO

from reports.errors import BAD_DATA, CANNOT_WRITE, CannotWrite, FileError
from reports.printable import one_line


class Main(Protocol):
    """What runs a command line, that of the process where it is None, and returns the exit status."""

    def __call__(self, arguments: Sequence[str] | None = None) -> int: ...


class Parser(argparse.ArgumentParser):
    """Of a command line. What its errors repeat of it cannot steer a terminal."""

    def error(self, message: str) -> NoReturn:
        super().error(one_line(message))

    def print_help(self, file: Any = None) -> None:
        print(self.format_help(), end="", file=file)  # argparse hides that it could not be written


def parser(module: str, description: str | None, failure: str = "", unavailable: str = "") -> Parser:
    """Of ``python -m MODULE``; exit status 1 is for the failure, 69 for what is not to be had."""
    statuses = {
        0: "done",
        1: failure,
        2: "wrong usage",
        BAD_DATA: "what it reads cannot be read or understood",
        os.EX_UNAVAILABLE: unavailable,
        CANNOT_WRITE: "what it writes cannot be written",
        128 + signal.SIGINT: "interrupted",
    }
    lines = [f"  {status:<3} {means}" for status, means in statuses.items() if means]
    return Parser(
        prog=f"python -m {module}",
        description=description,
        epilog="\n".join(["exit status:", *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def count(text: str) -> int:
    """An argument that is a number of things, one or more. Raises: ValueError."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def command(name: str) -> Callable[[Main], Main]:
    """A command's main, for which all that its user or a file can do wrong is one sentence and a status.

    A reader that has enough, as head(1) has, ends it quietly.
    """

    def decorated(main: Main) -> Main:
        @wraps(main)
        def run(arguments: Sequence[str] | None = None) -> int:
            _prepare()
            try:
                return _written(name, main, arguments)
            finally:
                try:
                    sys.stderr.flush()
                except OSError:  # the status tells all the same
                    _silence(sys.stderr)

        return run

    return decorated


def _written(name: str, main: Main, arguments: Sequence[str] | None) -> int:
    try:
        status = _ended(name, main, arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout)
        return 0
    except OSError as error:
        _silence(sys.stdout)
        why = f"{error.filename or 'standard output'}: {error.strerror or error}"
        return _fail(name, one_line(why), CANNOT_WRITE)
    return status


def _ended(name: str, main: Main, arguments: Sequence[str] | None) -> int:
    try:
        return main(arguments)
    except SystemExit as ended:  # by argparse, which has said why
        return int(ended.code or 0)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except FileError as error:
        return _fail(name, error, BAD_DATA)
    except CannotWrite as error:
        return _fail(name, error, CANNOT_WRITE)


def _fail(name: str, why: object, status: int) -> int:
    with suppress(OSError):  # whoever cannot be told why has the status
        print(f"{name}: {why}", file=sys.stderr)
    return status


def _prepare() -> None:
    """Let each stream be there, and take all text: what its encoding has not, as escapes."""
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115  as long as the process lives
    # Python has no stream where a descriptor is closed. This one says so when it is written to.
    sys.stdout = sys.stdout or open(os.open(os.devnull, os.O_RDONLY), "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _silence(stream: TextIO) -> None:
    # The interpreter flushes once more at exit and would complain of what is known by now.
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
