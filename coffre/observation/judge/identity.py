"""Decides which machine backs up under a machine's name: rules over plain values. Pure.

A copy of a disk copies the agent's files too, but it is another machine. The agent's identity is compared with the
machine that SMILÉO accepted: another installation or other hardware is another machine, until an operator accepts it.
A copy with the same values is found by time: one machine has one boot at a time, so if two boots overlap, one is
another machine's. What another machine says is kept, stored and named, but never trusted.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from coffre.agents.identity import MachineIdentity
from coffre.agents.report import LONGEST_OFFSET_SECONDS, Report
from coffre.findings import Finding, FindingKind
from coffre.outside.text import one_line
from coffre.records.boots import AcceptedMachine, KnownBoot
from coffre.records.memory import Memory

MARGIN = timedelta(minutes=1)
"""How much two boots must overlap: clocks are known to the second."""

MAX_BOOTS = 1000
"""How many boots are remembered; the oldest of the machine's own are dropped first."""

LONGEST_NAME = 255

UNNAMED = "unnamed"
"""The key of a statement without identity, from a machine that gave one before."""

TAG_PREFIX = "machine-"

_LATER = "+"
"""The end of the key of a boot that goes on after its machine's place was given away."""


@dataclass(frozen=True)
class AgentStatement:
    """One statement of an agent: ``at`` by the server's clock (None: unknown), ``begun_at`` its best known start."""

    identity: MachineIdentity | None
    begun_at: datetime
    at: datetime | None = None
    number: int | None = None


def seen_by_us(said: MachineIdentity, at: datetime) -> AgentStatement:
    """Return the statement of an agent that SMILÉO deployed itself: its clock was compared with no other."""
    return AgentStatement(said.model_copy(update={"booted_at": None}), at)


def learn(memory: Memory, reports: Iterable[Report]) -> Memory:
    """Return what is known of machines after these reports, in any order. It only grows."""
    words = [_word_of(report) for report in reports]
    for word in sorted(words, key=lambda each: (each.begun_at, each.number or 0)):
        memory = hear(memory, word)
    return memory


def is_own(memory: Memory, report: Report) -> bool:
    """Tell whether a report is from the accepted machine."""
    word = _word_of(report)
    if _could_not_say(memory, word):
        return True
    memory = hear(memory, word)
    return memory.boots[boot_key(memory, word)].is_own


def is_another_machine(memory: Memory, said: MachineIdentity | None, at: datetime) -> bool:
    """Tell whether an agent's statement is certainly from another machine than the accepted one."""
    if said is None:
        return False
    boot = memory.boots.get(boot_key(memory, AgentStatement(said, at)))
    return bool(differences(memory.accepted, said)) or (boot is not None and not boot.is_own)


def boot_of(memory: Memory, report: Report) -> str | None:
    """Return the key of a report's boot, None when the boot is unknown."""
    word = _word_of(report)
    key = boot_key(memory, word)
    return key if key in memory.boots and not _could_not_say(memory, word) else None


def hear(memory: Memory, word: AgentStatement) -> Memory:
    """Return what is known of machines after one statement."""
    if _could_not_say(memory, word):
        return memory
    if memory.identified_since is None:
        memory = _accept_first(memory, word)
    key = boot_key(memory, word)
    known = memory.boots.get(key)
    boot = _first_heard(memory, key, word) if known is None else _heard_again(known, word)
    boots = dict(memory.boots) | {key: boot}
    if boot.is_own and boot.ended_at is None:
        boots |= _judge_overlaps(boots, boot)
    return replace(memory, boots=_bounded(boots))


def boot_key(memory: Memory, word: AgentStatement) -> str:
    """Return the key of a statement's boot. A boot that goes on after its place was given away has another key."""
    if word.identity is None:
        return UNNAMED
    said = word.identity
    key = hashlib.sha256(f"{said.machine_id}\n{said.hardware_id}\n{said.boot_id}".encode()).hexdigest()[:32]
    while (known := memory.boots.get(key)) is not None and known.ended_at is not None:
        if (word.at or word.begun_at) <= known.ended_at:
            break
        key += _LATER
    return key


def differences(accepted: AcceptedMachine | None, said: MachineIdentity) -> tuple[str, ...]:
    """Name the differences between a machine and the accepted one; an unknown value is no difference."""
    if accepted is None:
        return ()
    pairs = {
        "installation": (accepted.machine_id, said.machine_id),
        "hardware": (accepted.hardware_id, said.hardware_id),
    }
    return tuple(name for name, (one, other) in pairs.items() if one and other and one != other)


def accept(memory: Memory, said: MachineIdentity, at: datetime) -> Memory:
    """Return a memory that accepts the machine that SMILÉO sees at the machine's address.

    Earlier backups under the name do not change their owner, neither other machines' nor this one's.
    """
    word = seen_by_us(said, at)
    accepted = AcceptedMachine(said.machine_id, said.hardware_id, _shown(said.host_name), at)
    memory = replace(memory, accepted=accepted, identified_since=memory.identified_since or at)
    key = boot_key(memory, word)
    boot = memory.boots.get(key) or _first_heard(memory, key, word)
    boot = replace(boot, is_own=True, is_accepted=True)
    boots = dict(memory.boots) | {key: boot}
    mine = {each.key: replace(each, is_own=True) for each in boots.values() if _was_its_own(boots, each, accepted)}
    boots |= mine
    return replace(memory, boots=_bounded(boots | _judge_overlaps(boots, boot)))


def give_away(memory: Memory, at: datetime) -> Memory:
    """Return a memory in which, by SMILÉO's decision, the machine of the next deployment takes this place."""
    ended = {
        key: replace(each, ended_at=at) if each.is_own and each.ended_at is None else each
        for key, each in memory.boots.items()
    }
    return replace(memory, accepted=None, identified_since=memory.identified_since or at, boots=ended)


def let_go(memory: Memory) -> Memory:
    """Return a memory in which other machines' past backups raise no alarm; those are still never trusted."""
    boots = {key: replace(each, let_go_number=each.last_number or 0) for key, each in _others(memory).items()}
    return replace(memory, boots=dict(memory.boots) | boots)


def judge(machine: str, memory: Memory) -> tuple[Finding, ...]:
    """Name the other machines that back up under this one's name, each once, the latest to report first."""
    newest: dict[tuple[str, str], KnownBoot] = {}
    for boot in _others(memory).values():
        if boot.let_go_number is not None and (boot.last_number or 0) <= boot.let_go_number:
            continue
        which = (boot.machine_id, boot.hardware_id)
        if which not in newest or (boot.last_number or 0) > (newest[which].last_number or 0):
            newest[which] = boot
    found = sorted(newest.values(), key=lambda boot: boot.last_number or 0, reverse=True)
    return tuple(Finding(FindingKind.OTHER_MACHINE, machine, _evidence(memory, boot)) for boot in found)


def is_others_snapshot(memory: Memory, snapshot_id: str, tags: Iterable[str]) -> bool:
    """Tell whether another machine took a snapshot, by its machine's report, else by the snapshot's tag."""
    known = memory.snapshots.get(snapshot_id)
    if known is not None and known.boot in memory.boots:
        return memory.is_of_other(known)
    marks = {tag for tag in tags if tag.startswith(TAG_PREFIX)}
    own = {tag_of(boot.machine_id, boot.hardware_id) for boot in memory.boots.values() if boot.is_own}
    if memory.accepted is not None:
        own.add(tag_of(memory.accepted.machine_id, memory.accepted.hardware_id))
    return bool(marks) and memory.accepted is not None and not marks & own


def tag_of(machine_id: str, hardware_id: str) -> str:
    """Return the tag that a machine's agent gives its snapshots, computed as the agent does."""
    return TAG_PREFIX + hashlib.sha256(f"{machine_id}\n{hardware_id}".encode()).hexdigest()[:16]


def _evidence(memory: Memory, boot: KnownBoot) -> Mapping[str, str | int | None]:
    said = MachineIdentity(machine_id=boot.machine_id, hardware_id=boot.hardware_id)
    reasons = differences(memory.accepted, said)
    if boot.key == UNNAMED:
        reasons = ("silence",)
    elif memory.accepted is None:
        reasons = ("waiting",)
    return {
        "host_name": boot.host_name,
        "differs": ",".join(reasons) or "start",
        "number": boot.last_number,
        "last_at": None if boot.last_at is None else f"{boot.last_at:%Y-%m-%dT%H:%M:%SZ}",
        "accepted_host_name": memory.accepted.host_name if memory.accepted is not None else None,
    }


def _others(memory: Memory) -> dict[str, KnownBoot]:
    return {key: boot for key, boot in memory.boots.items() if not boot.is_own}


def _word_of(report: Report) -> AgentStatement:
    offset = report.clock_offset_seconds
    if offset is None or abs(offset) > LONGEST_OFFSET_SECONDS:
        # No clock was compared with this one: it cannot date a boot, but it gives the order.
        said = report.identity and report.identity.model_copy(update={"booted_at": None})
        return AgentStatement(said, report.started_at, None, report.number)
    fast = timedelta(seconds=offset)
    said = report.identity
    if said is not None and said.booted_at is not None:
        said = said.model_copy(update={"booted_at": said.booted_at - fast})
    return AgentStatement(said, report.started_at - fast, report.finished_at - fast, report.number)


def _could_not_say(memory: Memory, word: AgentStatement) -> bool:
    """Tell whether a statement is from an earlier agent version, which could not give its machine's identity."""
    since = memory.identified_since
    return word.identity is None and (since is None or word.begun_at <= since + MARGIN)


def _accept_first(memory: Memory, word: AgentStatement) -> Memory:
    """Accept the first machine that gives its identity: no other one is known."""
    assert word.identity is not None  # noqa: S101 - hear has checked it
    said = word.identity
    accepted = AcceptedMachine(said.machine_id, said.hardware_id, _shown(said.host_name), word.begun_at)
    return replace(memory, accepted=accepted, identified_since=word.begun_at)


def _first_heard(memory: Memory, key: str, word: AgentStatement) -> KnownBoot:
    said = word.identity or MachineIdentity()
    is_same = memory.accepted is not None and not differences(memory.accepted, said)
    return KnownBoot(
        key,
        said.machine_id,
        said.hardware_id,
        _shown(said.host_name),
        is_own=is_same and key != UNNAMED and not key.endswith(_LATER),
        booted_at=said.booted_at,
        first_at=word.at,
        last_at=word.at,
        boot_id=said.boot_id,
        last_number=word.number,
    )


def _heard_again(known: KnownBoot, word: AgentStatement) -> KnownBoot:
    said = word.identity or MachineIdentity()
    is_newest = (word.number or 0) >= (known.last_number or 0)
    return replace(
        known,
        host_name=_shown(said.host_name) if is_newest else known.host_name,
        booted_at=_earliest(known.booted_at, said.booted_at),
        first_at=_earliest(known.first_at, word.at),
        last_at=_latest(known.last_at, word.at),
        last_number=max(known.last_number or 0, word.number or 0) or None,
    )


def _judge_overlaps(boots: Mapping[str, KnownBoot], heard: KnownBoot) -> dict[str, KnownBoot]:
    """Return the boots that are no longer trusted: they overlap with a more trusted one, and no machine runs twice."""
    lost = {}
    for each in boots.values():
        if each.key == heard.key or not each.is_own or each.ended_at is not None or not _overlap(each, heard):
            continue
        loser = max((each, heard), key=_rank)
        lost[loser.key] = replace(loser, is_own=False)
    return lost


def _rank(boot: KnownBoot) -> tuple[bool, bool, datetime | None, str]:
    """Order boots by trust: first those that SMILÉO saw itself, then by the first report."""
    return not boot.is_accepted, boot.first_at is not None, boot.first_at, boot.key


def _overlap(one: KnownBoot, other: KnownBoot) -> bool:
    if one.boot_id == other.boot_id:
        return False  # The same boot, for which an agent did not always give all values; or an unknown boot.
    if one.booted_at is None or other.booted_at is None or one.last_at is None or other.last_at is None:
        return False
    return one.booted_at + MARGIN < other.last_at and other.booted_at + MARGIN < one.last_at


def _was_its_own(boots: Mapping[str, KnownBoot], boot: KnownBoot, accepted: AcceptedMachine) -> bool:
    """Tell whether a boot before the acceptance was the accepted machine's: same identity, and no overlap."""
    if boot.key == UNNAMED or boot.key.endswith(_LATER) or boot.ended_at is not None:
        return boot.is_own
    if differences(accepted, MachineIdentity(machine_id=boot.machine_id, hardware_id=boot.hardware_id)):
        return boot.is_own
    same = [each for each in boots.values() if not _differ(each, boot)]
    return not any(each.key != boot.key and _overlap(each, boot) for each in same)


def _differ(one: KnownBoot, other: KnownBoot) -> bool:
    return (one.machine_id, one.hardware_id) != (other.machine_id, other.hardware_id)


def _bounded(boots: dict[str, KnownBoot]) -> dict[str, KnownBoot]:
    """Drop the oldest when there are too many; other machines' boots are kept longest."""
    excess = len(boots) - MAX_BOOTS
    if excess <= 0:
        return boots
    by_worth = sorted(boots.values(), key=lambda boot: (not boot.is_own, boot.is_accepted, boot.last_number or 0))
    gone = {boot.key for boot in by_worth[:excess]}
    return {key: boot for key, boot in boots.items() if key not in gone}


def _shown(host_name: str) -> str:
    """Return a machine's own name in a form that every database stores and every terminal shows."""
    return one_line(host_name, LONGEST_NAME)


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(filter(None, (one, other)), default=None)


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(filter(None, (one, other)), default=None)
