from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from kernels import backend, backends
from kernels.archive import Archive
from kernels.backend import Image, kernel
from kernels.errors import NoNamespaces, NotAKernel, UnknownKernel

A_BACKEND = """
from kernels.backends.uml import UserMode

class Elsewhere(UserMode):
    name = "elsewhere"

BACKEND = Elsewhere()
"""


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("6.1", "uml:6.1"),
        ("7.3", "virtme:7.3"),
        ("uml:6.12", "uml:6.12"),
        ("virtme:6.1", "virtme:6.1"),
        ("gvisor", "gvisor"),
        ("uml:/some/linux", "uml:/some/linux"),
    ],
)
def test_a_name_means_a_kernel(name: str, full: str) -> None:
    assert kernel(name).name == full


@pytest.mark.parametrize("name", ["9.9", "", "xen:6.1", "6", "host"])
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownKernel, match=r"uml:5\.10.*virtme:7\.3.*gvisor"):
        kernel(name)


@pytest.mark.parametrize("name", ["uml:9.9", "uml:", "uml", "virtme:4.4", "gvisor:1999"])
def test_a_backend_refuses_an_unknown_series(name: str, archive: Archive) -> None:
    with pytest.raises(UnknownKernel):
        kernel(name).obtain(archive)


def no_kernels(folder: Path) -> dict[str, Path]:
    """Files that are no kernel of any kind."""
    os.mkfifo(folder / "fifo")
    (folder / "empty").touch(mode=0o755)
    (folder / "elf").write_bytes(b"\x7fELF")
    (folder / "elf").chmod(0o755)
    (folder / "endless").write_text("#!/bin/sh\nexec cat\n")
    (folder / "endless").chmod(0o755)
    made = {path.name: path for path in folder.iterdir()}
    return made | {name: Path(name) for name in NO_KERNELS}


NO_KERNELS = (
    *("/bin/sh", "/etc/passwd", "/nowhere/linux", "/", "/dev/zero", "/proc/self/mem"),
    *("~nosuchuser/linux", f"/{'x' * 300}"),
)


@pytest.mark.parametrize("name", [*NO_KERNELS, "fifo", "empty", "elf", "endless"])
@pytest.mark.parametrize("backend_name", ["uml", "virtme", "gvisor"])
def test_a_path_without_a_kernel_is_refused(
    name: str, backend_name: str, archive: Archive, tmp_path: Path
) -> None:
    with pytest.raises(NotAKernel, match="Give"):
        kernel(f"{backend_name}:{no_kernels(tmp_path)[name]}").obtain(archive)


def test_a_program_the_user_built_has_its_own_release(uml: Image, archive: Archive) -> None:
    built = kernel(f"uml:{uml.program}").obtain(archive)

    assert (built.release, built.modules) == (uml.release, uml.modules)


def test_a_kernel_without_network_namespaces_is_refused(uml: Image, archive: Archive, tmp_path: Path) -> None:
    program = Path(shutil.copy(uml.program, tmp_path / "linux"))
    program.write_bytes(program.read_bytes().replace(b"CONFIG_NET_NS=y", b"CONFIG_NET_NS=n"))

    with pytest.raises(NoNamespaces, match="CONFIG_NET_NS=y"):
        kernel(f"uml:{program}").obtain(archive)


def test_a_further_backend_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere.py").write_text(A_BACKEND)
    monkeypatch.setattr(backends, "__path__", [*backends.__path__, str(tmp_path)])
    backend.backends.cache_clear()
    try:
        found = kernel("elsewhere:/some/linux")
    finally:
        backend.backends.cache_clear()

    assert found.backend.name == "elsewhere"
