"""The rotations of a tenant's keys: each step reads the bundle and the platform first, and may run twice.

Only the control bundle stores the state of a rotation (`coffre.secrets.rotations`), so the next `rotate` or `apply`
completes a run that was killed at any point: with the same new keys, and no old key added again.

Where the platform creates keys, a new one is saved after its creation: a kill between the two leaves a key that no
bundle has, and the next command deletes it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from coffre.agents.kinds import driver_of, find_layout, with_bucket, with_orders
from coffre.agents.repository import Part
from coffre.errors import RemoteError
from coffre.observation.reports import find_applied, list_reports
from coffre.orders.control import TenantOrders
from coffre.orders.publishing import publish_programs
from coffre.provisioning.engine.stack import TenantStack, declare
from coffre.provisioning.rotation.earlier import upgrade
from coffre.provisioning.rotation.rules import KeyUse, PendingReason, is_at_work, machines_to_move, waits_for
from coffre.provisioning.steps.agents import deploy
from coffre.provisioning.steps.keys import create_successor, uid_of
from coffre.provisioning.steps.secrets import declared_keys
from coffre.provisioning.terms.done import Escrowed, MachineOutcome
from coffre.records.facts.agents import KeyRotated
from coffre.secrets import rotations
from coffre.secrets.bundles import ControlBundle, S3Key, entries
from coffre.secrets.identifiers import SecretId, describe
from coffre.secrets.minting import public_key_of
from coffre.secrets.rotations import KeyKind, Subject
from coffre.spec import naming
from coffre.spec.parts import of_buckets
from coffre.spec.tenant import Machine
from coffre.tenant.estate.keys import access_key
from coffre.tenant.opening import OpenTenant

OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class KeyOutcome:
    """One key's rotation: done, or what it waits for. ``is_cut``: the old key is revoked, done or not.

    ``machine_messages`` are the errors of the machines that need the key, by machine. ``platform`` is that of the
    second copy, for the key of the copy's owner.
    """

    secret: SecretId
    machine: str | None
    is_done: bool
    is_cut: bool
    waits_for: PendingReason | None = None
    machine_messages: Mapping[str, str] = field(default_factory=dict)
    platform: str | None = None


class TenantRotation:
    """A tenant's rotations in progress: each step reads the bundle and the platform first, and may run twice."""

    def __init__(self, opened: OpenTenant, control: ControlBundle, on_progress: OnProgress) -> None:
        self._opened = opened
        self._on_progress = on_progress
        self._cut: set[Subject] = set()
        self._seen: set[str] = set()  # the ids of new keys that the platform has
        self.control = control

    def pending(self, subjects: Iterable[Subject]) -> list[Subject]:
        return [subject for subject in subjects if rotations.is_pending(self.control, subject)]

    def all_keys(self) -> list[Subject]:
        return rotations.list_subjects(self.control, self._machines())

    def resume(self) -> None:
        """Continue, after the update of the whole stack, the rotations that an earlier command left pending."""
        pending = self.pending(self.all_keys())
        if self._gives_keys:
            # The step before this one has looked.
            self._seen |= {rotations.get_key(self.control, s).access_key_id for s in pending if s != rotations.SIGNING}
        self.put_new_keys(pending)
        self.cut(pending, is_stack_done=True)

    def start(self, subjects: Sequence[Subject], *, now: bool) -> None:
        """Create the new keys and save them in escrow, or continue a rotation in progress."""
        self._save(rotations.start(self.control, subjects, now=now, new_key=self._new_key))
        for subject in self.pending(subjects):
            self._record_once(subject, "begun")

    def put_new_keys(self, subjects: Iterable[Subject]) -> None:
        """Add each new key to the platform beside the old one, and check that the owner's new key is accepted."""
        for subject in self.pending(subjects):
            if subject.kind is KeyKind.SIGNING:
                continue
            self._ensure_on_platform(subject)
            if subject == rotations.OWNER:
                self._probe_owner()

    def _ensure_on_platform(self, subject: Subject) -> None:
        storage, uid = self._opened.storage, uid_of(self._opened.tenant, subject)
        key = access_key(rotations.get_key(self.control, subject))
        if key.access_key_id in self._seen or key.access_key_id in storage.list_key_ids(uid):
            return
        if self._gives_keys:
            raise RemoteError(
                f"the platform no longer has the new key of {uid} ({key.access_key_id})",
                f"Run `coffre apply {self._opened.tenant.slug}`: it has another one created.",
            )
        self._on_progress(f"adding the new key of {uid} beside the old one")
        storage.add_key(uid, key)

    def cut(self, subjects: Iterable[Subject], *, is_stack_done: bool = False) -> None:
        """Delete every condemned key from the platform, and check that it is refused.

        With ``is_stack_done`` this command has updated the whole stack before. A new key that is condemned itself gets
        a successor, and is revoked as well.
        """
        while True:
            due = [s for s in self.pending(subjects) if rotations.is_condemned(self.control, s) and s not in self._cut]
            self._cut_keys([subject for subject in due if subject.kind is not KeyKind.SIGNING], is_stack_done)
            if rotations.SIGNING in due:
                self.sign_orders()
            for subject in due:
                self._record_once(subject, "cut")
            self._cut.update(due)
            again = self._replace_again(subjects)
            if not again:
                return
            self.put_new_keys(again)
            is_stack_done = False

    def sign_orders(self) -> None:
        """Sign every machine's orders with the current keys."""
        publish_programs(self._opened.tenant, self._opened.storage, self._on_progress)
        for name in with_orders(self._opened.tenant.active_machines()):
            TenantOrders.of(self._opened).sign(name)

    def move_agents(self, subjects: Iterable[Subject]) -> tuple[MachineOutcome, ...]:
        """Update machines: first orders signed with a key that they trust, then the new S3 key and public key."""
        tenant = self._opened.tenant
        names = machines_to_move(self.pending(subjects), self._machines())
        if not names:
            return ()
        publish_programs(self._opened.tenant, self._opened.storage, self._on_progress)
        orders = {
            name: TenantOrders.of(self._opened).sign(name) if driver_of(tenant.machines[name]).takes_orders else None
            for name in names
        }
        secrets = Escrowed(self.control, self._opened.secrets.data())
        return deploy(self._opened, secrets, orders, self._on_progress, only=names)

    def settle(self, subjects: Sequence[Subject], deployed: Sequence[MachineOutcome] = ()) -> list[KeyOutcome]:
        """End each rotation that waits for nothing: revoke the old key, then forget it."""
        pending = self.pending(subjects)
        machines = machines_to_move(pending, self._machines())
        key_uses = {name: self._read_key_use(name) for name in machines}
        waiting = {subject: waits_for(self.control, subject, key_uses) for subject in pending}
        ready = [subject for subject in pending if waiting[subject] is None]
        self._save(rotations.condemn(self.control, ready))
        self.cut(pending)
        for subject in ready:
            self._record_once(subject, "done")
        self._save(rotations.drop(self.control, ready), dropping=[subject.old_secret for subject in ready])
        messages = {each.machine: each.message for each in deployed if each.message and each.machine in machines}
        return [
            KeyOutcome(
                secret=subject.secret,
                machine=subject.machine,
                is_done=subject in ready,
                is_cut=subject in ready or rotations.is_condemned(self.control, subject),
                waits_for=waiting[subject],
                machine_messages=_about(subject, messages),
                platform=self._opened.tenant.copied_to,
            )
            for subject in pending
        ]

    def _replace_again(self, subjects: Iterable[Subject]) -> list[Subject]:
        """Replace new keys that are condemned; the keys that these replaced are revoked first, which makes room."""
        doomed = [s for s in subjects if rotations.is_to_be_replaced_again(self.control, s)]
        ready = [s for s in doomed if s in self._cut or rotations.find_old(self.control, s) is None]
        if not ready:
            return []
        # Two saves: after a kill between them, the bundle still names the key to replace.
        self._save(rotations.drop(self.control, ready), dropping=[subject.old_secret for subject in ready])
        self._save(rotations.begin(self.control, ready, self._new_key))
        self._cut.difference_update(ready)
        for subject in ready:
            self._record_once(subject, "begun")
        return ready

    def _cut_keys(self, due: Sequence[Subject], is_stack_done: bool) -> None:
        if not due:
            return
        opened = self._opened
        if not is_stack_done and not self._gives_keys:
            declaration = declare(opened.tenant, opened.checkout, opened.platform, declared_keys(opened, self.control))
            # Opened with the current bundle: the stack compares the platform's keys with those of the bundle.
            stack = TenantStack(opened.checkout, naming.stack_name(opened.tenant), self.control)
            stack.up(declaration, self._on_progress, only=[f"{uid_of(opened.tenant, subject)}-key" for subject in due])
        for subject in due:
            self._verify_cut(subject, uid_of(opened.tenant, subject))

    def _verify_cut(self, subject: Subject, uid: str) -> None:
        old = rotations.find_old(self.control, subject)
        assert isinstance(old, S3Key)  # noqa: S101 - a condemned key is kept until its refusal is checked
        storage = self._opened.storage
        if old.access_key_id in storage.list_key_ids(uid):
            # No stack knows a key that the platform created, or one from before its state was lost.
            storage.delete_key(uid, old.access_key_id)
        machine = subject.machine or next(iter(self._with_buckets()), None)
        is_there = old.access_key_id in storage.list_key_ids(uid)
        if is_there or (machine and storage.accepts_key(self._opened.buckets.name(machine), access_key(old))):
            raise RemoteError(
                f"the platform still accepts {describe(subject.old_secret)} ({old.access_key_id} of user {uid})",
                f"Coffre still has the old key: run `coffre rotate {self._opened.tenant.slug}` again. If the platform "
                "still accepts it then, restart the gateways, which may have it in their cache.",
            )
        on = f" on {copied_to}" if (copied_to := self._opened.tenant.copied_to) else ""
        self._on_progress(f"{describe(subject.old_secret)} is refused{on}")

    def _probe_owner(self) -> None:
        """Check that the owner's new key can list and read policies."""
        key = access_key(rotations.get_key(self.control, rotations.OWNER))
        for name in self._with_buckets():
            bucket = self._opened.storage.open_bucket(self._opened.buckets.name(name), key)
            bucket.list_objects(naming.CONTROL_PREFIX)
            bucket.is_gate_closed()

    def _read_key_use(self, machine: str) -> KeyUse:
        bucket = self._opened.buckets.open(machine)
        applied = find_applied(self._opened.buckets, self._opened.secrets, self._opened.memory, machine)
        report = next(
            iter(
                list_reports(
                    self._opened.buckets, self._opened.secrets, self._opened.memory, machine, until=lambda _: True
                )
            ),
            None,
        )
        # A machine without access does nothing there, and could not remove its lock.
        shut_out = bucket.is_suspended() or bucket.is_stopped()
        layout = find_layout(self._opened.machine(machine))
        locked_at = None if shut_out or layout is None else bucket.find_newest_at(layout.prefix_of(Part.LOCKS))
        return KeyUse(
            access_key_ids=frozenset(each.access_key_id for each in (applied, report) if each is not None),
            signing_public_key=applied.signing_public_key if applied is not None else None,
            is_at_work=is_at_work(locked_at, bucket.probe_server_time()),
        )

    def _with_buckets(self) -> Iterable[str]:
        """Return the machines whose buckets the owner's key must open, retired ones too."""
        return self._opened.buckets.existing().among(with_bucket(of_buckets(self._opened.tenant).machines))

    def _machines(self) -> dict[str, Machine]:
        """Return the machines in service that have a bucket, and therefore a user and a key."""
        return with_bucket(self._opened.tenant.active_machines())

    @property
    def _gives_keys(self) -> bool:
        return self._opened.capabilities.gives_keys

    def _new_key(self, subject: Subject) -> S3Key:
        if not self._gives_keys:
            return rotations.mint_key(subject)
        opened = self._opened
        uid = uid_of(opened.tenant, subject)
        key = create_successor(opened.storage, self.control, uid, subject, self._on_progress)
        self._seen.add(key.access_key_id)
        return key

    def _save(self, control: ControlBundle, dropping: Sequence[SecretId] = ()) -> None:
        if control != self.control:
            self._opened.secrets.save_control(control, dropping=dropping)
            self.control = control

    def _record_once(self, subject: Subject, stage: str) -> None:
        """Record a stage of a rotation, unless a killed run has already recorded it."""
        old = rotations.find_old(self.control, subject)
        fact = KeyRotated(
            which=subject.secret.kind.value,
            stage=stage,
            access_key_id=_id_of(entries(self.control)[subject.secret]),
            replaced_key_id=None if old is None else _id_of(old),
        )
        log = self._opened.log
        if not any(upgrade(each.fact) == fact for each in log.list(KeyRotated, subject.machine)):
            log.append(fact, subject.machine)


def _about(subject: Subject, messages: Mapping[str, str]) -> dict[str, str]:
    """Return the messages about a key's machine, or about all machines when they share the key."""
    if subject == rotations.SIGNING:
        return dict(messages)
    return {name: message for name, message in messages.items() if name == subject.machine}


def _id_of(key: object) -> str:
    """Name a key without its secret: an S3 key's id, or the public half of a signing key."""
    return key.access_key_id if isinstance(key, S3Key) else public_key_of(key)  # type: ignore[arg-type]
