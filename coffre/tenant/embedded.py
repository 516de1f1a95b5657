"""Tells whether a platform is the embedded one, where days may be set and certificates are specimens.

Two sources must agree: the reviewed platform.yaml, and the running cluster, which gives its identity.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from coffre.outside.files import read_plain
from coffre.outside.structured import UnreadableJsonError, read_json_object
from coffre.signing.authors import read_authorship
from coffre.signing.history import read_trust
from coffre.signing.objects import find_git_location, open_objects
from coffre.spec.loader import Checkout
from coffre.spec.parsing.documents import Document, read_document
from coffre.storage.driver import Storage
from coffre.workspace.clock import utc_now

_FILE = "platform.yaml"
_MARKED = "lab: true"
_RECORD_BYTES = 1024**2


@dataclass(frozen=True)
class EmbeddedProof:
    """Whether a platform is the embedded one. The cluster is asked on first use, and once."""

    checkout: Checkout
    platform_name: str
    storage: Storage

    @property
    def is_proved(self) -> bool:
        """Whether the platform is the embedded one, by the reviewed platform.yaml and the answer of the cluster."""
        return not self.why_not

    @cached_property
    def why_not(self) -> str:
        """Why the platform is not accepted as the embedded one; empty when it is."""
        return why_not_embedded(self.checkout, self.platform_name, self.storage)


def why_not_embedded(checkout: Checkout, platform_name: str, storage: Storage) -> str:
    """Return why a platform is not accepted as the embedded one; an empty text when it is. Asks the running cluster.

    A platform without the mark in platform.yaml is not asked.
    """
    platform, root = checkout.settings.platforms[platform_name], checkout.root
    record = platform.embedded_record
    if not platform.is_marked_embedded or record is None:
        return f"platform.yaml has no `lab: true` for {platform_name}"
    unreviewed = _find_unreviewed(root, platform_name)
    if unreviewed:
        return unreviewed
    return compare_cluster(_read_record(root / record), storage.list_platform_ids())


def compare_cluster(recorded: Collection[str], told: Collection[str]) -> str:
    """Compare the identity of the running cluster with the lab's own record; an empty text when they match. Pure."""
    if not recorded:
        return "this checkout has no record of it from `coffre lab up`"
    if not told:
        return "the cluster does not give its identifier (`coffre lab up` gives Coffre the right to read it)"
    if not set(told) <= set(recorded):
        return "the cluster that answers is not the one that `coffre lab up` created here"
    return ""


def _find_unreviewed(root: Path, platform_name: str) -> str:
    """Say why the mark is not accepted: it must be committed, and by a known key in a repository with known keys."""
    place = find_git_location(root)
    if place is None:
        return ""

    def mark(content: bytes) -> str | None:
        document = read_document(content, _FILE)
        platforms = document.data.get("platforms") if isinstance(document, Document) else None
        platform = platforms.get(platform_name) if isinstance(platforms, dict) else None
        return _MARKED if isinstance(platform, dict) and platform.get("lab") is True else None

    with open_objects(root) as objects:
        trust = read_trust(objects, place, utc_now())
        written = read_authorship(objects, trust, f"{place.folder}{_FILE}", mark, utc_now())
        if written is None:
            return f"`lab: true` of {platform_name} is not committed: only a reviewed platform.yaml is trusted"
        began = trust.began_at
        line = [commit.id for commit in trust.line]
        later = set(line[: line.index(began)]) if began is not None else set()
        unsigned = [hand for hand in written.writers if hand.identity is None]
        # Content that is older than the first keys is trusted like them.
        if later and any(hand.commit.id in later or hand.commit.id not in line for hand in unsigned):
            return f"no trusted key signed the commit that wrote `lab: true` of {platform_name}"
    return ""


def _read_record(file: Path) -> set[str]:
    try:
        recorded = read_json_object(read_plain(file, _RECORD_BYTES), _RECORD_BYTES)
    except (OSError, UnreadableJsonError):
        return set()
    return {str(recorded[name]) for name in ("fsid", "zone_id") if recorded.get(name)}
