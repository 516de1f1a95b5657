"""The words of a review: every kind has its own, and no value of a file changes the place where it is shown."""

import re
import string
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from coffre.cli.words import review as words
from coffre.cli.words import review_prices
from coffre.cli.words.review import (
    MAX_ALIKE,
    MAX_LINES,
    MAX_TENANTS,
    describe_change,
    describe_consequence,
    describe_guard,
    quote_markdown,
    quote_plainly,
    to_markdown,
    to_text,
)
from coffre.cli.words.review_prices import describe_costs, describe_price
from coffre.outside.text import one_line
from coffre.provisioning.changes import PropertyChange, ResourceChange
from coffre.provisioning.plan import TenantPlan
from coffre.provisioning.terms.differences import ConnectionDifference
from coffre.provisioning.terms.found import CopyPlan, MachinePlan
from coffre.review.changes import ChangeKind, FileChange, compare
from coffre.review.consequences import Consequence, ConsequenceKind
from coffre.review.guards import Guard, GuardKind, LiveUse, Unseen
from coffre.review.price import Lack, Lacking, MonthlyPrice, NoPrice
from coffre.review.review import PlannedChange, PlatformCosts, PriceChange, Review, TenantReview, Unplanned
from coffre.spec.problems.problems import Problem
from coffre.storage.costs import CostEstimate, NoPrices
from tests.unit.review.examples import CONSEQUENCES, EXAMPLES, GUARDS
from tests.unit.spec.profiles import searching

CHANGES = tuple(change for each in EXAMPLES for change in compare(each.before, each.after))
NO_PRICE = NoPrice((Lacking(Lack.PRICES, date(2026, 12, 1)),))
PRICE = PriceChange(MonthlyPrice((), Decimal("53.80")), MonthlyPrice((), Decimal("44.00")))
REVIEW = Review("a" * 40, "b" * 40, (), (), (), (), is_platform_file_changed=False)
NASTY = (
    *("`", "``", "```", "|", "\\", "\n", "\r\n", "\r", "\n\n", "\n# ", "\n- ", "\n> ", "\n```\n", " ", "\t", "\n    "),
    *("\n\n<script>", "</code>", "</details>", "<!--", "-->", "<img src=x onerror=alert(1)>", "&lt;", "&#96;"),
    *("<https://evil.example>", "[a](https://evil.example)", "![a](https://evil.example)", "https://evil.example"),
    *("www.evil.example", "@smileo/admins", "#1", "!7", "~~", "**", "__", "$", "$$", ":fire:", "[red]"),
    *("\x00", "\x1b[2J", "\u202e", "\u2028", "\u200b", "\ud800", "| a | b |\n|---|---|\n", "é", "日"),
    *("{subject}", "{", "}", "{0}", "%s"),
)
VALUES = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(NASTY), max_size=12).map("".join),
    st.lists(st.one_of(st.sampled_from(NASTY), st.text(string.printable, max_size=8)), max_size=30).map("".join),
    st.integers(1, 500).map(lambda count: "`" * count),
)
ALLOWED = {"h2", "h3", "ul", "li", "p", "blockquote", "strong", "code", "details", "summary"}


class Page(HTMLParser):
    """Parts what is rendered into its frame and the texts of its code spans."""

    def __init__(self, markdown: str) -> None:
        super().__init__(convert_charrefs=True)
        self.frame: list[str] = []
        self.spans: list[str] = []
        self._is_span = False
        self.feed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.frame.append(f"<{tag}{attributes or ''}>")
        if tag == "code":
            self._is_span = True
            self.spans.append("")

    def handle_endtag(self, tag: str) -> None:
        self.frame.append(f"</{tag}>")
        self._is_span = self._is_span and tag != "code"

    def handle_comment(self, data: str) -> None:
        self.frame.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.frame.append(f"<!{decl}>")

    def handle_data(self, data: str) -> None:
        if self._is_span:
            self.spans[-1] += data
        else:
            self.frame.append(data)

    @property
    def tags(self) -> set[str]:
        return {re.split(r"[\[>]", each.strip("</"))[0] for each in self.frame if each.startswith("<")}


def hostile_review(value: str) -> Review:
    """Return a review with every kind of line, and this value wherever a file or a platform can put one."""
    tenant = TenantReview(
        slug=value,
        name=value,
        changes=tuple(_with(change, value) for change in {each.kind: each for each in CHANGES}.values()),
        guards=tuple(_guard_with(guard, value) for guard in {each.kind: each for each in GUARDS}.values()),
        consequences=tuple(
            Consequence(each.kind, value, dict.fromkeys(each.evidence, value), each.dates) for each in CONSEQUENCES
        )[:4],
        price=PRICE,
        quota_bytes=1 << 30,
        use=Unseen(value),
        plan=Unplanned(value),
    )
    planned = TenantPlan(
        tenant=value,
        secrets_to_mint=(value,),
        storage=(ResourceChange("update", value, value, (PropertyChange(value, value, value),)),),
        machines=(MachinePlan(value, "update", (ConnectionDifference(value, value),)),),
        options={value: "manual"},
        second_copy=CopyPlan(value, unseen=value or "away"),
    )
    return replace(
        REVIEW,
        tenants=(tenant, replace(tenant, use=LiveUse(1, 2, (value,)), plan=PlannedChange(planned, ()))),
        guards=(_guard_with(next(each for each in GUARDS if each.kind is GuardKind.PLATFORM_FULL), value),),
        problems=(Problem("tenants/a.yaml", 1, 1, "name", value, "x"),),
        is_platform_file_changed=True,
    )


def _with(change: FileChange, value: str) -> FileChange:
    def fill(old: object) -> str | int | tuple[str, ...] | None:
        if isinstance(old, tuple):
            return (value, value)
        return old if old is None or isinstance(old, int) else value

    subject = None if change.subject is None else value
    return FileChange(change.kind, subject, fill(change.before), fill(change.after), change.is_weaker)


def _guard_with(guard: Guard, value: str) -> Guard:
    evidence: Mapping[str, str | int | tuple[str, ...] | None] = {
        key: old if isinstance(old, int) else ((value, value) if isinstance(old, tuple) else value)
        for key, old in guard.evidence.items()
    }
    return Guard(guard.kind, None if guard.subject is None else value, evidence)


@pytest.mark.parametrize(
    ("table", "kinds"),
    [
        (words._CHANGES, ChangeKind),
        (words._GUARDS, GuardKind),
        (words._CONSEQUENCES, ConsequenceKind),
        (review_prices._LACKS, Lack),
    ],
)
def test_every_kind_has_its_words_and_no_words_are_without_a_kind(table: dict[str, str], kinds: type) -> None:
    assert set(table) == {each.value for each in kinds}
    assert len(set(table.values())) == len(table)


def test_the_rules_make_every_kind() -> None:
    assert {each.kind for each in CHANGES} == set(ChangeKind)
    assert {each.kind for each in GUARDS} == set(GuardKind)
    assert {each.kind for each in CONSEQUENCES} == set(ConsequenceKind)


@pytest.mark.parametrize("quote", [quote_plainly, quote_markdown])
def test_whatever_the_rules_find_is_said_with_all_its_facts(quote: words.Quote) -> None:
    said = [describe_change(each, quote) for each in CHANGES]
    said += [describe_guard(each, quote) for each in GUARDS]
    said += [describe_consequence(each, quote) for each in CONSEQUENCES]
    for line in said:
        assert line
        assert not re.search(r"[{}]|None|ChangeKind|\(\)|  ", line)
    for guard in GUARDS:
        line = describe_guard(guard, quote)
        for fact in guard.evidence.values():
            for text in fact if isinstance(fact, tuple) else (fact,):
                assert quote(text) in line if isinstance(text, str) else True


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.kind.value)
def test_before_and_after_are_not_said_alike(example: object) -> None:
    change = compare(example.before, example.after)[0]  # type: ignore[attr-defined]
    back = replace(change, before=change.after, after=change.before)
    if change.before != change.after:
        silent = {ChangeKind.MACHINE_GONE, ChangeKind.MACHINE_BACK}
        assert (describe_change(change, quote_plainly) == describe_change(back, quote_plainly)) is (
            change.kind in silent
        )


def test_a_price_is_said_with_its_difference_or_why_there_is_none() -> None:
    assert describe_price(PRICE) == "price per month: 53.80 → 44.00 EUR (-9.80 EUR), without tax"
    assert describe_price(PriceChange(None, PRICE.after)) == "price per month: none → 44.00 EUR"
    assert describe_price(PriceChange(PRICE.before, None)) == "price per month: 53.80 EUR → none"
    twice = NoPrice(NO_PRICE.reasons * 2 + (Lacking(Lack.OPTION, date(2026, 12, 1)),))
    assert describe_price(PriceChange(twice, PRICE.after)) == (
        "price per month: not known: platform.yaml has no prices, an option has no price → 44.00 EUR"
    )


@searching(0.3)
@given(VALUES)
def test_a_value_is_one_code_span_with_its_text(value: str) -> None:
    page = Page(f"- before {quote_markdown(value)} after\n")
    assert [each.strip() for each in page.spans] == [one_line(value, 200).replace("|", "¦")]
    assert page.tags == {"ul", "li", "code"}
    assert "".join(each for each in page.frame if not each.startswith("<")).split() == ["before", "after"]


FRAME = Page(to_markdown(hostile_review("x"))).frame


@searching(0.3)
@given(VALUES)
def test_no_value_changes_the_rest_of_a_comment(value: str) -> None:
    """The page is the same with any value, but for what its code spans contain."""
    markdown = to_markdown(hostile_review(value))
    page = Page(markdown)
    assert page.tags <= ALLOWED
    if words._ALL not in markdown:  # nothing was left out
        assert page.frame == FRAME
        assert one_line(value, 200).replace("|", "¦") in [each.strip() for each in page.spans]


@searching(0.3)
@given(VALUES)
def test_no_value_changes_the_lines_of_a_terminal(value: str) -> None:
    lines = list(to_text(hostile_review(value)))
    assert len(lines) == len(list(to_text(hostile_review("x"))))
    assert not any(character in line for line in lines for character in "\n\r\x1b\x00\u202e\u2028")


def test_refused_tenants_and_weaker_protection_come_first() -> None:
    quiet = TenantReview("quiet", "Quiet", (), (), (), PRICE, None)
    weaker = tuple(FileChange(ChangeKind.KEEP, "office", ("daily: 9",), ("daily: 8",), each) for each in (False, True))
    refused = replace(quiet, slug="refused", changes=weaker, guards=(Guard(GuardKind.DELETED_BY_ABSENCE),))
    done = replace(REVIEW, tenants=(quiet, refused))
    text = list(to_text(done))
    assert text[1] == "REFUSED: 1 tenant"
    assert text.index("refused (Quiet)") < text.index("quiet (Quiet)")
    assert [line[2] for line in text if "plan office" in line] == ["!", "~"]
    markdown = to_markdown(done)
    assert "2 differences, 🔴 1 of them weaker protection" in markdown
    assert markdown.index("🔴 plan `office`") < markdown.index("- plan `office`")
    assert "0 differences" in markdown


def test_many_reasons_of_one_kind_hide_none_of_another_kind() -> None:
    gone = [Guard(GuardKind.DELETED_BY_ABSENCE, f"poste-{each}") for each in range(10_000)]
    guards = (*gone, Guard(GuardKind.ID_CHANGED, None, {"before": "k7f3q9wz2m"}))
    tenant = TenantReview("acme", "Acme", (), guards, (), PRICE, None)
    for text in (
        "\n".join(to_text(replace(REVIEW, tenants=(tenant,)))),
        to_markdown(replace(REVIEW, tenants=(tenant,))),
    ):
        assert text.count("erases nothing") == MAX_ALIKE
        assert f"and {10_000 - MAX_ALIKE} more like the last one" in text
        assert "the id was" in text


LONG = ("`" * 500, "日" * 500, "a" * 100_000, "🥐`" * 300)


@pytest.mark.parametrize("value", LONG, ids=["fences", "wide", "long", "both"])
@pytest.mark.parametrize("tenants", [1, 40])
def test_a_comment_is_never_longer_than_a_git_host_takes(value: str, tenants: int) -> None:
    one = hostile_review(value)
    changes = tuple(FileChange(ChangeKind.PATHS, value, (value,) * 20, (value,) * 20, True) for _ in range(60))
    large = replace(one.tenants[0], changes=changes, guards=one.tenants[0].guards * 6)
    long = replace(
        one, tenants=(large,) * tenants, problems=one.problems * 10_000, guards=one.guards * 20, consequences=()
    )
    markdown = to_markdown(long)
    assert len(markdown.encode()) < 60_000
    page = Page(markdown)
    assert page.tags <= ALLOWED
    assert page.frame.count("<details>") == page.frame.count("</details>") >= 1
    assert f"REFUSED: {tenants} tenant" in markdown
    assert "INVALID: 10000 problems" in markdown
    assert "`coffre review --json` has all" in markdown


def test_ten_thousand_machines_make_a_short_comment() -> None:
    changes = tuple(FileChange(ChangeKind.MACHINE_ADDED, f"poste-{each}", None, "office") for each in range(10_000))
    use = LiveUse(1 << 40, 1 << 30, tuple(f"poste-{each}" for each in range(10_000)))
    tenant = TenantReview("acme", "Acme", changes, (), (), PRICE, 1 << 40, use)
    markdown = to_markdown(replace(REVIEW, tenants=(tenant,)))
    assert len(markdown) < 10_000
    assert f"and {10_000 - MAX_LINES} differences more" in markdown
    assert "10000 machines deployed" in markdown


def test_tenants_beyond_the_limit_are_counted() -> None:
    tenant = TenantReview("acme", "Acme", (), (), (), PRICE, None)
    many = replace(REVIEW, tenants=(tenant,) * (MAX_TENANTS + 7))
    assert list(to_text(many))[-1] == "7 tenants more: `coffre review --json` has all"
    assert to_markdown(many).endswith("- 7 tenants more: `coffre review --json` has all\n")
    assert to_markdown(many).count("<details>") == MAX_TENANTS


def test_what_a_platform_bills_is_said_before_and_after() -> None:
    cost = CostEstimate(
        "eu-west-3", date(2026, 9, 28), *(Decimal(each) for each in ("0.02", "4.80", "0.10", "0", "18"))
    )
    said = describe_costs(PlatformCosts("aws-paris", None, cost), quote_plainly)
    assert said == (
        "aws-paris bills a month, with a full quota: nothing → about 4.90 USD (list prices for eu-west-3, without tax)"
    )
    unknown = PlatformCosts("aws|far", cost, NoPrices("ap-east-1"))
    assert describe_costs(unknown, quote_markdown).startswith("`aws¦far` bills a month")
    assert "about 4.90 USD → not known" in describe_costs(unknown, quote_plainly)
