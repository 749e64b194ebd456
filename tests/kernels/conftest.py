from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernels.archive import Archive
from kernels.backend import Image, kernel
from kernels.cache import Cache
from kernels.progress import Progress
from tests.kernels.repository import Signer


@pytest.fixture(scope="session")
def archive() -> Archive:
    """The archive of this machine, with the user's own cache: a kernel is fetched by the first run only."""
    return Archive(Cache.of_user(), progress=Progress(quiet=True))


@pytest.fixture(scope="session")
def uml(archive: Archive) -> Image:
    """User-mode Linux 6.1, ready to start."""
    return kernel("uml:6.1").obtain(archive)


@pytest.fixture(scope="session")
def signer() -> Iterator[Signer]:
    if shutil.which("gpg") is None:
        pytest.skip("gpg signs the repository")
    with tempfile.TemporaryDirectory(prefix="kernels-gpg-") as home:
        made = Signer(Path(home))
        for key in ("archive", "another"):
            made.gpg("--quick-generate-key", key, "ed25519", "sign", "never")
        yield made
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)
