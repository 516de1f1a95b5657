"""Completes tenants and machines on the command line from the files of the root: quickly, and without any check.

Only names that a tenant file may have are offered, so that no name of a file or of a key means anything to a shell.
"""

import inspect
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import typer
from typer.models import ArgumentInfo, OptionInfo

from coffre.cli.root import find_root
from coffre.errors import UsageError
from coffre.spec.naming import NAME_PATTERN

REQUEST = "_COFFRE_COMPLETE"
"""The variable by which a shell asks for completions instead of running the command."""

Complete = Callable[[typer.Context, str], list[str]]


def attach_completions(app: typer.Typer) -> None:
    """Have every parameter called tenant or machine completed; done only when a shell asks, since it takes time."""
    if REQUEST not in os.environ:
        return
    for callback in _list_callbacks(app):
        for name, parameter in inspect.signature(callback).parameters.items():
            complete = _COMPLETED.get(name)
            for info in get_args(parameter.annotation) if complete is not None else ():
                if isinstance(info, ArgumentInfo | OptionInfo):
                    info.autocompletion = complete


def _list_callbacks(app: typer.Typer) -> Iterator[Callable[..., Any]]:
    for command in app.registered_commands:
        if command.callback is not None:
            yield command.callback
    for group in app.registered_groups:
        if group.typer_instance is not None:
            yield from _list_callbacks(group.typer_instance)


def complete_tenants(context: typer.Context, incomplete: str) -> list[str]:
    """Return the tenants whose names begin so, by the names of their files."""
    root = _root_of(context)
    try:
        names = [] if root is None else os.listdir(root / "tenants")  # noqa: PTH208 - only the names are wanted
    except OSError:
        return []
    return _only_names((name.removesuffix(".yaml") for name in names if name.endswith(".yaml")), incomplete)


def complete_machines(context: typer.Context, incomplete: str) -> list[str]:
    """Return the machines of the tenant on this command line whose names begin so, as its file lists them."""
    from coffre.spec.files import read_bytes
    from coffre.spec.parsing.documents import Document, read_document

    # An option that still lacks its value, as here, leaves the arguments before it unread.
    root, tenant = _root_of(context), context.params.get("tenant") or next(iter(context.args), "")
    if root is None or not re.fullmatch(NAME_PATTERN, tenant):
        return []
    name = f"tenants/{tenant}.yaml"
    content = read_bytes(root / name, name, root)
    document = read_document(content, name) if isinstance(content, bytes) else None
    machines = document.data.get("machines") if isinstance(document, Document) else None
    return _only_names(map(str, machines), incomplete) if isinstance(machines, dict) else []


_COMPLETED: dict[str, Complete] = {
    "tenant": complete_tenants,
    "tenants": complete_tenants,
    "machine": complete_machines,
}


def _root_of(context: typer.Context) -> Path | None:
    try:
        return find_root(context.find_root().params.get("root"))
    except UsageError:
        return None


def _only_names(found: Iterator[str], incomplete: str) -> list[str]:
    return sorted(name for name in found if name.startswith(incomplete) and re.fullmatch(NAME_PATTERN, name))
