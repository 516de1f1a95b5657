"""What steps wrote in English reads in French: every kind of look has its words, and so has what is usually seen."""

import pytest

from coffre.offboarding.certificate.wording import CHECKS, name_check, say_seen
from coffre.offboarding.erase.verifying import Look


@pytest.mark.parametrize("look", list(Look))
def test_every_look_has_a_french_name_that_keeps_its_subject(look: Look) -> None:
    assert look.value in CHECKS
    assert name_check(f"{look} martin-compta-01-0123456789").endswith(" martin-compta-01-0123456789")


def test_whose_a_key_was_is_said_in_french() -> None:
    assert name_check("access key AKIA1 (the owner's key)") == "Clé d’accès AKIA1 (clé du propriétaire)"
    assert name_check("access key AKIA2 (the key of compta-01)") == "Clé d’accès AKIA2 (clé de compta-01)"
    assert name_check("access key AKIA3 (the old key of compta-01)") == "Clé d’accès AKIA3 (ancienne clé de compta-01)"


def test_a_refused_restore_is_said_in_french_and_what_is_not_known_stays() -> None:
    said = say_seen("restic failed: unable to open config file: Stat: Access Denied. Is there a repository …")
    assert "Access Denied" in said
    assert said.startswith("refusée")
    assert say_seen("something new") == "something new"
