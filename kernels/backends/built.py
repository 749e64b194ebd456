"""User-mode Linux that ``python -m kernels build`` made."""

from __future__ import annotations

from kernels.archive import Archive
from kernels.backend import Backend, Candidate, Image
from kernels.backends import uml
from kernels.built import PREFIX, Built
from kernels.cache import Cache
from kernels.errors import NotBuilt
from kernels.guest import Guest, Job


class BuiltHere(Backend):
    """Starts them as any user-mode Linux. Nothing of them is in an archive."""

    name = PREFIX

    def names(self) -> tuple[str, ...]:
        return tuple(f"{self.name}:{name}" for name in Built.of(Cache.of_user()).names())

    def local(self, spec: str, archive: Archive) -> Image | None:
        try:
            return Built.of(archive.cache).image(spec)
        except NotBuilt:
            return None

    def candidate(self, spec: str, archive: Archive) -> Candidate | None:  # noqa: ARG002
        return None

    def fetch(self, spec: str, archive: Archive) -> Image:
        return Built.of(archive.cache).image(spec)

    def start(self, image: Image, job: Job) -> Guest:
        return uml.BACKEND.start(image, job)


BACKEND = BuiltHere()
