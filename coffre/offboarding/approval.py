"""Whether a departure was approved: by somebody else than the author of the commit that asked for it."""

from collections.abc import Sequence

from coffre.errors import RefusedError
from coffre.offboarding.evidence import Approved
from coffre.operations.service import Service
from coffre.records.git import UNCOMMITTED, CommittedLine, GitRepository
from coffre.spec.documents import find_block_lines
from coffre.spec.files import TENANTS_FOLDER
from coffre.spec.leaving import Leaving


def get_approval(service: Service) -> Approved:
    """Return the departure's approval as git has it; RefusedError when there is none that counts."""
    slug, leaving = service.tenant.slug, service.tenant.leaving
    assert leaving is not None  # noqa: S101 - asked of tenants that leave only
    root = service.repository.root
    file = f"{TENANTS_FOLDER}/{slug}.yaml"
    lines = find_block_lines((root / file).read_bytes(), file, "leaving")
    git = GitRepository(root)
    if git.is_shallow():
        raise RefusedError(
            "this checkout lacks its history, so it does not tell who asked for the departure",
            "Fetch it whole (`git fetch --unshallow`; in a pipeline, a fetch depth of 0), then run the same again.",
        )
    return judge_approval(file, leaving, git.blame(file, *lines) if lines is not None else None)


def judge_approval(file: str, leaving: Leaving, written: Sequence[CommittedLine] | None) -> Approved:
    """Hold the block's authors against who approved it; ``written`` are its lines, None when git knows none. Pure."""
    if not written:
        raise RefusedError(
            f"{file} is in no git history, so nobody can tell who asked for the departure",
            "Commit it through a pull request, then run the same command again.",
        )
    if any(line.commit == UNCOMMITTED for line in written):
        raise RefusedError(
            f"the `leaving:` block of {file} is not committed as it stands here",
            "A departure begins from a commit, approved by somebody else than its author: commit it first.",
        )
    authors = sorted({line.author for line in written})
    if leaving.approved_by.casefold() in {author.casefold() for author in authors}:
        raise RefusedError(
            f"{leaving.approved_by} approved the departure in {file} and wrote it too",
            "Somebody else has to approve it: put that person's address into approved_by, by their own word.",
        )
    newest = max(written, key=lambda line: line.at)
    return Approved(
        commit=newest.commit,
        authors=tuple(authors),
        approved_by=leaving.approved_by,
        requested_by=leaving.requested_by,
        choice=leaving.choice.value,
        notice_on=leaving.notice_on,
        ends_on=leaving.ends_on,
    )
