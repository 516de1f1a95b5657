"""The reservations of a certificate: facts that are not established or not correct, as French sentences. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from coffre.correspondence import french
from coffre.offboarding.certificate.days import list_early
from coffre.offboarding.certificate.model import CertificateFacts, MachineFacts, Role
from coffre.offboarding.erase.checks import RepositoryPasswords
from coffre.offboarding.lifecycle.evidence import AgentOutcome, BucketErased
from coffre.offboarding.notices import words
from coffre.records.facts.departure import Attested
from coffre.spec.leaving import Choice


@dataclass(frozen=True)
class Holding:
    """The required proof and days of acts. ``is_embedded``: days can be set, so the times of entries mean nothing."""

    is_embedded: bool = False
    is_block_approved: bool = True


def list_reservations(facts: CertificateFacts, kept_to: Holding) -> list[str]:
    """Return every reservation; none when all facts of a certificate are established."""
    found = (
        *_of_machines(facts),
        *_of_vendors(facts),
        *_of_the_tenant(facts),
        *_of_verification(facts),
        *_of_people(facts),
        *_of_days(facts, kept_to),
    )
    return [french.typeset(text) for text in found]


def _of_machines(facts: CertificateFacts) -> Iterator[str]:
    for each in facts.machines:
        if each.vendor is not None:
            yield from _of_restore(facts, each)
        else:
            yield from _of_bucket(facts, each)
        if facts.basis.choice == Choice.RETURN.value and not each.returned and each.vendor is None:
            yield f"La restitution des données de la machine {each.machine} n’est pas établie."
        for snapshot in dict.fromkeys(each for seen in each.returned for each in seen.fact.set_aside):
            yield (
                f"La sauvegarde {snapshot[:8]} de la machine {each.machine}, mise à part par le prestataire, "
                "n’a pas été restituée."
            )
        yield from _of_repository(each)
        if facts.machine is None and each.agent is None:
            yield f"Le retrait de l’agent de la machine {each.machine} n’est pas établi."
        if each.agent is not None and each.agent.fact.outcome is AgentOutcome.UNREACHED:
            yield (
                f"L’agent de la machine {each.machine}, restée injoignable, n’a pas été retiré par le prestataire ; "
                + (
                    "le logiciel et le mot de passe qui y sont enregistrés restent à effacer par le client."
                    if each.vendor is None
                    else "le logiciel reste à effacer par le client."
                )
            )


def _of_restore(facts: CertificateFacts, each: MachineFacts) -> Iterator[str]:
    """Name what is not known of a machine that only its vendor's portal restores."""
    if facts.basis.choice != Choice.RETURN.value:
        return
    if each.restore_left is None:
        yield f"L’invitation à récupérer les données de la machine {each.machine} chez l’éditeur n’est pas établie."
    if not any(one.what is Attested.DATA_RECOVERED and one.received is not None for one in facts.attestations):
        yield (
            f"Rien n’établit que le client a récupéré les données de la machine {each.machine} depuis le portail de "
            "l’éditeur."
        )


def _of_vendors(facts: CertificateFacts) -> Iterator[str]:
    for each in facts.vendors or ():
        if each.erased is None:
            yield f"La suppression de l’espace du client chez {each.editor} n’est pas établie."
            continue
        until = each.erased.fact.recoverable_until
        if until is not None and facts.issued_on <= until.astimezone(ZoneInfo(facts.timezone)).date():
            yield (
                f"D’après sa documentation, l’éditeur {each.editor} peut encore rétablir l’espace supprimé jusqu’au "
                f"{french.format_day(until.astimezone(ZoneInfo(facts.timezone)).date())} ; le prestataire ne le "
                "demandera pas."
            )


def _of_repository(each: MachineFacts) -> Iterator[str]:
    for flaws in dict.fromkeys(seen.fact.flaws for seen in each.returned):
        if flaws.foreign:
            count = french.count(flaws.foreign, "objet étranger", "objets étrangers")
            yield f"La restitution de la machine {each.machine} laisse de côté {count} à la sauvegarde."
        if flaws.damaged:
            count = french.count(flaws.damaged, "objet abîmé", "objets abîmés")
            yield f"La restitution de la machine {each.machine} joint à part du dépôt {count}."
        if not flaws.is_whole:
            yield f"Le dépôt restitué de la machine {each.machine} n’est pas entier, selon le logiciel restic."
        if flaws.left_out:
            count = french.count(flaws.left_out, "élément", "éléments")
            yield f"La restitution de la machine {each.machine} laisse de côté {count}, dont la liste a été remise."


def _of_bucket(facts: CertificateFacts, each: MachineFacts) -> Iterator[str]:
    if each.erased is None:
        yield f"L’effacement des sauvegardes de la machine {each.machine} n’est pas établi."
    else:
        yield from _of_erased(facts, each.erased.fact, f"de la machine {each.machine}")
    of_copy = f"de la seconde copie de la machine {each.machine}"
    erased = [copy.erased for copy in each.copies or ()]
    if None in erased or (facts.copy_site is not None and each.began is not None and not erased):
        yield f"L’effacement {of_copy} n’est pas établi."
    for copy in erased:
        if copy is not None:
            yield from _of_erased(facts, copy.fact, of_copy)


def _of_erased(facts: CertificateFacts, erased: BucketErased, of_what: str) -> Iterator[str]:
    if erased.locked is not None:
        until = erased.locked.until.astimezone(ZoneInfo(facts.timezone)).date()
        yield (
            f"{french.count(erased.locked.versions, 'version', 'versions')} d’objets {of_what} "
            f"restent sur la plate-forme, sous un verrou que nul ne peut lever avant le {french.format_day(until)}."
        )
    elif not erased.is_gone or not erased.left.is_empty:
        yield f"L’espace de stockage {of_what} n’a pas entièrement disparu."


def _of_the_tenant(facts: CertificateFacts) -> Iterator[str]:
    has_buckets = any(each.vendor is None for each in facts.machines)
    if has_buckets and not any(isinstance(each.fact.what, RepositoryPasswords) for each in facts.secrets):
        yield "La destruction des mots de passe de sauvegarde n’est pas établie."
    if facts.machine is not None:
        return
    if has_buckets and not facts.users:
        yield "La suppression des comptes et des clés d’accès n’est pas établie."
    if facts.stack_removed is None:
        yield "La suppression de la configuration technique du service n’est pas établie."
    if facts.final_check is None:
        yield "Le contrôle final n’est pas établi."
    elif not facts.final_check.fact.is_passed:
        yield "Le contrôle final n’est pas concluant."


def _of_verification(facts: CertificateFacts) -> Iterator[str]:
    if facts.verification is None:
        yield "L’effacement n’a pas été vérifié."
        return
    if not facts.verification.seen.fact.is_passed:
        yield "La vérification de l’effacement n’est pas concluante."
    if facts.verification.is_by_another:
        return
    if facts.verification.is_other_name:
        yield "Rien ne prouve que l’effacement a été vérifié par un autre que celui qui y a procédé : c’est déclaré."
    else:
        yield "L’effacement n’a pas été vérifié par une autre personne que celle qui y a procédé."


def _of_people(facts: CertificateFacts) -> Iterator[str]:
    """Name the people whose identity is only declared."""
    for role in Role:
        names = dict.fromkeys(each.name for each in facts.people if each.role is role and not each.is_proved)
        if names:
            yield f"{words.ROLES[role]} : identité déclarée, qu’aucune signature ne prouve ({', '.join(names)})."


def _of_days(facts: CertificateFacts, kept_to: Holding) -> Iterator[str]:
    """Name the acts that were done before their day."""
    for act in list_early(facts, is_embedded=kept_to.is_embedded):
        yield (
            f"{act.what}, le {french.format_day(act.on)} : avant son jour, "
            f"qui d’après le calendrier était le {french.format_day(act.first_on)}."
        )
    if not kept_to.is_block_approved:
        yield "La demande dont le calendrier découle n’est plus celle qui a été approuvée."
