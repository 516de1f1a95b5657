"""Which keys count along a branch: nobody lets themselves in twice, and nothing but the objects of git has a say."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coffre.errors import ExpectedError, RefusedError
from coffre.signing.history import KeyHolder, Trust, read_trust
from coffre.signing.objects import find_git_location, open_objects
from coffre.signing.signers import FILE_NAME
from tests.signers import Person, SignedRepository, make_person

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def anna(keys: Path) -> Person:
    return make_person(keys, "anna@smileo.example")


@pytest.fixture(scope="module")
def paul(keys: Path) -> Person:
    return make_person(keys, "paul@smileo.example")


@pytest.fixture(scope="module")
def marc(keys: Path) -> Person:
    return make_person(keys, "marc@smileo.example")


@pytest.fixture(scope="module")
def other(keys: Path) -> Person:
    """A key that the dishonest one made for a name of their choice."""
    return make_person(keys, "marc@smileo.example", "other")


@pytest.fixture
def repository(tmp_path: Path, anna: Person, paul: Person) -> SignedRepository:
    repository = SignedRepository(tmp_path / "desk")
    repository.commit(anna, allowed_signers=anna.entry() + paul.entry())
    return repository


def trust(repository: SignedRepository) -> Trust:
    place = find_git_location(repository.root)
    assert place is not None
    with open_objects(repository.root) as objects:
        return read_trust(objects, place, NOW)


def signer_of(repository: SignedRepository, commit: str) -> KeyHolder | None:
    found = trust(repository)
    (brought,) = [each for each in found.line if each.id == commit]
    return found.find_signer(brought, brought, NOW)


def identity(found: Trust, who: Person) -> KeyHolder:
    (signer,) = [each for each in found.now.controllers if each.line.endswith(who.public)]
    return found.now.identify(signer)


def add(repository: SignedRepository, who: Person | str, entry: str, *, branch: str | None = None) -> None:
    if branch is not None:
        repository.git("checkout", "-q", "-b", branch)
    text = (repository.root / FILE_NAME).read_text()
    repository.commit(who, "a key", allowed_signers=text + entry)
    if branch is not None:
        repository.git("checkout", "-q", "main")


def test_a_signed_commit_is_its_signers_whatever_its_text_says(
    repository: SignedRepository, anna: Person, paul: Person
) -> None:
    commit = repository.commit(anna, "mine", f"--author=Paul <{paul.address}>", x="1")
    found = signer_of(repository, commit)
    assert found is not None
    assert found.name == anna.address


def test_mail_maps_and_settings_of_anybody_change_nothing(
    repository: SignedRepository, anna: Person, paul: Person, other: Person, tmp_path: Path
) -> None:
    (repository.root / ".mailmap").write_text(f"Paul <{paul.address}> Anna <{anna.address}>\n")
    commit = repository.commit(anna, x="1")
    by_other = repository.commit(other, x="2")
    (repository.root / ".mailmap").write_text(f"Marc <marc@x.example> Anna <{anna.address}>\n")
    theirs = tmp_path / "allowed"
    theirs.write_text(other.entry(paul.address))
    repository.git("config", "gpg.ssh.allowedSignersFile", str(theirs))
    repository.git("config", "gpg.ssh.program", "/bin/true")
    repository.git("config", "core.fsmonitor", f"touch {tmp_path}/ran; false")
    repository.git("config", "core.hooksPath", str(tmp_path))
    found = signer_of(repository, commit)
    assert found is not None
    assert found.name == anna.address
    assert signer_of(repository, by_other) is None
    assert not (tmp_path / "ran").exists()


def test_a_replaced_object_is_not_what_is_read(repository: SignedRepository, anna: Person, paul: Person) -> None:
    mine = repository.commit(anna, x="1")
    repository.git("checkout", "-q", "-b", "theirs", "HEAD~1")
    theirs = repository.commit(paul, x="1")
    repository.git("checkout", "-q", "main")
    repository.git("replace", mine, theirs)
    found = signer_of(repository, mine)
    assert found is not None
    assert found.name == anna.address


def test_an_amended_commit_loses_its_signature_and_an_unsigned_one_is_nobodys(
    repository: SignedRepository, anna: Person, paul: Person
) -> None:
    repository.commit(paul, x="1")
    amended = repository.commit(anna.address, "mine", "--amend", "--reset-author")
    assert signer_of(repository, amended) is None


def test_a_key_that_one_person_alone_brought_never_makes_two_with_that_person(
    repository: SignedRepository, anna: Person, paul: Person, other: Person
) -> None:
    add(repository, anna, other.entry())
    found = trust(repository)
    assert not found.pending
    invented, own, another = (identity(found, each) for each in (other, anna, paul))
    assert invented.controller == anna.address
    assert not found.now.is_two_people(own, invented)
    assert found.now.is_two_people(another, invented)


def test_two_inventions_of_one_person_are_not_two_people(
    repository: SignedRepository, anna: Person, other: Person, marc: Person
) -> None:
    add(repository, anna, other.entry("julie@smileo.example"))
    add(repository, other, marc.entry())
    found = trust(repository)
    assert not found.now.is_two_people(identity(found, other), identity(found, marc))


def test_a_key_that_one_wrote_and_another_merged_is_its_holders(
    repository: SignedRepository, anna: Person, paul: Person, marc: Person
) -> None:
    add(repository, anna, marc.entry(), branch="keys")
    repository.merge(paul, "keys")
    found = trust(repository)
    third = identity(found, marc)
    assert third.controller == marc.address
    assert found.now.is_two_people(third, identity(found, anna))
    assert found.now.is_two_people(third, identity(found, paul))


def test_who_only_builds_on_a_branch_did_not_bring_its_keys(
    repository: SignedRepository, anna: Person, paul: Person, other: Person
) -> None:
    add(repository, anna, other.entry(), branch="keys")
    repository.git("checkout", "-q", "keys")
    repository.commit(paul, "something else", x="1")
    repository.git("checkout", "-q", "main")
    repository.merge(anna, "keys")
    found = trust(repository)
    assert identity(found, other).controller == anna.address


@pytest.mark.parametrize("address", ["anna@smileo.example", "Anna@SMILEO.example", "anna+2@smileo.example"])
def test_one_person_with_two_keys_is_one(
    repository: SignedRepository, anna: Person, paul: Person, other: Person, address: str
) -> None:
    add(repository, anna, other.entry(address), branch="keys")
    repository.merge(paul, "keys")
    found = trust(repository)
    assert not found.now.is_two_people(identity(found, anna), identity(found, other))


def test_an_entry_of_two_addresses_makes_them_one_person(
    repository: SignedRepository, anna: Person, paul: Person, other: Person
) -> None:
    add(repository, paul, other.entry("chef@smileo.example,anna@smileo.example"))
    found = trust(repository)
    assert found.now.is_same_person(identity(found, anna), "chef@smileo.example")
    assert not found.now.is_two_people(identity(found, anna), identity(found, other))


def test_a_key_that_nobody_known_brought_counts_for_nobody(
    repository: SignedRepository, anna: Person, other: Person
) -> None:
    add(repository, anna.address, other.entry())
    found = trust(repository)
    assert [each.fingerprint for each in found.pending]
    commit = repository.commit(other, x="1")
    assert signer_of(repository, commit) is None


def test_nobody_lets_a_key_in_and_signs_with_it_in_one_go(repository: SignedRepository, other: Person) -> None:
    add(repository, other, other.entry())
    commit = repository.git("rev-parse", "HEAD")
    assert signer_of(repository, commit) is None
    assert trust(repository).pending


def test_another_root_that_is_merged_in_begins_no_trust(
    repository: SignedRepository, anna: Person, other: Person
) -> None:
    repository.git("checkout", "-q", "--orphan", "evil")
    repository.git("rm", "-rfq", "--cached", ".")
    repository.commit(other, allowed_signers=other.entry())
    repository.git("checkout", "-qf", "main")
    repository.merge(anna.address, "evil", "--allow-unrelated-histories", "-X", "theirs", signs=False)
    found = trust(repository)
    assert other.public not in {each.line.split(" ", 1)[1] for each in found.now.controllers}


def test_an_expired_key_signs_nothing_also_not_dated_back(
    repository: SignedRepository, anna: Person, paul: Person
) -> None:
    began = repository.clock
    repository.clock += 5 * 86400
    expired = paul.entry(options='valid-before="20261105000000Z"')
    repository.commit(anna, allowed_signers=anna.entry() + expired)
    assert trust(repository).pending == ()
    assert signer_of(repository, repository.commit(paul, x="1")) is None
    assert signer_of(repository, repository.commit(paul, at=began, x="2")) is None


def test_a_commit_ahead_of_now_proves_nothing(repository: SignedRepository, anna: Person) -> None:
    commit = repository.commit(anna, at=int(datetime(2026, 12, 24, tzinfo=UTC).timestamp()), x="1")
    assert signer_of(repository, commit) is None


@pytest.mark.parametrize("moment", [2**34, 10**12, 10**18])
def test_one_commit_of_another_age_takes_nothing_from_those_after_it(
    repository: SignedRepository, anna: Person, paul: Person, moment: int
) -> None:
    head = repository.git("cat-file", "commit", "HEAD").partition("\n\n")[0]
    tree = head.splitlines()[0]
    parent = f"parent {repository.git('rev-parse', 'HEAD')}"
    text = f"{tree}\n{parent}\nauthor A <a@x> {moment} +0000\ncommitter A <a@x> {moment} +0000\n\nodd\n"
    odd = subprocess.run(
        ["git", "-C", repository.root, "hash-object", "-t", "commit", "-w", "--literally", "--stdin"],
        input=text.encode(),
        capture_output=True,
        check=True,
    )
    repository.git("reset", "-q", "--hard", odd.stdout.decode().strip())
    assert signer_of(repository, odd.stdout.decode().strip()) is None
    found = signer_of(repository, repository.commit(paul, x="1"))
    assert found is not None
    assert found.name == paul.address


def test_a_history_that_is_cut_off_is_refused(repository: SignedRepository, anna: Person, tmp_path: Path) -> None:
    repository.commit(anna, x="1")
    repository.git("clone", "-q", "--depth=1", f"file://{repository.root}", str(tmp_path / "shallow"))
    with pytest.raises(RefusedError, match="history"):
        find_git_location(tmp_path / "shallow")


def test_an_object_that_is_not_what_its_name_says_is_refused(
    repository: SignedRepository, anna: Person, paul: Person
) -> None:
    mine = repository.commit(anna, x="1")
    theirs = repository.git("rev-parse", "HEAD~1")
    repository.commit(paul, x="2")
    stored = repository.root / ".git" / "objects"
    target = stored / mine[:2] / mine[2:]
    target.chmod(0o644)
    target.write_bytes((stored / theirs[:2] / theirs[2:]).read_bytes())
    with pytest.raises((RefusedError, ExpectedError), match=mine):
        trust(repository)


def test_a_link_is_no_file_of_signers(repository: SignedRepository, anna: Person, paul: Person) -> None:
    (repository.root / FILE_NAME).rename(repository.root / "elsewhere")
    (repository.root / FILE_NAME).symlink_to("elsewhere")
    repository.commit(anna)
    assert trust(repository).now.controllers == {}
