"""Who wrote a change and which holds its messages lift, from real commits: merges, several authors, any message."""

from pathlib import Path

import pytest

from coffre.errors import ExpectedError
from coffre.review.authorship import find_authorship
from coffre.review.guards import Authorship
from coffre.review.revision import read_range
from coffre.workspace.git import Commits, Writing
from tests.unit.review.conftest import ANNA, TenantRepository

BORIS = "boris@smileo.example"
CLARA = "clara@smileo.example"
PATH = "tenants/acme.yaml"


def find(repository: TenantRepository, base: str, head: str = "HEAD", slug: str = "acme") -> Authorship:
    return find_authorship(repository.root, read_range(repository.root, f"{base}..{head}"), slug)


def change(repository: TenantRepository, who: str, gibibytes: int, message: str = "a change") -> str:
    repository.put("acme", repository.text("acme", **{"200 GiB": f"{gibibytes} GiB"}))
    return repository.commit(who, message)


def commit_as_written(repository: TenantRepository, message: bytes, who: str = ANNA) -> str:
    """Commit a change with a message that git does not tidy up, as a git host's web page may do."""
    repository.put("acme", repository.text("acme", **{"200 GiB": f"{len(message) + 201} GiB"}))
    repository.git("add", "-A")
    tree, parent = repository.git("write-tree"), repository.git("rev-parse", "HEAD")
    head = f"tree {tree}\nparent {parent}\nauthor A <{who}> 1790000000 +0000\ncommitter A <{who}> 1790000000 +0000\n"
    made = repository.store("commit", head.encode() + b"\n" + message)
    repository.git("reset", "-q", "--hard", made)
    return made


def test_only_commits_of_the_range_that_change_the_file_count(repository: TenantRepository) -> None:
    base = change(repository, CLARA, 250, "Lifts-Hold: ORD-0")
    change(repository, ANNA, 300, "more\n\nLifts-Hold: ORD-1")
    repository.put("zebra", repository.text("zebra", **{"200 GiB": "300 GiB"}))
    repository.commit(BORIS, "another one\n\nLifts-Hold: ORD-2")
    assert find(repository, base) == Authorship({ANNA}, {"ORD-1"})
    assert find(repository, base, slug="zebra") == Authorship({BORIS}, {"ORD-2"})
    assert find(repository, base, slug="nobody") == Authorship(frozenset(), frozenset())
    assert find(repository, "HEAD") == Authorship(frozenset(), frozenset())


def test_those_whom_a_message_names_as_authors_count_too(repository: TenantRepository) -> None:
    """A host that joins a branch's commits into one keeps the other authors in such lines."""
    base = repository.git("rev-parse", "HEAD")
    change(repository, ANNA, 300, f"joined\n\nCo-authored-by: Boris B. <{BORIS}>\nco-authored-by: Clara <{CLARA}> \r\n")
    change(repository, ANNA, 400, "said Co-authored-by: Nobody <nobody@smileo.example>\nCo-authored-by: no address")
    assert find(repository, base).authors == {ANNA, BORIS, CLARA}


def test_every_author_of_a_branch_counts_also_below_a_merge(repository: TenantRepository) -> None:
    base = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "-q", "-b", "topic")
    change(repository, ANNA, 300)
    change(repository, BORIS, 400, "second\n\nLifts-Hold: ORD-1")
    repository.git("checkout", "-q", "main")
    repository.put("zebra", repository.text("zebra", **{"200 GiB": "300 GiB"}))
    repository.commit(CLARA)
    repository.merge(CLARA, "topic")
    # Whoever merges chooses a version of the file, and counts as well.
    assert find(repository, base, "main^2") == Authorship({ANNA, BORIS}, {"ORD-1"})
    assert find(repository, base) == Authorship({ANNA, BORIS, CLARA}, {"ORD-1"})


def test_a_change_that_a_merge_takes_back_keeps_its_author(repository: TenantRepository) -> None:
    """A merge that takes one side whole has no difference to it: the other side is followed too."""
    base = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "-q", "-b", "topic")
    change(repository, ANNA, 300)
    repository.git("checkout", "-q", "main")
    change(repository, BORIS, 400)
    repository.merge(CLARA, "topic", "-s", "ours")
    assert find(repository, base).authors == {ANNA, BORIS, CLARA}


def test_a_change_within_a_merge_is_its_authors(repository: TenantRepository) -> None:
    base = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "-q", "-b", "topic")
    change(repository, ANNA, 300)
    repository.git("checkout", "-q", "main")
    change(repository, BORIS, 400)
    repository.merge(CLARA, "topic", "-s", "ours", "--no-commit")
    repository.put("acme", repository.text("acme", **{"200 GiB": "500 GiB"}))
    repository.commit(CLARA, "merged\n\nLifts-Hold: ORD-9")
    assert find(repository, base) == Authorship({ANNA, BORIS, CLARA}, {"ORD-9"})


@pytest.mark.parametrize(
    ("message", "orders"),
    [
        (b"end\n\nLifts-Hold: ORD-7\n", {"ORD-7"}),
        (b"end\n\nLifts-Hold: ORD-7", {"ORD-7"}),
        (b"Lifts-Hold: ORD-7", {"ORD-7"}),
        (b"end\r\n\r\nLifts-Hold: ORD-7\r\nSigned-off-by: A\r\n", {"ORD-7"}),
        (b"end\r\n\r\nLifts-Hold: ORD-7 \t\r\n", {"ORD-7"}),
        (b"end\n\nLifts-Hold:ORD-7\nLifts-Hold:  TGI Paris, 12/03 (b)  \n", {"ORD-7", "TGI Paris, 12/03 (b)"}),
        ("end\n\nLifts-Hold: décret n° 7\n".encode(), {"décret n° 7"}),
        (b"".join(b"Lifts-Hold: ORD-%d\n" % each for each in range(500)), {f"ORD-{each}" for each in range(500)}),
        (b"end\n\nLifts-Hold: \nORD-7\n", set()),
        (b"end\n\nLifts-Hold:\n\nORD-7\n", set()),
        (b"end\n\n> Lifts-Hold: ORD-7\n", set()),
        (b"end\n\nlifts-hold: ORD-7\n", set()),
        (b"end\n\nNo-Lifts-Hold: ORD-7\n", set()),
        (b"end\n\n Lifts-Hold: ORD-7\n", set()),
        (b"end\x0bLifts-Hold: ORD-7\n", set()),
        (b"", set()),
    ],
)
def test_a_line_of_a_message_lifts_a_hold(repository: TenantRepository, message: bytes, orders: set[str]) -> None:
    commit_as_written(repository, message)
    assert find(repository, "HEAD~1") == Authorship({ANNA}, orders)


def test_a_message_in_another_encoding_or_in_none_is_read(repository: TenantRepository) -> None:
    commit_as_written(repository, b"\xff\xfe\n\nLifts-Hold: ORD-7\n")
    assert find(repository, "HEAD~1").lifts_holds == {"ORD-7"}


def test_a_message_cannot_pass_for_another_commit(repository: TenantRepository) -> None:
    commit_as_written(repository, b"boris@smileo.example\ncommit 1\nauthor: x\n\0boris@smileo.example\n")
    assert find(repository, "HEAD~1").authors == {ANNA}
    (written,) = Commits(repository.root).list_writings("HEAD~1", "HEAD", PATH)
    assert written.author == ANNA


def test_settings_of_the_clone_change_no_answer(repository: TenantRepository) -> None:
    base = repository.git("rev-parse", "HEAD")
    change(repository, ANNA, 300, "first\n\nLifts-Hold: ORD-1")
    change(repository, BORIS, 400)
    expected = [Writing(BORIS, "a change\n"), Writing(ANNA, "first\n\nLifts-Hold: ORD-1\n")]
    (repository.root / ".mailmap").write_text(f"Somebody <{CLARA}> <{ANNA}>\nSomebody <{CLARA}> <{BORIS}>\n")
    for name, value in (
        ("log.mailmap", "true"),
        ("log.showSignature", "true"),
        ("log.follow", "true"),
        ("log.diffMerges", "on"),
        ("log.decorate", "full"),
        ("color.ui", "always"),
        ("format.pretty", "raw"),
        ("i18n.logOutputEncoding", "UTF-16"),
    ):
        repository.git("config", name, value)
    assert Commits(repository.root).list_writings(base, "HEAD", PATH) == expected


def test_a_path_is_no_pattern(repository: TenantRepository) -> None:
    change(repository, ANNA, 300)
    assert Commits(repository.root).list_writings("HEAD~1", "HEAD", "tenants/*.yaml") == []
    assert Commits(repository.root).list_writings("HEAD~1", "HEAD", ":(glob)tenants/*.yaml") == []


def test_a_repository_below_the_top_has_its_own_paths(repository: TenantRepository, tmp_path: Path) -> None:
    root = repository.root / "customers"
    root.mkdir()
    repository.git("mv", "platform.yaml", "tenants", "customers")
    repository.commit(CLARA)
    path = root / "tenants/acme.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("200 GiB", "300 GiB"), encoding="utf-8")
    repository.commit(ANNA, "Lifts-Hold: ORD-1")
    assert find_authorship(root, read_range(root, "HEAD~1..HEAD"), "acme") == Authorship({ANNA}, {"ORD-1"})


def test_messages_that_are_too_long_end_the_review(
    repository: TenantRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_as_written(repository, b"x" * 5000)
    reader = Commits(repository.root)
    base, head = reader.resolve("HEAD~1"), reader.resolve("HEAD")
    monkeypatch.setattr(Commits._run, "__kwdefaults__", {"stdin": b"", "limit": 1000})
    with pytest.raises(ExpectedError, match="too long to be read"):
        reader.list_writings(base, head, PATH)
    with pytest.raises(ExpectedError, match="cannot follow the history"):
        Commits(repository.root).list_writings("0" * 40, head, PATH)
