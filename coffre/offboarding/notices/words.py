"""The French words of a departure for customers: the names of its dates, stages, letters and other things. Pure."""

from collections.abc import Mapping

from coffre.correspondence.french import format_day
from coffre.offboarding.lifecycle.calendar import Calendar, Milestone, Source
from coffre.offboarding.lifecycle.evidence import AgentOutcome
from coffre.offboarding.lifecycle.keeping_after import RetentionReason
from coffre.records.facts.departure import Attested, LetterKind, Stage
from coffre.records.facts.mail import MailState
from coffre.spec.leaving import Choice, ReturnFormat, ReturnTarget, S3Target

NOT_ESTABLISHED = "non établi"
NOT_RECEIVED = "non reçu"


MILESTONES: Mapping[Milestone, str] = {
    Milestone.NOTICE: "Réception de la demande de résiliation",
    Milestone.NOTICE_AT_MOST: "Terme du préavis le plus long qui puisse être exigé",
    Milestone.NOTICE_ENDS: "Fin du préavis",
    Milestone.SERVICE_ENDS: "Fin du service : dernier jour de sauvegarde",
    Milestone.REMINDER: "Rappel avant la fin de la période de récupération",
    Milestone.RETRIEVAL_ENDS: "Fin de la période de récupération des données",
    Milestone.ERASURE_FROM: "Premier jour où l’effacement est permis",
    Milestone.ERASURE_DUE: "Effacement, au plus tard",
    Milestone.CERTIFICATE_DUE: "Remise du certificat d’effacement, au plus tard",
}

SOURCES: Mapping[Source, str] = {
    Source.LETTER: "Courrier du client",
    Source.NOTICE_AT_MOST: "Règlement (UE) 2023/2854 (Data Act), art. 25, § 2, d)",
    Source.TRANSITION: "Data Act, art. 25, § 2, a) : transition de 30 jours au plus, le contrat restant applicable",
    Source.EXTENSION: "Data Act, art. 25, § 5 : transition prolongée à la demande du client",
    Source.REMINDER: "Délai de rappel du prestataire",
    Source.RETRIEVAL: "Data Act, art. 25, § 2, g) : 30 jours au moins pour récupérer les données",
    Source.COLLECTION: "Délai de retrait compté du jour de la restitution",
    Source.ERASURE_FROM: "Data Act, art. 25, § 2, h) ; RGPD, art. 28, § 3, g)",
    Source.ERASURE_DUE: "Délai du prestataire",
    Source.ERASURE_DUE_PUBLIC: "CCAG-TIC 2021, destruction des données : trois mois à compter de la restitution",
    Source.CERTIFICATE_DUE: "Décision d’exécution (UE) 2021/915, clause 10 ; délai du prestataire",
    Source.CERTIFICATE_DUE_PUBLIC: (
        "Décision d’exécution (UE) 2021/915, clause 10 ; CCAG-TIC 2021, destruction des données : "
        "trois mois à compter de la restitution"
    ),
}

STAGES: Mapping[Stage, str] = {
    Stage.NOTIFIED: "Demande reçue et approuvée",
    Stage.SERVING: "Service maintenu pendant le préavis et la transition",
    Stage.FROZEN: "Fin du service : sauvegardes arrêtées, accès des machines fermés",
    Stage.RETURNED: "Étape de restitution achevée",
    Stage.ACKNOWLEDGED: "Récupération reconnue par le client, ou période de récupération écoulée",
    Stage.DISMANTLED: "Agents retirés, comptes des machines suspendus",
    Stage.ERASED: "Sauvegardes effacées, mots de passe détruits, comptes supprimés",
    Stage.VERIFIED: "Effacement vérifié",
    Stage.CLOSED: "Dossier clos",
    Stage.RENOUNCED: "Renonciation du client",
}

CHOICES: Mapping[Choice, str] = {
    Choice.RETURN: "Restitution des données, puis effacement",
    Choice.ERASE: "Effacement des données, sans restitution",
}

FORMATS: Mapping[ReturnFormat, str] = {
    ReturnFormat.FILES: "Fichiers",
    ReturnFormat.REPOSITORY: "Dépôt restic, avec son mot de passe et les programmes qui l’ouvrent",
}

OUTCOMES: Mapping[AgentOutcome, str] = {
    AgentOutcome.REMOVED: "Retiré par le prestataire",
    AgentOutcome.REMOVED_ITSELF: "Retiré de lui-même, sur ordre reçu",
    AgentOutcome.NEVER_INSTALLED: "Jamais installé",
    AgentOutcome.UNREACHED: "Machine injoignable : agent non retiré par le prestataire",
}

ROLES: Mapping[str, str] = {
    "wrote": "Demande enregistrée",
    "approved": "Approbation",
    "erased": "Effacement",
    "verified": "Vérification",
}
"""The roles of people in a departure, by the certificate's model."""

ATTESTED: Mapping[Attested, str] = {
    Attested.DATA_RECOVERED: "Le client a récupéré ses données",
    Attested.SOFTWARE_ERASED: "Le client a effacé le logiciel de sauvegarde de ses machines",
    Attested.ADMINISTRATORS_TOLD: "Le client a informé ses administrateurs et supprimé leurs comptes",
}

KEPT: Mapping[RetentionReason, tuple[str, str, str]] = {
    RetentionReason.JOURNAL: (
        "Journal de la fin de contrat (actes, dates, auteurs, constats), lettres, attestations, présent certificat",
        "Prouver l’exécution des obligations du prestataire",
        "RGPD, art. 5, § 2, et art. 28, § 3, h) ; code civil, art. 2224",
    ),
    RetentionReason.AUTHORITIES: (
        "Gels et communications ordonnés par une autorité, s’il y en a eu",
        "Prouver l’exécution d’une obligation légale",
        "Contrat, art. 12 ; code civil, art. 2224",
    ),
    RetentionReason.BILLING: (
        "Éléments de facturation : mise en service, licences, machines, options, quota et volumes par jour",
        "Justifier les factures émises",
        "Code de commerce, art. L123-22 ; livre des procédures fiscales, art. L102 B",
    ),
    RetentionReason.ADVICE: (
        "Conseils et avertissements adressés au client, et suite donnée",
        "Prouver le conseil et l’avertissement",
        "Contrat, art. 8 et 9, a ; code civil, art. 2224",
    ),
    RetentionReason.OPERATIONS: (
        "Trace des commandes d’exploitation : nom court du client, commande, auteur, heure et issue",
        "Prouver qui est intervenu, et quand",
        "RGPD, art. 5, § 2, et art. 32 ; code civil, art. 2224",
    ),
}
"""The records kept after the end: description, purpose, and legal text."""


LETTERS: Mapping[LetterKind, str] = {
    LetterKind.NOTICE_RECEIVED: "Accusé de réception de la demande",
    LetterKind.DATA_READY: "Mise à disposition des données",
    LetterKind.VENDOR_RESTORE: "Récupération des données par le portail de l’éditeur",
    LetterKind.REMINDER: "Rappel avant effacement",
    LetterKind.UNREACHED: "Machines injoignables",
    LetterKind.ERASED: "Effacement et certificat",
    LetterKind.RENOUNCED: "Renonciation",
}

LETTER_STATES: Mapping[MailState, str] = {
    MailState.WRITTEN: "établi, à remettre par une autre voie que le courrier électronique",
    MailState.SENDING: "envoi interrompu, dont l’issue n’est pas connue",
    MailState.SENT: "accepté par le serveur de courrier",
    MailState.FAILED: "envoi refusé par le serveur de courrier",
}


def describe_calendar(calendar: Calendar) -> list[str]:
    """Return the calendar as lines of text, for a terminal or an e-mail."""
    dates = [format_day(entry.on) for entry in calendar.entries]
    width = max(map(len, dates))
    lines = []
    for entry, day in zip(calendar.entries, dates, strict=True):
        lines += [f"{day:>{width}}  {MILESTONES[entry.milestone]}", f"{'':{width}}  ({SOURCES[entry.source]})"]
    return lines


def describe_target(target: ReturnTarget) -> str:
    """Describe the target of the return."""
    if isinstance(target, S3Target):
        place = f"{target.bucket}/{target.prefix}" if target.prefix else target.bucket
        return f"votre espace de stockage {place} ({target.endpoint.rstrip('/')})"
    return "un support que nous vous remettons"
