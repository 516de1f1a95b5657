"""Commits made to hurt: they end in problems with a place, soon; nothing of them is run, written or passed over."""

import hashlib
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coffre.errors import ExpectedError
from coffre.review import listing
from coffre.review.revision import Revision, changed_slugs, read_range
from coffre.spec.problems.problems import Problem
from tests.unit.review.conftest import FOLDER, LINK, ORDINARY, SUBMODULE, TenantRepository
from tests.unit.spec.test_hostile import HOSTILE

Environment = Mapping[str, str]
MIB = 1 << 20


@pytest.fixture(autouse=True)
def limited() -> Iterator[None]:
    start = time.process_time()
    yield
    assert time.process_time() - start < 30


def head(repository: TenantRepository, commit: str, environment: Environment) -> Revision:
    found = read_range(repository.root, f"main..{commit}", environment)
    assert found.base.problems == ()
    for problem in found.head.problems:
        assert str(problem).isprintable()
        assert len(str(problem)) < 700
    return found.head


def messages(revision: Revision) -> list[tuple[str, str]]:
    return [(problem.file, problem.message) for problem in revision.problems]


def test_the_kinds_of_entries_of_a_commit(repository: TenantRepository, environment: Environment) -> None:
    file = repository.store("blob", repository.text("acme").encode())
    link = repository.store("blob", b"/etc/passwd")
    folder = repository.tree((ORDINARY, b"inner.yaml", file))
    commit = repository.commit_tenants(
        (ORDINARY, b".hidden.yaml", file),
        (LINK, b".link", link),
        (ORDINARY, b"README.md", file),
        (ORDINARY, b"acme.yaml", file),
        ("100664", b"badger.yaml", repository.store("blob", repository.text("badger").encode())),
        (FOLDER, b"empty.yaml", repository.tree()),
        (FOLDER, b"folder.yaml", folder),
        (LINK, b"link.yaml", link),
        (FOLDER, b"nested", folder),
        (SUBMODULE, b"other.yaml", "1" * 40),
        (SUBMODULE, b"submodule", "1" * 40),
    )
    found = head(repository, commit, environment)
    assert messages(found) == [
        ("tenants/empty.yaml", "this is not a plain file"),
        ("tenants/folder.yaml", "this is not a plain file"),
        ("tenants/link.yaml", "tenants/link.yaml is a link"),
        ("tenants/nested", "this is not a tenant file"),
        ("tenants/other.yaml", "this is not a plain file"),
        ("tenants/submodule", "this is not a tenant file"),
    ]
    assert list(found.tenants) == ["acme", "badger"]
    assert "/etc/passwd" not in str(found.problems)


def test_a_tree_in_the_place_of_a_file_is_none(repository: TenantRepository, environment: Environment) -> None:
    commit = repository.commit_tenants((ORDINARY, b"acme.yaml", repository.tree()))
    found = head(repository, commit, environment)
    assert messages(found) == [("tenants/acme.yaml", "this is not a plain file")]
    assert set(found.digests) == {"platform.yaml"}


@pytest.mark.parametrize(
    "name",
    [
        b"a\nb.yaml", b"a\x1b[2Jb.yaml", b"a\x07.yaml", b"\xff\xfe.yaml", b'a"b.yaml', b"a'b.yaml", b"$(id).yaml",
        b"a b.yaml", "a\u202eb.yaml".encode(), "é12.yaml".encode(), b"-rf.yaml", b"A" * 3000 + b".yaml",
        b"Acme.yaml", b"ACME.YAML",
        b"acme.yaml\n", b"acme.yaml ", b"acme.yml", b"acme\\b.yaml", b"{{x}}.yaml", b"<b>.yaml",
    ],
)  # fmt: skip
def test_a_name_that_is_no_slug_is_a_problem(
    name: bytes, repository: TenantRepository, environment: Environment
) -> None:
    file = repository.store("blob", repository.text("acme").encode())
    found = head(repository, repository.commit_tenants((ORDINARY, name, file)), environment)
    assert len(found.problems) == 1
    assert found.problems[0].message.startswith(("invalid name of a tenant", "this is not a tenant file"))
    assert (found.tenants, set(found.digests)) == ({}, {"platform.yaml"})


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([(ORDINARY, b"acme.yaml"), (ORDINARY, b"acme.yaml")], 'the folder has the name "acme.yaml" twice'),
        ([(ORDINARY, b"acme.yaml"), (LINK, b"acme.yaml")], 'the folder has the name "acme.yaml" twice'),
        ([(ORDINARY, b"acme.yaml"), (FOLDER, b"acme.yaml")], 'the folder has the name "acme.yaml" twice'),
        ([(ORDINARY, b"../acme.yaml")], 'the folder has a name with a slash, "../acme.yaml"'),
        ([(ORDINARY, b"x/acme.yaml")], 'the folder has a name with a slash, "x/acme.yaml"'),
        ([(ORDINARY, b"zebra.yaml"), (ORDINARY, b"acme.yaml")], "the names in the folder are not in git's order"),
    ],
)
def test_a_folder_that_git_does_not_write_is_a_problem(
    entries: list[tuple[str, bytes]], said: str, repository: TenantRepository, environment: Environment
) -> None:
    """Another git program could see another tenant in it."""
    file = repository.store("blob", repository.text("acme").encode())
    folder = repository.tree((ORDINARY, b"inner.yaml", file))
    made = [(mode, name, folder if mode == FOLDER else file) for mode, name in entries]
    assert messages(head(repository, repository.commit_tenants(*made), environment)) == [("tenants", said)]


def test_a_tenant_beside_the_folder_of_tenants_is_seen(repository: TenantRepository, environment: Environment) -> None:
    """Git would check it out, and merge it, as a file in tenants/."""
    platform = repository.git("rev-parse", "HEAD:platform.yaml")
    file = repository.store("blob", repository.text("intruder").encode())
    tenants = repository.git("rev-parse", "HEAD:tenants")
    beside = repository.tree(
        (ORDINARY, b"platform.yaml", platform),
        (FOLDER, b"tenants", tenants),
        (ORDINARY, b"tenants/intruder.yaml", file),
    )
    twice = repository.tree(
        (ORDINARY, b"platform.yaml", platform), (FOLDER, b"tenants", tenants), (FOLDER, b"tenants", repository.tree())
    )
    assert messages(head(repository, repository.commit_tree(beside), environment)) == [
        (".", 'the folder has a name with a slash, "tenants/intruder.yaml"')
    ]
    assert messages(head(repository, repository.commit_tree(twice), environment)) == [
        (".", 'the folder has the name "tenants" twice')
    ]


def test_a_broken_tree_is_one_sentence(repository: TenantRepository, environment: Environment) -> None:
    broken = repository.store("tree", b"100644 acme.yaml\0short")
    platform = repository.git("rev-parse", "HEAD:platform.yaml")
    commit = repository.commit_tree(
        repository.tree((ORDINARY, b"platform.yaml", platform), (FOLDER, b"tenants", broken))
    )
    with pytest.raises(ExpectedError, match="git cannot read the folder"):
        head(repository, commit, environment)
    missing = repository.commit_tenants((ORDINARY, b"acme.yaml", "2" * 40))
    with pytest.raises(ExpectedError, match=r"has no content of tenants/acme\.yaml"):
        head(repository, missing, environment)


def test_a_deep_tree_is_not_walked(repository: TenantRepository, environment: Environment) -> None:
    deep = repository.store("blob", b"version: 1\n")
    mode = ORDINARY
    for _ in range(300):
        deep, mode = repository.tree((mode, b"deep.yaml", deep)), FOLDER
    commit = repository.commit_tenants((FOLDER, b"deep.yaml", deep), (FOLDER, b"deep", deep))
    assert messages(head(repository, commit, environment)) == [
        ("tenants/deep", "this is not a tenant file"),
        ("tenants/deep.yaml", "this is not a plain file"),
    ]


@pytest.mark.parametrize("size", [MIB, MIB + 1, 10 * MIB])
def test_a_large_file_is_not_read(size: int, repository: TenantRepository, environment: Environment) -> None:
    text = repository.text("acme").encode()
    file = repository.store("blob", text + b"#" * (size - len(text)))
    found = head(repository, repository.commit_tenants((ORDINARY, b"acme.yaml", file)), environment)
    told = [] if size == MIB else [("tenants/acme.yaml", "the file is larger than 1 MiB")]
    assert messages(found) == told
    assert ("tenants/acme.yaml" in found.digests) is (size == MIB)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_bomb_is_a_problem_of_its_file(text: str, repository: TenantRepository, environment: Environment) -> None:
    file = repository.store("blob", text.encode("utf-8", "surrogatepass"))
    other = repository.store("blob", repository.text("zebra").encode())
    found = head(
        repository,
        repository.commit_tenants((ORDINARY, b"acme.yaml", file), (ORDINARY, b"zebra.yaml", other)),
        environment,
    )
    assert {problem.file for problem in found.problems} == {"tenants/acme.yaml"}
    assert list(found.tenants) == ["zebra"]


def test_too_many_files_are_one_problem(
    repository: TenantRepository, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = repository.store("blob", b"#" * 1000)
    names = [f"tenant-{number:05d}.yaml".encode() for number in range(listing.FILES_LIMIT + 1)]
    commit = repository.commit_tenants(*((ORDINARY, name, file) for name in names))
    assert messages(head(repository, commit, environment)) == [("tenants", "the folder has more than 20000 files")]
    monkeypatch.setattr(listing, "FILES_LIMIT", 10)
    monkeypatch.setattr(listing, "TOTAL_LIMIT_BYTES", 6000)
    commit = repository.commit_tenants(*((ORDINARY, name, file) for name in names[:7]))
    said = messages(read_range(repository.root, f"{commit}..{commit}", environment).head)
    assert said == [("tenants", "the tenants' files have more than 0 MiB together")]


def test_millions_of_problems_are_not_gathered(repository: TenantRepository, environment: Environment) -> None:
    file = repository.store("blob", b"".join(b"key-%d: 1\n" % number for number in range(300)))
    names = [f"tenant-{number:05d}.yaml".encode() for number in range(5000)]
    commit = repository.commit_tenants(*((ORDINARY, name, file) for name in names))
    found = head(repository, commit, environment)
    assert 2000 < len(found.problems) < 2300
    assert ("tenants", "there are more problems than are listed") in messages(found)
    assert len(found.digests) == 5001


def test_thousands_of_shared_machines_are_not_gathered(repository: TenantRepository, environment: Environment) -> None:
    file = repository.store("blob", repository.text("acme").encode())
    names = [f"tenant-{number:05d}.yaml".encode() for number in range(2500)]
    commit = repository.commit_tenants(*((ORDINARY, name, file) for name in names))
    found = head(repository, commit, environment)
    assert len(found.problems) == 4001
    assert ("tenants", "there are more problems than are listed") in messages(found)


def test_long_names_are_one_problem(repository: TenantRepository, environment: Environment) -> None:
    file = repository.store("blob", b"x")
    names = [b"a" * MIB + b"%02d.yaml" % number for number in range(17)]
    commit = repository.commit_tenants(*((ORDINARY, name, file) for name in names))
    assert messages(head(repository, commit, environment)) == [("tenants", "the folder has more than 16 MiB of names")]


def test_two_names_shown_alike_and_a_shared_id_are_told(repository: TenantRepository, environment: Environment) -> None:
    text = repository.text("acme").encode()
    own_id = b"g%09d" % sum(b"acme")
    assert own_id in text
    shared, empty = repository.store("blob", text), repository.store("blob", b"")
    odd = repository.store("blob", text.replace(own_id, b'"g\\n\\e[2J"').replace(b".acme.", b".x."))
    commit = repository.commit_tenants(
        (ORDINARY, b"a\x01b.yaml", shared),
        (ORDINARY, b"a\x02b.yaml", empty),
        (ORDINARY, b"acme.yaml", shared),
        (ORDINARY, b"odd-1.yaml", odd),
        (ORDINARY, b"odd-2.yaml", odd),
        (ORDINARY, b"z\x01b.yaml", shared),
        (ORDINARY, b"z\x02b.yaml", empty),
    )
    found = head(repository, commit, environment)
    assert found.tenants == {}
    shared_with = [problem.file for problem in found.problems if "is the id of tenants/a b" in problem.message]
    assert shared_with == ["tenants/acme.yaml", "tenants/z b.yaml"]
    assert any('"g  [2J" is the id of tenants/odd-1.yaml too' in problem.message for problem in found.problems)


def trace_of(root: Path) -> dict[str, tuple[int, str]]:
    """Return every file below a folder with its time and content."""
    return {
        str(path.relative_to(root)): (path.lstat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def test_nothing_of_a_commit_is_run_or_written(
    repository: TenantRepository, environment: Environment, tmp_path: Path
) -> None:
    """Each of git's ways from a repository's content to a program is set to leave a trace."""
    trace = tmp_path / "trace"
    program = f'#!/bin/sh\necho "$0" >> {trace}\ncat\n'
    bait = f"touch {trace};"
    config = (
        f'[core]\n\trepositoryformatversion = 0\n\tfsmonitor = "{bait}"\n\thooksPath = hooks\n\tpager = "{bait}"\n'
        f'\tsshCommand = "{bait}"\n\teditor = "{bait}"\n\tattributesFile = .gitattributes\n'
        f'[filter "bait"]\n\tclean = "{bait} cat"\n\tsmudge = "{bait} cat"\n\tprocess = "{bait}"\n\trequired = true\n'
        f'[diff "bait"]\n\ttextconv = "{bait} cat"\n\tcommand = "{bait}"\n[diff]\n\texternal = "{bait}"\n'
        f'[merge "bait"]\n\tdriver = "{bait}"\n[credential]\n\thelper = "!{bait}"\n'
        "".join(f'[alias]\n\t{name} = "!{bait}"\n' for name in ("rev-parse", "ls-tree", "cat-file", "merge-base"))
        + "".join(f'[pager]\n\t{name} = "{bait}"\n' for name in ("rev-parse", "ls-tree", "cat-file"))
    )
    blob = {
        "attributes": repository.store(
            "blob", b"* filter=bait diff=bait merge=bait text eol=crlf ident working-tree-encoding=UTF-16\n"
        ),
        "config": repository.store("blob", config.encode()),
        "program": repository.store("blob", program.encode()),
        "modules": repository.store(
            "blob", f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% {trace}\n\tupdate = !{bait}\n'.encode()
        ),
        "acme": repository.store("blob", repository.text("acme", **{"200 GiB": "300 GiB"}).encode()),
    }
    hooks = repository.tree(
        *(("100755", name, blob["program"]) for name in (b"post-checkout", b"post-index-change", b"pre-commit"))
    )
    inside = repository.tree((ORDINARY, b"config", blob["config"]), (FOLDER, b"hooks", hooks))
    tenants = repository.tree((ORDINARY, b".gitattributes", blob["attributes"]), ("100755", b"acme.yaml", blob["acme"]))
    commit = repository.commit_tree(
        repository.tree(
            (FOLDER, b".GIT", inside),
            (FOLDER, b".git", inside),
            (ORDINARY, b".gitattributes", blob["attributes"]),
            (ORDINARY, b".gitconfig", blob["config"]),
            (ORDINARY, b".gitmodules", blob["modules"]),
            (FOLDER, b"coffre", repository.tree(("100755", b"__init__.py", blob["program"]))),
            (ORDINARY, b"config", blob["config"]),
            ("100755", b"conftest.py", blob["program"]),
            (FOLDER, b"hooks", hooks),
            (ORDINARY, b"platform.yaml", repository.git("rev-parse", "HEAD:platform.yaml")),
            (FOLDER, b"tenants", tenants),
            (SUBMODULE, b"x", "1" * 40),
        )
    )
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        hook = repository.root / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(program)
        hook.chmod(0o755)
    with (repository.root / ".git/config").open("a") as file:
        file.write(config)
    (repository.root / ".git/info").mkdir(exist_ok=True)
    (repository.root / ".git/info/attributes").write_text("* filter=bait diff=bait\n")
    before = trace_of(repository.root)
    found = read_range(repository.root, f"main...{commit}", environment)
    assert changed_slugs(found).slugs == ("acme", "zebra")
    assert (
        found.head.digests["tenants/acme.yaml"]
        == hashlib.sha256(repository.text("acme", **{"200 GiB": "300 GiB"}).encode()).hexdigest()
    )
    assert found.head.problems == ()
    assert not trace.exists()
    assert trace_of(repository.root) == before
    # The baits work: a checkout takes them.
    subprocess.run(
        ["git", "-C", repository.root, "status"], env=repository.environment, capture_output=True, check=False
    )
    assert trace.exists()


NAMES = st.binary(min_size=1, max_size=12).map(lambda name: name.replace(b"\0", b"0")) | st.sampled_from(
    [b"acme.yaml", b"zebra.yaml", b".x.yaml", b"Acme.yaml", b"a.md", b"..", b"."]
)
ENTRIES = st.lists(st.tuples(st.sampled_from([ORDINARY, LINK, SUBMODULE, FOLDER, "100755"]), NAMES), max_size=6)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=ENTRIES, is_sorted=st.booleans())
def test_any_folder_ends_in_tenants_and_problems(
    entries: list[tuple[str, bytes]], is_sorted: bool, repository: TenantRepository, environment: Environment
) -> None:
    """No name is passed over but a hidden one and a note."""
    file = repository.store("blob", repository.text("acme").encode())
    folder = repository.tree()
    if is_sorted:
        by_name = {name: mode for mode, name in entries}
        places = sorted(by_name, key=lambda name: name + b"/" * (by_name[name] == FOLDER))
        entries = [(by_name[name], name) for name in places]
    made = [(mode, name, folder if mode == FOLDER else file) for mode, name in entries]
    found = head(repository, repository.commit_tenants(*made), environment)
    expected = [name for _, name in entries if not name.startswith(b".") and not name.endswith(b".md")]
    assert len(found.tenants) + len(found.problems) >= min(len(expected), 1)
    if not found.problems:
        assert sorted(f"{slug}.yaml".encode() for slug in found.tenants) == sorted(expected)
    assert all(isinstance(problem, Problem) for problem in found.problems)


@pytest.mark.parametrize("mode", [LINK, SUBMODULE, ORDINARY])
def test_a_folder_of_tenants_that_is_none_is_a_problem(
    mode: str, repository: TenantRepository, environment: Environment
) -> None:
    """A link leads out of the repository, a submodule to another one: neither is followed, and nobody is gone."""
    platform = repository.git("rev-parse", "HEAD:platform.yaml")
    target = "1" * 40 if mode == SUBMODULE else repository.store("blob", b"/etc")
    commit = repository.commit_tree(repository.tree((ORDINARY, b"platform.yaml", platform), (mode, b"tenants", target)))
    found = head(repository, commit, environment)
    assert [problem.file for problem in found.problems] == ["tenants"]
    assert found.tenants == {}


@pytest.mark.parametrize("mode", [LINK, SUBMODULE, FOLDER])
def test_settings_that_are_no_file_are_a_problem(
    mode: str, repository: TenantRepository, environment: Environment
) -> None:
    target = {
        LINK: repository.store("blob", b"/etc/passwd"),
        SUBMODULE: "1" * 40,
        FOLDER: repository.git("rev-parse", "HEAD:tenants"),
    }[mode]
    tenants = repository.git("rev-parse", "HEAD:tenants")
    commit = repository.commit_tree(repository.tree((mode, b"platform.yaml", target), (FOLDER, b"tenants", tenants)))
    found = head(repository, commit, environment)
    assert found.settings is None
    assert "platform.yaml" in [problem.file for problem in found.problems]
    assert "root:" not in str(found.problems)
