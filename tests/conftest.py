"""The three tiers of tests, by directory, and the lab that the upper two run against."""

import gc
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from coffre_lab.ceph.releases import DEFAULT_RELEASE, NotOfferedError
from coffre_lab.lab import Lab
from coffre_lab.state import hold_lock

# A shell that runs the tests in the background has them ignore Ctrl-C, and so would every command that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]
TIERS = ("unit", "integration", "e2e")

LONGEST_FIRST = (
    "e2e/service/test_tenant_life.py",
    "e2e/recovery/test_faults.py",
    "e2e/cluster/test_losses.py",
    "e2e/githost/test_pull_requests.py",
    "e2e/aws/test_tenant_on_aws.py",
    "e2e/aws/test_second_copy.py",
    "e2e/test_other_kinds.py",
    "e2e/service/test_restores.py",
    "e2e/service/test_supervision.py",
    "e2e/service/test_supervised_fleet.py",
    "e2e/test_upgrade.py",
    "e2e/service/test_states.py",
    "e2e/service/test_rotation.py",
    "integration/storage/aws/test_stack.py",
    "integration/offboarding/test_erasing_faults.py",
    "e2e/recovery/test_killed.py",
    "e2e/offboarding/test_offboarding.py",
    "e2e/offboarding/test_offboarding_faults.py",
    "integration/offboarding/test_erasing.py",
    "e2e/recovery/test_replace_machine.py",
    "e2e/recovery/test_platform_lost.py",
    "e2e/service/test_sites.py",
    "e2e/recovery/test_rollback.py",
    "e2e/recovery/test_team.py",
    "e2e/service/test_plans_and_state.py",
    "integration/test_lab_releases.py",
    "integration/storage/ceph/provider/test_provider_stack.py",
    "integration/agents/test_sites.py",
    "integration/test_lab_crash.py",
    "integration/test_lab.py",
    "integration/agents/test_refusals.py",
    "integration/agents/test_life.py",
    "integration/offboarding/test_end_of_a_tenant.py",
    "e2e/offboarding/test_offboarding_machine.py",
    "integration/agents/test_by_itself.py",
    "e2e/service/test_reviewed_change.py",
    "e2e/service/test_trust.py",
    "integration/test_hold_expiry.py",
    "integration/supervision/test_telling.py",
)
"""The modules of two minutes and more: begun first, none of them is left to run on alone when the others are done.

The other ones with tenants' lives follow, which take about a minute each.
"""

ON_EVERY_RELEASE = (
    "integration/storage/ceph/",
    "integration/storage/test_",
    "integration/offboarding/",
    "integration/test_lab",
    "e2e/recovery/test_killed.py",
    "e2e/offboarding/",
)
"""What rests on what a release of Ceph does: storage, kills, isolation, erasure, the end of a contract."""

SHORT_LIST = tuple(
    f"integration/storage/ceph/{name}.py"
    for name in ("api/test_admin", "api/test_differences", "provider/test_resources", "test_isolation", "test_states")
)
"""What of it runs on every release with each run of the tests."""

LAB_HOSTS = ("compta-01.martin.example", "caisse-01.martin.example", "atelier-01.durand.example")
"""The machines of the example tenants."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with its tier and begin with the longest; a plain ``pytest`` runs the unit tier alone."""
    for item in items:
        tier = item.path.relative_to(ROOT / "tests").parts[0]
        if tier in TIERS:
            item.add_marker(getattr(pytest.mark, tier))
        if str(item.path.relative_to(ROOT / "tests")).startswith(ON_EVERY_RELEASE):
            item.add_marker(pytest.mark.every_release)
        if str(item.path.relative_to(ROOT / "tests")).startswith(SHORT_LIST):
            item.add_marker(pytest.mark.short_list)
        if "cluster" in item.path.parts:
            item.add_marker(pytest.mark.cluster)
    is_plain = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not config.option.markexpr
    if is_plain:
        others = [item for item in items if item.get_closest_marker("unit") is None]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item.get_closest_marker("unit") is not None]
    items.sort(key=_rank)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave alone what collecting brought into memory: no collection of garbage has to look through it."""
    gc.collect()
    gc.freeze()


def _rank(item: pytest.Item) -> int:
    name = str(item.path.relative_to(ROOT / "tests"))
    if name in LONGEST_FIRST:
        return LONGEST_FIRST.index(name)
    return len(LONGEST_FIRST) + (not name.startswith("e2e/"))


@contextmanager
def open_lab(what: str, hosts: Sequence[str], *, nodes: int = 1) -> Iterator[Lab]:
    """Make a lab of the tests' own and erase it afterwards.

    ``COFFRE_TEST_LAB`` names another directory, so that two sessions can run side by side; each worker of one session
    has its own beside it, and so have the sessions on other releases. With ``COFFRE_KEEP_LAB=1`` the lab is taken as it
    is found and left as it is: quicker while writing a test.
    """
    directory = Path(os.environ.get("COFFRE_TEST_LAB", ROOT / ".coffre" / "test-lab")).resolve()
    release = int(os.environ.get("COFFRE_TEST_RELEASE", DEFAULT_RELEASE))
    other = f"ceph{release}" if release != DEFAULT_RELEASE else ""
    parts = (directory.name, other, what, os.environ.get("PYTEST_XDIST_WORKER"))
    directory = directory.with_name("-".join(part for part in parts if part))
    is_kept = os.environ.get("COFFRE_KEEP_LAB") == "1"
    found = Lab(directory, release=release, nodes=nodes)
    with hold_lock(directory.with_name(f"{directory.name}.lock"), f"the test lab {directory}", wait_seconds=5):
        if not is_kept:
            found.down(erase=True)
        try:
            found.up(hosts)
            yield found
        except NotOfferedError as moved:
            if release == DEFAULT_RELEASE:
                raise
            pytest.skip(f"{moved.message}: this release cannot be had any more")
        finally:
            if not is_kept:
                found.down(erase=True)
                directory.rmdir()


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The session's lab, of one node; without machines when all tests of the session are of storage."""
    places = {item.path.relative_to(ROOT / "tests").parts[:2] for item in request.session.items}
    with open_lab("", LAB_HOSTS if places - {("integration", "storage")} else ()) as found:
        yield found
