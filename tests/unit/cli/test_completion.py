"""Tab in real shells: commands, tenants and machines, quickly, and no name that means something to a shell."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
COFFRE = Path(sys.executable).with_name("coffre")
HOSTILE = ("$(touch${IFS}pwned)", "`touch pwned`", "a;touch pwned", "--verbose", "a b", "A-B", "*", "é")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copy(REPOSITORY / "platform.yaml", tmp_path)
    shutil.copytree(REPOSITORY / "tenants", tmp_path / "tenants")
    for name in HOSTILE:
        (tmp_path / "tenants" / f"{name}.yaml").write_text("")
    listed = "\n".join(f"  {name!r}: {{}}" for name in HOSTILE)
    (tmp_path / "tenants" / "hostile.yaml").write_text(f"machines:\n  poste-1: {{}}\n{listed}\n", encoding="utf-8")
    return tmp_path


def run(root: Path, command: list[str], **more: str) -> str:
    environment = {"PATH": f"{COFFRE.parent}:/usr/bin:/bin", "HOME": str(root), "LANG": "C.UTF-8", **more}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert not (root / "pwned").exists()
    return done.stdout


@cache
def script(shell: str) -> str:
    return run(REPOSITORY, [str(COFFRE)], _COFFRE_COMPLETE=f"source_{shell}")


def ask_bash(root: Path, *words: str) -> list[str]:
    """Return what bash would offer for the last word."""
    quoted = " ".join(f"'{word}'" for word in words)
    line = f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _coffre_completion coffre"
    line += "; printf '%s\\n' \"${COMPREPLY[@]}\""
    return run(root, ["bash", "--norc", "-c", f"{script('bash')}\n{line}"]).split()


def test_bash_completes_commands_tenants_and_machines(root: Path) -> None:
    assert ask_bash(root, "coffre", "pla") == ["plan", "platform"]
    assert ask_bash(root, "coffre", "plan", "") == ["atelier-durand", "boulangerie-martin", "hostile"]
    assert ask_bash(root, "coffre", "plan", "atelier-durand", "boul") == ["boulangerie-martin"]
    assert ask_bash(root, "coffre", "backup", "boulangerie-martin", "--machine", "c") == ["caisse-01", "compta-01"]
    assert ask_bash(root, "coffre", "trust", "boulangerie-martin", "comp") == ["compta-01"]


def test_no_hostile_name_reaches_a_shell(root: Path) -> None:
    assert ask_bash(root, "coffre", "backup", "hostile", "--machine", "") == ["poste-1"]


@pytest.mark.parametrize("tenant", ["../platform", "missing", "$(touch${IFS}pwned)", "hostile"])
def test_any_tenant_on_the_line_may_be_asked_for(root: Path, tenant: str) -> None:
    expected = ["poste-1"] if tenant == "hostile" else []
    assert ask_bash(root, "coffre", "backup", tenant, "--machine", "p") == expected


def test_an_invalid_or_strange_file_completes_nothing(root: Path) -> None:
    for text in ("machines: [a, b]", "machines: {a: &x [*x, *x]}", "\x00", "", "[]"):
        (root / "tenants" / "hostile.yaml").write_text(text)
        assert ask_bash(root, "coffre", "backup", "hostile", "--machine", "") == []
    (root / "tenants" / "hostile.yaml").unlink()
    (root / "tenants" / "hostile.yaml").symlink_to(root / "tenants" / "atelier-durand.yaml")
    assert ask_bash(root, "coffre", "backup", "hostile", "--machine", "") == []


def test_it_completes_from_the_named_root_and_nothing_outside_of_one(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert ask_bash(elsewhere, "coffre", "--root", str(root), "plan", "ate") == ["atelier-durand"]
    assert ask_bash(elsewhere, "coffre", "plan", "ate") == []


def test_zsh_completes_too(root: Path) -> None:
    """Zsh's completion needs a terminal; what its function evaluates is asked for and evaluated here by zsh itself."""
    answered = run(root, [str(COFFRE)], _COFFRE_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="coffre plan boul")
    assert answered == "_arguments '*: :((\"boulangerie-martin\"))'\n"
    fake = '_arguments() { print -r -- "$@" }; compdef() { : }'
    asked = f"{fake}\n{script('zsh')}\nwords=(coffre plan '') CURRENT=3; _coffre_completion"
    offered = run(root, ["zsh", "-f", "-c", asked])
    assert offered == '*: :(("atelier-durand" "boulangerie-martin" "hostile"))\n'


def test_fish_completes_too(root: Path) -> None:
    asked = f"{script('fish')}\ncomplete --do-complete 'coffre backup boulangerie-martin --machine '"
    assert run(root, ["fish", "--no-config", "-c", asked]).split() == ["caisse-01", "compta-01"]


def test_it_is_as_quick_as_the_version_also_beside_ten_thousand_tenants(root: Path) -> None:
    """In CPU time, since other tests run beside; on a computer that does nothing else it is below 0.3 s."""
    for number in range(10_000):
        (root / "tenants" / f"customer-{number:05}.yaml").touch()
    words = {"COMP_WORDS": "coffre\nplan\ncustomer-0999", "COMP_CWORD": "2"}
    completing = measure(lambda: run(root, [str(COFFRE)], _COFFRE_COMPLETE="complete_bash", **words))
    assert completing < 1.5 * measure(lambda: run(root, [str(COFFRE), "--version"]))


def measure(do: Callable[[], object]) -> float:
    """Return the CPU seconds that the programs of a call take, the least of three."""
    found = []
    for _ in range(3):
        before = os.times()
        do()
        after = os.times()
        found.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return min(found)
