"""What the stages of a departure mean to every command; `offboarding.lifecycle.stages` says what leads where."""

from coffre.records.facts.departure import Stage

STILL_SERVED = frozenset({Stage.NOTIFIED, Stage.SERVING})
"""The contract remains applicable: machines back up as before."""

BEFORE_ERASURE = frozenset({*STILL_SERVED, Stage.FROZEN, Stage.RETURNED, Stage.ACKNOWLEDGED, Stage.DISMANTLED})
"""Nothing was erased yet, so that the departure can be renounced."""

AFTER_ERASURE = frozenset({Stage.ERASED, Stage.VERIFIED, Stage.CLOSED})
"""No backup is left, and no repository password."""

ERASURE_BEGAN = "erasure_began"
"""The step of a departure that the journal has of each bucket before anything in it is erased: there is no way back."""
