"""The paper that a customer gets when the service is delivered: what was delivered, and who does what. In French."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from coffre.correspondence import names
from coffre.correspondence.documents import tenant_folder
from coffre.correspondence.french import count, describe_reach
from coffre.correspondence.pages import render_pdf
from coffre.errors import RefusedError
from coffre.observation.judge.uplink import Uploads
from coffre.operations.welcome import vendor_words, words
from coffre.records.facts.contract import Commissioned
from coffre.spec.loader import Checkout
from coffre.spec.plan import OperatingSystem
from coffre.spec.tenant import Tenant
from coffre.tenant.opening import OpenTenant
from coffre.tenant.vendors import list_vendor_services, own_machines
from coffre.workspace.files import write_atomically

STYLE_SHEETS = ("courriers/page.css", "courriers/lettre.css", "bienvenue/bienvenue.css")


def write_welcome(opened: OpenTenant, today: date, uploads: Uploads, *, is_renewed: bool = False) -> tuple[Path, bool]:
    """Return the welcome paper of a tenant, and whether it was written now; ``uploads`` are its first backups.

    It is written once; ``is_renewed`` writes it again, as the tenant is now. RefusedError before the delivery of the
    service (contract, article 1c): there is nothing to confirm.
    """
    delivered = opened.log.last(Commissioned)
    if delivered is None:
        raise RefusedError(
            f"the service of {opened.tenant.slug} is not delivered yet",
            "Run `coffre apply`: it delivers the service once every machine has its agent.",
        )
    path = welcome_path(opened.checkout, opened.tenant)
    if path.exists() and not is_renewed:
        return path, False
    zone = ZoneInfo(opened.tenant.timezone)
    facts = collect(
        opened.tenant,
        opened.checkout,
        delivered.at.astimezone(zone).date(),
        today,
        uploads,
        is_specimen=opened.embedded.is_proved,
    )
    write_atomically(path, render_pdf("bienvenue/bienvenue.html.j2", STYLE_SHEETS, facts))
    return path, True


def welcome_path(checkout: Checkout, tenant: Tenant) -> Path:
    """Return the path of a tenant's welcome paper."""
    return tenant_folder(checkout, tenant) / "bienvenue.pdf"


def collect(
    tenant: Tenant, checkout: Checkout, delivered_on: date, today: date, uploads: Uploads, *, is_specimen: bool
) -> Mapping[str, object]:
    """Return the values of the template. Pure."""
    machines, provider = tenant.active_machines(), checkout.settings.provider
    hours = checkout.settings.working_hours
    used = {machine.plan for machine in machines.values()}
    systems = sorted({machine.os for machine in machines.values()}, key=list(OperatingSystem).index)
    own, vendors = own_machines(tenant), list_vendor_services(tenant, checkout.settings.platforms)
    own_systems = [system for system in systems if any(machine.os is system for machine in own.values())]
    return {
        "title": "Bienvenue : votre service de sauvegarde est en place",
        "service_name": names.SERVICE,
        "provider": provider,
        "reach": describe_reach(provider.email, provider.phone),
        "enclosed": [],
        "opens": words.describe_time(hours.opens),
        "closes": words.describe_time(hours.closes),
        "tenant": tenant,
        "licences": [count(sold, *names.KINDS[kind]) for kind, sold in tenant.licences.items()],
        "delivered_on": delivered_on,
        "today": today,
        "is_specimen": is_specimen,
        "machines": [
            {"name": name, "kind": names.KINDS[each.kind][0], "system": names.SYSTEMS[each.os], "plan": each.plan}
            for name, each in machines.items()
        ],
        "plans": [
            {
                "name": name,
                "paths": [
                    {"system": names.SYSTEMS[system], "paths": plan.paths_for(system)}
                    for system in systems
                    if any(machine.plan == name and machine.os is system for machine in machines.values())
                ],
                "exclude": plan.exclude,
                "schedules": [words.describe_schedule(each) for each in plan.schedule],
                "keep": words.describe_keep(plan.keep),
                "baits": plan.baits and any(machine.plan == name for machine in own.values()),
            }
            for name, plan in tenant.plans.items()
            if name in used
        ],
        "first_backups": words.describe_first_backups(uploads),
        "own_machines": list(own),
        "unix": [names.SYSTEMS[system] for system in own_systems if system is not OperatingSystem.WINDOWS],
        "has_windows": OperatingSystem.WINDOWS in own_systems,
        "vendors": [
            {
                "title": vendor_words.say_title(each),
                "product": each.statement.product,
                "editor": each.statement.editor,
                "machines": vendor_words.say_machines(each),
                "licences": vendor_words.say_licences(each),
                "space": vendor_words.say_space(each),
                "restore": vendor_words.say_restore(each),
                "deletion": vendor_words.say_deletion(each),
                "level": vendor_words.say_level(each),
            }
            for each in vendors
        ],
        "tasks": [
            {
                "name": task.name,
                "is_providers": task.is_providers(tenant.options),
                "is_ordered": task.option is not None and task.option in tenant.options,
            }
            for task in (*words.TASKS, *map(vendor_words.vendors_task, vendors))
        ],
    }
