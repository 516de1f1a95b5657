"""Only the customer's word that it has its data is a receipt: nothing else spares it the reminder."""

from datetime import date
from pathlib import Path

import pytest

from coffre.offboarding.lifecycle.due import has_receipt
from coffre.offboarding.lifecycle.evidence import Attestation, Step
from coffre.offboarding.lifecycle.journal import Journal
from coffre.records.facts.departure import Attested
from tests.builders import tenant_with
from tests.unit.offboarding.departures import open_tenant


@pytest.mark.parametrize("what", list(Attested))
def test_recovered_data_alone_is_a_receipt(what: Attested, tmp_path: Path) -> None:
    with open_tenant(tmp_path, tenant_with()) as opened:
        journal = Journal(opened.log, date(2027, 2, 1))
        journal.note(Step.ATTESTED, Attestation(what, "recu.pdf", "ab" * 32, date(2027, 2, 1)))
        assert has_receipt(journal) is (what is Attested.DATA_RECOVERED)
