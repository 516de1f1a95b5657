"""The scripts that customers run as root have no text of a tenant file but names of a strict form."""

import base64
import json
import plistlib
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coffre.agents.enrolment.invitation import Invitation
from coffre.agents.enrolment.scripts import ScriptValues, render_scripts
from coffre.agents.home import AgentOwner
from coffre.errors import ExpectedError
from coffre.spec.tenant import OperatingSystem, Tenant
from tests.unit.hostile.texts import PLAIN, STEERING, fields_everywhere, load

URL = "https://s3.example.fr:8443/coffre-programs/restic/ab?X-Amz-Expires=60&X-Amz-Signature=00"
PEM = "-----BEGIN CERTIFICATE-----\nTUlJQ0FU\n-----END CERTIFICATE-----"
HOSTILE = PLAIN | STEERING


def invitation_of(tenant: Tenant) -> Invitation:
    (machine,) = tenant.machines
    owner, moment = AgentOwner(tenant.id, machine), datetime(2026, 11, 30, 12, tzinfo=UTC)
    return Invitation("0a" * 16, owner, b"s" * 32, b"k" * 32, moment, URL, {"If-None-Match": "*"}, URL, 3, PEM)


def scripts_of(tenant: Tenant, invitation: Invitation | None = None) -> dict[str, str]:
    rendered: dict[str, bytes] = {}
    for system in OperatingSystem:
        values = ScriptValues(tenant.slug, system, URL, "ab" * 32)
        rendered |= render_scripts(invitation or invitation_of(tenant), values)
    return {name: content.decode() for name, content in rendered.items()}


@pytest.fixture
def tenant(tmp_path: Path) -> Tenant:
    return load(tmp_path, fields_everywhere("Martin"))


@pytest.mark.parametrize("value", PLAIN.values(), ids=PLAIN)
def test_no_text_that_may_be_anything_reaches_a_script(value: str, tenant: Tenant, tmp_path: Path) -> None:
    assert scripts_of(load(tmp_path, fields_everywhere(value))) == scripts_of(tenant)


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("system", OperatingSystem)
def test_a_name_or_a_hash_of_another_form_is_in_no_script(system: OperatingSystem, value: str, tenant: Tenant) -> None:
    """Files with such names are refused before; here they are refused once more."""
    invitation, values = invitation_of(tenant), ScriptValues(tenant.slug, system, URL, "ab" * 32)
    other = replace(invitation, owner=AgentOwner(tenant.id, value))
    for given, told in (
        (invitation, replace(values, slug=value)),
        (invitation, replace(values, slug=f"martin {value}")),
        (invitation, replace(values, agent_sha256=value)),
        (invitation, replace(values, agent_url=f"{URL}{value}")),
        (other, values),
    ):
        if given is invitation and told.agent_url != URL and re.fullmatch(r"[-./A-Za-z]+", value):
            continue  # An address has such characters.
        with pytest.raises(ExpectedError, match="no script takes"):
            render_scripts(given, told)


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_whatever_an_invitation_holds_it_stays_one_word(value: str, tenant: Tenant) -> None:
    plain = invitation_of(tenant)
    hostile = replace(plain, claim_url=value, claim_headers={value: value}, certificates=f"{value}\n{PEM}\n'@\n{value}")
    before, after = scripts_of(tenant), scripts_of(tenant, hostile)
    words = {name: re.findall(r"[A-Za-z0-9+/=]{200,}", text) for name, text in after.items()}
    assert json.loads(base64.b64decode(words["enrol.sh"][0]))["claim_headers"] == {value: value}
    for name, text in after.items():
        rest = re.sub(r"[A-Za-z0-9+/=]{200,}", "WORD", text)
        assert rest == re.sub(r"[A-Za-z0-9+/=]{200,}", "WORD", before[name]), name


def test_a_property_list_is_read_as_it_was_meant(tenant: Tenant) -> None:
    scripts = scripts_of(tenant)
    read = plistlib.loads(scripts["enrol.plist"].encode())
    assert read["EnrolMachine"] == f"{tenant.slug}/{next(iter(tenant.machines))}"
    assert base64.b64decode(read["EnrolScript"]).decode() == scripts["enrol.sh"]


_TOKEN = re.compile(
    r"(?P<here>@'\n(?:.*\n)*?'@)"  # its end stands at the beginning of a line, and nowhere else
    r"|(?P<quoted>'(?:[^'\u2018\u2019\u201a\u201b\n]|'')*')"  # PowerShell ends a text at typographic quotes, too
    r"|(?P<expanded>\"(?:[^\"`\n]|`.|\"\")*\")"
    r"|(?P<comment>#[^\n]*)"
    r"|(?P<code>[^'\"#@]+|@)"
)


def tokens_of(script: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of a PowerShell script, and fail at what is none."""
    text, at = script.removeprefix("\ufeff").replace("\r\n", "\n"), 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        assert found is not None, f"no token at: {text[at : at + 60]!r}"
        at = found.end()
        yield str(found.lastgroup), found[0]


def test_powershell_reads_each_value_as_one_text_that_expands_nothing(tenant: Tenant) -> None:
    tokens = list(tokens_of(scripts_of(tenant)["enrol.ps1"]))
    invitation = base64.b64encode(invitation_of(tenant).render()).decode()
    assert {f"'{URL}'", f"'{'ab' * 32}'", f"'{invitation}'"} <= {text for kind, text in tokens if kind == "quoted"}
    assert [text for kind, text in tokens if kind == "here"] == [f"@'\n{PEM}\n'@"]
    (machine,) = tenant.machines
    code = "".join(text for kind, text in tokens if kind in ("code", "expanded"))
    assert not any(value in code for value in (tenant.slug, machine, URL, invitation, "CERTIFICATE"))
    # A comment cannot be left: it ends with its line, and a block comment would begin with this.
    assert not any(text.startswith("<#") or "#>" in text for kind, text in tokens if kind == "comment")


def test_cmd_has_the_names_in_a_remark_alone(tenant: Tenant) -> None:
    (machine,) = tenant.machines
    lines = [line for line in scripts_of(tenant)["enrol.cmd"].splitlines() if tenant.slug in line or machine in line]
    assert len(lines) == 1
    assert re.fullmatch(r"rem [A-Za-z0-9 ',:.\"()-]+", lines[0])
