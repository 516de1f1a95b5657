"""The example programs of the providers, run without Pulumi: what each declares, by name."""

import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

EXAMPLES = Path(__file__).resolve().parents[4] / "examples"


class Secret(str):
    """What the program asked for as a secret."""


class Declared(pulumi.Resource):
    """A resource as the program declares it, and told to nobody."""

    def __init__(self, token: str, name: str, inputs: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        self.token, self.name, self.inputs, self.opts = token, name, inputs, opts


def run_example(name: str, config: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Declared]:
    """Run an example with the settings of its stack; whatever a resource depends on is declared before it."""
    found: dict[str, Declared] = {}

    class Settings:
        def require(self, name: str) -> str:
            return config[name]

        def require_secret(self, name: str) -> Secret:
            return Secret(config[name])

        def get_int(self, name: str) -> int | None:
            return None

    def declare(token: str, name: str, inputs: dict[str, Any], opts: pulumi.ResourceOptions) -> Declared:
        assert all(after in found.values() for after in opts.depends_on)
        return found.setdefault(name, Declared(token, name, inputs, opts))

    monkeypatch.setattr(pulumi, "Config", Settings)
    monkeypatch.setattr(pulumi, "CustomResource", declare)
    monkeypatch.setattr(pulumi, "export", lambda name, value: None)
    runpy.run_path(str(EXAMPLES / name / "__main__.py"))
    return found
