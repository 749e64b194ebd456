"""From what a test did to a verdict. Nothing else in the project makes one."""

from __future__ import annotations

import struct
import traceback
from collections.abc import Mapping
from typing import Final

import pytest
from msgspec.structs import replace

from conformance.plugin.observations import ERRNO
from conformance.plugin.refusal import Unrefused, errno_name, of_kernel
from conformance.plugin.splats import Splat
from conformance.plugin.surroundings import of_surroundings
from conformance.plugin.watchdog import TimeoutExceeded
from libsocket import UnexpectedEof, WriteZero
from reports.assess import SPLAT
from reports.model import Answer, Value, Verdict

_DATA_LOST: Final = (UnexpectedEof, WriteZero)
"""What the library raises for a stream that gives or takes less than is due."""
_UNPACKED: Final = (IndexError, ValueError)
"""What unpacking raises in a test for bytes or lists that are shorter, longer or other than is due."""


def judge(
    claim: str,
    error: BaseException | None,
    observed: Mapping[str, Value],
    detail: str,
    *,
    parameters: str = "",
    test: str = "",
) -> Answer:
    """The answer of a test by the error its body ended with, or by its having ended with none.

    ``parameters`` tells the observations of one function's tests apart. ``test``, the name of the function
    where several try the claim, does so for those that have the same name in all of them.
    """
    error = of_kernel(error)
    verdict = _verdict(error)
    ending = ending_of(error)
    # In a difference the errno is the one that made it. One that was due made none.
    met = {name: value for name, value in observed.items() if verdict is Verdict.HOLDS or name != ERRNO}
    suffixes = dict.fromkeys((ERRNO, *ending), whole_name(test, parameters))
    named = {_named(name, suffixes.get(name, parameters)): value for name, value in {**met, **ending}.items()}
    return Answer(claim, verdict, named, detail=detail)


def whole_name(*parts: str) -> str:
    """What tells a test apart from all others of its claim."""
    return "-".join(filter(None, parts))


def _named(name: str, suffix: str) -> str:
    return f"{name}[{suffix}]" if suffix else name


def blocked(claim: str, need: str) -> Answer:
    """The answer about a claim that cannot be tried for want of something."""
    return Answer(claim, Verdict.BLOCKED, need=need, detail=f"{need} is missing")


def broken(claim: str, detail: str) -> Answer:
    """The answer of a test whose surroundings failed."""
    return Answer(claim, Verdict.BROKEN, detail=detail)


def splatted(answer: Answer, splat: Splat, *, test: str = "", ended: bool = True) -> Answer:
    """The answer of a test in which the kernel's log said that the kernel is wrong, whatever the test saw.

    Nothing is known where it only says that something takes too long, which a slow machine does too, nor of
    a test that has not ``ended``. ``test`` tells it apart from the splats of the claim's other tests.
    """
    verdict = Verdict.DIFFERS if ended and not splat.stalled else Verdict.BROKEN
    observed = {**answer.observations, _named(SPLAT, test): splat.line}
    detail = "\n".join(filter(None, (splat.text, answer.detail)))
    return replace(answer, verdict=verdict, observations=observed, need=None, detail=detail)


def _verdict(error: BaseException | None) -> Verdict:
    if error is None:
        return Verdict.HOLDS
    return Verdict.DIFFERS if is_difference(error) else Verdict.BROKEN


def is_difference(error: BaseException) -> bool:
    """Whether it is the kernel's answer, which is otherwise or failed to come.

    Anything else is a failure of the test itself or of its surroundings.
    """
    if isinstance(error, TimeoutExceeded):
        return error.call is not None
    if isinstance(error, _DATA_LOST):
        return True
    if isinstance(error, OSError):
        return error.errno is not None and not of_surroundings(error)
    return isinstance(error, AssertionError | pytest.fail.Exception) or _is_undecodable(error)


def _is_undecodable(error: BaseException) -> bool:
    """Whether it came out of decoding what the kernel gave.

    What a socket is given wrongly the library refuses with errors of its own, and no test packs structures:
    so a struct.error is of bytes that were received, and an error of unpacking, raised by neither the
    library nor the namespaces but by a test, is of what was received there.
    """
    if isinstance(error, struct.error) or _is_of_control_messages(error):
        return True
    return isinstance(error, _UNPACKED) and _package(error) not in {"libsocket", "netns"}


def _is_of_control_messages(error: BaseException) -> bool:
    """Whether Python found no whole control messages in what recvmsg gave. It warns, and raises nothing."""
    return isinstance(error, RuntimeWarning) and "ancillary data" in str(error)


def in_a_scene(error: BaseException) -> bool:
    """Whether an error in a fixture is one of a test's scene, and not of what pytest does around it."""
    return _package(error) not in {"_pytest", "pluggy"}


def _package(error: BaseException) -> str:
    """The package of the code that raised it."""
    *_, (frame, _line) = traceback.walk_tb(error.__traceback__)
    module: str = frame.f_globals.get("__name__", "")
    return module.partition(".")[0]


def _full_name(kind: type[BaseException]) -> str:
    """``IndexError``, ``struct.error``"""
    package = kind.__module__.partition(".")[0]
    return kind.__name__ if package == "builtins" else f"{package}.{kind.__name__}"


def ending_of(error: BaseException | None) -> dict[str, Value]:
    """What ended a test that differs by more than an assertion is an observation like any other.

    The errno that came where another or none was due, the call that never returned, the error of decoding.
    """
    match error:
        case Unrefused():
            return {ERRNO: error.seen}
        case TimeoutExceeded():
            return {"timed_out": error.call} if error.call else {}
        case OSError(errno=int(number)):
            return {ERRNO: errno_name(number)}
        case Exception() if not isinstance(error, AssertionError | pytest.fail.Exception):
            return {"raised": _full_name(type(error))} if is_difference(error) else {}
    return {}
