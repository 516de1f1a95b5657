"""Hostile texts, the places of a tenant file that have a text, and tenants with such texts in them."""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from coffre.spec.loader import load_checkout
from coffre.spec.tenant import Tenant
from tests.builders import PLATFORM, tenant_file
from tests.unit.offboarding.departures import LEAVING

STEERING = {
    "line break": "a\nb: c",
    "mail header": "a\r\nBcc: evil@evil.example",
    "null": "a\0b",
    "terminal": "a\x1b[2Jb",
    "terminal of 8 bits": "a\x9b2Jb",
    "delete": "a\x7fb",
    "direction": "a\u202eb",
    "invisible": "a\u200bb",
    "line separator": "a\u2028b",
    "private use": "a\ue000b",
}
"""What no text of a file may have: it would move what stands beside it."""
PLAIN = {
    "HTML": '"><script>alert(1)</script><img src=https://evil.example/x>',
    "entities": "&lt;b&gt; &#60;b&#62; &amp; ]]> <![CDATA[",
    "Jinja": "{{ lookup('pipe', 'id') }}{% raw %}{# x #}",
    "shell": "x $(id) `id` ; id | sh && id > /tmp/x # '\"",
    "Markdown": "[a](https://evil.example) ![](x) @smileo/admins #1 !7 | x | ```",
    "YAML": "!!python/object/apply:os.system ['id'] # &a *a ? -",
    "unit file": "%n %i %% ${HOME} [Service] ExecStart=/bin/sh \\",
    "calendar": 'x;ALTREP="https://evil.example":y\\nEND:VEVENT,z',
    "spreadsheet": "=cmd|' /C calc'!A0",
    "option": "--help",
    "path": "../../../../etc/passwd",
    "expression": "${{ secrets.COFFRE_IDENTITY }}",
}
"""What a name may be, however odd: each place escapes it in its own way."""
FREE = (
    "contact.name",
    "contract.amendments.0.reference",
    "contract.distributor",
    "contract.reference",
    "contract.registration",
    "contract.vendor.order",
    "hold.reference",
    "leaving.requested_by",
    "leaving.return.to.region",
    "name",
)
PATHS = {
    "leaving.return.to.path": "/mnt/disque",
    "plans.office.exclude.0": "/srv/cache",
    "plans.office.paths.0": "/srv/data",
}
"""Texts of the customer's own file systems, which may have nearly everything, but no variable in a plan's."""
STRICT = {
    "contact.email": "claire@martin.example",
    "contact.phone": "+33 4 76 00 00 00",
    "contract.siren": "552100554",
    "id": "k7f3q9wz2m",
    "leaving.approved_by": "paul@smileo.example",
    "leaving.return.to.bucket": "retour",
    "leaving.return.to.credential": "client-s3",
    "leaving.return.to.endpoint": "https://s3.client.example",
    "leaving.return.to.prefix": "retour-smileo",
    "line.upload": "20 Mbit/s",
    "machines.compta-01.connection.credential": "sudo",
    "machines.compta-01.connection.host": "compta-01.martin.example",
    "machines.compta-01.connection.site": "lyon",
    "machines.compta-01.connection.user": "operateur",
    "machines.compta-01.line.upload": "8 Mbit/s",
    "machines.compta-01.plan": "office",
    "machines.compta-01.volume": "200 GiB",
    "storage.copy.platform": "other",
    "storage.platform": "lab",
    "timezone": "Europe/Paris",
}
"""Texts of a form: nothing hostile has it. Each with a value that is taken."""
VALID = {**dict.fromkeys(FREE, "Boulangerie Martin SARL"), **PATHS, **STRICT}
TWO_PLATFORMS = {
    **PLATFORM,
    "platforms": {name: {**PLATFORM["platforms"]["lab"]} for name in ("lab", "other")},
    "sites": {"lyon": {"via": "ssh", "host": "node.lyon.example", "user": "coffre"}},
}
TO_BUCKET = {"via": "s3", "endpoint": "https://s3.client.example", "bucket": "retour", "credential": "client-s3"}


def put(fields: dict[str, Any], place: str, value: object) -> None:
    """Set the text at a dotted place."""
    at: Any = fields
    *way, last = place.split(".")
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at.setdefault(step, {})
    at[int(last) if isinstance(at, list) else last] = value


def make_room(fields: dict[str, Any], place: str) -> None:
    """Add what a file needs beside a text at this place."""
    if place.startswith("leaving"):
        fields |= {"status": "leaving", "leaving": deepcopy(LEAVING)}
    if place.startswith("leaving.return.to.") and not place.endswith(".path"):
        fields["leaving"]["return"]["to"] = dict(TO_BUCKET)
    if place == "contract.registration":
        del fields["contract"]["siren"]
    if place.startswith("hold"):
        fields["hold"] = {"since": "2027-01-15", "kind": "preserve"}


class Plainly(yaml.CSafeDumper):
    """Writes a value out as often as it occurs: a tenant file has no aliases."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


@cache
def _valid_fields() -> dict[str, Any]:
    fields: dict[str, Any] = yaml.safe_load(tenant_file(slug="martin"))
    return fields


def fields_with(place: str, value: object) -> dict[str, Any]:
    """Return the fields of a valid file, but for the text at a place."""
    fields = deepcopy(_valid_fields())
    del fields["machines"]["caisse-01"]
    fields["contract"]["amendments"] = [{"reference": "AV-1", "signed_on": "2026-11-20"}]
    fields["contract"]["vendor"] = {"order": "CMD-1", "terms_accepted_on": "2026-11-03"}
    fields["plans"]["office"]["exclude"] = ["*.tmp"]
    make_room(fields, place)
    put(fields, place, value)
    return fields


def load(root: Path, fields: Mapping[str, Any]) -> Tenant:
    (root / "tenants").mkdir(exist_ok=True)
    (root / "platform.yaml").write_text(yaml.dump(TWO_PLATFORMS, Dumper=Plainly, allow_unicode=True), encoding="utf-8")
    # As escapes: a file that has such characters themselves is refused as a whole.
    (root / "tenants/martin.yaml").write_text(yaml.dump(fields, Dumper=Plainly), encoding="utf-8")
    return load_checkout(root).tenants["martin"]


def fields_everywhere(value: str) -> dict[str, Any]:
    """Return the fields of a tenant that is leaving, with this text wherever one may be anything."""
    fields = fields_with("leaving.requested_by", value)
    for place in FREE:
        if not place.startswith(("hold", "leaving", "contract.registration")):
            put(fields, place, value)
    put(fields, "leaving.return.to.path", f"/mnt/{value}")
    return fields


def hostile_tenant(value: str) -> Tenant:
    return Tenant.model_validate({**fields_everywhere(value), "slug": "martin"})
