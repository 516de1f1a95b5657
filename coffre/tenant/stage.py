"""The stages of a departure, as the journal has them; `offboarding.stages` says what leads from each to the next."""

from coffre.records.facts.departure import Stage as Stage

STILL_SERVED = frozenset({Stage.NOTIFIED, Stage.SERVING})
"""The contract remains applicable: machines back up as before."""

BEFORE_ERASURE = frozenset({*STILL_SERVED, Stage.FROZEN, Stage.RETURNED, Stage.ACKNOWLEDGED, Stage.DISMANTLED})
"""Nothing was erased yet, so that the departure can be renounced."""

AFTER_ERASURE = frozenset({Stage.ERASED, Stage.VERIFIED, Stage.CLOSED})
"""No backup is left, and no repository password."""

ERASURE_BEGAN = "erasure_began"
"""The step of a departure that the journal has of each bucket before anything in it is erased: there is no way back."""
