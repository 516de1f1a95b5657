"""The progress of one machine's return, stored beside its files, so that the next run continues an interrupted one."""

import json
import stat
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from coffre.errors import RefusedError
from coffre.offboarding.handover.bag.layout import DATA, PROBLEMS, SUMMARY, UNFINISHED
from coffre.outside.beneath import Beneath
from coffre.outside.files import NotPlainFileError, read_plain
from coffre.spec.leaving import ReturnFormat

LARGEST_BYTES = 64 << 20
"""The maximum size of a progress file or a summary: it names each snapshot."""


@dataclass(frozen=True)
class ReturnProgress:
    """The content of a return, and the completed part.

    ``snapshots`` were chosen at the start: it continues with the same ones. ``written`` are restored, ``is_listed``
    tells that the tag file of entries is complete, after which restic must not change the folder. The disk did not
    accept every entry of ``incomplete`` ones: ``apart`` files have another place in the bag, ``left_out`` entries could
    entries could not be handed over.
    """

    owner: str
    format: str
    snapshots: tuple[str, ...]
    written: tuple[str, ...] = ()
    write_seconds: float = 0.0
    written_at: str = ""
    is_listed: bool = False
    renamed: int = 0
    incomplete: tuple[str, ...] = ()
    apart: int = 0
    left_out: int = 0


def read_progress(bag: Path) -> ReturnProgress | None:
    """Return the progress of an interrupted return in a folder; None when there is none, or something else."""
    fields = _read(bag / UNFINISHED)
    try:
        return None if fields is None else _progress(fields)
    except (KeyError, TypeError):
        return None


def save_progress(bag: Path, progress: ReturnProgress) -> ReturnProgress:
    """Write the progress atomically."""
    pending = bag / f"{UNFINISHED}.new"
    pending.write_text(json.dumps(asdict(progress)), encoding="utf-8")
    pending.replace(bag / UNFINISHED)
    return progress


def begin(bag: Path, wanted: ReturnProgress) -> ReturnProgress:
    """Return the progress in a folder that is new, empty, or has the same unfinished return.

    RefusedError for a folder with anything else: nothing is ever overwritten.
    """
    found = read_progress(bag)
    if found is None:
        if bag.exists() and (not bag.is_dir() or any(bag.iterdir())):
            raise RefusedError(f"{bag} is not an empty folder", "Name another target: a return never overwrites.")
        bag.mkdir(parents=True, exist_ok=True, mode=0o700)
        return save_progress(bag, wanted)
    if (found.owner, found.format) != (wanted.owner, wanted.format):
        raise RefusedError(
            f"{bag} contains an unfinished return of {found.owner} as {found.format}",
            "Finish that one, or name another target.",
        )
    _refuse_links(bag, found.format)
    return found


def _refuse_links(bag: Path, form: str) -> None:
    """Refuse to continue with unexpected files beside the payload: tag files are written by name.

    The payload of a repository is also written by name; that of files may contain the machine's own links, in a cage.
    """
    with Beneath(bag) as below:
        kinds = [stat.S_IFMT(below.lstat(name).st_mode) for name in below.names(b"")]
        if form == ReturnFormat.REPOSITORY.value and below.find(DATA.encode()) is not None:
            kinds += [stat.S_IFMT(facts.st_mode) for _, facts in below.walk(DATA.encode())]
    if not set(kinds) <= {stat.S_IFREG, stat.S_IFDIR}:
        raise RefusedError(f"{bag} contains links or devices besides an unfinished return", "Name another target.")


def read_summary(bag: Path) -> dict[str, Any] | None:
    """Return the summary of a complete bag; None when there is none."""
    return _read(bag / SUMMARY)


def finish(bag: Path) -> None:
    """Remove the marks of unfinished work."""
    for left in (UNFINISHED, PROBLEMS):
        (bag / left).unlink(missing_ok=True)


def forget_written(progress: ReturnProgress, snapshot: str) -> ReturnProgress:
    """Return the progress without a snapshot: it is restored again. Pure."""
    return replace(progress, written=tuple(each for each in progress.written if each != snapshot))


def _progress(fields: dict[str, Any]) -> ReturnProgress:
    texts = {name: tuple(fields.get(name, ())) for name in ("snapshots", "written", "incomplete")}
    return ReturnProgress(**{**fields, **texts})


def _read(path: Path) -> dict[str, Any] | None:
    try:
        fields = json.loads(read_plain(path, LARGEST_BYTES))
    except (FileNotFoundError, NotPlainFileError, RecursionError, ValueError):
        return None
    return fields if isinstance(fields, dict) else None
