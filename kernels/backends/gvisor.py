"""gVisor: another implementation of the same documents, with a network stack of its own."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kernels import script
from kernels.archive import Archive
from kernels.backend import Image
from kernels.confine import confined
from kernels.errors import NotAKernel
from kernels.guest import Guest, Job, make_home, require_readable
from kernels.package import Package
from kernels.packaged import Packaged, ask, head
from kernels.series import Series, series_table

WANTED = "the program runsc"

CAPABILITIES = (
    *("AUDIT_CONTROL", "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID"),
    *("IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE"),
    *("NET_BROADCAST", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_ADMIN", "SYS_BOOT"),
    *("SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE"),
    *("SYS_TIME", "SYS_TTY_CONFIG"),
)


class GVisor(Packaged):
    """Runs a command in a container of the host's files, with every capability inside and no way out."""

    name = "gvisor"

    def inspect(self, name: str, path: Path) -> Image:
        head(path, 1, WANTED)
        first, _, version = ask(path, "--version", WANTED).stdout.partition("\n")[0].partition(" version ")
        if first != "runsc":
            raise NotAKernel(path, "it does not answer --version as gVisor's runsc does", WANTED)
        return Image(name, version.removeprefix("release-"), version, path, path)

    def arrange(self, tree: Path, folder: Path, packages: Sequence[Package], _archive: Archive) -> Image:
        program = (tree / "usr/bin/runsc").rename(tree / "runsc")
        for left in ("usr", "etc", "var"):
            shutil.rmtree(tree / left, ignore_errors=True)
        version = packages[0].version
        release = version.partition("~")[2].partition("-")[0]
        return Image(f"{self.name}:{folder.parent.name}", release, version, program, tree)

    def start(self, image: Image, job: Job) -> Guest:
        require_readable(job)
        make_home(job)
        command = script.write_command(job, require_netns=False)
        (job.home / "config.json").write_text(json.dumps(_container(job, command)))
        # Without --net-raw the container gets no CAP_NET_RAW, whatever its description says.
        options = ["--platform=ptrace", "--network=none", "--net-raw", "--ignore-cgroups"]
        options.append(f"--root={job.home / 'runsc'}")
        if os.geteuid() != 0:
            options.append("--rootless")
        run = ["run", f"--bundle={job.home}", f"kernels-{secrets.token_hex(8)}"]
        program = [str(image.program), *options, *run]
        # It makes a user namespace of its own, by files of /proc.
        return Guest(image.name, confined(program, job.shared, Path("/proc"), keep_root=True), job)

    def _series(self, spec: str) -> Series | None:
        """Without a year, the newest."""
        return super()._series(spec or series_table().of(self.name)[-1].number)


def _container(job: Job, command: Path) -> dict[str, Any]:
    """The container as the OCI runtime specification describes one."""
    capabilities = [f"CAP_{name}" for name in CAPABILITIES]
    sets = ("bounding", "effective", "inheritable", "permitted")
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": ["sh", str(command)],
            "terminal": job.terminal is not None,
            "env": [f"PATH={os.environ.get('PATH', os.defpath)}"],
            "cwd": "/",
            "capabilities": dict.fromkeys(sets, capabilities),
        },
        "root": {"path": "/", "readonly": True},
        "mounts": _mounts(job),
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")]},
    }


def _mounts(job: Job) -> list[dict[str, Any]]:
    fresh = {"/proc": "proc", "/sys": "sysfs", "/dev": "tmpfs", "/tmp": "tmpfs", "/run": "tmpfs"}
    return [
        *({"destination": place, "type": kind, "source": kind} for place, kind in fresh.items()),
        *(_bind(mount) for mount in script.host_mounts(job)),
    ]


def _bind(mount: script.Mount) -> dict[str, Any]:
    place = str(mount.path)
    return {"destination": place, "type": "bind", "source": place, "options": ["rbind", mount.mode]}


BACKEND = GVisor()
