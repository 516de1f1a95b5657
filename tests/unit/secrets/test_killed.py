"""SIGKILL before every single file operation of a save and of `init`: what is left always heals by running again."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coffre.secrets import age, minting, rotations
from coffre.secrets.bundles import ControlBundle, DataBundle, from_document
from coffre.secrets.holders.keys import read_identities
from coffre.secrets.identifiers import SecretId
from coffre.secrets.sealed import SealedPassword
from coffre.secrets.store import SecretStore

if TYPE_CHECKING:
    from conftest import Vault

TENANT_ID = "k7f3q9wz2m"
SLUG = "boulangerie-martin"
MOST_STEPS = 80


def runs_through(work: Callable[[], object], steps: int) -> bool:
    """Run ``work`` in a child that kills itself instead of its file operation ``steps``; True when it ended before."""
    child = os.fork()
    if child == 0:
        _kill_at(steps)
        try:
            work()
        except BaseException:  # noqa: BLE001 - the child must never return into pytest
            os._exit(2)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0
    return True


def _kill_at(steps: int) -> None:
    left = [steps]

    def counted(operation: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **named: object) -> object:
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return operation(*arguments, **named)

        return step

    for holder, name in ((os, "open"), (os, "fdopen"), (os, "fsync"), (Path, "replace"), (Path, "mkdir")):
        setattr(holder, name, counted(getattr(holder, name)))


def opened(path: Path, vault: "Vault") -> DataBundle | None:
    if not path.exists():
        return None
    identities = read_identities(vault.identity, vault.root)
    return from_document(age.unseal(path.read_bytes(), identities, path.name), DataBundle, TENANT_ID, path.name)


@pytest.mark.parametrize("is_first", [True, False])
def test_save_killed_anywhere_loses_nothing_and_heals(vault: "Vault", data: DataBundle, is_first: bool) -> None:
    larger = data.model_copy(
        update={
            "repository_passwords": data.repository_passwords | {"server-01": SealedPassword(minting.new_password())}
        }
    )
    if not is_first:
        vault.store().save_data(SLUG, data)
    known_before = {} if is_first else data.repository_passwords
    kept = vault.base.with_name(f"{vault.base.name}-kept")
    shutil.copytree(vault.base, kept)
    states = set()
    for steps in range(MOST_STEPS):
        shutil.rmtree(vault.base)
        shutil.copytree(kept, vault.base)
        ended = runs_through(lambda: vault.store().save_data(SLUG, larger), steps)
        primary, escrow = (opened(path, vault) for path in vault.copies())
        states.add((primary == larger, escrow == larger))
        # What stands in the first place, and may be used from there, always stands in escrow too.
        held = primary.repository_passwords if primary else {}
        assert held.items() <= (escrow.repository_passwords if escrow else {}).items()
        found = vault.store().find_data(SLUG, TENANT_ID)
        assert known_before.items() <= (found.repository_passwords if found else {}).items()
        assert found == (escrow if escrow else None)
        # The next run: as provisioning does it, it keeps what it finds and mints only what is missing.
        following = found if found == larger else larger
        vault.store().save_data(SLUG, following)
        assert [opened(path, vault) for path in vault.copies()] == [larger, larger]
        assert not list(vault.base.rglob("*.tmp"))
        if ended:
            break
    assert ended
    assert states == {(False, False), (False, True), (True, True)}


def test_a_rotation_s_saves_killed_anywhere_are_gone_on_with(vault: "Vault", control: ControlBundle) -> None:
    """Begun, decided, ended: whichever save is killed, the next run finds the same new key and ends the rotation."""
    subjects = [rotations.machine_key("compta-01"), rotations.OWNER]
    begun = rotations.begin(control, subjects)
    decided = rotations.condemn(begun, subjects)
    ended_bundle = rotations.drop(decided, subjects)
    gone = [subject.old_secret for subject in subjects]
    none: list[SecretId] = []
    saves = [(control, begun, none), (begun, decided, none), (decided, ended_bundle, gone)]
    for before, following, dropping in saves:
        for steps in range(MOST_STEPS):
            shutil.rmtree(vault.base)
            vault.root.mkdir(parents=True)
            vault.init()
            vault.store().save_control(SLUG, before)

            def save(following: ControlBundle = following, dropping: list[SecretId] = dropping) -> None:
                vault.store().save_control(SLUG, following, dropping=dropping)

            ended = runs_through(save, steps)
            found = vault.store().get_control(SLUG, TENANT_ID)
            assert found in (before, following)
            save()
            assert vault.store().get_control(SLUG, TENANT_ID) == following
            if ended:
                break
        assert ended


def test_init_killed_anywhere_ends_with_one_identity_and_two_recipients(bare_vault: "Vault") -> None:
    for steps in range(MOST_STEPS):
        shutil.rmtree(bare_vault.base)
        bare_vault.root.mkdir(parents=True)
        ended = runs_through(bare_vault.init, steps)
        first = bare_vault.identity.read_text() if bare_vault.identity.exists() else None
        result = bare_vault.init()
        assert first in (None, bare_vault.identity.read_text())
        own = {age.public_half(each) for each in read_identities(bare_vault.identity, bare_vault.root)}
        assert result.recovery_identity is not None
        recovery = {age.public_half(each) for each in read_identities(result.recovery_identity, bare_vault.root)}
        assert set(result.recipients) == own | recovery
        assert len(result.recipients) == 2
        assert bare_vault.init().created == ()
        if ended:
            break
    assert ended


def test_kill_between_escrow_and_first_place_is_healed_by_the_next_run(vault: "Vault", data: DataBundle) -> None:
    """The one state that a kill can leave between the two copies, made by a kill and not by hand."""
    replace = Path.replace

    def work() -> None:
        def replace_then_die(path: Path, target: Path) -> None:
            replace(path, target)
            os.kill(os.getpid(), signal.SIGKILL)

        Path.replace = replace_then_die  # type: ignore[assignment, method-assign]
        vault.store().save_data(SLUG, data)

    assert not runs_through(work, MOST_STEPS)
    primary, escrow = vault.copies()
    assert escrow.exists()
    assert not primary.exists()
    store: SecretStore = vault.store()
    assert store.find_data(SLUG, TENANT_ID) == data
    assert store.save_data(SLUG, data) is True
    assert primary.read_bytes() == escrow.read_bytes()
