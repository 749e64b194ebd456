"""What this kernel may lack for its age."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from libsocket import UnsupportedOption


def numbers(release: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", release)[:3]))


@contextmanager
def old_enough() -> Iterator[None]:
    """An option younger than this kernel may be missing; one that is older may not."""
    try:
        yield
    except UnsupportedOption as missing:
        if numbers(os.uname().release) >= numbers(missing.since):
            raise
        pytest.skip(f"Linux {os.uname().release} has no {missing.option}, which came with {missing.since}")
