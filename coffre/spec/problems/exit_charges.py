"""Keys that would charge a customer for leaving: refused by name and with the reason, wherever they are written.

From 12 January 2027 no charge on switching is allowed (Data Act, Regulation (EU) 2023/2854, article 29).
"""

import re
import unicodedata

from coffre.spec.problems.problems import FileProblem, Loc

_LEAVING = re.compile(
    r"exit|quit|leav|departure|offboard|terminat|cancel|switch|egress|outbound|transfer|migrat|portab|reversib"
    r"|return|retriev|export|eras|resili|sortie|restitut|(depart|closing|closure)$"
)
_MONEY = re.compile(r"fee|charge|price|cost|penalt|indemnit|frais|prix|tarif|cout")
_MESSAGE = "would be a charge on leaving, which no price can express"
_HINT = (
    "remove it: from 12 January 2027 a customer that leaves pays nothing for it"
    " (Data Act, Regulation (EU) 2023/2854, article 29)"
)


def find_exit_charge(loc: Loc) -> FileProblem | None:
    """Return the finding for an unknown key at ``loc`` that looks like a charge on leaving.

    Among the prices, a word for leaving is enough; in the blocks about leaving, a word for money; elsewhere both count.
    """
    words = _words(loc[-1]) if loc else []
    is_leaving = any(map(_LEAVING.match, words)) or loc[0:1] in (("offboarding",), ("leaving",))
    is_money = any(map(_MONEY.search, words)) or loc[0:1] == ("prices",)
    return FileProblem(loc, _MESSAGE, _HINT, at_key=True) if words and is_leaving and is_money else None


def _words(key: str | int) -> list[str]:
    """Return the words of a key in lower case without accents; `exitFee`, `exit-fee` and `EXIT_FEE` have the same."""
    plain = unicodedata.normalize("NFKD", str(key)[:100])
    letters = "".join(character for character in plain if not unicodedata.combining(character))
    return [word.casefold() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", letters)]
