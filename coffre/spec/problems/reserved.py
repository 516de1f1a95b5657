"""What the format keeps for later: refused by its name today, so that nobody takes it for a typing error."""

from coffre.spec.problems.problems import Finding, Loc

_TOP_LEVEL = {"site", "notify", "hooks", "price_list", "reseller"}
_OF_A_PLAN = {"databases", "hooks"}
_LATER = "is not supported yet"
_REMOVE = "remove it"


def find_reserved(loc: Loc) -> Finding | None:
    """Return the finding for an unknown key at ``loc`` when it is one kept for later."""
    key = loc[-1] if loc else None
    if (len(loc) == 1 and key in _TOP_LEVEL) or (len(loc) == 3 and loc[0] == "plans" and key in _OF_A_PLAN):
        return Finding(loc, _LATER, _REMOVE, at_key=True)
    return None
