"""Informs the customer at each stage: a letter as a file, made once, and sent when a mail server is configured."""

from dataclasses import dataclass, replace
from typing import Any

from coffre.offboarding.certificate.issued import Certificate
from coffre.offboarding.erase.checks import ToldByLetter
from coffre.offboarding.handover.vendors import list_restores, list_vendor_machines
from coffre.offboarding.lifecycle.due import get_calendar, has_receipt, list_agents_left
from coffre.offboarding.lifecycle.evidence import Agent, Approved, Returned, Step
from coffre.offboarding.lifecycle.journal import Journal
from coffre.offboarding.notices.letters import LetterFacts, LetterKind, write_letter
from coffre.offboarding.notices.mail import send_letter
from coffre.spec.leaving import Choice
from coffre.storage.kinds import driver_of
from coffre.tenant.opening import OpenTenant


@dataclass(frozen=True)
class Desk:
    """Writes the letters of a departure; ``resends`` sends a letter again when it is unknown whether it was sent."""

    opened: OpenTenant
    journal: Journal
    resends: bool = False

    def tell_notice(self) -> list[str]:
        """Acknowledge the customer's notice, with the calendar."""
        return self._tell(LetterKind.NOTICE_RECEIVED, self._facts_with_calendar())

    def tell_returned(self) -> list[str]:
        """Inform where the data is and how to verify it, and how to restore what only a vendor reads.

        With the choice of erasure there is no data to return.
        """
        facts = self._facts_of_return()
        told = self._tell(LetterKind.DATA_READY, facts) if facts.returned else []
        return [*told, *(self._tell(LetterKind.VENDOR_RESTORE, facts) if facts.restores else [])]

    def remind(self) -> list[str]:
        """Remind the customer once, before the end of the retrieval period, unless it has acknowledged."""
        leaving, today = self.opened.tenant.leaving, self.journal.today
        calendar = get_calendar(self.opened.tenant, self.opened.checkout, self.journal)
        is_due = calendar.reminder_on <= today <= calendar.retrieval_ends_on
        if not is_due or leaving is None or leaving.choice is Choice.ERASE or has_receipt(self.journal):
            return []
        return self._tell(LetterKind.REMINDER, self._facts_of_return())

    def tell_unreached(self) -> list[str]:
        """Inform what to do about unreached machines, while there is time, and record it."""
        left = list_agents_left(self.opened.tenant, self.journal)
        found = [self.journal.find(Step.AGENT, Agent, name) for name in left]
        untold = tuple(agent for agent in found if agent is not None and agent.told is None)
        if not untold:
            return []
        written = self._tell(LetterKind.UNREACHED, self._facts_with_calendar(unreached=untold))
        for agent in untold:
            told = ToldByLetter(on=self.journal.today)
            self.journal.note(Step.AGENT, replace(agent, told=told), agent.machine)
        return written

    def tell_erased(self, certificate: Certificate) -> list[str]:
        """Send the certificate."""
        return self._tell(LetterKind.ERASED, self._facts(certificate=certificate))

    def tell_renounced(self) -> list[str]:
        """Confirm that the contract goes on."""
        return self._tell(LetterKind.RENOUNCED, self._facts())

    def _tell(self, kind: LetterKind, facts: LetterFacts) -> list[str]:
        path = write_letter(
            self.opened.tenant, self.opened.checkout, self.opened.embedded, kind, self.journal.today, facts
        )
        send_letter(
            self.opened.tenant,
            self.opened.checkout,
            self.opened.log,
            kind,
            path,
            self.journal.today,
            resend=self.resends,
        )
        return [str(path)]

    def _facts_of_return(self) -> LetterFacts:
        returned = tuple({each.machine: each for each in self.journal.read(Step.RETURNED, Returned)}.values())
        returned_on = max((entry.on for entry in self.journal.steps(Step.RETURNED)), default=None)
        return self._facts_with_calendar(returned=returned, returned_on=returned_on)

    def _facts_with_calendar(self, **more: Any) -> LetterFacts:
        opened = self.opened
        stated = {
            part.tenant.storage.platform: driver_of(part.platform).describe(part.platform).vendor_texts
            for part in opened.parts
        }
        return self._facts(
            calendar=get_calendar(opened.tenant, opened.checkout, self.journal),
            restores=tuple(list_restores(opened)),
            guides={name: guide for name, guide in stated.items() if guide is not None},
            **more,
        )

    def _facts(self, **more: Any) -> LetterFacts:
        approved = self.journal.find(Step.APPROVED, Approved)
        assert approved is not None  # noqa: S101 - nothing is told before the approval is written down
        at_vendors = list_vendor_machines(self.opened)
        return LetterFacts(
            approved.notice_on,
            departure=self.journal.departure,
            editors=tuple(dict.fromkeys(each.editor for each in at_vendors)),
            is_all_vendors=len(at_vendors) == len(self.opened.tenant.machines),
            **more,
        )
