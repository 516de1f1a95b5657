"""The English words of a review, once for a terminal and for a comment in Markdown.

Every value of a file is hostile here: ``quote`` makes it harmless for the place where it is shown.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, TypeVar

from coffre.cli.words.review_prices import describe_costs, describe_price
from coffre.cli.words.reviewed import describe_planned, list_plan
from coffre.outside.text import one_line
from coffre.spec.values.sizes import format_bytes, format_sold

if TYPE_CHECKING:
    from coffre.review.changes import FileChange, Value
    from coffre.review.consequences import Consequence
    from coffre.review.guards import Guard
    from coffre.review.publishing import Verdict
    from coffre.review.review import Review, TenantReview

Quote = Callable[[str], str]
_Kinded = TypeVar("_Kinded", "Guard", "Consequence")

LONGEST_VALUE = 200
"""Of a value of a file, so many characters are shown."""
MAX_LINES = 50
"""Of a tenant's changes, so many are shown; the rest is counted."""
MAX_ALIKE = 5
"""Of the reasons or consequences of one kind, so many are shown, so that many of them hide none of another kind."""
MAX_ITEMS = 10
"""Of a list in a file, so many values are shown."""
MAX_TENANTS = 30
LONGEST_COMMENT_BYTES = 58_000
"""A git host refuses a comment of more than 65,536 characters."""
_HEAD_BYTES = 12_000
_SHORT_BYTES = 10_000
_ALL = "`coffre review --json` has all"


def quote_plainly(text: str) -> str:
    """Return a value of a file for a terminal."""
    return one_line(text, LONGEST_VALUE)


def quote_markdown(text: str) -> str:
    """Return a value of a file as a code span (CommonMark 6.1): no markup, mention, link or table cell begins in it.

    The fence is longer than any row of backticks inside.
    """
    line = one_line(text, LONGEST_VALUE).replace("|", "¦")
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    pad = " " if not line or line[0] == "`" or line[-1] == "`" or fence != "`" else ""
    return f"{fence}{pad}{line}{pad}{fence}"


@dataclass(frozen=True)
class _Line:
    text: str
    is_red: bool = False


def to_text(review: "Review") -> Iterator[str]:
    """Yield a review as lines for a terminal."""
    yield from _head(review, quote_plainly)
    for tenant in _in_order(review):
        yield ""
        yield f"{quote_plainly(tenant.slug)} ({quote_plainly(tenant.name)})"
        for line in _guards(tenant, quote_plainly):
            yield f"  REFUSED: {line}"
        for line in _summary(tenant, quote_plainly):
            yield f"  {line}"
        for each in _changes(tenant, quote_plainly):
            yield f"  {'!' if each.is_red else '~'} {each.text}{' (weaker protection)' if each.is_red else ''}"
        for depth, text in list_plan(tenant.plan, quote_plainly):
            yield f"{'  ' * (depth + 1)}{text}"
    yield from _rest(len(review.tenants) - MAX_TENANTS)


def to_markdown(review: "Review") -> str:
    """Return a review as a comment: the short part first, the details of each tenant folded.

    It has less than 60,000 bytes, whatever the files say: what does not fit is counted.
    """
    head = ["## What this change does", "", *(f"- {line}" for line in _head(review, quote_markdown))]
    parts = [_fit(head, _HEAD_BYTES)]
    room = LONGEST_COMMENT_BYTES - _count_bytes(parts[0])
    tenants = _in_order(review)
    shorts = [_fit(_short(tenant), _SHORT_BYTES) for tenant in tenants]
    folded = [_details(tenant, 0) for tenant in tenants]
    ends = list(accumulate(_count_bytes([*short, *fold]) for short, fold in zip(shorts, folded, strict=True)))
    shown = sum(end <= room for end in ends)
    room -= ends[shown - 1] if shown else 0
    for short, fold, tenant in zip(shorts[:shown], folded, tenants, strict=False):
        opened = _details(tenant, room)
        room -= max(0, _count_bytes(opened) - _count_bytes(fold))
        parts += [short, opened]
    parts.append([f"- {line}" for line in _rest(len(review.tenants) - shown)])
    return "\n".join(line for part in parts for line in part) + "\n"


def describe_verdict(verdict: "Verdict") -> str:
    """Say what a review means for a merge, as a git host shows it beside a commit."""
    return {
        "invalid": "a file is invalid",
        "refused": "something forbids the change",
        "unseen": "the current use of a tenant is not known: run it again when its platform answers",
        "unplanned": "nothing forbids the change, and the plan of a tenant could not be made",
        "passed": "nothing forbids the change",
    }[verdict.value]


def _short(tenant: "TenantReview") -> list[str]:
    return [
        *("", f"### {quote_markdown(tenant.slug)}: {quote_markdown(tenant.name)}", ""),
        *(f"> **Refused.** {line}\n" for line in _guards(tenant, quote_markdown)),
        *(f"- {line}" for line in _summary(tenant, quote_markdown)),
    ]


def _details(tenant: "TenantReview", room: int) -> list[str]:
    """Return the folded differences that fit into a number of bytes, and what surrounds them in any case."""
    count, weaker = len(tenant.changes), sum(each.is_weaker for each in tenant.changes)
    summary = _plural(count, "difference") + (f", 🔴 {weaker} of them weaker protection" if weaker else "")
    lines = [f"- {'🔴 ' if each.is_red else ''}{each.text}" for each in _changes(tenant, quote_markdown)]
    lines += [f"{'  ' * depth}- {text}" for depth, text in list_plan(tenant.plan, quote_markdown)]
    return ["", "<details>", f"<summary>{summary}</summary>", "", *_fit(lines, room), "", "</details>"]


def _fit(lines: Sequence[str], room: int) -> list[str]:
    """Return the lines that fit into a number of bytes, and how many do not, which takes a line more."""
    ends = accumulate(_count_bytes([line]) for line in lines)
    shown = sum(end <= room for end in ends)
    rest = len(lines) - shown
    return [*lines[:shown], *([f"- and {_plural(rest, 'line')} more: {_ALL}"] if rest else [])]


def _count_bytes(lines: Iterable[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _in_order(review: "Review") -> "list[TenantReview]":
    """Return the tenants to show, refused ones first."""
    return sorted(review.tenants, key=lambda tenant: not tenant.guards)[:MAX_TENANTS]


def _rest(count: int) -> Iterator[str]:
    if count > 0:
        yield f"{_plural(count, 'tenant')} more: {_ALL}"


def _head(review: "Review", quote: Quote) -> Iterator[str]:
    changed = _plural(len(review.tenants), "tenant")
    yield f"commits {quote(review.base[:12])} to {quote(review.head[:12])}: {changed} changed"
    refused = sum(bool(tenant.guards) for tenant in review.tenants)
    if refused:
        yield f"REFUSED: {_plural(refused, 'tenant')}"
    if review.problems:
        yield f"INVALID: {_plural(len(review.problems), 'problem')}; `coffre check` shows them"
    for guard in review.guards:
        yield f"REFUSED: {describe_guard(guard, quote)}"
    if review.is_platform_file_changed:
        yield "platform.yaml changes: its rules count only after the merge; this review is by those of its own checkout"
    for consequence in review.consequences:
        yield describe_consequence(consequence, quote)
    for problem in review.problems[:MAX_LINES]:
        yield f"INVALID: {quote(str(problem))}"


def _guards(tenant: "TenantReview", quote: Quote) -> list[str]:
    return [describe_guard(each, quote) if rest == 0 else _alike(rest) for each, rest in _by_kind(tenant.guards)]


def _summary(tenant: "TenantReview", quote: Quote) -> Iterator[str]:
    yield describe_price(tenant.price)
    yield from (describe_costs(each, quote) for each in tenant.costs)
    use = tenant.use
    if use is not None:
        from coffre.review.guards import Unseen

        if isinstance(use, Unseen):
            yield f"current use: not known ({quote(use.error)})"
        else:
            quota = "" if tenant.quota_bytes is None else f" of {format_sold(tenant.quota_bytes)}"
            machines = _plural(len(use.deployed), "machine")
            yield f"current use: {format_bytes(use.used_bytes)}{quota}; {machines} deployed"
    yield from describe_planned(tenant.plan, quote)
    for each, rest in _by_kind(tenant.consequences):
        yield describe_consequence(each, quote) if rest == 0 else _alike(rest)


def _by_kind(found: Sequence[_Kinded]) -> Iterator[tuple[_Kinded, int]]:
    """Yield the first ones of each kind, and then the last one with the number of those that follow it."""
    kinds: dict[str, list[_Kinded]] = {}
    for each in found:
        kinds.setdefault(each.kind.value, []).append(each)
    for alike in kinds.values():
        yield from ((each, 0) for each in alike[:MAX_ALIKE])
        if len(alike) > MAX_ALIKE:
            yield alike[-1], len(alike) - MAX_ALIKE


def _alike(count: int) -> str:
    return f"and {count} more like the last one: {_ALL}"


def _changes(tenant: "TenantReview", quote: Quote) -> Iterator[_Line]:
    # The weaker ones first: none of them is among the rest before another one is.
    ordered = sorted(tenant.changes, key=lambda change: not change.is_weaker)
    for change in ordered[:MAX_LINES]:
        yield _Line(describe_change(change, quote), change.is_weaker)
    if rest := ordered[MAX_LINES:]:
        yield _Line(f"and {_plural(len(rest), 'difference')} more: {_ALL}", any(each.is_weaker for each in rest))


def describe_change(change: "FileChange", quote: Quote) -> str:
    """Say one difference in a line."""
    subject = "" if change.subject is None else f" {quote(change.subject)}"
    before, after = (_value(change, value, quote) for value in (change.before, change.after))
    words = _CHANGES[change.kind.value]
    return words.format(subject=subject, before=before, after=after)


def _value(change: "FileChange", value: "Value", quote: Quote) -> str:
    if value is None:
        return "none"
    if change.kind.value in ("quota", "part") and isinstance(value, int):
        return format_sold(value)
    if isinstance(value, tuple):
        return _list(value, quote) or "none"
    return str(value) if isinstance(value, int) else quote(value)


def _list(values: tuple[str, ...], quote: Quote) -> str:
    rest = len(values) - MAX_ITEMS
    return ", ".join(map(quote, values[:MAX_ITEMS])) + (f" and {rest} more" if rest > 0 else "")


_CHANGES = {
    "tenant_added": "new tenant: {after}",
    "tenant_gone": "the file of {before} is gone",
    "id": "id: {before} → {after}",
    "name": "name: {before} → {after}",
    "contract": "contract{subject}: {before} → {after}",
    "amendment": "amendment: {before} → {after}",
    "contact": "contact{subject}: {before} → {after}",
    "timezone": "time zone of the schedules: {before} → {after}",
    "status": "status: {before} → {after}",
    "hold": "hold: {before} → {after}",
    "leaving": "departure: {before} → {after}",
    "platform": "platform: {before} → {after}",
    "quota": "quota: {before} → {after}",
    "part": "part{subject} of the quota: {before} → {after}",
    "part_licences": "licences ordered for the part{subject}: {before} → {after}",
    "undelete_days": "days to undelete: {before} → {after}",
    "second_copy": "second copy on: {before} → {after}",
    "copy_bandwidth": "second copy, bytes per second: {before} → {after}",
    "line": "line{subject}, upload: {before} → {after}",
    "licences": "licences{subject}: {before} → {after}",
    "option": "option: {before} → {after}",
    "drills": "days between two restore tests of a machine: {before} → {after} (none: as platform.yaml says)",
    "machine_added": "machine{subject} is new, with plan {after}",
    "machine_gone": "machine{subject} is gone from the file",
    "machine_renamed": "machine {before} is called {after} now",
    "machine_retired": "machine{subject} is retired; its backups are kept until {after} (before: {before})",
    "machine_back": "machine{subject} is back in service",
    "machine_kind": "machine{subject}: {before} → {after}",
    "machine_system": "machine{subject}, system: {before} → {after}",
    "machine_agent": "machine{subject}, agent: {before} → {after}",
    "machine_moved": "machine{subject} moves: its former agent goes after the first good backup of the new one "
    "({before} → {after})",
    "machine_plan": "machine{subject}, plan: {before} → {after}",
    "machine_connection": "machine{subject}, connection: {before} → {after}",
    "machine_volume": "machine{subject}, expected volume: {before} → {after}",
    "plan_added": "plan{subject} is new",
    "plan_gone": "plan{subject} is gone",
    "paths": "plan{subject}, no longer backed up: {before}; newly backed up: {after}",
    "baits": "plan{subject}, bait files against attacks: {before} → {after}",
    "excludes": "plan{subject}, patterns taken out: {before}; patterns added: {after}",
    "schedule": "plan{subject}, schedule: {before} → {after}",
    "keep": "plan{subject}, kept: {before} → {after}",
}
"""By the kind of a change; a test compares them."""


def describe_guard(guard: "Guard", quote: Quote) -> str:
    """Say why a change is refused, and the way out."""
    facts = {
        key: format_bytes(value) if key.endswith("_bytes") and isinstance(value, int) else _fact(value, quote)
        for key, value in guard.evidence.items()
    }
    subject = "the file" if guard.subject is None else quote(guard.subject)
    return _GUARDS[guard.kind.value].format(subject=subject, **facts)


def _fact(value: str | int | tuple[str, ...] | None, quote: Quote) -> str:
    if isinstance(value, tuple):
        return _list(value, quote)
    return str(value) if isinstance(value, int) else quote(value or "")


_GUARDS = {
    "amendment_lacking": "{changed} changes without an order: add the signed amendment to `contract.amendments` "
    "(contract, article 9)",
    "quota_below_use": "{used_bytes} are stored and {reserve_bytes} are reserved: backups would stop at once. Sell at "
    "least their sum, or have the customer delete first",
    "part_below_use": "{used_bytes} are stored on {subject} and {reserve_bytes} are reserved, more than the "
    "{quota_bytes} of this part: its machines would stop at once. Give it at least their sum",
    "licences_below_deployed": "{granted} licences of kind {subject} for the deployed machines {machines}: retire one "
    "of them in this change, or sell more",
    "platform_full": "{sold_bytes} would be sold on {platform}, which may sell {sellable_bytes}: add capacity, or name "
    "another platform",
    "machine_renamed": "{before} is called {subject} now: it would start from zero, and its backups would be nobody's. "
    "Keep its name in the file: the name in the file is not the host's name",
    "id_changed": "the id was {before}: it is in every remote name. Put it back",
    "id_reused": "the id belongs to {by}: make a new one with `coffre new`",
    "deleted_by_absence": "{subject} is removed, and that erases nothing: a machine is ended by "
    "`retired:`, a customer by `status: leaving`",
    "self_approved": "{author} wrote this change and is named as the person who approves it: another one must approve",
    "hold_lifted": "the hold {reference} is removed, and no commit of the change says so: add the line `Lifts-Hold: "
    "REFERENCE` with the order that lifts it to a commit's message",
    "file_moved": "its file was {before}: the name of the file is in every remote name. Move it back",
    "copy_moved": "the second copy is on {before}: it ends with the contract, and cannot be moved yet",
    "terms_ahead": "the customer accepts the editor's terms on {terms_accepted_on} only: merge the change on that day, "
    "or write the day on which they were accepted",
}


def describe_consequence(consequence: "Consequence", quote: Quote) -> str:
    """Say what follows from a change."""
    subject = "every machine" if consequence.subject is None else quote(consequence.subject)
    facts = {key: _fact(value, quote) for key, value in consequence.evidence.items()}
    if "hour_eur" in facts:
        facts["hour_eur"] = f"{facts['hour_eur']} EUR an hour" if consequence.evidence["hour_eur"] else _NO_HOUR_PRICE
    text = _CONSEQUENCES[consequence.kind.value].format(subject=subject, **facts)
    dates = (f"{entry.on}: {entry.milestone.value.replace('_', ' ')}" for entry in consequence.dates)
    return ": ".join(part for part in (text, ", ".join(dates)) if part)


_NO_HOUR_PRICE = "and platform.yaml has no price of an hour"
_CONSEQUENCES = {
    "notice_owed": "weaker protection without an order ({kinds}): tell the customer with enough notice (articles 3, 9)",
    "out_of_hours": "now is outside working hours ({reason}): work that the customer asked for is billed, {hour_eur} "
    "(article 6)",
    "base_invalid": "the file of BASE has a problem: what this change alters, and whether an order covers it, is not "
    "known. Compare both files by hand",
    "departure": "the departure follows these dates",
    "starts_from_zero": "{subject} backs up from zero",
    "must_enrol": "{subject} must be enrolled, since nobody can reach it: after the apply, `coffre enrol` invites it",
    "licence_freed": "{subject}: the next apply frees its licence and deletes its key; its backups stay until {until}",
    "vendor_agent": "{machines}: the agent is {product}. Its service level is its editor's and no part of the 99.7 %, "
    "and a backup that is deleted in its portal is gone (article 15); restores are made there: {guide}",
    "vendor_order": "more licences of a vendor than before, by the same order {order} of the distributor: order them "
    "before the apply, and write the number as contract.vendor.order (article 1a)",
    "vendor_licence": "{subject}: {editor} should take the licence of a {licence} for {system}, which is not what the "
    "file sells: it may refuse the machine as beyond its licences. Sell it as {licence}",
}


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
