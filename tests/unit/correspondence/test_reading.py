"""A mail of Coffre's as people read it: without the encodings in which it left."""

from email.message import EmailMessage
from email.policy import SMTP

from coffre.correspondence.reading import read_mail

TEXT = "Madame, Monsieur,\n\nL’espace de vos sauvegardes est plein : 38,97\u00a0Mio.\n"


def test_headers_and_text_are_read_as_they_were_written() -> None:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = "SMILÉO SAS <exploitation@smileo.example>"
    mail["To"] = "claire@martin.example"
    mail["Subject"] = "Vos sauvegardes sont arrêtées : l’espace est plein – contrat BC-2026-0412, " + "x" * 80
    mail["Message-ID"] = "<1@smileo.example>"
    mail.set_content(TEXT)
    document = mail.as_bytes().decode()
    assert "arrêtées" not in document
    read = read_mail(document)
    assert read.text == TEXT
    assert read.headers == {name: mail[name] for name in ("From", "To", "Subject", "Message-ID")}


def test_a_mail_without_text_has_none() -> None:
    assert read_mail("Subject: x\r\nContent-Type: application/pdf\r\n\r\n").text == ""
