"""The fleet: what commands take when a repository has thousands of tenants and a change is about three of them."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tests.bench.measure import Child, Row, median_of

REVIEWED_TENANTS = 10_000
CHANGED = 3
RUNS = 3

Say = Callable[[str], None]


class Desk(Protocol):
    """The repository of the bench, and the installed command run in it."""

    root: Path
    environment: Mapping[str, str]

    def coffre(self, *arguments: str) -> Child: ...
    def add(self, slug: str, machines: int | Sequence[str]) -> None: ...
    def set_quota(self, slug: str, gib: int) -> None: ...
    def copy_example(self) -> None: ...


def measure_review(desk: Desk, say: Say) -> list[Row]:
    """Measure check and review over many tenants, by the work of their processes."""
    say(f"a review over {REVIEWED_TENANTS} tenants")
    slugs = [f"client-{number:05d}" for number in range(REVIEWED_TENANTS)]
    for slug in slugs:
        desk.add(slug, 2)
    _git(desk, "init", "--quiet", "--initial-branch=main")
    _commit(desk, "the tenants")
    for slug in slugs[:CHANGED]:
        desk.set_quota(slug, 300)
    # A review refuses these changes, since they name no order: the example's change names one.
    for slug in slugs[:CHANGED]:
        path = desk.root / "tenants" / f"{slug}.yaml"
        order = "  amendments: [{reference: AV-2027-01, signed_on: 2027-02-01}]\n\ncontact:"
        path.write_text(path.read_text("utf-8").replace("\ncontact:", order, 1), encoding="utf-8")
    _commit(desk, "three quotas")
    check = median_of(lambda _: desk.coffre("check").cpu_seconds, RUNS)
    review = median_of(lambda _: desk.coffre("review", "--offline", "HEAD~1..HEAD").cpu_seconds, RUNS)
    _clear(desk, slugs)
    return [
        Row(f"check, {REVIEWED_TENANTS} tenants, work of its processes", check, limit=10.0),
        Row(f"review, {CHANGED} of {REVIEWED_TENANTS} tenants changed, work", review, limit=10.0),
    ]


def _clear(desk: Desk, slugs: Sequence[str]) -> None:
    for slug in slugs:
        (desk.root / "tenants" / f"{slug}.yaml").unlink()


def _commit(desk: Desk, message: str) -> None:
    _git(desk, "add", "platform.yaml", "tenants")
    _git(desk, "-c", "user.name=bench", "-c", "user.email=bench@smileo.example", "commit", "--quiet", "-m", message)


def _git(desk: Desk, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(desk.root), *arguments], check=True, env=dict(desk.environment))
