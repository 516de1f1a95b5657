"""Two commits of a real repository as data: their tenants, their problems, what differs, and what cannot be read."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from coffre.errors import ExpectedError, UsageError
from coffre.review.revision import ChangedFiles, Range, changed_slugs, read_range, split_range
from coffre.spec.loader import InvalidRepositoryError, load_checkout
from tests.unit.review.conftest import ANNA, TenantRepository

Environment = Mapping[str, str]


def read(repository: TenantRepository, text: str, environment: Environment) -> Range:
    return read_range(repository.root, text, environment)


def refusal(root: Path, text: str, environment: Environment) -> str:
    with pytest.raises(ExpectedError) as refused:
        read_range(root, text, environment)
    said = f"{refused.value.message} | {refused.value.hint}"
    assert said.isprintable()
    assert refused.value.hint
    return said


def test_both_commits_are_read_as_their_own_checkout_would_be(
    repository: TenantRepository, environment: Environment
) -> None:
    before = load_checkout(repository.root)
    repository.put("acme", repository.text("acme", **{"200 GiB": "300 GiB"}))
    repository.put("newcomer")
    (repository.root / "tenants/zebra.yaml").unlink()
    head = repository.commit(ANNA)
    after = load_checkout(repository.root)
    found = read(repository, "HEAD~1..HEAD", environment)
    assert (found.base.settings, found.base.tenants, found.base.problems) == (before.settings, before.tenants, ())
    assert (found.head.settings, found.head.tenants, found.head.problems) == (after.settings, after.tenants, ())
    assert found.head.commit == head
    content = (repository.root / "tenants/acme.yaml").read_bytes()
    assert found.head.digests["tenants/acme.yaml"] == hashlib.sha256(content).hexdigest()
    assert changed_slugs(found) == ChangedFiles(("acme", "newcomer", "zebra"), is_platform_changed=False)


def test_what_no_file_says_otherwise_is_no_change(repository: TenantRepository, environment: Environment) -> None:
    (repository.root / "README.md").write_text("notes")
    (repository.root / "tenants/README.md").write_text("notes")
    (repository.root / "tenants/acme.yaml").chmod(0o755)
    repository.commit(ANNA)
    found = read(repository, "HEAD~1..HEAD", environment)
    assert changed_slugs(found) == ChangedFiles((), is_platform_changed=False)
    assert found.head.tenants == found.base.tenants
    same = read(repository, "HEAD..HEAD", environment)
    assert changed_slugs(same) == ChangedFiles((), is_platform_changed=False)


def test_a_change_of_the_platform_is_told_and_judged_again(
    repository: TenantRepository, environment: Environment
) -> None:
    platform = repository.root / "platform.yaml"
    platform.write_text(platform.read_text(encoding="utf-8").replace("  lab:  ", "  other:"), encoding="utf-8")
    repository.commit(ANNA)
    found = read(repository, "HEAD~1..HEAD", environment)
    assert changed_slugs(found) == ChangedFiles((), is_platform_changed=True)
    assert (len(found.base.problems), found.head.tenants) == (0, {})
    assert [(each.file, each.path) for each in found.head.problems] == [
        ("tenants/acme.yaml", "storage.platform"),
        ("tenants/zebra.yaml", "storage.platform"),
    ]


def test_problems_are_those_of_check(repository: TenantRepository, environment: Environment) -> None:
    repository.put("acme", repository.text("acme", **{"200 GiB": "200 GB", "plan: office": "plan: ofice"}))
    repository.put("twin", repository.text("zebra"))
    repository.put("Capital")
    repository.put("empty", "")
    (repository.root / "tenants/notes.txt").write_text("x")
    (repository.root / "tenants/link.yaml").symlink_to("acme.yaml")
    (repository.root / "tenants/folder.yaml").mkdir()
    (repository.root / "tenants/folder.yaml/inner.yaml").write_text("version: 1\n")
    (repository.root / "tenants/nested").mkdir()
    (repository.root / "tenants/nested/acme.yaml").write_text("version: 1\n")
    repository.put("large", "#" * (2**20 + 1))
    repository.commit(ANNA)
    with pytest.raises(InvalidRepositoryError) as refused:
        load_checkout(repository.root)
    found = read(repository, "HEAD~1..HEAD", environment).head
    assert list(found.problems) == refused.value.problems
    assert len({each.file for each in found.problems}) == 9
    assert list(found.tenants) == ["twin"]
    assert found.settings is not None
    assert set(found.digests) == {
        "platform.yaml", *(f"tenants/{slug}.yaml" for slug in ("acme", "empty", "twin", "zebra"))
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["link", "file", "none"])
def test_a_tenants_folder_that_is_none_is_told_as_by_check(
    kind: str, repository: TenantRepository, environment: Environment
) -> None:
    shutil.rmtree(repository.root / "tenants")
    if kind == "link":
        (repository.root / "tenants").symlink_to("/etc")
    if kind == "file":
        (repository.root / "tenants").write_text("x")
    (repository.root / "platform.yaml").unlink()
    if kind == "link":
        (repository.root / "platform.yaml").symlink_to("/etc/passwd")
    repository.commit(ANNA)
    with pytest.raises(InvalidRepositoryError) as refused:
        load_checkout(repository.root)
    found = read(repository, "HEAD~1..HEAD", environment).head
    assert list(found.problems) == refused.value.problems
    assert (found.settings, found.tenants, found.digests) == (None, {}, {})


def test_three_dots_begin_where_the_branch_left(repository: TenantRepository, environment: Environment) -> None:
    left = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "-q", "-b", "change")
    repository.put("newcomer")
    repository.commit(ANNA)
    repository.git("checkout", "-q", "main")
    repository.put("acme", repository.text("acme", **{"200 GiB": "300 GiB"}))
    repository.commit(ANNA)
    assert changed_slugs(read(repository, "main..change", environment)).slugs == ("acme", "newcomer")
    found = read(repository, "main...change", environment)
    assert (found.base.commit, changed_slugs(found).slugs) == (left, ("newcomer",))


def test_a_root_below_the_top_of_the_repository(repository: TenantRepository, environment: Environment) -> None:
    below = repository.root / "odd :(top) é" / "backup"
    below.mkdir(parents=True)
    shutil.copytree(repository.root / "tenants", below / "tenants")
    shutil.copy(repository.root / "platform.yaml", below)
    (below / "tenants/zebra.yaml").unlink()
    repository.commit(ANNA)
    found = read_range(below, "HEAD~1..HEAD", environment)
    assert list(found.head.tenants) == ["acme"]
    assert (found.base.settings, found.base.tenants) == (None, {})
    assert [each.message for each in found.base.problems] == ["there is no such file"]


def test_a_repository_of_sha_256_is_read_too(
    repository: TenantRepository, environment: Environment, tmp_path: Path
) -> None:
    repository.git("init", "-q", "--object-format=sha256", str(tmp_path / "other"))
    other = TenantRepository(tmp_path / "other")
    shutil.copy(repository.root / "platform.yaml", other.root)
    other.put("acme")
    other.commit(ANNA)
    other.put("zebra")
    commit = other.commit(ANNA)
    found = read(other, "HEAD~1..HEAD", environment)
    assert len(commit) == 64
    assert (found.head.commit, list(found.head.tenants)) == (commit, ["acme", "zebra"])


def test_a_bare_repository_is_read_too(repository: TenantRepository, environment: Environment, tmp_path: Path) -> None:
    repository.git("clone", "-q", "--bare", str(repository.root), str(tmp_path / "bare"))
    assert list(read_range(tmp_path / "bare", "HEAD..HEAD", environment).head.tenants) == ["acme", "zebra"]


@pytest.mark.parametrize("text", ["", "main", "..", "...", "main..", "..main", "main...", "main.other"])
def test_a_range_needs_two_names(text: str) -> None:
    with pytest.raises(UsageError, match="two names"):
        split_range(text)


@pytest.mark.parametrize(
    "name",
    [
        "-h", "--help", "--upload-pack=touch trace", "--output=trace", "--all", "--", "-", "^main", "main main", "*",
        ":/first", ":platform.yaml", "main:platform.yaml", "main^{/first}", "main^{tree}", "main~99", "HEAD^@",
        "HEAD^!", "@{-1}", "a..b", ".b", "main\nmain", "main\0", "main\x1b[31m", "\udc80", "é", "x" * 300, "0" * 40,
        "refs/heads/none", "$(touch trace)", "`touch trace`", "main;touch trace",
    ],
)  # fmt: skip
def test_a_name_is_a_name_only(name: str, repository: TenantRepository, environment: Environment) -> None:
    for text in (f"{name}..main", f"main..{name}"):
        said = refusal(repository.root, text, environment)
        assert "commit" in said
        assert len(said) < 500
    assert not (repository.root / "trace").exists()


def test_a_branch_that_looks_like_an_option_is_none(repository: TenantRepository, environment: Environment) -> None:
    commit = repository.git("rev-parse", "HEAD")
    (repository.root / ".git/refs/heads/-h").write_text(f"{commit}\n")
    assert "is no name of a commit" in refusal(repository.root, "main..-h", environment)
    assert read(repository, "main..refs/heads/-h", environment).head.commit == commit


def test_an_annotated_tag_is_its_commit(repository: TenantRepository, environment: Environment) -> None:
    repository.git("tag", "-a", "-m", "x", "v1", settings=repository.settings(ANNA))
    assert read(repository, "v1..main", environment).base.commit == repository.git("rev-parse", "main")


def test_what_cannot_be_read_is_said_in_one_sentence(
    repository: TenantRepository, environment: Environment, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    assert "git finds no repository" in refusal(plain, "a..b", environment)
    assert "there is no folder" in refusal(tmp_path / "gone", "a..b", environment)
    empty = tmp_path / "empty"
    repository.git("init", "-q", str(empty))
    assert "has no commit yet" in refusal(empty, "HEAD~1..HEAD", environment)
    assert "git is not installed" in refusal(repository.root, "a..b", {**environment, "PATH": "/nowhere"})
    (repository.root / ".git/config").write_text("[core\n")
    assert "git finds no repository" in refusal(repository.root, "a..b", environment)


def test_histories_without_a_common_commit(repository: TenantRepository, environment: Environment) -> None:
    repository.git("checkout", "-q", "--orphan", "other")
    repository.commit(ANNA)
    assert "have no commit in common" in refusal(repository.root, "main...other", environment)
    assert changed_slugs(read(repository, "main..other", environment)).slugs == ()


def test_a_shallow_clone_says_how_to_fetch(
    repository: TenantRepository, environment: Environment, tmp_path: Path
) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "-q", "-b", "change")
    repository.commit(ANNA)
    repository.git("checkout", "-q", "main")
    repository.commit(ANNA)
    shallow = tmp_path / "shallow"
    source = f"file://{repository.root}"
    repository.git("clone", "-q", "--depth=1", "--no-single-branch", source, str(shallow))
    assert "git fetch --depth" in refusal(shallow, f"{first}..origin/change", environment)
    assert "git fetch --unshallow" in refusal(shallow, "origin/main...origin/change", environment)
    assert list(read_range(shallow, "origin/main..origin/change", environment).head.tenants) == ["acme", "zebra"]


def test_a_partial_clone_fetches_nothing(
    repository: TenantRepository, environment: Environment, tmp_path: Path
) -> None:
    repository.git("config", "uploadpack.allowFilter", "true")
    trace = tmp_path / "trace"
    for kind in ("blob:none", "tree:0"):
        partial = tmp_path / kind.replace(":", "-")
        source = f"file://{repository.root}"
        repository.git("clone", "-q", "--no-checkout", f"--filter={kind}", source, str(partial))
        repository.git("-C", str(partial), "config", "remote.origin.uploadpack", f"touch {trace}; git-upload-pack")
        before = sorted(path.name for path in (partial / ".git/objects").rglob("*"))
        said = refusal(partial, "HEAD..HEAD", environment)
        assert "git cannot read" in said
        assert "no filter" in said
        assert sorted(path.name for path in (partial / ".git/objects").rglob("*")) == before
    assert not trace.exists()


def test_the_repository_of_another_user_is_told_until_it_is_trusted(
    repository: TenantRepository, environment: Environment
) -> None:
    os.chown(repository.root / ".git", 12345, 12345)
    os.chown(repository.root, 12345, 12345)
    said = refusal(repository.root, "main..main", environment)
    assert "another user owns it" in said
    assert "safe.directory" in said
    (Path(environment["HOME"]) / ".gitconfig").write_text(f"[safe]\ndirectory = {repository.root}\n")
    assert read(repository, "main..main", environment).head.problems == ()


def test_variables_of_git_do_not_mislead(
    repository: TenantRepository, environment: Environment, tmp_path: Path
) -> None:
    other = TenantRepository(tmp_path / "other")
    other.commit(ANNA)
    misled = {
        **environment,
        "GIT_DIR": str(other.root / ".git"),
        "GIT_OBJECT_DIRECTORY": str(other.root / ".git/objects"),
        "GIT_NAMESPACE": "x",
        "GIT_TRACE": str(tmp_path / "trace"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.bare",
        "GIT_CONFIG_VALUE_0": "nonsense",
    }
    assert list(read(repository, "main..main", misled).head.tenants) == ["acme", "zebra"]
    assert not (tmp_path / "trace").exists()


def test_replaced_and_grafted_commits_are_not_taken(repository: TenantRepository, environment: Environment) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.put("newcomer")
    second = repository.commit(ANNA)
    repository.git("replace", second, first)
    assert list(read(repository, f"{first}..{second}", environment).head.tenants) == ["acme", "newcomer", "zebra"]
    repository.git("replace", "-d", second)
    (repository.root / ".git/info").mkdir(exist_ok=True)
    (repository.root / ".git/info/grafts").write_text(f"{second}\n")
    assert read(repository, f"{first}...{second}", environment).base.commit == first
