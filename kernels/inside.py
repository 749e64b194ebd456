"""What a command in a guest knows of where it runs: whether the kernel is its own, and how fast."""

from __future__ import annotations

import os
from typing import Final

GUEST: Final = "KERNELS_GUEST"
"""The environment variable that a guest has, and nothing else."""
EMULATED: Final = "emulated"
"""Its value where the processor is software."""


def in_guest() -> bool:
    return GUEST in os.environ


def emulated() -> bool:
    return os.environ.get(GUEST) == EMULATED
