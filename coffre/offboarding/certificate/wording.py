"""The French words of the certificate for checks, destroyed secrets and the customer's notification. Pure."""

from collections.abc import Mapping
from typing import assert_never

from coffre.correspondence import french
from coffre.offboarding.erase.checks import (
    Absent,
    ContentsSeen,
    CustomerSeen,
    DestroyedSecret,
    ErasureCheck,
    ErasureLook,
    KeyAnswer,
    KeyTried,
    Left,
    OwnedBuckets,
    Present,
    Quoted,
    RepositoryPasswords,
    RestoreAnswer,
    RestoreTried,
    ServiceKeys,
    Told,
    ToldByLetter,
)
from coffre.secrets.identifiers import Generation, SecretId

LOOKS: Mapping[ErasureLook, str] = {
    ErasureLook.CONTENTS: "Contenu de l’espace",
    ErasureLook.OWNED: "Espaces listés avec la clé du propriétaire",
    ErasureLook.RECORD: "Fiche de l’espace tenue par la plate-forme",
    ErasureLook.NAME: "Nom de l’espace dans le compte",
    ErasureLook.RESTORE: "Tentative de restauration depuis l’espace",
    ErasureLook.BUCKET: "Espace",
    ErasureLook.USER: "Compte",
    ErasureLook.KEY: "Clé d’accès",
    ErasureLook.BUNDLES: "Fichiers de secrets de",
    ErasureLook.STACK: "Configuration technique de",
    ErasureLook.PASSWORD: "Mot de passe des sauvegardes de",
    ErasureLook.CUSTOMER: "Espace du client chez l’éditeur",
    ErasureLook.QUOTED: "",
}
"""The name of a check; the subject follows."""

_ABSENT: Mapping[ErasureLook, str] = {
    ErasureLook.BUCKET: "la plate-forme répond à l’administrateur qu’il n’existe pas",
    ErasureLook.CONTENTS: "la plate-forme répond qu’il n’existe pas",
    ErasureLook.PASSWORD: "aucun",
}
_NOTHING_LEFT: Mapping[ErasureLook, str] = {
    ErasureLook.RECORD: "aucune entrée bucket.instance",
    ErasureLook.NAME: "ne répond plus",
    ErasureLook.BUNDLES: "aucun, ni dans le dossier des secrets ni au séquestre",
    ErasureLook.STACK: "aucune",
}
_LEFT: Mapping[ErasureLook, str] = {
    ErasureLook.RECORD: "entrées bucket.instance",
    ErasureLook.NAME: "répond encore",
}

_KEY_ANSWERS: Mapping[KeyAnswer, str] = {
    KeyAnswer.UNKNOWN: "requête signée refusée : InvalidAccessKeyId",
    KeyAnswer.ACCEPTED: "la clé est encore acceptée",
    KeyAnswer.NO_BUCKET: "la clé est encore acceptée, l’espace n’existe pas",
    KeyAnswer.REFUSED: "la plate-forme connaît encore la clé",
}
_RESTORE_ANSWERS: Mapping[RestoreAnswer, str] = {
    RestoreAnswer.REFUSED: "refusée par la plate-forme (réponse de restic : Access Denied)",
    RestoreAnswer.OPENED: "restic a ouvert le dépôt",
    RestoreAnswer.RESTORED: "la dernière sauvegarde a pu être restaurée",
    RestoreAnswer.FAILED: "échouée sans que la plate-forme l’ait refusée",
}


def name_check(check: ErasureCheck) -> str:
    """Return the name of a check."""
    holder = f" ({_name_holder(check.holder)})" if check.holder is not None else ""
    return f"{LOOKS[check.look]} {check.subject}".strip() + holder


def say_seen(check: ErasureCheck) -> str:
    """Return the result of a check."""
    seen, look = check.seen, check.look
    match seen:
        case Absent():
            return _ABSENT.get(look, "inexistant")
        case Present(owner=owner):
            return "toujours présent" + (f", propriétaire {owner}" if owner is not None else "")
        case ContentsSeen():
            return (
                f"versions : {seen.versions} ; marqueurs de suppression : {seen.markers} ; "
                f"envois inachevés : {seen.uploads}"
            )
        case Left(names=names):
            return f"{_LEFT.get(look, 'restent')} : {', '.join(names)}" if names else _NOTHING_LEFT.get(look, "aucun")
        case OwnedBuckets(sought=sought, names=names):
            listed = ", ".join(names) or "aucun"
            return f"clé acceptée ; espaces recherchés : {sought} ; espaces listés : {listed}"
        case KeyTried(answer=answer, said=said):
            return _KEY_ANSWERS[answer] + (f", et répond : {said}" if said else "")
        case RestoreTried(answer=answer, said=said):
            quoted = f" ; réponse de restic : {said}" if said and answer is RestoreAnswer.FAILED else ""
            return _RESTORE_ANSWERS[answer] + quoted
        case CustomerSeen():
            return _say_customer(seen)
        case Quoted(text=text):
            return text
        case _:
            assert_never(seen)


def _say_customer(seen: CustomerSeen) -> str:
    left = [
        words
        for is_so, words in (
            (seen.is_listed, "l’éditeur liste encore cet espace, ou un autre sous le même identifiant"),
            (seen.is_answering, "l’éditeur répond encore pour cet espace"),
            (seen.is_being_deleted, "suppression en cours chez l’éditeur"),
        )
        if is_so
    ]
    if left:
        return " ; ".join(left)
    if seen.deleted_at is None:
        return "n’est plus listé et ne répond plus"
    return f"n’est plus listé ; l’éditeur le déclare supprimé depuis le {french.format_day(seen.deleted_at.date())}"


def name_secret(secret: DestroyedSecret) -> str:
    """Return the name of a destroyed secret."""
    match secret:
        case RepositoryPasswords(machine=None):
            return "Mots de passe de toutes les sauvegardes"
        case RepositoryPasswords(machine=machine):
            return f"Mot de passe des sauvegardes de {machine}"
        case ServiceKeys(copied_to=str(platform)):
            return f"Clés de la seconde copie ({platform}) : clé d’accès, configuration technique"
        case ServiceKeys():
            return "Clés du service : clés d’accès, signature des ordres, configuration technique"
        case Quoted(text=text):
            return text
        case _:
            assert_never(secret)


def say_told(told: Told) -> str:
    """Return how the customer was informed about an unreachable machine."""
    match told:
        case ToldByLetter(on=on):
            return f"courrier du {on:%d/%m/%Y}"
        case Quoted(text=text):
            return text
        case _:
            assert_never(told)


def _name_holder(secret: SecretId) -> str:
    whose = "du propriétaire" if secret.subject is None else f"de {secret.subject}"
    return f"{'ancienne clé' if secret.generation is Generation.OLD else 'clé'} {whose}"
