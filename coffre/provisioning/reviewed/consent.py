"""Who agreed to a change, as the git host knows it: a plan that destroys needs two persons. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from coffre.errors import RefusedError
from coffre.githost.values import Change
from coffre.provisioning.reviewed.destruction import Destruction

_CONFIGURE = "Write git_host into platform.yaml, so that the git host can be asked who approved the change"
_BY_HAND = "or look at `coffre plan {slug}` and run `coffre apply {slug}` yourself."


@dataclass(frozen=True)
class Consent:
    """Who proposed, approved and merged a change; the accounts are the git host's. Without a host all is empty."""

    change_number: int | None = None
    author: str | None = None
    merged_by: str | None = None
    approved_by: tuple[str, ...] = ()


def judge_consent(
    slug: str, commit: str | None, change: Change | None, destroys: Sequence[Destruction], required: int
) -> Consent:
    """Return who agreed to a plan of a commit; RefusedError when these are too few, or not known.

    ``change`` is the merged change, None when no git host is configured. Whoever wrote a part of the change approves
    nothing of it. For a plan that destroys, whoever merged it is no second person either, and each author must be an
    account of the host: of an unknown one nobody can tell who it is.
    """
    needed = max(required, 1) if destroys else required
    by_hand = _BY_HAND.format(slug=slug)
    named = ", ".join(each.value.replace("_", " ") for each in destroys)
    what = f"destroys ({named})" if destroys else "needs an approval"
    if change is None:
        if needed == 0:
            return Consent()
        way_out = f"{_CONFIGURE}, {by_hand}" if destroys else f"{_CONFIGURE}, or set review.required_approvals to 0."
        raise RefusedError(
            f"{slug}: the plan {what}, and nobody can tell who approved it: no git host is named", way_out
        )
    number = f"change {change.number}"
    if destroys and change.merged_by is None:
        raise RefusedError(
            f"{slug}: the plan {what}, and the git host does not say who merged {number}",
            f"Propose the change again and merge it with an account that exists, {by_hand}",
        )
    if destroys and commit != change.head:
        raise RefusedError(
            f"{slug}: the plan {what}, and it was made after the approval of {number}: nobody approved this plan",
            f"Propose the change again, have it approved, and merge it, {by_hand}",
        )
    unknown = sorted(each.email for each in change.commit_authors if each.account is None)
    if destroys and unknown and not change.bars_writers:
        raise RefusedError(
            f"{slug}: the plan {what}, and an author of {number} is no account of the git host: {', '.join(unknown)}",
            f"Have that person add the address to an account there, {by_hand}",
        )
    persons = sorted(_list_persons(change, is_strict=bool(destroys)))
    if len(persons) < needed:
        not_merger = ", nor the one who merged it" if destroys else ""
        raise RefusedError(
            f"{slug}: the plan {what}, and {len(persons)} of {needed} persons approved {number} at commit "
            f"{change.head[:12]} who are neither its author nor an author of its commits{not_merger}",
            f"Propose the change again and have it approved before the merge, {by_hand}",
        )
    return Consent(change.number, change.author, change.merged_by, tuple(persons))


def _list_persons(change: Change, *, is_strict: bool) -> frozenset[str]:
    merger = (change.merged_by or "").casefold()
    return frozenset(who for who in change.second_persons if not is_strict or who.casefold() != merger)
