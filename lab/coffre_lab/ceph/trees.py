"""Systems in folders of the tools cache, made once and shared by all labs: complete, or missing."""

import os
from collections.abc import Callable
from pathlib import Path

from coffre_lab.ceph.bootstrap import BUILD_SECONDS, remove_tree
from coffre_lab.state import hold_lock


def ensure_tree(directory: Path, what: str, build: Callable[[Path, Path], None]) -> None:
    """Make the tree ``directory`` if it is missing; other commands that need it wait.

    ``build`` gets the folder for the tree and one for its own files; leftovers of a killed build are removed.
    """
    with hold_lock(directory.with_name(f"{directory.name}.lock"), what, wait_seconds=BUILD_SECONDS):
        if directory.exists():
            return
        for leftover in directory.parent.glob(f"{directory.name}.building-*"):
            remove_tree(leftover)
        tree = directory.with_name(f"{directory.name}.building-{os.getpid()}")
        scratch = tree.with_name(f"{tree.name}.scratch")
        scratch.mkdir()
        build(tree, scratch)
        remove_tree(scratch)
        tree.rename(directory)
