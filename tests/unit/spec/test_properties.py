"""Any text in, never a traceback: what must hold for tenant files, sizes, schedules, references and names at large."""

# ruff: noqa: PT017 - these properties are about what is taken and what is refused alike

import datetime
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from coffre.errors import ExpectedError
from coffre.spec import naming
from coffre.spec.intake.new import Sheet, render_checked
from coffre.spec.intake.questions import interview
from coffre.spec.intake.rendering import render_tenant
from coffre.spec.loader import InvalidRepositoryError, Problem, load_checkout
from coffre.spec.parsing.characters import find_odd
from coffre.spec.parsing.documents import Document, read_document
from coffre.spec.plan import OperatingSystem
from coffre.spec.rules.patterns import check_patterns
from coffre.spec.values.references import read_reference
from coffre.spec.values.schedule import Schedule, ScheduleError, Weekday, parse_schedule
from coffre.spec.values.sizes import SizeError, format_bytes, parse_size
from coffre.storage.aws.names import bucket_prefix, user_name
from tests.unit.spec.profiles import searching

REPOSITORY = Path(__file__).parents[3]
TEXTS = [
    path.read_text(encoding="utf-8", errors="replace")
    for path in sorted((REPOSITORY / "tests/cases/tenants").glob("*/*.yaml"))
]
VALID = [path.read_text(encoding="utf-8") for path in sorted((REPOSITORY / "tests/cases/tenants/valid").glob("*.yaml"))]
EXAMPLES = [path.read_text(encoding="utf-8") for path in sorted((REPOSITORY / "tenants").glob("*.yaml"))]

# What files hold, and what people and attackers put in its place.
SPICE = st.sampled_from(
    [
        "", "~", "yes", "010", "1e5", ".inf", "22:22", "2 TB", "2 TiB", "9" * 30, "- ", "? ", ": ", "{", "}", "[", "]",
        "&a", "*a", "!!binary aGk=", "<<: *a", "|", ">-", "'", '"', "\\u0000", "\t", "\r", "\n", "\r\n", "\u2028",
        "\u00a0", "é", "😀", "{value}", "%s", "---", "...", "%YAML 1.1", "# ", "version: 1", "machines:", "plans: {}",
        "2026-02-30", "../..", "${x}", "{{ x }}", "\ufeff", "\x85",
    ]
)  # fmt: skip
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.binary(max_size=4), st.dates()
)
VALUES = st.recursive(
    ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mangled_texts(draw: st.DrawFn) -> str:
    """A real file with a few pieces taken away, doubled or replaced."""
    text: str = draw(st.sampled_from(TEXTS + EXAMPLES))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        text = text[:start] + draw(SPICE | st.text(max_size=6) | st.just(text[start:end] * 2)) + text[end:]
    return text


@st.composite
def changed_structures(draw: st.DrawFn) -> str:
    """A valid file's data with some values replaced by anything, written by another YAML writer."""
    data = yaml.safe_load(draw(st.sampled_from(VALID + EXAMPLES)))
    for _ in range(draw(st.integers(1, 3))):
        holder: Any = data
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(holder[key], dict | list) and holder[key] and draw(st.booleans()):
                holder = holder[key]
                continue
            action = draw(st.sampled_from(["replace", "drop", "rename"]))
            if action == "replace" or isinstance(holder, list):
                holder[key] = draw(VALUES)
            else:
                value = holder.pop(key)
                if action == "rename":
                    holder[draw(st.text(max_size=8))] = value
            break
    return yaml.safe_dump(
        data, allow_unicode=draw(st.booleans()), default_flow_style=draw(st.sampled_from([None, True]))
    )


def problems_of(content: bytes) -> list[Problem]:
    """Check one tenant file as `coffre check` does; an escaping exception is the failure that is looked for."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        shutil.copy(REPOSITORY / "platform.yaml", root)
        (root / "tenants").mkdir()
        (root / "tenants" / "acme.yaml").write_bytes(content)
        try:
            load_checkout(root)
        except InvalidRepositoryError as refused:
            return list(refused.problems)
        return []


def check_problems(content: bytes) -> None:
    problems = problems_of(content)
    assert problems_of(content) == problems, "the same file is judged in two ways"
    assert problems == sorted(problems)
    # Lines end where YAML and editors end them.
    lines = re.split("\r\n|\r|\n", content.decode("utf-8-sig", "replace"))
    for problem in problems:
        assert problem.file == "tenants/acme.yaml"
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.message.strip()
        assert str(problem).isprintable()
        assert "pydantic" not in str(problem)
        assert len(str(problem)) < 1000


@searching(0.6)
@given(mangled_texts())
def test_a_mangled_file_has_problems_inside_itself(text: str) -> None:
    check_problems(text.encode("utf-8", "surrogatepass"))


@searching(0.6)
@given(changed_structures())
def test_a_file_with_other_values_has_problems_inside_itself(text: str) -> None:
    check_problems(text.encode("utf-8", "surrogatepass"))


@searching(0.6)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"\xef\xbb\xbf")
@example(b"\x00")
@example(b"\t")
@example(b'plans: {"\\e]0;": {}}\nmachines: {poste-01: {plan: office}}')
def test_anything_at_all_has_problems_inside_itself(content: bytes) -> None:
    check_problems(content)


TEXT_OF_A_LABEL = st.text(
    st.characters(exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"]) | st.just(" "), max_size=40
).filter(lambda text: text == text.strip() and text.isprintable() and bool(text) and not find_odd(text))


def is_usable(pattern: str) -> bool:
    """Tell whether a plan of /home may leave a pattern out."""
    plan = {"exclude": [pattern]}
    return not [*check_patterns((), plan, {OperatingSystem.LINUX: ["/home", "/etc"]})]


@searching(0.4)
@given(TEXT_OF_A_LABEL, TEXT_OF_A_LABEL, st.lists(TEXT_OF_A_LABEL.filter(is_usable), max_size=3, unique=True))
@example("1_000", "0o17", ["190:20:30"])
@example("0001-01-01", "0000-00-00", ["2026-11-02"])
@example("yes", "0x1F", ["*.iso", "#", "a, b", "{", "null", "1e5", "a: b", "' \""])
def test_what_is_answered_is_what_the_new_file_says(name: str, reference: str, exclude: list[str]) -> None:
    sheet = Sheet("acme", "k7f3q9wz2m", ["lab"])
    given_answers = {"name": name, "reference": reference, "siren": "987000114", "signed_on": "2026-11-02",
                     "in_service_on": "2026-12-01", "email": "a@b.example", "phone": "0476000000", "quota": "1 Go",
                     "exclude": ";".join(exclude)}  # fmt: skip
    for question in interview(sheet):
        assert sheet.answer(question, given_answers.get(str(question.loc[-1]), "")) is None
    document = read_document(sheet.text().encode(), "")
    assert isinstance(document, Document)
    assert (document.data["name"], document.data["contract"]["reference"]) == (name, reference)
    # Other readers of YAML see the same texts, where ours and theirs have the same types at all.
    others = yaml.safe_load(sheet.text())
    assert (others["name"], others["contract"]["reference"]) == (name, reference)


@searching(0.2)
@given(st.sampled_from(VALID + EXAMPLES))
def test_a_valid_file_written_again_says_the_same(text: str) -> None:
    document = read_document(text.encode(), "")
    assert isinstance(document, Document)
    platforms = [document.data["storage"]["platform"]]
    again = render_checked("acme", document.data, platforms)
    assert again == render_tenant("acme", read_again(again))


def read_again(text: str) -> dict[str, Any]:
    document = read_document(text.encode(), "")
    assert isinstance(document, Document)
    return document.data


UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50,
         "ko": 10**3, "Mo": 10**6, "Go": 10**9, "To": 10**12, "Po": 10**15}  # fmt: skip


@searching(2)
@given(st.integers(0, 10**15 - 1), st.sampled_from(sorted(UNITS)), st.sampled_from(["", " ", "\u202f"]))
def test_a_size_is_its_figure_times_its_unit(figure: int, unit: str, space: str) -> None:
    assert parse_size(f"{figure}{space}{unit}") == figure * UNITS[unit]
    grouped = f"{figure:,}".replace(",", " ")
    assert parse_size(f"{grouped} {unit}") == figure * UNITS[unit]


@searching(2)
@given(st.integers(0, 999_999), st.integers(1, 6), st.sampled_from(sorted(UNITS)), st.sampled_from(".,"))
def test_a_fraction_is_whole_bytes_or_refused(digits: int, places: int, unit: str, comma: str) -> None:
    text = f"1{comma}{digits % 10**places:0{places}} {unit}"
    exact = UNITS[unit] * (10**places + digits % 10**places)
    try:
        assert parse_size(text) * 10**places == exact
    except SizeError:
        assert exact % 10**places


@searching(2)
@given(st.text(max_size=30) | st.from_regex(r"[0-9 ,.]{0,20} ?[A-Za-z]{0,4}", fullmatch=True))
def test_any_text_is_a_size_or_refused_with_a_word(text: str) -> None:
    try:
        assert parse_size(text) >= 0
    except SizeError as refused:
        assert refused.problem
        assert all(
            reading <= 10**15 * 2**50
            for reading in map(parse_size, re.findall(r"(?:write|or) ([0-9 .,\u00a0\u202f]+ \w+) \(", refused.hint))
        )


@searching(2)
@given(st.integers(0, 2**60))
def test_bytes_for_people_are_right_to_half_a_hundredth(count: int) -> None:
    shown, _, unit = format_bytes(count).partition(" ")
    factor = 1 if unit == "B" else UNITS[unit]
    assert abs(float(shown) * factor - count) <= factor * 0.005 + count * 1e-9
    assert unit in ("B", "PiB") or float(shown) < 1024


SCHEDULES = st.builds(
    lambda days, at: Schedule(tuple(day for day in Weekday if day in days), at),
    st.sets(st.sampled_from(Weekday), min_size=1),
    st.builds(datetime.time, st.integers(0, 23), st.integers(0, 59)),
)


@searching(2)
@given(SCHEDULES)
def test_a_schedule_written_is_read_back(schedule: Schedule) -> None:
    assert parse_schedule(str(schedule)) == schedule
    assert parse_schedule(str(schedule).replace(" ", "   ")) == schedule


@searching(2)
@given(st.text(max_size=30) | st.from_regex(r"[A-Za-z.,]{0,12} [0-9:hH.]{0,6}", fullmatch=True))
def test_any_text_is_a_schedule_or_refused_with_a_word(text: str) -> None:
    try:
        schedule = parse_schedule(text)
    except ScheduleError as refused:
        assert refused.problem
        assert refused.hint
    else:
        assert parse_schedule(str(schedule)) == schedule


WEEK = list(Weekday)
PAIRS = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(sorted)
RANGE = PAIRS.map(lambda pair: f"{WEEK[pair[0]]}..{WEEK[pair[1]]}" if pair[0] < pair[1] else str(WEEK[pair[0]]))
RANGES = st.lists(RANGE, min_size=1, max_size=3).map(",".join)


@searching(0.1)
@given(st.lists(st.tuples(RANGES, st.times().map("{:%H:%M}".format)), min_size=5, max_size=40))
def test_systemd_reads_the_same_days_and_times(texts: list[tuple[str, str]]) -> None:
    """The user's own text is a calendar expression of systemd's too, `daily` apart: it is asked what it understands."""
    schedules = {}
    for days, at in texts:
        try:
            schedules[f"{days} {at}"] = parse_schedule(f"{days} {at}")
        except ScheduleError as refused:
            assert "twice" in refused.problem
    if not schedules:
        return
    command = ["systemd-analyze", "calendar", "--base-time=2026-11-24 12:00:00 UTC", *schedules]
    said = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"}
    )
    runs = re.findall(r"Next elapse: \w+ (\S+ \S+)", said.stdout)
    assert runs == [f"{next_run(schedule):%Y-%m-%d %H:%M:%S}" for schedule in schedules.values()]


def next_run(schedule: Schedule) -> datetime.datetime:
    """Return when a schedule is due next after that Tuesday noon."""
    base = datetime.datetime(2026, 11, 24, 12, 0)  # noqa: DTZ001 - a wall clock
    days = [base + datetime.timedelta(days=ahead) for ahead in range(9)]
    moments = [
        datetime.datetime.combine(day, schedule.at) for day in days if list(Weekday)[day.weekday()] in schedule.days
    ]
    return next(moment for moment in moments if moment > base)


@searching(1)
@given(st.text(max_size=40) | st.from_regex(r"(env|file):.{0,30}", fullmatch=True))
@example("file:\0")
def test_any_reference_is_a_value_or_one_sentence(text: str) -> None:
    with tempfile.TemporaryDirectory() as root:
        try:
            assert read_reference(text, Path(root)).strip()
        except ExpectedError as refused:
            assert refused.message


@searching(2)
@given(
    st.from_regex(naming.NAME_PATTERN, fullmatch=True),
    st.from_regex(naming.NAME_PATTERN, fullmatch=True),
    st.from_regex(naming.ID_PATTERN, fullmatch=True),
)
def test_every_bucket_name_is_one_that_s3_takes(slug: str, machine: str, tenant_id: str) -> None:
    name = naming.bucket_name(slug, tenant_id, machine)
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", name)
    assert len(name) <= 63
    # Slug and machine are cut to fit; the id and the machine's whole name still tell two buckets apart.
    assert name != naming.bucket_name(slug, tenant_id, f"{machine}0")
    copied = naming.bucket_name(slug, tenant_id, machine, is_copy=True)
    assert (len(copied), copied.rpartition("-")[0]) == (len(name), name.rpartition("-")[0])
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", copied)


@dataclass(frozen=True)
class Named:
    slug: str
    id: str
    is_copy: bool = False
    is_part: bool = False


NAMES = st.from_regex(naming.NAME_PATTERN, fullmatch=True)
IDS = st.from_regex(naming.ID_PATTERN, fullmatch=True)


@searching(2)
@given(NAMES, IDS, NAMES, NAMES, IDS, NAMES)
@example("martin", "k7f3q9wz2m", "copy", "martin", "k7f3q9wz2m", "copy")
@example("martin-copy", "k7f3q9wz2m", "pc1", "martin", "k7f3q9wz2m", "pc1")
def test_no_name_of_a_second_copy_is_another_tenant_s_or_machine_s(
    slug: str, tenant_id: str, machine: str, other_slug: str, other_id: str, other_machine: str
) -> None:
    """The other tenant may be the same one, and its machine too: two regions of an account share their names."""
    copied, other = Named(slug, tenant_id, is_copy=True), Named(other_slug, other_id)
    taken = {naming.owner_uid(other), naming.machine_uid(other, other_machine)}
    assert naming.owner_uid(copied) not in taken
    assert naming.stack_name(copied) != naming.stack_name(other) == other_slug
    assert naming.slug_of_stack(naming.stack_name(copied)) == slug
    assert naming.slug_of_stack(naming.stack_name(other)) == other_slug
    bucket = naming.bucket_name(slug, tenant_id, machine, is_copy=True)
    assert bucket != naming.bucket_name(other_slug, other_id, other_machine)
    if (other_slug, other_id) != (slug, tenant_id):
        another = Named(other_slug, other_id, is_copy=True)
        assert naming.owner_uid(copied) != naming.owner_uid(another)
    if (other_id, other_machine) != (tenant_id, machine):
        assert bucket != naming.bucket_name(other_slug, other_id, other_machine, is_copy=True)


@searching(1)
@given(NAMES, IDS, NAMES)
def test_aws_finds_and_names_what_a_second_copy_has(slug: str, tenant_id: str, machine: str) -> None:
    owner = naming.owner_uid(Named(slug, tenant_id, is_copy=True))
    assert bucket_prefix(owner) == slug
    assert naming.bucket_name(slug, tenant_id, machine, is_copy=True).startswith(bucket_prefix(owner))
    assert user_name(owner) == owner, "the longest is no longer than the names of IAM"
    assert re.fullmatch(r"[\w+=,.@-]{1,64}", owner, re.ASCII)
