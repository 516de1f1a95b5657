"""Commands that only use the files of the repository."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import get_globals, open_checkout
from coffre.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coffre.spec.intake.new import Question, Sheet
    from coffre.spec.loader import Checkout

INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    app.command("new")(new)
    app.command("check")(check)
    app.command("schema")(schema)


def new(
    context: typer.Context,
    tenant: Annotated[
        str | None, typer.Argument(metavar="TENANT", help="The name of the new file: a-z, 0-9 and -.")
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Ask no question; read a tenant file's keys (without id) from YAML or JSON."),
    ] = None,
    print_sheet: Annotated[
        bool, typer.Option("--print-sheet", help="Print the questions for the customer, in French, and exit.")
    ] = False,
) -> None:
    """Ask the questions of the collection sheet (article 6) and write the tenant file, with comments."""
    from coffre.agents.kinds import STATEMENTS
    from coffre.spec.intake.collection_sheet import render_collection_sheet
    from coffre.spec.intake.placing import place_tenant, tenant_path
    from coffre.spec.parts import agents_of_vendors

    checkout = open_checkout(context)
    if print_sheet:
        products = [STATEMENTS[agent].product for agent in agents_of_vendors(checkout.settings.platforms).values()]
        sheet = render_collection_sheet(checkout.settings.provider, list(dict.fromkeys(products)))
        output.result(sheet.rstrip())
        return
    if tenant is None:
        raise UsageError("the new tenant has no name", "Name it: coffre new boulangerie-martin.")
    tenant_path(checkout.root, tenant)
    path = place_tenant(checkout.root, tenant, _fill_in(checkout, tenant, answers))
    shown = path.relative_to(checkout.root)
    output.result(f"wrote {shown}: read it, have it reviewed, then run coffre plan {tenant}")
    _tell_first_backups(context, tenant)


def _tell_first_backups(context: typer.Context, slug: str) -> None:
    """Say how long the first backups take over the line, which the customer is told in writing (article 6)."""
    from coffre.cli.words.lines import describe_uploads
    from coffre.supervision.lines import read_uploads

    for line in describe_uploads(read_uploads(None, open_checkout(context).tenants[slug])):
        output.progress(line)


def _fill_in(checkout: "Checkout", slug: str, answers: Path | None) -> str:
    """Return the text of the file, from a file of answers or from the person at the terminal."""
    from coffre.provisioning.known_ids import open_known_ids
    from coffre.spec.files import display_name, read_bytes
    from coffre.spec.intake.new import Sheet, mint_id, read_answers
    from coffre.spec.intake.questions import interview
    from coffre.spec.parts import agents_of_vendors
    from coffre.spec.problems.problems import InvalidRepositoryError, Problem

    if answers is None and not sys.stdin.isatty():
        raise UsageError(
            "the questions need a terminal, and standard input is not one",
            "Give the answers in a file: coffre new TENANT --answers FILE (a tenant file's keys, without id).",
        )
    with open_known_ids(checkout, output.warning) as is_known:
        tenant_id = mint_id(is_known)
    platforms = list(checkout.settings.platforms)
    if answers is not None:
        name = display_name(answers, checkout.root)
        content = read_bytes(answers, name)
        if isinstance(content, Problem):
            raise InvalidRepositoryError([content])
        return read_answers(content, name, slug, tenant_id, platforms)
    sheet = Sheet(slug, tenant_id, platforms, agents_of_vendors(checkout.settings.platforms))
    answer_questions(sheet, interview(sheet))
    return sheet.text()


def answer_questions(sheet: "Sheet", questions: "Iterable[Question]") -> None:
    """Ask until each answer is accepted; Ctrl-C ends the command, and nothing is written."""
    for question in questions:
        while refusal := sheet.answer(question, _prompt(question)):
            message, hint = refusal
            output.error(f"  {message}" + (f"; {hint}" if hint else ""))


def _prompt(question: "Question") -> str:
    hint = f" ({question.hint})" if question.hint else ""
    default = f" [{question.default}]" if question.default else ""
    try:
        return str(typer.prompt(f"{question.text}{hint}{default}", default="", show_default=False, err=True))
    except typer.Abort:
        output.error("\nnothing was written")
        raise typer.Exit(INTERRUPTED) from None


def check(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Files whose problems are shown (default: all).", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of {file,line,column,path,message,hint}.")] = False,
) -> None:
    """List every problem of platform.yaml and the tenant files. Works offline."""
    from coffre.spec.loader import InvalidRepositoryError, load_checkout

    try:
        checkout = load_checkout(get_globals(context).find_root(), files or None)
    except InvalidRepositoryError as invalid:
        if as_json:
            output.result_json(invalid.problems)
        else:
            for problem in invalid.problems:
                output.result(str(problem))
        raise typer.Exit(invalid.exit_code) from None
    if as_json:
        output.result_json([])
    else:
        machines = sum(len(tenant.machines) for tenant in checkout.tenants.values())
        output.result(f"{len(checkout.tenants)} tenants with {machines} machines: no problem found")


def schema(
    context: typer.Context,
    about: Annotated[str, typer.Argument(metavar="tenant|platform", help="The kind of file.")] = "tenant",
    write: Annotated[
        bool, typer.Option("--write", help="Write both to schema/ of the root, where editors find them.")
    ] = False,
) -> None:
    """Print the JSON Schema of a tenant file or of platform.yaml, for editors."""
    from coffre.spec.schema import SCHEMA_FILES, render_schema, schema_of
    from coffre.workspace.files import PUBLIC_FILE, write_atomically

    if about not in SCHEMA_FILES:
        raise UsageError(f"there is no schema of {about!r}", "Ask for tenant or platform.")
    if not write:
        output.result_json(schema_of(about))
        return
    root = get_globals(context).find_root()
    for each, path in SCHEMA_FILES.items():
        (root / path).parent.mkdir(exist_ok=True)
        write_atomically(root / path, render_schema(each).encode(), mode=PUBLIC_FILE)
        output.result(f"wrote {path}")
