"""The French words for findings: an operator reads them to the customer on the phone. No other module has them.

They say what it means for the customer, not how it was seen; the operator's words stand in `findings.py` beside it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from coffre.agents.report_paths import PathState
from coffre.correspondence.french import count, format_moment, format_rounded_size
from coffre.findings import Evidence, Finding, FindingKind
from coffre.outside.text import one_line
from coffre.spec.values.timezones import DEFAULT_TIMEZONE
from coffre.supervision.findings.standing import Attribution, Consequence, NextAction

_PATH_LENGTH = 120

ATTRIBUTIONS: Mapping[Attribution, str] = {
    Attribution.SMILEO: "relève de SMILÉO",
    Attribution.CUSTOMER: "relève du client",
    Attribution.VENDOR: "relève d’un fournisseur",
    Attribution.UNKNOWN: "origine à établir",
}

CONSEQUENCES: Mapping[Consequence, str] = {
    Consequence.NONE: "",
    Consequence.BACKUPS_STOP: "les sauvegardes ne s’exécutent plus (articles 2 et 8)",
    Consequence.BACKUPS_WILL_STOP: "les sauvegardes s’arrêteront quand l’espace sera plein (articles 2 et 8)",
    Consequence.PART_WILL_STOP: "les sauvegardes des machines de cette partie s’arrêteront quand elle sera pleine "
    "(article 2)",
    Consequence.NO_RECENT_BACKUP: "ce qui a changé depuis la dernière sauvegarde n’est pas protégé (article 15)",
    Consequence.RESTORE_MAY_FAIL: "une sauvegarde risque de ne pas pouvoir être restaurée (article 15)",
    Consequence.DELETED_BACKUP: "une sauvegarde supprimée est perdue après le délai de récupération (article 15)",
    Consequence.FOREIGN_ACCESS: "un tiers a peut-être eu accès aux données (article 12)",
    Consequence.UNSUPERVISED: "la supervision de SMILÉO est incomplète (article 16)",
    Consequence.OPTION_OWED: "une option commandée n’est pas réalisée dans les délais (article 16)",
    Consequence.SERVICE_LEVEL: "ce temps compte dans la disponibilité de 99,7 % par an (article 15)",
}

ACTIONS: Mapping[NextAction, str] = {
    NextAction.WAIT: "attendre la prochaine mise en marche de la machine",
    NextAction.CALL_CUSTOMER: "voir avec le client",
    NextAction.CALL_CUSTOMER_NOW: "appeler le client sans attendre et isoler la machine du réseau",
    NextAction.ASK_AUTHOR: "SMILÉO vérifie que ce changement est voulu",
    NextAction.PROPOSE_AMENDMENT: "proposer un avenant, ou libérer de l’espace",
    NextAction.LOOK_AT_MACHINE: "examiner la machine",
    NextAction.RUN_APPLY: "SMILÉO remet le service en ordre",
    NextAction.RUN_VERIFY: "SMILÉO contrôle les sauvegardes",
    NextAction.RUN_DRILL: "SMILÉO réalise le test de restauration",
    NextAction.RUN_PRUNE: "SMILÉO retire les sauvegardes arrivées à échéance",
    NextAction.RUN_COPY: "SMILÉO relance la seconde copie",
    NextAction.UNDELETE: "SMILÉO rétablit les sauvegardes",
    NextAction.FIND_WRITER: "SMILÉO recherche l’origine et change la clé de la machine",
    NextAction.FIND_COPY: "préciser si la machine a été remplacée ou copiée",
    NextAction.FIND_OWNER: "établir à qui sont ces données",
    NextAction.RETIRE_OR_ROTATE: "SMILÉO vérifie si la machine sert encore, et change sa clé",
    NextAction.UPDATE_COFFRE: "mettre à jour l’outil de SMILÉO",
    NextAction.VERIFY_RECORDS: "SMILÉO contrôle ses registres",
    NextAction.CALL_HOST: "SMILÉO s’adresse à l’hébergeur",
    NextAction.REPAIR_CHANNEL: "SMILÉO rétablit ses messages",
    NextAction.RUN_PROBES: "SMILÉO relance la mesure",
    NextAction.MOVE_QUOTA: "SMILÉO répartit autrement l’espace commandé, sans avenant",
    NextAction.ORDER_LICENCES: "SMILÉO commande les licences manquantes",
    NextAction.CALL_DISTRIBUTOR: "SMILÉO s’adresse au distributeur",
    NextAction.CALL_EDITOR: "SMILÉO s’adresse à l’éditeur",
    NextAction.LOOK_IN_PORTAL: "consulter la console de l’éditeur",
}

_PATHS: Mapping[str, str] = {
    PathState.MISSING: "n’existe pas sur la machine",
    PathState.EMPTY: "ne contient aucun fichier",
    PathState.EXCLUDED: "est entièrement exclu par le plan de sauvegarde",
    PathState.UNREADABLE: "n’a pas pu être lu",
    PathState.SHRUNK: "ne contient presque plus rien",
    PathState.UNMOUNTED: "se trouve sur un disque qui n’est plus monté",
    PathState.LINK_REFUSED: "est un lien qui n’est pas suivi",
}


def describe(finding: Finding, timezone: str = DEFAULT_TIMEZONE) -> str:
    """Return a finding as one French sentence without its machine."""
    return WORDS[finding.kind](finding.evidence, timezone)


def _moment(value: object, timezone: str) -> str:
    return format_moment(datetime.fromisoformat(str(value)), timezone)


def _since(evidence: Evidence, timezone: str) -> str:
    last = evidence["last_success_at"]
    return "son installation" if last is None else f"le {_moment(last, timezone)}"


def _path(evidence: Evidence, _: str) -> str:
    state = _PATHS.get(str(evidence["state"]), "n’a pas été sauvegardé")
    return f"le dossier {one_line(str(evidence['path']), _PATH_LENGTH)} {state}"


def _used(evidence: Evidence) -> str:
    used, sold = int(evidence["used_bytes"] or 0), int(evidence["quota_bytes"] or 0)
    return f"{format_rounded_size(used)} utilisés sur {format_rounded_size(sold)}"


def _plainly(text: str) -> Callable[[Evidence, str], str]:
    return lambda _evidence, _timezone: text


_INTRUSION = "des objets inconnus ou modifiés ont été trouvés dans l’espace de la machine ; ils sont ignorés"
_REPORTS = "des comptes rendus de la machine manquent ou ont été remplacés"
_UNSEEN = "l’espace de stockage n’a pas pu être contrôlé"

WORDS: Mapping[FindingKind, Callable[[Evidence, str], str]] = {
    FindingKind.REPORT_SET_ASIDE: _plainly(_INTRUSION),
    FindingKind.REPORTS_FLOODED: _plainly("la machine, ou quelqu’un à sa place, écrit trop de comptes rendus"),
    FindingKind.FOREIGN_KEYS: _plainly(_INTRUSION),
    FindingKind.APPLIED_SET_ASIDE: _plainly(_INTRUSION),
    FindingKind.ORDERS_SET_ASIDE: _plainly("les consignes de la machine ont été modifiées ; elle ne les suit pas"),
    FindingKind.ORDERS_NOT_TAKEN: _plainly("la machine n’a pas pris en compte ses dernières consignes"),
    FindingKind.CLOCK_OFF: lambda evidence, _: (
        f"l’horloge de la machine {'avance' if int(evidence['seconds'] or 0) > 0 else 'retarde'} de "
        f"{count(abs(int(evidence['seconds'] or 0)) // 60, 'minute', 'minutes')} : à partir de 15, elle ne pourra plus "
        "se sauvegarder"
    ),
    FindingKind.VERSION_BEHIND: _plainly("l’agent de sauvegarde de la machine n’est pas à jour"),
    FindingKind.ORDERS_OUTDATED: _plainly("d’anciennes consignes de la machine ont été remises en place"),
    FindingKind.REPOSITORY_DAMAGED: lambda evidence, _: (
        "le contrôle a trouvé des sauvegardes endommagées "
        f"({count(int(evidence['count'] or 0), 'élément', 'éléments')})"
    ),
    FindingKind.VERIFICATION_LATE: _plainly("le contrôle périodique de toutes les sauvegardes est en retard"),
    FindingKind.DRILL_OVERDUE: lambda evidence, timezone: (
        f"le test de restauration prévu le {_moment(evidence['due_at'], timezone)} n’a pas encore eu lieu"
    ),
    FindingKind.DRILL_FAILED: lambda evidence, timezone: (
        f"le test de restauration {'' if evidence['platform'] is None else 'de la seconde copie '}"
        f"du {_moment(evidence['at'], timezone)} a échoué"
    ),
    FindingKind.FILLS_STORAGE: _plainly("la machine remplit l’espace avec autre chose que ses sauvegardes"),
    FindingKind.WALL_REACHED: _plainly("la limite technique de l’espace est atteinte"),
    FindingKind.SIZES_DISAGREE: _plainly("deux mesures de l’espace utilisé ne concordent pas"),
    FindingKind.GATE_SET_ASIDE: _plainly(_INTRUSION),
    FindingKind.SNAPSHOT_TIME: _plainly("des sauvegardes portent une date impossible"),
    FindingKind.REPOSITORY_GONE: _plainly("le dépôt de sauvegardes de la machine a disparu"),
    FindingKind.SNAPSHOTS_GONE: lambda evidence, _: (
        f"{count(int(evidence['count'] or 0), 'sauvegarde a disparu', 'sauvegardes ont disparu')} sans ordre de SMILÉO"
    ),
    FindingKind.PACKS_GONE: _plainly("des données de sauvegardes ont disparu sans ordre de SMILÉO"),
    FindingKind.REPORTS_GONE: _plainly(_REPORTS),
    FindingKind.REPORTS_MISSING: _plainly(_REPORTS),
    FindingKind.REPORT_REPLAYED: _plainly(_REPORTS),
    FindingKind.MEMORY_CHANGED: _plainly("le registre de la machine a été modifié en dehors de l’outil de SMILÉO"),
    FindingKind.REPORT_KEY_LACKING: _plainly("les comptes rendus de la machine ne peuvent pas encore être lus"),
    FindingKind.OTHER_MACHINE: _plainly("une autre machine sauvegarde sous le même nom"),
    FindingKind.PATH_NOT_SAVED: _path,
    FindingKind.PATHS_NOT_SAVED: lambda evidence, _: (
        f"{count(int(evidence['count'] or 0), 'autre dossier n’est', 'autres dossiers ne sont')} pas sauvegardé"
        f"{'s' if int(evidence['count'] or 0) > 1 else ''}"
    ),
    FindingKind.SIZE_JUMPED: lambda evidence, _: (
        f"le dossier {one_line(str(evidence['path']), _PATH_LENGTH)} est passé de "
        f"{format_rounded_size(int(evidence['bytes_before'] or 0))} à "
        f"{format_rounded_size(int(evidence['bytes'] or 0))}"
    ),
    FindingKind.SNAPSHOT_NOT_WHOLE: _plainly("la dernière sauvegarde ne peut pas être restaurée en entier"),
    FindingKind.COPY_LATE: _plainly("la seconde copie des sauvegardes est en retard"),
    FindingKind.COPY_FAULTS: _plainly("une partie des sauvegardes n’a pas pu être recopiée"),
    FindingKind.COPY_GONE: _plainly("la seconde copie des sauvegardes manque"),
    FindingKind.COPY_NOT_SEEN: _plainly("la seconde copie n’a pas pu être contrôlée"),
    FindingKind.QUOTA_NEAR: lambda evidence, _: (
        f"l’espace vendu est rempli à plus de {evidence['percent']} % : " + _used(evidence)
    ),
    FindingKind.QUOTA_REACHED: lambda evidence, _: (
        f"l’espace vendu est plein : {_used(evidence)} ; les sauvegardes sont arrêtées"
    ),
    FindingKind.BACKUP_LATE: lambda evidence, timezone: (
        f"pas de sauvegarde depuis {_since(evidence, timezone)} ; la machine est sans doute éteinte"
    ),
    FindingKind.BACKUP_MISSED: lambda evidence, timezone: (
        f"pas de sauvegarde depuis {_since(evidence, timezone)}, alors qu’une était prévue le "
        f"{_moment(evidence['due_at'], timezone)}"
    ),
    FindingKind.BACKUP_FAILED: _plainly("la dernière sauvegarde a échoué"),
    FindingKind.WITNESSES_DISAGREE: _plainly(
        "la machine annonce une sauvegarde qui n’est pas dans l’espace de stockage"
    ),
    FindingKind.SNAPSHOTS_MISDATED: _plainly(
        "des sauvegardes portent une autre date que celle de leur arrivée ; aucune n’est retirée"
    ),
    FindingKind.RETENTION_TOO_MUCH: _plainly(
        "trop de sauvegardes seraient retirées d’un coup ; aucune ne l’est sans vérification"
    ),
    FindingKind.RETENTION_LATE: lambda evidence, _: (
        f"{count(int(evidence['count'] or 0), 'sauvegarde a', 'sauvegardes ont')} dépassé la durée de conservation "
        "prévue"
    ),
    FindingKind.RETENTION_FREES_NOTHING: _plainly("les sauvegardes retirées occupent encore de l’espace"),
    FindingKind.NOT_KNOWN: _plainly("le service n’est pas encore sous supervision"),
    FindingKind.TENANT_NOT_SEEN: _plainly(_UNSEEN),
    FindingKind.MACHINE_NOT_DEPLOYED: _plainly("l’agent de sauvegarde n’a jamais été installé sur cette machine"),
    FindingKind.BUCKET_NOT_DECLARED: _plainly("un espace de stockage n’appartient à aucune machine déclarée"),
    FindingKind.USER_NOT_DECLARED: _plainly("des comptes de la plateforme n’appartiennent à aucun client connu"),
    FindingKind.STACK_GONE: _plainly("l’outil de SMILÉO n’a plus la description technique de cet espace"),
    FindingKind.USERS_GONE: _plainly("des comptes d’accès à l’espace de stockage ont disparu de la plateforme"),
    FindingKind.KEY_UNKNOWN: _plainly("une clé d’accès à l’espace n’a pas été créée par SMILÉO"),
    FindingKind.KEY_UNUSED: lambda evidence, _: (
        f"la clé d’accès de la machine n’a pas servi depuis {count(int(evidence['days'] or 0), 'jour', 'jours')}"
    ),
    FindingKind.PART_NOT_SEEN: _plainly("une partie de l’espace de stockage n’a pas pu être contrôlée"),
    FindingKind.PART_FULL: lambda evidence, _: f"une partie de l’espace est presque pleine : {_used(evidence)}",
    FindingKind.USE_NOT_TOLD: _plainly("l’éditeur n’indique pas l’espace utilisé : il n’est pas connu"),
    FindingKind.VENDOR_ALERT: lambda evidence, _: (
        "la console de l’éditeur affiche d’autres alertes"
        if evidence["type"] is None
        else f"la console de l’éditeur affiche une alerte ({one_line(str(evidence['type']), _PATH_LENGTH)})"
    ),
    FindingKind.AGENT_OFFLINE: lambda evidence, timezone: (
        f"l’éditeur ne joint plus l’agent de la machine depuis le {_moment(evidence['since'], timezone)}"
    ),
    FindingKind.AGENT_GONE: _plainly("l’agent de la machine n’est plus enregistré chez l’éditeur"),
    FindingKind.AGENT_NOT_DECLARED: _plainly("un agent est enregistré chez l’éditeur pour une machine inconnue"),
    FindingKind.PLAN_MISSING: _plainly("aucun plan de protection n’est actif sur la machine"),
    FindingKind.LICENCES_NOT_GRANTED: lambda evidence, _: (
        f"l’éditeur accorde moins de licences que commandé : {evidence['granted']} sur {evidence['ordered']}"
    ),
    FindingKind.LICENCES_NOT_ORDERED: lambda evidence, _: (
        f"plus de licences sont utilisées que commandé : {evidence['used']} pour {evidence['ordered']}"
    ),
    FindingKind.PLATFORM_AWAY: _plainly("la plateforme de stockage ne répond pas"),
    FindingKind.PLATFORM_IN_MAINTENANCE: lambda evidence, timezone: (
        "la plateforme de stockage est en maintenance jusqu’au " + _moment(evidence["maintenance_until"], timezone)
    ),
    FindingKind.PROBES_MISSING: _plainly("la disponibilité de la plateforme de stockage n’est plus mesurée"),
    FindingKind.PROBE_CANNOT_LOOK: _plainly("la disponibilité de la plateforme de stockage ne peut pas être mesurée"),
    FindingKind.AVAILABILITY_SPENT: lambda evidence, _: (
        f"{evidence['percent']} % du temps d’indisponibilité permis en {evidence['year']} sont consommés"
    ),
    FindingKind.CUSTOMER_NOT_TOLD: _plainly("un message au client n’a pas pu partir"),
    FindingKind.CHANNEL_FAILING: _plainly("un canal d’alerte de SMILÉO ne reçoit plus de messages"),
    FindingKind.SUSPECTED_ATTACK: lambda evidence, timezone: (
        "les fichiers de la machine semblent attaqués ; aucune de ses sauvegardes n’est plus supprimée"
        + (
            ""
            if evidence["last_good_at"] is None
            else f", la dernière sauvegarde saine est celle du {_moment(evidence['last_good_at'], timezone)}"
        )
    ),
    FindingKind.SETTINGS_WEAKENED: lambda evidence, timezone: (
        f"un changement de réglages du {_moment(evidence['at'], timezone)} protège moins qu’avant"
    ),
    FindingKind.OF_NEWER_VERSION: _plainly("constat d’une version plus récente de l’outil"),
    FindingKind.NOT_SEEN: _plainly(_UNSEEN),
}
