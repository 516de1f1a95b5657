"""What the steps of an erasure wrote in English, as customers read it in the certificate. Pure.

A sentence that is not known here is shown as it was written: better a foreign word than a fact left out.
"""

import re
from collections.abc import Mapping

CHECKS: Mapping[str, str] = {
    "contents of bucket": "Contenu de l’espace",
    "buckets listed to the owner's key": "Espaces listés avec la clé du propriétaire",
    "platform's record of bucket": "Fiche de l’espace tenue par la plate-forme",
    "restore from bucket": "Tentative de restauration depuis l’espace",
    "bucket": "Espace",
    "user": "Compte",
    "access key": "Clé d’accès",
    "secret bundles of": "Fichiers de secrets de",
    "stack of": "Configuration technique de",
    "password of machine": "Mot de passe des sauvegardes de",
}
"""What a check looked at; the names of checks begin with these, the subject follows."""

_SEEN: tuple[tuple[str, str], ...] = (
    (r"there is none", "inexistant"),
    (r"the platform still has it", "toujours présent"),
    (r"a signed request is answered: InvalidAccessKeyId", "requête signée refusée : InvalidAccessKeyId"),
    (r"its listing was answered", "la clé est encore acceptée"),
    (r"the administrator is told that there is none", "la plate-forme répond à l’administrateur qu’il n’existe pas"),
    (r"the platform answers that there is no such bucket", "la plate-forme répond qu’il n’existe pas"),
    (r"it is there, owner (.+)", r"toujours présent, propriétaire \1"),
    (r"bucket\.instance lists none", "aucune entrée bucket.instance"),
    (r"bucket\.instance lists (.+)", r"entrées bucket.instance : \1"),
    (r"the secrets folder and the escrow have none", "aucun, ni dans le dossier des secrets ni au séquestre"),
    (r"the secrets folder and the escrow have (.+)", r"restent : \1"),
    (r"the bundle has none", "aucun"),
    (r"the bundle has it still", "toujours présent"),
    (r"Pulumi's folders have none", "aucune"),
    (r"Pulumi's folders have (.+)", r"restent : \1"),
    (
        r"(\d+) versions, (\d+) delete markers, (\d+) unfinished uploads",
        r"versions : \1 ; marqueurs de suppression : \2 ; envois inachevés : \3",
    ),
    (
        r"the key is accepted; of (\d+) buckets it is listed none",
        r"clé acceptée ; espaces recherchés : \1 ; espaces listés : aucun",
    ),
    (
        r"the key is accepted; of (\d+) buckets it is listed (.+)",
        r"clé acceptée ; espaces recherchés : \1 ; espaces listés : \2",
    ),
    (r"restic failed: .*Access Denied.*", "refusée par la plate-forme (réponse de restic : Access Denied)"),
    (r"restic restored the latest snapshot", "la dernière sauvegarde a pu être restaurée"),
)

_SUBJECTS: tuple[tuple[str, str], ...] = (
    (r"(.*)\(the owner's key\)", r"\1(clé du propriétaire)"),
    (r"(.*)\(the old owner's key\)", r"\1(ancienne clé du propriétaire)"),
    (r"(.*)\(the key of (.+)\)", r"\1(clé de \2)"),
    (r"(.*)\(the old key of (.+)\)", r"\1(ancienne clé de \2)"),
)

_SECRETS: tuple[tuple[str, str], ...] = (
    (r"the repository passwords", "Mots de passe de toutes les sauvegardes"),
    (r"the repository password of (.+)", r"Mot de passe des sauvegardes de \1"),
    (r"the keys of the service", "Clés du service : clés d’accès, signature des ordres, configuration technique"),
)

REPOSITORY_PASSWORDS = "the repository password"
"""What the destruction of repository passwords is recorded as begins with this."""


def name_check(name: str) -> str:
    """Return the French name of a check."""
    for english, words in CHECKS.items():
        if name == english or name.startswith(f"{english} "):
            return words + _translate(_SUBJECTS, name.removeprefix(english))
    return name


def say_seen(text: str) -> str:
    """Return what a check saw, in French where the sentence is known."""
    return _translate(_SEEN, text)


def name_secret(what: str) -> str:
    """Return the French name of a destroyed secret."""
    return _translate(_SECRETS, what)


def _translate(known: tuple[tuple[str, str], ...], text: str) -> str:
    for pattern, words in known:
        found = re.fullmatch(pattern, text)
        if found is not None:
            return found.expand(words)
    return text
