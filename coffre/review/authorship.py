"""Who wrote the commits that change a tenant's file, and what their messages say. Only what git itself records.

An author's name is what the author says. It tells a slip from a second person; the proof of two persons is the git
host's own approval, and the signatures of a departure (`coffre.offboarding.approval`).
"""

import re
from pathlib import Path

from coffre.review.guards import Authorship
from coffre.review.revision import Range
from coffre.workspace.git import Commits

_LIFTS = re.compile(r"^Lifts-Hold:[ \t]*(\S.*?)[ \t\r]*$", re.MULTILINE)
_CO_AUTHOR = re.compile(r"^Co-authored-by:.*<[ \t]*([^<>\s]+)[ \t]*>[ \t\r]*$", re.MULTILINE | re.IGNORECASE)
"""The line by which git hosts name the other authors of a commit, as of one that joins a branch's commits."""


def find_authorship(root: Path, found: Range, slug: str) -> Authorship:
    """Return who wrote the change of a tenant's file between two commits."""
    written = Commits(root).list_writings(found.base.commit, found.head.commit, f"tenants/{slug}.yaml")
    return Authorship(
        frozenset(author for each in written for author in (each.author, *_CO_AUTHOR.findall(each.message))),
        frozenset(order for each in written for order in _LIFTS.findall(each.message)),
    )
