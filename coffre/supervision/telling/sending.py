"""Sends what waits in the outbox, after a pass and between passes; what is not taken is tried again later.

An attempt is noted before it, its result after it. A kill in between sends a message again; a mail has the same
Message-ID then. One process does this at a time: the one that holds the lock of supervision.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from coffre.correspondence import channels, dead_man
from coffre.correspondence.channels import Note
from coffre.errors import ExpectedError
from coffre.findings import Finding
from coffre.outside.text import one_line
from coffre.records.actor import read_author
from coffre.records.database.store import Records
from coffre.records.database.supervision import Noted
from coffre.records.kept_findings import NO_TENANT, KeptFinding
from coffre.records.messages import ERROR_LENGTH, Audience, Message, MessageKind, Outcome, Told
from coffre.secrets.store import OnNotice
from coffre.spec.loader import Checkout
from coffre.spec.values.references import read_reference
from coffre.supervision.applied import AppliedReader, AppliedTenant
from coffre.supervision.findings.life import Subject, settle
from coffre.supervision.telling.covering import choose, list_quota_places
from coffre.supervision.telling.mailing import Post, by_tenant
from coffre.supervision.telling.outbox_state import OUTBOX_KINDS, judge_channels, judge_customers
from coffre.supervision.telling.planning import (
    Addressees,
    plan_again,
    plan_ends,
    plan_messages,
    write_place,
    write_time,
)
from coffre.supervision.telling.rules import (
    FIRST_PAUSE,
    FLAPPING_WINDOW,
    GIVE_UP_AFTER,
    Batch,
    gather,
    is_given_up,
    pause_after,
)
from coffre.supervision.watch import tell

TELL_SECONDS = timedelta(seconds=60)
"""No sending begins later than this: a server that does not answer delays no pass."""
KEPT_FOR = timedelta(days=90)
"""What became of messages to channels is kept for so long."""

UNKNOWN = "it is unknown whether it arrived"
OnProblem = Callable[[str, Exception], None]
"""Called with a channel or tenant and an error that nobody expected."""

Wording = Callable[[Batch], Note]
"""Makes the words of what goes to a channel."""


@dataclass(frozen=True)
class Telling:
    """What was told: so many messages went out, ``refused`` says why others did not, by channel or tenant.

    ``waiting`` counts what waits, also for the digest; ``next_at`` is when the next of it is due.
    """

    sent: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)
    waiting: int = 0
    next_at: datetime | None = None


def find_addressees(checkout: Checkout, records: Records, now: datetime) -> Addressees:
    """Return who is told, by the folder's platform.yaml.

    How SMILÉO is told is no tenant's matter: an apply of a tenant neither brings nor changes it.
    """
    settings = checkout.settings
    told = records.messages.list_begins(now - FLAPPING_WINDOW)
    return Addressees.of(settings.notify, settings.working_hours.timezone, told)


class Teller:
    """Sends the outbox of one records database, by the folder's platform.yaml."""

    def __init__(
        self,
        checkout: Checkout,
        records: Records,
        wording: Wording,
        on_notice: OnNotice,
        on_problem: OnProblem,
        clock: Callable[[], datetime],
    ) -> None:
        self._checkout, self._records, self._wording = checkout, records, wording
        self._on_notice, self._on_problem, self._clock = on_notice, on_problem, clock
        self._applied = AppliedReader(checkout.root)
        self._author = read_author(checkout.root)

    def tell(self) -> Telling:
        """Send what is due, then judge the outbox itself; what that opens is sent as well."""
        sent, refused = self._send_due()
        if self._judge():
            more, again = self._send_due()
            sent, refused = sent + more, {**refused, **again}
        store = self._records.messages
        open_now = {_occurrence(each) for each in self._records.supervision.list_findings()}
        store.delete_old(self._clock() - KEPT_FOR, open_now)
        waiting = store.list_waiting()
        next_at = min((each.not_before for each in waiting), default=None)
        return Telling(sent, refused, len(waiting), next_at)

    def call_dead_man(self) -> None:
        """Call the dead man's URL after a whole pass: not while every channel fails, for then nobody is told."""
        reference = self._checkout.settings.notify.dead_man
        if reference is None:
            return
        names = self._checkout.settings.notify.channels
        waiting, last = self._records.messages.list_waiting(), self._records.messages.find_last_results()
        failing = list(judge_channels(waiting, last, names, self._clock()))
        if names and len(failing) == len(names):
            self._on_notice("no channel takes messages: the dead man's URL is not called, so that it alarms")
            return
        try:
            dead_man.ping(read_reference(reference, self._checkout.root))
        except ExpectedError as problem:
            self._on_notice(f"{problem.message}. {problem.hint}")

    def _send_due(self) -> tuple[int, dict[str, str]]:
        store, begins_at = self._records.messages, self._clock()
        ends_at = begins_at + TELL_SECONDS
        findings = self._records.supervision.list_findings(since=begins_at - GIVE_UP_AFTER - timedelta(days=1))
        self._remind(findings, begins_at)
        self._catch_up(findings, begins_at)
        due = self._drop(store.list_waiting(), findings, begins_at)
        sent, refused = 0, {}
        for name, job in (*self._channel_jobs(due), *self._customer_jobs(due, findings)):
            if self._clock() >= ends_at:
                break
            try:
                sent += job()
            except ExpectedError as problem:
                refused[name] = problem.message
            except Exception as problem:  # noqa: BLE001 - one recipient's trouble is not the others'
                refused[name] = type(problem).__name__
                self._on_problem(name, problem)
        if sent:
            self._settle_covered(store.list_waiting(), findings, self._clock())
        return sent, refused

    def _remind(self, findings: Sequence[KeptFinding], now: datetime) -> None:
        """Tell again of what still holds once the time is over in which nobody wanted to hear of it."""
        addressees = find_addressees(self._checkout, self._records, now)
        for each in findings:
            until = each.silenced_until
            if each.is_open and until is not None and until <= now and each.acknowledged_at is None:
                self._records.messages.renew(plan_again(each, addressees, now), until)

    def _catch_up(self, findings: Sequence[KeptFinding], now: datetime) -> None:
        """Tell a channel in one digest what is open and was never told to it: a new one, or one that now takes more."""
        heard = self._records.messages.list_of_channels()
        addressees = find_addressees(self._checkout, self._records, now)
        news = [
            message
            for each in findings
            if each.is_open and not each.is_silent(now)
            for message in plan_again(each, addressees, now, is_digest=True)
            if (message.recipient, message.about, message.occurrence) not in heard
        ]
        if news:
            self._records.messages.add(news)

    def _settle_covered(
        self, waiting: Sequence[Message], findings: Sequence[KeptFinding], now: datetime
    ) -> Sequence[Message]:
        """Settle what a stronger message about the same quota has said, and return what is due of the rest."""
        store = self._records.messages
        told = store.list_told(list_quota_places(waiting, findings))
        choice = choose(waiting, told, findings, now)
        store.settle([each.id or 0 for each in choice.covered], Outcome.GATHERED, now)
        store.settle([each.id or 0 for each in choice.outdated], Outcome.OVER, now)
        return choice.due

    def _drop(self, waiting: Sequence[Message], findings: Sequence[KeptFinding], now: datetime) -> Sequence[Message]:
        """Settle what is not told any more, and return what is due."""
        store = self._records.messages
        by_place = {_occurrence(each): each for each in findings}
        names = self._checkout.settings.notify.channels
        settled: dict[Outcome, list[int]] = {}
        left = []
        for each in waiting:
            finding = by_place.get((each.about, each.occurrence))
            if each.audience is Audience.CHANNEL and each.recipient not in names:
                settled.setdefault(Outcome.NO_RECIPIENT, []).append(each.id or 0)
            elif each.kind is MessageKind.FINDING and finding is not None and _is_silent(each, finding, now):
                settled.setdefault(Outcome.SILENCED, []).append(each.id or 0)
            elif is_given_up(each, now):
                settled.setdefault(Outcome.GIVEN_UP, []).append(each.id or 0)
            else:
                left.append(each)
        given_up = settled.get(Outcome.GIVEN_UP, [])
        store.fail([each.id or 0 for each in waiting if each.is_maybe_sent and each.id in given_up], UNKNOWN, now)
        for outcome, ids in settled.items():
            store.settle(ids, outcome, now)
        return self._settle_covered(left, findings, now)

    def _channel_jobs(self, due: Sequence[Message]) -> Iterator[tuple[str, Callable[[], int]]]:
        for name in self._checkout.settings.notify.channels:
            mine = [each for each in due if each.audience is Audience.CHANNEL and each.recipient == name]
            if mine:
                yield f"channel {name}", self._channel_job(name, mine)

    def _channel_job(self, name: str, due: Sequence[Message]) -> Callable[[], int]:
        return lambda: self._send_to_channel(name, due)

    def _send_to_channel(self, name: str, due: Sequence[Message]) -> int:
        """Send what is due to one channel; when it does not take one, the others wait as well."""
        store, sent = self._records.messages, 0
        left = list(due)
        for batch in gather(due):
            now = self._clock()
            attempts = max(each.attempts for each in left) + 1
            store.begin_attempt(batch.ids, now, now + pause_after(attempts))
            try:
                url = read_reference(self._checkout.settings.notify.channels[name].url, self._checkout.root)
                channels.post(url, self._wording(batch))
            except ExpectedError as problem:
                error = one_line(problem.message, ERROR_LENGTH)
                store.fail([each.id or 0 for each in left], error, now + pause_after(attempts))
                raise
            store.settle(batch.ids, Outcome.SENT, self._clock())
            left = [each for each in left if each not in batch.messages]
            sent += 1
        return sent

    def _customer_jobs(
        self, due: Sequence[Message], findings: Sequence[KeptFinding]
    ) -> Iterator[tuple[str, Callable[[], int]]]:
        mine = [each for each in due if each.audience is Audience.CUSTOMER]
        if not mine:
            return
        applied = self._applied.read(self._records).tenants
        for slug, messages in by_tenant(mine).items():
            yield slug, self._customer_job(applied.get(slug), messages, findings)

    def _customer_job(
        self, applied: AppliedTenant | None, due: Sequence[Message], findings: Sequence[KeptFinding]
    ) -> Callable[[], int]:
        def job() -> int:
            now, store = self._clock(), self._records.messages
            if applied is None:
                error = "it is not known how the tenant was applied"
                store.fail([each.id or 0 for each in due], error, now + FIRST_PAUSE)
                raise ExpectedError(error, "Run `coffre apply`.")
            post = Post(self._records, self._checkout.root, self._checkout.settings, self._author)
            wanted = post.drop_unwanted(due, applied.tenant, now)
            return post.send(wanted, applied.tenant, findings, now) if wanted else 0

        return job

    def _judge(self) -> bool:
        """Keep what is wrong with the outbox as findings; returns whether one was opened or closed."""
        now, store, settings = self._clock(), self._records.messages, self._checkout.settings
        waiting, last = store.list_waiting(), store.find_last_results()
        kept = [each for each in self._records.supervision.list_findings() if each.place.kind in OUTBOX_KINDS]
        every_open = self._records.supervision.list_findings()
        open_now = {_occurrence(each) for each in every_open}
        failing = list(judge_channels(waiting, last, settings.notify.channels, now))
        untold = judge_customers(waiting, last, open_now, now, has_mail=settings.mail is not None)
        slugs = {each.tenant_id: each.slug for each in (*waiting, *last)}
        slugs |= {each.place.tenant_id: each.slug for each in kept}
        found: dict[str, list[Finding]] = {NO_TENANT: failing, **{each: [untold[each]] for each in untold}}
        addressees = find_addressees(self._checkout, self._records, now)
        changed = False
        noted = []
        for tenant_id in {NO_TENANT, *found, *(each.place.tenant_id for each in kept)}:
            mine = [each for each in kept if each.place.tenant_id == tenant_id and not each.place.platform]
            subject = Subject(tenant_id, slugs.get(tenant_id, ""))
            settled = settle(subject, mine, found.get(tenant_id, []), lambda _: True, now)
            changed = changed or bool(settled.opened or settled.closed)
            if settled.written:
                events = [*tell(settled, self._author, now)]
                messages = plan_messages(settled, None, addressees, now)
                ended = plan_ends(settled, addressees, now)
                noted.append(Noted(tenant_id, now, {}, settled.written, (), events, messages=messages, ended=ended))
        if noted:
            self._records.supervision.note(noted)
        return changed


def _occurrence(finding: KeptFinding) -> tuple[str, str]:
    """Return `about` and `occurrence` of the messages about a finding."""
    return write_place(finding.place), write_time(finding.since)


def _is_silent(message: Message, finding: KeptFinding, now: datetime) -> bool:
    """Tell whether a person does not want to hear this; the end is told to those who heard of the begin."""
    until = finding.silenced_until
    if message.told is Told.END:
        return until is not None and finding.closed_at is not None and finding.closed_at < until
    if message.audience is Audience.CUSTOMER:
        return until is not None and now < until
    return finding.is_silent(now)
