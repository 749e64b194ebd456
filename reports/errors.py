"""Every way in which a run file can be wrong, each with its own exception."""

from __future__ import annotations

from pathlib import Path


class RunFileError(Exception):
    """A run file that cannot be understood; ``str()`` names the file, the line and the cause.

    ``path`` and ``line`` (counted from 1) are None when what was decoded came from no file, or when no
    single line is to blame.
    """

    def __init__(self, cause: str, path: Path | None = None, line: int | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.path = path
        self.line = line

    def __str__(self) -> str:
        place = [str(part) for part in (self.path, self.line) if part is not None]
        return f"{':'.join(place)}: {self.cause}" if place else self.cause


class Unreadable(RunFileError):
    """There is no such file, or the system refuses to read it."""


class NotUtf8(RunFileError):
    """A line holds bytes that are no UTF-8."""


class NotJson(RunFileError):
    """A line, other than a last one cut short, is no JSON."""


class NotAnObject(RunFileError):
    """A line is JSON but no object."""


class UnknownKind(RunFileError):
    """A line is no header, record or footer."""


class MissingHeader(RunFileError):
    """The file is empty, or its first line is no header."""


class SecondHeader(RunFileError):
    """A header stands below the first line: two runs in one file."""


class UnknownSchema(RunFileError):
    """The header names a schema that this version does not read."""


class MissingField(RunFileError):
    """An object lacks a field that the schema requires."""


class WrongType(RunFileError):
    """A field holds a value of another type than the schema says."""


class UnknownVerdict(RunFileError):
    """A verdict is none of the five words."""


class BadRange(RunFileError):
    """``since``, ``until``, ``backports`` or ``release`` is no kernel version."""


class BadClaimId(RunFileError):
    """A claim's id is not ``page/topic/slug``."""


class SecondClaim(RunFileError):
    """The header lists one claim twice."""


class UnlistedClaim(RunFileError):
    """A record answers a claim that the header does not list."""


class SecondRecord(RunFileError):
    """Two records answer one claim."""


class AfterFooter(RunFileError):
    """Something follows the footer."""


class CountsContradict(RunFileError):
    """The footer counts other verdicts than the records give."""


class RunFileUnwritable(OSError):
    """A run file cannot be opened or written; ``str()`` names the file, the cause and the way out."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(error.errno, error.strerror, str(path))
        self.path = path

    def __str__(self) -> str:
        return (
            f"{self.path}: the run cannot be written: {self.strerror}; "
            "name a file in a folder that you may write to and that has room"
        )
