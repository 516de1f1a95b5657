"""Every text of a tenant file, filled in by an attacker: refused in its place, or a name that may be anything."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from coffre.spec.loader import InvalidRepositoryError
from coffre.spec.problems.problems import Problem
from coffre.spec.tenant import Tenant
from tests.unit.hostile.texts import FREE, PLAIN, STEERING, STRICT, VALID, fields_with, load


def refused(root: Path, place: str, value: str) -> list[str]:
    """Return the keys with problems in a file with this text; none when it is taken."""
    problems: Sequence[Problem] = ()
    try:
        load(root, fields_with(place, value))
    except InvalidRepositoryError as error:
        problems = error.problems
    assert all(str(problem).isprintable() for problem in problems)
    return [problem.path for problem in problems]


def key_of(place: str) -> str:
    """Return a place as a problem names it."""
    return re.sub(r"\.(\d+)", r"[\1]", place)


def list_texts(schema: dict[str, Any], node: dict[str, Any], place: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the place of every text of a file that is no day, size, schedule or word of a list."""
    if "$ref" in node:
        node = {**schema["$defs"][node["$ref"].rpartition("/")[2]], "description": ""}
    for each in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from list_texts(schema, each, place)
    for name, each in node.get("properties", {}).items():
        yield from list_texts(schema, each, (*place, name))
    for each in (node.get("additionalProperties"), *node.get("patternProperties", {}).values()):
        if isinstance(each, dict):
            yield from list_texts(
                schema, each, (*place, {"plans": "office", "machines": "compta-01"}.get(place[-1], "*"))
            )
    if node.get("type") == "array":
        yield from list_texts(schema, node["items"], (*place, "0"))
    is_typed = {"enum", "const"} & set(node) or node.get("format") == "date"
    if node.get("type") == "string" and not is_typed and place[-1] not in ("quota", "bandwidth_per_second"):
        yield ".".join(place)


def test_every_text_of_a_file_is_in_one_of_the_lists() -> None:
    schema = Tenant.model_json_schema()
    found = set(list_texts(schema, schema)) - {"slug", "plans.office.schedule.0"}
    by_system = {"plans.office.paths.*.0"}
    assert found - by_system == set(VALID)


@pytest.mark.parametrize("place", VALID)
def test_a_character_that_steers_is_refused_everywhere(place: str, tmp_path: Path) -> None:
    valid = VALID[place]
    assert refused(tmp_path, place, valid) == [], "nothing can be seen of a text that is refused anyhow"
    for kind, value in STEERING.items():
        for text in (f"{valid[:-2]}{value}{valid[-2:]}", f"{valid}{value}"):
            assert key_of(place) in refused(tmp_path, place, text), f"{place} takes: {kind}"


@pytest.mark.parametrize("place", STRICT)
def test_a_text_of_a_form_takes_nothing_hostile(place: str, tmp_path: Path) -> None:
    signs = (f"{STRICT[place]}{sign}x" for sign in "<>\"'`$;|{}\\")
    for text in (*PLAIN.values(), *signs):
        assert key_of(place) in refused(tmp_path, place, text), f"{place} takes {text}"


@pytest.mark.parametrize("place", FREE)
def test_a_name_may_be_anything_on_one_line(place: str, tmp_path: Path) -> None:
    for kind, value in PLAIN.items():
        assert refused(tmp_path, place, value) == [], f"{place} refuses: {kind}"
