"""Rules on a machine that moves between an agent of SMILÉO's own and that of a vendor. Pure."""

from collections.abc import Iterator

from coffre.spec.parsing.lookup import Data, block, blocks
from coffre.spec.problems.problems import FileProblem, Loc


def check_moves(data: Data) -> Iterator[FileProblem]:
    """Yield the findings on `moved_from` of the machines of one tenant file."""
    for name, machine in blocks(data, "machines").items():
        old = block(machine, "moved_from").get("agent")
        loc: Loc = ("machines", name, "moved_from", "agent")
        if old == machine.get("agent") and old is not None:
            yield FileProblem(loc, "{value} is the agent that the machine has", "write the one that it had before")
