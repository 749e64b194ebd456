"""Every option that can be set is set somewhere in these tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from libsocket import OPTIONS, Access, Option
from tests.libsocket.settable import SETTABLE

SETUPS = Path(__file__).parents[2] / "conformance" / "plugin" / "setups"
TESTS = [*Path(__file__).parent.glob("test_*.py"), SETUPS / "repair.py"]
ELSEWHERE = "\n".join(path.read_text() for path in TESTS)
IN_TABLE = {option for _, option, _ in SETTABLE}
NO_KERNEL_AT_HAND = {"SO_RIGHTS_NOTRUNC"}
"""Too young for the kernels that the tests were written on."""
REST = [option for option in OPTIONS if Access.SET in option.access and option not in IN_TABLE]


@pytest.mark.parametrize("option", REST, ids=lambda option: option.constant)
def test_option_is_tried(option: Option[Any]) -> None:
    tried = f".{option.attribute}" in ELSEWHERE or f"ls.{option.constant}" in ELSEWHERE
    named = f"libsocket.{option.constant}" in ELSEWHERE

    assert tried or named or option.constant in NO_KERNEL_AT_HAND
