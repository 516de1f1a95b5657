"""The second copy of a tenant's backups: each machine's repository, copied to the platform that its file names.

A copy needs no password. Runs of one tenant exclude each other by a lock of their own, so that a run of hours keeps no
other command waiting; whatever erases the copy takes that lock too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from coffre.agents.kinds import layout_of, with_repository
from coffre.errors import RefusedError
from coffre.operations.copying.objects import (
    NoRepositoryError,
    OtherRepositoryError,
    RepositoryCopy,
    copy_repository,
    describe_copy,
)
from coffre.operations.copying.pace import Pace
from coffre.spec import naming
from coffre.tenant.access import refuse_while_blocked
from coffre.tenant.locking import copy_locked
from coffre.tenant.opening import OpenTenant
from coffre.tenant.presence import find_unapplied, refuse_unapplied
from coffre.tenant.second_copy import get_copied

OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class MachineCopy:
    """The result of one run for a machine: what the platform of the copy has got of its repository."""

    machine: str
    platform: str
    done: RepositoryCopy

    @property
    def is_sound(self) -> bool:
        return self.done.is_complete and not self.done.fault_count


@contextmanager
def copying(opened: OpenTenant) -> Iterator[OpenTenant]:
    """Keep every other run and the erasure of a tenant's copy away during the block; give the copy. BusyError."""
    copied = get_copied(opened)
    with copy_locked(opened.checkout, opened.tenant.slug, naming.stack_name(copied.tenant), "copy"):
        yield copied


@contextmanager
def without_copying(opened: OpenTenant) -> Iterator[None]:
    """Keep runs of a tenant's copy away during the block, for what erases the copy; nothing without a copy."""
    if opened.second_copy is None:
        yield
        return
    with copying(opened):
        yield


def list_machines_to_copy(
    opened: OpenTenant, copied: OpenTenant, only: str | None = None
) -> tuple[list[str], list[RefusedError]]:
    """Return the machines with a repository on the tenant's platform, retired ones too; or ``only`` one by its name.

    Those for which the platform of the copy has no storage yet are refusals instead. UsageError for an unknown name;
    RefusedError when there is storage for none of them.
    """
    if only is not None:
        opened.machine(only)
        names = [only]
    else:
        names = opened.buckets.existing().among(with_repository(opened.of_buckets.tenant.machines))
    refused = find_unapplied(copied.tenant, copied.buckets, copied.log, names)
    return [name for name in names if name not in refused], list(refused.values())


def copy_machine(opened: OpenTenant, copied: OpenTenant, machine: str, on_progress: OnProgress) -> MachineCopy:
    """Copy what the copy lacks of a machine's repository; each run is recorded. May be killed and run again.

    The caller is `copying`.
    """
    refuse_while_blocked(opened.tenant)
    slug, platform = opened.tenant.slug, copied.tenant.storage.platform
    try:
        return _copy(opened, machine, opened, copied, on_progress)
    except NoRepositoryError as problem:
        raise NoRepositoryError(
            f"{slug}/{machine}: {problem.message}",
            f"If it is lost, bring it back: `coffre copy {slug} --machine {machine} --back`.",
        ) from problem
    except OtherRepositoryError as problem:
        raise OtherRepositoryError(
            f"{slug}/{machine}: its second copy on {platform} is of an earlier repository; nothing was copied",
            f"The copy may be all that is left of it: `coffre restore {slug} --machine {machine} --from-copy --to DIR` "
            "reads it. Find out who began the new repository.",
        ) from problem


def bring_back(opened: OpenTenant, copied: OpenTenant, machine: str, on_progress: OnProgress) -> MachineCopy:
    """Copy a machine's repository from its copy back to the tenant's platform, where it is lost. May run twice.

    RefusedError when the machine's bucket has another repository. The caller has the tenant's lock, and is `copying`.
    """
    refuse_while_blocked(opened.tenant)
    refuse_unapplied(opened.tenant, opened.buckets, opened.log, [machine])
    return _copy(opened, machine, copied, opened, on_progress)


def _copy(
    opened: OpenTenant, machine: str, source: OpenTenant, target: OpenTenant, on_progress: OnProgress
) -> MachineCopy:
    platform, wanted = target.tenant.storage.platform, opened.tenant.storage.second_copy

    def note(done: RepositoryCopy) -> None:
        opened.log.append(describe_copy(done, platform), machine)

    done = copy_repository(
        source.buckets.open(machine),
        target.buckets.open(machine),
        layout_of(machine, opened.of_buckets.machine(machine)),
        Pace(None if wanted is None else wanted.bandwidth_bytes),
        on_progress=on_progress,
        note=note,
    )
    note(done)
    return MachineCopy(machine, platform, done)
