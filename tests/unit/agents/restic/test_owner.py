"""Whose agent stands on a machine: what is read of its configuration, and how another's is named."""

import pytest

from coffre.agents.ansible.events import HostOutcome
from coffre.agents.home import AgentOwner
from coffre.agents.restic.agents import judge
from coffre.agents.restic.inventory import render_settings
from coffre.agents.restic.owner import describe, explain_look, read_owner
from tests.unit.agents.restic.test_inventory import REQUEST, TARGET

OURS = AgentOwner("k7f3q9wz2m", "compta-01")
SLUGS = {"h000000000": "acme"}


def test_what_deployment_writes_is_read_back() -> None:
    assert read_owner(render_settings(REQUEST.setup).decode()) == OURS


@pytest.mark.parametrize(
    ("text", "is_another"),
    [
        ('{"tenant_id": "k7f3q9wz2m", "machine": "compta-01"}', False),
        ('{"tenant_id": "h000000000", "machine": "compta-01"}', True),
        ('{"tenant_id": "k7f3q9wz2m", "machine": "caisse-01"}', True),
        ('{"tenant_id":"h000000000"', True),
        ('"machine":  "caisse-01"', True),
        ("", False),
        ("\0\xff{{{", False),
        ('{"tenant_id": "' + "x" * 65000, False),
    ],
)
def test_another_is_what_says_so(text: str, is_another: bool) -> None:
    assert read_owner(text).is_another(OURS) is is_another


def test_another_is_named_by_its_tenants_file_where_there_is_one() -> None:
    assert describe(AgentOwner("h000000000", "pc-01"), SLUGS) == "the agent of pc-01 of acme"
    assert describe(AgentOwner("z999999999", "pc-01"), SLUGS) == "the agent of pc-01 of an unknown tenant (z999999999)"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("the agent of machine pc-01 of tenant h000000000 is there", "the agent of pc-01 of acme is installed there"),
        ("this is the computer that Coffre runs on", "this is the computer that Coffre runs on"),
        ("the agent of machine \x1b[31m of tenant h000000000 is there", "another agent is installed there"),
    ],
)
def test_a_look_that_failed_is_told_in_an_operators_words(reason: str, said: str) -> None:
    assert explain_look("martin", "compta-01", reason, SLUGS).message == f"compta-01: {said}"
    result = judge(TARGET, HostOutcome(False, False, (), "Check that no other agent is there", reason), SLUGS)
    assert (result.ok, result.unreachable, result.changed) == (False, False, False)
    assert said in result.message
    assert "Nothing was changed there" in result.message
