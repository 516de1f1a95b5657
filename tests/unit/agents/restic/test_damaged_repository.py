"""What restic 0.18.1 said of a repository that was really damaged (tests/cases/damaged-repositories/produce.py)."""

import json
from pathlib import Path

import pytest

from coffre.agents.repository import Remains
from coffre.agents.restic.repository.damage import (
    NO_KEY_OPENS,
    NO_REPOSITORY,
    Damage,
    DamagedPart,
    find_damage,
    judge_remains,
)
from coffre.agents.restic.repository.explain import explain_damage, explain_exit

SAID = Path(__file__).parents[3] / "cases" / "damaged-repositories" / "said.jsonl"
RUNS = [json.loads(line) for line in SAID.read_text(encoding="utf-8").splitlines()]
PARTS = {
    "config": DamagedPart.CONFIG,
    "keys": DamagedPart.KEY,
    "index": DamagedPart.INDEX,
    "snapshots": DamagedPart.SNAPSHOT,
    "data": DamagedPart.PACK,
}
WORDS = {
    "config": "the repository's config",
    "keys": "the repository's key file",
    "index": "the repository's index",
    "snapshots": "the repository's file of snapshot",
    "data": "the repository's pack",
}


def _named(run: dict[str, object]) -> str:
    return f"{run['object']} {run['way']}, {run['command']}"


SAYS_NOTHING = ("password", "repository")
BY_CODE_ALONE = [run for run in RUNS if (run["object"], run["way"]) in (("config", "gone"), ("keys", "gone"))]
# Snapshots that are gone are no damage to restic: they may have been forgotten. What was there, the records know.
DAMAGED = [
    run
    for run in RUNS
    if run["object"] not in SAYS_NOTHING
    and run not in BY_CODE_ALONE
    and run["command"] != "init"
    and (run["object"], run["way"]) != ("snapshots", "gone")
]


def test_the_table_has_every_way_of_every_part() -> None:
    assert len({(run["object"], run["way"]) for run in DAMAGED}) == 5 * 6 - 3


@pytest.mark.parametrize("run", DAMAGED, ids=_named)
def test_what_is_damaged_is_what_is_blamed(run) -> None:
    damage = find_damage(run["stderr"])
    assert damage is not None
    assert (damage.part, damage.is_gone) == (PARTS[run["object"]], run["way"] == "gone")
    message, hint = explain_exit(run["exit_code"], run["stderr"])
    assert message.startswith(WORDS[run["object"]])
    assert "password is wrong" not in message
    assert "coffre verify" in hint
    assert "coffre undelete" in hint


@pytest.mark.parametrize("run", RUNS, ids=_named)
def test_no_message_has_a_stack_or_runs_over_a_few_lines(run) -> None:
    message, hint = explain_exit(run["exit_code"], run["stderr"])
    assert "\n" not in message + hint
    assert not any(frame in message for frame in (".go:", ".s:", "goroutine", "github.com/", "runtime."))
    assert len(message) < 500


def test_only_a_wrong_password_is_called_one() -> None:
    wrong = next(run for run in RUNS if run["object"] == "password")
    assert explain_exit(wrong["exit_code"], wrong["stderr"])[0].startswith("the repository password is wrong")
    assert judge_remains(wrong["exit_code"], Remains(has_config=True, has_keys=True, has_backups=False)) is None
    never = next(run for run in RUNS if run["object"] == "repository")
    assert "there is no restic repository" in explain_exit(never["exit_code"], never["stderr"])[0]
    assert judge_remains(never["exit_code"], Remains(has_config=False, has_keys=False, has_backups=False)) is None


@pytest.mark.parametrize("run", [run for run in BY_CODE_ALONE if run["command"] != "init"], ids=_named)
def test_what_restic_does_not_tell_apart_the_bucket_does(run) -> None:
    assert find_damage(run["stderr"]) is None
    remains = Remains(has_config=run["object"] != "config", has_keys=run["object"] != "keys", has_backups=True)
    damage = judge_remains(run["exit_code"], remains)
    assert damage == Damage(PARTS[run["object"]], is_gone=True)
    message, hint = explain_damage(damage)
    assert message.startswith(f"the repository's {damage.part} is gone") or "no longer has a key file" in message
    assert "coffre undelete" in hint


def test_a_key_file_alone_is_an_initialisation_that_was_cut_off() -> None:
    assert judge_remains(NO_REPOSITORY, Remains(has_config=False, has_keys=True, has_backups=False)) is None
    assert judge_remains(NO_KEY_OPENS, Remains(has_config=True, has_keys=False, has_backups=False)) is not None
    assert judge_remains(1, Remains(has_config=False, has_keys=False, has_backups=True)) is None


@pytest.mark.parametrize(
    "line",
    [
        # A platform that is away or refuses, a full disk, and files whose names are restic's own words.
        'Load(<data/0564b5ba0a>, 250, 723) failed: Get "https://s3.example/b": dial tcp: connect: connection refused',
        '{"message_type":"exit_error","code":1,"message":"Fatal: unable to open config file: Stat: Access Denied."}',
        '{"message_type":"error","error":{"message":"open /t/pack 0564b5ba: does not exist: file name too long"},'
        '"during":"restore","item":"/pack 0564b5ba: does not exist"}',
        '{"message_type":"error","error":{"message":"write /t/LoadRaw(<index/0564b5ba0a>): no space left on device"},'
        '"during":"restore","item":"/LoadRaw(<index/0564b5ba0a>)"}',
    ],
)
def test_what_is_no_damage_is_not_called_so(line) -> None:
    assert find_damage([line]) is None


def test_a_stack_of_many_threads_whose_beginning_is_lost_is_one_sentence() -> None:
    lines = ["\tgithub.com/x/y.go:5 +0x1", "", "goroutine 9 [select]:", "main.f()", "\t/x/y.go:7 +0x1"] * 400
    message, hint = explain_exit(2, lines)
    assert message == "restic crashed on what it read in the repository: panic"
    assert "coffre verify" in hint
