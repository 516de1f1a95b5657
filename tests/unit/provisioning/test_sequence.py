"""The list of an apply's steps is what apply does, in that order; no step comes before what it takes."""

import ast
import inspect
import typing

from coffre.provisioning import apply, sequence
from coffre.provisioning.terms.context import Context


def called_by_apply() -> list[str]:
    """Return the functions of step modules that `carry_out` calls, in the order of its text."""
    tree = ast.parse(inspect.getsource(apply.carry_out))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    modules = {name for name, value in vars(apply).items() if getattr(value, "__name__", "").startswith(STEPS)}
    named = (ast.unparse(call.func) for call in calls)
    return [name for name in named if name.split(".")[0] in modules]


STEPS = "coffre.provisioning.steps."


def test_apply_does_every_step_of_the_list_and_no_other_in_its_order() -> None:
    listed = [f"{step.do.__module__.removeprefix(STEPS)}.{step.do.__name__}" for step in sequence.STEPS]
    assert called_by_apply() == listed


def test_each_step_takes_only_what_steps_before_it_gave() -> None:
    given: set[object] = {Context}
    for step in sequence.STEPS:
        hints = typing.get_type_hints(step.do)
        result = hints.pop("return")
        own = {hint for hint in hints.values() if getattr(hint, "__module__", "").startswith("coffre.")}
        assert own <= given, f"{step.do.__module__}.{step.do.__name__}"
        given.add(result)


def test_a_plan_is_made_of_the_looks_of_that_list() -> None:
    looks = [step.look for step in sequence.STEPS if step.look.__module__.startswith(STEPS)]
    assert len(looks) == len(set(looks)) == 13
