"""review: say what a range of commits would change, before anybody merges it."""

from functools import partial
from typing import Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout
from coffre.errors import UsageError

FAILED, INVALID, REFUSED = 1, 3, 4


def register(app: typer.Typer) -> None:
    app.command("review")(review)


def review(
    context: typer.Context,
    commits: Annotated[
        str, typer.Argument(metavar="BASE..HEAD", help="Two commits; BASE...HEAD from their merge base.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="The review as values.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="A comment for a pull request.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no platform for the current use.")] = False,
    comment: Annotated[
        int | None,
        typer.Option("--comment", metavar="NUMBER", min=1, help="Also write it into this pull request of HEAD."),
    ] = None,
    save_plans: Annotated[
        bool, typer.Option("--save-plans", help="Plan each changed tenant, and save it for `apply --reviewed`.")
    ] = False,
) -> None:
    """Show what a change of tenants/ means: differences, price, use, consequences, and what forbids it.

    The files of both commits are read as data; nothing of them is run. The rules are those of the checkout in which the
    command runs. It ends with 3 when a file of HEAD is invalid, and with 4 when something forbids the change.

    With --save-plans it ends with 1 when a plan cannot be made.

    With --comment it writes the Markdown into the pull request on `git_host` of platform.yaml, over its earlier
    comment, and sets the status coffre/review of HEAD; an offline review sets none.
    """
    from coffre.cli.words.review import describe_verdict, to_markdown, to_text
    from coffre.githost.kinds import open_git_host
    from coffre.review.authorship import find_authorship
    from coffre.review.live import find_use
    from coffre.review.planning import save_plans as save
    from coffre.review.publishing import Publication, judge
    from coffre.review.review import Terms
    from coffre.review.review import review as run
    from coffre.review.revision import read_range
    from coffre.workspace.clock import utc_now

    if save_plans and offline:
        raise UsageError("--save-plans and --offline are given", "Leave out one: a plan is made with the platform.")
    checkout = open_checkout(context)
    found = read_range(checkout.root, commits)
    publication = None
    if comment is not None:
        publication = Publication(open_git_host(checkout.settings, checkout.root), comment, offline)
        publication.refuse_other(found.head.commit)
    authorship = partial(find_authorship, checkout.root, found)
    done = run(
        found,
        Terms(
            checkout.settings, utc_now(), authorship, None if offline else partial(find_use, checkout, output.warning)
        ),
    )
    if save_plans:
        done = save(checkout, found, done, output.warning, utc_now)
    if as_json:
        output.result_json({**vars(done), "is_refused": done.is_refused, "is_invalid": done.is_invalid})
    elif markdown:
        output.result(to_markdown(done).rstrip("\n"))
    else:
        for line in to_text(done):
            output.result(line)
    if publication is not None:
        publication.publish(done, to_markdown(done), describe_verdict(judge(done)))
    code = INVALID if done.is_invalid else REFUSED if done.is_refused else FAILED if done.unplanned else 0
    if code:
        raise typer.Exit(code)
