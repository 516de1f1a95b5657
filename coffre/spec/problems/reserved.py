"""Keys reserved for later: refused by name, so that the message does not report a typing error."""

from collections.abc import Sequence

from coffre.spec.problems.problems import FileProblem, Loc

_TOP_LEVEL = {"site", "notify", "hooks", "price_list", "reseller"}
_OF_A_PLAN = {"databases", "hooks"}
_LATER = "is not supported yet"
_REMOVE = "remove it"


def find_reserved(loc: Loc, known: Sequence[str] = ()) -> FileProblem | None:
    """Return the finding for an unknown key at ``loc`` when it is a reserved one, and its block does not have it.

    platform.yaml has prices of its own, so that `price_list` is a typing error there.
    """
    key = loc[-1] if loc else None
    if key == "price_list" and "prices" in known:
        return None
    if (len(loc) == 1 and key in _TOP_LEVEL) or (len(loc) == 3 and loc[0] == "plans" and key in _OF_A_PLAN):
        return FileProblem(loc, _LATER, _REMOVE, at_key=True)
    return None
