"""The contract's options: Coffre carries some out; SMILÉO carries the others out by hand, and they are shown so."""

from collections.abc import Iterable

from coffre.spec.tenant import Option

CARRIED_OUT = frozenset({Option.FILE_BACKUP, Option.RESTORE, Option.RESTORE_TESTS})


def option_status(options: Iterable[Option]) -> dict[str, str]:
    """Return each option of a contract with `coffre` or `manual`, so that every sold option is shown. Pure."""
    return {option.value: "coffre" if option in CARRIED_OUT else "manual" for option in options}
