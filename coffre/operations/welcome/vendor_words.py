"""What a customer has to know of an agent whose vendor runs a service of its own, in French. Pure.

The facts are those of the contract: articles 1a and 13 (licences, terms), 6 (the portal), 15 (service level, deletion).
"""

from collections.abc import Sequence

from coffre.correspondence import names
from coffre.correspondence.french import count, format_day, format_size, typeset
from coffre.operations.welcome.words import Party, Task
from coffre.tenant.vendors import VendorService


def say_title(service: VendorService) -> str:
    """Return the heading of what is said of a vendor's agent."""
    return f"L’agent {service.statement.product}"


def say_machines(service: VendorService) -> str:
    """Return which machines have the agent."""
    which = "toutes" if service.is_whole else ", ".join(service.machines)
    return typeset(f"Machines concernées : {which}.")


def say_licences(service: VendorService) -> str:
    """Return which order the licences come by, and when the customer accepted the editor's terms; "" where unknown."""
    if service.order is None or service.terms_accepted_on is None:
        return ""
    sold = ", ".join(count(number, *names.KINDS[kind]) for kind, number in service.licences.items() if number)
    counted = f" ({sold})" if sold else ""
    return typeset(
        f"Les licences{counted} viennent de la commande {service.order} passée au distributeur ; les conditions "
        f"d’utilisation de l’éditeur, {service.statement.editor}, ont été acceptées le "
        f"{format_day(service.terms_accepted_on)}."
    )


def say_level(service: VendorService) -> str:
    """Return whose the service level of the agent is."""
    return typeset(
        f"Le niveau de service de l’agent {service.statement.product} et de son portail est celui de l’éditeur : il ne "
        "s’ajoute pas aux 99,7\u00a0% de la plate-forme (article 15)."
    )


def say_deletion(service: VendorService) -> str:
    """Return what becomes of a backup that is deleted."""
    return typeset(
        f"Une sauvegarde supprimée dans le portail {service.statement.editor} est définitivement perdue : aucun délai "
        "de rétablissement ne s’applique."
    )


def say_restore(service: VendorService) -> str:
    """Return where the customer restores, and that nobody can do so elsewhere."""
    at = "" if service.portal is None else f" ({service.portal})"
    return typeset(
        f"Les sauvegardes se suivent, se restaurent et se testent dans le portail de l’éditeur{at} : leur format est "
        "le sien, et elles ne peuvent pas être lues autrement."
    )


def say_space(service: VendorService) -> str:
    """Return the part of the space that is the vendor's; "" where the whole space is."""
    if service.is_whole or service.quota_bytes is None:
        return ""
    return typeset(
        f"Sur cet espace, {format_size(service.quota_bytes)} sont réservés aux machines dont l’agent est "
        f"{service.statement.product}. Lorsqu’une part de l’espace est pleine, les sauvegardes de ses machines "
        "s’arrêtent."
    )


def list_statements(service: VendorService) -> Sequence[str]:
    """Return everything that a customer has to know of a vendor's agent, a sentence or two each."""
    said = (
        say_machines(service),
        say_licences(service),
        say_space(service),
        say_restore(service),
        say_deletion(service),
        say_level(service),
    )
    return [each for each in said if each]


def vendors_task(service: VendorService) -> Task:
    """Return the line of article 16 that a vendor's agent adds."""
    return Task(f"Maintien du portail et des agents {service.statement.editor} en fonctionnement", Party.PROVIDER)
