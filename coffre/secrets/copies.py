"""The rules for the two copies of a bundle: which one is valid, their union, and what a save must not drop."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Generic, cast

from coffre.secrets.bundles import B, ControlBundle, DataBundle, entries
from coffre.secrets.errors import BundleError, ConflictingCopiesError, MissingCopyError
from coffre.secrets.identifiers import SecretId, SecretKind, describe


@dataclass(frozen=True)
class Copy(Generic[B]):
    """The copy in one place: its bundle, its problem, or neither when there is no file.

    ``is_earlier``: an earlier version of Coffre wrote it, and the bundle is the migrated one.
    """

    path: str
    bundle: B | None = None
    problem: BundleError | None = None
    is_earlier: bool = False


@dataclass(frozen=True)
class Judged(Generic[B]):
    """The result of two copies; ``notice`` is a sentence when they are not equal, and the next save repairs this.

    ``is_earlier``: an earlier version of Coffre wrote one of them, and the next save writes both in the current format.
    """

    bundle: B | None
    notice: str = ""
    is_earlier: bool = False


def judge(primary: Copy[B], escrow: Copy[B]) -> Judged[B]:
    """Combine the two copies.

    A save writes the escrow first. So a run killed between the two writes leaves a newer escrow, and the next save
    repairs this. A missing file in the escrow never comes from a kill: it is lost or not mounted, and a person must
    check.
    """
    for copy, other in ((primary, escrow), (escrow, primary)):
        if copy.problem is not None:
            raise _with_way_out(copy, other)
    if primary.bundle is None:
        notice = f"{primary.path} is missing; its copy {escrow.path} is used, and the next apply writes it again"
        return Judged(escrow.bundle, notice if escrow.bundle is not None else "")
    if escrow.bundle is None:
        raise MissingCopyError(
            f"{escrow.path} is missing: {primary.path} has no second copy",
            f"Mount the escrow if it is not; if the copy is really lost: cp {primary.path} {escrow.path}",
        )
    if primary.bundle == escrow.bundle:
        return Judged(primary.bundle, is_earlier=primary.is_earlier or escrow.is_earlier)
    notice = f"{primary.path} and {escrow.path} differ; both are used together, and the next apply writes both again"
    return Judged(_union(primary, escrow), notice)


def lost_entries(previous: B | None, following: B, dropping: Collection[SecretId] = ()) -> list[SecretId]:
    """Return the secrets that the following bundle lacks, except those in ``dropping``.

    A secret that a rotation moved beside its successor is not lost.
    """
    if previous is None:
        return []
    kept = entries(following)
    return [
        each
        for each, secret in entries(previous).items()
        if each not in dropping and secret not in (kept.get(each), kept.get(each.old))
    ]


def _union(primary: Copy[B], escrow: Copy[B]) -> B:
    ours, theirs = primary.bundle, escrow.bundle
    assert ours is not None  # noqa: S101 (the caller has looked)
    assert theirs is not None  # noqa: S101
    # A rotation killed between its two writes: the copy that has all of the other's secrets is newer.
    for ahead, behind in ((theirs, ours), (ours, theirs)):
        if not lost_entries(behind, ahead):
            return ahead
    known = entries(theirs)
    conflicts = [each for each, secret in entries(ours).items() if each in known and known[each] != secret]
    # A credential can be entered again, and the escrow is written first: its value is the newer one.
    conflicts = [each for each in conflicts if each.kind is not SecretKind.CREDENTIAL]
    if conflicts:
        raise ConflictingCopiesError(
            f"{primary.path} and {escrow.path} disagree about {', '.join(map(describe, conflicts))}",
            "Keep both files. Find out which one the platform accepts (an older backup of either helps), then copy it "
            "over the other one.",
        )
    if isinstance(ours, ControlBundle) and isinstance(theirs, ControlBundle):
        united = {
            "owner_key": ours.owner_key or theirs.owner_key,
            "machine_keys": theirs.machine_keys | ours.machine_keys,
            "old_machine_keys": theirs.old_machine_keys | ours.old_machine_keys,
            "old_owner_key": ours.old_owner_key or theirs.old_owner_key,
            "old_signing_key": ours.old_signing_key or theirs.old_signing_key,
            "condemned": tuple(sorted({*ours.condemned, *theirs.condemned})),
            "credentials": ours.credentials | theirs.credentials,
            "report_keys": theirs.report_keys | ours.report_keys,
        }
        return cast("B", ours.model_copy(update=united))
    if isinstance(ours, DataBundle) and isinstance(theirs, DataBundle):
        passwords = theirs.repository_passwords | ours.repository_passwords
        return cast("B", ours.model_copy(update={"repository_passwords": passwords}))
    raise TypeError("no union of bundles of these kinds")


def _with_way_out(copy: Copy[B], other: Copy[B]) -> BundleError:
    """Return a copy's problem, with a hint that depends on the state of the other copy."""
    problem = copy.problem
    assert problem is not None  # noqa: S101 (the caller has looked)
    if other.bundle is not None:
        return type(problem)(
            problem.message, f"Its other copy opens: move the bad file away, then cp {other.path} {copy.path}"
        )
    if isinstance(other.problem, type(problem)) and problem.hint:
        return problem  # both have the same problem, and the hint describes it
    state = "has a problem too" if other.problem is not None else "is missing"
    hint = f"{problem.hint} Its other copy {other.path} {state}; look for a backup of either."
    return type(problem)(problem.message, hint.strip())
