"""Which of the contract's options Coffre carries out; the others are SMILÉO's to do by hand, and are shown so."""

from collections.abc import Iterable

from coffre.spec.tenant import Option

CARRIED_OUT = frozenset({Option.FILE_BACKUP, Option.RESTORE})


def option_status(options: Iterable[Option]) -> dict[str, str]:
    """Return each option of a contract with `coffre` or `manual`: none that is sold goes unseen. Pure."""
    return {option.value: "coffre" if option in CARRIED_OUT else "manual" for option in options}
