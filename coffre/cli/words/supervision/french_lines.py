"""The French words of how long restores take, for customers and for operators on the phone."""

from coffre.correspondence.french import format_duration, format_rounded_size
from coffre.supervision.lines import MachineRestore


def say_restore(restore: MachineRestore) -> str:
    """Say how long the full restore of a machine takes: the time that nine of ten do not exceed is what counts."""
    time = restore.time
    way = "" if restore.line.onto is None else ", sur la machine elle-même"
    if time.p90_seconds is None or time.size_bytes is None:
        return f"{restore.machine}{way} : durée inconnue, faute d’assez de mesures"
    size, most = format_rounded_size(time.size_bytes), format_duration(time.p90_seconds)
    return f"{restore.machine}{way} : {size}, au plus {most} neuf fois sur dix"
