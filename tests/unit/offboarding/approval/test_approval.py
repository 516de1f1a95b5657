"""Who may begin a departure: another than who wrote it, by what signatures of git's own objects prove of the block."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from coffre.errors import RefusedError
from coffre.offboarding.approval.approval import get_approval
from coffre.offboarding.approval.people import People
from coffre.offboarding.lifecycle.evidence import Approved, Step
from coffre.offboarding.lifecycle.journal import Journal
from coffre.records.facts.departure import Stage
from coffre.signing.statements import Act
from coffre.spec.parsing.documents import find_block
from coffre.tenant.opening import OpenTenant
from tests.signers import Person, SignedRepository, make_person
from tests.unit.offboarding.departures import LEAVING, copy_event, leaving_tenant, open_tenant

FILE = "tenants/martin.yaml"
BASE = "version: 1\nname: Martin\n"
BLOCK = """status: leaving
leaving:
  notice_on: 2027-01-04
  ends_on: 2027-02-28
  approved_by: paul@smileo.example
"""
TEXT = """version: 1
status: leaving
leaving:
  notice_on: 2026-11-02
  return:
    to: {via: directory,
         path: /mnt/x}

# the storage
storage:
  platform: lab
"""
ANNA, PAUL = "anna@smileo.example", "paul@smileo.example"
TODAY = date(2027, 1, 4)
PROVED = {"offboarding": {"identities": {}}}


@pytest.fixture(scope="module")
def other(keys: Path) -> Person:
    """Another key, made by whoever wants to be two."""
    return make_person(keys, PAUL, "other")


@pytest.fixture
def repository(tmp_path: Path, anna: Person, paul: Person) -> SignedRepository:
    repository = SignedRepository(tmp_path / "desk")
    write(repository, BASE)
    (repository.root / ".gitignore").write_text("*.json\n")
    repository.commit(anna, allowed_signers=anna.entry() + paul.entry())
    return repository


def write(repository: SignedRepository, text: str) -> None:
    path = repository.root / FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def leave(repository: SignedRepository, who: Person | str, block: str = BLOCK, **how: Any) -> str:
    write(repository, BASE + block)
    return repository.commit(who, "leaves", **how)


@contextmanager
def departing(
    repository: SignedRepository, settings: dict[str, Any] | None = None, **leaving: Any
) -> Iterator[OpenTenant]:
    tenant = leaving_tenant(slug="martin", leaving={**LEAVING, **leaving})
    with open_tenant(repository.root, tenant, **(PROVED if settings is None else settings)) as opened:
        yield opened


def approval(repository: SignedRepository, signed_by: Person | None = None, **more: Any) -> Approved:
    """Return the approval, after somebody signed for the block as it is committed."""
    with departing(repository, **more) as opened:
        journal = Journal(opened.log, TODAY)
        if signed_by is not None:
            sign(opened, journal, signed_by)
        return get_approval(opened.tenant, opened.checkout, People(opened.checkout, opened.embedded, journal))


def sign(opened: OpenTenant, journal: Journal, who: Person, subject: str | None = None) -> None:
    from coffre.offboarding.approval.approval import digest_block, read_block

    people = People(opened.checkout, opened.embedded, journal)
    people.prove(Act.APPROVE, subject or digest_block(read_block(opened.tenant, opened.checkout, people)), who.key)


def test_one_writes_and_signs_another_signs_the_approval(
    repository: SignedRepository, anna: Person, paul: Person
) -> None:
    commit = leave(repository, anna)
    approved = approval(repository, paul)
    assert approved.is_proved
    assert (approved.commit, approved.authors, approved.approved_by) == (commit, (ANNA,), PAUL)
    assert approved.approver_key.startswith("SHA256:")
    assert approved.author_keys
    assert approved.approver_key not in approved.author_keys
    assert approved.signers_from == repository.git("rev-list", "--max-parents=0", "HEAD")


def test_a_signed_merge_by_another_is_the_approval(repository: SignedRepository, anna: Person, paul: Person) -> None:
    repository.git("checkout", "-q", "-b", "leaving")
    leave(repository, anna)
    repository.git("checkout", "-q", "main")
    repository.merge(paul, "leaving")
    assert approval(repository).is_proved


def test_a_merge_that_changes_the_block_writes_it(repository: SignedRepository, anna: Person, paul: Person) -> None:
    repository.git("checkout", "-q", "-b", "leaving")
    leave(repository, anna)
    repository.git("checkout", "-q", "main")
    repository.merge(paul, "leaving")
    write(repository, BASE + BLOCK.replace("2027-02-28", "2027-01-31"))
    repository.git("add", "-A")
    repository.git("commit", "-q", "--amend", "--no-edit", settings=repository.settings(paul))
    with pytest.raises(RefusedError, match="and approved it too"):
        approval(repository)


def test_the_name_of_another_in_an_amended_commit_is_no_other(
    repository: SignedRepository, anna: Person, paul: Person
) -> None:
    """Paul writes the block, approves it, and lets his commit say that Anna wrote it."""
    leave(repository, paul)
    repository.git(
        "commit", "-q", "--amend", "--no-edit", f"--author=Anna <{ANNA}>", settings=repository.settings(paul)
    )
    with pytest.raises(RefusedError, match="and approved it too"):
        approval(repository, paul)
    as_anna = repository.settings(ANNA)
    repository.git("commit", "-q", "--amend", "--no-edit", "--no-gpg-sign", settings=as_anna)
    with pytest.raises(RefusedError, match="no trusted key signed commit"):
        approval(repository, paul)


@pytest.mark.parametrize("is_committed", [True, False])
def test_a_mail_map_makes_nobody_of_somebody(repository: SignedRepository, paul: Person, is_committed: bool) -> None:
    leave(repository, paul)
    (repository.root / ".mailmap").write_text(f"Anna <{ANNA}> Paul <{PAUL}>\n")
    if is_committed:
        repository.commit(paul)
    for settings in (PROVED, {"offboarding": {"identities": {"approval": "declared"}}}):
        with pytest.raises(RefusedError, match="and approved it too"):
            approval(repository, paul, settings=settings)


@pytest.mark.parametrize("address", ["Paul@SMILEO.example", "paul+1@smileo.example", "PAUL+x@smileo.example"])
def test_another_spelling_of_an_address_is_nobody_else(
    repository: SignedRepository, paul: Person, other: Person, address: str
) -> None:
    leave(repository, address)
    for settings in (PROVED, {"offboarding": {"identities": {"approval": "declared"}}}):
        with pytest.raises(RefusedError, match="and approved it too"):
            approval(repository, settings=settings)
    with pytest.raises(RefusedError, match="and approved it too"):
        approval(repository, settings={"offboarding": {"identities": {"approval": "declared"}}}, approved_by=address)


def test_a_second_key_of_the_author_s_own_approves_nothing(
    repository: SignedRepository, anna: Person, paul: Person, other: Person
) -> None:
    """Anna lets a key of her own in under another's name, with the block or before it."""
    text = (repository.root / "allowed_signers").read_text()
    repository.write(allowed_signers=text + other.entry("marc@smileo.example"))
    leave(repository, anna, BLOCK.replace(PAUL, "marc@smileo.example"))
    with pytest.raises(RefusedError, match="does not belong to another person"):
        approval(repository, other, approved_by="marc@smileo.example")


def test_a_key_that_nobody_let_in_signs_nothing(repository: SignedRepository, anna: Person, other: Person) -> None:
    leave(repository, anna)
    with pytest.raises(RefusedError, match="is not trusted here"):
        approval(repository, other)
    text = (repository.root / "allowed_signers").read_text()
    (repository.root / "allowed_signers").write_text(text + other.entry())
    with pytest.raises(RefusedError, match="is not trusted here"):
        approval(repository, other)


def test_an_approval_by_the_author_or_by_another_than_named_does_not_count(
    repository: SignedRepository, anna: Person, paul: Person
) -> None:
    leave(repository, anna)
    with pytest.raises(RefusedError, match="has not signed"):
        approval(repository, anna)
    with pytest.raises(RefusedError, match="and approved it too"):
        approval(repository, anna, approved_by=ANNA)


def test_an_approval_is_of_the_block_that_was_signed_and_of_no_later_one(
    repository: SignedRepository, anna: Person, paul: Person
) -> None:
    leave(repository, anna)
    with departing(repository) as opened:
        journal = Journal(opened.log, TODAY)
        sign(opened, journal, paul)
        assert get_approval(opened.tenant, opened.checkout, People(opened.checkout, opened.embedded, journal)).is_proved
        leave(repository, anna, BLOCK.replace("2027-02-28", "2027-01-31"))
        with pytest.raises(RefusedError, match="has not signed"):
            get_approval(opened.tenant, opened.checkout, People(opened.checkout, opened.embedded, journal))


def test_an_approval_of_another_tenant_or_departure_is_none(
    repository: SignedRepository, anna: Person, paul: Person
) -> None:
    leave(repository, anna)
    with departing(repository) as opened:
        journal = Journal(opened.log, TODAY)
        sign(opened, journal, paul)
        (signed,) = journal.steps(Step.SIGNED)
        journal.enter(Stage.NOTIFIED)
        journal.enter(Stage.RENOUNCED)
        details = {name: value for name, value in signed.event.details.items() if name != "on"}
        copy_event(opened, signed.event.kind, {**details, "on": TODAY.isoformat()})
        with pytest.raises(RefusedError, match="has not signed"):
            get_approval(opened.tenant, opened.checkout, People(opened.checkout, opened.embedded, journal))
    other = leaving_tenant(slug="martin", id="n22222222a")
    with open_tenant(repository.root, other, **PROVED) as opened:
        copy_event(opened, signed.event.kind, {**details, "on": TODAY.isoformat()})
        with pytest.raises(RefusedError, match="has not signed"):
            get_approval(
                opened.tenant,
                opened.checkout,
                People(opened.checkout, opened.embedded, Journal(opened.log, TODAY)),
            )


def test_an_expired_key_approves_nothing(repository: SignedRepository, anna: Person, paul: Person) -> None:
    leave(repository, anna)
    expired = paul.entry(options='valid-before="20261110000000Z"')
    repository.commit(anna, allowed_signers=anna.entry() + expired)
    with pytest.raises(RefusedError, match="is not trusted here"):
        approval(repository, paul)


@pytest.mark.parametrize("is_in_git", [True, False])
def test_what_is_not_committed_as_it_stands_begins_nothing(
    repository: SignedRepository, anna: Person, is_in_git: bool
) -> None:
    if is_in_git:
        leave(repository, anna)
    write(repository, BASE + BLOCK.replace("2027-02-28", "2027-01-31"))
    with pytest.raises(RefusedError, match="differs from the one here" if is_in_git else "is not in git"):
        approval(repository)


def test_names_are_enough_where_platform_yaml_says_so_and_are_called_declared(repository: SignedRepository) -> None:
    leave(repository, ANNA)
    approved = approval(repository, settings={"offboarding": {"identities": {"approval": "declared"}}})
    assert (approved.authors, approved.is_proved, approved.approver_key) == ((ANNA,), False, "")


def test_a_real_platform_wants_signatures_unless_it_says_otherwise(repository: SignedRepository) -> None:
    leave(repository, ANNA)
    with pytest.raises(RefusedError, match="no trusted key"):
        approval(repository, settings={})


def test_a_rewritten_history_of_the_keys_is_not_the_one_that_approved(
    repository: SignedRepository, anna: Person, paul: Person, other: Person, tmp_path: Path
) -> None:
    leave(repository, anna)
    with departing(repository) as opened:
        journal = Journal(opened.log, TODAY)
        sign(opened, journal, paul)
        journal.note(
            Step.APPROVED,
            get_approval(opened.tenant, opened.checkout, People(opened.checkout, opened.embedded, journal)),
        )
        (repository.root / ".git").rename(tmp_path / "kept")
        forged = SignedRepository(repository.root)
        forged.commit(anna, allowed_signers=anna.entry() + other.entry())
        with pytest.raises(RefusedError, match="differs from the one of the departure's approval"):
            get_approval(opened.tenant, opened.checkout, People(opened.checkout, opened.embedded, journal))


def test_the_block_ends_with_its_own_last_line() -> None:
    found = find_block(TEXT.encode(), FILE, "leaving")
    assert found is not None
    assert found.splitlines() == [line.rstrip() for line in TEXT.splitlines()[2:7]]
    assert find_block(TEXT.encode(), FILE, "hold") is None


def test_an_approval_of_before_reads_as_declared() -> None:
    from coffre.offboarding.lifecycle.evidence import read_evidence

    old = {
        "commit": "a" * 40,
        "authors": [ANNA],
        "approved_by": PAUL,
        "requested_by": "Claire",
        "choice": "erase",
        "notice_on": "2027-01-04",
        "ends_on": "2027-02-28",
    }
    assert read_evidence(Approved, old).is_proved is False
