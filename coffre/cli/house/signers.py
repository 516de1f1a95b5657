"""signers: whose keys count here, and why a key does not."""

from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import get_globals

if TYPE_CHECKING:
    from coffre.signing.history import Trust


def register(app: typer.Typer) -> None:
    app.command("signers")(signers)


def signers(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="The keys, for programs.")] = False
) -> None:
    """Show whose keys count for what they sign: those of allowed_signers, as the branch brought them.

    A key counts once people whose keys count brought it: one signs the commit, another the merge. One that a person
    alone brought counts as that person's. The first file is where trust begins.
    """
    from coffre.signing.history import Trust, read_trust
    from coffre.signing.objects import find_place, open_objects
    from coffre.workspace.clock import utc_now

    root = get_globals(context).find_root()
    place = find_place(root)
    trust = Trust((), {}, (), ())
    if place is not None:
        with open_objects(root) as objects:
            trust = read_trust(objects, place, utc_now())
    rows = _rows(trust)
    if as_json:
        output.result_json([dict(zip(("address", "key", "counts"), row, strict=True)) for row in rows])
        return
    output.table(("address", "key", "counts"), rows)
    if trust.began_at is None:
        output.result("no key counts: there is no committed file allowed_signers with one")
    else:
        output.result(f"trust begins with commit {trust.began_at[:12]}; the keys are those of {_newest(trust)}")


def _newest(trust: "Trust") -> str:
    return f"commit {trust.changed_at[:12]}" if trust.changed_at is not None else "no commit"


def _rows(trust: "Trust") -> list[tuple[str, str, str]]:
    rows = []
    for signer, controller in trust.now.controllers.items():
        person = trust.now.find_person(signer.name)
        counts = "yes" if controller == person else f"as {controller}'s, who alone brought it"
        rows.append((signer.name, signer.fingerprint, counts))
    rows += [(each.name, each.fingerprint, "no: nobody whose key counts brought it") for each in trust.pending]
    return rows
