"""The quota of one tenant is one matter: of several messages about it, each recipient hears the strongest. Pure.

A begin at 100 % also says what one at 90 % would say. So the weaker one goes with it, also when it waits for a later
time.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from coffre.findings import FindingKind
from coffre.records.kept_findings import KeptFinding
from coffre.records.messages import Audience, Message, MessageKind, Told
from coffre.supervision.judge.quota import QUOTA_KINDS
from coffre.supervision.telling.planning import read_finding, write_place, write_time

_FULL_PERCENT = 100
_Recipient = tuple[Audience, str, str]


@dataclass
class Choice:
    """What becomes of the messages that wait.

    ``due`` go out now, with those of a customer that the same letter says. The recipient has heard something stronger
    than ``covered``. ``outdated`` are ends that no longer hold: it has begun again.
    """

    due: list[Message] = field(default_factory=list)
    covered: list[Message] = field(default_factory=list)
    outdated: list[Message] = field(default_factory=list)


def choose(
    waiting: Sequence[Message], told: Iterable[Message], open_now: Collection[KeptFinding], now: datetime
) -> Choice:
    """Choose what goes out; ``told`` are the begins that recipients heard, ``open_now`` the findings that are open."""
    open_levels = _find_open(open_now)
    heard = _find_heard(told, open_now)
    groups: dict[_Recipient, list[tuple[int, Message]]] = {}
    choice = Choice()
    for each in waiting:
        level = _find_level(each)
        if level is None:
            _add_if_due(choice, each, now)
        elif each.told is not Told.END:
            groups.setdefault(_recipient(each), []).append((level, each))
        elif each.audience is Audience.CUSTOMER and open_levels.get(each.tenant_id, 0) >= level:
            choice.outdated.append(each)
        else:
            _add_if_due(choice, each, now)
    for recipient, begins in groups.items():
        least = heard.get(recipient, 0)
        choice.covered += [each for level, each in begins if level < least]
        left = [(level, each) for level, each in begins if level >= least]
        strongest = max((level for level, _ in left), default=0)
        if _is_due([each for _, each in left], [each for level, each in left if level == strongest], now):
            is_letter = recipient[0] is Audience.CUSTOMER
            choice.due += [each for level, each in left if is_letter or level == strongest]
    return choice


def list_quota_places(waiting: Iterable[Message], open_now: Iterable[KeptFinding]) -> list[str]:
    """Return the places of the open findings about the quota of those tenants of whom such a message waits."""
    tenants = {each.tenant_id for each in waiting if each.told is not Told.END and _find_level(each) is not None}
    return [
        write_place(each.place)
        for each in open_now
        if each.place.kind in QUOTA_KINDS and each.is_open and each.place.tenant_id in tenants
    ]


def _add_if_due(choice: Choice, message: Message, now: datetime) -> None:
    if message.not_before <= now:
        choice.due.append(message)


def _is_due(begins: Iterable[Message], strongest: Iterable[Message], now: datetime) -> bool:
    """Tell whether the strongest goes out because one of them is due: not in the pause after an attempt that failed."""
    is_tried = any((each.attempts or each.error) and each.not_before > now for each in strongest)
    return not is_tried and any(each.not_before <= now for each in begins)


def _recipient(message: Message) -> _Recipient:
    return message.audience, message.recipient, message.tenant_id


def _find_heard(told: Iterable[Message], open_now: Iterable[KeptFinding]) -> dict[_Recipient, int]:
    """Return the strongest that each recipient heard of what still holds, in percent."""
    still = {(write_place(each.place), write_time(each.since)) for each in open_now if each.is_open}
    found: dict[_Recipient, int] = {}
    for each in told:
        level = _find_level(each)
        if level is not None and (each.about, each.occurrence) in still:
            found[_recipient(each)] = max(level, found.get(_recipient(each), 0))
    return found


def _find_open(open_now: Iterable[KeptFinding]) -> dict[str, int]:
    """Return the strongest that holds for each tenant, in percent."""
    found: dict[str, int] = {}
    for each in open_now:
        level = _level(each)
        if each.is_open and level is not None:
            found[each.place.tenant_id] = max(level, found.get(each.place.tenant_id, 0))
    return found


def _find_level(message: Message) -> int | None:
    """Return the part of the quota that a message is about, in percent; None when it is about something else."""
    return _level(read_finding(message)) if message.kind is MessageKind.FINDING else None


def _level(finding: KeptFinding) -> int | None:
    if finding.place.kind == FindingKind.QUOTA_REACHED:
        return _FULL_PERCENT
    percent = finding.evidence.get("percent")
    return percent if finding.place.kind == FindingKind.QUOTA_NEAR and isinstance(percent, int) else None
