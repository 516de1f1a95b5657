"""Every check, secret and letter has its French, whatever it looks at and sees; English is left to the CLI."""

from datetime import UTC, date, datetime
from typing import get_args

import pytest

from coffre.cli.words.checks import describe_check
from coffre.offboarding.certificate.wording import LOOKS, name_check, name_secret, say_seen, say_told
from coffre.offboarding.erase.checks import (
    Absent,
    ContentsSeen,
    CustomerSeen,
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
    Seen,
    ServiceKeys,
    ToldByLetter,
)
from coffre.secrets.identifiers import Generation, SecretId, SecretKind

DELETED_AT = datetime(2027, 5, 3, 9, 30, tzinfo=UTC)
BUCKET, UID = "martin-compta-01-779e82c9b5", "martin-k7f3q9wz2m"

WORDS: list[tuple[ErasureLook, Seen, str]] = [
    (ErasureLook.BUCKET, Absent(), "la plate-forme répond à l’administrateur qu’il n’existe pas"),
    (ErasureLook.CONTENTS, Absent(), "la plate-forme répond qu’il n’existe pas"),
    (ErasureLook.USER, Absent(), "inexistant"),
    (ErasureLook.PASSWORD, Absent(), "aucun"),
    (ErasureLook.USER, Present(), "toujours présent"),
    (ErasureLook.PASSWORD, Present(), "toujours présent"),
    (ErasureLook.BUCKET, Present(owner=UID), f"toujours présent, propriétaire {UID}"),
    (
        ErasureLook.CONTENTS,
        ContentsSeen(versions=3, markers=2, uploads=1),
        "versions : 3 ; marqueurs de suppression : 2 ; envois inachevés : 1",
    ),
    (ErasureLook.RECORD, Left(), "aucune entrée bucket.instance"),
    (ErasureLook.RECORD, Left(names=("a:1", "a:2")), "entrées bucket.instance : a:1, a:2"),
    (ErasureLook.NAME, Left(), "ne répond plus"),
    (ErasureLook.NAME, Left(names=("a",)), "répond encore : a"),
    (ErasureLook.BUNDLES, Left(), "aucun, ni dans le dossier des secrets ni au séquestre"),
    (ErasureLook.BUNDLES, Left(names=("a",)), "restent : a"),
    (ErasureLook.STACK, Left(), "aucune"),
    (ErasureLook.STACK, Left(names=("a",)), "restent : a"),
    (ErasureLook.OWNED, OwnedBuckets(sought=2), "clé acceptée ; espaces recherchés : 2 ; espaces listés : aucun"),
    (
        ErasureLook.OWNED,
        OwnedBuckets(sought=2, names=("a",)),
        "clé acceptée ; espaces recherchés : 2 ; espaces listés : a",
    ),
    (ErasureLook.KEY, KeyTried(answer=KeyAnswer.UNKNOWN), "requête signée refusée : InvalidAccessKeyId"),
    (ErasureLook.KEY, KeyTried(answer=KeyAnswer.ACCEPTED), "la clé est encore acceptée"),
    (ErasureLook.KEY, KeyTried(answer=KeyAnswer.NO_BUCKET), "la clé est encore acceptée, l’espace n’existe pas"),
    (
        ErasureLook.KEY,
        KeyTried(answer=KeyAnswer.REFUSED, said="UserSuspended"),
        "la plate-forme connaît encore la clé, et répond : UserSuspended",
    ),
    (
        ErasureLook.RESTORE,
        RestoreTried(answer=RestoreAnswer.REFUSED, said="restic failed: Access Denied."),
        "refusée par la plate-forme (réponse de restic : Access Denied)",
    ),
    (ErasureLook.RESTORE, RestoreTried(answer=RestoreAnswer.OPENED), "restic a ouvert le dépôt"),
    (ErasureLook.RESTORE, RestoreTried(answer=RestoreAnswer.RESTORED), "la dernière sauvegarde a pu être restaurée"),
    (
        ErasureLook.RESTORE,
        RestoreTried(answer=RestoreAnswer.FAILED, said="wrong password"),
        "échouée sans que la plate-forme l’ait refusée ; réponse de restic : wrong password",
    ),
    (
        ErasureLook.CUSTOMER,
        CustomerSeen(is_listed=True, is_answering=True, is_being_deleted=True),
        "l’éditeur liste encore cet espace, ou un autre sous le même identifiant ; "
        "l’éditeur répond encore pour cet espace ; suppression en cours chez l’éditeur",
    ),
    (
        ErasureLook.CUSTOMER,
        CustomerSeen(is_listed=False, is_answering=False, is_being_deleted=False),
        "n’est plus listé et ne répond plus",
    ),
    (
        ErasureLook.CUSTOMER,
        CustomerSeen(is_listed=False, is_answering=False, is_being_deleted=False, deleted_at=DELETED_AT),
        "n’est plus listé ; l’éditeur le déclare supprimé depuis le 3\u00a0mai\u00a02027",
    ),
    (ErasureLook.QUOTED, Quoted(text="something new"), "something new"),
]


@pytest.mark.parametrize(("look", "seen", "words"), WORDS)
def test_what_is_seen_is_said_in_french(look: ErasureLook, seen: Seen, words: str) -> None:
    assert say_seen(ErasureCheck(look, BUCKET, False, seen)) == words


def test_there_are_words_for_everything_that_can_be_looked_at_and_seen() -> None:
    assert {look for look, _, _ in WORDS} == set(ErasureLook) == set(LOOKS)
    assert {type(seen) for _, seen, _ in WORDS} == set(get_args(Seen))
    answers = {seen.answer for _, seen, _ in WORDS if isinstance(seen, KeyTried | RestoreTried)}
    assert answers == {*KeyAnswer, *RestoreAnswer}


@pytest.mark.parametrize("look", list(ErasureLook))
def test_every_look_has_a_french_and_an_english_name_that_keep_its_subject(look: ErasureLook) -> None:
    check = ErasureCheck(look, BUCKET, True, Absent())
    assert name_check(check).endswith(BUCKET)
    assert f"{BUCKET}: " in describe_check(check)
    assert name_check(ErasureCheck(ErasureLook.OWNED, "", True, OwnedBuckets(sought=1))) == LOOKS[ErasureLook.OWNED]


@pytest.mark.parametrize(
    ("holder", "french", "english"),
    [
        (SecretId(SecretKind.OWNER_KEY), "clé du propriétaire", "the owner's key"),
        (
            SecretId(SecretKind.OWNER_KEY, generation=Generation.OLD),
            "ancienne clé du propriétaire",
            "the old owner's key",
        ),
        (SecretId(SecretKind.MACHINE_KEY, "compta-01"), "clé de compta-01", "the key of compta-01"),
        (
            SecretId(SecretKind.MACHINE_KEY, "compta-01", Generation.OLD),
            "ancienne clé de compta-01",
            "the old key of compta-01",
        ),
    ],
)
def test_whose_a_key_was_is_said(holder: SecretId, french: str, english: str) -> None:
    check = ErasureCheck(ErasureLook.KEY, "AKIA1", True, KeyTried(answer=KeyAnswer.UNKNOWN), holder)
    assert name_check(check) == f"Clé d’accès AKIA1 ({french})"
    assert describe_check(check).startswith(f"access key AKIA1 ({english}): ")


def test_a_platform_that_still_knows_a_key_is_quoted_to_the_operator() -> None:
    check = ErasureCheck(
        ErasureLook.KEY, "AKIA1", False, KeyTried(answer=KeyAnswer.REFUSED, said="RGW said UserSuspended")
    )
    assert describe_check(check) == "access key AKIA1: the platform knows the key: RGW said UserSuspended"


def test_destroyed_secrets_and_letters_are_named_in_french() -> None:
    assert name_secret(RepositoryPasswords()) == "Mots de passe de toutes les sauvegardes"
    assert name_secret(RepositoryPasswords(machine="m1")) == "Mot de passe des sauvegardes de m1"
    assert name_secret(ServiceKeys()).startswith("Clés du service : ")
    assert name_secret(ServiceKeys(copied_to="aws-paris")) == (
        "Clés de la seconde copie (aws-paris) : clé d’accès, configuration technique"
    )
    assert name_secret(Quoted(text="the data bundle")) == "the data bundle"
    assert say_told(ToldByLetter(on=date(2027, 4, 5))) == "courrier du 05/04/2027"
