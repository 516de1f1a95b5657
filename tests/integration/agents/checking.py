"""Ansible's own --check, which the roles obey: it tells what a deployment would change, and changes nothing."""

from contextlib import contextmanager

import pytest

from coffre import toolchain


@contextmanager
def check_mode(folder):
    """Have every playbook run with --check meanwhile; ``folder`` takes the program that adds it."""
    find, program = toolchain.find_tool, folder / "ansible-playbook"
    program.write_text(f'#!/bin/sh\nexec "{find("ansible-playbook")}" --check "$@"\n', encoding="utf-8")
    program.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toolchain, "find_tool", lambda name: program if name == "ansible-playbook" else find(name))
        yield
