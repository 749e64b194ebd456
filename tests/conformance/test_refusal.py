"""``refused`` names the exact errno, and what came instead."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.refusal import Unrefused, errno_name, refused


def test_the_exact_errno_passes() -> None:
    with refused(errno.EPERM):
        raise PermissionError(errno.EPERM, "no")


def test_another_errno_of_the_same_class_does_not() -> None:
    with pytest.raises(Unrefused, match="expected EPERM, EACCES") as caught, refused(errno.EPERM):
        raise PermissionError(errno.EACCES, "no")

    assert caught.value.seen == "EACCES"


def test_success_does_not() -> None:
    with (
        pytest.raises(Unrefused, match="expected EPERM, but the call succeeded") as caught,
        refused(errno.EPERM),
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
