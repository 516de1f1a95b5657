"""The return of a tenant's data at the end of its contract: as plain files or as a repository, in BagIt bags."""

from coffre.offboarding.handover.disclosing import Disclosure, Seal, disclose
from coffre.offboarding.handover.machine import PlannedReturn, plan_return, return_machine

__all__ = ["Disclosure", "PlannedReturn", "Seal", "disclose", "plan_return", "return_machine"]
