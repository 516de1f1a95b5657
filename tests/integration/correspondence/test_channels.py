"""Channels by Apprise: what each kind sends to a real receiver, and what a failure says."""

import pytest

from coffre.correspondence.channels import ChannelError, Note, post
from tests.mail_server import ADDRESS, Inbox, free_port
from tests.receiver import receiving

NOTE = Note("Quota à 90 %", "martin: 450 Go\n<b>gras</b>")


def test_a_webhook_gets_title_and_text() -> None:
    with receiving() as receiver:
        post(receiver.url("json", "hook"), NOTE)
        [found] = receiver.notes("/hook")
    assert (found["title"], found["message"]) == (NOTE.title, NOTE.text)


def test_ntfy_gets_it_on_its_topic() -> None:
    with receiving() as receiver:
        post(receiver.url("ntfy", "coffre"), NOTE)
        [(_, body)] = receiver.taken
    assert "martin: 450 Go" in body


def test_a_mail_server_gets_it() -> None:
    from aiosmtpd.controller import Controller

    inbox, port = Inbox(), free_port()
    server = Controller(inbox, hostname=ADDRESS, port=port)
    server.start()
    try:
        post(f"mailto://{ADDRESS}:{port}?from=a@smileo.example&to=b@smileo.example&mode=insecure&format=text", NOTE)
    finally:
        server.stop()
    [mail] = inbox.messages
    assert (mail["To"], mail["Subject"]) == ("b@smileo.example", NOTE.title)


@pytest.mark.parametrize("status", [404, 503])
def test_a_refusal_says_its_code_and_nothing_is_tried_twice(status: int) -> None:
    with receiving() as receiver:
        receiver.status = status
        with pytest.raises(ChannelError, match=f"it answered HTTP {status}"):
            post(receiver.url("json", "s3cr3t"), NOTE)
        assert receiver.asked == ["/s3cr3t"]


def test_nobody_there_and_a_value_that_is_no_url_say_so_without_it() -> None:
    with pytest.raises(ChannelError, match="it cannot be reached") as unreached:
        post(f"json://{ADDRESS}:{free_port()}/s3cr3t", NOTE)
    for wrong in ("nonsense://s3cr3t", "s3cr3t", "https://example.webhook.office.com/s3cr3t"):
        with pytest.raises(ChannelError, match="it is not an Apprise URL") as refused:
            post(wrong, NOTE)
        assert "s3cr3t" not in f"{refused.value.message}{refused.value.hint}"
    assert "s3cr3t" not in unreached.value.message


def test_several_urls_in_one_value_are_not_sent_to_several() -> None:
    with receiving() as receiver:
        post(f"{receiver.url('json', 'a')} {receiver.url('json', 'b')}", NOTE)
        assert len(receiver.asked) == 1


def test_teams_and_slack_urls_are_read() -> None:
    import apprise

    for url in (
        "workflows://prod.westeurope.logic.azure.com:443/0123456789abcdef/s1gn4ture",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#exploitation",
    ):
        assert apprise.Apprise.instantiate(url) is not None, url
