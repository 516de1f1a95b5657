"""The words of messages to SMILÉO's channels, and of the outbox; no other module has them.

What machines and customers named stands in them: it is one line each, and looks like no link or mention.
"""

from collections.abc import Iterator, Mapping, Sequence

from coffre.cli.words.supervision.findings import describe
from coffre.correspondence.channels import TEXT_LENGTH, Note
from coffre.outside.text import one_line
from coffre.records.messages import Message, MessageKind, Outcome, Told
from coffre.supervision.findings.life import as_finding
from coffre.supervision.findings.standing import find_standing
from coffre.supervision.telling.planning import read_finding
from coffre.supervision.telling.rules import Batch

TEST = Note("Coffre: a test", "This is a test message of `coffre notify test`. Nothing has happened.")

_LINE, _TITLE = 400, 150
_LINES = 20
_OFF = str.maketrans({"<": "‹", ">": "›", "[": "(", "]": ")", "@": "＠", "`": "'", "*": "∗"})
"""What a channel may take for a link, a mention or markup."""

_TOLD: Mapping[Told, str] = {Told.BEGIN: "", Told.AGAIN: "still: ", Told.END: "ended: "}

OUTCOMES: Mapping[Outcome, str] = {
    Outcome.SENT: "sent",
    Outcome.GATHERED: "told by another message",
    Outcome.OVER: "not sent: it ended before",
    Outcome.SILENCED: "not sent: somebody acknowledged or silenced it",
    Outcome.GIVEN_UP: "given up: it was not taken for days",
    Outcome.NO_RECIPIENT: "not sent: the recipient is gone, or does not want it",
}


def write_note(batch: Batch) -> Note:
    """Return what one channel is told."""
    if not batch.is_digest and len(batch.messages) == 1:
        [message] = batch.messages
        return Note(_title(message), "\n".join(_lines(message)))
    begins, still, ends = (
        [each for each in batch.messages if each.told is told] for told in (Told.BEGIN, Told.AGAIN, Told.END)
    )
    since_before = f", {len(still)} still open" if still else ""
    title = f"Coffre: {_count(len(begins), 'finding')} new{since_before}, {len(ends)} ended"
    lines = [describe_message(each) for each in (*begins, *still, *ends)]
    shown = [*_fitting(lines[:_LINES])]
    left = len(lines) - len(shown)
    more = [f"… and {left} more"] if left else []
    return Note(title, "\n".join([*shown, *more, "All of them: coffre findings list"]))


def describe_message(message: Message) -> str:
    """Return what a message tells, as one line."""
    if message.kind is MessageKind.MAINTENANCE:
        return _plain(f"{message.slug}: {_describe_maintenance(message)}", _LINE)
    kept = read_finding(message)
    about = kept.slug or kept.place.platform or "Coffre"
    return _plain(f"{about}: {_TOLD[message.told]}{describe(as_finding(kept))}", _LINE)


def _describe_maintenance(message: Message) -> str:
    said = {Told.BEGIN: "declared", Told.AGAIN: "changed", Told.END: "withdrawn"}[message.told]
    content = message.content
    return f"maintenance {said}, from {content['begins_at']} to {content['ends_at']} ({content['reason']})"


def _title(message: Message) -> str:
    kept = read_finding(message)
    severity = find_standing(as_finding(kept)).severity
    about = kept.slug or kept.place.platform or "supervision"
    mark = f" ({severity.value})" if severity is not None and message.told is not Told.END else ""
    return _plain(f"Coffre: {about}: {_TOLD[message.told]}{kept.place.kind.replace('_', ' ')}{mark}", _TITLE)


def _lines(message: Message) -> Iterator[str]:
    kept = read_finding(message)
    standing = find_standing(as_finding(kept))
    yield describe_message(message)
    ended = "" if kept.closed_at is None else f", until {kept.closed_at:%Y-%m-%d %H:%M} UTC"
    yield f"Since {kept.since:%Y-%m-%d %H:%M} UTC{ended}; attributable to: {standing.attribution.value}"
    if kept.slug:
        yield f"More: coffre why {kept.slug}"


def _fitting(lines: Sequence[str]) -> Iterator[str]:
    """Yield the first lines that fit one message, with room for the last two."""
    left = TEXT_LENGTH - 100
    for line in lines:
        left -= len(line) + 1
        if left < 0:
            return
        yield line


def _plain(text: str, length: int) -> str:
    return one_line(text.translate(_OFF), length)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
