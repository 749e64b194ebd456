"""Full kernels on the host's file system, started by virtme-ng: several processors, every module.

With software emulation (``tcg``) a boot takes about fifteen seconds, with the machine's own virtualisation
(``kvm``) two or three.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kernels import script, tools
from kernels.archive import Archive
from kernels.backend import Image
from kernels.confine import confined
from kernels.errors import MissingProgram, NotAKernel, PathNotBootable
from kernels.guest import Guest, Job, acceleration, make_home, require_readable
from kernels.inside import EMULATED, GUEST
from kernels.package import Package
from kernels.packaged import Packaged, head

WANTED = "a bootable image: arch/x86/boot/bzImage or a distribution's vmlinuz"

KVM = Path("/dev/kvm")
EMULATION_FACTOR = 5
"""How many times the idle timeout an emulated guest has: importing a test suite takes it minutes."""


class Virtme(Packaged):
    """Boots a distribution's ordinary image, or one the user built, in qemu."""

    name = "virtme"
    parts = r"linux-(binary|modules)-\d.*"
    needs = ("modprobe", "depmod", "busybox")

    def inspect(self, name: str, path: Path) -> Image:
        release = _release(path)
        return Image(name, release, release, path, path)

    def arrange(self, tree: Path, folder: Path, packages: Sequence[Package], archive: Archive) -> Image:
        modules = next(path for path in tree.glob("**/lib/modules/*") if path.is_dir())
        kernel = next(path for path in tree.glob("**/vmlinuz*") if path.is_file())
        place = tree / "lib/modules" / modules.name
        place.parent.mkdir(parents=True, exist_ok=True)
        kernel.rename(modules / "vmlinuz")
        if modules != place:
            modules.rename(place)
        for left in ("boot", "usr"):
            shutil.rmtree(tree / left, ignore_errors=True)
        depmod = tools.find("depmod", tools.folder(archive))
        subprocess.run([str(depmod), "-b", str(tree), modules.name], check=True, capture_output=True)
        name = f"{self.name}:{folder.parent.name}"
        return Image(name, modules.name, packages[0].version, place / "vmlinuz", tree, tree)

    def emulated(self) -> bool:
        return _emulated(acceleration())

    def start(self, image: Image, job: Job) -> Guest:
        require_readable(job)
        for path in (job.folder, job.shared):
            if shlex.quote(str(path)) != str(path):
                raise PathNotBootable(path, "virtme-ng does not quote the special characters in it")
        make_home(job)
        acceleration = _acceleration(job)
        if acceleration:
            # One processor: a kernel that patches code which another processor runs can crash when emulated.
            environ = {**job.environ, GUEST: EMULATED}
            job = replace(job, idle_timeout=job.idle_timeout * EMULATION_FACTOR, cpus=1, environ=environ)
        loader = tools.find("modprobe", image.tools)
        modprobe = script.write_modprobe(loader, Path("/"), job) if loader else None
        command = script.write_command(job, modprobe, script.plain_copy("mount", job))
        programs = ["env", f"PATH={Path(sys.executable).parent}:{tools.search_path(image.tools)}"]
        machine = ["--memory", job.memory, "--cpus", str(job.cpus), *acceleration]
        folders = ["--cwd", str(job.folder), f"--rwdir={job.shared}", "--user", "root"]
        # Or else an empty folder hides root's home, where the interpreter and the cache of a root's are.
        folders += ["--append", "virtme_root_user=1"]
        run = ["--shell", str(command)] if job.terminal is not None else ["--verbose", "--", f"sh {command}"]
        vng = [_vng(), "--run", str(image.program), *machine, *folders, *run]
        program = confined([*programs, f"TMPDIR={job.home}", *vng], job.shared, devices=[KVM])
        return Guest(image.name, program, job)


def _acceleration(job: Job) -> list[str]:
    """Options for software emulation, if the job or the lack of KVM requires it. Raises MissingProgram."""
    if job.accel == "kvm" and not _has_kvm():
        how = "Use --accel tcg, or let this user read and write /dev/kvm."
        raise MissingProgram(str(KVM), "for --accel kvm", how)
    return ["--disable-kvm"] if _emulated(job.accel) else []


def _emulated(accel: str) -> bool:
    return accel == "tcg" or not _has_kvm()


def _has_kvm() -> bool:
    return os.access(KVM, os.R_OK | os.W_OK)


def _vng() -> str:
    """virtme-ng, from the environment of the interpreter or from the machine; qemu must be there too."""
    beside = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    vng, qemu = shutil.which("vng", path=beside), f"qemu-system-{platform.machine()}"
    if vng is None:
        how = "Install it with: python -m pip install --group kernels."
        raise MissingProgram("virtme-ng (vng)", "to start full kernels", how)
    if shutil.which(qemu) is None:
        how = (
            "Install it (Debian: apt-get install --no-install-recommends qemu-system-x86), or use uml:SERIES."
        )
        raise MissingProgram(qemu, "to start full kernels", how)
    return vng


def _release(path: Path) -> str:
    """What a bootable image calls itself, as the x86 boot protocol has it. Raises NotAKernel."""
    image = head(path, 0x10000, WANTED)
    if image[0x202:0x206] != b"HdrS":
        raise NotAKernel(path, "it has no boot header", WANTED)
    offset = int.from_bytes(image[0x20E:0x210], "little")
    words = image[0x200 + offset :].partition(b"\0")[0].split()
    return words[0].decode(errors="replace") if words else "unknown"


BACKEND = Virtme()
