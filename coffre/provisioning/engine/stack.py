"""A tenant's stack: its program, the backend of its state, and the engine that runs it."""

import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from coffre.outside.environment import temporary_folder
from coffre.provisioning.changes import ResourceChange, refuse_other_changes
from coffre.provisioning.engine.settlement import Settlement, StackSurvey
from coffre.provisioning.engine.state import StateFolder
from coffre.provisioning.engine.states import BucketStates, StackStates
from coffre.secrets import minting
from coffre.secrets.bundles import ControlBundle
from coffre.spec import naming
from coffre.spec.loader import Checkout
from coffre.spec.storage_platform import Platform
from coffre.spec.tenant import Tenant
from coffre.storage.kinds import driver_of
from coffre.storage.platform import Declaration, Survey, TenantKeys
from coffre.storage.stores import open_store
from coffre.workspace.moved import refuse_moved
from coffre.workspace.paths import PULUMI_FOLDER, stack_folder

if TYPE_CHECKING:
    from coffre.provisioning.engine.engine import StackEngine

OnProgress = Callable[[str], None]


def declare(tenant: Tenant, checkout: Checkout, platform: Platform, keys: TenantKeys) -> Declaration:
    """Return the declaration of a tenant's storage with these keys."""
    return driver_of(platform).declare(tenant, platform, checkout.root, keys)


def state_folder(checkout: Checkout) -> StackStates:
    """Return where `state:` of platform.yaml keeps the stacks: `file:PATH` under the root, or s3://BUCKET/PREFIX."""
    reference, root = checkout.settings.state, checkout.root
    if reference.startswith("file:"):
        folder = root / reference.removeprefix("file:")
        refuse_moved(folder, "Pulumi's state")
        return StateFolder(f"file://{folder}", root)
    return BucketStates(open_store(reference, checkout.settings, root), root / PULUMI_FOLDER)


class TenantStack:
    """One stack of a tenant, its own or its copy's: read first, and updated by Pulumi only when something is to do.

    With ``scratch``, state and work folder are only in there: for the preview of a tenant that has no stack.
    """

    def __init__(
        self, checkout: Checkout, name: str, control: ControlBundle | None, scratch: Path | None = None
    ) -> None:
        self._states: StackStates
        if scratch is None:
            assert control is not None  # noqa: S101 - a real stack is opened only with its passphrase
            self._states, self._work_dir = state_folder(checkout), stack_folder(checkout.root, name)
            self._passphrase = control.stack_passphrase
        else:
            self._states, self._work_dir = StateFolder(f"file://{scratch / 'state'}"), scratch / "work"
            self._passphrase = minting.new_passphrase()
        self._name = name
        self._settlement = Settlement(
            stack=name,
            states=self._states,
            secret_of=lambda access_key_id: _find_secret(control, access_key_id),
            note=self._work_dir / "settled",
        )

    def survey(self, declaration: Declaration, survey: Survey) -> StackSurvey:
        """Return what the platform has of the tenant; asks neither Pulumi nor a lock."""
        return self._settlement.survey(declaration, survey)

    def preview(self, declaration: Declaration, *, takes_unequal: bool = False) -> list[ResourceChange]:
        """Return what `up` would change; changes neither platform nor state."""
        look = self._settlement.look(declaration)
        if look.is_settled:
            return []
        with self._states.reading(self._name) as state:
            return self._engine(declaration, state).preview(refresh=look.has_drift, takes_unequal=takes_unequal)

    def up(
        self,
        declaration: Declaration,
        on_progress: OnProgress,
        *,
        only: Collection[str] | None = None,
        takes_unequal: bool = False,
    ) -> list[ResourceChange]:
        """Change the platform as declared; returns the changes made. May run twice, also after a kill.

        With ``only`` just the resources of these names are changed. A resource that exists but is missing in the state
        is adopted when it is equal, with ``takes_unequal`` also when it differs.
        """
        look = self._settlement.look(declaration)
        if look.is_settled:
            return []
        with self._states.opened(self._name) as state:
            changes = self._engine(declaration, state).up(
                on_progress,
                refresh=look.has_drift,
                clear_pending=look.has_pending_operations,
                targets=None if only is None else state.find_urns(self._name, only),
                takes_unequal=takes_unequal,
            )
        if only is None:
            self._settlement.write(declaration)
        return changes

    def up_exactly(
        self,
        declaration: Declaration,
        planned: Sequence[ResourceChange],
        on_progress: OnProgress,
        *,
        takes_unequal: bool = False,
    ) -> list[ResourceChange]:
        """Change the platform as declared if this is what was planned, else RefusedError and no change.

        Pulumi is bound to its own plan of the same moment: no change in between is included.
        """
        look = self._settlement.look(declaration)
        if look.is_settled and not planned:
            return []
        with (
            self._states.opened(self._name) as state,
            tempfile.TemporaryDirectory(prefix="coffre-plan-", dir=temporary_folder()) as folder,
        ):
            engine = self._engine(declaration, state)
            engine.free_stale_lock(on_progress)
            plan_file = Path(folder) / "plan.json"
            found = engine.preview(refresh=look.has_drift, takes_unequal=takes_unequal, plan_file=plan_file)
            refuse_other_changes(naming.slug_of_stack(self._name), planned, found)
            changes = engine.up(
                on_progress,
                refresh=look.has_drift,
                clear_pending=look.has_pending_operations,
                takes_unequal=takes_unequal,
                plan_file=plan_file,
            )
        self._settlement.write(declaration)
        return changes

    def _engine(self, declaration: Declaration, state: StateFolder) -> "StackEngine":
        from coffre.provisioning.engine.engine import StackEngine

        return StackEngine(
            self._name,
            state=state,
            work_dir=self._work_dir,
            passphrase=self._passphrase.get_secret_value(),
            declared=declaration,
        )


def _find_secret(control: ControlBundle | None, access_key_id: str) -> str | None:
    if control is None:
        return None
    keys = [
        control.owner_key,
        control.old_owner_key,
        *control.machine_keys.values(),
        *control.old_machine_keys.values(),
    ]
    for key in keys:
        if key is not None and key.access_key_id == access_key_id:
            return key.secret_access_key.get_secret_value()
    return None
