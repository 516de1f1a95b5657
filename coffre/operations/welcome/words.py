"""The French words of the paper that welcomes a customer: their plans, and who does what (article 16). Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from enum import StrEnum

from coffre.correspondence.french import count, format_duration, format_rate, format_rounded_size, typeset
from coffre.observation.judge.uplink import Uploads
from coffre.spec.plan import Keep
from coffre.spec.tenant import Option
from coffre.spec.values.schedule import Schedule, Weekday

_DAYS: Mapping[Weekday, str] = {
    Weekday.MON: "lundi",
    Weekday.TUE: "mardi",
    Weekday.WED: "mercredi",
    Weekday.THU: "jeudi",
    Weekday.FRI: "vendredi",
    Weekday.SAT: "samedi",
    Weekday.SUN: "dimanche",
}


class Party(StrEnum):
    """Who does a task of article 16."""

    PROVIDER = "provider"
    CUSTOMER = "customer"


@dataclass(frozen=True)
class Task:
    """A line of article 16; with ``option`` it is the provider's when the customer has ordered that option."""

    name: str
    party: Party
    option: Option | None = None

    def is_providers(self, ordered: Collection[Option]) -> bool:
        """Tell whether the provider does it for a customer with these options."""
        return self.party is Party.PROVIDER or self.option in ordered


_S, _C = Party.PROVIDER, Party.CUSTOMER
TASKS: Sequence[Task] = (
    Task("Signature de la commande", _C),
    Task("Contrôle de la commande", _S),
    Task("Collecte des informations", _S),
    Task("Déploiement des agents", _S),
    Task("Assistance téléphonique", _S),
    Task("Sauvegarde des fichiers", _C, Option.FILE_BACKUP),
    Task("Sauvegarde des bases de données", _C, Option.DATABASE_BACKUP),
    Task("Traitement des logiciels malveillants", _C, Option.MALWARE_TREATMENT),
    Task("Maintien de la plate-forme en fonctionnement", _S),
    Task("Restauration après une perte", _C, Option.RESTORE),
    Task("Supervision avec notification", _S),
    Task("Tests de sauvegarde et de restauration", _C, Option.RESTORE_TESTS),
    Task("Ajout d’agents", _S),
    Task("Assistance aux utilisateurs", _C, Option.END_USER_SUPPORT),
    Task("Mise à jour des agents", _S),
    Task("Responsabilité des données perdues", _C),
    Task("Configuration des plans et des agents", _S),
    Task("Première formation de l’administrateur du client", _S),
    Task("Assistance à la gestion des agents et des plans", _S),
    Task("Accompagnement de l’administrateur lors d’une restauration", _S),
)
"""Article 16, in its order. What it does not name is done on quotation, and the time is billed."""


def describe_time(at: time) -> str:
    """Return a time of day, like « 12 h 30 »."""
    return f"{at.hour} h {at.minute:02}"


def describe_schedule(schedule: Schedule) -> str:
    """Return a schedule in words, like « du lundi au vendredi à 12 h 30 »."""
    at = describe_time(schedule.at)
    week = list(Weekday)
    days = [day for day in week if day in schedule.days]
    if len(days) == len(week):
        return f"tous les jours à {at}"
    first = week.index(days[0])
    if len(days) > 2 and days == week[first : first + len(days)]:
        return f"du {_DAYS[days[0]]} au {_DAYS[days[-1]]} à {at}"
    names = [f"le {_DAYS[day]}" for day in days]
    return f"{_enumerate(names)} à {at}"


def describe_keep(keep: Keep) -> str:
    """Return how long backups stay, in words."""
    parts = [
        f"{one} pendant {count(number, *units)}"
        for number, one, units in (
            (keep.daily, "une par jour", ("jour", "jours")),
            (keep.weekly, "une par semaine", ("semaine", "semaines")),
            (keep.monthly, "une par mois", ("mois", "mois")),
            (keep.yearly, "une par an", ("an", "ans")),
        )
        if number
    ]
    return _enumerate(parts)


def describe_first_backups(uploads: Uploads) -> Sequence[str]:
    """Return how long the first backups take that are still to come, where that is known."""
    told = [
        f"{each.machine} : {format_rounded_size(each.volume_bytes)} à {format_rate(each.bits_per_second)}, "
        f"soit {format_duration(each.seconds)} sans interruption"
        for each in uploads.first
        if each.seconds is not None and each.volume_bytes is not None and each.bits_per_second is not None
    ]
    if uploads.shared_seconds is not None:
        told.append(f"toutes les machines de la même ligne ensemble : {format_duration(uploads.shared_seconds)}")
    return [typeset(each) for each in told]


def _enumerate(parts: Sequence[str]) -> str:
    """Join parts as a sentence does: a, b et c."""
    return " et ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part) if parts else ""
