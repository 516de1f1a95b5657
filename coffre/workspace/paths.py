"""Where Coffre keeps what is its own below a repository's root."""

from pathlib import Path

RUN_FOLDER = Path(".coffre/run")
"""Under the root: where a command keeps what only lives as long as itself."""
