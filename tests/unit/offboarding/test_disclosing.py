"""Under a block, a disclosure is made only for the authority that ordered it."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from coffre.errors import RefusedError
from coffre.offboarding.handover.disclosing import refuse_other_than_the_blocker
from coffre.records.facts.contract import HoldPlaced
from coffre.spec.tenant import HoldKind
from coffre.tenant.holds import list_recorded, under_recorded
from tests.builders import tenant_with
from tests.doubles.log import InMemoryLog

IN_FILE = {"reference": "PV 1", "since": "2026-11-20", "kind": "block_access"}


def opened_of(hold: dict[str, str] | None, *confidential: str) -> Any:
    log = InMemoryLog()
    for reference in confidential:
        log.append(HoldPlaced(reference, date(2026, 11, 21), HoldKind.BLOCK_ACCESS))
    return SimpleNamespace(log=log, tenant=under_recorded(tenant_with(hold=hold), list_recorded(log)))


@pytest.mark.parametrize(
    ("opened", "reference"),
    [(opened_of(IN_FILE), "PV 1"), (opened_of(None, "PV 2", "PV 3"), "PV 3"), (opened_of(None), "PV 4")],
)
def test_the_authority_that_ordered_the_block_gets_the_data(opened: Any, reference: str) -> None:
    refuse_other_than_the_blocker(opened.tenant, opened.log, reference)


@pytest.mark.parametrize(
    ("opened", "reference"),
    [
        (opened_of(IN_FILE), "PV 2"),
        (opened_of(None, "PV 2"), "PV 1"),
        (opened_of(None, "PV 2"), "confidential, see `coffre hold list`"),
        (opened_of(None, "PV 2"), ""),
        (opened_of({**IN_FILE, "kind": "preserve"}, "PV 2"), "PV 1"),
    ],
)
def test_nobody_else_does(opened: Any, reference: str) -> None:
    with pytest.raises(RefusedError, match="blocks every access"):
        refuse_other_than_the_blocker(opened.tenant, opened.log, reference)
