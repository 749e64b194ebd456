"""``refused`` names the exact errno, and what came instead."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

from conformance.plugin import observations
from conformance.plugin.refusal import Unrefused, errno_name, refused
from libsocket import Socket
from netns import NetnsError


@pytest.fixture(autouse=True)
def _begun() -> Iterator[None]:
    observations.begin()
    yield
    observations.begin()


def test_the_exact_errno_passes_and_is_observed() -> None:
    with refused(errno.EPERM):
        raise PermissionError(errno.EPERM, "no")

    assert observations.observed() == {"errno": "EPERM"}


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_any_errno_passes_where_none_is_named(number: int) -> None:
    with refused(name="errno_of_it"):
        raise OSError(number, "no")

    assert observations.observed() == {"errno_of_it": errno_name(number)}


def test_an_attribute_that_is_missing_is_refused_as_the_option_is() -> None:
    with Socket.unix() as sock, refused(errno.EOPNOTSUPP):
        _ = sock.tcp_nodelay

    assert observations.observed() == {"errno": "EOPNOTSUPP"}


def test_a_second_refusal_needs_a_name_of_its_own() -> None:
    with refused(errno.EPERM):
        raise PermissionError(errno.EPERM, "no")

    with pytest.raises(RuntimeError, match="observes errno twice"), refused(errno.EPERM):
        raise PermissionError(errno.EPERM, "no")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EMFILE, "too many"),
        FileNotFoundError(errno.ENOENT, "no such file", "/proc/net/none"),
        NetnsError(errno.EPERM, "capset"),
        TimeoutError("no errno at all"),
    ],
    ids=["descriptors", "file", "netns", "no-errno"],
)
@pytest.mark.parametrize("number", [None, errno.EINVAL, errno.EPERM])
def test_the_surroundings_refuse_nothing(error: OSError, number: int | None) -> None:
    with pytest.raises(OSError, match=r".") as caught, refused(number):
        raise error

    assert (caught.value, observations.observed()) == (error, {})


def test_what_the_machine_lacks_is_a_refusal_where_it_is_asked_for() -> None:
    with refused(errno.EMFILE):
        raise OSError(errno.EMFILE, "too many")

    assert observations.observed() == {"errno": "EMFILE"}


def test_another_errno_of_the_same_class_does_not() -> None:
    with pytest.raises(Unrefused, match="expected EPERM, EACCES") as caught, refused(errno.EPERM):
        raise PermissionError(errno.EACCES, "no")

    assert caught.value.seen == "EACCES"


@pytest.mark.parametrize(("number", "wanted"), [(errno.EPERM, "EPERM"), (None, "a refusal")])
def test_success_does_not(number: int | None, wanted: str) -> None:
    with (
        pytest.raises(Unrefused, match=f"expected {wanted}, but the call succeeded") as caught,
        refused(number),
    ):
        pass

    assert caught.value.seen is None


def test_other_errors_are_not_refusals() -> None:
    with pytest.raises(ValueError, match="mine"), refused(errno.EPERM):
        raise ValueError("mine")


@pytest.mark.parametrize(
    ("number", "name"),
    [(95, "EOPNOTSUPP"), (11, "EAGAIN"), (35, "EDEADLK"), (4095, "4095"), (None, "no errno")],
)
def test_an_errno_has_the_kernels_name(number: int | None, name: str) -> None:
    assert errno_name(number) == name
