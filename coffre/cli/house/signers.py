"""signers: show which signing keys are trusted, and why a key is not."""

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
    """Show which signing keys are trusted: those that the branch added to allowed_signers.

    A key is trusted once two trusted people have added it: one signs the commit, another one the merge. A key that one
    person added alone counts as a key of that person. Trust begins with the first version of the file.
    """
    from coffre.signing.history import Trust, read_trust
    from coffre.signing.objects import find_git_location, open_objects
    from coffre.workspace.clock import utc_now

    root = get_globals(context).find_root()
    place = find_git_location(root)
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
        output.result("no key is trusted: there is no committed file allowed_signers with a key")
    else:
        output.result(f"trust begins with commit {trust.began_at[:12]}; the keys are those of {_newest(trust)}")


def _newest(trust: "Trust") -> str:
    return f"commit {trust.changed_at[:12]}" if trust.changed_at is not None else "no commit"


def _rows(trust: "Trust") -> list[tuple[str, str, str]]:
    rows = []
    for signer, controller in trust.now.controllers.items():
        person = trust.now.find_person(signer.name)
        counts = "yes" if controller == person else f"as a key of {controller}, who added it alone"
        rows.append((signer.name, signer.fingerprint, counts))
    rows += [(each.name, each.fingerprint, "no: not added by a trusted person") for each in trust.pending]
    return rows
