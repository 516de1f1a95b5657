"""What Ansible tells Coffre of a task: little of a machine's words, nothing secret, and always a line that is read."""

import importlib.util
import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from coffre.agents.ansible.events import EventLog, find_reason
from coffre.outside.processes import LINE_BYTES
from coffre.outside.structured import read_json_object
from tests.unit.agents.test_properties import ANYTHING, RESULT, changed

FILE = Path(__file__).resolve().parents[4] / "playbooks" / "callback_plugins" / "coffre_events.py"


def load():
    spec = importlib.util.spec_from_file_location("coffre_events", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PLUGIN = load()


def line_of(result):
    return json.dumps({"event": "runner_on_failed", "event_data": {"host": "h", "res": PLUGIN.keep(result)}}).encode()


def test_the_longest_words_fit_a_line():
    worst = "\U0001f4a5" * 1_000_000
    line = line_of(dict.fromkeys(PLUGIN.TEXTS, worst) | {"results": [{"failed": True, "msg": "x"}]})
    assert len(line) < LINE_BYTES


def test_of_a_long_text_beginning_and_end_are_kept():
    text = "first" + "x" * 1_000_000 + "last"
    kept = PLUGIN.cut(text)
    assert (kept[:5], kept[-4:], len(kept)) == ("first", "last", PLUGIN.SAID_LENGTH)


def test_nothing_of_a_censored_result_is_told():
    kept = PLUGIN.keep(
        {"censored": "hidden", "msg": "secret", "results": [{"failed": True, "censored": "h", "msg": "s"}]}
    )
    assert kept == {"censored": True, "results": [{"failed": True, "censored": True}]}


def test_of_a_loop_the_first_item_that_failed_is_told():
    items = [{"msg": "well"}, {"failed": True, "msg": "no room"}, {"failed": True, "msg": "later"}]
    kept = PLUGIN.keep({"msg": "One or more items failed", "results": items})
    assert find_reason(kept) == "no room"


@settings(max_examples=80, deadline=None)
@given(changed({**RESULT, "results": [{"failed": True, "msg": "\ud800"}]}) | st.fixed_dictionaries({"msg": ANYTHING}))
def test_whatever_a_module_says_the_line_is_read(result):
    event = read_json_object(line_of(result), LINE_BYTES)
    log = EventLog(lambda host, task: None)
    log.add(event)
    assert not log.outcome("h").ok


def test_an_error_without_words_is_told_by_its_name():
    result = {
        "msg": "Task failed.",
        "exception": "Traceback (most recent call last):\n  line\nMemoryError\n\nThe above exception was the cause.\n",
    }
    assert find_reason(PLUGIN.keep(result)) == "Task failed. MemoryError"
