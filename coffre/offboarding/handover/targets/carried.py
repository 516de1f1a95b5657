"""Copies a complete bag to a target on which it cannot be built, and reads it back."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coffre import toolchain
from coffre.errors import ExpectedError, RefusedError
from coffre.offboarding.handover.bag.bag import read_manifest
from coffre.offboarding.handover.bag.layout import BAG_INFO, MANIFEST, SUMMARY, TAG_MANIFEST
from coffre.offboarding.handover.bag.tags import identity
from coffre.offboarding.handover.job import Job, TargetLimits, tell_parts
from coffre.offboarding.handover.targets.rclone import Rclone, RcloneError
from coffre.outside.environment import temporary_folder
from coffre.outside.files import read_plain

TRANSFERS = 8
LARGEST_TEXT_BYTES = 64 << 20


@dataclass(frozen=True)
class BagDestination:
    """The target of a machine's bag: its name for rclone and for people, its kind, and its limits."""

    path: str
    shown: str
    called: str
    limits: TargetLimits


class CarriedTarget:
    """The remote place of one machine's bag. Nothing is ever overwritten there.

    Every failure is an ExpectedError without names of the customer's files.
    """

    def __init__(self, machine: str, place: BagDestination, rclone: Rclone) -> None:
        self._machine = machine
        self._path = place.path
        self._called = place.called
        self._rclone = rclone
        self.shown = place.shown
        self.limits = place.limits

    def find_summary(self) -> dict[str, Any] | None:
        """Return the summary of a complete bag there; None when there is none."""
        text = self.find(SUMMARY)
        try:
            fields = None if text is None else json.loads(text)
        except (RecursionError, ValueError):
            return {}
        return fields if fields is None or isinstance(fields, dict) else {}

    def refuse_foreign(self, job: Job) -> None:
        """Refuse a place with anything else than the same unfinished return."""
        with self._explained():
            there = self._rclone.list_names(self._path)
            if not there:
                return
            mark = self._read(BAG_INFO) if BAG_INFO in there else ""
        if not set(identity(job)) <= set(mark.splitlines()):
            raise RefusedError(
                f"{self.shown} already contains something", "Name another target: a return never overwrites."
            )

    def upload(self, job: Job, total_bytes: int) -> None:
        """Copy a bag there, without the summary; existing files of the same size stay, and are read back like all.

        The files that identify the bag come first, in case of an interruption.
        """
        tell = tell_parts(job, total_bytes, f"carried to {self._called}")
        with self._explained():
            self.carry(job.bag, BAG_INFO, is_again=False)
            hidden = ("--exclude=/.*", f"--exclude=/{SUMMARY}")
            options = (f"--transfers={TRANSFERS}", "--create-empty-src-dirs", *hidden)
            self._rclone.copy(str(job.bag), self._path, *options, on_bytes=tell)

    def upload_again(self, job: Job, paths: Sequence[str]) -> None:
        """Copy some files of a bag there, overwriting existing ones."""
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=temporary_folder()) as names, self._explained():
            names.writelines(f"{path}\n" for path in paths)
            names.flush()
            options = ("--no-traverse", f"--files-from-raw={names.name}")
            self._rclone.copy(str(job.bag), self._path, *options, is_again=True)

    def complete(self, job: Job) -> None:
        """Mark the bag there as complete: the summary comes last, and is read back."""
        self.carry(job.bag, SUMMARY)
        if self.find(SUMMARY) != (job.bag / SUMMARY).read_text(encoding="utf-8"):
            raise ExpectedError(
                f"{self._machine}: reading {SUMMARY} back from {self.shown} gave something else",
                "Check the target, then run the same command again.",
            )

    def carry(self, folder: Path, name: str, *, is_again: bool = True) -> None:
        """Copy one file of a folder there."""
        with self._explained():
            self._rclone.copy(str(folder), self._path, f"--include=/{name}", is_again=is_again)

    def find(self, name: str) -> str | None:
        """Return a small text from there; None when there is none."""
        with self._explained():
            return self._read(name) if name in self._rclone.list_names(self._path) else None

    def find_changed(self, job: Job, bag: Path, total_bytes: int) -> list[str]:
        """Read every file back; returns the paths that are missing, or differ from the manifests of ``bag``.

        It also returns files in the payload that no manifest lists.
        """
        tell = tell_parts(job, total_bytes, f"read back from {self._called}")
        wanted = {path: sha256 for name in (MANIFEST, TAG_MANIFEST) for sha256, path in read_manifest(bag, name)}
        # An earlier attempt leaves a file of the same size, but of a bag made at another time.
        wanted[TAG_MANIFEST] = toolchain.sha256_file(bag / TAG_MANIFEST)
        wanted.pop(SUMMARY, None)
        changed = []
        with self._explained():
            for path, sha256 in self._rclone.hash_objects(self._path, on_bytes=tell):
                expected = wanted.pop(path, None)
                if expected != sha256 and (expected is not None or path.startswith("data/")):
                    changed.append(path)
        return changed + list(wanted)

    @contextmanager
    def fetched_tags(self) -> Iterator[Path]:
        """Give a folder with the tag files of the bag there."""
        with tempfile.TemporaryDirectory(dir=temporary_folder()) as folder, self._explained():
            self._rclone.copy(self._path, folder, "--exclude=/data/**")
            yield Path(folder)

    def _read(self, name: str) -> str:
        with tempfile.TemporaryDirectory(dir=temporary_folder()) as folder:
            self._rclone.copy(self._path, folder, f"--include=/{name}", f"--max-size={LARGEST_TEXT_BYTES}B")
            try:
                return read_plain(Path(folder, name), LARGEST_TEXT_BYTES).decode("utf-8", "replace")
            except FileNotFoundError as error:  # a link, which rclone leaves out, or a text that is too large
                raise RefusedError(f"{self.shown}: {name} is not from Coffre", "Name another target.") from error

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except RcloneError as problem:
            raise ExpectedError(f"{self._machine}: {self.shown}: {problem.message}", problem.hint) from problem
