"""What is said of the programs that machines fetch from a platform."""

import pytest

from coffre.provisioning.platforms import judge_program, judge_programs
from coffre.storage.checking import Verdict


def test_a_program_is_judged_by_the_hash_of_what_was_read() -> None:
    assert judge_program("aa", None) is None
    assert judge_program("aa", "aa") is True
    assert judge_program("aa", "bb") is False


@pytest.mark.parametrize(
    ("by_build", "verdict", "named"),
    [
        ({}, Verdict.OK, "no program"),
        ({"linux-amd64": True, "windows-amd64": None}, Verdict.OK, "linux-amd64"),
        (
            {"linux-amd64": True, "windows-amd64": False},
            Verdict.PROBLEM,
            "programs for windows-amd64 in bucket programs-of-paris are not those",
        ),
    ],
)
def test_one_swapped_program_is_a_problem(by_build: dict[str, bool | None], verdict: Verdict, named: str) -> None:
    finding = judge_programs(by_build, "programs-of-paris")
    assert finding.verdict is verdict
    assert named in finding.sentence
