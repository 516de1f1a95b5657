"""The two folders of the bundles: their file names and their rules."""

from dataclasses import dataclass
from pathlib import Path

from coffre.errors import InvalidFileError
from coffre.secrets.holders.keys import RECIPIENTS_FILE

BUNDLE_SUFFIX = ".age"


@dataclass(frozen=True)
class Places:
    """The secrets folder and its escrow, inside or outside the repository's ``root``."""

    primary: Path
    escrow: Path
    root: Path

    @property
    def recipients(self) -> Path:
        return self.primary / RECIPIENTS_FILE

    @property
    def escrow_recipients(self) -> Path:
        """The escrow's own copy of the list: it distinguishes an escrow from an empty mount point, and is a backup."""
        return self.escrow / RECIPIENTS_FILE

    def check_apart(self) -> None:
        """Refuse equal or nested places: one accident would destroy both copies."""
        primary, escrow = self.primary.resolve(), self.escrow.resolve()
        if primary.is_relative_to(escrow) or escrow.is_relative_to(primary):
            raise InvalidFileError(
                f"platform.yaml: secrets ({self.shown(self.primary)}) and escrow ({self.shown(self.escrow)}) "
                "are the same place",
                "Give the escrow a folder of its own, best on another site.",
            )

    def list_bundles(self, folder: Path) -> list[str]:
        """Return the file names of all bundles in one of the two folders."""
        return sorted(path.name for path in folder.glob(f"[!.]*{BUNDLE_SUFFIX}")) if folder.is_dir() else []

    def shown(self, path: Path) -> str:
        """Return a path for messages: relative to the root when it is below."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)
