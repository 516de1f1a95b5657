"""Writes a new repository into a folder: never over another file, and again after an interruption."""

from collections.abc import Mapping
from pathlib import Path

from coffre.errors import ExpectedError, RefusedError


def settle_repository(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Write the files by their paths in the folder, which may exist; returns the paths that were written.

    A file that already has this text stays. RefusedError, and nothing is written, when another one is there.
    """
    others = sorted(path for path, text in files.items() if _is_other(folder / path, text))
    if others:
        raise RefusedError(
            f"{folder} already has {', '.join(others)}",
            "Nothing was written, and no file is ever overwritten. Name an empty or new folder, or move these away.",
        )
    written = []
    try:
        for path, text in files.items():
            place = folder / path
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("x", encoding="utf-8") as stream:
                    stream.write(text)
                written.append(path)
    except OSError as error:
        raise ExpectedError(
            f"cannot write {error.filename}: {(error.strerror or '').lower()}",
            "Correct that, then run the same command again: it goes on where it ended.",
        ) from error
    return written


def _is_other(place: Path, text: str) -> bool:
    """Tell whether something else than our file is at a place, or a file where a folder has to be."""
    if place.is_symlink() or any(each.exists() and not each.is_dir() for each in place.parents):
        return True
    return place.exists() and (not place.is_file() or place.read_bytes() != text.encode())
