from __future__ import annotations

import pytest

from kernels.archive import Archive
from kernels.backend import Image, kernel
from kernels.cache import Cache
from kernels.progress import Progress


@pytest.fixture(scope="session")
def archive() -> Archive:
    """The archive of this machine, with the user's own cache: a kernel is fetched by the first run only."""
    return Archive(Cache.of_user(), progress=Progress(quiet=True))


@pytest.fixture(scope="session")
def uml(archive: Archive) -> Image:
    """User-mode Linux 6.1, ready to start."""
    return kernel("uml:6.1").obtain(archive)
